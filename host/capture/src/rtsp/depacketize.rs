//! Assembles whole pictures from packets: H.264 by RFC 6184, H.265 by RFC 7798, JPEG by RFC 2435. If a part of an
//! H.264 or H.265 picture is missing, the rest is passed on, and the decoder determines the damage. A JPEG with a
//! missing part is dropped.

use super::{jpeg::Jpeg, nals::Nals, rtp::Packet};
use crate::feed::{Codec, Unit};

/// Assembles pictures from the packets of one stream.
#[derive(Debug)]
pub(crate) enum Depacketizer {
    Nals(Nals),
    Jpeg(Jpeg),
}

impl Depacketizer {
    /// Makes a depacketizer. `described` is the width and height in the stream's description, if there are any.
    pub(crate) fn of(codec: Codec, described: Option<(u16, u16)>) -> Self {
        match codec {
            Codec::Jpeg => Self::Jpeg(Jpeg::of(described)),
            codec => Self::Nals(Nals::of(codec)),
        }
    }

    /// Processes the next packet, before which `missing` packets are missing. Adds the pictures that the packet
    /// completes to `units`.
    pub(crate) fn take(&mut self, packet: &Packet, missing: u16, units: &mut Vec<Unit>) {
        match self {
            Self::Nals(nals) => nals.take(packet, missing, units),
            Self::Jpeg(jpeg) => units.extend(jpeg.take(packet, missing)),
        }
    }

