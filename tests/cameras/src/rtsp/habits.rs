//! What a camera does otherwise than others.

use std::time::Duration;

use super::{Answer, Request};
use crate::{auth::Way, media::RATE, packing::Packing};

/// What it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Video {
    /// H.264, a keyframe a second.
    H264,
    /// The same with B-frames.
    Reordered,
    /// A keyframe every eight seconds.
    Far,
    /// No keyframes, but points where the picture is whole.
    Refreshed,
    /// H.265.
    H265,
    /// JPEG.
    Jpeg,
}

/// What happens behind the last picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Nothing more comes, and the connection stays.
    Silence,
    /// The connection is closed.
    Closes,
    /// It says goodbye (RTCP BYE), and the connection stays.
    Bye,
}

/// What one packet becomes on its way.
pub type OnTheWay = fn(number: u64, packet: Vec<u8>, held: &mut Vec<u8>) -> Vec<Vec<u8>>;

/// What a camera does otherwise than others.
#[derive(Clone)]
pub struct Habits {
    /// What it shows.
    pub video: Video,
    /// Pictures a second.
    pub rate: f64,
    /// What its clock says at a picture.
    pub stamp: fn(place: u64) -> u32,
    /// How it asks who is there, in its order.
    pub asks: &'static [Way],
    /// Those of them that it believes.
    pub believes: &'static [Way],
    /// It sends within the connection.
    pub tcp: bool,
    /// It sends datagrams.
    pub udp: bool,
    /// What is refused where a transport is not spoken.
    pub refusal: &'static str,
    /// Its description, from the one of a plain camera and its own address.
    pub describes: fn(description: &str, own: &str) -> String,
    /// Its address, as it describes it.
    pub base: fn(own: &str) -> Option<String>,
    /// The end of the address that it wants to be set up at.
    pub track: &'static str,
    /// Its answer, from that of a plain camera.
    pub answers: fn(&Request, &mut Answer),
    /// How it packs.
    pub packing: Packing,
    /// Parameter sets come with keyframes.
    pub sets_in_band: bool,
    /// Which packets of a picture are marked: the last one, by most.
    pub marks: fn(last: bool) -> bool,
    /// What a packet becomes.
    pub on_the_way: OnTheWay,
    /// The channel that it sends on over TCP.
    pub channel: u8,
    /// Pictures before the first keyframe is sent.
    pub late_key: u64,
    /// Pictures at the most.
    pub pictures: u64,
    /// What follows.
    pub end: End,
    /// Nothing is sent for so long, after so many pictures.
    pub pause: (u64, Duration),
    /// Without a sign of life by this method it stops after so long.
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
