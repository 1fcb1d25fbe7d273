//! From what a camera sent to what ffmpeg reads: pictures still encoded, each with the time of its arrival.

mod feeder;
mod ledger;
mod matroska;
mod queue;

use std::time::Instant;

use bytes::Bytes;

pub(crate) use self::{
    feeder::{Fed, Feeder, Stage},
    ledger::Ledger,
    queue::{Receiver, Sender, queue},
};

/// Bytes of one encoded picture, at the most.
pub(crate) const MAX_UNIT_BYTES: usize = 16 << 20;

/// How pictures are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    H264,
    H265,
    Jpeg,
}

impl Codec {
    /// The name that findings have.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::H265 => "hevc",
            Self::Jpeg => "mjpeg",
        }
    }
}

/// An encoded picture: a JPEG, or the units of one access unit behind start codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) data: Bytes,
    /// When its last byte arrived.
    pub(crate) arrival: Instant,
    /// The camera's own time in ticks of its clock, which wraps; none where there is none.
    pub(crate) stamp: Option<u32>,
    /// Decoding can begin here.
    pub(crate) entry: Option<Entry>,
    /// It brings the parameter sets that it needs.
    pub(crate) has_sets: bool,
    /// No other picture is predicted from it.
    pub(crate) disposable: bool,
    /// It may be shown before one that arrived earlier.
    pub(crate) reordered: bool,
}

/// Where decoding can begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// At this picture.
    Keyframe,
    /// Here, but only so many pictures later all of it is there.
    Recovery(u32),
}

/// What is known of a stream before its first picture.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Format {
    pub(crate) codec: Codec,
    /// Parameter sets, for the first picture if it has none of its own.
    pub(crate) sets: Vec<Bytes>,
    /// Ticks a second of the stamps.
    pub(crate) clock_rate: u32,
    /// Frames a second, where it is declared.
    pub(crate) frame_rate: Option<f64>,
}
