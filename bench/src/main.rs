//! Measures the costs of the sandbox. Each figure is measured in the same run as the figure with which it is
//! compared. `cargo xtask bench` builds this program and the plugins with optimisation.

mod checks;
mod languages;
mod media;
mod suite;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::Parser;
use easysight_capture::{CaptureConfig, Capturer, Clip, PlaneKind, Source};
use easysight_diagnose::{Plan, PluginSet};
use easysight_sandbox::{Limits, Sandbox, SandboxConfig};

use easysight_bench::table::{self, Row};

const MEBIBYTE: f64 = 1_048_576.0;

/// Measures what the sandbox costs.
#[derive(Debug, Parser)]
struct Arguments {
    /// The directory of the standard plugins, compiled to components.
    #[arg(long, value_name = "DIR")]
    plugins_dir: PathBuf,
    /// The clip to diagnose. By default clips are generated: 1080p H.264, or other sizes with --suite, --checks
    /// and --languages.
    #[arg(long, value_name = "FILE")]
    clip: Option<PathBuf>,
    /// The number of runs of each plugin.
    #[arg(long, value_name = "N", default_value_t = 40)]
    runs: usize,
    /// Measure what each plugin costs on a small and a large picture, instead of the sandbox.
    #[arg(long)]
    suite: bool,
    /// Measure what a whole check of a camera costs, at several sizes and frame rates.
    #[arg(long)]
    checks: bool,
    /// Measure what each component of the directory costs to compile, start and run. Use this option to compare one
    /// plugin in several languages.
    #[arg(long)]
    languages: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    if let Some(code) = easysight_sandbox::compiler_main() {
        return Ok(code);
    }
    let arguments = Arguments::parse();
    if arguments.languages {
        languages::run(&arguments.plugins_dir, arguments.clip.as_deref(), arguments.runs)?;
        return Ok(ExitCode::SUCCESS);
    }
    let work = tempfile::tempdir()?;
    let config = SandboxConfig { cache_dir: Some(work.path().join("compiled")), ..SandboxConfig::default() };
    let sandbox = Sandbox::new(config.clone())?;
    let (plugins, rejected) = PluginSet::load(&sandbox, &arguments.plugins_dir, None)?;
    if let Some(rejected) = rejected.first() {
        bail!("{}: {}", rejected.path.display(), rejected.reason);
    }
    if arguments.suite {
        suite::run(&plugins, arguments.clip.as_deref(), arguments.runs)?;
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.checks {
        checks::run(&plugins, arguments.clip.as_deref(), arguments.runs)?;
        return Ok(ExitCode::SUCCESS);
    }
    let plan = Plan::new(&plugins, &[], &BTreeMap::new(), Limits::default())?;

    let file = match &arguments.clip {
        Some(file) => file.clone(),
        None => media::make_clip(work.path())?,
    };
    let mut rows = Vec::new();
    rows.push(fresh_instance(&plugins)?);
    rows.push(cache_load(&config, &arguments.plugins_dir)?);
    let before = media::resident_bytes()?;
    let clip = capture(&file, &plan)?;
    build_pyramid(&clip);
    let grown = media::resident_bytes()?.saturating_sub(before);
    let (mut sandboxed, mut native) = (Duration::ZERO, Duration::ZERO);
    for selected in plan.selected() {
        let cost = suite::cost(selected, &clip, arguments.runs)?;
        sandboxed += cost.sandboxed;
        native += cost.native;
    }
    rows.push(suite::tax(sandboxed, native));
    let covered = clip.frames().last().map_or(Duration::ZERO, |frame| frame.timestamp);
    rows.push(against_decoding(sandboxed, &file, covered)?);
    rows.push(Row::ratio(
        "memory of a clip, against its decoded bytes",
        grown as f64 / MEBIBYTE,
        clip.decoded_bytes() as f64 / MEBIBYTE,
        "MiB",
        2.0,
    ));
    let info = clip.info();
    println!(
        "clip: {} × {}, {} frames over {:.1} s; plugins: {}",
        info.width,
        info.height,
        clip.frames().len(),
        covered.as_secs_f64(),
        plugins.summaries().iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", ")
    );
    println!("{}", table::render(&rows));
    Ok(ExitCode::SUCCESS)
}

/// Returns the median of some durations.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Measures a fresh instance and its `describe`, the shortest possible call.
fn fresh_instance(plugins: &PluginSet) -> anyhow::Result<Row> {
    let plugin = plugins.plugins().first().context("no plugin")?;
    let mut times = Vec::new();
    for _ in 0..3_000 {
        let started = Instant::now();
        plugin.probe()?;
        times.push(started.elapsed());
    }
    let warm = times.split_off(1_000);
    Ok(Row::against_mark("fresh instance and describe", median(warm).as_secs_f64() * 1e6, "µs", 40.0))
}

/// Measures how long a plugin takes to load from the cache, as after a restart.
fn cache_load(config: &SandboxConfig, dir: &Path) -> anyhow::Result<Row> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.sort();
    let file =
        files.iter().find(|path| path.extension().is_some_and(|e| e == "wasm")).context("no plugin")?;
    let bytes = fs::read(file)?;
    let mut times = Vec::new();
    for _ in 0..60 {
        // A process starts its engine once, so the start is not measured. An engine loads a plugin once, so each
        // measurement needs a new engine.
        let sandbox = Sandbox::new(config.clone())?;
        let started = Instant::now();
        sandbox.load(&bytes)?;
        times.push(started.elapsed());
    }
    Ok(Row::against_mark(
        "plugin ready from the compiled cache",
        median(times).as_secs_f64() * 1e3,
        "ms",
        1.0,
    ))
}

fn capture(file: &Path, plan: &Plan) -> anyhow::Result<Arc<Clip>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let capturer = Capturer::new(CaptureConfig::default());
    let clip = runtime.block_on(capturer.capture(&Source::from(file), plan.request()))?;
    Ok(Arc::new(clip))
}

/// Builds the pyramid in advance. Plugins share the pyramid, so its cost belongs to neither side of a comparison.
fn build_pyramid(clip: &Clip) {
    for frame in (0_u32..).take(clip.frames().len()) {
        for plane in [PlaneKind::Luma, PlaneKind::Cb, PlaneKind::Cr] {
            drop(clip.plane(frame, plane, clip.levels() - 1));
        }
    }
}

/// Compares the time of all plugins with the time to decode the same part of the file on one thread.
fn against_decoding(suite: Duration, file: &Path, covered: Duration) -> anyhow::Result<Row> {
    let mut times = Vec::new();
    for _ in 0..5 {
        times.push(media::decoding_cpu(file, covered)?);
    }
    Ok(Row::ratio(
        "all plugins, against decoding (CPU)",
        suite.as_secs_f64() * 1e3,
        median(times).as_secs_f64() * 1e3,
        "ms",
        0.5,
    ))
}
