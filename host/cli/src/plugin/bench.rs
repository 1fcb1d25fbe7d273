//! `easysight plugin bench`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use comfy_table::{Cell, CellAlignment, Table};
use easysight_author::{Measured, Picture, Profile, Rendering, Share, Spread, Workshop, bench, profile};
use easysight_capture::Clip;
use easysight_diagnose::Plan;
use easysight_sandbox::Plugin;
use serde::Serialize;

use super::author::{self, Output, Tools};
use crate::listing;

/// The picture size of an ordinary camera, used if no clip is given.
const SIZE: (u32, u32) = (1280, 720);
/// The maximum number of functions in the table of a profile.
const SHOWN: usize = 25;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A component (.wasm), or a plugin's folder, which is built if necessary.
    #[arg(default_value = ".", value_name = "FILE|DIR")]
    plugin: PathBuf,
    /// A file or address to take the clip from. Default: a rendered street.
    #[arg(long, value_name = "SOURCE")]
    clip: Option<String>,
    /// Configuration: a JSON object, or @FILE with one.
    #[arg(long, value_name = "JSON|@FILE")]
    config: Option<String>,
    /// Number of measured runs.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    runs: u16,
    /// List the functions that use the fuel.
    #[arg(long)]
    profile: bool,
    /// The file for the profile, for profiler.firefox.com.
    #[arg(long, value_name = "FILE", requires = "profile")]
    out: Option<PathBuf>,
    #[command(flatten)]
    tools: Tools,
    #[command(flatten)]
    output: Output,
}

/// The output for programs.
#[derive(Debug, Serialize)]
struct Answer {
    plugin: String,
    measured: Measured,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<Burnt>,
}

#[derive(Debug, Serialize)]
struct Burnt {
    samples: usize,
    functions: Vec<Share>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let workshop = arguments.tools.workshop()?;
    let (file, bytes) = Workshop::component(&arguments.plugin)?;
    let plugin = workshop.load(&file, &bytes)?;
    let config = author::config(arguments.config.as_deref(), &author::diagnoses(&plugin))?;
    let plan = Workshop::plan(&plugin, config.as_ref())?;
    let clip = clip(arguments, &workshop, &plan, &plugin)?;
    let selected = plan.selected().first().context("the plan is empty")?;
    let measured = bench(&plugin, &clip, &selected.config, arguments.runs.into());
    let descriptor = plugin.descriptor();
    let name = format!("{} {}", descriptor.name, descriptor.version);
    let profiled = arguments.profile.then(|| profile(&plugin, &clip, &selected.config));
    if let (Some(profiled), Some(out)) = (&profiled, &arguments.out) {
        write(profiled, &name, out)?;
    }
    let profile = profiled.map(|profile| Burnt { samples: profile.samples(), functions: profile.shares() });
    let answer = Answer { plugin: name, measured, profile };
    let format = arguments.output.format;
    format.show(&answer, |answer| costs(&answer.measured))?;
    if let (listing::Format::Table, Some(burnt)) = (format, &answer.profile) {
        format.show(burnt, functions)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn clip(
    arguments: &Arguments,
    workshop: &Workshop,
    plan: &Plan,
    plugin: &Plugin,
) -> anyhow::Result<Arc<Clip>> {
    if let Some(source) = &arguments.clip {
        return Ok(workshop.clip(plan, source)?);
    }
    let street = Rendering { picture: Picture::Street, size: SIZE, frames: 0, interval: Duration::ZERO };
    street.lasting(plugin.descriptor().clip).clip().context("the clip that the plugin requests is too large")
}

fn write(profile: &Profile, name: &str, out: &Path) -> anyhow::Result<()> {
    let text = serde_json::to_vec(&profile.for_firefox(name))?;
    fs::write(out, text).with_context(|| format!("--out {}", out.display()))?;
    eprintln!(
        "easysight: open {} in https://profiler.firefox.com; a unit of fuel is shown as 1 ns",
        out.display()
    );
    Ok(())
}

fn costs(measured: &Measured) -> Table {
    let (width, height) = measured.size;
    let head = format!("{} runs on {width} × {height}, {} frames", measured.runs, measured.frames);
    let mut table = listing::table(&[&head, "least", "median", "most"]);
    let mut row = |what: &str, spread: Spread, scale: f64, digits: usize| {
        let number =
            |value: f64| Cell::new(format!("{:.digits$}", value / scale)).set_alignment(CellAlignment::Right);
        table.add_row([Cell::new(what), number(spread.min), number(spread.median), number(spread.max)]);
    };
    row("fuel", measured.fuel, 1.0, 0);
    row("milliseconds", measured.run_ms, 1.0, 3);
    row("KiB handed over", measured.bytes_handed_over, 1024.0, 0);
    row("KiB of memory", measured.memory_bytes, 1024.0, 0);
    table.add_row([Cell::new("outcome"), listing::cell(&measured.outcome)]);
    table
}

fn functions(burnt: &Burnt) -> Table {
    let head = format!("function ({} samples)", burnt.samples);
    let mut table = listing::table(&["itself", "including calls", &head]);
    for share in burnt.functions.iter().take(SHOWN) {
        let percent =
            |share: f64| Cell::new(format!("{:.1} %", 100.0 * share)).set_alignment(CellAlignment::Right);
        table.add_row([percent(share.own), percent(share.inclusive), listing::cell(&share.function)]);
    }
    table
}
