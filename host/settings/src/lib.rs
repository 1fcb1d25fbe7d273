//! Where a program's settings come from: flag, environment, configuration file, default, in this
//! order. A program describes its keys once in a table of [`Key`]s; flags, environment variables,
//! the file's keys, `--print-config` and every message follow from it.

mod layers;
mod parse;
mod resolved;

pub use layers::{Invocation, read};
pub use parse::{bytes, count, number_in, seconds_in, text_of};
pub use resolved::{Origin, Resolved};

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its flag without the dashes: `pool-size`.
    pub flag: &'static str,
    /// Its environment variable, which is its name in the configuration file too.
    pub env: &'static str,
    /// Other names of the variable.
    pub aliases: &'static [&'static str],
    /// What stands for its value in the help: `N`, `DIR`.
    pub value_name: &'static str,
    /// What it holds where nothing is said; none where it is absent then.
    pub default: Option<&'static str>,
    /// Masked wherever it is shown, and also read from the file that `<env>_FILE` names.
    pub secret: bool,
    /// What it means, with unit and range.
    pub help: &'static str,
}

/// Why a program does not start.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The command line is wrong, or asks for help or the version; `clap` prints it and ends.
    #[error(transparent)]
    CommandLine(#[from] clap::Error),
    /// The configuration file cannot be read or taken apart.
    #[error("the configuration file {path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A value that does not do.
    #[error("{key} = {value} ({origin}) does not do: {reason}")]
    Value {
        /// The setting.
        key: &'static str,
        /// Its value, masked where it is a secret.
        value: String,
        /// Where it came from.
        origin: Origin,
        /// What is allowed.
        reason: String,
    },
    /// Settings that contradict each other, or one that is missing.
    #[error("{0}")]
    Conflict(String),
}
