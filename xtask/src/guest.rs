//! Makes a toolchain for WebAssembly from Debian's packages: Debian's rustc, and the standard library, which is
//! built once from its sources. The toolchain is registered with rustup.

mod stubs;

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressDrawTarget};

use crate::{
    packages,
    process::{command, is_there, output},
    workspace,
};

/// The toolchain's name in rustup.
const NAME: &str = "easysight-guest";
/// The version of the directory layout. Increase it if this file changes the layout.
const LAYOUT: u32 = 1;
const HOST: &str = "x86_64-unknown-linux-gnu";
const PACKAGES: &[&str] = &["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm", "lld-22", "wasi-libc"];
const LLVM: &str = "/usr/lib/llvm-22/bin";
const RUSTLIB: &str = "/usr/lib/rustlib";
const WASI_LIBC: &str = "/usr/lib/wasm32-wasi";

/// Makes the toolchain if it does not exist. Returns its name.
pub(crate) fn prepare(targets: &[&str]) -> anyhow::Result<&'static str> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        bail!("Debian's WebAssembly toolchain can be set up on x86_64 only; use rustup's targets instead");
    }
    packages::install(PACKAGES)?;
    let dir = workspace::user_data_dir()?.join(NAME);
    let parent = dir.parent().context("the data directory has no parent")?;
    fs::create_dir_all(parent)?;
    // The lock prevents two processes from building the same toolchain. The second one waits, and finds it
    // complete.
    let lock = fs::File::create(parent.join(format!("{NAME}.lock")))?;
    lock.lock()?;
    let stamp = stamp(targets)?;
    if fs::read_to_string(dir.join("stamp")).is_ok_and(|held| held == stamp) {
        return link(&dir);
    }
    build(targets, parent, &dir, &stamp)?;
    link(&dir)
}

/// Returns a description of the toolchain's components, by which an outdated toolchain is detected.
fn stamp(targets: &[&str]) -> anyhow::Result<String> {
    let rustc = output(command("/usr/bin/rustc", Path::new("/")).arg("-V"))?;
    let mut libc = command("dpkg-query", Path::new("/"));
    let libc = output(libc.args(["--show", "--showformat=${Version}", "wasi-libc"]))?;
    Ok(format!("{} | wasi-libc {libc} | {} | layout {LAYOUT}", rustc.trim(), targets.join(" ")))
}

/// Registers the toolchain with rustup, if rustup exists.
fn link(dir: &Path) -> anyhow::Result<&'static str> {
    if !is_there("rustup", "--version") {
        bail!(
            "the toolchain is in {}, but without rustup, cargo cannot choose it by name;\n\
             build plugins with RUSTC={}/bin/rustc cargo build --release",
            dir.display(),
            dir.display()
        );
    }
    let known = output(command("rustup", Path::new("/")).args(["which", "--toolchain", NAME, "rustc"]));
    if !known.is_ok_and(|path| Path::new(path.trim()) == dir.join("bin/rustc")) {
        output(command("rustup", Path::new("/")).args(["toolchain", "link", NAME]).arg(dir))?;
    }
    Ok(NAME)
}

/// Builds the toolchain in a temporary directory, and moves it to its place when it is complete.
fn build(targets: &[&str], parent: &Path, dir: &Path, stamp: &str) -> anyhow::Result<()> {
    eprintln!("building Rust's standard library for {} (once, takes some minutes)", targets.join(", "));
    let started = Instant::now();
    let work = tempfile::Builder::new().prefix(".easysight-guest-").tempdir_in(parent)?;
    let sysroot = work.path().join("sysroot");
    lay_out(&sysroot, dir)?;
    let source = std_crate(work.path())?;
    for (at, target) in targets.iter().enumerate() {
        let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        spinner.set_message(format!("{target} ({} of {})", at + 1, targets.len()));
        spinner.enable_steady_tick(Duration::from_millis(200));
        build_std(target, &source, &sysroot).with_context(|| format!("the standard library for {target}"))?;
        if target.contains("wasi") {
            add_libc(target, work.path(), &sysroot).with_context(|| format!("the C library for {target}"))?;
        }
        spinner.finish_and_clear();
        eprintln!("  {target}: done after {} s", started.elapsed().as_secs());
    }
    // Wrapper scripts contain the final path. The stamp is written last, so that an incomplete toolchain has none.
    fs::write(sysroot.join("stamp"), stamp)?;
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    fs::rename(&sysroot, dir).with_context(|| format!("{}", dir.display()))
}

