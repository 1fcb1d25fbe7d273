//! Turns a source (a camera's stream, a snapshot's address, a file) into a [`Clip`]: decoded frames
//! with their pyramid, and what the decoder complained of.
//!
//! Decoding happens in an ffmpeg process of its own, under deadlines: a stream that crashes or
//! hangs a decoder costs that process. Why there is no clip is told apart by [`CaptureErrorKind`].

mod capture;
mod clip;
mod decoder;
mod error;
mod frame;
mod notes;
mod request;
mod source;

pub use capture::{CaptureConfig, Capturer};
pub use clip::{Clip, ClipError, ClipInfo, DecoderEvidence, PixelError, Rect};
pub use error::{CaptureError, CaptureErrorKind};
pub use frame::{Frame, FrameError, PlaneKind, SampleRange};
pub use request::{ClipRequest, Stretch};
pub use source::{Source, SourceError, SourceKind};
