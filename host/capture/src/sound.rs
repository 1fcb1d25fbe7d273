//! Checks whether the data of a JPEG are intact. From damaged data, decoders usually make a picture without
//! reporting an error, although one wrong bit shifts or tints the rest of the picture. This module therefore parses
//! the coded data a second time, without making a picture from them (ITU-T T.81, Annexes B, F.2 and C; baseline
//! and extended sequential, Huffman).

use bytes::Bytes;

/// The number of coefficients in a block.
const BLOCK: usize = 64;
/// The number of code lengths.
const LENGTHS: usize = 16;
/// The largest number of bits of a code that is looked up in a table. Nearly all codes are this short.
const SHORT: u32 = 9;
/// The largest possible first coefficient of a block, in either direction. This coefficient is eight times the mean of
/// the block's samples, counted from the middle of their range. The mean is at most 128 in either direction, so the
/// coefficient is at most 1,024. The 64 are a margin for the rounding of encoders. One quantisation step is added as a
/// further margin. A block with a larger coefficient has an impossible mean.
const MAX_MEAN: i32 = 1_024 + 64;
/// The number of blocks with an impossible mean at which the data count as damaged.
const IMPOSSIBLE: u32 = 4;
/// The largest number of components of a picture.
const MAX_COMPONENTS: usize = 4;
/// The largest number of blocks in one unit of an interleaved scan, from the standard.
const MAX_UNIT_BLOCKS: u32 = 10;

/// The reason why the data of a picture count as damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    /// A code has no meaning, or a block has too many coefficients.
    Code,
    /// Some blocks are brighter or darker than possible.
    Mean,
    /// The data end before the picture does.
    Short,
}

impl Damage {
    /// Returns a description for people.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Code => "the JPEG data are damaged: a code is undefined",
            Self::Mean => "the JPEG data are damaged: blocks are brighter or darker than possible",
            Self::Short => "the JPEG data are damaged: they end before the picture is complete",
        }
    }
}

/// A table of codes: the number of codes of each length, and their symbols.
#[derive(Clone)]
struct Codes {
    /// For each length: the first code, the index of the first code's symbol, and the number of codes.
    lengths: [(u32, u32, u32); LENGTHS],
    symbols: Vec<u8>,
    /// For each value of the next [`SHORT`] bits: the length and the symbol of the code at the beginning of these bits.
    /// The length is 0 if the code is longer than [`SHORT`] bits.
    short: Vec<(u8, u8)>,
}

#[derive(Clone, Copy, Default)]
struct Component {
    id: u8,
    across: u32,
    down: u32,
    quantizer: usize,
}

/// The content of the segments before the data.
#[derive(Default)]
struct Head {
    /// The quantisation step of the mean, for each table.
    steps: [i32; 4],
    codes: [[Option<Codes>; 4]; 2],
    components: Vec<Component>,
    size: (u32, u32),
    restart: u32,
}

/// Runs [`damage`] on a thread for blocking work.
pub(crate) async fn damage_of(bytes: Bytes) -> Option<Damage> {
    tokio::task::spawn_blocking(move || damage(&bytes)).await.ok().flatten()
}

/// Returns the first damage that is found. None for intact data, for data in another coding, and for data that are
/// not a JPEG.
pub(crate) fn damage(bytes: &[u8]) -> Option<Damage> {
    walk(bytes).err().flatten()
}

/// Parses a JPEG. An error without damage means that the rest cannot be checked.
fn walk(bytes: &[u8]) -> Result<(), Option<Damage>> {
    let mut head = Head::default();
    let mut rest = bytes.strip_prefix(&[0xFF, 0xD8]).ok_or(None)?;
    let mut impossible = 0;
    loop {
        let (marker, after) = next_marker(rest).ok_or(None)?;
        if marker == 0xD9 {
            return Ok(());
        }
        let length = usize::from(u16::from_be_bytes(*after.first_chunk().ok_or(None)?));
        let segment = after.get(2..length).ok_or(None)?;
        rest = after.get(length..).ok_or(None)?;
        match marker {
            0xDB => head.quantizers(segment).ok_or(None)?,
            0xC4 => head.tables(segment).ok_or(None)?,
            0xC0 | 0xC1 => head.frame(segment).ok_or(None)?,
            // Pictures in progressive, lossless or arithmetic coding cannot be checked.
            0xC2..=0xCF => return Err(None),
            0xDD => head.restart = u32::from(u16::from_be_bytes(*segment.first_chunk().ok_or(None)?)),
            0xDA => rest = head.scan(segment, rest, &mut impossible)?,
            _ => {}
        }
    }
}

