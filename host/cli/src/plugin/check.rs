//! `easysight plugin check`.

use std::{path::PathBuf, process::ExitCode};

use comfy_table::{Cell, Color, Table};
use easysight_author::{Conformance, Verdict, Workshop};

use super::author::{Output, kib};
use crate::{
    exit,
    listing::{self, Format},
};

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A component (.wasm), or a plugin's folder, which is built if necessary.
    #[arg(default_value = ".", value_name = "FILE|DIR")]
    plugin: PathBuf,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (file, bytes) = Workshop::component(&arguments.plugin)?;
    let found = easysight_author::check(&bytes)?;
    let format = arguments.output.format;
    if format == Format::Table {
        format.show(&found, |found| facts(found, &file.display().to_string()))?;
    }
    format.show(&found, checks)?;
    Ok(ExitCode::from(if found.passed() { exit::SUCCESS } else { exit::ABNORMAL }))
}

fn facts(found: &Conformance, file: &str) -> Table {
    let mut table = listing::table(&[]);
    let mut say = |what: &str, text: String| {
        table.add_row([Cell::new(what), listing::cell(&text)]);
    };
    say("component", file.to_owned());
    say("size", kib(found.size_bytes));
    say("digest", found.digest.clone());
    if let Some(plugin) = &found.plugin {
        say("plugin", format!("{} {}: {}", plugin.name, plugin.version, plugin.diagnoses.join(", ")));
    }
    if let Some(imports) = &found.imports {
        say("imports", imports.join("\n"));
    }
    if let Some(costs) = &found.costs {
        say(
            "ready",
            format!("{:.0} ms the first time, {:.2} ms from the cache", costs.cold_ms, costs.warm_ms),
        );
        say("measured on", costs.clip.clone());
        say(
            "a run",
            format!("{:.1} ms, {} handed over", costs.run_ms, kib(bytes_of(costs.bytes_handed_over))),
        );
        say("fuel", format!("{}, {} per frame", costs.fuel, costs.fuel_per_frame));
        say("memory", kib(costs.memory_bytes));
    }
    table
}

fn bytes_of(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn checks(found: &Conformance) -> Table {
    let mut table = listing::table(&["check", "", "found", "what to do"]);
    for check in &found.checks {
        let (word, colour) = match check.verdict {
            Verdict::Pass => ("pass", Color::Green),
            Verdict::Advice => ("advice", Color::Yellow),
            Verdict::Fail => ("FAIL", Color::Red),
        };
        table.add_row([
            Cell::new(check.name),
            Cell::new(word).fg(colour),
            listing::cell(&check.found),
            listing::cell(&check.advice),
        ]);
    }
    table
}
