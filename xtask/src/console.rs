//! The web console: builds `web/` into the files that the master embeds, and checks that they are up to date.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};

use crate::{
    process::{command, is_there, run},
    workspace,
};

/// Entries of `web/` that the built files do not depend on. The copy of the API's document gives only types, which are
/// checked where Node is there.
const NO_SOURCES: &[&str] = &[
    "node_modules",
    "dist",
    "screenshots",
    "components.d.ts",
    "openapi.json",
    "README.md",
    "README.zh-CN.md",
];
/// What to do if the built files are not those of the sources.
const REMEDY: &str = "run `cargo xtask console`, which needs Node.js 20.19 or later, and commit the result";

fn sources() -> PathBuf {
    workspace::root().join("web")
}

fn built() -> PathBuf {
    workspace::root().join("host/console/dist")
}

/// The file with the digest of the sources from which the files in `dist` were built.
fn digest_file() -> PathBuf {
    workspace::root().join("host/console/sources.blake3")
}

/// True if Node's package manager is there.
pub(crate) fn has_node() -> bool {
    is_there("npm", "--version")
}

/// Builds the console and puts the files where the master embeds them.
pub(crate) fn build() -> anyhow::Result<()> {
    if !has_node() {
        bail!("npm is missing: install Node.js 20.19 or later");
    }
    install()?;
    run(command("npm", &sources()).args(["run", "build"]))?;
    run(pack().arg(built()))?;
    fs::write(digest_file(), digest()? + "\n")?;
    Ok(())
}

/// Checks the digest of the sources. This needs no Node.
pub(crate) fn is_current() -> anyhow::Result<()> {
    let known = fs::read_to_string(digest_file()).unwrap_or_default();
    if known.trim() != digest()? {
        bail!("host/console/dist was built from other sources than those in web/: {REMEDY}");
    }
    Ok(())
}

/// Checks the sources, builds them, and compares the result with the committed files.
pub(crate) fn check() -> anyhow::Result<()> {
    install()?;
    run(command("npm", &sources()).args(["run", "check"]))?;
    run(command("npm", &sources()).args(["run", "build"]))?;
    run(pack().arg("--check").arg(built())).context(REMEDY)
}

/// Returns the command that compresses the built files, or compares them with compressed ones.
fn pack() -> Command {
    let mut pack = command("node", &sources());
    pack.arg("scripts/pack.mjs");
    pack
}

/// Installs the packages of the lock file.
fn install() -> anyhow::Result<()> {
    run(command("npm", &sources()).args(["ci", "--no-audit", "--no-fund"]))
}

/// Returns a digest of the names and contents of all sources.
fn digest() -> anyhow::Result<String> {
    let mut hasher = blake3::Hasher::new();
    for (path, bytes) in source_files()? {
        for part in [path.to_string_lossy().as_bytes(), &bytes] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// Returns the paths and contents of all sources, sorted by path.
fn source_files() -> anyhow::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(inner) = folders.pop() {
        let folder = sources().join(&inner);
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            let path = inner.join(entry.file_name());
            if NO_SOURCES.iter().any(|name| path == Path::new(name)) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else {
                found.push((path, fs::read(entry.path())?));
            }
        }
    }
    found.sort();
    Ok(found)
}
