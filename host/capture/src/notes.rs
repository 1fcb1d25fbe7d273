//! Reads ffmpeg's log: facts about each frame (from the `showinfo` filter) and about the stream, the decoder's
//! complaints, and the reason why ffmpeg ended.

use std::time::Duration;

use crate::{
    capture::CaptureConfig,
    clip::DecoderEvidence,
    clock::CameraClock,
    error::{CaptureErrorKind as Kind, Failure},
    reasons::{is_plain, reason},
    sound::Damage,
    source::Source,
};

/// The largest number of complaints that are stored in the decoder's own words.
const MAX_LINES: usize = 20;
/// ffmpeg's warning if no frame rate is given. The warning always appears when pictures are fed to ffmpeg.
const ABOUT_ASKING: &str = "No information about the input framerate is available.";
/// The largest number of characters of a complaint.
const MAX_LINE_CHARS: usize = 300;

/// The facts about one frame. ffmpeg logs these facts before it writes the samples.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FrameNote {
    /// The presentation time in ticks of the stream. None if the stream has no timestamps.
    pub(crate) ticks: Option<u64>,
    /// The presentation time in seconds. None if the stream has no timestamps.
    pub(crate) seconds: Option<f64>,
    pub(crate) size: (u32, u32),
    pub(crate) keyframe: bool,
}

/// The facts that were read so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes {
    pub(crate) format: Option<String>,
    pub(crate) codec: Option<String>,
    pub(crate) frame_rate: Option<f64>,
    pub(crate) clock: Option<CameraClock>,
    pub(crate) has_duration: bool,
    pub(crate) full_range: bool,
    pub(crate) evidence: DecoderEvidence,
    saw_input: bool,
    saw_video: bool,
    saw_output: bool,
    frames: u64,
    reason: Option<Kind>,
    /// The message that explains the reason.
    telling: Option<String>,
    starved: bool,
}

impl Notes {
    /// Returns true once the source is open and its streams are known.
    pub(crate) const fn is_open(&self) -> bool {
        self.saw_input
    }

    /// Returns the number of frames that the log announced, whether or not they became part of the clip.
    pub(crate) const fn frames_announced(&self) -> u64 {
        self.frames
    }

    /// Returns an error if pictures could not be decoded because ffmpeg's memory limit was too low. In this case, the
    /// decoder's output says nothing about the camera.
    pub(crate) fn starved(&self, config: &CaptureConfig) -> Result<(), Failure> {
        if !self.starved {
            return Ok(());
        }
        let granted = config.memory_bytes >> 20;
        let detail = format!("ffmpeg needs more memory for the pictures; the limit is {granted} MiB");
        Err(Failure::new(Kind::TooLarge, detail))
    }

    /// Counts pictures with damaged data, whether or not the decoder reported the damage.
    pub(crate) fn damaged(&mut self, damages: &[Damage]) {
        let pictures = u32::try_from(damages.len()).unwrap_or(u32::MAX);
        self.evidence.corrupt_frames = self.evidence.corrupt_frames.max(pictures);
        let left = MAX_LINES.saturating_sub(self.evidence.lines.len());
        self.evidence.lines.extend(damages.iter().take(left).map(|damage| damage.words().to_owned()));
    }

    /// Records the facts about a fed stream. These facts replace the facts from ffmpeg's log.
    pub(crate) fn fed(&mut self, codec: &str, frame_rate: Option<f64>, clock: Option<CameraClock>) {
        self.codec = Some(codec.to_owned());
        self.frame_rate = frame_rate;
        self.clock = clock;
    }

    /// Reads one line of the log. Returns the frame that the line announces.
    pub(crate) fn read(&mut self, line: &str, source: &Source) -> Option<FrameNote> {
        let (origin, level, text) = split(line);
        if origin.starts_with("Parsed_showinfo") {
            if text.starts_with("color_range:pc") {
                self.full_range = true;
            }
            let note = text.trim_start().starts_with("n:").then(|| frame_note(text)).flatten()?;
            self.full_range |= text.contains("fmt:yuvj");
            self.frames += 1;
            return Some(note);
        }
        match level {
            "info" => {
                self.read_fact(text);
                // A decoder that made up content reports this fact only at level "info".
                if !origin.is_empty() {
                    self.count(origin, text);
                }
            }
            // This warning is about ffmpeg's arguments, not about the source.
            "warning" if text.starts_with(ABOUT_ASKING) => {}
            "warning" | "error" | "fatal" | "panic" => {
                self.count(origin, text);
                self.starved |= text.contains("Cannot allocate memory") || text == "get_buffer() failed";
                if self.evidence.lines.len() < MAX_LINES && !text.is_empty() {
                    let line = source.scrub(text);
                    let line = line.chars().filter(|c| !c.is_control()).take(MAX_LINE_CHARS);
                    self.evidence.lines.push(line.collect());
                }
                if level != "warning" {
                    self.reason_out(text, source);
                }
            }
            _ => {}
        }
        None
    }

