//! Rust: runs cargo with the WebAssembly target that is installed.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::{component, tool};
use crate::{AuthorError, Project};

/// The targets for components. The first one produces components directly.
pub const TARGETS: [&str; 2] = ["wasm32-wasip2", "wasm32-unknown-unknown"];
/// The toolchain that `cargo xtask setup` creates from Debian's packages, for machines where rustup has no
/// targets.
const DEBIAN: &str = "easysight-guest";
/// Instructions for installing Rust with the WebAssembly target.
const REMEDY: &str =
    "install Rust with rustup (https://rustup.rs), then run: rustup target add wasm32-wasip2";

/// Builds the component. Returns the command that built it.
pub(super) fn build(project: &Project, target: Option<&str>) -> Result<String, AuthorError> {
    tool::need("cargo", &[], REMEDY)?;
    let way = match target {
        Some(target) => Way::named(project, target)?,
        None => Way::at_hand(project)?,
    };
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&project.dir);
    // If cargo started this program, RUSTUP_TOOLCHAIN is set. The author did not choose that toolchain, so the
    // variable is removed.
    if let Way::Target { toolchain: Some(name), .. } = &way {
        cargo.env_remove("RUSTUP_TOOLCHAIN").arg(format!("+{name}"));
    }
    match &way {
        Way::Target { target, .. } => cargo.args(["build", "--release", "--target", *target]),
        Way::CargoComponent => cargo.args(["component", "build", "--release"]),
    };
    let said = words(&cargo);
    cargo.args(["--message-format", "json-render-diagnostics", "--color", tool::colour()]);
    let messages = tool::output(&mut cargo)?;
    let made = made(&messages, &project.dir).ok_or_else(|| {
        let lib = "set `crate-type = [\"cdylib\"]` in the [lib] section of its Cargo.toml";
        AuthorError::NoComponent(format!("cargo built no WebAssembly module from {}: {lib}", project.name))
    })?;
    component::place(&made, &project.component())?;
    Ok(said)
}

/// A method to build a component.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    /// Plain cargo. If the output is a core module, the module is turned into a component afterwards.
    Target { target: &'static str, toolchain: Option<&'static str> },
    /// `cargo component`, which produces components itself.
    CargoComponent,
}

impl Way {
    /// Returns the first method that this machine supports.
    fn at_hand(project: &Project) -> Result<Self, AuthorError> {
        let has = |toolchain| installed(&project.dir, toolchain);
        for toolchain in [None, Some(DEBIAN)] {
            let targets = has(toolchain);
            if let Some(target) = TARGETS.into_iter().find(|target| targets.contains(target)) {
                return Ok(Self::Target { target, toolchain });
            }
        }
        if tool::succeeds(Command::new("cargo").args(["component", "--version"])) {
            return Ok(Self::CargoComponent);
        }
        Err(AuthorError::MissingTool {
            tool: format!("the target {}", TARGETS[0]),
            remedy: REMEDY.to_owned(),
        })
    }

    /// Returns the method for a target that the author named.
    fn named(project: &Project, wanted: &str) -> Result<Self, AuthorError> {
        let missing = |remedy| AuthorError::MissingTool { tool: format!("the target {wanted}"), remedy };
        let target = TARGETS.into_iter().find(|target| *target == wanted);
        let target = target.ok_or_else(|| missing(format!("choose one of {}", TARGETS.join(", "))))?;
        let toolchain =
            [None, Some(DEBIAN)].into_iter().find(|t| installed(&project.dir, *t).contains(&target));
        let toolchain = toolchain.ok_or_else(|| missing(format!("run: rustup target add {target}")))?;
        Ok(Self::Target { target, toolchain })
    }
}

/// Returns the targets that a toolchain has. Empty if the toolchain does not exist.
fn installed(dir: &Path, toolchain: Option<&str>) -> Vec<&'static str> {
    let mut rustc = Command::new("rustc");
    rustc.current_dir(dir);
    if let Some(name) = toolchain {
        // Without this check, rustup would download a toolchain that it does not have.
        let known = Command::new("rustup").args(["toolchain", "list"]).output();
        if !known.is_ok_and(|list| String::from_utf8_lossy(&list.stdout).lines().any(|l| l.starts_with(name)))
        {
            return Vec::new();
        }
        rustc.env_remove("RUSTUP_TOOLCHAIN").arg(format!("+{name}"));
    }
    let Ok(sysroot) = tool::output(rustc.args(["--print", "sysroot"])) else { return Vec::new() };
    let lib = Path::new(sysroot.trim()).join("lib/rustlib");
    TARGETS.into_iter().filter(|target| lib.join(target).join("lib").is_dir()).collect()
}

/// Finds the WebAssembly module in cargo's messages about the package in this folder.
fn made(messages: &str, dir: &Path) -> Option<PathBuf> {
    let manifest = dir.join("Cargo.toml");
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_it = artifacts.filter(|message| {
        let is = |field: &str, wanted: &str| message.get(field).and_then(Value::as_str) == Some(wanted);
        is("reason", "compiler-artifact") && is("manifest_path", &manifest.display().to_string())
    });
    let files = of_it.filter_map(|message| message.get("filenames")?.as_array().cloned()).flatten();
    let mut modules = files.filter_map(|file| file.as_str().map(PathBuf::from));
    modules.rfind(|file| file.extension().is_some_and(|suffix| suffix == "wasm"))
}

fn words(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
    words.into_iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_of_the_author_s_own_package_is_taken() {
        let messages = r#"{"reason":"compiler-artifact","manifest_path":"/dep/Cargo.toml","filenames":["/t/dep.wasm"]}
{"reason":"compiler-artifact","manifest_path":"/p/Cargo.toml","filenames":["/t/libglare.rlib","/t/glare.wasm"]}
{"reason":"build-finished","success":true}"#;
        assert_eq!(made(messages, Path::new("/p")), Some("/t/glare.wasm".into()));
        assert_eq!(made(messages, Path::new("/q")), None);
    }
}
