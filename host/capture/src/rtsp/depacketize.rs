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
const SHORT_CODE: [u8; 3] = [0, 0, 1];
/// Flags of a fragment.
const BEGINS: u8 = 0x80;
const ENDS: u8 = 0x40;

/// Makes pictures of the packets of one stream.
#[derive(Debug)]
pub(crate) enum Depacketizer {
    Nals(Nals),
    Jpeg(Jpeg),
}

impl Depacketizer {
    /// Of a stream whose description tells width and height, or does not.
    pub(crate) fn of(codec: Codec, described: Option<(u16, u16)>) -> Self {
        match codec {
            Codec::Jpeg => Self::Jpeg(Jpeg::of(described)),
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

    /// Why no picture can come of what the camera sends.
    pub(crate) fn hindrance(&self) -> Option<&'static str> {
        match self {
            Self::Jpeg(jpeg) if jpeg.sizeless => {
                Some("Motion JPEG of more than 2040 pixels a side, and the camera does not tell how many")
            }
            _ => None,
        }
    }

    /// Adds the picture that is there when no more packets come.
    pub(crate) fn rest(&mut self, units: &mut Vec<Unit>) {
        if let Self::Nals(nals) = self {
            nals.finish(units);
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
    /// Of the last packet: some cameras stamp each with the time of its sending.
    last_stamp: u32,
    /// When the last part of the picture came.
    arrival: Option<Instant>,
    now: Option<Instant>,
    /// A unit is being put together from fragments.
    open: bool,
    /// Where in the data the last unit goes on that others may hide in.
    unsearched: Option<usize>,
    marks: Marks,
    /// Packets of this picture are missing.
    has_gaps: bool,
}

/// What the marks at the ends of pictures are worth: some cameras set one behind each slice, or in each packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marks {
    /// Not put to the test: a picture is complete when the next one begins.
    Untested,
    /// This picture is marked; what comes next puts that to the test.
    Tested,
    Right,
    Wrong,
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
            last_stamp: 0,
            arrival: None,
            now: None,
            open: false,
            unsearched: None,
            marks: Marks::Untested,
            has_gaps: false,
        }
    }

    fn take(&mut self, packet: &Packet, missing: u16, units: &mut Vec<Unit>) {
        if missing > 0 {
            self.close();
            self.has_gaps = true;
        }
        if packet.stamp != self.last_stamp && (missing > 0 || !self.goes_on(&packet.payload)) {
            self.finish(units);
            self.stamp = packet.stamp;
        }
        self.last_stamp = packet.stamp;
        self.now = Some(packet.arrival);
        match self.codec {
            Codec::H265 => self.take_h265(&packet.payload, units),
            _ => self.take_h264(&packet.payload, units),
        }
        if packet.marker {
            self.marked(units);
        }
    }

    /// Whether a packet goes on with the picture by what is in it, whatever its stamp says.
    fn goes_on(&self, payload: &[u8]) -> bool {
        let beginning = payload.get(..LOOKED_AT).unwrap_or(payload);
        let unit = match (self.codec, beginning) {
            (_, []) => return true,
            (Codec::H265, &[head, layer, flags, ref rest @ ..]) if (head >> 1) & 0x3F == 49 => {
                (flags & BEGINS != 0).then(|| [&h265_head(head, layer, flags)[..], rest].concat())
            }
            (Codec::H264, &[head, flags, ref rest @ ..]) if head & 0x1F == 28 => {
                (flags & BEGINS != 0).then(|| [&h264_head(head, flags)[..], rest].concat())
            }
            _ => Some(beginning.to_vec()),
        };
        let is_rest = |unit: Vec<u8>| matches!(nal(self.codec, &unit), Nal::Slice { first: false, .. });
        unit.map_or(self.open, |unit| self.has_slices && is_rest(unit))
    }

    /// The camera says that the picture ends here.
    fn marked(&mut self, units: &mut Vec<Unit>) {
        match self.marks {
            _ if self.open => self.marks = Marks::Wrong,
            Marks::Untested if self.has_slices => self.marks = Marks::Tested,
            Marks::Right => self.finish(units),
            Marks::Untested | Marks::Tested | Marks::Wrong => {}
        }
    }

