//! `cargo xtask bench`: what the sandbox costs, in an optimised build.

use std::process::ExitCode;

use crate::{
    packages, plugins, process,
    process::{command, is_there},
    workspace,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Handed to the benchmark; see `--help` behind `--`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let plugins = plugins::build()?;
    if !is_there("ffmpeg", "-version") && packages::is_debian() {
        packages::install(&["ffmpeg"])?;
    }
    let mut cargo = command("cargo", &workspace::root());
    cargo.args(["run", "--release", "--package", "easysight-bench", "--"]);
    process::run(cargo.arg("--plugins-dir").arg(plugins).args(&arguments.rest))?;
    Ok(ExitCode::SUCCESS)
}
