//! `easysight plugin shadow`: runs a candidate beside the active version on live jobs, and compares the two.

use clap::Subcommand;
use comfy_table::{Cell, Color, Table};
use easysight_protocol::{MeanCost, ShadowDiagnosis, ShadowReport};
use reqwest::Method;

use super::{Choice, choose, published, switch, tables};
use crate::{
    listing,
    listing::Format,
    master::{Master, Remote},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a plugin beside the active one from the next run on. Its findings have no effect.
    Start(Choice),
    /// Stop running a plugin beside the active one. Its findings stay.
    Stop(Candidate),
    /// Compare a plugin with the active one, and show where their verdicts differ.
    Show(Candidate),
}

/// A candidate.
#[derive(Debug, clap::Args)]
pub(super) struct Candidate {
    #[command(flatten)]
    remote: Remote,
    /// The start of the plugin's digest (at least 4 digits), or its name and version, such as freeze@1.1.0.
    #[arg(value_name = "DIGEST_PREFIX|NAME@VERSION")]
    plugin: String,
}

pub(super) async fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Start(choice) => switch(choice, "shadow").await,
        Command::Stop(candidate) => {
            let (master, digest) = candidate.find().await?;
            master.done(master.request(Method::DELETE, &["plugins", &digest, "shadow"])?).await?;
            let mut now = published(&master).await?;
            now.retain(|plugin| plugin.digest == digest);
            candidate.remote.format.list(&now, "", tables::plugins)
        }
        Command::Show(candidate) => {
            let (master, digest) = candidate.find().await?;
            let report: ShadowReport = master.get(&["plugins", &digest, "shadow"]).await?;
            let format = candidate.remote.format;
            if format == Format::Table && report.diagnoses.is_empty() {
                let none =
                    "this plugin was never a candidate; start a trial with `easysight plugin shadow start`";
                return format.say(&report, none);
            }
            format.show(&report, summary)?;
            if format == Format::Table && !report.differences.is_empty() {
                format.show(&report, differences)?;
            }
            Ok(())
        }
    }
}

impl Candidate {
    async fn find(&self) -> anyhow::Result<(Master, String)> {
        let master = self.remote.master()?;
        let plugins = published(&master).await?;
        let digest = choose::plugin(&plugins, &self.plugin)?.digest.clone();
        Ok((master, digest))
    }
}

fn summary(report: &ShadowReport) -> Table {
    let head = ["diagnosis", "since", "compared", "same verdict", "changes", "fuel per run", "ms per run"];
    let mut table = listing::table(&head);
    for one in &report.diagnoses {
        let changes: Vec<_> = one
            .changes
            .iter()
            .map(|change| format!("{} × {} → {}", change.count, change.active, change.candidate))
            .collect();
        let changed = listing::cell(&if changes.is_empty() { "–".to_owned() } else { changes.join("\n") });
        table.add_row([
            listing::cell(&one.diagnosis),
            Cell::new(one.since.map_or_else(|| "ended".to_owned(), listing::time)),
            Cell::new(one.compared),
            Cell::new(agreement(one)),
            if changes.is_empty() { changed } else { changed.fg(Color::Yellow) },
            Cell::new(costs(one, |cost| format!("{:.0}", cost.fuel))),
            Cell::new(costs(one, |cost| format!("{:.1}", cost.compute_ms))),
        ]);
    }
    table
}

fn agreement(one: &ShadowDiagnosis) -> String {
    if one.compared == 0 {
        return "–".to_owned();
    }
    format!("{:.1} %", 100.0 * one.agreed as f64 / one.compared as f64)
}

fn costs(one: &ShadowDiagnosis, of: impl Fn(&MeanCost) -> String) -> String {
    format!("{} → {}", of(&one.active), of(&one.candidate))
}

fn differences(report: &ShadowReport) -> Table {
    let mut table =
        listing::table(&["when", "camera", "diagnosis", "active", "candidate", "candidate's message"]);
    for one in &report.differences {
        table.add_row([
            Cell::new(listing::time(one.created_at)),
            listing::cell(one.camera_id.as_deref().unwrap_or("–")),
            listing::cell(&one.candidate.diagnosis),
            listing::cell(&one.active),
            listing::cell(one.candidate.word()),
            listing::cell(&one.candidate.message.en),
        ]);
    }
    table
}
