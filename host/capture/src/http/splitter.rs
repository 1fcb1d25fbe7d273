//! Extracts JPEG pictures from a stream. Only the JPEG markers determine where a picture begins and ends. The
//! delimiters, headers and lengths between the pictures are skipped, because they may be wrong.

use bytes::{Buf, Bytes, BytesMut};

use crate::feed::MAX_UNIT_BYTES;

/// Extracts pictures from a stream of bytes.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    buffer: BytesMut,
    at: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// No picture has begun.
    #[default]
    Between,
    /// At the marker of a segment.
    Segment,
    /// In data whose length is not given.
    Data,
}

const BEGIN: [u8; 3] = [0xFF, 0xD8, 0xFF];

impl Splitter {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns whether a picture has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.state != State::Between
    }

    /// Returns whether a picture has begun, or begins in the bytes that were not examined yet.
    pub(crate) fn begins(&self) -> bool {
        self.has_begun() || self.buffer.windows(BEGIN.len()).any(|three| three == BEGIN)
    }

    /// Returns the next picture that is complete, or that is cut off by the beginning of another picture.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        loop {
            let found = match self.state {
                State::Between => self.begin(),
                State::Segment => self.segment(),
                State::Data => self.data(),
            };
            match found {
                Found::More => {}
                Found::Nothing => {
                    if self.buffer.len() > MAX_UNIT_BYTES {
                        self.buffer.clear();
                        (self.at, self.state) = (0, State::Between);
                    }
                    return None;
                }
                Found::End => {
                    let picture = self.buffer.split_to(self.at).freeze();
                    (self.at, self.state) = (0, State::Between);
                    return Some(picture);
                }
            }
        }
    }

    /// Returns the incomplete picture, if a picture has begun.
    pub(crate) fn rest(&mut self) -> Option<Bytes> {
        self.has_begun().then(|| self.buffer.split().freeze())
    }

    fn begin(&mut self) -> Found {
        let begin = self.buffer.windows(BEGIN.len()).position(|three| three == BEGIN);
        let Some(begin) = begin else {
            self.buffer.advance(self.buffer.len().saturating_sub(BEGIN.len() - 1));
            return Found::Nothing;
        };
        self.buffer.advance(begin);
        (self.at, self.state) = (2, State::Segment);
        Found::More
    }

    fn segment(&mut self) -> Found {
        let Some(&[first, mark]) = self.buffer.get(self.at..).and_then(|rest| rest.first_chunk::<2>()) else {
            return Found::Nothing;
        };
        match (first, mark) {
            (0xFF, 0xFF) => self.at += 1,
            (0xFF, 0xD9) => {
                self.at += 2;
                return Found::End;
            }
            // Another picture begins where a segment of this picture is expected: this picture is dropped.
            (0xFF, 0xD8) => {
                self.buffer.advance(self.at);
                self.at = 2;
            }
            (0xFF, 0x01 | 0xD0..=0xD7) => self.at += 2,
            (0xFF, 0xC0..=0xFE) => {
                let length = self.buffer.get(self.at + 2..).and_then(|rest| rest.first_chunk::<2>());
                let Some(&length) = length else { return Found::Nothing };
                let end = self.at + 2 + usize::from(u16::from_be_bytes(length).max(2));
                if end > self.buffer.len() {
                    return Found::Nothing;
                }
                self.at = end;
                if mark == 0xDA {
                    self.state = State::Data;
                }
            }
            // The data is damaged: search for the next valid marker.
            _ => self.state = State::Data,
        }
        Found::More
    }

    fn data(&mut self) -> Found {
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        let Some(mark) = rest.iter().position(|byte| *byte == 0xFF) else {
            self.at = self.buffer.len();
            return Found::Nothing;
        };
        self.at += mark;
        let after = |at: usize| self.buffer.get(self.at + at).copied();
        match (after(1), after(2)) {
            (None, _) | (Some(0xD8), None) => return Found::Nothing,
            (Some(0xD9), _) => {
                self.at += 2;
                return Found::End;
            }
            // Another picture begins, so this picture was cut off.
            (Some(0xD8), Some(0xFF)) => return Found::End,
            // More tables and more data follow, as in progressive pictures.
            (Some(0xC4 | 0xDA | 0xDB | 0xDC | 0xDD | 0xE0..=0xEF | 0xFE), _) => self.state = State::Segment,
            _ => self.at += 1,
        }
        Found::More
    }
}

enum Found {
    More,
    Nothing,
    End,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A picture with a thumbnail in an application segment, and with stuffed bytes and restart markers in its
    /// data.
    const PICTURE: &[u8] = b"\xFF\xD8\xFF\xE1\0\x08\xFF\xD8\xFF\xD9ab\xFF\xDA\0\x03xdata\xFF\0\xFF\xD3more\xFF\xC4\0\x02\xFF\xDA\0\x02z\xFF\xD9";

    fn split(pieces: &[&[u8]]) -> Vec<Bytes> {
        let mut splitter = Splitter::default();
        let mut pictures = Vec::new();
        for piece in pieces {
            splitter.push(piece);
            while let Some(picture) = splitter.next() {
                pictures.push(picture);
            }
        }
        pictures
    }

    #[test]
    fn pictures_are_found_whatever_stands_between_them() {
        for between in [
            &b"\r\n--b\r\nContent-Type: image/jpeg\r\nContent-Length: 3\r\n\r\n"[..],
            b"",
            b"b\n",
            b"\r\nsome text\xFF\r\n",
        ] {
            let stream = [PICTURE, between, PICTURE, between].concat();
            assert_eq!(split(&[between, &stream]), [PICTURE, PICTURE], "{between:?}");
        }
    }

    #[test]
    fn a_picture_that_is_cut_off_ends_where_the_next_begins() {
        let cut = &PICTURE[..22];
        assert_eq!(split(&[cut, PICTURE]), [cut, PICTURE]);
        let mut splitter = Splitter::default();
        splitter.push(cut);
        assert_eq!(splitter.next(), None);
        assert_eq!(splitter.rest().as_deref(), Some(cut));
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference_and_no_bytes_make_it_panic(
            parts in prop::collection::vec(prop_oneof![
                Just(PICTURE.to_vec()), Just(vec![0xFF, 0xD8, 0xFF]), Just(vec![0xFF]),
                prop::collection::vec(any::<u8>(), 0..20)
            ], 0..12), size in 1..50_usize
        ) {
            let stream = parts.concat();
            let pieces: Vec<&[u8]> = stream.chunks(size).collect();
            prop_assert_eq!(split(&pieces), split(&[&stream]));
        }

        #[test]
        fn every_picture_between_texts_is_found(texts in prop::collection::vec("[ -~\r\n]{0,60}", 1..8)) {
            let mut stream = Vec::new();
            for text in &texts {
                stream.extend_from_slice(text.as_bytes());
                stream.extend_from_slice(PICTURE);
            }
            prop_assert_eq!(split(&[&stream]).len(), texts.len());
        }
    }
}
