//! One picture of a clip, small enough to stand in a report.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, bail};
use base64::{Engine, prelude::BASE64_STANDARD};

/// A frame from well within what the diagnoses saw, small, as JPEG.
///
/// # Errors
///
/// Where ffmpeg cannot make one.
pub fn thumbnail(clip: &Path) -> anyhow::Result<Vec<u8>> {
    frame(clip, &["-vf", "scale=256:-2", "-q:v", "6"])
}

/// The same, as large as somebody wants to look at it.
///
/// # Errors
///
/// Where ffmpeg cannot make one.
pub fn picture(clip: &Path) -> anyhow::Result<Vec<u8>> {
    frame(clip, &["-vf", "scale='min(640,iw)':-2", "-q:v", "5"])
}

/// The same as a camera would serve it.
///
/// # Errors
///
/// Where ffmpeg cannot make one.
pub fn still(clip: &Path) -> anyhow::Result<Vec<u8>> {
    frame(clip, &["-q:v", "3"])
}

fn frame(clip: &Path, how: &[&str]) -> anyhow::Result<Vec<u8>> {
    for second in ["1.5", "0"] {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "quiet", "-nostdin", "-ss", second, "-i"]).arg(clip);
        ffmpeg.args(["-frames:v", "1", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p"]).args(how);
        let output = ffmpeg.args(["-f", "image2pipe", "-"]).stdin(Stdio::null()).output();
        let output = output.context("ffmpeg does not start")?;
        if !output.stdout.is_empty() {
            return Ok(output.stdout);
        }
    }
    bail!("{}: no picture", clip.display())
}

/// As an address that holds the picture itself.
#[must_use]
pub fn data_uri(jpeg: &[u8]) -> String {
    format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(jpeg))
}
