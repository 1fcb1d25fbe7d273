//! Clips for the tests, made from ffmpeg's own test sources.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use easysight_capture::{CaptureConfig, CaptureError, Capturer, Clip, ClipRequest, Source, Stretch};

/// Three seconds with a frame every fifth of a second.
pub(crate) const STRETCH: Stretch =
    Stretch { min_frames: 2, interval: Duration::from_millis(200), span: Duration::from_secs(3) };
/// A single picture.
pub(crate) const STILL: Stretch = Stretch { min_frames: 1, interval: Duration::ZERO, span: Duration::ZERO };
/// Every frame of one second.
pub(crate) const IN_FULL: Stretch =
    Stretch { min_frames: 25, interval: Duration::ZERO, span: Duration::from_secs(1) };

/// Returns whether ffmpeg is installed. Prints a message if it is not.
pub(crate) fn has_ffmpeg() -> bool {
    let mut ffmpeg = Command::new("ffmpeg");
    let there = ffmpeg.arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = there.is_ok_and(|status| status.success());
    if !there {
        assert!(std::env::var_os("CI").is_none(), "ffmpeg is not installed");
        eprintln!("SKIPPED: ffmpeg is not installed");
    }
    there
}

/// Runs ffmpeg with these arguments (separated by blanks) and the file to write.
pub(crate) fn make(dir: &Path, name: &str, arguments: &str) -> PathBuf {
    let file = dir.join(name);
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-y"]).args(arguments.split_whitespace()).arg(&file);
    assert!(ffmpeg.stdin(Stdio::null()).status().unwrap().success(), "ffmpeg {arguments}");
    file
}

/// Returns a moving picture in H.264, with a keyframe every two seconds.
pub(crate) fn h264(dir: &Path, name: &str, seconds: u32) -> PathBuf {
    let source = format!("-f lavfi -i testsrc2=size=320x180:rate=25:duration={seconds}");
    make(dir, name, &format!("{source} -c:v libx264 -preset ultrafast -g 50 -pix_fmt yuv420p"))
}

pub(crate) fn config() -> CaptureConfig {
    CaptureConfig {
        connect_timeout: Duration::from_secs(3),
        deadline: Duration::from_secs(10),
        ..CaptureConfig::default()
    }
}

pub(crate) async fn capture(source: &Source, request: impl Into<ClipRequest>) -> Result<Clip, CaptureError> {
    Capturer::new(config()).capture(source, &request.into()).await
}

/// Returns the identifier of the reason why there is no clip.
pub(crate) async fn failure(source: &str, request: impl Into<ClipRequest>) -> &'static str {
    capture(&source.parse().unwrap(), request).await.unwrap_err().kind.code()
}
