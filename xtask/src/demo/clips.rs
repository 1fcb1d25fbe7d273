//! Clips of the synthetic cameras, encoded by ffmpeg.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, bail};

use crate::{process::command, workspace};

use super::render::{self, Condition};

/// The clip without a fault.
pub(super) const HEALTHY: &str = "healthy";

/// The names of the clips that the demo distinguishes.
pub(super) const NAMES: [&str; 3] = [HEALTHY, "dark", "frozen"];

/// The clips that the demo distinguishes.
const DEMO: &[Shot] = &[
    Shot { name: HEALTHY, condition: Condition::Healthy, filter: None },
    Shot { name: "dark", condition: Condition::Dark, filter: None },
    Shot { name: "frozen", condition: Condition::Frozen, filter: None },
];

/// The clips for pictures of the console: views of the same street, and the same views with a fault.
const GALLERY: &[Shot] = &[
    Shot { name: "street", condition: Condition::Healthy, filter: None },
    Shot { name: "left", condition: Condition::Healthy, filter: Some(LEFT) },
    Shot { name: "left-dark", condition: Condition::Dark, filter: Some(LEFT) },
    Shot { name: "corner", condition: Condition::Healthy, filter: Some(CORNER) },
    Shot { name: "corner-frozen", condition: Condition::Frozen, filter: Some(CORNER) },
    Shot { name: "houses", condition: Condition::Healthy, filter: Some(HOUSES) },
    Shot {
        name: "houses-blurred",
        condition: Condition::Healthy,
        filter: Some("crop=720:405:0:45,scale=960:540,gblur=sigma=7,noise=alls=5:allf=t"),
    },
    Shot { name: "road", condition: Condition::Healthy, filter: Some(ROAD) },
    Shot {
        name: "road-covered",
        condition: Condition::Healthy,
        filter: Some(
            "crop=720:405:240:135,scale=960:540,drawbox=x=0:y=0:w=520:h=540:color=0x181818:t=fill,\
             noise=alls=5:allf=t",
        ),
    },
    Shot { name: "pavement", condition: Condition::Healthy, filter: Some(PAVEMENT) },
    Shot {
        name: "pavement-noisy",
        condition: Condition::Healthy,
        filter: Some("hflip,crop=800:450:80:90,scale=960:540,noise=alls=60:allf=t"),
    },
];
const LEFT: &str = "hflip";
const CORNER: &str = "crop=800:450:160:0,scale=960:540";
const HOUSES: &str = "crop=720:405:0:45,scale=960:540";
const ROAD: &str = "crop=720:405:240:135,scale=960:540";
const PAVEMENT: &str = "hflip,crop=800:450:80:90,scale=960:540";

/// One clip: what the camera shows, and what ffmpeg does to the picture.
struct Shot {
    name: &'static str,
    condition: Condition,
    filter: Option<&'static str>,
}

/// Makes the clips of the demo. Returns their directory.
pub(crate) fn synthesise() -> anyhow::Result<PathBuf> {
    make(DEMO, "demo")
}

/// Makes the clips for pictures of the console. Returns their directory.
pub(crate) fn gallery() -> anyhow::Result<PathBuf> {
    make(GALLERY, "gallery")
}

/// Returns the path of a clip in its directory.
pub(super) fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.mp4"))
}

fn make(shots: &[Shot], folder: &str) -> anyhow::Result<PathBuf> {
    let dir = workspace::target().join(folder);
    fs::create_dir_all(&dir)?;
    for shot in shots {
        let file = path(&dir, shot.name);
        eprintln!("rendering {}", file.display());
        encode(shot, &file)?;
    }
    Ok(dir)
}

/// Encodes a clip as H.264, which most cameras use, or as MPEG-4 if ffmpeg has no H.264 encoder.
fn encode(shot: &Shot, file: &Path) -> anyhow::Result<()> {
    let h264 = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23"];
    let mpeg4 = ["-c:v", "mpeg4", "-q:v", "3"];
    try_encode(shot, file, &h264).or_else(|_| try_encode(shot, file, &mpeg4))
}

fn try_encode(shot: &Shot, file: &Path, codec: &[&str]) -> anyhow::Result<()> {
    let size = format!("{}x{}", render::WIDTH, render::HEIGHT);
    let rate = render::FRAME_RATE.to_string();
    let mut ffmpeg = command("ffmpeg", &workspace::root());
    ffmpeg.args([
        "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "yuvj420p", "-s", &size, "-r", &rate, "-i", "-",
    ]);
    ffmpeg.args(shot.filter.iter().flat_map(|filter| ["-vf", filter]));
    // Two seconds from keyframe to keyframe, as in cameras.
    ffmpeg.args(codec).args(["-g", &(2 * render::FRAME_RATE).to_string(), "-pix_fmt", "yuv420p"]).arg(file);
    let mut child = ffmpeg.stdin(Stdio::piped()).spawn().context("ffmpeg does not start")?;
    let written = match child.stdin.take() {
        Some(mut input) => render::write(shot.condition, &mut input),
        None => bail!("ffmpeg has no standard input"),
    };
    if !child.wait()?.success() {
        bail!("ffmpeg cannot encode {}", file.display());
    }
    written.context("ffmpeg stopped reading")
}
