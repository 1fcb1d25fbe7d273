//! The result of a check: facts, oddities, and the verdict. Programs read it as JSON.

use easysight_capture::{
    Advice, CameraClock, CaptureError, Clip, DecoderEvidence, Measured, Quirk, Record, Step, Transport,
};
use serde::Serialize;

use crate::{exit, language::Language};

/// A check.
pub(super) struct Report {
    /// The source with its secrets masked.
    pub(super) source: String,
    pub(super) record: Record,
    pub(super) captured: Result<Clip, CaptureError>,
}

/// The properties of a stream, as they were measured or as the stream declares them.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Facts {
    pub(super) codec: Option<String>,
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
    /// True if the stream is a camera's live stream.
    pub(super) live: Option<bool>,
    pub(super) transport: Option<&'static str>,
    pub(super) declared_rate: Option<f64>,
    pub(super) stamped_rate: Option<f64>,
    pub(super) frame_rate: Option<f64>,
    pub(super) bit_rate: Option<f64>,
    pub(super) keyframe_interval_s: Option<f64>,
    pub(super) keyframe_distance: Option<u64>,
    pub(super) pictures_before_keyframe: Option<u64>,
    pub(super) reordered_pictures: Option<bool>,
    pub(super) longest_pause_s: Option<f64>,
    pub(super) packets: Option<Packets>,
    pub(super) clock: Option<Clock>,
}

/// Counts of packets over RTSP.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Packets {
    pub(super) arrived: u64,
    pub(super) lost: u64,
    pub(super) late: u64,
    pub(super) repeated: u64,
}

/// The camera's own clock, compared with the times of arrival.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Clock {
    /// The state of the clock: `right`, `jumps`, `stands-still` or `runs-wrong`.
    pub(super) state: &'static str,
    pub(super) jumps: Option<u32>,
    /// The speed of the clock as a multiple of real time.
    pub(super) speed: Option<f64>,
}

/// The report for programs.
#[derive(Serialize)]
pub(super) struct ForPrograms<'a> {
    easysight: &'static str,
    source: &'a str,
    judged: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason<'a>>,
    steps: Vec<StepLine<'a>>,
    stream: Facts,
    decoder: Option<DecoderLine<'a>>,
    quirks: Vec<QuirkLine>,
}

#[derive(Serialize)]
struct Reason<'a> {
    code: &'static str,
    message: &'static str,
    detail: &'a str,
    advice: &'static str,
}

#[derive(Serialize)]
struct StepLine<'a> {
    step: &'static str,
    asked: &'a str,
    answered: &'a str,
    at_ms: f64,
    took_ms: f64,
}

#[derive(Serialize)]
struct DecoderLine<'a> {
    corrupt_frames: u32,
    concealed_blocks: u32,
    missing_references: u32,
    complaints: &'a [String],
}

#[derive(Serialize)]
struct QuirkLine {
    code: &'static str,
    message: &'static str,
    advice: &'static str,
}

impl Report {
    /// Returns the oddities of the stream.
    pub(super) fn quirks(&self) -> Vec<Quirk> {
        Quirk::of(&self.record, self.captured.as_ref().ok())
    }

    /// Returns the messages of the decoder. `None` if nothing was decoded.
    pub(super) fn evidence(&self) -> Option<&DecoderEvidence> {
        self.captured.as_ref().ok().map(Clip::evidence)
    }

    /// Returns the exit code. It is 0 if the camera can be judged.
    pub(super) fn exit_code(&self) -> u8 {
        match &self.captured {
            Ok(_) => exit::SUCCESS,
            Err(error) if error.is_camera_fault() => exit::ABNORMAL,
            Err(_) => exit::FAILED,
        }
    }

    pub(super) fn facts(&self) -> Facts {
        let measured = &self.record.measured;
        let mut facts = measured_facts(measured);
        if let Ok(clip) = &self.captured {
            let info = clip.info();
            facts.codec = info.codec.clone().or(facts.codec);
            (facts.width, facts.height, facts.live) = (Some(info.width), Some(info.height), Some(info.live));
            if measured.pictures == 0 {
                stamped_facts(&mut facts, clip);
            }
        }
        facts
    }

