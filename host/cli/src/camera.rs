//! `easysight camera`: the cameras of a master, and the check of a camera from this machine.

mod check;
mod import;

use std::process::ExitCode;

use clap::Subcommand;
use comfy_table::{Cell, Color, Table};
use easysight_protocol::{BaselineReset, Camera, CameraRequest, Lost};
use reqwest::Method;
use serde_json::json;

use crate::{
    findings, label, listing,
    master::{Master, Remote},
};

/// The path of cameras in the API.
const CAMERAS: [&str; 2] = ["diagnosis", "cameras"];

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the cameras and their last state.
    List {
        /// Show only the cameras of this group.
        #[arg(long, value_name = "GROUP")]
        group: Option<String>,
        /// Show only the cameras that give no picture.
        #[arg(long)]
        lost: bool,
    },
    /// Show one camera.
    Show {
        /// The camera's id.
        id: String,
    },
    /// Add a camera.
    Add(Add),
    /// Remove a camera.
    Remove {
        /// The camera's id.
        id: String,
    },
    /// Delete what plugins have learnt about a camera, so that they learn it again. Use this after the camera was
    /// turned, moved or cleaned.
    ResetBaseline {
        /// The camera's id.
        id: String,
        /// Reset only the plugin of this name, such as `occlusion`.
        #[arg(long, value_name = "NAME")]
        plugin: Option<String>,
    },
    /// Add and update cameras from a CSV file.
    Import(import::Arguments),
    /// Check one camera from this machine, without a master, and show every request and answer step by step.
    Check(check::Arguments),
}

#[derive(Debug, clap::Args)]
struct Add {
    /// The camera's id for programs: 1 to 128 letters, digits, `.`, `_`, `-`. If no id is given, the master makes one.
    #[arg(long)]
    id: Option<String>,
    /// The camera's name for people.
    #[arg(long)]
    name: String,
    /// The source of the picture: rtsp://, http://, https://, or a file that the workers may read.
    #[arg(long, value_name = "URI")]
    source: String,
    /// A label of the camera; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = label::parse)]
    label: Vec<(String, String)>,
    /// A group of the camera; may be repeated.
    #[arg(long, value_name = "GROUP")]
    group: Vec<String>,
}

impl Add {
    fn request(&self) -> anyhow::Result<CameraRequest> {
        Ok(CameraRequest {
            id: self.id.clone(),
            name: self.name.clone(),
            source: self.source.clone(),
            enabled: true,
            labels: label::collect(&self.label)?,
            groups: self.group.clone(),
        })
    }
}

/// Runs the command. Returns the exit code.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::Check(camera) => check::run(camera, arguments.remote.format),
        _ => crate::wait_for(manage(arguments)),
    }
}

async fn manage(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let master = arguments.remote.master()?;
    let format = arguments.remote.format;
    match &arguments.command {
        Command::List { group, lost } => {
            let mut query: Vec<_> = group.iter().map(|group| ("group", group.as_str())).collect();
            query.extend(lost.then_some(("lost", "true")));
            let cameras: Vec<Camera> = master.list(&CAMERAS, &query, usize::MAX).await?;
            format.list(&cameras, "there are no cameras; add one with `easysight camera add`", table)?;
        }
        Command::Show { id } => {
            let camera: Camera = master.get(&one(id)).await?;
            format.show(&camera, details)?;
        }
        Command::Add(add) => {
            let camera = create(&master, &add.request()?).await?;
            format.show(&camera, details)?;
        }
        Command::Remove { id } => {
            master.done(master.request(Method::DELETE, &one(id))?).await?;
            format.say(&json!({ "removed": id }), &format!("camera {id} removed"))?;
        }
        Command::ResetBaseline { id, plugin } => {
            let path = ["diagnosis", "cameras", id.as_str(), "baseline", "reset"];
            let query: Vec<_> = plugin.iter().map(|name| ("plugin", name)).collect();
            let reset: BaselineReset =
                master.answer(master.request(Method::POST, &path)?.query(&query)).await?;
            let words = format!("camera {id}: {} baselines reset", reset.removed);
            format.say(&json!({ "camera": id, "removed": reset.removed }), &words)?;
        }
        Command::Import(file) => return import::run(&master, format, file).await,
        // This command needs no master.
        Command::Check(_) => {}
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(master: &Master, request: &CameraRequest) -> anyhow::Result<Camera> {
    Ok(master.answer(master.request(Method::POST, &CAMERAS)?.json(request)).await?)
}

const fn one(id: &str) -> [&str; 3] {
    ["diagnosis", "cameras", id]
}

fn table(cameras: &[Camera]) -> Table {
    let mut table =
        listing::table(&["id", "name", "status", "checked", "lost", "source", "groups", "labels"]);
    for camera in cameras {
        table.add_row([
            listing::cell(&camera.id),
            listing::cell(&camera.name),
            status(camera),
            Cell::new(listing::maybe_time(camera.checked_at)),
            listing::cell(&camera.lost.as_ref().map_or_else(String::new, lost_in_short)),
            listing::cell(&camera.source),
            listing::cell(&camera.groups.join(", ")),
            listing::cell(&label::in_words(&camera.labels)),
        ]);
    }
    table
}

fn status(camera: &Camera) -> Cell {
    match camera.status {
        _ if !camera.enabled => Cell::new("disabled").fg(Color::DarkGrey),
        Some(status) => Cell::new(status).fg(findings::colour(status)),
        None => Cell::new("–"),
    }
}

/// Formats why and since when a camera gives no picture, and the time at which it is asked for one again.
fn lost_in_short(lost: &Lost) -> String {
    let (since, next) = (listing::time(lost.since), listing::time(lost.next_full_look_at));
    format!("{} since {since}, next full look {next}", lost.reason)
}

fn lost_in_full(lost: &Lost) -> String {
    format!(
        "since {}: {}, {}\npictures requested: {}, last {}; the first check after {} requests the next one\n\
         (earlier checks only test whether the camera accepts a connection)",
        listing::time(lost.since),
        lost.reason,
        if lost.connects { "accepts connections" } else { "accepts no connection" },
        lost.looks,
        listing::time(lost.looked_at),
        listing::time(lost.next_full_look_at)
    )
}

fn details(camera: &Camera) -> Table {
    listing::details([
        ("id", camera.id.clone()),
        ("name", camera.name.clone()),
        ("source", camera.source.clone()),
        ("enabled", if camera.enabled { "yes" } else { "no" }.to_owned()),
        ("groups", listing::joined(&camera.groups)),
        ("labels", label::in_words(&camera.labels)),
        ("status", camera.status.map_or_else(|| "–".to_owned(), |status| status.to_string())),
        ("checked", listing::maybe_time(camera.checked_at)),
        ("lost", camera.lost.as_ref().map_or_else(|| "no".to_owned(), lost_in_full)),
        (
            "last good picture",
            camera.last_good_picture.as_ref().map_or_else(
                || "–".to_owned(),
                |good| format!("{} ({})", good.digest, listing::time(good.taken_at)),
            ),
        ),
        ("created", listing::time(camera.created_at)),
        ("updated", listing::time(camera.updated_at)),
    ])
}
