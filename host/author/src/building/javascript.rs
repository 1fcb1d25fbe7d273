//! JavaScript: node and componentize-js, through the SDK's `build.mjs`.

use std::process::Command;

use super::{component, python::contract, tool};
use crate::{AuthorError, Project};

/// Files that may hold the plugin, most likely first.
const SOURCES: [&str; 4] = ["diagnosis.js", "plugin.js", "index.js", "src/diagnosis.js"];
const NODE: &str = "install Node.js 20 or later (https://nodejs.org, or apt install nodejs npm)";
const LIBRARY: &str = "run `npm install` in the plugin's folder";

/// Builds, and answers with what built it.
pub(super) fn build(project: &Project) -> Result<String, AuthorError> {
    let dir = &project.dir;
    let node = tool::need("node", &[], NODE)?;
    if !dir.join("node_modules/@bytecodealliance/componentize-js").is_dir() {
        return Err(AuthorError::MissingTool { tool: "componentize-js".into(), remedy: LIBRARY.into() });
    }
    let missing = |what: &str| AuthorError::NoComponent(format!("{} has no {what}", dir.display()));
    let script = ["build.mjs", "vendor/build.mjs"].into_iter().find(|script| dir.join(script).is_file());
    let script = script.ok_or_else(|| missing("build.mjs, which calls componentize-js"))?;
    let source = SOURCES.into_iter().find(|source| dir.join(source).is_file());
    let source = source.ok_or_else(|| missing("diagnosis.js, which holds the plugin"))?;
    let made = project.component().with_extension("wasm.made");
    let mut command = Command::new(node);
    tool::run(command.current_dir(dir).args([script, source]).arg(&made).arg(contract(dir)))?;
    component::place(&made, &project.component())?;
    std::fs::remove_file(&made).map_err(AuthorError::io(&made))?;
    Ok("componentize-js".to_owned())
}
