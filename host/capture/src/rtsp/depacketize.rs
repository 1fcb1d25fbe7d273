//! Whole pictures from packets: H.264 by RFC 6184, H.265 by RFC 7798. What lacks a part is handed on without it,
//! for the decoder to say what that costs.

use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::{
    h26x::{Entries, LOOKED_AT, Nal, nal},
    jpeg::Jpeg,
    rtp::Packet,
};
use crate::feed::{Codec, MAX_UNIT_BYTES, Unit};

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Makes pictures of the packets of one stream.
#[derive(Debug)]
pub(crate) enum Depacketizer {
    Nals(Nals),
    Jpeg(Jpeg),
}

impl Depacketizer {
    pub(crate) fn of(codec: Codec) -> Self {
        match codec {
            Codec::Jpeg => Self::Jpeg(Jpeg::default()),
            codec => Self::Nals(Nals::of(codec)),
        }
    }

    /// Takes the next packet, before which some may be missing; adds the pictures that are complete by it.
    pub(crate) fn take(&mut self, packet: &Packet, missing: u16, units: &mut Vec<Unit>) {
        match self {
            Self::Nals(nals) => nals.take(packet, missing, units),
            Self::Jpeg(jpeg) => units.extend(jpeg.take(packet, missing)),
        }
    }
}

/// Collects the units of a picture.
#[derive(Debug)]
pub(crate) struct Nals {
    codec: Codec,
    data: BytesMut,
    entries: Entries,
    has_slices: bool,
    disposable: bool,
    reordered: bool,
    stamp: u32,
    arrival: Option<Instant>,
    /// A unit is being put together from fragments.
    open: bool,
}

impl Nals {
    fn of(codec: Codec) -> Self {
        Self {
            codec,
            data: BytesMut::new(),
            entries: Entries::default(),
            has_slices: false,
            disposable: true,
            reordered: false,
            stamp: 0,
            arrival: None,
            open: false,
        }
    }

    fn take(&mut self, packet: &Packet, missing: u16, units: &mut Vec<Unit>) {
        if packet.stamp != self.stamp {
            self.finish(units);
            self.stamp = packet.stamp;
        }
        if missing > 0 {
            self.open = false;
        }
        self.arrival = Some(packet.arrival);
        match self.codec {
            Codec::H265 => self.take_h265(&packet.payload, units),
            _ => self.take_h264(&packet.payload, units),
        }
        if packet.marker {
            self.finish(units);
        }
    }

    fn take_h264(&mut self, payload: &Bytes, units: &mut Vec<Unit>) {
        let Some((&head, rest)) = payload.split_first() else { return };
        match head & 0x1F {
            1..=23 => self.whole(payload, units),
            kind @ (24 | 25) => {
                self.several(rest.get(if kind == 25 { 2 } else { 0 }..).unwrap_or_default(), units);
            }
            kind @ (28 | 29) => {
                let Some((&flags, rest)) = rest.split_first() else { return };
                let rest = if kind == 29 { rest.get(2..).unwrap_or_default() } else { rest };
                self.fragment(&[head & 0xE0 | flags & 0x1F], flags, rest, units);
            }
            _ => {}
        }
    }

    fn take_h265(&mut self, payload: &Bytes, units: &mut Vec<Unit>) {
        let Some((&[head, layer], rest)) = payload.split_first_chunk::<2>() else { return };
        match (head >> 1) & 0x3F {
            48 => self.several(rest, units),
            49 => {
                let Some((&flags, rest)) = rest.split_first() else { return };
                self.fragment(&[head & 0x81 | (flags & 0x3F) << 1, layer], flags, rest, units);
            }
            50.. => {}
            _ => self.whole(payload, units),
        }
    }

    /// Several units in a packet, each behind its length.
    fn several(&mut self, mut rest: &[u8], units: &mut Vec<Unit>) {
        while let Some((&[high, low], after)) = rest.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes([high, low])).min(after.len());
            let (unit, after) = after.split_at(length);
            self.whole(unit, units);
            rest = after;
        }
    }

    fn whole(&mut self, unit: &[u8], units: &mut Vec<Unit>) {
        self.open = false;
        if unit.is_empty() {
            return;
        }
        // A camera that packs as for a file puts start codes in front.
        let unit = unit.strip_prefix(&START_CODE).unwrap_or(unit);
        self.begin(unit.get(..LOOKED_AT).unwrap_or(unit), units);
        self.append(&START_CODE);
        self.append(unit);
    }

    fn fragment(&mut self, head: &[u8], flags: u8, rest: &[u8], units: &mut Vec<Unit>) {
        if flags & 0x80 != 0 {
            let beginning = [head, rest.get(..LOOKED_AT).unwrap_or(rest)].concat();
            self.begin(&beginning, units);
            self.append(&START_CODE);
            self.append(head);
            self.open = true;
        }
        // Without what came before it, the rest of a unit is no use.
        if self.open {
            self.append(rest);
        }
        if flags & 0x40 != 0 {
            self.open = false;
        }
    }

    /// A unit begins, perhaps that of another picture.
    fn begin(&mut self, beginning: &[u8], units: &mut Vec<Unit>) {
        let nal = nal(self.codec, beginning);
        let another = match nal {
            Nal::Slice { first, .. } => first,
            Nal::Set { .. } | Nal::Delimiter | Nal::Recovery(_) => true,
            Nal::Other => false,
        };
        if another && self.has_slices {
            self.finish(units);
        }
        self.entries.see(nal);
        if let Nal::Slice { disposable, reordered, .. } = nal {
            self.has_slices = true;
            self.disposable &= disposable;
            self.reordered |= reordered;
        }
    }

    fn append(&mut self, bytes: &[u8]) {
        if self.data.len() + bytes.len() <= MAX_UNIT_BYTES {
            self.data.extend_from_slice(bytes);
        }
    }

    /// The picture is complete. What has no part of one is kept for the next.
    fn finish(&mut self, units: &mut Vec<Unit>) {
        self.open = false;
        let (true, Some(arrival)) = (self.has_slices, self.arrival) else { return };
        units.push(Unit {
            data: self.data.split().freeze(),
            arrival,
            stamp: Some(self.stamp),
            entry: self.entries.entry(),
            has_sets: self.entries.has_sets(),
            disposable: self.disposable,
            reordered: self.reordered,
        });
        self.entries = Entries::default();
        (self.has_slices, self.disposable, self.reordered) = (false, true, false);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::feed::Entry;

    fn packet(stamp: u32, marker: bool, payload: &[u8]) -> Packet {
        let marker = if marker { 0xE0 } else { 0x60 };
        let bytes = [&[0x80, marker, 0, 0][..], &stamp.to_be_bytes(), &[0; 4], payload].concat();
        Packet::parse(&bytes.into(), Instant::now()).unwrap()
    }

    fn units(codec: Codec, packets: &[(u32, bool, &[u8], u16)]) -> Vec<Unit> {
        let mut depacketizer = Depacketizer::of(codec);
        let mut units = Vec::new();
        for (stamp, marker, payload, missing) in packets {
            depacketizer.take(&packet(*stamp, *marker, payload), *missing, &mut units);
        }
        units
    }

    #[test]
    fn a_picture_is_put_together_from_all_kinds_of_packets() {
        let found = units(
            Codec::H264,
            &[
                // Both parameter sets in one packet, then a keyframe in two fragments, marked.
                (1, false, &[24, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xCE], 0),
                (1, false, &[0x7C, 0x85, 0x88, 0x80], 0),
                (1, true, &[0x7C, 0x45, 0xAA], 0),
                // Nothing marks the end of this one but the next stamp.
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
