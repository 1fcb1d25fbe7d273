//! Assembles JPEG pictures from packets, by RFC 2435. Cameras do not send the head of a picture, so this module
//! makes the head.

use bytes::{Bytes, BytesMut};

use super::rtp::Packet;
use crate::feed::{Entry, MAX_UNIT_BYTES, Unit};

/// Quantisation of brightness at quality 50, from table K.1 of ITU-T T.81, in zigzag order.
const LUMA: [u8; 64] = [
    16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49, 35, 37, 29, 40,
    58, 51, 61, 60, 57, 51, 56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87, 95, 98, 103,
    104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99,
];
/// Quantisation of colour at quality 50, from table K.2, in zigzag order.
const CHROMA: [u8; 64] = [
    17, 18, 18, 24, 21, 24, 47, 26, 26, 47, 99, 66, 56, 66, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
];
/// The code lengths of tables K.3 and K.4. Their symbols are the numbers from 0 to 11.
const DC_LENGTHS: [[u8; 16]; 2] =
    [[0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0]];
/// The code lengths of tables K.5 and K.6.
const AC_LENGTHS: [[u8; 16]; 2] = [
    [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7D],
    [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77],
];
const AC_LUMA: [u8; 162] = [
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22,
    0x71, 0x14, 0x32, 0x81, 0x91, 0xA1, 0x08, 0x23, 0x42, 0xB1, 0xC1, 0x15, 0x52, 0xD1, 0xF0, 0x24, 0x33,
    0x62, 0x72, 0x82, 0x09, 0x0A, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x34,
    0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x53, 0x54, 0x55,
    0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x73, 0x74, 0x75, 0x76,
    0x77, 0x78, 0x79, 0x7A, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x92, 0x93, 0x94, 0x95, 0x96,
    0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5,
    0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4,
    0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xE1, 0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF1,
    0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8, 0xF9, 0xFA,
];
const AC_CHROMA: [u8; 162] = [
    0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71, 0x13,
    0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xA1, 0xB1, 0xC1, 0x09, 0x23, 0x33, 0x52, 0xF0, 0x15, 0x62,
    0x72, 0xD1, 0x0A, 0x16, 0x24, 0x34, 0xE1, 0x25, 0xF1, 0x17, 0x18, 0x19, 0x1A, 0x26, 0x27, 0x28, 0x29,
    0x2A, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x53, 0x54,
    0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x73, 0x74, 0x75,
    0x76, 0x77, 0x78, 0x79, 0x7A, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x92, 0x93, 0x94,
    0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xB2, 0xB3,
    0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2,
    0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA,
    0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8, 0xF9, 0xFA,
];

/// Assembles the current picture.
#[derive(Debug, Default)]
pub(crate) struct Jpeg {
    begun: Option<Head>,
    data: BytesMut,
    stamp: u32,
    /// Tables that a camera sends only once, with their quality.
    tables: Option<(u8, Bytes)>,
    /// The width and height in the session's description.
    described: Option<(u16, u16)>,
    /// The width and height in an extension of the picture's own packets, for pictures that are too large for the
    /// packets' heads.
    extended: Option<(u16, u16)>,
    /// True if pictures without any indication of their size arrived.
    pub(crate) sizeless: bool,
}

/// The content of a picture's first packet.
#[derive(Debug)]
struct Head {
    kind: u8,
    /// The width in units of eight pixels. Zero if the picture is too large for this field.
    width: u8,
    /// The height in units of eight pixels. Zero if the picture is too large for this field.
    height: u8,
    interval: Option<u16>,
    tables: Bytes,
}

impl Jpeg {
    /// Makes an assembler. `described` is the width and height in the stream's description, if there are any.
    pub(crate) fn of(described: Option<(u16, u16)>) -> Self {
        Self { described, ..Self::default() }
    }

