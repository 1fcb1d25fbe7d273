//! Compares all standard plugins on a small and on a large picture: the cost of each plugin, and the cost of all
//! plugins compared with the cost of decoding the clip.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use easysight_bench::table::{self, Row};
use easysight_capture::Clip;
use easysight_diagnose::{Plan, PluginSet, Selected};
use easysight_sandbox::{Limits, RunInput};

use crate::{against_decoding, build_pyramid, capture, media, median};

/// The cost of one plugin on one clip.
pub(crate) struct Cost {
    fuel: u64,
    bytes: u64,
    pub(crate) sandboxed: Duration,
    pub(crate) native: Duration,
    /// How the run ended. An `inconclusive` run costs time too.
    said: String,
}

/// Prints the tables.
pub(crate) fn run(plugins: &PluginSet, given: Option<&Path>, runs: usize) -> anyhow::Result<()> {
    let work = tempfile::tempdir()?;
    let files = match given {
        Some(file) => vec![file.to_owned()],
        None => {
            vec![media::make_clip_of(work.path(), "640x360")?, media::make_clip_of(work.path(), "1920x1080")?]
        }
    };
    let plan = Plan::new(plugins, &[], &BTreeMap::new(), Limits::default())?;
    for file in files {
        let clip = capture(&file, &plan)?;
        build_pyramid(&clip);
        on_clip(&plan, &clip, &file, runs)?;
    }
    Ok(())
}

fn on_clip(plan: &Plan, clip: &Arc<Clip>, file: &Path, runs: usize) -> anyhow::Result<()> {
    let frames = clip.frames().len().max(1);
    let info = clip.info();
    println!("{} × {}, {frames} frames", info.width, info.height);
    let mut table = Table::new();
    let heads = [
        "plugin",
        "fuel",
        "MiB handed over",
        "ms per run",
        "µs per frame",
        "native ms",
        "sandbox ÷ native",
        "result",
    ];
    table.load_style(UTF8_FULL_CONDENSED).set_header(heads);
    let (mut sandboxed, mut native) = (Duration::ZERO, Duration::ZERO);
    for selected in plan.selected() {
        let cost = cost(selected, clip, runs)?;
        sandboxed += cost.sandboxed;
        native += cost.native;
        let (ours, theirs) = (cost.sandboxed.as_secs_f64(), cost.native.as_secs_f64());
        table.add_row([
            selected.plugin.descriptor().name.clone(),
            cost.fuel.to_string(),
            format!("{:.2}", cost.bytes as f64 / crate::MEBIBYTE),
            format!("{:.2}", ours * 1e3),
            format!("{:.0}", ours * 1e6 / frames as f64),
            format!("{:.2}", theirs * 1e3),
            format!("{:.2}", ours / theirs),
            cost.said,
        ]);
    }
    println!("{table}");
    let covered = clip.frames().last().map_or(Duration::ZERO, |frame| frame.timestamp);
    let mut rows = vec![tax(sandboxed, native), against_decoding(sandboxed, file, covered)?];
    // The mark of 1 ms per frame applies to small pictures only.
    if info.width <= 640 {
        let a_frame = milliseconds(sandboxed) / frames as f64;
        rows.push(Row::against_mark("all plugins, per frame", a_frame, "ms", 1.0));
    }
    println!("{}", table::render(&rows));
    Ok(())
}

/// Compares all plugins in the sandbox with the same source compiled natively.
pub(crate) fn tax(sandboxed: Duration, native: Duration) -> Row {
    let what = "all plugins: sandbox against native";
    Row::ratio(what, milliseconds(sandboxed), milliseconds(native), "ms", 1.3)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Returns the processor time of this thread, which runs plugins in the sandbox and natively. Elapsed time would
/// be wrong: if a run is longer than a time slice of the scheduler, the elapsed time contains time slices of other
/// threads.
fn spent() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Runs one plugin in the sandbox and natively, in turn.
pub(crate) fn cost(selected: &Selected, clip: &Clip, runs: usize) -> anyhow::Result<Cost> {
    let name = &selected.plugin.descriptor().name;
    let clip = &selected.sees(clip);
    let (mut sandboxed, mut native) = (Vec::new(), Vec::new());
    let mut cost = None;
    for _ in 0..runs.max(1) {
        let started = spent();
        let outcome = selected.plugin.run(RunInput {
            clip: Arc::clone(clip),
            config: Arc::clone(&selected.config),
            limits: selected.limits,
            baseline: None,
        });
        sandboxed.push(spent() - started);
        let started = spent();
        let report = easysight_native::diagnose(name, clip, &selected.config);
        native.push(spent() - started);
        // The report on a test picture does not matter. It must only exist, so that both runs can be compared.
        drop(report.with_context(|| format!("{name} is not a standard plugin"))?);
        let said = outcome.result.map_or_else(|failure| failure.kind().to_owned(), |_| "a report".to_owned());
        cost = Some((outcome.fuel, outcome.bytes_handed_over, said));
    }
    let (fuel, bytes, said) = cost.context("no run")?;
    Ok(Cost { fuel, bytes, sandboxed: median(sandboxed), native: median(native), said })
}
