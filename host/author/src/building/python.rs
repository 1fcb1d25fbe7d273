//! Python: runs componentize-py, which puts the interpreter and the author's modules into one component.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use super::{component, tool};
use crate::{AuthorError, Project};

/// Modules that may contain the plugin, most likely first.
const MODULES: [&str; 3] = ["diagnosis", "app", "plugin"];
/// Instructions for installing componentize-py.
const REMEDY: &str =
    "run: python3 -m venv .venv && .venv/bin/pip install -r requirements.txt, which names componentize-py";

/// Builds the component. Returns the name of the tool that built it.
pub(super) fn build(project: &Project) -> Result<String, AuthorError> {
    let dir = &project.dir;
    let mut folders = vec![dir.join(".venv/bin")];
    folders.extend(env::var_os("VIRTUAL_ENV").map(|venv| PathBuf::from(venv).join("bin")));
    let program = tool::need("componentize-py", &folders, REMEDY)?;
    let module = MODULES.into_iter().find(|module| dir.join(module).with_extension("py").is_file());
    let module = module.ok_or_else(|| {
        AuthorError::NoComponent(format!("{} has no diagnosis.py, which holds the plugin", dir.display()))
    })?;
    let made = project.component().with_extension("wasm.made");
    let mut componentize = Command::new(program);
    // The option `--stub-wasi` leaves out the imports from WASI, because a host must provide every import, even an
    // import that the plugin never uses.
    componentize.current_dir(dir).args(["-d", contract(dir), "-w", "plugin", "componentize", "--stub-wasi"]);
    for path in [".", "vendor"] {
        if dir.join(path).is_dir() {
            componentize.args(["-p", path]);
        }
    }
    tool::run(componentize.arg("-o").arg(&made).arg(module))?;
    component::place(&made, &project.component())?;
    std::fs::remove_file(&made).map_err(AuthorError::io(&made))?;
    Ok("componentize-py".to_owned())
}

/// Returns the path of the contract, relative to the folder.
pub(super) fn contract(dir: &Path) -> &'static str {
    if dir.join("vendor/wit").is_dir() { "vendor/wit" } else { "wit" }
}
