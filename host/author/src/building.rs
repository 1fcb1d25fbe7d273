//! `plugin build`: builds a component from the sources in a folder, with the author's tools.

mod c;
mod component;
mod javascript;
mod python;
mod rust;
mod tool;

use std::{fs, path::PathBuf, time::SystemTime};

use easysight_sandbox::Digest;
use serde::Serialize;

use crate::{AuthorError, Language, Project, watch};

pub use rust::TARGETS as RUST_TARGETS;

/// The result of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Built {
    /// The path of the component.
    pub component: PathBuf,
    /// The size of the component, in bytes.
    pub size_bytes: usize,
    /// The blake3 digest of the component.
    pub digest: String,
    /// The command or tool that built the component, such as `cargo build --target wasm32-wasip2`.
    pub with: String,
}

/// Builds a plugin and writes its component to [`Project::component`]. The output of tools goes to standard error.
/// `target` applies only to Rust. It is one of [`RUST_TARGETS`] if the author requires a specific target.
///
/// # Errors
///
/// [`AuthorError::MissingTool`] or [`AuthorError::OldTool`] with instructions for installing the tool,
/// [`AuthorError::ToolFailed`] if a tool rejects the sources, [`AuthorError::Componentize`],
/// [`AuthorError::NoComponent`], [`AuthorError::Io`].
pub fn build(project: &Project, target: Option<&str>) -> Result<Built, AuthorError> {
    let component = project.component();
    if let Some(parent) = component.parent() {
        fs::create_dir_all(parent).map_err(AuthorError::io(parent))?;
    }
    let with = match project.language {
        Language::Rust => rust::build(project, target)?,
        Language::Python => python::build(project)?,
        Language::JavaScript => javascript::build(project)?,
        Language::C => c::build(project)?,
    };
    let bytes = fs::read(&component).map_err(AuthorError::io(&component))?;
    Ok(Built { size_bytes: bytes.len(), digest: Digest::of(&bytes).to_string(), component, with })
}

/// Returns the path of a project's component. Builds the component if it does not exist or if a source is newer.
///
/// # Errors
///
/// The errors of [`build`].
pub fn ensure_built(project: &Project) -> Result<PathBuf, AuthorError> {
    let component = project.component();
    let is_fresh = match fs::metadata(&component).and_then(|facts| facts.modified()) {
        Ok(built) => watch::youngest(&project.dir)?.is_none_or(|source: SystemTime| source < built),
        Err(_) => false,
    };
    if !is_fresh {
        build(project, None)?;
    }
    Ok(component)
}
