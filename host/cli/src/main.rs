//! EasySight at the terminal.

mod diagnose;

use std::{io, process::ExitCode};

use clap::{Parser, Subcommand};

/// Diagnoses surveillance cameras: too dark, frozen, …
#[derive(Debug, Parser)]
#[command(name = "easysight", version)]
struct Arguments {
    /// Say more on standard error.
    #[arg(short, long, global = true)]
    verbose: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Diagnose cameras, snapshots or files here and now, without a master.
    Diagnose(diagnose::Arguments),
}

fn main() -> ExitCode {
    if let Some(code) = easysight_sandbox::compiler_main() {
        return code;
    }
    let arguments = Arguments::parse();
    let level = if arguments.verbose { tracing::Level::DEBUG } else { tracing::Level::WARN };
    tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).without_time().init();
    match arguments.command {
        Command::Diagnose(arguments) => match diagnose::run(&arguments) {
            Ok(code) => code,
            Err(error) => {
                eprintln!("easysight: {error:#}");
                ExitCode::from(diagnose::EXIT_FAILED)
            }
        },
    }
}
