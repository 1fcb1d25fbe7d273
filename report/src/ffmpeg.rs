//! Decodes clips to raw frames, and encodes raw frames to clips, with ffmpeg.

use std::{
    io::{BufWriter, Read, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::frame::Frame;

/// The properties of a clip before it is decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The width in luma samples.
    pub width: usize,
    /// The height in luma samples.
    pub height: usize,
    /// The frames per second as a fraction, for example `30000/1001`.
    pub rate: String,
}

/// Converts a fraction to a number.
#[must_use]
pub fn rate_of(fraction: &str) -> Option<f32> {
    let (top, bottom) = fraction.split_once('/').unwrap_or((fraction, "1"));
    let (top, bottom): (f32, f32) = (top.parse().ok()?, bottom.parse().ok()?);
    let rate = top / bottom;
    (rate.is_finite() && rate > 0.0).then_some(rate)
}

/// True if a file is a single picture.
#[must_use]
pub fn is_still(file: &Path) -> bool {
    let suffix = file.extension().map(|suffix| suffix.to_string_lossy().to_ascii_lowercase());
    suffix.is_some_and(|suffix| ["jpg", "jpeg", "png"].contains(&suffix.as_str()))
}

/// The frames per second of a clip that is made from a still picture.
const STILL_RATE: &str = "10/1";

/// Returns the properties that ffprobe reports.
///
/// # Errors
///
/// Returns an error if ffprobe is missing, or the file has no video.
pub fn probe(file: &Path) -> anyhow::Result<Facts> {
    #[derive(Deserialize)]
    struct Stream {
        width: usize,
        height: usize,
        r_frame_rate: String,
        avg_frame_rate: String,
        nb_read_packets: Option<String>,
    }
    #[derive(Deserialize)]
    struct Format {
        duration: Option<String>,
    }
    #[derive(Deserialize)]
    struct Answer {
        streams: Vec<Stream>,
        format: Format,
    }
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args(["-v", "error", "-select_streams", "V:0", "-of", "json", "-count_packets"]);
    let entries = "stream=width,height,r_frame_rate,avg_frame_rate,nb_read_packets:format=duration";
    ffprobe.args(["-show_entries", entries]).arg(file);
    let output = ffprobe.stdin(Stdio::null()).output().context("ffprobe does not start")?;
    let answer: Answer = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{}: {}", file.display(), String::from_utf8_lossy(&output.stderr).trim()))?;
    let stream = answer.streams.first().with_context(|| format!("{}: no video", file.display()))?;
    let plausible = |rate: &&String| rate_of(rate).is_some_and(|rate| (1.0..=60.5).contains(&rate));
    let told = [&stream.avg_frame_rate, &stream.r_frame_rate].into_iter().find(plausible);
    let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<f32>().ok());
    let packets = number(&stream.nb_read_packets).zip(number(&answer.format.duration));
    let counted = packets.map(|(packets, seconds)| packets / seconds);
    if is_still(file) {
        return Ok(Facts { width: stream.width, height: stream.height, rate: STILL_RATE.to_owned() });
    }
    let rate = match (told, counted) {
        // Some files state the rate of their time base as their frame rate. At this rate, frames would be
        // repeated.
        (told, Some(counted))
            if (1.0..=60.5).contains(&counted)
                && !told.and_then(|told| rate_of(told)).is_some_and(|told| told < 1.1 * counted) =>
        {
            format!("{}/1000", (counted * 1000.0).round())
        }
        (Some(told), _) => told.clone(),
        _ => "25/1".to_owned(),
    };
    Ok(Facts { width: stream.width, height: stream.height, rate })
}

/// The part of a clip that is used, and its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stretch {
    /// The beginning.
    Beginning,
    /// The end, from the last frame backwards. Even in a short clip, this sequence of frames differs from the
    /// beginning.
    EndBackwards,
}

/// Reads the frames of a clip, one after the other.
#[derive(Debug)]
pub struct Decoder {
    child: Child,
    output: ChildStdout,
    size: (usize, usize),
}

impl Decoder {
    /// Opens a part of a file, at most `seconds` long. The frames have exactly the given size and rate. Width and
    /// height must be even.
    ///
    /// # Errors
    ///
    /// Returns an error if ffmpeg does not start.
    pub fn open(
        file: &Path,
        size: (usize, usize),
        rate: &str,
        seconds: f32,
        stretch: Stretch,
    ) -> anyhow::Result<Self> {
        ensure!(size.0.is_multiple_of(2) && size.1.is_multiple_of(2), "the width or height is odd");
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-nostdin", "-threads", "1"]);
        let mut filter = format!("fps={rate},scale={}:{}:flags=bicubic:out_range=tv", size.0, size.1);
        if is_still(file) {
            ffmpeg.args(["-loop", "1"]);
        } else if stretch == Stretch::EndBackwards {
            // A shorter clip is used as a whole.
            ffmpeg.args(["-sseof", &format!("-{seconds}")]);
            filter += ",reverse";
        }
        ffmpeg.arg("-i").arg(file).args(["-map", "0:V:0", "-t", &seconds.to_string()]);
        ffmpeg.args(["-vf", &filter, "-pix_fmt", "yuv420p", "-f", "rawvideo", "-"]);
        let mut child = ffmpeg
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("ffmpeg does not start")?;
        let output = child.stdout.take().context("no pipe to ffmpeg")?;
        Ok(Self { child, output, size })
    }

