//! `easysight plugin test`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use comfy_table::{Cell, Color, Table};
use easysight_author::{CaseOutcome, Cases, Workshop};

use super::author::{Output, Tools};
use crate::{exit, listing};

/// The default file of the cases.
const CASES: &str = "cases.toml";

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The plugin's folder, which is built if necessary, or its component (.wasm).
    #[arg(default_value = ".", value_name = "DIR|FILE")]
    plugin: PathBuf,
    /// The file of the cases. Default: cases.toml in the folder.
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
    #[command(flatten)]
    tools: Tools,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let beside =
        if arguments.plugin.is_dir() { Some(arguments.plugin.as_path()) } else { arguments.plugin.parent() };
    let file =
        arguments.cases.clone().unwrap_or_else(|| beside.map_or_else(|| CASES.into(), |dir| dir.join(CASES)));
    // Errors in the cases are reported before anything is built.
    let cases = Cases::read(&file)?;
    let workshop = arguments.tools.workshop()?;
    let (component, bytes) = Workshop::component(&arguments.plugin)?;
    let plugin = workshop.load(&component, &bytes)?;
    let mut outcomes = Vec::new();
    for case in &cases.cases {
        let place = || format!("{}:{}: {}", file.display(), case.line, case.name);
        outcomes.push(case.run(&workshop, &plugin).with_context(place)?);
    }
    arguments.output.format.list(&outcomes, "there is no case", table)?;
    let passed = outcomes.iter().all(|outcome| outcome.passed);
    Ok(ExitCode::from(if passed { exit::SUCCESS } else { exit::ABNORMAL }))
}

fn table(outcomes: &[CaseOutcome]) -> Table {
    let mut table = listing::table(&["line", "case", "", "found", "not as expected"]);
    for outcome in outcomes {
        let found = outcome.findings.iter().map(|finding| {
            let failure = finding.failure.as_ref().map(|failure| failure.kind.clone());
            let judged =
                finding.status.map(|status| format!("{status} {:.0}", finding.score.unwrap_or_default()));
            format!("{} {}", finding.diagnosis, judged.or(failure).unwrap_or_default())
        });
        let found: Vec<String> = found.collect();
        let (word, colour) = if outcome.passed { ("pass", Color::Green) } else { ("FAIL", Color::Red) };
        table.add_row([
            Cell::new(outcome.line),
            listing::cell(&outcome.name),
            Cell::new(word).fg(colour),
            listing::cell(&found.join("\n")),
            listing::cell(&outcome.offences.join("\n")),
        ]);
    }
    table
}
