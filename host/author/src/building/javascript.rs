//! JavaScript: runs Node.js and componentize-js through the SDK's `build.mjs`.

use std::{path::Path, process::Command};

use super::{component, python::contract, tool};
use crate::{AuthorError, Project};

/// Files that may contain the plugin, most likely first.
const SOURCES: [&str; 4] = ["diagnosis.js", "plugin.js", "index.js", "src/diagnosis.js"];
/// The oldest version of Node.js that the parser in componentize-js supports. The template's `package.json` names
/// the same version.
const NEEDED_MAJOR: u64 = 20;
/// Instructions for installing Node.js.
const NODE: &str = "install Node.js 20 or later (https://nodejs.org, or apt install nodejs npm)";
/// Instructions for installing componentize-js.
const LIBRARY: &str = "run `npm install` in the plugin's folder";

/// Builds the component. Returns the name of the tool that built it.
pub(super) fn build(project: &Project) -> Result<String, AuthorError> {
    let dir = &project.dir;
    let node = tool::need("node", &[], NODE)?;
    check_version(&node)?;
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

/// Checks the version of Node.js. With an old version the library fails with a message that does not name Node.js.
fn check_version(node: &Path) -> Result<(), AuthorError> {
    let said = tool::output(Command::new(node).arg("--version"))?;
    let found = said.trim().trim_start_matches('v');
    if major(found).is_some_and(|major| major >= NEEDED_MAJOR) {
        return Ok(());
    }
    Err(AuthorError::OldTool {
        tool: "Node.js".into(),
        found: found.to_owned(),
        needed: NEEDED_MAJOR.to_string(),
        remedy: NODE.to_owned(),
    })
}

/// Returns the major version. `None` if the text is not a version.
fn major(version: &str) -> Option<u64> {
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_asks_npm_for_the_same_version() {
        let manifest = include_str!("../../../../sdk/javascript/template/package.json");
        let manifest: serde_json::Value = serde_json::from_str(manifest).unwrap();
        assert_eq!(manifest["engines"]["node"], format!(">={NEEDED_MAJOR}"));
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!((major("20.20.2"), major("9.1"), major("100.0.0-pre")), (Some(20), Some(9), Some(100)));
        assert_eq!((major(""), major("node")), (None, None));
    }
}
