//! Generates and decodes the clip, and reads the processor time and memory of this process.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};

/// Clock ticks per second. Linux reports this value to programs on every architecture.
const TICKS: f64 = 100.0;

/// Generates five seconds of a moving, noisy picture: 1080p H.264 at 25 frames per second.
pub(crate) fn make_clip(dir: &Path) -> anyhow::Result<PathBuf> {
    make_clip_of(dir, "1920x1080")
}

/// Generates a clip as [`make_clip`] does, but with another size.
pub(crate) fn make_clip_of(dir: &Path, size: &str) -> anyhow::Result<PathBuf> {
    let file = dir.join(format!("{size}.mp4"));
    let mut ffmpeg = Command::new("ffmpeg");
    let picture = format!("testsrc2=size={size}:rate=25:duration=5");
    ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", &picture]);
    ffmpeg.args(["-vf", "noise=alls=8:allf=t", "-c:v", "libx264", "-preset", "veryfast", "-g", "50"]);
    ffmpeg.args(["-pix_fmt", "yuv420p"]).arg(&file).stdin(Stdio::null());
    if !ffmpeg.status().context("ffmpeg does not start")?.success() {
        bail!("ffmpeg cannot make a clip");
    }
    Ok(file)
}

/// Returns the processor time of decoding the first part of a file on one thread, as ffmpeg reports it.
pub(crate) fn decoding_cpu(file: &Path, covered: Duration) -> anyhow::Result<Duration> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-hide_banner", "-nostats", "-benchmark", "-threads", "1"]);
    ffmpeg.args(["-t", &format!("{:.3}", covered.as_secs_f64()), "-i"]).arg(file);
    let output = ffmpeg.args(["-map", "0:V:0", "-f", "null", "-"]).stdin(Stdio::null()).output()?;
    let log = String::from_utf8_lossy(&output.stderr);
    let seconds = |name: &str| -> Option<f64> {
        let (_, rest) = log.split_once(name)?;
        rest.split('s').next()?.parse().ok()
    };
    let spent = seconds("bench: utime=").zip(seconds(" stime=")).map(|(user, system)| user + system);
    spent.map(Duration::from_secs_f64).context("ffmpeg did not report the time for decoding")
}

/// Returns the processor time of this process, and that of the children that it has waited for.
pub(crate) fn cpu_times() -> anyhow::Result<(Duration, Duration)> {
    let status = fs::read_to_string("/proc/self/stat")?;
    // The program's name is in brackets and may contain spaces. The third field follows the closing bracket.
    let (_, fields) = status.rsplit_once(')').context("/proc/self/stat has no name")?;
    let ticks: Vec<u64> =
        fields.split_whitespace().skip(11).take(4).map(str::parse).collect::<Result<_, _>>()?;
    let [user, system, children_user, children_system] = ticks[..] else {
        bail!("/proc/self/stat has no times")
    };
    let time = |ticks: u64| Duration::from_secs_f64(ticks as f64 / TICKS);
    Ok((time(user + system), time(children_user + children_system)))
}

/// Returns the resident memory of this process.
pub(crate) fn resident_bytes() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("/proc/self/status has no VmRSS")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes << 10)
}
