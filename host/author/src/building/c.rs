//! C: clang compiles the author's files and the SDK's files to a core module, which `component.rs` then turns into
//! a component.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{component, tool};
use crate::{AuthorError, Project};

/// Names of clang, newest first. Debian adds the version to the name.
const CLANGS: [&str; 7] = ["clang", "clang-22", "clang-21", "clang-20", "clang-19", "clang-18", "clang-17"];
/// Instructions for installing clang.
const REMEDY: &str = "install clang with its WebAssembly linker and C library: run `apt install clang-19 lld-19 \
                      wasi-libc libclang-rt-19-dev-wasm32`, or unpack https://github.com/WebAssembly/wasi-sdk and \
                      set WASI_SDK_PATH to its folder";
/// The flags for clang. They optimize, enable vector instructions and warnings, and remove debug information. They
/// build a library, not a program with `main`: the host calls its functions.
const FLAGS: &[&str] =
    &["--target=wasm32-wasi", "-O3", "-msimd128", "-mexec-model=reactor", "-Wall", "-Wl,--strip-debug"];

/// Builds the component. Returns the name of the tool that built it.
pub(super) fn build(project: &Project) -> Result<String, AuthorError> {
    let dir = &project.dir;
    let kit: Vec<PathBuf> =
        env::var_os("WASI_SDK_PATH").map(|kit| PathBuf::from(kit).join("bin")).into_iter().collect();
    let clang = CLANGS.into_iter().find_map(|name| tool::find(name, &kit));
    let clang =
        clang.ok_or_else(|| AuthorError::MissingTool { tool: "clang".into(), remedy: REMEDY.to_owned() })?;
    let mut files = Vec::new();
    for (folder, suffix) in [(dir.clone(), "c"), (dir.join("vendor"), "c"), (dir.join("vendor"), "o")] {
        files.extend(files_of(&folder, suffix)?);
    }
    let made = project.component().with_extension("module.wasm");
    let mut command = Command::new(&clang);
    command.current_dir(dir).args(FLAGS).args(["-I.", "-Ivendor"]).args(&files).arg("-o").arg(&made);
    tool::run(&mut command)?;
    component::place(&made, &project.component())?;
    fs::remove_file(&made).map_err(AuthorError::io(&made))?;
    let name = clang.file_name().map(|name| name.to_string_lossy().into_owned());
    Ok(name.unwrap_or_else(|| "clang".to_owned()))
}

/// Returns the files of a folder that have this extension, sorted by name. Empty if the folder does not exist.
fn files_of(dir: &Path, suffix: &str) -> Result<Vec<PathBuf>, AuthorError> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(AuthorError::io(dir))? {
        let path = entry.map_err(AuthorError::io(dir))?.path();
        if path.is_file() && path.extension() == Some(OsStr::new(suffix)) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
