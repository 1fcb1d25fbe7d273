//! Recognises containers by their first bytes, and checks whether a recording can be read while it arrives.

use super::client::Body;
use crate::error::Failure;

/// The largest number of bytes of a recording that are searched for the beginning of its index. An index that begins
/// later counts as being at the end.
const MAX_INDEX_BYTES: usize = 16 << 20;

/// The sizes of transport stream packets in bytes. Packets of 192 bytes have a timestamp in front. Packets of 204 bytes
/// have an error correction code at the end.
const PACKET_BYTES: [usize; 3] = [188, 192, 204];
/// The number of successive packets that identify a transport stream. Each packet begins with the byte 0x47.
const PACKETS: usize = 5;
/// The number of bytes that are enough to recognise a transport stream.
pub(crate) const TRANSPORT_BYTES: usize = 204 * (PACKETS + 1);

/// Returns the demuxer of a container or stream that begins with these bytes. None if the format is unknown.
pub(crate) fn container(head: &[u8]) -> Option<&'static str> {
    let has = |at: usize, magic: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(magic));
    let boxes: [&[u8]; 6] = [b"ftyp", b"moov", b"mdat", b"styp", b"moof", b"free"];
    Some(match head {
        _ if is_heif(head) => return None,
        _ if boxes.iter().any(|name| has(4, name)) => "mov",
        _ if has(0, b"\x1A\x45\xDF\xA3") => "matroska",
        _ if has(0, b"FLV\x01") => "flv",
        _ if has(0, b"\0\0\x01\xBA") => "mpeg",
        _ if has(0, b"RIFF") && has(8, b"AVI ") => "avi",
        _ if has(0, b"OggS") => "ogg",
        _ if has(0, b"DHAV") => "dhav",
        _ if has(0, b"\x30\x26\xB2\x75\x8E\x66\xCF\x11") => "asf",
        _ if has(0, b"\x47") => "mpegts",
        _ => elementary(head).or_else(|| transport(head))?,
    })
}

/// Returns whether a file is a HEIC or AVIF picture. These pictures have the container of recordings, and ffmpeg
/// does not read them as pictures.
pub(crate) fn is_heif(head: &[u8]) -> bool {
    let brands: [&[u8]; 7] = [b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis"];
    let is_box = head.get(4..8).is_some_and(|name| name == b"ftyp");
    is_box && head.get(8..12).is_some_and(|brand| brands.contains(&brand))
}

/// Recognises a stream without a container by its first unit: the data after the first start code. The unit may be of
/// any kind, because a stream may be joined anywhere.
fn elementary(head: &[u8]) -> Option<&'static str> {
    let unit = head.strip_prefix(b"\0\0\0\x01").or_else(|| head.strip_prefix(b"\0\0\x01"))?;
    match unit {
        // In H.265, the second byte is 1 unless the stream has several layers.
        [0x02 | 0x26 | 0x28 | 0x2A | 0x40 | 0x42 | 0x44 | 0x46 | 0x4E, 0x01, ..] => Some("hevc"),
        [
            0x06 | 0x09 | 0x21 | 0x25 | 0x27 | 0x28 | 0x41 | 0x45 | 0x47 | 0x48 | 0x61 | 0x65 | 0x67 | 0x68,
            ..,
        ] => Some("h264"),
        [0xB3, ..] => Some("mpegvideo"),
        [0xB0 | 0xB5 | 0x00 | 0x01 | 0x20, ..] => Some("m4v"),
        _ => None,
    }
}

/// Recognises a transport stream that begins in the middle of a packet, or has timestamps in front of its packets.
fn transport(head: &[u8]) -> Option<&'static str> {
    let begins = |at: usize, size: usize| {
        (0..PACKETS).all(|packet| head.get(at + packet * size).is_some_and(|byte| *byte == 0x47))
    };
    PACKET_BYTES.iter().any(|size| (0..*size).any(|at| begins(at, *size))).then_some("mpegts")
}

/// The place of a recording's index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Index {
    /// The index is before the media data.
    First,
    /// The index is after the media data, or missing.
    Last,
}

/// Finds the place of a recording's index.
pub(crate) async fn index(body: &mut Body) -> Result<Index, Failure> {
    let mut at = 0;
    loop {
        let head = body.at_least(at + 16).await?;
        match next_box(head, at) {
            Next::Found(index) => return Ok(index),
            Next::At(next) if next <= MAX_INDEX_BYTES => at = next,
            _ => return Ok(Index::Last),
        }
    }
}

enum Next {
    Found(Index),
    At(usize),
    Unknown,
}

fn next_box(bytes: &[u8], at: usize) -> Next {
    let Some(head) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) else { return Next::Unknown };
    let (&[a, b, c, d], name) = (head.first_chunk::<4>().unwrap_or(&[0; 4]), head.last_chunk::<4>());
    match name.map(|name| &name[..]) {
        // In a fragmented recording, each fragment has its own index.
        Some(b"moov" | b"moof" | b"styp") => return Next::Found(Index::First),
        Some(b"mdat") => return Next::Found(Index::Last),
        _ => {}
    }
    let size = u32::from_be_bytes([a, b, c, d]) as usize;
    if size < 8 { Next::Unknown } else { Next::At(at + size) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_told_by_their_first_bytes() {
        for (head, format) in [
            (&b"\0\0\0\x20ftypisom\0\0\x02\0"[..], Some("mov")),
            (b"\0\0\0\x20ftypheic\0\0\x02\0", None),
            (b"\x1A\x45\xDF\xA3\x01\0\0\0", Some("matroska")),
            (b"FLV\x01\x01\0\0\0\x09", Some("flv")),
            (b"\x47\x40\0\x10", Some("mpegts")),
            (b"\0\0\0\x01\x67\x42", Some("h264")),
            (b"\0\0\0\x01\x40\x01", Some("hevc")),
            // Units at which reading may begin in the middle of a stream.
            (b"\0\0\0\x01\x41\x9A", Some("h264")),
            (b"\0\0\x01\x28\xEE", Some("h264")),
            (b"\0\0\x01\x28\x01", Some("hevc")),
            (b"\0\0\0\x01\x02\x01", Some("hevc")),
            (b"<html>", None),
            (b"#EXTM3U\n#EXT-X", None),
            (b"", None),
        ] {
            assert_eq!(container(head), format, "{head:?}");
        }
    }

    #[test]
    fn a_transport_stream_is_told_wherever_it_begins() {
        for (size, before) in [(188, 100), (192, 4), (204, 203)] {
            let packet = [vec![0x47, 0x40], vec![0xFF; size - 2]].concat();
            let stream = [vec![0xAA; before], packet.repeat(6)].concat();
            assert_eq!(container(stream.get(..TRANSPORT_BYTES).unwrap_or(&stream)), Some("mpegts"), "{size}");
        }
        assert_eq!(container(&[0x46; TRANSPORT_BYTES]), None);
        let page = b"<html>G</html>".repeat(100);
        assert_eq!(container(&page), None);
    }

    #[test]
    fn the_place_of_an_index_is_found() {
        let at = |bytes: &[u8], at| match next_box(bytes, at) {
            Next::Found(index) => Some(index),
            _ => None,
        };
        assert_eq!(at(b"\0\0\0\x09moov\0", 0), Some(Index::First));
        assert_eq!(at(b"\0\0\0\x08free\0\0\0\x09mdat\0", 8), Some(Index::Last));
        assert!(matches!(next_box(b"\0\0\0\x08free", 0), Next::At(8)));
        assert!(matches!(next_box(b"\0\0\0\x01free", 0), Next::Unknown));
    }
}
