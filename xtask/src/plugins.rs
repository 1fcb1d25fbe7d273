//! `cargo xtask plugins`: builds the standard plugins and copies them to the directory where programs find them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::{
    process::{fresh_cargo, output, run},
    setup, workspace,
};

/// Returns the directory of the guests' workspace.
pub(crate) fn workspace_dir() -> PathBuf {
    workspace::root().join("plugins")
}

/// Builds all standard plugins. Returns the directory that contains them.
pub(crate) fn build() -> anyhow::Result<PathBuf> {
    setup::run()?;
    run(fresh_cargo(&workspace_dir()).args(["build", "--release"]))?;
    let built = workspace::target().join("wasm32-unknown-unknown").join("release");
    let dir = workspace::target().join("plugins");
    fs::create_dir_all(&dir)?;
    let mut names = Vec::new();
    for name in libraries()? {
        let file = format!("{name}.wasm");
        place(&built.join(&file), &dir.join(&file))?;
        names.push(file);
    }
    // Removes components that are no longer built, because they are no longer standard plugins.
    for entry in fs::read_dir(&dir)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.ends_with(".wasm") && !names.contains(&name) {
            fs::remove_file(&path)?;
        }
    }
    eprintln!("{} plugins in {}", names.len(), dir.display());
    Ok(dir)
}

/// Lists the components of a directory that [`build`] filled.
pub(crate) fn standard(dir: &Path) -> anyhow::Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|suffix| suffix == "wasm") {
            files.push(path.display().to_string());
        }
    }
    files.sort();
    Ok(files)
}

/// Lists the names of the libraries that are components.
fn libraries() -> anyhow::Result<Vec<String>> {
    let mut cargo = fresh_cargo(&workspace_dir());
    let metadata = output(cargo.args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let is_component = |target: &&Value| {
        let kinds = target.get("kind").and_then(Value::as_array);
        kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "cdylib"))
    };
    let packages =
        metadata.get("packages").and_then(Value::as_array).context("cargo's metadata has no packages")?;
    let targets = packages.iter().filter_map(|package| package.get("targets")?.as_array()).flatten();
    let names =
        targets.filter(is_component).filter_map(|target| Some(target.get("name")?.as_str()?.to_owned()));
    let names: Vec<String> = names.collect();
    if names.is_empty() {
        bail!("there are no plugins in {}", workspace_dir().display());
    }
    Ok(names)
}

/// Copies a component atomically, and only if it changed, because a worker may be reading the directory.
fn place(from: &Path, to: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(from).with_context(|| format!("{}", from.display()))?;
    if fs::read(to).is_ok_and(|held| held == bytes) {
        return Ok(());
    }
    let beside = to.with_extension("tmp");
    fs::write(&beside, bytes)?;
    fs::rename(&beside, to)?;
    Ok(())
}