/// Returns the next marker that begins a segment or ends the picture, and the bytes after the marker.
fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let mut at = 0;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == 0xFF)?;
        match *bytes.get(at + 1)? {
            0x00 | 0x01 | 0xD0..=0xD8 => at += 2,
            0xFF => at += 1,
            marker => return Some((marker, bytes.get(at + 2..)?)),
        }
    }
}

impl Codes {
    fn of(counts: &[u8], symbols: &[u8]) -> Self {
        let mut lengths = [(0, 0, 0); LENGTHS];
        let (mut code, mut place) = (0_u32, 0_u32);
        for (length, count) in lengths.iter_mut().zip(counts) {
            let count = u32::from(*count);
            *length = (code, place, count);
            place += count;
            code = (code + count) << 1;
        }
        let mut codes = Self { lengths, symbols: symbols.to_vec(), short: Vec::new() };
        codes.short = (0..1_u32 << SHORT).map(|bits| codes.begun_by(bits).unwrap_or((0, 0))).collect();
        codes
    }

    /// Returns the length and the symbol of the code at the beginning of these [`SHORT`] bits.
    fn begun_by(&self, bits: u32) -> Option<(u8, u8)> {
        for (length, found) in (1..=SHORT).zip(self.lengths) {
            if let Some(symbol) = self.symbol(bits >> (SHORT - length), found) {
                return u8::try_from(length).ok().zip(symbol);
            }
        }
        None
    }

    /// Returns the symbol of a code of one length. The outer value is none if no code of this length has this value, so
    /// the code is longer. The inner value is none if the code has no symbol.
    fn symbol(&self, code: u32, (first, place, count): (u32, u32, u32)) -> Option<Option<u8>> {
        (code < first + count)
            .then(|| self.symbols.get((place + code.saturating_sub(first)) as usize).copied())
    }
}

impl Head {
    fn quantizers(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((kind, rest)) = segment.split_first() {
            let wide = kind >> 4 != 0;
            let step =
                if wide { u16::from_be_bytes(*rest.first_chunk()?) } else { u16::from(*rest.first()?) };
            *self.steps.get_mut(usize::from(kind & 15))? = i32::from(step);
            segment = rest.get(if wide { 2 * BLOCK } else { BLOCK }..)?;
        }
        Some(())
    }

    fn tables(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((kind, rest)) = segment.split_first() {
            let (counts, rest) = rest.split_at_checked(LENGTHS)?;
            let symbols = counts.iter().map(|count| usize::from(*count)).sum();
            let (symbols, rest) = rest.split_at_checked(symbols)?;
            let of_class = self.codes.get_mut(usize::from(kind >> 4))?;
            *of_class.get_mut(usize::from(kind & 15))? = Some(Codes::of(counts, symbols));
            segment = rest;
        }
        Some(())
    }

    fn frame(&mut self, segment: &[u8]) -> Option<()> {
        let [8, height_high, height_low, width_high, width_low, count] = *segment.first_chunk()? else {
            return None;
        };
        let size = |high, low| u32::from(u16::from_be_bytes([high, low]));
        self.size = (size(width_high, width_low), size(height_high, height_low));
        let parts = segment.get(6..6 + 3 * usize::from(count))?;
        let component = |part: &[u8]| {
            let [id, sampling, quantizer] = *part.first_chunk()?;
            let (across, down) = (u32::from(sampling >> 4), u32::from(sampling & 15));
            let sound = (1..=4).contains(&across) && (1..=4).contains(&down);
            sound.then_some(Component { id, across, down, quantizer: quantizer.into() })
        };
        self.components = parts.chunks(3).map(component).collect::<Option<_>>()?;
        let several = (1..=MAX_COMPONENTS).contains(&self.components.len());
        (several && self.size.0 > 0 && self.size.1 > 0).then_some(())
    }

