//! Clips of the synthetic cameras, encoded by ffmpeg.

use std::{fs, path::Path, process::Stdio};

use anyhow::{Context, bail};

use crate::{process::command, workspace};

use super::render::{self, Condition};

/// Makes a clip for each condition. Returns their names and paths.
pub(super) fn synthesise() -> anyhow::Result<Vec<(String, String)>> {
    let dir = workspace::target().join("demo");
    fs::create_dir_all(&dir)?;
    let mut clips = Vec::new();
    for condition in [Condition::Healthy, Condition::Dark, Condition::Frozen] {
        let file = dir.join(format!("{}.mp4", condition.name()));
        eprintln!("rendering {}", file.display());
        encode(condition, &file)?;
        clips.push((condition.name().to_owned(), file.display().to_string()));
    }
    Ok(clips)
}

/// Encodes a clip as H.264, which most cameras use, or as MPEG-4 if ffmpeg has no H.264 encoder.
fn encode(condition: Condition, file: &Path) -> anyhow::Result<()> {
    let h264 = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23"];
    let mpeg4 = ["-c:v", "mpeg4", "-q:v", "3"];
    try_encode(condition, file, &h264).or_else(|_| try_encode(condition, file, &mpeg4))
}

fn try_encode(condition: Condition, file: &Path, codec: &[&str]) -> anyhow::Result<()> {
    let size = format!("{}x{}", render::WIDTH, render::HEIGHT);
    let rate = render::FRAME_RATE.to_string();
    let mut ffmpeg = command("ffmpeg", &workspace::root());
    ffmpeg.args([
        "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "gray", "-s", &size, "-r", &rate, "-i", "-",
    ]);
    // Two seconds from keyframe to keyframe, as in cameras.
    ffmpeg.args(codec).args(["-g", &(2 * render::FRAME_RATE).to_string(), "-pix_fmt", "yuv420p"]).arg(file);
    let mut child = ffmpeg.stdin(Stdio::piped()).spawn().context("ffmpeg does not start")?;
    let written = match child.stdin.take() {
        Some(mut input) => render::write(condition, &mut input),
        None => bail!("ffmpeg has no standard input"),
    };
    if !child.wait()?.success() {
        bail!("ffmpeg cannot encode {}", file.display());
    }
    written.context("ffmpeg stopped reading")
}
