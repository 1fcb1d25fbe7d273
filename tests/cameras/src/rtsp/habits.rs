//! The deviations of a camera from a plain one.

use std::time::Duration;

use super::{Answer, Request};
use crate::{auth::Way, media::RATE, packing::Packing};

/// The content of the video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Video {
    /// H.264 with a keyframe every second.
    H264,
    /// H.264 with a keyframe every second and with B-frames.
    Reordered,
    /// H.264 with a keyframe every eight seconds.
    Far,
    /// H.264 without keyframes, but with recovery points at which the picture is complete.
    Refreshed,
    /// H.265 video.
    H265,
    /// JPEG pictures.
    Jpeg,
}

/// What happens after the last picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Nothing more is sent, and the connection stays open.
    Silence,
    /// The connection is closed.
    Closes,
    /// The camera sends a goodbye (RTCP BYE), and the connection stays open.
    Bye,
}

/// Turns one packet into the packets that arrive in its place. `number` counts the packets from 1. `held` keeps
/// its content from one call to the next, so that a function can store a packet there and return it later.
pub type OnTheWay = fn(number: u64, packet: Vec<u8>, held: &mut Vec<u8>) -> Vec<Vec<u8>>;

/// The deviations of a camera from a plain one.
#[derive(Clone)]
pub struct Habits {
    /// The content of the video.
    pub video: Video,
    /// Pictures per second.
    pub rate: f64,
    /// The timestamp of the picture at this place.
    pub stamp: fn(place: u64) -> u32,
    /// The authentication methods that the camera offers, in this order.
    pub asks: &'static [Way],
    /// The offered methods with which the camera accepts clients.
    pub believes: &'static [Way],
    /// True if the camera sends over TCP, in the connection.
    pub tcp: bool,
    /// True if the camera sends over UDP.
    pub udp: bool,
    /// The status for a transport that the camera does not support.
    pub refusal: &'static str,
    /// Makes the description, from a plain camera's description and the camera's own address.
    pub describes: fn(description: &str, own: &str) -> String,
    /// Makes the camera's address in the description, from its own address. Returns None to omit the address.
    pub base: fn(own: &str) -> Option<String>,
    /// The path at which the camera accepts a set-up.
    pub track: &'static str,
    /// Changes the answer of a plain camera.
    pub answers: fn(&Request, &mut Answer),
    /// The packing of units.
    pub packing: Packing,
    /// True if parameter sets are sent with keyframes.
    pub sets_in_band: bool,
    /// Returns whether a packet of a picture has the marker. Most cameras mark only the last packet.
    pub marks: fn(last: bool) -> bool,
    /// Changes packets on their way.
    pub on_the_way: OnTheWay,
    /// The channel of the video over TCP.
    pub channel: u8,
    /// The number of pictures at the beginning among which no keyframe is sent.
    pub late_key: u64,
    /// The maximum number of pictures that are sent.
    pub pictures: u64,
    /// What happens after the last picture.
    pub end: End,
    /// A pause: the number of pictures before it, and its length.
    pub pause: (u64, Duration),
    /// The method of the keep-alive requests. The camera stops if it receives no such request for the given time.
    pub wants_signs: Option<(&'static str, Duration)>,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            video: Video::H264,
            rate: f64::from(RATE),
            stamp: |place| (place * 3_600) as u32,
            asks: &[],
            believes: &[Way::Basic, Way::Md5, Way::Sha256],
            tcp: true,
            udp: true,
            refusal: "461 Unsupported Transport",
            describes: |description, _| description.to_owned(),
            base: |own| Some(format!("rtsp://{own}/live/")),
            track: "/live/trackID=0",
            answers: |_, _| {},
            packing: Packing::Plain,
            sets_in_band: true,
            marks: |last| last,
            on_the_way: |_, packet, _| vec![packet],
            channel: 0,
            late_key: 0,
            pictures: u64::MAX,
            end: End::Silence,
            pause: (u64::MAX, Duration::ZERO),
            wants_signs: None,
        }
    }
}
