//! `easysight camera import`: sends one CSV file with many cameras. The master reads the file. Lines that it
//! refuses are shown with their numbers.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use comfy_table::{Cell, Table};
use reqwest::{Method, header::CONTENT_TYPE};
use serde::{Deserialize, Serialize};

use crate::{
    exit,
    listing::{self, Format},
    master::Master,
};

/// The time limit for the import of a file. It is enough for tens of thousands of lines.
const IMPORT_TIMEOUT: Duration = Duration::from_secs(300);

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The file, with a header line, as a spreadsheet writes it (UTF-8, UTF-16 or GBK; comma, semicolon or tab).
    /// `-` reads standard input.
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,
    /// Change nothing, and show what would be done with each line.
    #[arg(long)]
    dry_run: bool,
}

/// The master's answer to an import.
#[derive(Debug, Serialize, Deserialize)]
struct Imported {
    created: u64,
    updated: u64,
    #[serde(default)]
    refused: Option<u64>,
    #[serde(default)]
    problems: Vec<LineProblem>,
    #[serde(default)]
    encoding: Option<String>,
    #[serde(default)]
    separator: Option<char>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lines: Vec<PlannedLine>,
}

/// What would be done with a line.
#[derive(Debug, Serialize, Deserialize)]
struct PlannedLine {
    line: u64,
    action: String,
    #[serde(default)]
    id: Option<String>,
    name: String,
    source: String,
    #[serde(default)]
    note: Option<String>,
}

/// A line that was not imported.
#[derive(Debug, Serialize, Deserialize)]
struct LineProblem {
    line: u64,
    detail: String,
}

pub(super) async fn run(master: &Master, format: Format, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let csv = read(&arguments.file)?;
    let request = master
        .request(Method::POST, &["diagnosis", "cameras", "import"])?
        .header(CONTENT_TYPE, "text/csv")
        .query(&[("dry_run", arguments.dry_run)])
        .timeout(IMPORT_TIMEOUT)
        .body(csv);
    let imported: Imported = master.answer(request).await?;
    let refused = imported.refused.unwrap_or(imported.problems.len() as u64);
    let begin = if arguments.dry_run { "dry run, nothing changed; an import would give: " } else { "" };
    let counts =
        format!("{begin}{} created, {} updated, {refused} refused", imported.created, imported.updated);
    if arguments.dry_run && format == Format::Table {
        format.list(&imported.lines, "no line would be imported", plan)?;
    }
    format.say(&imported, &counts)?;
    if refused == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    if format == Format::Table {
        format.list(&imported.problems, "", table)?;
    }
    Ok(ExitCode::from(exit::FAILED))
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    if file == Path::new("-") {
        let mut csv = Vec::new();
        io::stdin().lock().read_to_end(&mut csv).context("standard input")?;
        return Ok(csv);
    }
    std::fs::read(file).with_context(|| file.display().to_string())
}

fn plan(lines: &[PlannedLine]) -> Table {
    let mut table = listing::table(&["line", "action", "id", "name", "source", "note"]);
    for line in lines {
        table.add_row([
            Cell::new(line.line),
            listing::cell(&line.action),
            listing::cell(line.id.as_deref().unwrap_or("–")),
            listing::cell(&line.name),
            listing::cell(&line.source),
            listing::cell(line.note.as_deref().unwrap_or_default()),
        ]);
    }
    table
}

fn table(problems: &[LineProblem]) -> Table {
    let mut table = listing::table(&["line", "problem"]);
    for problem in problems {
        table.add_row([Cell::new(problem.line), listing::cell(&problem.detail)]);
    }
    table
}
