//! `easysight plugin push`: sends components, and the signatures beside them, to the master. The master checks each
//! component separately: if it refuses one component, the others are published nevertheless.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use easysight_protocol::{COMPONENT_MEDIA_TYPE, PublishedPlugin};
use easysight_trust::signature_beside;
use reqwest::{
    Method, StatusCode,
    header::CONTENT_TYPE,
    multipart::{Form, Part},
};

use super::{set, tables};
use crate::{
    exit,
    listing::Format,
    master::{Master, Remote},
};

/// The time limit for sending a component of some megabytes over a slow line and for compiling it at the master.
const PUSH_TIMEOUT: Duration = Duration::from_secs(300);
/// If a component has at least this size in bytes, a message tells the user that the master compiles it. Such a
/// component contains an interpreter, so compiling it takes a while.
const LARGE: usize = 4 << 20;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    remote: Remote,
    /// The components. The signature beside a component (NAME.wasm.sig) is sent with it.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Activate each plugin for all of its diagnoses at once.
    #[arg(long)]
    activate: bool,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let master = arguments.remote.master()?;
    let format = arguments.remote.format;
    let mut pushed = Vec::new();
    for file in &arguments.files {
        match push(&master, file, arguments).await {
            Ok((plugin, is_new)) => {
                if format == Format::Table && !is_new {
                    eprintln!("easysight: {}: already published", file.display());
                }
                pushed.push(plugin);
            }
            Err(error) => eprintln!("easysight: {}: {error:#}", file.display()),
        }
    }
    let unsigned = pushed.iter().filter(|plugin| plugin.signed_by.is_empty()).count();
    if format == Format::Table && unsigned > 0 {
        let all = pushed.len();
        eprintln!(
            "easysight: {unsigned} of {all} plugins are not signed; workers that require signatures will not run \
             them"
        );
    }
    if format == Format::Json || !pushed.is_empty() {
        format.list(&pushed, "", tables::plugins)?;
    }
    let all = pushed.len() == arguments.files.len();
    Ok(ExitCode::from(if all { exit::SUCCESS } else { exit::FAILED }))
}

/// Publishes one component. Returns the plugin, and false if the master had it already.
async fn push(
    master: &Master,
    file: &Path,
    arguments: &Arguments,
) -> anyhow::Result<(PublishedPlugin, bool)> {
    let component = tokio::fs::read(file).await.context("the file cannot be read")?;
    if arguments.remote.format == Format::Table && component.len() >= LARGE {
        let megabytes = component.len() / 1_000_000;
        eprintln!("easysight: {}: {megabytes} MB; the master is compiling it …", file.display());
    }
    let request = master.request(Method::POST, &["plugins"])?.timeout(PUSH_TIMEOUT);
    let request = match signature_beside(file).context("the signature")? {
        None => request.header(CONTENT_TYPE, COMPONENT_MEDIA_TYPE).body(component),
        Some(signed) => request.multipart(
            Form::new()
                .part("component", Part::bytes(component))
                .text("signature", serde_json::to_string(&signed)?),
        ),
    };
    let (status, mut plugin): (_, PublishedPlugin) = master.status_and_answer(request).await?;
    if arguments.activate {
        set(master, &plugin.digest, "activate", &[]).await.context("published, but not activated")?;
        plugin = master.get(&["plugins", &plugin.digest]).await?;
    }
    Ok((plugin, status == StatusCode::CREATED))
}
