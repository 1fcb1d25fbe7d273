//! `easysight plugin diff`: runs two versions of a plugin on the same recorded clips and compares their findings.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use comfy_table::{Cell, Color, Table};
use easysight_author::Workshop;
use easysight_diagnose::{Captured, Plan, judge};
use easysight_protocol::Finding;
use serde::Serialize;

use super::author::{self, Output, Tools};
use crate::{exit, listing, listing::Format, sources::expanded};

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The current version: a component, or the folder of a plugin.
    before: PathBuf,
    /// The new version.
    after: PathBuf,
    /// Recorded clips and pictures, addresses, or folders of files.
    #[arg(required = true, value_name = "SOURCE|DIR")]
    sources: Vec<OsString>,
    /// Configuration of both versions: a JSON object, or @FILE with one.
    #[arg(long, value_name = "JSON|@FILE")]
    config: Option<String>,
    /// Show unchanged verdicts in the table, too.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    tools: Tools,
    #[command(flatten)]
    output: Output,
}

/// The verdict of one version.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Said {
    /// The status, or the kind of the failure if there is no status. `nothing` if the version does not have this
    /// diagnosis.
    word: String,
    score: Option<f64>,
    fuel: u64,
}

/// The verdicts on one diagnosis of one source.
#[derive(Debug, PartialEq, Serialize)]
struct Row {
    source: String,
    diagnosis: String,
    before: Said,
    after: Said,
    /// True if the verdicts differ. A different score alone is not a change.
    changed: bool,
}

/// Runs the command. Returns the exit code: 0 if no verdict changes, 1 if a verdict changes, 2 if a source gives no
/// clip.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let workshop = arguments.tools.workshop()?;
    let before = plan(&workshop, &arguments.before, arguments.config.as_deref())?;
    let after = plan(&workshop, &arguments.after, arguments.config.as_deref())?;
    // Both versions judge the same clip.
    let both = Plan::of([before.selected(), after.selected()].concat());
    let (mut rows, mut unseen) = (Vec::new(), 0);
    for meant in expanded(&arguments.sources)? {
        let shown = meant.shown;
        let source = meant.source.with_context(|| shown.clone())?;
        let captured = workshop.capture_of(&both, &source);
        if let Err(error) = &captured.clip {
            eprintln!("easysight: {shown}: {error}");
            unseen += 1;
            continue;
        }
        rows.extend(compare(&shown, &said(&before, &captured), &said(&after, &captured)));
    }
    let changed = rows.iter().filter(|row| row.changed).count();
    let compared = rows.len();
    if arguments.output.format == Format::Table && !arguments.all {
        rows.retain(|row| row.changed);
    }
    arguments.output.format.list(&rows, "no verdict changes", table)?;
    eprintln!("easysight: {changed} of {compared} verdicts change");
    Ok(ExitCode::from(match (unseen, changed) {
        (1.., _) => exit::FAILED,
        (_, 1..) => exit::ABNORMAL,
        _ => exit::SUCCESS,
    }))
}

fn plan(workshop: &Workshop, path: &Path, config: Option<&str>) -> anyhow::Result<Plan> {
    let (file, bytes) = Workshop::component(path)?;
    let plugin = workshop.load(&file, &bytes)?;
    let config = author::config(config, &author::diagnoses(&plugin))?;
    let plan = Workshop::plan(&plugin, config.as_ref());
    plan.with_context(|| file.display().to_string())
}

fn said(plan: &Plan, captured: &Captured) -> BTreeMap<String, Said> {
    let said = |finding: Finding| {
        let word = finding.word().to_owned();
        (finding.diagnosis, Said { word, score: finding.score, fuel: finding.fuel })
    };
    judge(plan, captured).findings.into_iter().map(said).collect()
}

fn compare(source: &str, before: &BTreeMap<String, Said>, after: &BTreeMap<String, Said>) -> Vec<Row> {
    let mut diagnoses: Vec<&String> = before.keys().chain(after.keys()).collect();
    diagnoses.sort();
    diagnoses.dedup();
    let of = |said: &BTreeMap<String, Said>, id: &String| {
        said.get(id).cloned().unwrap_or(Said { word: "nothing".into(), score: None, fuel: 0 })
    };
    let row = |id: &String| {
        let (before, after) = (of(before, id), of(after, id));
        let changed = before.word != after.word;
        Row { source: source.to_owned(), diagnosis: id.clone(), before, after, changed }
    };
    diagnoses.into_iter().map(row).collect()
}

fn table(rows: &[Row]) -> Table {
    let mut table = listing::table(&["source", "diagnosis", "before", "after", "score", "fuel"]);
    for row in rows {
        let score = |said: &Said| said.score.map_or_else(|| "–".to_owned(), |score| format!("{score:.0}"));
        let after = listing::cell(&row.after.word);
        table.add_row([
            listing::cell(&row.source),
            listing::cell(&row.diagnosis),
            listing::cell(&row.before.word),
            if row.changed { after.fg(Color::Yellow) } else { after },
            Cell::new(format!("{} → {}", score(&row.before), score(&row.after))),
            Cell::new(format!("{} → {}", row.before.fuel, row.after.fuel)),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saying(said: &[(&str, &str, f64)]) -> BTreeMap<String, Said> {
        let one = |(id, word, score): &(&str, &str, f64)| {
            ((*id).to_owned(), Said { word: (*word).into(), score: Some(*score), fuel: 1 })
        };
        said.iter().map(one).collect()
    }

    #[test]
    fn another_verdict_is_a_change_and_another_score_is_none() {
        let before = saying(&[("a", "normal", 90.0), ("b", "error", 10.0), ("old", "normal", 99.0)]);
        let after = saying(&[("a", "normal", 70.0), ("b", "normal", 60.0), ("new", "inconclusive", 0.0)]);
        let rows = compare("clip", &before, &after);
        let changed: Vec<_> = rows.iter().map(|row| (row.diagnosis.as_str(), row.changed)).collect();
        assert_eq!(changed, [("a", false), ("b", true), ("new", true), ("old", true)]);
        assert_eq!((rows[2].before.word.as_str(), rows[3].after.word.as_str()), ("nothing", "nothing"));
    }
}
