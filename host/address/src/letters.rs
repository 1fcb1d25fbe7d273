//! Decodes a percent-encoded string, even if it was encoded more than once, and records the original position of each
//! byte.

use std::ops::Range;

/// The largest number of rounds of decoding. Links through relays are encoded twice.
const ROUNDS: usize = 3;

/// The decoded bytes of an encoded string.
#[derive(Debug)]
pub(crate) struct Letters {
    bytes: Vec<u8>,
    at: Vec<Range<usize>>,
}

impl Letters {
    /// Decodes `text`, which stands in a longer string after `offset` bytes. The recorded positions are those in the
    /// longer string.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let mut letters = Self {
            bytes: text.bytes().collect(),
            at: (offset..offset + text.len()).map(|at| at..at + 1).collect(),
        };
        for _ in 0..ROUNDS {
            if !letters.bytes.contains(&b'%') {
                break;
            }
            letters = letters.decoded();
        }
        letters
    }

    fn decoded(&self) -> Self {
        let mut decoded =
            Self { bytes: Vec::with_capacity(self.bytes.len()), at: Vec::with_capacity(self.at.len()) };
        let mut index = 0;
        while let (Some(byte), Some(place)) = (self.bytes.get(index), self.at.get(index)) {
            let encoded = match self.bytes.get(index..index + 3) {
                Some([b'%', high, low]) => digit(*high).zip(digit(*low)).map(|(high, low)| high * 16 + low),
                _ => None,
            };
            if let (Some(encoded), Some(last)) = (encoded, self.at.get(index + 2)) {
                decoded.bytes.push(encoded);
                decoded.at.push(place.start..last.end);
                index += 3;
            } else {
                decoded.bytes.push(*byte);
                decoded.at.push(place.clone());
                index += 1;
            }
        }
        decoded
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns true if this byte was not encoded.
    pub(crate) fn is_plain(&self, index: usize) -> bool {
        self.at.get(index).is_some_and(|at| at.len() == 1)
    }

    /// Returns these bytes as a string.
    pub(crate) fn text(&self, range: Range<usize>) -> String {
        String::from_utf8_lossy(self.bytes.get(range).unwrap_or_default()).into_owned()
    }

    /// Returns the position of these decoded bytes in the longer string, where they are still encoded.
    pub(crate) fn place(&self, range: Range<usize>) -> Range<usize> {
        match self.at.get(range) {
            Some([first, .., last]) => first.start..last.end,
            Some([only]) => only.clone(),
            _ => 0..0,
        }
    }
}

const fn digit(hex: u8) -> Option<u8> {
    match hex {
        b'0'..=b'9' => Some(hex - b'0'),
        b'a'..=b'f' => Some(hex - b'a' + 10),
        b'A'..=b'F' => Some(hex - b'A' + 10),
        _ => None,
    }
}