    /// Records the reason for an error. The first reason is the cause; later reasons are its consequences. Only
    /// "Invalid data" is replaced by a later reason, because ffmpeg prints these words for failures of every kind.
    fn reason_out(&mut self, text: &str, source: &Source) {
        let found = reason(text).filter(|_| self.reason.is_none_or(|known| known == Kind::NotMedia));
        self.reason = found.or(self.reason);
        let specific = found.is_some_and(|kind| kind != Kind::NotMedia);
        if specific || (self.telling.is_none() && !text.is_empty() && !is_plain(text)) {
            let words = source.scrub(text);
            self.telling = Some(words.chars().filter(|c| !c.is_control()).take(MAX_LINE_CHARS).collect());
        }
    }

    /// Records that the server did not answer in time.
    pub(crate) fn timed_out(mut self) -> Self {
        if self.reason.is_none_or(|known| known == Kind::NotMedia) {
            self.reason = Some(Kind::ConnectTimedOut);
        }
        self
    }

    /// Discards the complaints so far. If a stream was joined in the middle, the complaints before the first keyframe
    /// are about earlier pictures, which do not belong to the clip.
    pub(crate) fn forget_complaints(&mut self) {
        self.evidence = DecoderEvidence::default();
    }

    fn read_fact(&mut self, text: &str) {
        let text = text.trim_start();
        if text.starts_with("Output #") {
            self.saw_output = true;
        } else if let Some(rest) = text.strip_prefix("Input #0, ") {
            self.saw_input = true;
            self.format = rest.split(", from ").next().map(str::to_owned);
        } else if self.saw_input && !self.saw_output {
            if let Some(duration) = text.strip_prefix("Duration: ") {
                self.has_duration = !duration.starts_with("N/A");
            } else if text.starts_with("Stream #0:")
                && let Some((_, video)) = text.split_once("Video: ")
                && !self.saw_video
            {
                self.saw_video = true;
                self.codec = video
                    .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .next()
                    .filter(|codec| !codec.is_empty() && *codec != "none")
                    .map(str::to_owned);
                self.frame_rate = video
                    .split(", ")
                    .find_map(|part| part.strip_suffix(" fps")?.parse::<f64>().ok())
                    .filter(|rate| rate.is_finite() && *rate > 0.0);
            }
        }
    }

    fn count(&mut self, origin: &str, text: &str) {
        // A recording may begin in the middle. References to pictures before the recording's first frame are no damage.
        let damaged = text.contains("corrupt decoded frame")
            || (self.frames > 0 && (never_decoded(text) || damaged_silently(origin, text)));
        let evidence = &mut self.evidence;
        let add = |count: &mut u32, more: u32| *count = count.saturating_add(more);
        if let Some(rest) = text.strip_prefix("RTP: missed ") {
            add(&mut evidence.missed_packets, leading_number(rest).unwrap_or(1));
        } else if text.contains("corrupt input packet") {
            add(&mut evidence.missed_packets, 1);
        } else if let Some(rest) = text.strip_prefix("concealing ") {
            // "concealing 220 DC, 220 AC, 220 MV errors": the three numbers count the same macroblocks.
            add(&mut evidence.concealed_blocks, leading_number(rest).unwrap_or(1));
        } else if damaged {
            add(&mut evidence.corrupt_frames, 1);
        } else if text.contains("reference picture missing")
            || text.contains("Missing reference picture")
            || text.contains("Could not find ref with POC")
            || text.contains("mmco: unref short failure")
        {
            add(&mut evidence.missing_references, 1);
        }
    }

