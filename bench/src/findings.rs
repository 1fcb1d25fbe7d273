//! Real findings of the standard diagnoses for a clip, with all their messages and metrics.

use std::{collections::BTreeMap, path::Path, process::Command};

use anyhow::{Context, bail};
use easysight_capture::{CaptureConfig, Capturer, Source};
use easysight_diagnose::{Plan, PluginSet, capture, judge};
use easysight_sandbox::{Limits, Sandbox, SandboxConfig};
use serde_json::Value;

/// Returns the findings of all standard diagnoses for a generated clip.
///
/// # Errors
///
/// Returns an error if ffmpeg makes no clip, or if a plugin cannot be loaded.
pub async fn of_all(plugins: &Path) -> anyhow::Result<Value> {
    let work = tempfile::tempdir()?;
    let file = work.path().join("clip.mp4");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=12:duration=3"]);
    if !ffmpeg.args(["-pix_fmt", "yuv420p"]).arg(&file).status().context("ffmpeg does not start")?.success() {
        bail!("ffmpeg cannot make a clip");
    }
    let sandbox = Sandbox::new(SandboxConfig {
        limits: Limits::default(),
        concurrency: 1,
        cache_dir: None,
        compiler: None,
    })?;
    let (set, rejected) = PluginSet::load(&sandbox, plugins, None)?;
    if let Some(rejected) = rejected.first() {
        bail!("{}: {}", rejected.path.display(), rejected.reason);
    }
    let plan = Plan::new(&set, &[], &BTreeMap::new(), Limits::default())?;
    let capturer = Capturer::new(CaptureConfig::default());
    let captured = capture(&capturer, &plan, &Source::from(file.as_path())).await;
    let examination = tokio::task::spawn_blocking(move || judge(&plan, &captured)).await?;
    Ok(serde_json::to_value(&examination.findings)?)
}