/// Makes the programs and links of a sysroot in the layout that rustc expects. The sysroot will be moved to
/// `place`.
fn lay_out(sysroot: &Path, place: &Path) -> anyhow::Result<()> {
    let host_bin = sysroot.join("lib/rustlib").join(HOST).join("bin");
    fs::create_dir_all(&host_bin)?;
    fs::create_dir_all(sysroot.join("bin"))?;
    let tools = Path::new(RUSTLIB).join(HOST);
    symlink(tools.join("lib"), sysroot.join("lib/rustlib").join(HOST).join("lib"))?;
    symlink(Path::new(RUSTLIB).join("src"), sysroot.join("lib/rustlib/src"))?;
    for tool in
        [tools.join("bin/wasm-component-ld"), "/usr/bin/rust-lld".into(), Path::new(LLVM).join("wasm-ld")]
    {
        if !tool.exists() {
            bail!("{} is missing; Debian's packages should contain it", tool.display());
        }
        symlink(&tool, host_bin.join(tool.file_name().unwrap_or_default()))?;
    }
    symlink("/usr/bin/cargo", sysroot.join("bin/cargo"))?;
    for program in ["rustc", "rustdoc"] {
        let script = format!("#!/bin/sh\nexec /usr/bin/{program} --sysroot '{}' \"$@\"\n", place.display());
        let path = sysroot.join("bin").join(program);
        fs::write(&path, script)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Makes an empty crate, for which cargo builds the standard library.
fn std_crate(work: &Path) -> anyhow::Result<PathBuf> {
    let dir = work.join("std");
    fs::create_dir_all(dir.join("src"))?;
    fs::write(dir.join("src/lib.rs"), "")?;
    let manifest = "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\
                    [profile.release]\ncodegen-units = 1\n[workspace]\n";
    fs::write(dir.join("Cargo.toml"), manifest)?;
    Ok(dir)
}

fn build_std(target: &str, source: &Path, sysroot: &Path) -> anyhow::Result<()> {
    let mut cargo = command("nice", source);
    cargo.args(["-n", "10", "/usr/bin/cargo", "build", "--quiet", "--release", "--target", target]);
    cargo.args(["--target-dir", "target", "-Zbuild-std=std,panic_abort"]);
    cargo.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO_TARGET_DIR").env_remove("CARGO");
    // Bitcode is needed, because guests with link-time optimisation use the bitcode of the standard library too.
    cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", "/usr/bin/rustc").env("RUSTFLAGS", "-Cembed-bitcode=yes");
    output(&mut cargo)?;
    let place = sysroot.join("lib/rustlib").join(target).join("lib");
    fs::create_dir_all(place.join("self-contained"))?;
    for entry in fs::read_dir(source.join("target").join(target).join("release/deps"))? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.ends_with(".rlib") && !name.starts_with("libempty-") {
            fs::copy(&path, place.join(name))?;
        }
    }
    Ok(())
}

/// Adds Debian's C library for WASI, with stubs for missing functions.
fn add_libc(target: &str, work: &Path, sysroot: &Path) -> anyhow::Result<()> {
    let place = sysroot.join("lib/rustlib").join(target).join("lib/self-contained");
    for file in ["crt1-command.o", "crt1-reactor.o", "libc.a"] {
        fs::copy(Path::new(WASI_LIBC).join(file), place.join(file))?;
    }
    let source = work.join("stubs.rs");
    fs::write(&source, stubs::source())?;
    let object = work.join(format!("stubs-{target}.o"));
    let mut rustc = command("/usr/bin/rustc", work);
    rustc.env("RUSTC_BOOTSTRAP", "1").env_remove("RUSTUP_TOOLCHAIN").arg("--sysroot").arg(sysroot);
    rustc.args(["--edition", "2021", "--crate-type", "lib", "--emit", "obj", "-O", "-Cpanic=abort"]);
    rustc.args(["-Ccodegen-units=1", "--target", target, "-o"]).arg(&object).arg(&source);
    output(&mut rustc)?;
    let symbols = |file: &Path| -> anyhow::Result<Vec<String>> {
        let mut nm = command(Path::new(LLVM).join("llvm-nm"), work);
        let listed = output(nm.args(["-g", "--defined-only"]).arg(file))?;
        let name = |line: &str| line.split_whitespace().nth(2).map(str::to_owned);
        Ok(listed.lines().filter_map(name).collect())
    };
    let libc = place.join("libc.a");
    let known = symbols(&libc)?;
    if let Some(twice) = symbols(&object)?.iter().find(|symbol| known.contains(symbol)) {
        bail!("wasi-libc now has `{twice}`; remove its stub");
    }
    output(command(Path::new(LLVM).join("llvm-ar"), work).arg("r").arg(&libc).arg(&object))?;
    Ok(())
}
