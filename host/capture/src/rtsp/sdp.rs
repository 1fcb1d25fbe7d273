//! Parses the parts of a session's description (SDP) that a capture needs: the video, and how it is packed.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use bytes::Bytes;

use super::h26x::{Nal, nal};
use crate::feed::Codec;

/// The largest number of parameter sets that are taken from a description.
const MAX_SETS: usize = 16;

/// A video that can be read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Video {
    pub(crate) codec: Codec,
    pub(crate) payload_type: u8,
    /// The number of ticks of the video's clock per second.
    pub(crate) clock_rate: u32,
    /// The address for the set-up, as in the description.
    pub(crate) control: Option<String>,
    /// The parameter sets that decoding requires, if the description has them.
    pub(crate) sets: Vec<Bytes>,
    /// The declared frame rate in frames per second, if there is one.
    pub(crate) frame_rate: Option<f64>,
    /// The declared width and height, if there are any.
    pub(crate) size: Option<(u16, u16)>,
}

/// The offer of a description.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Offer {
    Video(Video),
    /// Video in a format that is left to ffmpeg, and a description of the format.
    Foreign(String),
    NoVideo,
}

/// A parsed description.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Description {
    pub(crate) offer: Offer,
    /// The address at which the whole session is played.
    pub(crate) control: Option<String>,
}

#[derive(Default)]
struct Section<'a> {
    is_video: bool,
    /// The payload types of the media line, in its order.
    payload_types: Vec<u8>,
    attributes: Vec<(&'a str, &'a str)>,
}

impl<'a> Section<'a> {
    fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// Returns the values of the attributes with this name, by payload type.
    fn by_type(&self, name: &str) -> impl Iterator<Item = (u8, &'a str)> {
        let of_name = move |(own, _): &&(&str, &str)| own.eq_ignore_ascii_case(name);
        self.attributes.iter().filter(of_name).filter_map(|(_, value)| {
            let (number, rest) = value.trim().split_once([' ', '\t'])?;
            Some((number.parse().ok()?, rest.trim()))
        })
    }

    /// Returns the offer of the first payload type that can be read. The media line announces types, and `rtpmap`
    /// attributes describe types. Types that are described but not announced are tried too, because some cameras
    /// describe another type than they announce.
    fn offer(&self) -> Offer {
        let described = self.by_type("rtpmap").map(|(payload_type, _)| payload_type);
        let mut offers = self.payload_types.iter().copied().chain(described).map(|own| self.offer_of(own));
        let first = offers.next().unwrap_or_else(|| Offer::Foreign("no payload".into()));
        if matches!(first, Offer::Video(_)) {
            return first;
        }
        offers.find(|offer| matches!(offer, Offer::Video(_))).unwrap_or(first)
    }

    fn offer_of(&self, payload_type: u8) -> Offer {
        let about = |name| self.by_type(name).find(|(own, _)| *own == payload_type).map(|(_, value)| value);
        let map = about("rtpmap").unwrap_or(if payload_type == 26 { "JPEG/90000" } else { "" });
        let (name, rate) = map.split_once('/').unwrap_or((map, ""));
        let codec = match name.to_ascii_uppercase().as_str() {
            "H264" => Codec::H264,
            "H265" | "HEVC" => Codec::H265,
            "JPEG" => Codec::Jpeg,
            _ => return Offer::Foreign(format!("payload type {payload_type} {name}").trim_end().to_owned()),
        };
        let format = about("fmtp").unwrap_or_default();
        let parameter = |wanted: &str| {
            format
                .split(';')
                .filter_map(|one| one.trim().split_once('='))
                .find_map(|(name, value)| name.trim().eq_ignore_ascii_case(wanted).then_some(value.trim()))
        };
        // In interleaved order, a number precedes each unit. No known camera sends streams in this order.
        let numbered = parameter("sprop-max-don-diff").is_some_and(|value| value != "0")
            || (codec == Codec::H264 && parameter("packetization-mode") == Some("2"));
        if numbered {
            return Offer::Foreign(format!("{name} in interleaved order"));
        }
        let names = ["sprop-vps", "sprop-sps", "sprop-pps", "sprop-parameter-sets"];
        let sets = names.iter().filter_map(|name| parameter(name)).flat_map(|list| list.split(','));
        let sets = sets.filter_map(decoded).flat_map(|sets| parameter_sets(codec, &sets));
        let sets = sets.take(MAX_SETS).collect();
        let rate = rate.split('/').next().and_then(|rate| rate.trim().parse().ok());
        Offer::Video(Video {
            codec,
            payload_type,
            clock_rate: rate.filter(|rate| *rate > 0).unwrap_or(90_000),
            control: self.attribute("control").map(str::to_owned),
            sets,
            frame_rate: self
                .attribute("framerate")
                .and_then(|rate| rate.trim().parse::<f64>().ok())
                .filter(|rate| rate.is_finite() && *rate > 0.0 && *rate <= 1_000.0),
            size: self.attribute("x-dimensions").or_else(|| about("framesize")).and_then(size),
        })
    }
}

