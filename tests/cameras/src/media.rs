//! The content of the cameras: a moving test picture that ffmpeg encodes once.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};

/// Pictures per second.
pub const RATE: u32 = 25;

/// One encoded picture.
#[derive(Debug, Clone)]
pub struct Picture {
    /// The picture's units without start codes, or a whole JPEG.
    pub units: Vec<Vec<u8>>,
    /// True if decoding can begin with the picture.
    pub key: bool,
    /// The picture's place in display order.
    pub place: u64,
}

/// Pictures that are sent repeatedly.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    /// The pictures in the order of sending, the first one a keyframe.
    pub pictures: Vec<Picture>,
}

/// All content of the bench's cameras.
#[derive(Debug)]
pub struct Media {
    /// H.264 with a keyframe every second.
    pub h264: Stream,
    /// H.264 with pictures that are shown before others that were sent earlier.
    pub reordered: Stream,
    /// H.264 with a keyframe every eight seconds.
    pub far: Stream,
    /// H.264 that is refreshed gradually. Only the first picture is a keyframe.
    pub refreshed: Stream,
    /// A stream of H.265.
    pub h265: Stream,
    /// JPEG pictures.
    pub jpegs: Vec<Vec<u8>>,
    /// H.264 in an MPEG transport stream.
    pub transport_stream: Vec<u8>,
    /// An MP4 file with its index at the end.
    pub mp4: Vec<u8>,
    /// A playlist and its segments, with their names.
    pub playlist: Vec<(String, Vec<u8>)>,
}

impl Media {
    /// Makes the content.
    ///
    /// # Errors
    ///
    /// Returns an error if ffmpeg is missing or fails.
    pub fn make() -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let dir = dir.path();
        let h264 = "-c:v libx264 -preset ultrafast -x264-params";
        let annexb = |name: &str, seconds: u32, options: &str| annexb(dir, name, seconds, options);
        let small = source(2);
        let transport_stream = run(dir, "a.ts", &format!("{} {h264} keyint=25 -f mpegts", source(8)))?;
        let mp4 = run(dir, "a.mp4", &format!("{small} {h264} keyint=25"))?;
        let jpegs =
            run(dir, "a.mjpeg", &format!("{small} -pix_fmt yuvj420p -huffman default -q:v 4 -f mjpeg"))?;
        let hls = "-f hls -hls_time 1 -hls_list_size 0";
        run(dir, "live.m3u8", &format!("{} {h264} keyint=25:scenecut=0 {hls}", source(8)))?;
        let mut playlist = Vec::new();
        for entry in fs::read_dir(dir)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.starts_with("live") {
                playlist.push((name.clone(), fs::read(dir.join(name))?));
            }
        }
        Ok(Self {
            h264: annexb("a.h264", 2, &format!("{h264} keyint=25:scenecut=0:bframes=0:repeat-headers=1"))?,
            reordered: annexb(
                "b.h264",
                2,
                &format!("{h264} keyint=25:scenecut=0:bframes=2:b-adapt=0:repeat-headers=1"),
            )?,
            far: annexb("c.h264", 8, &format!("{h264} keyint=200:scenecut=0:bframes=0:repeat-headers=1"))?,
            refreshed: annexb(
                "d.h264",
                8,
                &format!("{h264} keyint=25:scenecut=0:bframes=0:intra-refresh=1:repeat-headers=1"),
            )?,
            h265: annexb(
                "a.h265",
                2,
                "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=25:scenecut=0:bframes=0:repeat-headers=1",
            )?,
            jpegs: split_jpegs(&jpegs),
            transport_stream,
            mp4,
            playlist,
        })
    }
}

fn source(seconds: u32) -> String {
    format!("-f lavfi -i testsrc2=size=320x192:rate={RATE}:duration={seconds} -pix_fmt yuv420p")
}

/// Runs ffmpeg with these arguments. Returns the content of the file that it wrote.
fn run(dir: &Path, name: &str, words: &str) -> anyhow::Result<Vec<u8>> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-y"]).args(words.split_whitespace());
    let done = ffmpeg.arg(name).current_dir(dir).stdin(Stdio::null()).status().context("ffmpeg")?;
    ensure!(done.success(), "ffmpeg {words}: {done}");
    Ok(fs::read(dir.join(name))?)
}