    /// Returns the next frame, or None at the end.
    ///
    /// # Errors
    ///
    /// Returns an error if the pipe breaks.
    pub fn next_frame(&mut self) -> anyhow::Result<Option<Frame>> {
        let (width, height) = self.size;
        let wanted = Frame::bytes_of(width, height);
        let mut bytes = Vec::with_capacity(wanted);
        self.output.by_ref().take(wanted as u64).read_to_end(&mut bytes)?;
        if bytes.len() < wanted {
            return Ok(None);
        }
        Frame::of_bytes(&bytes, width, height).map(Some)
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // It is no error if the process has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A part of a picture, in shares of its size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// The share of the width and of the height.
    pub share: f32,
    /// The left edge of the part.
    pub x: f32,
    /// The top edge of the part.
    pub y: f32,
    /// True if left and right are swapped.
    pub mirrored: bool,
}

/// Returns a part of the picture that is shown this many seconds after the beginning. The part has an even size.
/// Returns None if the file is shorter.
///
/// # Errors
///
/// Returns an error if ffmpeg does not start.
pub fn picture(file: &Path, seconds: f32, part: Part, size: (usize, usize)) -> anyhow::Result<Option<Frame>> {
    let Part { share, x, y, mirrored } = part;
    let mut filter = format!("crop=iw*{share}:ih*{share}:iw*{x}:ih*{y},scale={}:{}", size.0, size.1);
    filter += ":flags=area:out_range=tv";
    if mirrored {
        filter += ",hflip";
    }
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-threads", "1"]);
    if !is_still(file) {
        ffmpeg.args(["-ss", &seconds.to_string()]);
    }
    ffmpeg.arg("-i").arg(file).args(["-map", "0:V:0", "-frames:v", "1", "-vf", &filter]);
    ffmpeg.args(["-pix_fmt", "yuv420p", "-f", "rawvideo", "-"]).stdin(Stdio::null()).stderr(Stdio::null());
    let output = ffmpeg.output().context("ffmpeg does not start")?;
    let is_whole = output.stdout.len() == Frame::bytes_of(size.0, size.1);
    is_whole.then(|| Frame::of_bytes(&output.stdout, size.0, size.1)).transpose()
}

/// How a clip is encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encoding {
    /// ffmpeg's options of the encoder.
    pub options: Vec<String>,
    /// The suffix of the file, which names the container.
    pub suffix: String,
}

impl Encoding {
    /// Makes an encoding from options as on a command line.
    #[must_use]
    pub fn new(options: &str, suffix: &str) -> Self {
        Self { options: options.split_whitespace().map(str::to_owned).collect(), suffix: suffix.to_owned() }
    }

    /// Makes an H.264 encoding of this quality (lower is better), with this number of B-frames in a row.
    #[must_use]
    pub fn h264(crf: u8, b_frames: u8) -> Self {
        Self::new(&format!("-c:v libx264 -preset veryfast -crf {crf} -bf {b_frames} -g 50"), "mp4")
    }
}

/// Encodes frames into a file.
#[derive(Debug)]
pub struct Encoder {
    child: Child,
    input: BufWriter<ChildStdin>,
}

impl Encoder {
    /// Creates a file of frames of this size.
    ///
    /// # Errors
    ///
    /// Returns an error if ffmpeg does not start.
    pub fn create(
        file: &Path,
        format: &str,
        size: (usize, usize),
        rate: &str,
        encoding: &Encoding,
    ) -> anyhow::Result<Self> {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-color_range", "tv"]);
        ffmpeg.args(["-s", &format!("{}x{}", size.0, size.1), "-r", rate, "-i", "-"]);
        // With one thread, ffmpeg writes the same bytes on every machine. Many clips are made in parallel, so no
        // processor is idle.
        ffmpeg
            .args(&encoding.options)
            .args(["-threads", "1", "-fflags", "+bitexact", "-f", format])
            .arg(file);
        let mut child = ffmpeg
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("ffmpeg does not start")?;
        let input = child.stdin.take().context("no pipe to ffmpeg")?;
        Ok(Self { child, input: BufWriter::new(input) })
    }

    /// Encodes one more frame.
    ///
    /// # Errors
    ///
    /// Returns an error if ffmpeg has ended.
    pub fn write(&mut self, frame: &Frame) -> anyhow::Result<()> {
        self.input.write_all(&frame.to_bytes()).context("ffmpeg accepts no more frames")
    }

    /// Ends the file.
    ///
    /// # Errors
    ///
    /// Returns ffmpeg's message if it fails.
    pub fn finish(mut self) -> anyhow::Result<()> {
        self.input.flush()?;
        drop(self.input);
        let output = self.child.wait_with_output()?;
        if !output.status.success() {
            bail!("ffmpeg cannot encode: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }
}

/// Runs ffmpeg with these arguments until it ends.
///
/// # Errors
///
/// Returns ffmpeg's message if it fails.
pub fn convert(arguments: &[&str]) -> anyhow::Result<()> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-y", "-nostdin"]).args(arguments).stdin(Stdio::null());
    let output = ffmpeg.output().context("ffmpeg does not start")?;
    if !output.status.success() {
        bail!("ffmpeg: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