/// Parses a description. If it has several videos, the first one that can be read is chosen.
pub(crate) fn parse(text: &str) -> Description {
    let mut whole = Section::default();
    let mut sections: Vec<Section<'_>> = Vec::new();
    for line in text.lines() {
        let Some((kind, value)) = line.trim().split_once('=') else { continue };
        match kind {
            "m" => {
                let mut words = value.split_whitespace();
                let is_video = words.next().is_some_and(|media| media.eq_ignore_ascii_case("video"));
                let payload_types = words.skip(2).filter_map(|word| word.parse().ok()).collect();
                sections.push(Section { is_video, payload_types, attributes: Vec::new() });
            }
            "a" => {
                let (name, value) = value.split_once(':').unwrap_or((value, ""));
                sections.last_mut().unwrap_or(&mut whole).attributes.push((name.trim(), value.trim()));
            }
            _ => {}
        }
    }
    let mut offer = Offer::NoVideo;
    for section in sections.iter().filter(|section| section.is_video) {
        match section.offer() {
            Offer::Video(video) => {
                offer = Offer::Video(video);
                break;
            }
            other if offer == Offer::NoVideo => offer = other,
            _ => {}
        }
    }
    Description { offer, control: whole.attribute("control").map(str::to_owned) }
}

/// Summarises a description's offer in one line for people.
pub(crate) fn summary(text: &str) -> String {
    let mut media: Vec<String> = Vec::new();
    for line in text.lines() {
        let Some((kind, value)) = line.trim().split_once('=') else { continue };
        let mut words = value.split_whitespace();
        if kind == "m" {
            media.push(words.next().unwrap_or_default().to_owned());
            continue;
        }
        let Some(last) = media.last_mut().filter(|_| kind == "a") else { continue };
        match value.split_once(':') {
            Some(("rtpmap", map)) => last.push_str(&format!(" {}", map.trim())),
            Some(("framerate", rate)) => last.push_str(&format!(", {} frames/s", rate.trim())),
            Some(("fmtp", format)) if format.contains("sprop") => last.push_str(", with parameter sets"),
            _ => {}
        }
    }
    if media.is_empty() { "no media".to_owned() } else { media.join("; ") }
}

/// Parses a size such as `2592,1944` or `2592-1944`.
fn size(text: &str) -> Option<(u16, u16)> {
    let (width, height) = text.split_once([',', '-'])?;
    Some((width.trim().parse().ok()?, height.trim().parse().ok()?))
}

fn decoded(text: &str) -> Option<Bytes> {
    let text = text.trim();
    let decoded =
        STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text.trim_end_matches('='))).ok()?;
    (!decoded.is_empty()).then(|| decoded.into())
}

/// Extracts the parameter sets from data that is described as one set. Some cameras put start codes in front of
/// the sets, and some describe data that is not a set.
fn parameter_sets(codec: Codec, bytes: &Bytes) -> Vec<Bytes> {
    let mut begins: Vec<_> = (0..bytes.len()).filter(|at| starts(bytes, *at)).map(|at| at + 3).collect();
    if begins.first() != Some(&3) {
        begins.insert(0, 0);
    }
    let ends = begins.iter().skip(1).map(|begin| begin - 3).chain([bytes.len()]);
    let units = begins.iter().zip(ends).map(|(begin, end)| trimmed(&bytes.slice(*begin..end)));
    units.filter(|unit| matches!(nal(codec, unit), Nal::Set { .. })).collect()
}

fn starts(bytes: &[u8], at: usize) -> bool {
    bytes.get(at..).is_some_and(|rest| rest.starts_with(&[0, 0, 1]))
}

