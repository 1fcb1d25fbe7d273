//! `cargo xtask setup`: makes sure that this machine can build plugins. With rustup, the command adds targets. If
//! rustup cannot add the targets, the command sets up a compiler for WebAssembly from Debian's packages.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, bail};

use crate::{
    guest, packages,
    process::{command, output},
    workspace,
};

/// Targets of guests. The standard plugins use the first target. Other toolchains need the other targets.
pub(crate) const TARGETS: &[&str] = &["wasm32-unknown-unknown", "wasm32-wasip1", "wasm32-wasip2"];

/// Prepares this machine. Does nothing if it is already prepared.
pub(crate) fn run() -> anyhow::Result<()> {
    let choice = workspace::root().join("plugins").join("rust-toolchain.toml");
    if missing_targets().is_empty() {
        return choose(&choice, None);
    }
    if !workspace::without_rustup_downloads() {
        match add_targets() {
            Ok(()) => return choose(&choice, None),
            Err(error) => eprintln!("rustup cannot add the WebAssembly targets: {error:#}"),
        }
    }
    if !packages::is_debian() {
        bail!(
            "plugins cannot be built here: rustup has no WebAssembly targets, and this system is not Debian.\n\
             Install rustup (https://rustup.rs) and run: rustup target add {}",
            TARGETS.join(" ")
        );
    }
    let name = guest::prepare(TARGETS)?;
    choose(&choice, Some(name))
}

/// Writes the name of the toolchain that cargo uses for plugins to `file`. None means the default toolchain.
fn choose(file: &Path, toolchain: Option<&str>) -> anyhow::Result<()> {
    let failed = || format!("{}", file.display());
    let Some(name) = toolchain else {
        return match fs::remove_file(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).with_context(failed),
            _ => Ok(()),
        };
    };
    let text = format!("# Written by `cargo xtask setup`.\n[toolchain]\nchannel = \"{name}\"\n");
    if fs::read_to_string(file).is_ok_and(|held| held == text) {
        return Ok(());
    }
    fs::write(file, text).with_context(failed)
}

/// Returns the targets that are missing from the toolchain in use.
fn missing_targets() -> Vec<&'static str> {
    let mut rustc = command("rustc", &workspace::root());
    let Ok(sysroot) = output(rustc.args(["--print", "sysroot"])) else { return TARGETS.to_vec() };
    let there =
        |target: &&&str| !Path::new(sysroot.trim()).join("lib/rustlib").join(target).join("lib").is_dir();
    TARGETS.iter().filter(there).copied().collect()
}

/// Adds the targets with rustup. The time limit is long enough for a slow connection.
fn add_targets() -> anyhow::Result<()> {
    eprintln!("adding WebAssembly targets to the toolchain");
    let limit = Duration::from_secs(180).as_secs().to_string();
    let mut rustup = command("timeout", &workspace::root());
    output(rustup.args([&limit, "rustup", "target", "add"]).args(TARGETS))?;
    let missing = missing_targets();
    if !missing.is_empty() {
        bail!("still missing: {}", missing.join(" "));
    }
    Ok(())
}
