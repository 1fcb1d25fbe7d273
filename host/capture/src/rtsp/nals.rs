//! Collects the units (NAL units) of a picture from packets. The content of the units determines where the picture
//! ends. By the standard, the last packet of a picture has a marker, and all packets of a picture have the same
//! timestamp. Some cameras do not follow the standard, so markers and timestamps are used only if they agree with the
//! content.

use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::{
    h26x::{Entries, LOOKED_AT, Nal, nal},
    rtp::Packet,
};
use crate::feed::{Codec, MAX_UNIT_BYTES, Unit};

pub(super) const START_CODE: [u8; 4] = [0, 0, 0, 1];
const SHORT_CODE: [u8; 3] = [0, 0, 1];
/// The flag of the first fragment of a unit.
const BEGINS: u8 = 0x80;
/// The flag of the last fragment of a unit.
const ENDS: u8 = 0x40;

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
    /// The timestamp of the last packet. Some cameras stamp each packet with the time of sending.
    last_stamp: u32,
    /// The arrival time of the last part of the picture.
    arrival: Option<Instant>,
    now: Option<Instant>,
    /// True while a unit is being assembled from fragments.
    open: bool,
    /// The start of the last unit in the data, if this unit may contain other units.
    unsearched: Option<usize>,
    marks: Marks,
    /// True if packets of this picture are missing.
    has_gaps: bool,
}

/// The reliability of the markers at the ends of pictures. Some cameras set a marker after each slice, or in each
/// packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marks {
    /// The markers are not tested yet: a picture is complete when the next picture begins.
    Untested,
    /// This picture has a marker. The next data shows whether the marker is right.
    Tested,
    Right,
    Wrong,
}

impl Nals {
    pub(super) fn of(codec: Codec) -> Self {
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

    pub(super) fn take(&mut self, packet: &Packet, missing: u16, units: &mut Vec<Unit>) {
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

    /// Returns whether a packet continues the picture. Only the content of the packet is examined, not its timestamp.
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

    /// Handles a marker: the camera declares the end of the picture.
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
            // Type 0 is the beginning of a start code.
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

    /// Processes several units in one packet. The length of each unit precedes the unit.
    fn several(&mut self, mut rest: &[u8], units: &mut Vec<Unit>) {
        while let Some((&[high, low], after)) = rest.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes([high, low])).min(after.len());
            let (unit, after) = after.split_at(length);
            self.whole(unit, units);
            rest = after;
        }
    }

    fn whole(&mut self, unit: &[u8], units: &mut Vec<Unit>) {
        // Some cameras pack units as in a file, with a start code in front.
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
        // Without its beginning, the rest of a unit is useless.
        if self.open {
            self.append(rest);
        }
        if flags & ENDS != 0 {
            self.close();
        }
    }

    /// Begins a unit, which may belong to another picture.
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
        // A slice continues the picture after its marker, so the marker was wrong.
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

    /// Ends a unit, and searches it for further units. Some cameras send parameter sets and a keyframe as one unit,
    /// with start codes in between.
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

    /// Completes the picture. Data without a slice becomes a part of the next picture.
    pub(super) fn finish(&mut self, units: &mut Vec<Unit>) {
        self.close();
        let (true, Some(arrival)) = (self.has_slices, self.arrival) else { return };
        if self.marks == Marks::Tested {
            // Keyframes may have more parts than other pictures, so only a keyframe proves the markers right.
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

/// Makes the head of a unit from the head of its first fragment.
const fn h264_head(head: u8, flags: u8) -> [u8; 1] {
    [head & 0xE0 | flags & 0x1F]
}

const fn h265_head(head: u8, layer: u8, flags: u8) -> [u8; 2] {
    [head & 0x81 | (flags & 0x3F) << 1, layer]
}

/// Finds the start code.
fn find(bytes: &[u8], code: [u8; 3]) -> Option<usize> {
    bytes.array_windows().position(|three| *three == code)
}
