//! Compares the same plugin in several languages: its size, and the time to compile, start and run it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use comfy_table::{Table, presets::ASCII_MARKDOWN};
use easysight_capture::{CaptureConfig, Capturer, Clip, Source};
use easysight_diagnose::{Plan, PluginSet};
use easysight_sandbox::{Limits, Plugin, RunInput, Sandbox, SandboxConfig};

use crate::{MEBIBYTE, build_pyramid, media, median};

/// The width and height of the picture.
const SIZE: &str = "640x360";
/// The number of starts from the cache, each with a new engine.
const STARTS: usize = 11;

/// Measures each component of a directory and prints a table.
pub(crate) fn run(dir: &Path, clip: Option<&Path>, runs: usize) -> anyhow::Result<()> {
    let work = tempfile::tempdir()?;
    let file = match clip {
        Some(file) => file.to_owned(),
        None => media::make_clip_of(work.path(), SIZE)?,
    };
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header([
        "component",
        "component, MB",
        "compiled, MB",
        "first compilation, s",
        "ready from the cache, ms",
        "fresh instance and `describe`, ms",
        "memory, MiB",
        "fuel per frame",
        "run, ms per frame",
    ]);
    let mut files: Vec<PathBuf> =
        fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|suffix| suffix == "wasm"));
    files.sort();
    for component in &files {
        table.add_row(measure(component, &file, runs).with_context(|| component.display().to_string())?);
    }
    println!("{table}");
    Ok(())
}

fn measure(component: &Path, file: &Path, runs: usize) -> anyhow::Result<Vec<String>> {
    let bytes = fs::read(component)?;
    let cache = tempfile::tempdir()?;
    let config = SandboxConfig { cache_dir: Some(cache.path().to_owned()), ..SandboxConfig::default() };
    let sandbox = Sandbox::new(config.clone())?;
    let started = Instant::now();
    sandbox.load(&bytes)?;
    let compilation = started.elapsed();
    drop(sandbox);

    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let sandbox = Sandbox::new(config.clone())?;
        let started = Instant::now();
        sandbox.load(&bytes)?;
        starts.push(started.elapsed());
    }
    let sandbox = Sandbox::new(config)?;
    let plugin = sandbox.load(&bytes)?;
    let mut instances = Vec::new();
    for _ in 0..runs {
        let started = Instant::now();
        plugin.probe()?;
        instances.push(started.elapsed());
    }
    let clip = capture(&sandbox, component, file)?;
    let mut times = Vec::new();
    let (mut fuel, mut memory) = (0, 0);
    for _ in 0..runs {
        let outcome = judge(&plugin, &clip)?;
        outcome.result?;
        times.push(outcome.elapsed);
        (fuel, memory) = (outcome.fuel, outcome.memory_bytes);
    }
    let name = component.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let megabytes = |bytes: u64| format!("{:.2}", bytes as f64 / 1e6);
    let milliseconds = |time: Duration| format!("{:.2}", time.as_secs_f64() * 1e3);
    Ok(vec![
        name,
        megabytes(bytes.len() as u64),
        megabytes(compiled_bytes(cache.path())?),
        format!("{:.1}", compilation.as_secs_f64()),
        milliseconds(median(starts)),
        milliseconds(median(instances)),
        format!("{:.1}", memory as f64 / MEBIBYTE),
        fuel.to_string(),
        milliseconds(median(times)),
    ])
}

fn judge(plugin: &Plugin, clip: &Arc<Clip>) -> anyhow::Result<easysight_sandbox::RunOutcome> {
    let config = plugin.resolve_config(None)?;
    Ok(plugin.run(RunInput { clip: Arc::clone(clip), config, limits: Limits::default(), baseline: None }))
}

/// Captures the clip that this plugin requests.
fn capture(sandbox: &Sandbox, component: &Path, file: &Path) -> anyhow::Result<Arc<Clip>> {
    let alone = tempfile::tempdir()?;
    fs::copy(component, alone.path().join("plugin.wasm"))?;
    let (plugins, _) = PluginSet::load(sandbox, alone.path(), None)?;
    let plan = Plan::new(&plugins, &[], &std::collections::BTreeMap::new(), Limits::default())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let capturer = Capturer::new(CaptureConfig::default());
    let clip = Arc::new(runtime.block_on(capturer.capture(&Source::from(file), plan.request()))?);
    build_pyramid(&clip);
    Ok(clip)
}

fn compiled_bytes(cache: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(cache)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}
