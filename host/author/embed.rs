//! Embeds the templates, the SDKs that they need and the contract in the program, so that `easysight plugin new`
//! works without a checkout.

use std::{
    env,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

/// Folders that contain no sources: the output of tools, tests and examples.
const PASSED_OVER: &[&str] = &[
    "target",
    "build",
    "dist",
    "node_modules",
    "__pycache__",
    ".venv",
    ".pytest_cache",
    "tests",
    "examples",
];

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let root = here.join("../..").canonicalize()?;
    let mut files = vec![root.join("Cargo.toml")];
    for dir in ["sdk", "wit"] {
        println!("cargo::rerun-if-changed={}", root.join(dir).display());
        collect(&root.join(dir), &mut files)?;
    }
    let mut text = String::from("&[\n");
    for file in &files {
        let name = file.strip_prefix(&root).map_err(io::Error::other)?.display().to_string();
        println!("cargo::rerun-if-changed={}", file.display());
        writeln!(text, "    ({name:?}, include_bytes!({:?})),", file.display().to_string())
            .map_err(io::Error::other)?;
    }
    text.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("embedded.rs"), text)
}

/// Collects all files below a folder, sorted by name.
fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    for path in entries {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() {
            if !PASSED_OVER.contains(&name.as_str()) {
                collect(&path, files)?;
            }
        } else if !name.ends_with(".pyc") {
            files.push(path);
        }
    }
    Ok(())
}