    fn take_h264(&mut self, payload: &Bytes, units: &mut Vec<Unit>) {
        let Some((&head, rest)) = payload.split_first() else { return };
        match head & 0x1F {
            // 0 begins a start code.
            0..=23 => self.whole(payload, units),
            kind @ (24 | 25) => {
                self.several(rest.get(if kind == 25 { 2 } else { 0 }..).unwrap_or_default(), units);
            }
            kind @ (28 | 29) => {
                let Some((&flags, rest)) = rest.split_first() else { return };
                let rest = if kind == 29 { rest.get(2..).unwrap_or_default() } else { rest };
                self.fragment(&h264_head(head, flags), flags, rest, units);
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
                self.fragment(&h265_head(head, layer, flags), flags, rest, units);
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
        // A camera that packs as for a file puts start codes in front.
        let unit = unit.strip_prefix(&START_CODE).or_else(|| unit.strip_prefix(&SHORT_CODE)).unwrap_or(unit);
        if unit.is_empty() {
            return;
        }
        self.begin(unit.get(..LOOKED_AT).unwrap_or(unit), units);
        self.append(unit);
        self.close();
    }

    fn fragment(&mut self, head: &[u8], flags: u8, rest: &[u8], units: &mut Vec<Unit>) {
        if flags & BEGINS != 0 {
            let beginning = [head, rest.get(..LOOKED_AT).unwrap_or(rest)].concat();
            self.begin(&beginning, units);
            self.append(head);
            self.open = true;
        }
        // Without what came before it, the rest of a unit is no use.
        if self.open {
            self.append(rest);
        }
        if flags & ENDS != 0 {
            self.close();
        }
    }

    /// A unit begins, perhaps that of another picture.
    fn begin(&mut self, beginning: &[u8], units: &mut Vec<Unit>) {
        self.close();
        let nal = nal(self.codec, beginning);
        let another = match nal {
            Nal::Slice { first, .. } => first,
            Nal::Set { .. } | Nal::Delimiter | Nal::Recovery(_) => true,
            Nal::Other => false,
        };
        if another && self.has_slices {
            self.finish(units);
        }
        let is_slice = matches!(nal, Nal::Slice { .. });
        // The rest of a picture behind its mark.
        if is_slice && !another && !self.has_gaps && (self.marks == Marks::Tested || !self.has_slices) {
            self.marks = Marks::Wrong;
        }
        self.see(nal);
        self.append(&START_CODE);
        self.unsearched = (!is_slice).then_some(self.data.len());
    }

    fn see(&mut self, nal: Nal) {
        self.entries.see(nal);
        if let Nal::Slice { disposable, reordered, .. } = nal {
            self.has_slices = true;
            self.disposable &= disposable;
            self.reordered |= reordered;
        }
    }

    /// A unit ends. Some cameras send parameter sets and a keyframe as one, with start codes between them.
    fn close(&mut self) {
        self.open = false;
        let Some(mut at) = self.unsearched.take() else { return };
        while let Some(code) = self.data.get(at..).and_then(|rest| find(rest, SHORT_CODE)) {
            at += code + SHORT_CODE.len();
            let unit = self.data.get(at..).unwrap_or_default();
            let nal = nal(self.codec, unit.get(..LOOKED_AT).unwrap_or(unit));
            self.see(nal);
            if matches!(nal, Nal::Slice { .. }) {
                return;
            }
        }
    }

    fn append(&mut self, bytes: &[u8]) {
        self.arrival = self.now;
        if self.data.len() + bytes.len() <= MAX_UNIT_BYTES {
            self.data.extend_from_slice(bytes);
        }
    }

    /// The picture is complete. What has no part of one is kept for the next.
    fn finish(&mut self, units: &mut Vec<Unit>) {
        self.close();
        let (true, Some(arrival)) = (self.has_slices, self.arrival) else { return };
        if self.marks == Marks::Tested {
            // Keyframes may have more parts than others.
            self.marks = if self.entries.entry().is_some() { Marks::Right } else { Marks::Untested };
        }
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
        (self.has_slices, self.disposable, self.reordered, self.has_gaps) = (false, true, false, false);
    }
}

/// The head of a unit of which this is the first fragment.
const fn h264_head(head: u8, flags: u8) -> [u8; 1] {
    [head & 0xE0 | flags & 0x1F]
}

const fn h265_head(head: u8, layer: u8, flags: u8) -> [u8; 2] {
    [head & 0x81 | (flags & 0x3F) << 1, layer]
}

/// Where a start code is.
fn find(bytes: &[u8], code: [u8; 3]) -> Option<usize> {
    bytes.array_windows().position(|three| *three == code)
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

    /// The data of the pictures, and where decoding begins.
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
        // With a start code in front or without; in one packet, or in fragments that cut start codes.
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
            // One mark a slice; one a packet, and each with a stamp of its own; none at all.
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
