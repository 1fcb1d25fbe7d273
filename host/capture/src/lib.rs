//! Turns a source (a camera's stream, a snapshot's address, a file) into a [`Clip`]: decoded frames
//! with their pyramid, and what the decoder complained of.
//!
//! Cameras are read here, over RTSP and HTTP. Decoding happens in an ffmpeg process of its own, under deadlines,
//! with bounded memory and with none of this program's secrets: a stream that crashes, hangs or takes over a
//! decoder costs that process. Why there is no clip is told apart by [`CaptureErrorKind`].

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
