//! `easysight audit`: what people changed on a master.

use std::{
    fs::File,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Subcommand, ValueEnum};
use comfy_table::{Cell, Table};
use easysight_protocol::{ActorKind, AuditActor, AuditEntry, AuditOutcome, AuditWay};
use reqwest::Method;

use crate::{
    listing,
    master::{Master, Remote},
};

/// The time limit of an export. The export of a long log over a slow link takes minutes.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(3_600);

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
    /// List changes, latest first.
    List {
        #[command(flatten)]
        filter: Filter,
        /// The largest number of changes to list.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Write all changes that the filters select, latest first, for a spreadsheet or a program.
    Export {
        #[command(flatten)]
        filter: Filter,
        /// The format of the output.
        #[arg(long = "as", value_enum, default_value = "csv")]
        kind: Kind,
        /// Write to this file [default: standard output].
        #[arg(long)]
        out: Option<PathBuf>,
    },
}

/// Which changes to select.
#[derive(Debug, clap::Args)]
struct Filter {
    /// Only changes by the caller with this id or name.
    #[arg(long)]
    who: Option<String>,
    /// Only this action, such as `camera.update`, or this kind of object, such as `camera`.
    #[arg(long)]
    action: Option<String>,
    /// Only changes of the object with this id.
    #[arg(long)]
    object: Option<String>,
    /// Only changes at this time or later, such as 2026-11-30T08:00:00+08:00.
    #[arg(long, value_name = "TIME")]
    since: Option<DateTime<Utc>>,
    /// Only changes before this time.
    #[arg(long, value_name = "TIME")]
    until: Option<DateTime<Utc>>,
    /// Only changes in which this text occurs.
    #[arg(long)]
    text: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A table for spreadsheets.
    Csv,
    /// One JSON object in each line.
    Ndjson,
}

impl Filter {
    /// Returns the query of the request.
    fn query(&self) -> Vec<(&'static str, String)> {
        let time = |at: Option<DateTime<Utc>>| at.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true));
        let all = [
            ("who", self.who.clone()),
            ("action", self.action.clone()),
            ("object", self.object.clone()),
            ("since", time(self.since)),
            ("until", time(self.until)),
            ("q", self.text.clone()),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// Runs the command. Returns the exit code.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let master = arguments.remote.master()?;
    match &arguments.command {
        Command::List { filter, limit } => {
            let query = filter.query();
            let query: Vec<_> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let entries: Vec<AuditEntry> = master.list(&["audit"], &query, *limit).await?;
            arguments.remote.format.list(&entries, "no changes were found", table)?;
        }
        Command::Export { filter, kind, out } => match out {
            Some(path) => {
                let mut file = File::create(path).with_context(|| path.display().to_string())?;
                export(&master, filter, *kind, &mut file).await?;
                file.sync_all().with_context(|| path.display().to_string())?;
            }
            None => export(&master, filter, *kind, &mut io::stdout()).await?,
        },
    }
    Ok(ExitCode::SUCCESS)
}

async fn export(master: &Master, filter: &Filter, kind: Kind, out: &mut impl Write) -> anyhow::Result<()> {
    let format = match kind {
        Kind::Csv => "csv",
        Kind::Ndjson => "ndjson",
    };
    let request =
        master.request(Method::GET, &["audit"])?.query(&filter.query()).query(&[("format", format)]);
    master.copy(request.timeout(EXPORT_TIMEOUT), out).await
}

fn table(entries: &[AuditEntry]) -> Table {
    let mut table = listing::table(&["time", "who", "from", "action", "object", "changed"]);
    for entry in entries {
        let object = entry.object.id.as_deref().unwrap_or(&entry.object.kind);
        table.add_row([
            Cell::new(listing::time(entry.at)),
            listing::cell(&who(&entry.actor)),
            listing::cell(&from(entry)),
            listing::cell(&entry.action),
            listing::cell(object),
            listing::cell(&changed(entry)),
        ]);
    }
    table
}

fn who(actor: &AuditActor) -> String {
    let name = actor.name.as_ref().or(actor.id.as_ref());
    match (actor.kind, name) {
        (ActorKind::Anybody, _) => "anybody".to_owned(),
        (ActorKind::Token, Some(name)) => format!("token {name}"),
        (ActorKind::CommandLine, Some(name)) => format!("{name} on the master's machine"),
        (ActorKind::User, Some(name)) => name.clone(),
        (ActorKind::Token | ActorKind::User | ActorKind::CommandLine, None) => "unknown".to_owned(),
    }
}

fn from(entry: &AuditEntry) -> String {
    let way = match entry.way {
        AuditWay::Api => "API",
        AuditWay::Console => "console",
        AuditWay::Cli => "command line",
    };
    match &entry.address {
        Some(address) => format!("{way}, {address}"),
        None => way.to_owned(),
    }
}

/// Names the fields that differ.
fn changed(entry: &AuditEntry) -> String {
    if entry.outcome == AuditOutcome::Refused {
        return "nothing: refused".to_owned();
    }
    let mut fields: Vec<&String> =
        entry.before.iter().chain(&entry.after).flat_map(|one| one.keys()).collect();
    fields.sort();
    fields.dedup();
    fields.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry() -> AuditEntry {
        serde_json::from_value(json!({
            "id": "01890000-0000-7000-8000-000000000001", "at": "2026-11-30T00:00:00Z",
            "actor": {"kind": "token", "id": "7", "name": "小林"}, "way": "console", "address": "10.0.0.9",
            "forwarded_for": null, "request_id": null, "action": "camera.update",
            "object": {"kind": "camera", "id": "gate"}, "outcome": "done",
            "before": {"name": "Gate", "enabled": true}, "after": {"name": "Door", "labels": {}},
        }))
        .unwrap()
    }

    #[test]
    fn a_row_says_who_changed_which_fields_from_where() {
        let one = entry();
        assert_eq!(who(&one.actor), "token 小林");
        assert_eq!(from(&one), "console, 10.0.0.9");
        assert_eq!(changed(&one), "enabled, labels, name");
        let shown = table(&[one]).to_string();
        assert!(shown.contains("camera.update") && shown.contains("gate"), "{shown}");
        let refused = AuditEntry { outcome: AuditOutcome::Refused, ..entry() };
        assert_eq!(changed(&refused), "nothing: refused");
    }

    #[test]
    fn a_filter_sends_only_what_was_given() {
        let since = Some("2026-11-30T08:00:00+08:00".parse().unwrap());
        let filter =
            Filter { who: Some("me".into()), action: None, object: None, since, until: None, text: None };
        let wanted = [("who", "me".to_owned()), ("since", "2026-11-30T00:00:00.000Z".to_owned())];
        assert_eq!(filter.query(), wanted);
    }
}
