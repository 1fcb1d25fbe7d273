//! Writes and reads the parts of a chunk: numbers of variable length, strings, bitmaps, and columns of packed integers.
//! The reader does not trust the bytes: before it allocates memory for a number of values, it checks that the bytes can
//! contain them.

use super::Corrupt;

/// The largest width of a packed integer in bits.
const MAX_WIDTH: u32 = 40;

/// Writes a chunk's body.
#[derive(Debug, Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.0.push(number.to_le_bytes()[0]);
    }

    pub(super) fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    pub(super) fn signed(&mut self, number: i64) {
        self.number((number << 1 ^ number >> 63).cast_unsigned());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Writes which of the places from 0 to `length` are in `places`, one bit each.
    pub(super) fn bitmap(&mut self, places: impl IntoIterator<Item = u32>, length: usize) {
        let start = self.0.len();
        self.0.resize(start + length.div_ceil(8), 0);
        for place in places {
            if let Some(byte) = self.0.get_mut(start + (place / 8) as usize) {
                *byte |= 1 << (place % 8);
            }
        }
    }

    /// Writes integers: the lowest one, then the difference of each from it, all with the same number of bits.
    pub(super) fn packed(&mut self, integers: &[i64]) {
        let low = integers.iter().copied().min().unwrap_or(0);
        let spread = integers.iter().map(|one| one.abs_diff(low)).max().unwrap_or(0);
        let width = u64::BITS - spread.leading_zeros();
        self.signed(low);
        self.number(u64::from(width));
        let (mut held, mut bits) = (0_u128, 0);
        for one in integers {
            held |= u128::from(one.abs_diff(low)) << bits;
            bits += width;
            while bits >= 8 {
                self.0.push(held.to_le_bytes()[0]);
                held >>= 8;
                bits -= 8;
            }
        }
        if bits > 0 {
            self.0.push(held.to_le_bytes()[0]);
        }
    }
}