    /// Processes a packet. Returns the picture that the packet completes.
    pub(crate) fn take(&mut self, packet: &Packet, missing: u16) -> Option<Unit> {
        let payload = &packet.payload;
        let &[_, o2, o1, o0, kind, quality, width, height] = payload.first_chunk::<8>()?;
        let mut rest = payload.slice(8..);
        let offset = usize::from(o2) << 16 | usize::from(o1) << 8 | usize::from(o0);
        let mut interval = None;
        if kind & 0x40 != 0 {
            interval = Some(u16::from_be_bytes(*rest.first_chunk::<2>()?));
            rest = rest.slice(4.min(rest.len())..);
        }
        if offset == 0 {
            let tables = if quality >= 128 { self.sent(quality, &mut rest)? } else { scaled(quality) };
            self.data.clear();
            self.stamp = packet.stamp;
            (self.begun, self.extended) = (Some(Head { kind, width, height, interval, tables }), None);
        } else if self.begun.is_none() || packet.stamp != self.stamp {
            // The beginning of the picture is missing.
            return None;
        }
        if let Some(([0xFF, 0xD8 | 0xFF], segments)) = &packet.extension {
            self.extended = frame_size(segments).or(self.extended);
        }
        // Data after a gap would be decoded at the wrong place.
        let is_gap = missing > 0 && offset != 0;
        if is_gap || self.data.len() + rest.len() > MAX_UNIT_BYTES {
            self.begun = None;
            return None;
        }
        self.data.extend_from_slice(&rest);
        if !packet.marker {
            return None;
        }
        let (begun, scan) = (self.begun.take()?, self.data.split());
        let end: &[u8] = if scan.ends_with(&[0xFF, 0xD9]) { &[] } else { &[0xFF, 0xD9] };
        let (wide, high) = self.extended.or(self.described).unwrap_or_default();
        let side = |eights: u8, told: u16| if eights == 0 { told } else { u16::from(eights) * 8 };
        let size = (side(begun.width, wide), side(begun.height, high));
        if size.0 == 0 || size.1 == 0 {
            self.sizeless = true;
            return None;
        }
        Some(Unit {
            data: [&head(&begun, size), &scan[..], end].concat().into(),
            arrival: packet.arrival,
            stamp: Some(packet.stamp),
            entry: Some(Entry::Keyframe),
            has_sets: true,
            disposable: true,
            reordered: false,
        })
    }

    /// Returns the tables in this packet or in an earlier packet.
    fn sent(&mut self, quality: u8, rest: &mut Bytes) -> Option<Bytes> {
        let &[_, precision, high, low] = rest.first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if rest.len() < 4 + length {
            return None;
        }
        let tables = rest.slice(4..4 + length);
        *rest = rest.slice(4 + length..);
        if length == 0 {
            return self.tables.as_ref().filter(|(own, _)| *own == quality).map(|(_, tables)| tables.clone());
        }
        // Baseline JPEG does not allow entries of sixteen bits.
        if precision != 0 || !matches!(length, 64 | 128) {
            return None;
        }
        if quality != 255 {
            self.tables = Some((quality, tables.clone()));
        }
        Some(tables)
    }
}

/// Computes the tables for a quality from 1 to 99.
fn scaled(quality: u8) -> Bytes {
    let quality = u32::from(quality.clamp(1, 99));
    let factor = if quality < 50 { 5_000 / quality } else { 200 - 2 * quality };
    let scale = |value: &u8| ((u32::from(*value) * factor + 50) / 100).clamp(1, 255) as u8;
    LUMA.iter().chain(&CHROMA).map(scale).collect()
}

/// Returns the width and height from the JPEG segments that some cameras send in addition (ONVIF Streaming,
/// 5.1.4).
fn frame_size(mut segments: &[u8]) -> Option<(u16, u16)> {
    while let Some((&[first, mark, high, low], rest)) = segments.split_first_chunk::<4>() {
        if (first, mark) == (0xFF, 0xFF) {
            segments = segments.get(1..)?;
            continue;
        }
        if first != 0xFF {
            return None;
        }
        if let (0xC0 | 0xC1, Some(&[_, h1, h0, w1, w0])) = (mark, rest.first_chunk::<5>()) {
            return Some((u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0])));
        }
        segments = rest.get(usize::from(u16::from_be_bytes([high, low])).checked_sub(2)?..)?;
    }
    None
}