    /// Returns the reason if no picture can be made from the camera's data.
    pub(crate) fn hindrance(&self) -> Option<&'static str> {
        match self {
            Self::Jpeg(jpeg) if jpeg.sizeless => {
                Some("Motion JPEG of more than 2040 pixels a side, and the camera does not send the size")
            }
            _ => None,
        }
    }

    /// Adds the remaining picture after the last packet.
    pub(crate) fn rest(&mut self, units: &mut Vec<Unit>) {
        if let Self::Nals(nals) = self {
            nals.finish(units);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;
    use crate::{feed::Entry, rtsp::nals::START_CODE};

    fn packet(stamp: u32, marker: bool, payload: &[u8]) -> Packet {
        let marker = if marker { 0xE0 } else { 0x60 };
        let bytes = [&[0x80, marker, 0, 0][..], &stamp.to_be_bytes(), &[0; 4], payload].concat();
        Packet::parse(&bytes.into(), Instant::now()).unwrap()
    }

    fn units(codec: Codec, packets: &[(u32, bool, &[u8], u16)]) -> Vec<Unit> {
        let mut depacketizer = Depacketizer::of(codec, None);
        let mut units = Vec::new();
        for (stamp, marker, payload, missing) in packets {
            depacketizer.take(&packet(*stamp, *marker, payload), *missing, &mut units);
        }
        depacketizer.rest(&mut units);
        units
    }

    #[test]
    fn a_picture_is_put_together_from_all_kinds_of_packets() {
        let found = units(
            Codec::H264,
            &[
                // Both parameter sets in one packet, then a keyframe in two fragments with a marker.
                (1, false, &[24, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xCE], 0),
                (1, false, &[0x7C, 0x85, 0x88, 0x80], 0),
                (1, true, &[0x7C, 0x45, 0xAA], 0),
                // Only the next timestamp shows the end of this picture.
                (2, false, &[0x41, 0x9A, 1], 0),
                (3, true, &[0x01, 0x9E, 2], 0),
            ],
        );
        assert_eq!(&found[0].data[..], b"\0\0\0\x01\x67\x42\0\0\0\x01\x68\xCE\0\0\0\x01\x65\x88\x80\xAA");
        assert_eq!((found[0].entry, found[0].has_sets), (Some(Entry::Keyframe), true));
        assert_eq!((found[1].entry, found[1].disposable, found[1].reordered), (None, false, false));
        assert_eq!((found[2].stamp, found[2].disposable, found[2].reordered), (Some(3), true, true));
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn parameter_sets_that_come_alone_go_with_the_next_picture() {
        let found = units(Codec::H264, &[(1, true, &[0x67, 0x42], 0), (2, true, &[0x65, 0x88, 0x80], 0)]);
        assert_eq!(&found[0].data[..], b"\0\0\0\x01\x67\x42\0\0\0\x01\x65\x88\x80");
        assert!(found[0].has_sets);
    }

    #[test]
    fn what_lacks_a_part_is_handed_on_without_it() {
        let found = units(
            Codec::H264,
            &[
                (1, false, &[0x7C, 0x85, 0x88], 0),
                (1, false, &[0x7C, 0x05, 0xBB], 1),
                (1, true, &[0x7C, 0x45, 0xCC], 0),
            ],
        );
        assert_eq!(&found[0].data[..], b"\0\0\0\x01\x65\x88");
    }

    #[test]
    fn pictures_of_the_same_stamp_are_told_apart_without_marks() {
        let found = units(
            Codec::H265,
            &[
                (0, false, &[0x26, 0x01, 0x80, 1], 0),
                (0, false, &[0x02, 0x01, 0x80, 2], 0),
                (0, true, &[0x62, 0x01, 0x81, 0x80, 3], 0),
            ],
        );
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].entry, Some(Entry::Keyframe));
        assert_eq!(&found[2].data[..], b"\0\0\0\x01\x02\x01\x80\x03");
    }

    /// Returns the data of each picture, and true if decoding can begin at the picture.
    fn pictures(codec: Codec, packets: &[(u32, bool, &[u8], u16)]) -> Vec<(Vec<u8>, bool)> {
        units(codec, packets).iter().map(|unit| (unit.data.to_vec(), unit.entry.is_some())).collect()
    }

    const KEY: [u8; 5] = [0x65, 0x88, 0x80, 1, 1];
    const KEY_S_REST: [u8; 5] = [0x65, 0x40, 0x80, 2, 2];
    const NEXT: [u8; 3] = [0x41, 0x9A, 3];

    fn annex_b(nals: &[&[u8]]) -> Vec<u8> {
        nals.iter().flat_map(|nal| [&START_CODE[..], nal].concat()).collect()
    }

    #[test]
    fn units_that_come_as_one_with_start_codes_between_them_are_told_apart() {
        let sets: [&[u8]; 2] = [&[0x67, 0x42, 9], &[0x68, 0xCE]];
        let as_one = annex_b(&[sets[0], sets[1], &KEY]);
        let bare = &as_one[4..];
        let wanted = [(as_one.clone(), true), (annex_b(&[&NEXT]), false)];
        // With or without a leading start code; in one packet, or in fragments that split start codes.
        for first in [bare, &as_one, &as_one[1..]] {
            assert_eq!(pictures(Codec::H264, &[(1, true, first, 0), (2, true, &NEXT, 0)]), wanted);
        }
        for cut in 1..bare.len() - 1 {
            let one = [&[0x7C, 0x87], &bare[1..=cut]].concat();
            let other = [&[0x7C, 0x47], &bare[cut + 1..]].concat();
            let packets: [(u32, bool, &[u8], u16); 3] =
                [(1, false, &one, 0), (1, true, &other, 0), (2, true, &NEXT, 0)];
            assert_eq!(pictures(Codec::H264, &packets), wanted, "{cut}");
        }
    }

    #[test]
    fn a_picture_is_one_whatever_marks_and_stamps_say() {
        let whole = annex_b(&[&KEY, &KEY_S_REST]);
        let wanted = [(whole.clone(), true), (annex_b(&[&NEXT]), false), (whole, true)];
        for (marks, stamps) in [
            // One marker per slice; one per packet, each with its own timestamp; no marker at all.
            ([false, false, true, true, true], [0; 5]),
            ([true; 5], [0, 1, 2, 3, 4]),
            ([false; 5], [0, 0, 0, 0, 9]),
        ] {
            let (begin, end) = ([0x7C, 0x85, 0x88], [0x7C, 0x05, 0x80]);
            let key: [&[u8]; 5] = [&begin, &end, &[0x7C, 0x45, 1, 1], &KEY_S_REST, &NEXT];
            let mut packets: Vec<(u32, bool, &[u8], u16)> = Vec::new();
            for round in 0..2 {
                let of_round = key.iter().zip(marks).zip(stamps);
                packets.extend(
                    of_round.map(|((payload, mark), stamp)| (round * 100 + stamp, mark, *payload, 0)),
                );
            }
            packets.pop();
            assert_eq!(pictures(Codec::H264, &packets), wanted, "{marks:?} {stamps:?}");
        }
    }

    #[test]
    fn marks_that_proved_right_end_a_picture_at_once() {
        let mut depacketizer = Depacketizer::of(Codec::H264, None);
        let mut taken = |stamp: u32, payload: &[u8]| {
            let mut units = Vec::new();
            depacketizer.take(&packet(stamp, true, payload), 0, &mut units);
            units.len()
        };
        assert_eq!([taken(1, &KEY), taken(2, &NEXT), taken(3, &NEXT)], [0, 2, 1]);
    }

    proptest! {
        #[test]
        fn no_packets_make_it_panic(
            payloads in prop::collection::vec(
                (0..3_u32, any::<bool>(), prop::collection::vec(any::<u8>(), 0..40), 0..3_u16), 0..40
            ),
        ) {
            for codec in [Codec::H264, Codec::H265, Codec::Jpeg] {
                let packets: Vec<_> =
                    payloads.iter().map(|(stamp, marker, payload, missing)| (*stamp, *marker, &payload[..], *missing)).collect();
                drop(units(codec, &packets));
            }
        }
    }
}