/// Removes the zeros that belong to the next start code.
fn trimmed(unit: &Bytes) -> Bytes {
    let end = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    unit.slice(..end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_video_that_can_be_read_is_chosen() {
        let text = "v=0\r\na=control:*\r\nm=audio 0 RTP/AVP 8\r\na=control:track0\r\nm=video 0 RTP/AVP 96\r\n\
                    a=rtpmap:96 MP4V-ES/90000\r\nm=video 0 RTP/AVP 97\r\na=rtpmap:97 h264/90000\r\n\
                    a=framerate:12.5\r\na=control:track2\r\n\
                    a=fmtp:97 packetization-mode=1; sprop-parameter-sets=Z0LgHg==,aM4=\r\n";
        let description = parse(text);
        assert_eq!(description.control.as_deref(), Some("*"));
        let Offer::Video(video) = description.offer else { panic!("{description:?}") };
        assert_eq!((video.codec, video.payload_type, video.clock_rate), (Codec::H264, 97, 90_000));
        assert_eq!((video.control.as_deref(), video.frame_rate), (Some("track2"), Some(12.5)));
        assert_eq!(video.sets, [&b"\x67\x42\xe0\x1e"[..], &b"\x68\xce"[..]]);
    }

    #[test]
    fn a_description_is_told_in_a_line() {
        let text = "v=0\r\nm=audio 0 RTP/AVP 8\r\nm=video 0 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\na=framerate:25\r\n\
                    a=fmtp:97 sprop-parameter-sets=Z0LgHg==\r\n";
        assert_eq!(summary(text), "audio; video 97 H264/90000, 25 frames/s, with parameter sets");
        assert_eq!(summary(""), "no media");
    }

    #[test]
    fn what_is_left_to_ffmpeg_and_what_is_no_video_are_told_apart() {
        let offer = |media: &str| parse(&format!("v=0\n{media}")).offer;
        assert_eq!(offer("m=audio 0 RTP/AVP 8\n"), Offer::NoVideo);
        assert!(matches!(offer("m=video 0 RTP/AVP 96\na=rtpmap:96 VP8/90000\n"), Offer::Foreign(_)));
        assert!(matches!(offer("m=video 0 RTP/AVP 26\n"), Offer::Video(Video { codec: Codec::Jpeg, .. })));
    }

    #[test]
    fn what_cameras_describe_wrongly_is_understood_all_the_same() {
        let video = |text: &str| match parse(text).offer {
            Offer::Video(video) => video,
            other => panic!("{other:?}"),
        };
        // The lines about the session are missing, the port is invalid, tabs separate words, and sets have start
        // codes in front.
        let bare = "m=video -1353744643 RTP/AVP 96\r\nc=IN IP4 '&\u{FFFD}\r\na=rtpmap:96\tH264/90000 \r\n\
                    a=fmtp:96\tsprop-parameter-sets=AAAAAUdNAB+ZsBQBboQAAA+gAAF3AhA=,AAAAAUjqQ8g=;\r\na=control:track1";
        let found = video(bare);
        assert_eq!(found.control.as_deref(), Some("track1"));
        let heads: Vec<_> = found.sets.iter().map(|set| set[0]).collect();
        assert_eq!(heads, [0x47, 0x48], "{:?}", found.sets);
        // One value contains all sets, and the other values are not sets.
        let one = "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n\
                   a=fmtp:96 sprop-parameter-sets=Z0LgHgAAAAFozg==,6QAAAAAB,4QQI\n";
        assert_eq!(video(one).sets, [&b"\x67\x42\xe0\x1e"[..], &b"\x68\xce"[..]]);
        // The readable payload type is not the first one, or is not announced at all.
        let second = "m=video 0 RTP/AVP 97 96\na=rtpmap:97 rtx/90000\na=rtpmap:96 H264/90000\n";
        let other = "m=video 0 RTP/AVP 98\na=rtpmap:96 H265/90000\n";
        assert_eq!((video(second).payload_type, video(other).payload_type), (96, 96));
        assert_eq!(video(other).codec, Codec::H265);
        let sizes = ["a=x-dimensions: 2688, 1520", "a=framesize:26 2688-1520"];
        for size in sizes {
            assert_eq!(video(&format!("m=video 0 RTP/AVP 26\n{size}\n")).size, Some((2_688, 1_520)));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(lines in prop::collection::vec(
            r"(m=video |a=rtpmap:|a=fmtp:|a=control:|a=framerate:|m=)?[0-9A-Za-z=;:/, -]{0,30}", 0..12
        )) {
            drop(parse(&lines.join("\r\n")));
        }
    }
}
