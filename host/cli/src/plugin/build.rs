//! `easysight plugin build`.

use std::{path::PathBuf, process::ExitCode};

use easysight_author::{Project, RUST_TARGETS};

use super::author::{Output, kib};
use crate::listing;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The plugin's folder.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// The Rust target. Default: the first of the possible values that is installed.
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(RUST_TARGETS))]
    target: Option<String>,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let project = Project::find(&arguments.dir)?;
    let built = easysight_author::build(&project, arguments.target.as_deref())?;
    arguments.output.format.show(&built, |built| {
        listing::details([
            ("component", built.component.display().to_string()),
            ("size", kib(built.size_bytes)),
            ("digest", built.digest.clone()),
            ("built with", built.with.clone()),
        ])
    })?;
    Ok(ExitCode::SUCCESS)
}
