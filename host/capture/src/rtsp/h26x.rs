//! Examines the beginnings of the units (NAL units) of H.264 and H.265: the kind of each unit, and where decoding can
//! begin.

use crate::feed::{Codec, Entry};

/// The number of bytes of a unit that are examined to find its kind.
pub(crate) const LOOKED_AT: usize = 64;

/// The kind of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nal {
    /// A part of a picture.
    Slice {
        /// True for the first part of the picture.
        first: bool,
        /// True if the type of the unit marks a keyframe.
        key: bool,
        /// True if no other picture is predicted from this picture.
        disposable: bool,
        /// True if the picture may be shown before a picture that was decoded earlier.
        reordered: bool,
        /// True if the slice decodes without another picture. Unless `key` is true, later pictures may still refer
        /// to pictures before the picture of this slice.
        intra: bool,
    },
    /// A parameter set.
    Set {
        /// True for a sequence parameter set. The other sets accompany it.
        sequence: bool,
    },
    /// A recovery point: after this many further pictures, the picture is complete without a keyframe.
    Recovery(u32),
    /// An access unit delimiter: a picture begins.
    Delimiter,
    /// Any other unit.
    Other,
}

/// Determines the kind of a unit from its head and the bytes after the head.
pub(crate) fn nal(codec: Codec, unit: &[u8]) -> Nal {
    match codec {
        Codec::H265 => h265(unit),
        _ => h264(unit),
    }
}

/// Determines whether decoding can begin at a picture, from the units of the picture.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Entries {
    key: bool,
    recovery: Option<u32>,
    sequence: bool,
    intra: bool,
    predicted: bool,
}

impl Entries {
    pub(crate) const fn see(&mut self, nal: Nal) {
        match nal {
            Nal::Slice { key, intra, .. } => {
                self.key |= key;
                self.intra |= intra;
                self.predicted |= !intra;
            }
            Nal::Set { sequence } => self.sequence |= sequence,
            Nal::Recovery(pictures) => self.recovery = Some(pictures),
            Nal::Delimiter | Nal::Other => {}
        }
    }

    pub(crate) const fn entry(self) -> Option<Entry> {
        // Some encoders do not mark keyframes in the type of the unit. A picture therefore also counts as a keyframe if
        // it comes with a sequence parameter set and all its slices decode without another picture.
        let open = self.sequence && self.intra && !self.predicted;
        match self.recovery {
            _ if self.key || open => Some(Entry::Keyframe),
            Some(0) => Some(Entry::Keyframe),
            Some(pictures) => Some(Entry::Recovery(pictures)),
            None => None,
        }
    }

    pub(crate) const fn has_sets(self) -> bool {
        self.sequence
    }
}

/// Determines the kind from table 7-1 of ITU-T H.264.
fn h264(unit: &[u8]) -> Nal {
    let Some((&head, rest)) = unit.split_first() else { return Nal::Other };
    match head & 0x1F {
        kind @ (1 | 2 | 5) => {
            let mut bits = Bits::new(rest);
            let (first, slice) = (bits.exp_golomb(), bits.exp_golomb().unwrap_or(0) % 5);
            Nal::Slice {
                first: first == Some(0),
                key: kind == 5,
                disposable: head & 0x60 == 0,
                reordered: slice == 1,
                intra: kind == 5 || slice == 2 || slice == 4,
            }
        }
        6 => recovery(rest).map_or(Nal::Other, Nal::Recovery),
        7 => Nal::Set { sequence: true },
        8 | 13 | 15 => Nal::Set { sequence: false },
        9 => Nal::Delimiter,
        _ => Nal::Other,
    }
}

/// Determines the kind from table 7-1 of ITU-T H.265.
fn h265(unit: &[u8]) -> Nal {
    let Some((&[head, _], rest)) = unit.split_first_chunk::<2>() else { return Nal::Other };
    match (head >> 1) & 0x3F {
        kind @ 0..=31 => {
            let key = (16..=23).contains(&kind);
            let first = rest.first().is_some_and(|byte| byte & 0x80 != 0);
            // The kind of prediction does not reveal the display order, so the timestamps decide.
            Nal::Slice { first, key, disposable: false, reordered: !key, intra: key }
        }
        32 | 34 => Nal::Set { sequence: false },
        33 => Nal::Set { sequence: true },
        35 => Nal::Delimiter,
        39 => recovery(rest).map_or(Nal::Other, |code| Nal::Recovery(signed(code))),
        _ => Nal::Other,
    }
}

