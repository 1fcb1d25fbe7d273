//! Extracts one picture of a clip: small for a report, or in full size.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, bail};
use base64::{Engine, prelude::BASE64_STANDARD};

use crate::ffmpeg::is_still;

/// Returns a small JPEG of a frame from the part of the clip that the diagnoses judged.
///
/// # Errors
///
/// Returns an error if ffmpeg cannot make the picture.
pub fn thumbnail(clip: &Path) -> anyhow::Result<Vec<u8>> {
    frame(clip, &["-vf", "scale=256:-2", "-q:v", "6"])
}

/// Returns the frame of [`thumbnail`] in a larger size, for people.
///
/// # Errors
///
/// Returns an error if ffmpeg cannot make the picture.
pub fn picture(clip: &Path) -> anyhow::Result<Vec<u8>> {
    frame(clip, &["-vf", "scale='min(640,iw)':-2", "-q:v", "5"])
}

/// Returns the frame of [`thumbnail`] in full size and in a high quality, as a camera would serve it.
///
/// # Errors
///
/// Returns an error if ffmpeg cannot make the picture.
pub fn still(clip: &Path) -> anyhow::Result<Vec<u8>> {
    frame(clip, &["-q:v", "3"])
}

fn frame(clip: &Path, how: &[&str]) -> anyhow::Result<Vec<u8>> {
    // ffmpeg finds no frame if it seeks within a single picture.
    let seconds: &[&str] = if is_still(clip) { &["0"] } else { &["1.5", "0"] };
    for second in seconds {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "quiet", "-nostdin"]);
        if !is_still(clip) {
            ffmpeg.args(["-ss", second]);
        }
        ffmpeg.arg("-i").arg(clip);
        ffmpeg.args(["-frames:v", "1", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p"]).args(how);
        let output = ffmpeg.args(["-f", "image2pipe", "-"]).stdin(Stdio::null()).output();
        let output = output.context("ffmpeg does not start")?;
        if !output.stdout.is_empty() {
            return Ok(output.stdout);
        }
    }
    bail!("{}: no picture", clip.display())
}

/// Returns a `data:` URI that contains the picture.
#[must_use]
pub fn data_uri(jpeg: &[u8]) -> String {
    format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(jpeg))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_still_has_a_picture_as_a_clip_has() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("still.jpg");
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-f", "lavfi", "-i", "testsrc=size=64x48", "-frames:v", "1"])
            .arg(&file)
            .status();
        if made.is_err() {
            eprintln!("skipped: no ffmpeg here");
            return;
        }
        assert!(picture(&file).expect("a picture").starts_with(&[0xff, 0xd8]));
    }
}
