//! What can go wrong for an author, and what to do about it.

use std::{io, path::PathBuf};

use easysight_sandbox::{LoadError, SandboxError};

/// Why a command could not be done.
#[derive(Debug, thiserror::Error)]
pub enum AuthorError {
    /// A name that no new plugin may have.
    #[error(
        "{0:?} cannot be the plugin's name: it is to be 1 to 64 characters of a-z, 0-9 and _, the first of \
         them a letter, since it names the plugin, its diagnosis and its module"
    )]
    Name(String),
    /// A folder in which something is already.
    #[error("{} is there and not empty; name another one with --dir", .0.display())]
    Occupied(PathBuf),
    /// A folder that is no plugin's.
    #[error(
        "{} is no plugin's folder: there is no Cargo.toml, package.json, .py or .c file in it; \
         `easysight plugin new NAME` makes one",
        .0.display()
    )]
    NoProject(PathBuf),
    /// A manifest that cannot be read.
    #[error("{}: {detail}", file.display())]
    Manifest {
        /// The manifest.
        file: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A tool that is not installed.
    #[error("{tool} is missing, which builds this plugin: {remedy}")]
    MissingTool {
        /// The program, or its part.
        tool: String,
        /// How to get it.
        remedy: String,
    },
    /// A tool that is too old.
    #[error("{tool} {found} is too old, which builds this plugin: {needed} or later is needed; {remedy}")]
    OldTool {
        /// The program.
        tool: String,
        /// Its version.
        found: String,
        /// The version that is needed.
        needed: String,
        /// How to get it.
        remedy: String,
    },
    /// A tool that failed; it has said why.
    #[error("`{command}` failed ({status})")]
    ToolFailed {
        /// What was run.
        command: String,
        /// How it ended.
        status: String,
    },
    /// A tool ran and what it should have made is not there.
    #[error("{0}")]
    NoComponent(String),
    /// A core module that does not become a component.
    #[error("the module does not become a component: {0}")]
    Componentize(String),
    /// The component is refused.
    #[error("{}: {source}", file.display())]
    Load {
        /// The component.
        file: PathBuf,
        /// Why.
        source: LoadError,
    },
    /// The sandbox does not start.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A configuration that the plugin's schema refuses.
    #[error("the configuration is refused at {field:?}: {detail}")]
    Config {
        /// JSON Pointer to the field.
        field: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A clip that cannot be had.
    #[error("{0}")]
    Clip(String),
    /// A file of cases that makes no sense.
    #[error("{}:{line}: {field}: {detail}", file.display())]
    Cases {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The field, such as `case 2: expect.status`.
        field: String,
        /// What is wrong and what is allowed.
        detail: String,
    },
    /// A folder that cannot be watched.
    #[error("{} cannot be watched: {source}", dir.display())]
    Watch {
        /// The folder.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or folder that cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl AuthorError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