/// Makes the head of a picture: everything before its coded data.
fn head(begun: &Head, (width, height): (u16, u16)) -> Vec<u8> {
    let &Head { kind, interval, ref tables, .. } = begun;
    let (width, height) = (width.to_be_bytes(), height.to_be_bytes());
    let (luma, chroma) = tables.split_at(64.min(tables.len()));
    let chroma = if chroma.is_empty() { luma } else { chroma };
    // Chroma has half the width. In type 1 it also has half the height.
    let sampling = if kind & 0x3F == 0 { 0x21 } else { 0x22 };
    let mut head = vec![0xFF, 0xD8];
    let mut segment = |marker: u8, parts: &[&[u8]]| {
        let content = parts.concat();
        head.extend_from_slice(&[0xFF, marker]);
        head.extend_from_slice(&(content.len() as u16 + 2).to_be_bytes());
        head.extend_from_slice(&content);
    };
    segment(0xDB, &[&[0], luma]);
    segment(0xDB, &[&[1], chroma]);
    if let Some(interval) = interval {
        segment(0xDD, &[&interval.to_be_bytes()]);
    }
    segment(0xC0, &[&[8], &height, &width, &[3, 1, sampling, 0, 2, 0x11, 1, 3, 0x11, 1]]);
    let symbols: Vec<u8> = (0..12).collect();
    let [luma_dc, chroma_dc] = &DC_LENGTHS;
    let [luma_ac, chroma_ac] = &AC_LENGTHS;
    segment(0xC4, &[&[0x00], luma_dc, &symbols]);
    segment(0xC4, &[&[0x10], luma_ac, &AC_LUMA]);
    segment(0xC4, &[&[0x01], chroma_dc, &symbols]);
    segment(0xC4, &[&[0x11], chroma_ac, &AC_CHROMA]);
    segment(0xDA, &[&[3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0]]);
    head
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn size_of(unit: &Unit) -> [u8; 4] {
        let frame = unit.data.windows(2).position(|two| two == [0xFF, 0xC0]).unwrap();
        *unit.data[frame + 5..].first_chunk().unwrap()
    }

    #[test]
    fn a_picture_that_is_too_large_for_its_packets_has_the_size_that_is_told_besides() {
        let large = |extension: Option<&'static [u8]>| {
            let mut packet = packet(0, 50, true, b"");
            packet.payload = Bytes::from_static(&[0, 0, 0, 0, 1, 50, 0, 0, b'x']);
            packet.extension = extension.map(|content| ([0xFF, 0xD8], Bytes::from_static(content)));
            packet
        };
        let told = b"\xFF\xE0\0\x03a\xFF\xFF\xC0\0\x0B\x08\x05\xF0\x0A\x80\x01\x01\x11\0";
        let of_packet = Jpeg::default().take(&large(Some(told)), 0).unwrap();
        assert_eq!(size_of(&of_packet), [0x05, 0xF0, 0x0A, 0x80]);
        let described = Jpeg::of(Some((2_688, 1_520))).take(&large(None), 0).unwrap();
        assert_eq!(size_of(&described), [0x05, 0xF0, 0x0A, 0x80]);
        let mut untold = Jpeg::default();
        assert_eq!((untold.take(&large(None), 0), untold.sizeless), (None, true));
    }

    fn packet(offset: u8, quality: u8, marker: bool, rest: &[u8]) -> Packet {
        let second = if marker { 0x9A } else { 0x1A };
        let bytes =
            [&[0x80, second, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0][..], &[0, 0, 0, offset, 1, quality, 40, 30], rest];
        Packet::parse(&bytes.concat().into(), Instant::now()).unwrap()
    }

    #[test]
    fn a_picture_has_the_head_that_was_not_sent() {
        let mut jpeg = Jpeg::default();
        assert_eq!(jpeg.take(&packet(0, 50, false, b"abc"), 0), None);
        let unit = jpeg.take(&packet(3, 50, true, b"def"), 0).unwrap();
        assert!(unit.data.starts_with(&[0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0, 16, 11]));
        assert!(unit.data.ends_with(b"abcdef\xFF\xD9"));
        assert_eq!(size_of(&unit), [0, 240, 1, 64]);
    }

    #[test]
    fn tables_are_kept_for_the_pictures_that_come_without() {
        let mut jpeg = Jpeg::default();
        assert_eq!(jpeg.take(&packet(0, 200, true, &[0, 0, 0, 0]), 0), None);
        let with = [&[0, 0, 0, 128][..], &[7; 128], b"x"].concat();
        assert!(jpeg.take(&packet(0, 200, true, &with), 0).is_some());
        let without = jpeg.take(&packet(0, 200, true, &[0, 0, 0, 0, b'x']), 0).unwrap();
        assert!(without.data.starts_with(&[0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0, 7, 7]));
    }

    #[test]
    fn a_picture_with_a_gap_is_none() {
        let mut jpeg = Jpeg::default();
        jpeg.take(&packet(0, 50, false, b"abc"), 0);
        assert_eq!(jpeg.take(&packet(9, 50, true, b"def"), 1), None);
    }
}
