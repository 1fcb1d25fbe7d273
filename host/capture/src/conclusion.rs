//! The result of a capture: a clip, or the reason why there is no clip.

use std::{sync::Arc, time::Duration};

use crate::{
    capture::Job,
    clip::{Clip, ClipInfo},
    error::{CaptureErrorKind as Kind, Failure},
    feed::Fed,
    frame::{Frame, SampleRange},
    notes::Notes,
    reading::End,
    source::{Source, SourceKind},
};

/// Makes a clip of the frames of a source that ffmpeg reads itself or receives unchanged. If there is no clip, returns
/// the reason.
pub(crate) fn conclude(
    job: Job<'_>,
    notes: &Notes,
    frames: Vec<Arc<Frame>>,
    end: End,
) -> Result<Clip, Failure> {
    let covered = frames.last().map_or(Duration::ZERO, |frame| frame.timestamp);
    let so_far =
        |what: String| format!("after {} frames in {:.1} s: {what}", frames.len(), covered.as_secs_f64());
    let half = frames.len() >= job.request.min_frames() as usize && covered >= job.request.span() / 2;
    let usable = half || (!streams(job.source, notes) && !frames.is_empty());
    let patience = job.config.connect_timeout.as_secs_f64();
    match end {
        End::Enough | End::Changed => {}
        End::TooLarge | End::Closed | End::Silent | End::Late if usable => {}
        End::TooLarge => {
            return Err(Failure::new(
                Kind::TooLarge,
                so_far(format!("a clip may have at most {} bytes", job.config.max_bytes)),
            ));
        }
        End::Closed => {
            let (kind, said) = notes.verdict();
            let kind = match kind {
                _ if frames.is_empty() && notes.frames_announced() > 0 => Kind::NoKeyframe,
                // The connection had been established before.
                Kind::ConnectTimedOut if notes.is_open() => Kind::Stalled,
                Kind::NotMedia | Kind::FfmpegFailed if !frames.is_empty() => Kind::EndedEarly,
                kind => kind,
            };
            return Err(Failure::new(kind, if notes.is_open() { so_far(said) } else { said }));
        }
        End::Silent => {
            return Err(Failure::new(Kind::Stalled, so_far(format!("no picture for {patience} s"))));
        }
        End::Late if !notes.is_open() => {
            return Err(Failure::new(
                Kind::ConnectTimedOut,
                format!("not open after {} s", job.config.deadline.as_secs()),
            ));
        }
        End::Late if frames.is_empty() && notes.frames_announced() > 0 => {
            return Err(Failure::new(
                Kind::NoKeyframe,
                format!("no keyframe in {} s", job.config.deadline.as_secs()),
            ));
        }
        End::Late => {
            return Err(Failure::new(Kind::Stalled, so_far("the time for the capture ran out".into())));
        }
        End::Broken(what) => return Err(Failure::new(Kind::FfmpegFailed, so_far(what))),
    }
    clip_of(job.source, notes, frames)
}

/// Returns true for a stream, which may break off. Returns false for a file or a snapshot, which is complete.
fn streams(source: &Source, notes: &Notes) -> bool {
    match source.kind() {
        SourceKind::Rtsp => true,
        SourceKind::Http => !notes.has_duration && !is_picture(notes),
        SourceKind::File => false,
    }
}

/// Makes a clip of these frames.
pub(crate) fn clip_of(source: &Source, notes: &Notes, frames: Vec<Arc<Frame>>) -> Result<Clip, Failure> {
    let Some((width, height)) = frames.first().map(|frame| frame.size()) else {
        return Err(Failure::new(Kind::NothingDecodes, "no frame".into()));
    };
    let info = ClipInfo {
        width,
        height,
        range: if notes.full_range { SampleRange::Full } else { SampleRange::Limited },
        frame_rate: notes.frame_rate,
        codec: notes.codec.clone(),
        clock: notes.clock,
        live: streams(source, notes),
    };
    Clip::of(info, notes.evidence.clone(), frames)
        .map_err(|e| Failure::new(Kind::FfmpegFailed, e.to_string()))
}

/// Returns true for a single picture, false for a stream of pictures.
fn is_picture(notes: &Notes) -> bool {
    notes.format.as_deref().is_some_and(|format| format.ends_with("_pipe") || format.starts_with("image2"))
}

/// Makes a clip of a stream whose pictures this program fed to ffmpeg one by one. If there is no clip, returns the
/// reason. `fed` is the reason why feeding ended. `broke` is the reason why the camera stopped sending.
pub(crate) fn conclude_fed(
    job: Job<'_>,
    notes: &Notes,
    frames: Vec<Arc<Frame>>,
    end: End,
    fed: Option<Fed>,
    broke: Option<Failure>,
) -> Result<Clip, Failure> {
    let covered = frames.last().map_or(Duration::ZERO, |frame| frame.timestamp);
    let so_far =
        |what: &str| format!("after {} frames in {:.1} s: {what}", frames.len(), covered.as_secs_f64());
    // A slow camera covers the time with fewer frames than requested.
    let covers = !frames.is_empty() && covered >= job.request.span() / 2;
    let many = covers && frames.len() >= job.request.min_frames() as usize;
    match end {
        End::Enough | End::Changed => {}
        End::TooLarge if many => {}
        End::TooLarge => {
            let detail = so_far(&format!("a clip may have at most {} bytes", job.config.max_bytes));
            return Err(Failure::new(Kind::TooLarge, detail));
        }
        End::Closed | End::Silent if fed == Some(Fed::Enough) && covers => {}
        End::Closed | End::Silent if many => {}
        End::Closed | End::Silent => {
            let (kind, said) = notes.verdict();
            return Err(match broke {
                _ if kind == Kind::TooLarge => Failure::new(kind, said),
                Some(broke) if fed == Some(Fed::Ended) => Failure::new(broke.kind, so_far(&broke.detail)),
                _ if frames.is_empty() => Failure::new(Kind::NothingDecodes, said),
                _ => Failure::new(Kind::EndedEarly, so_far(&said)),
            });
        }
        End::Late if covers => {}
        End::Late => {
            return Err(Failure::new(Kind::Stalled, so_far("the time for the capture ran out")));
        }
        End::Broken(what) => return Err(Failure::new(Kind::FfmpegFailed, so_far(&what))),
    }
    clip_of(job.source, notes, frames)
}
