//! `plugin build`: a component of what is in a folder, with the tools that the author has.

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

/// A component that was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Built {
    /// The component.
    pub component: PathBuf,
    /// Its bytes.
    pub size_bytes: usize,
    /// Their blake3 digest.
    pub digest: String,
    /// What built it, such as `cargo build --target wasm32-wasip2`.
    pub with: String,
}

/// Builds a plugin and puts its component where [`Project::component`] says. Tools write to standard error
/// what they have to say. `target` is for Rust: one of [`RUST_TARGETS`], where the author wants a certain one.
///
/// # Errors
///
/// [`AuthorError::MissingTool`] with how to get it, [`AuthorError::ToolFailed`] where a tool refuses the
/// sources, [`AuthorError::Componentize`], [`AuthorError::NoComponent`], [`AuthorError::Io`].
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

/// The component of a folder, built where there is none or where a source is younger.
///
/// # Errors
///
/// Those of [`build`].
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
