//! `easysight plugin`: what a master's workers judge with, and what an author does before it gets there.

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
    /// Begin a plugin: a small folder that builds, with tests and a README.
    New(new::Arguments),
    /// Build the plugin of a folder with the tools that are there.
    Build(build::Arguments),
    /// See whether a master would take a plugin, and whether it bears odd clips and settings.
    Check(check::Arguments),
    /// Run the cases of a file in the sandbox.
    Test(test::Arguments),
    /// Measure what a plugin costs, and which functions burn the fuel.
    Bench(bench::Arguments),
    /// Build the plugin of a folder and run it on a source.
    Run(run::Arguments),
    /// Compare two versions on recorded clips: what would have been found otherwise.
    Diff(diff::Arguments),
    /// Publish plugins: components (.wasm), which the master vets.
    Push(push::Arguments),
    /// Make a key that signs plugins.
    Keygen(sign::KeygenArguments),
    /// Vouch for components with a key: writes NAME.wasm.sig beside NAME.wasm, which push takes along.
    Sign(sign::SignArguments),
    /// Say who vouches for components, and whether a trusted key does.
    Verify(sign::VerifyArguments),
    /// List the published plugins and what they are active for.
    List {
        #[command(flatten)]
        remote: Remote,
    },
    /// Show what a published plugin can reach, what it may use, and what it used.
    Show(show::Arguments),
    /// Try a candidate beside the active version, on live jobs.
    #[command(subcommand)]
    Shadow(shadow::Command),
    /// Let a plugin serve its diagnoses from now on.
    Activate(Choice),
    /// Let a plugin serve its diagnoses no more.
    Deactivate(Choice),
    /// Let the plugin serve a diagnosis that served it before.
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
    /// The start of its digest (4 digits at least), or its name and version, such as freeze@1.0.0.
    #[arg(value_name = "DIGEST_PREFIX|NAME@VERSION")]
    plugin: String,
    /// Only this diagnosis of it; may be repeated.
    #[arg(long, value_name = "ID")]
    diagnosis: Vec<String>,
}

/// Runs the command; answers with the exit code. An author's commands compute on this thread and wait for
/// other programs; the others talk to a master.
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
            let none = "no plugin is published: publish one with `easysight plugin push`";
            remote.format.list(&plugins, none, tables::plugins)?;
        }
        Command::Show(arguments) => show::run(arguments).await?,
        Command::Shadow(command) => shadow::run(command).await?,
        Command::Activate(choice) => switch(choice, "activate").await?,
        Command::Deactivate(choice) => switch(choice, "deactivate").await?,
        Command::Rollback { remote, diagnosis } => rollback(remote, diagnosis).await?,
        // These need no master.
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

/// Activates or deactivates the plugin that was chosen, or begins a shadow, and shows it.
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

/// Activates, deactivates or shadows a plugin for these diagnoses, or for all of its own where none is named.
async fn set(master: &Master, digest: &str, verb: &str, diagnoses: &[String]) -> Result<(), MasterError> {
    let body = ActivationRequest { diagnoses: diagnoses.to_vec() };
    master.done(master.request(Method::POST, &["plugins", digest, verb])?.json(&body)).await
}

async fn published(master: &Master) -> Result<Vec<PublishedPlugin>, MasterError> {
    master.get(&["plugins"]).await
}
