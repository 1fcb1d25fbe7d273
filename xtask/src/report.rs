//! `cargo xtask report …`: how well the diagnoses tell healthy pictures from faulty ones, in an
//! optimised build.

use std::process::ExitCode;

use crate::{
    packages, process,
    process::{command, is_there},
    workspace,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Handed to the report: `cases …`; see `--help` behind `--`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if !is_there("ffmpeg", "-version") && packages::is_debian() {
        packages::install(&["ffmpeg"])?;
    }
    let mut cargo = command("cargo", &workspace::root());
    cargo.args(["run", "--release", "--package", "easysight-report", "--"]);
    process::run(cargo.args(&arguments.rest))?;
    Ok(ExitCode::SUCCESS)
}
