//! The path from the camera's data to ffmpeg's input: encoded pictures, each with its arrival time.

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

/// The largest encoded picture in bytes.
pub(crate) const MAX_UNIT_BYTES: usize = 16 << 20;

/// The encoding of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    H264,
    H265,
    Jpeg,
}

impl Codec {
    /// Returns the codec's name in findings.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::H265 => "hevc",
            Self::Jpeg => "mjpeg",
        }
    }
}

/// An encoded picture: a JPEG, or the NAL units of one access unit, each after a start code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) data: Bytes,
    /// The arrival time of the picture's last byte.
    pub(crate) arrival: Instant,
    /// The camera's own timestamp in ticks of its clock. The value wraps around. None if the camera gives no timestamp.
    pub(crate) stamp: Option<u32>,
    /// The way in which decoding can begin at this picture. None if decoding cannot begin at this picture.
    pub(crate) entry: Option<Entry>,
    /// True if the picture includes the parameter sets that it needs.
    pub(crate) has_sets: bool,
    /// True if no other picture is predicted from this picture.
    pub(crate) disposable: bool,
    /// True if the picture may be shown before a picture that arrived earlier.
    pub(crate) reordered: bool,
}

/// The way in which decoding can begin at a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// The picture is a keyframe.
    Keyframe,
    /// Decoding can begin at the picture, but the first complete picture comes this many pictures later.
    Recovery(u32),
}

/// The facts about a stream that are known before its first picture.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Format {
    pub(crate) codec: Codec,
    /// The parameter sets that are put in front of the first picture if it has no parameter sets of its own.
    pub(crate) sets: Vec<Bytes>,
    /// The number of ticks of the timestamps per second.
    pub(crate) clock_rate: u32,
    /// The declared frame rate in frames per second, if there is one.
    pub(crate) frame_rate: Option<f64>,
}
