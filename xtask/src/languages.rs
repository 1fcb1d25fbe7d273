//! Installs the tools that build plugins in Python, JavaScript and C, for the tests. The tools are installed in
//! `target/sdk-tools`, in the versions that the templates of `sdk/` name.

use std::{fs, path::Path, path::PathBuf};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::{
    packages,
    process::{command, is_there, output},
    workspace,
};

/// Debian packages for C.
const C: &[&str] = &["clang-19", "lld-19", "wasi-libc", "libclang-rt-19-dev-wasm32"];

/// Returns the directory of the tools.
pub(crate) fn dir() -> PathBuf {
    workspace::target().join("sdk-tools")
}

/// Installs missing tools. Tries all languages before it returns the errors.
pub(crate) fn prepare() -> anyhow::Result<()> {
    let done = [c(), python(), javascript()];
    let failed: Vec<String> =
        done.into_iter().filter_map(|done| Some(format!("{:#}", done.err()?))).collect();
    if failed.is_empty() { Ok(()) } else { bail!("{}", failed.join("\n")) }
}

fn c() -> anyhow::Result<()> {
    if !packages::is_debian() {
        bail!("C: install clang 19, its WebAssembly linker and wasi-libc");
    }
    packages::install(C).context("C")
}

/// Makes a virtual environment with componentize-py.
fn python() -> anyhow::Result<()> {
    let wanted = workspace::root().join("sdk/python/template/requirements.txt");
    environment(&dir().join("python"), &wanted).map(drop).context("Python")
}

/// Makes a virtual environment with the packages of a list. Returns the path of its Python.
pub(crate) fn environment(place: &Path, wanted: &Path) -> anyhow::Result<PathBuf> {
    once(place, &fs::read_to_string(wanted)?, || {
        let venv = || output(command("python3", &workspace::root()).args(["-m", "venv"]).arg(place));
        if venv().is_err() && packages::is_debian() {
            // Debian has a separate package for virtual environments.
            packages::install(&["python3-venv"])?;
        }
        venv()?;
        let mut pip = command(place.join("bin/pip"), &workspace::root());
        output(pip.args(["install", "--quiet", "--disable-pip-version-check", "-r"]).arg(wanted))?;
        Ok(())
    })?;
    Ok(place.join("bin/python"))
}

/// Makes a folder of modules with componentize-js.
fn javascript() -> anyhow::Result<()> {
    const LIBRARY: &str = "@bytecodealliance/componentize-js";
    let manifest = fs::read_to_string(workspace::root().join("sdk/javascript/template/package.json"))?;
    let manifest: Value = serde_json::from_str(&manifest)?;
    let version =
        manifest.pointer("/devDependencies").and_then(|all| all.get(LIBRARY)).and_then(Value::as_str);
    let wanted = format!(
        "{LIBRARY}@{}",
        version.context("the JavaScript template names no version of componentize-js")?
    );
    let place = dir().join("javascript");
    once(&place, &wanted, || {
        if !is_there("npm", "--version") && packages::is_debian() {
            packages::install(&["nodejs", "npm"])?;
        }
        // Without a manifest in this folder, npm would use one in a parent folder.
        fs::write(place.join("package.json"), "{\"private\": true}")?;
        let mut npm = command("npm", &place);
        output(npm.args([
            "install",
            "--no-audit",
            "--no-fund",
            "--no-package-lock",
            "--loglevel=error",
            &wanted,
        ]))?;
        Ok(())
    })
    .context("JavaScript")
}

/// Fills a directory, unless it was filled with the same content before.
fn once(place: &Path, wish: &str, fill: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let stamp = place.join("stamp");
    if fs::read_to_string(&stamp).is_ok_and(|held| held == wish) {
        return Ok(());
    }
    if place.exists() {
        fs::remove_dir_all(place)?;
    }
    fs::create_dir_all(place)?;
    eprintln!("installing {}", wish.trim());
    fill()?;
    fs::write(stamp, wish)?;
    Ok(())
}