/// Converts the code of a signed number (clause 9.2.2 of ITU-T H.265). A negative number means that the picture
/// was complete earlier, so the result is 0.
const fn signed(code: u32) -> u32 {
    if code % 2 == 1 { code.div_ceil(2) } else { 0 }
}

/// Returns the coded number of pictures of a recovery point (payload 6 of a supplemental message). In H.264 the
/// number has no sign.
fn recovery(message: &[u8]) -> Option<u32> {
    let mut rest = message;
    while rest.len() > 2 {
        let (kind, after) = extended(rest)?;
        let (size, after) = extended(after)?;
        if kind == 6 {
            return Bits::new(after).exp_golomb();
        }
        rest = after.get(size..)?;
    }
    None
}

/// Parses a number in which each byte of 255 means that another byte follows.
fn extended(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let full = bytes.iter().take_while(|byte| **byte == 0xFF).count();
    let (&last, rest) = bytes.get(full..)?.split_first()?;
    Some((full * 255 + usize::from(last), rest))
}

/// Reads the bits of bytes. The highest bit of a byte is first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn bit(&mut self) -> Option<u32> {
        let byte = *self.bytes.get(self.at / 8)?;
        let bit = (byte >> (7 - self.at % 8)) & 1;
        self.at += 1;
        Some(bit.into())
    }

    /// Parses a number in Exp-Golomb code: some zero bits, a one bit, and as many further bits as there were zeros.
    fn exp_golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let mut value = 1_u64;
        for _ in 0..zeros {
            value = value << 1 | u64::from(self.bit()?);
        }
        u32::try_from(value - 1).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_told_by_their_heads() {
        let slice = |unit: &[u8]| match nal(Codec::H264, unit) {
            Nal::Slice { first, key, disposable, reordered, intra } => {
                (first, key, disposable, reordered, intra)
            }
            other => panic!("{other:?}"),
        };
        // The values are first_mb 0, and slice type 7 (I), 5 (P) or 6 (B).
        assert_eq!(slice(&[0x65, 0x88, 0x80]), (true, true, false, false, true));
        assert_eq!(slice(&[0x41, 0x9A]), (true, false, false, false, false));
        assert_eq!(slice(&[0x01, 0x9E]), (true, false, true, true, false));
        assert_eq!(nal(Codec::H264, &[0x06, 0x05, 0x01, 0xAA, 0x06, 0x01, 0x12, 0x80]), Nal::Recovery(8));
        assert_eq!(nal(Codec::H264, &[0x67, 0x42]), Nal::Set { sequence: true });
        // The picture is complete two pictures later, and one picture earlier.
        assert_eq!(nal(Codec::H265, &[0x4E, 0x01, 0x06, 0x01, 0x25, 0x80]), Nal::Recovery(2));
        assert_eq!(nal(Codec::H265, &[0x4E, 0x01, 0x06, 0x01, 0x74, 0x80]), Nal::Recovery(0));
        assert!(matches!(nal(Codec::H265, &[0x26, 0x01, 0x80]), Nal::Slice { key: true, first: true, .. }));
        assert_eq!(nal(Codec::H265, &[0x42, 0x01]), Nal::Set { sequence: true });
    }

    #[test]
    fn decoding_begins_at_keyframes_and_where_a_picture_recovers() {
        let entry = |units: &[&[u8]]| {
            let mut entries = Entries::default();
            units.iter().for_each(|unit| entries.see(nal(Codec::H264, unit)));
            entries.entry()
        };
        assert_eq!(entry(&[&[0x65, 0x88, 0x80]]), Some(Entry::Keyframe));
        assert_eq!(entry(&[&[0x41, 0x9A]]), None);
        assert_eq!(entry(&[&[0x67], &[0x41, 0x88, 0x80]]), Some(Entry::Keyframe));
        assert_eq!(entry(&[&[0x06, 0x06, 0x01, 0x12], &[0x41, 0x9A]]), Some(Entry::Recovery(8)));
    }

    proptest! {
        #[test]
        fn no_unit_makes_it_panic(unit in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut entries = Entries::default();
            entries.see(nal(Codec::H264, &unit));
            entries.see(nal(Codec::H265, &unit));
        }
    }
}