/// Reads a chunk's body.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Corrupt> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Corrupt("it ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Corrupt> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(Corrupt("it ends too early"))?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn number(&mut self) -> Result<u64, Corrupt> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let part = u64::from(byte & 0x7f);
            number |= part << shift;
            if byte & 0x80 == 0 {
                // The tenth byte has room for one bit only.
                return if shift == 63 && part > 1 {
                    Err(Corrupt("a number is too large"))
                } else {
                    Ok(number)
                };
            }
        }
        Err(Corrupt("a number is too long"))
    }

    /// Reads a number of things of which there may be at most `most`.
    pub(super) fn count(&mut self, most: usize) -> Result<usize, Corrupt> {
        let count = usize::try_from(self.number()?).map_err(|_| Corrupt("a count is too large"))?;
        if count > most { Err(Corrupt("a count is too large")) } else { Ok(count) }
    }

    pub(super) fn signed(&mut self) -> Result<i64, Corrupt> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(super) fn text(&mut self) -> Result<String, Corrupt> {
        let length = self.count(self.0.len())?;
        let text = std::str::from_utf8(self.bytes(length)?).map_err(|_| Corrupt("a text is not UTF-8"))?;
        Ok(text.to_owned())
    }

    /// Reads places from 0 to `length`; see [`Writer::bitmap`]. `left` is the number of values that may still be read.
    pub(super) fn bitmap(&mut self, length: usize, left: &mut usize) -> Result<Vec<u32>, Corrupt> {
        let bytes = self.bytes(length.div_ceil(8))?;
        let count = bytes.iter().map(|byte| byte.count_ones() as usize).sum();
        *left = left.checked_sub(count).ok_or(Corrupt("it has too many values"))?;
        let mut places = Vec::with_capacity(count);
        for (byte, at) in bytes.iter().zip((0_u32..).step_by(8)) {
            let mut rest = *byte;
            while rest != 0 {
                let place = at + rest.trailing_zeros();
                if place as usize >= length {
                    return Err(Corrupt("a value belongs to no check"));
                }
                places.push(place);
                rest &= rest - 1;
            }
        }
        Ok(places)
    }

    /// Skips places; see [`Self::bitmap`]. Returns their number.
    pub(super) fn skip_bitmap(&mut self, length: usize, left: &mut usize) -> Result<usize, Corrupt> {
        let bytes = self.bytes(length.div_ceil(8))?;
        let count = bytes.iter().map(|byte| byte.count_ones() as usize).sum();
        *left = left.checked_sub(count).ok_or(Corrupt("it has too many values"))?;
        Ok(count)
    }

    /// Skips integers; see [`Self::packed`].
    pub(super) fn skip_packed(&mut self, count: usize) -> Result<(), Corrupt> {
        self.signed()?;
        let width = self.width()?;
        let length = count.checked_mul(width as usize).ok_or(Corrupt("a column is too long"))?.div_ceil(8);
        self.bytes(length).map(drop)
    }

    fn width(&mut self) -> Result<u32, Corrupt> {
        let width = u32::try_from(self.number()?).unwrap_or(u32::MAX);
        if width > MAX_WIDTH { Err(Corrupt("a column is too wide")) } else { Ok(width) }
    }

    /// Reads integers; see [`Writer::packed`].
    pub(super) fn packed(&mut self, count: usize) -> Result<Vec<i64>, Corrupt> {
        let low = self.signed()?;
        let width = self.width()?;
        let length = count.checked_mul(width as usize).ok_or(Corrupt("a column is too long"))?.div_ceil(8);
        let mut bytes = self.bytes(length)?.iter();
        let mask = (1_u128 << width) - 1;
        let (mut held, mut bits) = (0_u128, 0);
        let mut integers = Vec::with_capacity(count);
        for _ in 0..count {
            while bits < width {
                held |= u128::from(*bytes.next().ok_or(Corrupt("it ends too early"))?) << bits;
                bits += 8;
            }
            // A difference has at most 40 bits.
            let difference = i64::try_from(held & mask).map_err(|_| Corrupt("a column is too wide"))?;
            integers.push(low.checked_add(difference).ok_or(Corrupt("a number is too large"))?);
            held >>= width;
            bits -= width;
        }
        Ok(integers)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(number: u64, signed: i64, text: String) {
            let mut writer = Writer::default();
            writer.number(number);
            writer.signed(signed);
            writer.text(&text);
            let mut reader = Reader(&writer.0);
            prop_assert_eq!(reader.number().unwrap(), number);
            prop_assert_eq!(reader.signed().unwrap(), signed);
            prop_assert_eq!(reader.text().unwrap(), text);
            prop_assert!(reader.0.is_empty());
        }

        #[test]
        fn columns_come_back(low in -(1_i64 << 50)..1 << 50, steps in prop::collection::vec(0_i64..1 << 40, 0..50)) {
            let integers: Vec<i64> = steps.iter().map(|step| low + step).collect();
            let mut writer = Writer::default();
            writer.packed(&integers);
            let mut reader = Reader(&writer.0);
            prop_assert_eq!(reader.packed(integers.len()).unwrap(), integers);
            prop_assert!(reader.0.is_empty());
        }

        #[test]
        fn places_come_back(places in prop::collection::btree_set(0_u32..100, 0..100)) {
            let mut writer = Writer::default();
            writer.bitmap(places.iter().copied(), 100);
            let mut left = places.len();
            let mut reader = Reader(&writer.0);
            let read = reader.bitmap(100, &mut left).unwrap();
            prop_assert_eq!(read, places.into_iter().collect::<Vec<_>>());
            prop_assert_eq!(left, 0);
        }
    }

    #[test]
    fn what_the_bytes_cannot_contain_is_an_error() {
        assert!(Reader(&[0xff; 11]).number().is_err());
        assert!(Reader(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]).number().is_err());
        assert!(Reader(&[200, 1, b'a']).text().is_err());
        assert!(Reader(&[1, 0xff]).text().is_err());
        assert!(Reader(&[0xff]).bitmap(7, &mut 100).is_err());
        assert!(Reader(&[0xff]).bitmap(8, &mut 7).is_err());
        assert!(Reader(&[0, 41]).packed(0).is_err());
        assert!(Reader(&[0, 8, 1]).packed(2).is_err());
        assert!(Reader(&[0, 40]).packed(usize::MAX).is_err());
    }
}