    /// Parses the data of a scan. Returns the bytes after the scan.
    fn scan<'a>(
        &self,
        segment: &[u8],
        data: &'a [u8],
        impossible: &mut u32,
    ) -> Result<&'a [u8], Option<Damage>> {
        let count = usize::from(*segment.first().ok_or(None)?);
        let choices = segment.get(1..1 + 2 * count).ok_or(None)?;
        let mut parts = Vec::with_capacity(count);
        for choice in choices.chunks(2) {
            let &[id, tables] = choice else { return Err(None) };
            let component = self.components.iter().find(|one| one.id == id).ok_or(None)?;
            let table = |class: usize, number: u8| {
                self.codes.get(class).and_then(|of| of.get(usize::from(number))).and_then(Option::as_ref)
            };
            let (mean, others) = table(0, tables >> 4).zip(table(1, tables & 15)).ok_or(None)?;
            let step = *self.steps.get(component.quantizer).ok_or(None)?;
            parts.push((*component, mean, others, step));
        }
        let (across, down) = self
            .components
            .iter()
            .fold((1, 1), |(across, down), one| (one.across.max(across), one.down.max(down)));
        // In a scan of one component, each unit is one block.
        let alone = parts.len() == 1;
        let units = match parts.first() {
            Some((one, ..)) if alone => {
                (self.size.0 * one.across).div_ceil(8 * across) * (self.size.1 * one.down).div_ceil(8 * down)
            }
            _ => self.size.0.div_ceil(8 * across) * self.size.1.div_ceil(8 * down),
        };
        let of_unit = |one: &Component| if alone { 1 } else { one.across * one.down };
        if parts.iter().map(|(one, ..)| of_unit(one)).sum::<u32>() > MAX_UNIT_BLOCKS {
            return Err(None);
        }
        let mut bits = Bits { bytes: data, held: 0, count: 0 };
        let mut means = [0_i32; MAX_COMPONENTS];
        for unit in 0..units {
            if self.restart > 0 && unit > 0 && unit.is_multiple_of(self.restart) {
                bits.restart()?;
                means = [0; MAX_COMPONENTS];
            }
            for ((component, of_mean, others, step), mean) in parts.iter().zip(&mut means) {
                for _ in 0..of_unit(component) {
                    *mean = mean.saturating_add(bits.block(of_mean, others)?);
                    *impossible += u32::from(mean.saturating_mul(*step).abs() > MAX_MEAN + step);
                    if *impossible >= IMPOSSIBLE {
                        return Err(Some(Damage::Mean));
                    }
                }
            }
        }
        Ok(bits.bytes)
    }
}

/// The bits of a scan.
struct Bits<'a> {
    bytes: &'a [u8],
    /// The last bits that were read. The lowest `count` bits are not taken yet.
    held: u64,
    count: u32,
}