    /// Returns the reason why ffmpeg ended without enough frames, and the message that explains the reason.
    pub(crate) fn verdict(&self) -> (Kind, String) {
        let said = self.telling.clone().or_else(|| self.evidence.lines.last().cloned());
        let kind = match self.reason {
            Some(Kind::NotMedia) | None if self.saw_video && self.frames == 0 => Kind::NothingDecodes,
            Some(Kind::NotMedia) | None if self.frames > 0 => Kind::EndedEarly,
            Some(reason) => reason,
            None if self.saw_input => Kind::NoVideo,
            // A complaint is about the source, unless it is known to be about this machine.
            None if said.is_some() => Kind::NotMedia,
            None => Kind::FfmpegFailed,
        };
        (kind, said.unwrap_or_else(|| "ffmpeg reported nothing".into()))
    }
}

/// Splits a line into its origin (`h264 @ 0x55…` without the address; empty if absent), level and text.
fn split(line: &str) -> (&str, &str, &str) {
    let mut origin = "";
    let mut rest = line.trim_end();
    while let Some((tag, after)) = rest.strip_prefix('[').and_then(|tagged| tagged.split_once("] ")) {
        rest = after;
        match tag.split_once(" @ ") {
            Some((name, _)) => origin = name,
            None => return (origin, tag, rest),
        }
    }
    // If the text is empty, the level is at the end of the line.
    match rest.strip_prefix('[').and_then(|tag| tag.strip_suffix(']')) {
        Some(level) => (origin, level, ""),
        None => (origin, "", rest),
    }
}

fn frame_note(text: &str) -> Option<FrameNote> {
    let value = |key: &str| {
        let (_, rest) = text.split_once(key)?;
        rest.split_whitespace().next()
    };
    let (width, height) = value(" s:")?.split_once('x')?;
    Some(FrameNote {
        ticks: value(" pts:").and_then(|ticks| ticks.parse().ok()),
        seconds: value(" pts_time:").and_then(|t| t.parse().ok()).filter(|t: &f64| t.is_finite()),
        size: (width.parse().ok()?, height.parse().ok()?),
        keyframe: value(" iskey:")? == "1",
    })
}

/// Returns true for a frame that could not be decoded because its data is damaged. The words differ between
/// versions of ffmpeg.
fn never_decoded(text: &str) -> bool {
    text.starts_with("Error while decoding stream #")
        || text.starts_with("Error submitting packet to decoder")
}

/// Returns true for messages about a broken slice or row, from decoders that neither conceal damage nor mark the
/// frame.
fn damaged_silently(origin: &str, text: &str) -> bool {
    match origin {
        "hevc" => {
            text.starts_with("CABAC_MAX_BIN")
                || text.starts_with("The cu_qp_delta")
                || text.starts_with("The slice_qp_delta")
        }
        "mjpeg" => text.starts_with("error y="),
        _ => false,
    }
}