    pub(super) fn for_programs(&self, language: Language) -> ForPrograms<'_> {
        let quirk = |quirk: Quirk| QuirkLine {
            code: quirk.code(),
            message: quirk_words(quirk, language),
            advice: advice_words(quirk.advice(), language),
        };
        let error = self.captured.as_ref().err();
        ForPrograms {
            easysight: env!("CARGO_PKG_VERSION"),
            source: &self.source,
            judged: error.is_none(),
            reason: error.map(|error| Reason {
                code: error.kind.code(),
                message: reason_words(error, language),
                detail: &error.detail,
                advice: advice_words(error.advice(), language),
            }),
            steps: self.record.steps.iter().map(line).collect(),
            stream: self.facts(),
            decoder: self.evidence().map(|evidence| DecoderLine {
                corrupt_frames: evidence.corrupt_frames,
                concealed_blocks: evidence.concealed_blocks,
                missing_references: evidence.missing_references,
                complaints: &evidence.lines,
            }),
            quirks: self.quirks().into_iter().map(quirk).collect(),
        }
    }
}

fn line(step: &Step) -> StepLine<'_> {
    let Step { kind, asked, answered, at, took } = step;
    let ms = |time: &std::time::Duration| (time.as_secs_f64() * 1e4).round() / 10.0;
    StepLine { step: kind.code(), asked, answered, at_ms: ms(at), took_ms: ms(took) }
}

fn measured_facts(measured: &Measured) -> Facts {
    if measured.pictures == 0 && measured.transport.is_none() {
        return Facts::default();
    }
    let some = measured.pictures > 0;
    Facts {
        codec: measured.codec.map(str::to_owned),
        transport: measured.transport.map(|transport| match transport {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        }),
        declared_rate: measured.declared_rate,
        stamped_rate: measured.stamped_rate,
        frame_rate: measured.frame_rate,
        bit_rate: measured.bit_rate,
        keyframe_interval_s: measured.keyframe_interval.map(|interval| interval.as_secs_f64()),
        keyframe_distance: measured.keyframe_distance,
        pictures_before_keyframe: some.then_some(measured.before_keyframe),
        reordered_pictures: some.then_some(measured.reordered),
        longest_pause_s: some.then_some(measured.longest_pause.as_secs_f64()),
        packets: measured.transport.map(|_| Packets {
            arrived: measured.packets,
            lost: measured.lost,
            late: measured.overtaken,
            repeated: measured.repeated,
        }),
        clock: measured.clock.map(|clock| match clock {
            CameraClock::Right => Clock { state: "right", jumps: None, speed: None },
            CameraClock::Jumps(jumps) => Clock { state: "jumps", jumps: Some(jumps), speed: None },
            CameraClock::StandsStill => Clock { state: "stands-still", jumps: None, speed: None },
            CameraClock::Runs(speed) => Clock { state: "runs-wrong", jumps: None, speed: Some(speed) },
        }),
        ..Facts::default()
    }
}

/// Adds the facts of a clip that ffmpeg itself read from the source. The frame rate is computed from the timestamps of
/// the beginning of the stream only. Every picture of the beginning is kept, but later only one picture for each
/// interval.
fn stamped_facts(facts: &mut Facts, clip: &Clip) {
    if clip.frames().len() > 1 {
        facts.declared_rate = clip.info().frame_rate;
    }
    let times = || clip.frames().iter().map(|frame| frame.timestamp);
    let beginning = times().take_while(|time| *time <= super::IN_FULL).count();
    let last = times().nth(beginning.saturating_sub(1)).unwrap_or_default().as_secs_f64();
    facts.stamped_rate = (beginning > 1 && last > 0.0).then(|| (beginning - 1) as f64 / last);
    let keyframes: Vec<_> = clip
        .frames()
        .iter()
        .filter(|frame| frame.keyframe)
        .map(|frame| frame.timestamp.as_secs_f64())
        .collect();
    facts.keyframe_interval_s = match &*keyframes {
        // If every kept picture is a keyframe, the gaps between keyframes only show the gaps between kept pictures.
        [first, second, ..] if keyframes.len() < clip.frames().len() => Some(second - first),
        _ => None,
    };
}

pub(super) const fn advice_words(advice: Advice, language: Language) -> &'static str {
    match language {
        Language::En => advice.en,
        Language::Zh => advice.zh,
    }
}

pub(super) const fn quirk_words(quirk: Quirk, language: Language) -> &'static str {
    match language {
        Language::En => quirk.summary_en(),
        Language::Zh => quirk.summary_zh(),
    }
}

pub(super) const fn reason_words(error: &CaptureError, language: Language) -> &'static str {
    match language {
        Language::En => error.kind.summary_en(),
        Language::Zh => error.kind.summary_zh(),
    }
}
