//! The program `easysight`, for people at a terminal.

mod audit;
mod camera;
mod config;
mod diagnose;
mod exit;
mod findings;
mod label;
mod language;
mod listing;
mod master;
mod plugin;
mod reading;
mod replay;
mod sources;
mod task;
mod worker;

use std::{future::Future, io, process::ExitCode};

use anyhow::Context;
use clap::{Parser, Subcommand};

/// Diagnoses surveillance cameras: too dark, frozen, …
#[derive(Debug, Parser)]
#[command(name = "easysight", version)]
struct Arguments {
    /// Print more details to standard error.
    #[arg(short, long, global = true)]
    verbose: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Diagnose cameras, snapshots or files on this machine, without a master.
    Diagnose(diagnose::Arguments),
    /// Check one camera step by step, or manage the cameras of a master.
    Camera(Box<camera::Arguments>),
    /// Manage the tasks of a master and their runs.
    Task(Box<task::Arguments>),
    /// Show the workers of a master.
    Worker(worker::Arguments),
    /// Show and export what people changed on a master.
    Audit(audit::Arguments),
    /// Show which verdicts of the last days another threshold would have changed. Nothing is stored.
    Replay(Box<replay::Arguments>),
    /// Write, build, check and measure plugins, or manage the plugins of a master.
    Plugin(plugin::Arguments),
}

fn main() -> ExitCode {
    if let Some(code) = easysight_sandbox::compiler_main() {
        return code;
    }
    let arguments = Arguments::parse();
    // The certificate verifier's own messages are off, because the error that follows has the same information.
    let level = if arguments.verbose { "debug" } else { "warn,rustls_platform_verifier=off" };
    let filter = tracing_subscriber::EnvFilter::new(level);
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).without_time().init();
    run(&arguments.command).unwrap_or_else(|error| {
        eprintln!("easysight: {error:#}");
        ExitCode::from(exit::FAILED)
    })
}

fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Diagnose(arguments) => diagnose::run(arguments),
        Command::Camera(arguments) => camera::run(arguments),
        Command::Task(arguments) => wait_for(task::run(arguments)),
        Command::Worker(arguments) => wait_for(worker::run(arguments)),
        Command::Audit(arguments) => wait_for(audit::run(arguments)),
        Command::Replay(arguments) => wait_for(replay::run(arguments)),
        Command::Plugin(arguments) => plugin::run(arguments),
    }
}

/// Runs a command that talks to a master. Such commands send one request at a time, so one thread is enough.
pub(crate) fn wait_for(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime does not start")?;
    runtime.block_on(command)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_contradict_nothing() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_master_may_be_named_before_and_behind_the_verb() {
        for words in [
            ["easysight", "camera", "--master", "http://there", "list"],
            ["easysight", "camera", "list", "--master", "http://there"],
            ["easysight", "plugin", "list", "--format", "json"],
            ["easysight", "plugin", "check", "--format", "json"],
        ] {
            assert!(Arguments::try_parse_from(words).is_ok(), "{words:?}");
        }
    }
}
