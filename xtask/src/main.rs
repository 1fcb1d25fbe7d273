//! The developer's commands: `cargo xtask …`.

mod bench;
mod browser;
mod console;
mod demo;
mod guest;
mod languages;
mod packages;
mod plugins;
mod process;
mod report;
mod setup;
mod test;
mod train;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", about = "EasySight's developer commands")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prepare this machine to build plugins. Other commands do this if needed.
    Setup,
    /// Build the standard plugins into target/plugins.
    Plugins,
    /// Build the web console into the files that the master embeds. This needs Node.js.
    Console,
    /// Test the web console in Chromium, with a master, a worker and synthetic cameras.
    Browser(browser::Arguments),
    /// Run a master and two workers, and diagnose synthetic cameras or your own.
    Demo(demo::Arguments),
    /// Check the format, run the lints and all tests, and install everything that they need.
    Test(test::Arguments),
    /// Measure the costs of the sandbox, of checks and of dispatching jobs.
    Bench(bench::Arguments),
    /// Measure how well the diagnoses distinguish faulty pictures from healthy ones, or make pictures of the console.
    Report(report::Arguments),
    /// Train the network of the diagnoses that have a learned part.
    Train(train::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Setup => setup::run().map(|()| ExitCode::SUCCESS),
        Command::Plugins => plugins::build().map(|_| ExitCode::SUCCESS),
        Command::Console => console::build().map(|()| ExitCode::SUCCESS),
        Command::Browser(arguments) => browser::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Train(arguments) => train::run(&arguments),
    };
    done.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}