/// Makes a stream of pictures with their places.
fn annexb(dir: &Path, name: &str, seconds: u32, options: &str) -> anyhow::Result<Stream> {
    let container = PathBuf::from(name).with_extension("mp4").to_string_lossy().into_owned();
    run(dir, &container, &format!("{} {options}", source(seconds)))?;
    let kind = if name.ends_with("h265") { "hevc" } else { "h264" };
    let bytes = run(dir, name, &format!("-i {container} -c copy -bsf:v {kind}_mp4toannexb -f {kind}"))?;
    let mut probe = Command::new("ffprobe");
    probe.args(["-v", "error", "-select_streams", "v", "-show_entries", "packet=pts", "-of", "csv=p=0"]);
    let listed = probe.arg(&container).current_dir(dir).stdin(Stdio::null()).output().context("ffprobe")?;
    let listed = String::from_utf8(listed.stdout)?;
    let times: Vec<i64> =
        listed.lines().filter_map(|line| line.trim().trim_end_matches(',').parse().ok()).collect();
    let mut sorted = times.clone();
    sorted.sort_unstable();
    let mut pictures = pictures(&bytes, kind == "hevc");
    ensure!(pictures.len() == times.len(), "{name}: {} pictures, {} times", pictures.len(), times.len());
    for (picture, time) in pictures.iter_mut().zip(&times) {
        picture.place = sorted.partition_point(|other| other < time) as u64;
    }
    Ok(Stream { pictures })
}

/// Splits a stream into pictures at the start codes.
fn pictures(bytes: &[u8], hevc: bool) -> Vec<Picture> {
    let mut pictures: Vec<Picture> = Vec::new();
    let mut begun = false;
    for unit in units(bytes) {
        let kind = unit_kind(unit, hevc);
        let slice = if hevc { kind < 32 } else { matches!(kind, 1 | 5) };
        // The first bit of a picture's first slice is 1.
        let first = unit.get(if hevc { 2 } else { 1 }).is_some_and(|byte| byte & 0x80 != 0);
        if pictures.is_empty() || (begun && (!slice || first)) {
            pictures.push(Picture { units: Vec::new(), key: false, place: 0 });
            begun = false;
        }
        if let Some(picture) = pictures.last_mut() {
            picture.units.push(unit.to_vec());
            picture.key |= if hevc { (16..=21).contains(&kind) } else { kind == 5 };
        }
        begun |= slice;
    }
    pictures
}

/// Returns the type of a unit.
#[must_use]
pub(crate) fn unit_kind(unit: &[u8], hevc: bool) -> u8 {
    let head = unit.first().copied().unwrap_or_default();
    if hevc { (head >> 1) & 0x3F } else { head & 0x1F }
}

/// Returns true for a parameter set, false for a part of a picture.
#[must_use]
pub(crate) fn is_set(unit: &[u8], hevc: bool) -> bool {
    let kind = unit_kind(unit, hevc);
    if hevc { (32..=34).contains(&kind) } else { matches!(kind, 7 | 8) }
}

fn units(bytes: &[u8]) -> Vec<&[u8]> {
    let code = [0, 0, 1];
    let begins: Vec<usize> =
        bytes.windows(3).enumerate().filter(|(_, three)| **three == code).map(|(at, _)| at + 3).collect();
    let ends = begins.iter().skip(1).map(|begin| begin - 3).chain([bytes.len()]);
    begins
        .iter()
        .zip(ends)
        .filter_map(|(begin, end)| {
            let unit = bytes.get(*begin..end)?;
            let zeros = unit.iter().rev().take_while(|byte| **byte == 0).count();
            unit.get(..unit.len() - zeros)
        })
        .collect()
}

fn split_jpegs(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut begins: Vec<usize> = bytes
        .windows(3)
        .enumerate()
        .filter(|(_, three)| **three == [0xFF, 0xD8, 0xFF])
        .map(|(at, _)| at)
        .collect();
    begins.push(bytes.len());
    begins.array_windows().filter_map(|[a, b]| bytes.get(*a..*b)).map(<[u8]>::to_vec).collect()
}
