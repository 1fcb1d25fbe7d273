//! Turns a source (a camera's stream, a snapshot's address, a file) into a [`Clip`]: decoded frames with their
//! pyramid, and the complaints of the decoder.
//!
//! This crate reads cameras over RTSP and HTTP. A separate ffmpeg process decodes, under deadlines, with bounded
//! memory and without any of this program's secrets: a stream that crashes, hangs or takes over a decoder affects
//! only that process. [`CaptureErrorKind`] names the reason why there is no clip.

mod admission;
mod advice;
mod auth;
mod capture;
mod clip;
mod clock;
mod conclusion;
mod confinement;
mod decoder;
mod error;
mod fed;
mod feed;
mod frame;
mod handover;
mod http;
mod journal;
mod notes;
mod opened;
mod parts;
mod piped;
mod process;
mod quirks;
mod reach;
mod reading;
mod reasons;
mod request;
mod rtsp;
mod sound;
mod source;
mod unfed;

pub use admission::Admission;
pub use advice::Advice;
pub use capture::{Capture, CaptureConfig, Capturer, RtspTransport};
pub use clip::{Clip, ClipError, ClipInfo, DecoderEvidence, PixelError, Rect};
pub use clock::CameraClock;
pub use error::{CaptureError, CaptureErrorKind};
pub use frame::{Frame, FrameError, PlaneKind, SampleRange};
pub use journal::{Journal, Measured, Record, Step, StepKind, Transport};
pub use quirks::Quirk;
pub use request::{ClipRequest, Stretch};
pub use source::{Source, SourceError, SourceKind};
