//! The web console: builds `web/` into the files that the master embeds, and checks that they are up to date.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, bail};

use crate::{
    process::{command, is_there, output, run},
    workspace,
};

/// The entries of `web/` from which the files are built.
const SOURCES: &[&str] = &[
    "index.html",
    "package-lock.json",
    "package.json",
    "scripts/pack.mjs",
    "src",
    "tsconfig.json",
    "vite.config.ts",
];
/// What to do if the built files do not match the sources.
const REMEDY: &str = "run `cargo xtask console` and commit the result";
/// The versions of Node.js that Vite supports.
const VERSIONS: &str = "Node.js 20.19 or later of version 20, or 22.12 or later";

/// The folder with the sources.
pub(crate) fn sources() -> PathBuf {
    workspace::root().join("web")
}

fn built() -> PathBuf {
    workspace::root().join("host/console/dist")
}

/// The file with the digest of the sources from which the files in `dist` were built.
fn digest_file() -> PathBuf {
    workspace::root().join("host/console/sources.blake3")
}

/// Checks that Node.js and npm are installed.
fn node() -> anyhow::Result<()> {
    let version = output(command("node", &sources()).arg("--version"));
    let Some((major, minor)) = version.ok().as_deref().and_then(parsed) else {
        bail!("node is missing: install {VERSIONS}");
    };
    if !((major == 20 && minor >= 19) || (major == 22 && minor >= 12) || major > 22) {
        bail!("node is version {major}.{minor}: install {VERSIONS}");
    }
    if !is_there("npm", "--version") {
        bail!("npm is missing: install {VERSIONS}");
    }
    Ok(())
}

/// Parses a version such as `v20.19.2`.
fn parsed(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim().strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Installs the npm packages of the lock file, which build the console.
pub(crate) fn prepare() -> anyhow::Result<()> {
    node()?;
    run(command("npm", &sources()).args(["ci", "--no-audit", "--no-fund"]))
}

/// Builds the console, and puts the files into the folder that the master embeds.
pub(crate) fn build() -> anyhow::Result<()> {
    prepare()?;
    build_files()?;
    run(pack().arg(built()))?;
    fs::write(digest_file(), digest()? + "\n")?;
    Ok(())
}

/// Builds the files in `web/dist`, without packing them. [`prepare`] must have run.
pub(crate) fn build_files() -> anyhow::Result<()> {
    run(command("npm", &sources()).args(["run", "build"]))
}

/// Checks that the committed files were built from the present sources, by the digest of the sources. Node.js is not
/// needed.
pub(crate) fn is_current() -> anyhow::Result<()> {
    let known = fs::read_to_string(digest_file()).unwrap_or_default();
    if known.trim() != digest()? {
        bail!("host/console/dist was built from other sources than those in web/: {REMEDY}");
    }
    Ok(())
}

/// Checks the sources, builds them, and compares the result with the committed files. [`prepare`] must have run.
pub(crate) fn check() -> anyhow::Result<()> {
    run(command("npm", &sources()).args(["run", "check"]))?;
    build_files()?;
    run(pack().arg("--check").arg(built())).context(REMEDY)
}

/// Returns the command that compresses the built files, or compares them with compressed ones.
fn pack() -> Command {
    let mut pack = command("node", &sources());
    pack.arg("scripts/pack.mjs");
    pack
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
    let mut entries: Vec<PathBuf> = SOURCES.iter().map(PathBuf::from).collect();
    while let Some(entry) = entries.pop() {
        let path = sources().join(&entry);
        if path.is_dir() {
            for inner in fs::read_dir(&path).with_context(|| path.display().to_string())? {
                entries.push(entry.join(inner?.file_name()));
            }
        } else {
            let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
            found.push((entry, bytes));
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::parsed;

    #[test]
    fn versions_of_node_are_read() {
        assert_eq!(parsed("v20.19.2\n"), Some((20, 19)));
        assert_eq!(parsed("20.19"), None);
    }
}