pub(crate) fn leading_number(text: &str) -> Option<u32> {
    text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Converts seconds to a duration. A number that is not a valid duration gives zero.
pub(crate) fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(lines: &[&str]) -> (Notes, Vec<FrameNote>) {
        let source: Source = "rtsp://admin:pw@camera/1".parse().unwrap();
        let mut notes = Notes::default();
        let frames = lines.iter().filter_map(|line| notes.read(line, &source)).collect();
        (notes, frames)
    }

    #[test]
    fn facts_are_read_from_the_log() {
        let (notes, frames) = read(&[
            "[info] Input #0, rtsp, from 'rtsp://camera/1':",
            "[info]   Duration: N/A, start: 0.040000, bitrate: N/A",
            "[info]   Stream #0:0: Video: hevc (Main), yuv420p(tv, bt709), 1920x1080, 12.50 fps, 25 tbr, 90k tbn",
            "[Parsed_showinfo_2 @ 0x1] [info] n:   0 pts:   3600 pts_time:0.04    pos: 48 fmt:yuv420p sar:0/1 s:1920x1080 i:P iskey:1 type:I ",
            "[Parsed_showinfo_2 @ 0x1] [info]   side data - User Data Unregistered:",
            "[Parsed_showinfo_2 @ 0x1] [info] color_range:pc color_space:bt709",
            "[info] Output #0, rawvideo, to 'pipe:1':",
            "[info]   Stream #0:0: Video: rawvideo (I420 / 0x1), yuv420p, 1920x1080, 30 fps",
            "[Parsed_showinfo_2 @ 0x1] [info] n:   1 pts:NOPTS pts_time:NOPTS pos:-1 fmt:yuv420p sar:0/1 s:1920x1080 i:P iskey:0 type:P ",
        ]);
        assert_eq!(notes.codec.as_deref(), Some("hevc"));
        assert_eq!(notes.frame_rate, Some(12.5));
        assert_eq!(notes.format.as_deref(), Some("rtsp"));
        assert!(notes.full_range && !notes.has_duration && notes.is_open());
        let size = (1920, 1080);
        assert_eq!(
            frames,
            [
                FrameNote { ticks: Some(3_600), seconds: Some(0.04), size, keyframe: true },
                FrameNote { ticks: None, seconds: None, size, keyframe: false }
            ]
        );
    }

    #[test]
    fn complaints_are_counted_and_kept_without_credentials() {
        let (notes, _) = read(&[
            "[rtsp @ 0x1] [warning] RTP: missed 12 packets",
            "[h264 @ 0x1] [info] concealing 220 DC, 220 AC, 220 MV errors in P frame",
            "[warning] rtsp://admin:pw@camera/1: corrupt decoded frame in stream 0",
            "[warning] rtsp://admin:pw@camera/1: corrupt input packet in stream 0",
            "[hevc @ 0x1] [error] Could not find ref with POC 21",
            "[out#0/rawvideo @ 0x1] [warning] No information about the input framerate is available. Falling back",
        ]);
        assert!(!notes.evidence.lines.iter().any(|line| line.contains("framerate")));
        assert_eq!(notes.evidence.missed_packets, 13);
        assert_eq!(notes.evidence.concealed_blocks, 220);
        assert_eq!(notes.evidence.corrupt_frames, 1);
        assert_eq!(notes.evidence.missing_references, 1);
        assert_eq!(notes.evidence.lines.len(), 4);
        assert!(notes.evidence.lines.iter().all(|line| !line.contains("pw")));
    }

    #[test]
    fn what_never_decodes_is_damage_once_there_are_frames() {
        let frame = "[Parsed_showinfo_2 @ 0x1] [info] n:   0 pts_time:0 s:64x64 iskey:1 type:I ";
        let lost = "[error] Error while decoding stream #0:0: Invalid data found when processing input";
        let slice = "[hevc @ 0x1] [error] CABAC_MAX_BIN : 7";
        assert_eq!(read(&[lost, slice, frame]).0.evidence.corrupt_frames, 0);
        assert_eq!(read(&[frame, lost, slice, lost]).0.evidence.corrupt_frames, 3);
    }

    #[test]
    fn the_first_reason_is_the_cause() {
        let kind = |lines: &[&str]| read(lines).0.verdict().0;
        assert_eq!(
            kind(&[
                "[tcp @ 0x1] [error] Failed to resolve hostname nowhere: Name or service not known",
                "[error] rtsp://nowhere/: Input/output error",
            ]),
            Kind::NoSuchHost
        );
        assert_eq!(kind(&["[error] rtsp://camera/: Connection refused"]), Kind::ConnectionRefused);
        assert_eq!(
            kind(&["[rtsp @ 0x1] [error] method DESCRIBE failed: 401 Unauthorized"]),
            Kind::Unauthorized
        );
        assert_eq!(
            kind(&["[rtsp @ 0x1] [error] method SETUP failed: 461 Unsupported transport"]),
            Kind::ServerError
        );
        assert_eq!(kind(&["[http @ 0x1] [error] HTTP error 404 Not Found"]), Kind::NotFound);
        assert_eq!(kind(&["[tls @ 0x1] [error] An unexpected TLS packet was received."]), Kind::TlsFailed);
        assert_eq!(kind(&["[error] a: Invalid data found when processing input"]), Kind::NotMedia);
        assert_eq!(
            kind(&["[info] Input #0, wav, from 'a':", "[fatal] Stream map '0:V:0' matches no streams."]),
            Kind::NoVideo
        );
        assert_eq!(
            kind(&[
                "[info] Input #0, rtsp, from 'a':",
                "[info]   Stream #0:0: Video: h264, none, 25 fps",
                "[error] Error while decoding stream #0:0: Invalid data found when processing input",
            ]),
            Kind::NothingDecodes
        );
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(lines in prop::collection::vec(
            r"(\[[a-z_ @0-9]{0,20}\] ){0,3}(n:|Stream #0:|Input #0, |RTP: missed |concealing )?.{0,60}", 0..20
        )) {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let (notes, _) = read(&lines);
            drop(notes.verdict());
        }
    }
}
