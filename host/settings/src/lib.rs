//! The settings of a program. A value comes from the flag, the environment, the configuration file or the default: the
//! first of these four that is set. A program lists its keys once in a table of [`Key`]s. Flags, environment variables,
//! keys of the file, the output of `--print-config` and every message are made from this table.

mod layers;
mod parse;
mod resolved;

pub use layers::{Invocation, read};
pub use parse::{bytes, count, number_in, seconds_in, text_of};
pub use resolved::{Origin, Resolved};

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The flag without the dashes: `pool-size`.
    pub flag: &'static str,
    /// The environment variable, and the key in the configuration file.
    pub env: &'static str,
    /// Other names of the variable.
    pub aliases: &'static [&'static str],
    /// The placeholder of the value in the help: `N`, `DIR`.
    pub value_name: &'static str,
    /// The default. None if the setting has no default.
    pub default: Option<&'static str>,
    /// True for a secret. A secret is masked in all output. It may be read from a file whose path is in the variable
    /// `<env>_FILE`.
    pub secret: bool,
    /// The meaning, with unit and range.
    pub help: &'static str,
}

/// Why a program does not start.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The command line is wrong, or requests help or the version. `clap` prints the text and exits.
    #[error(transparent)]
    CommandLine(#[from] clap::Error),
    /// The configuration file cannot be read or parsed.
    #[error("the configuration file {path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with the file.
        reason: String,
    },
    /// A value is not allowed.
    #[error("{key} = {value} ({origin}) is not valid: {reason}")]
    Value {
        /// The setting.
        key: &'static str,
        /// The value, masked if it is a secret.
        value: String,
        /// The origin of the value.
        origin: Origin,
        /// The values that are allowed, or why the value cannot be read.
        reason: String,
    },
    /// Settings contradict each other, or a required setting is missing.
    #[error("{0}")]
    Conflict(String),
}