impl Bits<'_> {
    /// Returns the difference between the mean of a block and the mean of the previous block.
    fn block(&mut self, of_mean: &Codes, others: &Codes) -> Result<i32, Option<Damage>> {
        let size = self.symbol(of_mean)?;
        if size > 11 {
            return Err(Some(Damage::Code));
        }
        let bits = self.take(size.into())?;
        let half = (1_u32 << size) >> 1;
        let difference = bits.cast_signed() - if bits < half { (1 << size) - 1 } else { 0 };
        let mut at = 1;
        while at < BLOCK {
            let symbol = self.symbol(others)?;
            let (run, size) = (usize::from(symbol >> 4), symbol & 15);
            match (run, size) {
                (15, 0) => at += 16,
                (_, 0) => break,
                _ => {
                    at += run + 1;
                    self.take(size.into())?;
                }
            }
            if at > BLOCK {
                return Err(Some(Damage::Code));
            }
        }
        Ok(difference)
    }

    fn symbol(&mut self, codes: &Codes) -> Result<u8, Option<Damage>> {
        if self.count < SHORT {
            self.fill();
        }
        if let Some(more) = self.count.checked_sub(SHORT) {
            let bits = self.held >> more & ((1 << SHORT) - 1);
            if let Some((length @ 1.., symbol)) = codes.short.get(bits as usize) {
                self.count -= u32::from(*length);
                return Ok(*symbol);
            }
        }
        let mut code = 0;
        for found in codes.lengths {
            code = code << 1 | self.take(1)?;
            if let Some(symbol) = codes.symbol(code, found) {
                return symbol.ok_or(Some(Damage::Code));
            }
        }
        Err(Some(Damage::Code))
    }

    fn take(&mut self, count: u32) -> Result<u32, Option<Damage>> {
        if self.count < count {
            self.fill();
        }
        self.count = self.count.checked_sub(count).ok_or(Some(Damage::Short))?;
        let bits = self.held >> self.count & ((1 << count) - 1);
        Ok(u32::try_from(bits).unwrap_or(0))
    }

    /// Reads as many bytes as fit, up to the next marker.
    fn fill(&mut self) {
        while self.count <= u64::BITS - 8 {
            let (byte, rest) = match self.bytes {
                [0xFF, 0, rest @ ..] => (0xFF, rest),
                [0xFF, ..] | [] => return,
                [byte, rest @ ..] => (*byte, rest),
            };
            self.bytes = rest;
            self.held = self.held << 8 | u64::from(byte);
            self.count += 8;
        }
    }

    /// Continues after the next restart marker.
    fn restart(&mut self) -> Result<(), Option<Damage>> {
        let at = self.bytes.windows(2).position(|two| matches!(two, [0xFF, 1..=0xFE]));
        match at.and_then(|at| self.bytes.get(at..)) {
            Some([0xFF, 0xD0..=0xD7, rest @ ..]) => self.bytes = rest,
            _ => return Err(Some(Damage::Short)),
        }
        (self.held, self.count) = (0, 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Makes a grey picture of 32 × 32 pixels. `differences` are the differences between the means of successive
    /// blocks.
    fn picture(differences: [i32; 16]) -> Vec<u8> {
        let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0];
        bytes.extend([8; BLOCK]);
        bytes.extend([0xFF, 0xC0, 0, 11, 8, 0, 32, 0, 32, 1, 1, 0x11, 0]);
        // Means: sizes 0 to 11 in four bits each. Other coefficients: the end of the block in one bit.
        bytes.extend([0xFF, 0xC4, 0, 31, 0x00, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(0..12);
        bytes.extend([0xFF, 0xC4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([0xFF, 0xDA, 0, 8, 1, 1, 0x00, 0, 63, 0]);
        let mut bits = String::new();
        for difference in differences {
            let size = (32 - difference.unsigned_abs().leading_zeros()) as usize;
            bits += &format!("{size:04b}");
            let value = if difference < 0 { difference + (1 << size) - 1 } else { difference };
            if size > 0 {
                bits += &format!("{value:0size$b}");
            }
            bits += "0";
        }
        bits += &"1".repeat(bits.len().next_multiple_of(8) - bits.len());
        for byte in bits.as_bytes().chunks(8) {
            let byte = byte.iter().fold(0_u8, |byte, bit| byte << 1 | (bit - b'0'));
            bytes.push(byte);
            if byte == 0xFF {
                bytes.push(0);
            }
        }
        bytes.extend([0xFF, 0xD9]);
        bytes
    }

    #[test]
    fn sound_pictures_are_sound_and_means_that_none_has_are_damage() {
        assert_eq!(damage(&picture([5, -5, 100, -100, 127, -127, 1, 0, 0, 0, 3, 3, 3, 3, 3, 3])), None);
        let mut bright = [0; 16];
        bright[9] = 200;
        assert_eq!(damage(&picture(bright)), Some(Damage::Mean));
        // Up to three such blocks may result from an encoder's rounding.
        bright = [0; 16];
        bright[13] = 200;
        assert_eq!(damage(&picture(bright)), None);
    }

    #[test]
    fn data_that_end_early_or_stand_for_nothing_are_damage() {
        let mut cut = picture([7; 16]);
        cut.drain(cut.len() - 8..cut.len() - 2);
        assert_eq!(damage(&cut), Some(Damage::Short));
        let mut wrong = picture([1; 16]);
        let data = wrong.len() - 6;
        wrong[data..data + 2].copy_from_slice(&[0xFE, 0xFE]);
        assert_eq!(damage(&wrong), Some(Damage::Code));
        for other in [&b""[..], b"\x89PNG", &[0xFF, 0xD8], &[0xFF, 0xD8, 0xFF, 0xC2, 0, 2]] {
            assert_eq!(damage(other), None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            differences in prop::array::uniform16(-255..256_i32),
            changed in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
            kept in any::<prop::sample::Index>()
        ) {
            let mut bytes = picture(differences);
            for (at, byte) in changed {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(kept.index(bytes.len()) + 1);
            damage(&bytes);
        }
    }
}
