//! `easysight plugin`: the plugins of a master, and the commands for authors of plugins.

mod author;
mod bench;
mod build;
mod check;
mod choose;
mod diff;
mod new;
mod push;
mod run;
mod shadow;
mod show;
mod sign;
mod tables;
mod test;

use std::process::ExitCode;

use clap::Subcommand;
use easysight_protocol::{ActivationRequest, PublishedPlugin};
use reqwest::Method;

use crate::master::{Master, MasterError, Remote};

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a plugin: a small folder that builds, with tests and a README.
    New(new::Arguments),
    /// Build the plugin in a folder with the installed tools.
    Build(build::Arguments),
    /// Check whether a master would accept a plugin, and whether the plugin handles unusual clips and settings.
    Check(check::Arguments),
    /// Run the test cases of a file in the sandbox.
    Test(test::Arguments),
    /// Measure what a plugin costs, and which functions use the fuel.
    Bench(bench::Arguments),
    /// Build the plugin in a folder and run it on a source.
    Run(run::Arguments),
    /// Compare the verdicts of two versions on recorded clips.
    Diff(diff::Arguments),
    /// Publish plugins: components (.wasm), which the master checks.
    Push(push::Arguments),
    /// Make a key to sign plugins.
    Keygen(sign::KeygenArguments),
    /// Sign components with a key: writes NAME.wasm.sig beside NAME.wasm, which `push` sends along.
    Sign(sign::SignArguments),
    /// Show who signed components, and whether a trusted key did.
    Verify(sign::VerifyArguments),
    /// List the published plugins and the diagnoses for which they are active.
    List {
        #[command(flatten)]
        remote: Remote,
    },
    /// Show what a published plugin can access, its limits, and what it used.
    Show(show::Arguments),
    /// Try a candidate beside the active version, on live jobs.
    #[command(subcommand)]
    Shadow(shadow::Command),
    /// Make a plugin serve its diagnoses from now on.
    Activate(Choice),
    /// Stop a plugin from serving its diagnoses.
    Deactivate(Choice),
    /// Return to the plugin that served a diagnosis before.
    Rollback {
        #[command(flatten)]
        remote: Remote,
        /// The diagnosis.
        diagnosis: String,
    },
}

#[derive(Debug, clap::Args)]
struct Choice {
    #[command(flatten)]
    remote: Remote,
    /// The start of the plugin's digest (at least 4 digits), or its name and version, such as freeze@1.0.0.
    #[arg(value_name = "DIGEST_PREFIX|NAME@VERSION")]
    plugin: String,
    /// Only this diagnosis of the plugin; may be repeated.
    #[arg(long, value_name = "ID")]
    diagnosis: Vec<String>,
}

/// Runs the command. Returns the exit code. The commands for authors compute on this thread and wait for other
/// programs. The other commands talk to a master.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::New(arguments) => new::run(arguments),
        Command::Build(arguments) => build::run(arguments),
        Command::Check(arguments) => check::run(arguments),
        Command::Test(arguments) => test::run(arguments),
        Command::Bench(arguments) => bench::run(arguments),
        Command::Run(arguments) => run::run(arguments),
        Command::Diff(arguments) => diff::run(arguments),
        Command::Keygen(arguments) => sign::keygen(arguments),
        Command::Sign(arguments) => sign::sign(arguments),
        Command::Verify(arguments) => sign::verify(arguments),
        command => crate::wait_for(manage(command)),
    }
}

async fn manage(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Push(files) => return push::run(files).await,
        Command::List { remote } => {
            let plugins = published(&remote.master()?).await?;
            let none = "no plugins are published; publish one with `easysight plugin push`";
            remote.format.list(&plugins, none, tables::plugins)?;
        }
        Command::Show(arguments) => show::run(arguments).await?,
        Command::Shadow(command) => shadow::run(command).await?,
        Command::Activate(choice) => switch(choice, "activate").await?,
        Command::Deactivate(choice) => switch(choice, "deactivate").await?,
        Command::Rollback { remote, diagnosis } => rollback(remote, diagnosis).await?,
        // These commands need no master.
        Command::New(_)
        | Command::Build(_)
        | Command::Check(_)
        | Command::Test(_)
        | Command::Bench(_)
        | Command::Run(_)
        | Command::Diff(_)
        | Command::Keygen(_)
        | Command::Sign(_)
        | Command::Verify(_) => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Activates or deactivates the chosen plugin, or makes it a candidate, and shows the plugin.
async fn switch(choice: &Choice, verb: &str) -> anyhow::Result<()> {
    let master = choice.remote.master()?;
    let plugins = published(&master).await?;
    let digest = &choose::plugin(&plugins, &choice.plugin)?.digest;
    set(&master, digest, verb, &choice.diagnosis).await?;
    let mut now = published(&master).await?;
    now.retain(|plugin| plugin.digest == *digest);
    choice.remote.format.list(&now, "", tables::plugins)
}

async fn rollback(remote: &Remote, diagnosis: &str) -> anyhow::Result<()> {
    let master = remote.master()?;
    let path = ["plugins", "diagnoses", diagnosis, "rollback"];
    master.done(master.request(Method::POST, &path)?).await?;
    let mut now = published(&master).await?;
    now.retain(|plugin| plugin.active_for.iter().any(|active| active == diagnosis));
    remote.format.list(&now, &format!("no plugin serves {diagnosis} now"), tables::plugins)
}

/// Activates, deactivates or shadows a plugin for these diagnoses, or for all of its diagnoses if none is given.
async fn set(master: &Master, digest: &str, verb: &str, diagnoses: &[String]) -> Result<(), MasterError> {
    let body = ActivationRequest { diagnoses: diagnoses.to_vec() };
    master.done(master.request(Method::POST, &["plugins", digest, verb])?.json(&body)).await
}

async fn published(master: &Master) -> Result<Vec<PublishedPlugin>, MasterError> {
    master.get(&["plugins"]).await
}
