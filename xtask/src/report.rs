//! `cargo xtask report …`: measures how well the diagnoses distinguish faulty pictures from healthy ones, and makes
//! pictures of the console.

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;

use crate::{
    browser, packages, plugins, process,
    process::{command, is_there},
    workspace,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// `screenshots …` makes pictures of the console (`screenshots --help`). Otherwise, the arguments of the report
    /// program: `accuracy …`, `cases …`, `footage …`. `cargo xtask report -- --help` prints its help.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Builds the report program and returns its path.
pub(crate) fn program() -> anyhow::Result<PathBuf> {
    if !is_there("ffmpeg", "-version") && packages::is_debian() {
        packages::install(&["ffmpeg"])?;
    }
    let mut cargo = command("cargo", &workspace::root());
    // A debug build is sufficient: nothing is timed, and slow crates are optimised in every build. The build uses
    // the features of the whole workspace, so that nothing is built a second time.
    process::run(cargo.args(["build", "--quiet", "--workspace", "--bin", "easysight-report"]))?;
    Ok(workspace::target().join("debug/easysight-report"))
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if arguments.rest.first().is_some_and(|word| word == "screenshots") {
        return browser::pictures(&browser::Pictures::parse_from(&arguments.rest));
    }
    let mut report = command(program()?, &workspace::root());
    report.args(&arguments.rest);
    let names_plugins = |word: &String| word.starts_with("--plugins-dir") || word == "--help";
    if arguments.rest.first().is_some_and(|word| word == "accuracy")
        && !arguments.rest.iter().any(names_plugins)
    {
        report.arg("--plugins-dir").arg(plugins::build()?);
    }
    process::run(&mut report)?;
    Ok(ExitCode::SUCCESS)
}
