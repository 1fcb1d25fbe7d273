//! The errors of the commands for authors. Their messages tell the author what to do.

use std::{io, path::PathBuf};

use easysight_sandbox::{LoadError, SandboxError};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum AuthorError {
    /// The name is not allowed for a new plugin.
    #[error(
        "{0:?} cannot be the plugin's name: a name has 1 to 64 characters from a-z, 0-9 and _, and begins with a \
         letter, because it also names the diagnosis and the module"
    )]
    Name(String),
    /// The folder already exists and is not empty.
    #[error("{} exists and is not empty; choose another folder with --dir", .0.display())]
    Occupied(PathBuf),
    /// The folder does not contain a plugin.
    #[error(
        "{} is not a plugin's folder: it contains no Cargo.toml, package.json, .py or .c file; \
         `easysight plugin new NAME` makes one",
        .0.display()
    )]
    NoProject(PathBuf),
    /// A file was given in place of the plugin's folder.
    #[error("{} is a file; give the plugin's folder", .0.display())]
    NoFolder(PathBuf),
    /// The manifest cannot be read.
    #[error("{}: {detail}", file.display())]
    Manifest {
        /// The manifest.
        file: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// A required tool is not installed.
    #[error("{tool} is missing; it is needed to build this plugin: {remedy}")]
    MissingTool {
        /// The program, or the missing part of it.
        tool: String,
        /// How to install it.
        remedy: String,
    },
    /// A required tool is too old.
    #[error("{tool} {found} is too old; this plugin needs {needed} or later: {remedy}")]
    OldTool {
        /// The program.
        tool: String,
        /// The installed version.
        found: String,
        /// The required version.
        needed: String,
        /// How to install it.
        remedy: String,
    },
    /// A tool failed. The tool itself has printed the reason.
    #[error("`{command}` failed ({status})")]
    ToolFailed {
        /// The command.
        command: String,
        /// The exit status.
        status: String,
    },
    /// The folder has no file to build from, or a tool succeeded but its output does not exist.
    #[error("{0}")]
    NoComponent(String),
    /// A core module cannot be turned into a component.
    #[error("the module cannot be made into a component: {0}")]
    Componentize(String),
    /// The component was rejected.
    #[error("{}: {source}", file.display())]
    Load {
        /// The component.
        file: PathBuf,
        /// The reason.
        source: LoadError,
    },
    /// The sandbox does not start.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The plugin's schema refuses the configuration.
    #[error("the configuration is refused at {field:?}: {detail}")]
    Config {
        /// JSON Pointer to the field.
        field: String,
        /// What is wrong.
        detail: String,
    },
    /// The clip cannot be captured or computed.
    #[error("{0}")]
    Clip(String),
    /// The file of cases has an error.
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
    /// The folder cannot be watched.
    #[error("{} cannot be watched: {source}", dir.display())]
    Watch {
        /// The folder.
        dir: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A file or folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

impl AuthorError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
