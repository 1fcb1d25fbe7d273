//! Damage to an encoded stream: the bytes change between encoder and decoder, as a bad network, a full buffer or a
//! failing disk changes them.

mod transport;

use serde::{Deserialize, Serialize};

use crate::{frame::Plane, random::Random};

/// How a stream is damaged. Shares refer to the slices of predicted pictures unless stated otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// Some bytes within slices are changed.
    Flip {
        /// The share of the slices.
        share: f32,
    },
    /// The rest of a slice is overwritten.
    Zero {
        /// The share of the slices.
        share: f32,
    },
    /// Slices are missing.
    Drop {
        /// The share of the slices.
        share: f32,
    },
    /// Packets of 1,400 bytes, into which RTP divides units, are missing. The receiver joins the remaining
    /// packets.
    Packets {
        /// The share of lost packets, and the mean number of packets that are lost in a row.
        loss: Loss,
    },
    /// Whole pictures that other pictures refer to are missing.
    Pictures {
        /// The share of the pictures.
        share: f32,
    },
    /// Packets of a transport stream are missing.
    TsPackets {
        /// The share of lost packets, and the mean number of packets that are lost in a row.
        loss: Loss,
    },
    /// Bits in packets of a transport stream are wrong.
    TsBits {
        /// The share of the packets with wrong bits.
        share: f32,
    },
    /// Bits of another codec's stream are wrong.
    Bits {
        /// ffmpeg's name of the stream's format.
        format: String,
        /// The number of errors per hundred bytes.
        share: f32,
    },
}

/// Packet loss as it occurs in networks, by the model of Gilbert (1960) with a good and a bad state.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Loss {
    /// The share of lost packets.
    pub share: f32,
    /// The mean length of a run of lost packets.
    pub burst: f32,
}

impl Loss {
    /// True if the next packet is lost. The probability depends on whether the last packet was lost.
    fn next(self, last: bool, random: &mut Random) -> bool {
        let leave = 1.0 / self.burst.max(1.0);
        let enter = leave * self.share / (1.0 - self.share).max(0.01);
        random.unit() < if last { 1.0 - leave } else { enter }
    }
}

/// The number of bytes at a slice's beginning that are not damaged. If the slice's header is damaged, a decoder
/// drops the slice without a visible fault.
const HEADER: usize = 12;

/// Damages a stream: H.264 in Annex B form, a transport stream, or the format of [`Damage::Bits`]. The
/// beginning, with the first keyframe, is not damaged. The first slice, picture or packet after the beginning
/// is always damaged, so that no clip stays healthy by chance. Only `Damage::Bits` chooses all places at
/// random.
#[must_use]
pub fn damage(stream: &[u8], damage: &Damage, mut random: Random) -> Vec<u8> {
    match damage {
        Damage::TsPackets { loss } => return transport::lose(stream, *loss, random),
        Damage::TsBits { share } => return transport::flip(stream, *share, random),
        Damage::Bits { share, .. } => return bits(stream, *share, random),
        Damage::Packets { loss } => return packets(stream, *loss, random),
        Damage::Pictures { share } => return pictures(stream, *share, random),
        Damage::Flip { .. } | Damage::Zero { .. } | Damage::Drop { .. } => {}
    }
    let mut damaged = Vec::with_capacity(stream.len());
    let mut predicted = 0_usize;
    for unit in units(stream) {
        // The byte after the start code contains the type. Type 1 is a slice of a predicted picture.
        let is_slice = unit.payload.first().is_some_and(|byte| byte & 0x1f == 1);
        predicted += usize::from(is_slice);
        let chosen = predicted == SPARED + 1 || random.unit() < damage.share();
        let hit = is_slice && predicted > SPARED && unit.payload.len() > 2 * HEADER && chosen;
        if !hit {
            damaged.extend_from_slice(unit.whole);
            continue;
        }
        if matches!(damage, Damage::Drop { .. }) {
            continue;
        }
        let mut bytes = unit.whole.to_vec();
        let start = unit.whole.len() - unit.payload.len() + HEADER;
        let within = unit.payload.len() - HEADER;
        match damage {
            Damage::Zero { .. } => {
                let begin = start + random.below(within / 2);
                // The bytes become ones, because a run of zeros would look like the start of the next unit.
                bytes.iter_mut().skip(begin).for_each(|byte| *byte = 0xff);
            }
            _ => {
                for _ in 0..=within / 400 {
                    let place = start + random.below(within);
                    if let Some(byte) = bytes.get_mut(place) {
                        *byte ^= 1 << random.below(8);
                        // With this bit, the byte cannot become a part of a start code.
                        *byte |= 0x10;
                    }
                }
            }
        }
        damaged.extend(bytes);
    }
    damaged
}

/// The number of slices of predicted pictures, counted from the beginning of the stream, that are not damaged. If
/// packets are lost, a quarter of this number stays undamaged. If whole pictures are lost, the first pictures stay
/// undamaged: half of this number.
const SPARED: usize = 16;

impl Damage {
    const fn share(&self) -> f32 {
        match self {
            Self::Flip { share }
            | Self::Zero { share }
            | Self::Drop { share }
            | Self::Pictures { share }
            | Self::TsBits { share }
            | Self::Bits { share, .. } => *share,
            Self::Packets { loss } | Self::TsPackets { loss } => loss.share,
        }
    }

    /// Returns twice as much damage. The share stays at most 1, and the share of lost packets at most 0.9.
    #[must_use]
    pub fn doubled(&self) -> Self {
        let share = (2.0 * self.share()).min(1.0);
        let mut doubled = self.clone();
        match &mut doubled {
            Self::Flip { share: old }
            | Self::Zero { share: old }
            | Self::Drop { share: old }
            | Self::Pictures { share: old }
            | Self::TsBits { share: old }
            | Self::Bits { share: old, .. } => *old = share,
            Self::Packets { loss } | Self::TsPackets { loss } => loss.share = share.min(0.9),
        }
        doubled
    }

    /// Returns ffmpeg's name of the damaged format.
    #[must_use]
    pub fn format(&self) -> &str {
        match self {
            Self::TsPackets { .. } | Self::TsBits { .. } => "mpegts",
            Self::Bits { format, .. } => format,
            _ => "h264",
        }
    }
}

/// The number of bytes that an RTP packet carries on a usual network.
const PACKET: usize = 1400;

/// Drops packets of predicted pictures, and joins the remaining parts of each unit.
fn packets(stream: &[u8], loss: Loss, mut random: Random) -> Vec<u8> {
    let mut left = Vec::with_capacity(stream.len());
    let (mut lost, mut seen) = (false, 0_usize);
    for unit in units(stream) {
        let is_slice = unit.payload.first().is_some_and(|byte| byte & 0x1f == 1);
        seen += usize::from(is_slice);
        if !is_slice || seen <= SPARED / 4 {
            left.extend_from_slice(unit.whole);
            continue;
        }
        let start = unit.whole.len() - unit.payload.len();
        // The first packet contains the header. If the first packet is lost, the whole unit is lost.
        for (number, packet) in unit.payload.chunks(PACKET).enumerate() {
            lost = loss.next(lost, &mut random) || (seen == SPARED / 4 + 1 && number > 0);
            if lost && number == 0 {
                break;
            }
            if number == 0 {
                left.extend(unit.whole.iter().take(start));
            }
            if !lost {
                left.extend_from_slice(packet);
            }
        }
    }
    left
}

/// Drops whole pictures that other pictures refer to.
fn pictures(stream: &[u8], share: f32, mut random: Random) -> Vec<u8> {
    let mut left = Vec::with_capacity(stream.len());
    let (mut lost, mut seen) = (false, 0_usize);
    for unit in units(stream) {
        let kind = unit.payload.first().copied().unwrap_or(0);
        // A slice begins with the number of its first macroblock. Zero is coded as a single bit, and means that
        // a new picture begins.
        if kind & 0x1f == 1 && unit.payload.get(1).is_some_and(|byte| byte & 0x80 != 0) {
            seen += 1;
            lost = seen > SPARED / 2 && kind & 0x60 != 0 && (random.unit() < share || seen == SPARED / 2 + 1);
        }
        if kind & 0x1f != 1 || !lost {
            left.extend_from_slice(unit.whole);
        }
    }
    left
}

/// Flips bits in any stream, except in its first eighth, which contains the headers.
fn bits(stream: &[u8], share: f32, mut random: Random) -> Vec<u8> {
    let mut damaged = stream.to_vec();
    let begin = stream.len() / 8;
    let errors = ((stream.len() - begin) as f32 * share / 100.0) as usize;
    for _ in 0..=errors {
        let place = begin + random.below(stream.len() - begin);
        let Some(around) = stream.get(place.saturating_sub(8)..(place + 8).min(stream.len())) else {
            continue;
        };
        // Start codes and markers are not damaged. Without them, a decoder does not decode the stream at all, and
        // no fault is visible.
        let is_head = around.windows(3).any(|window| window == [0, 0, 1]) || around.contains(&0xff);
        if let Some(byte) = damaged.get_mut(place).filter(|_| !is_head) {
            *byte ^= 1 << random.below(7);
        }
    }
    damaged
}

/// The side of a macroblock in samples.
const BLOCK: usize = 16;
/// A block counts as visibly changed if the mean difference of its samples exceeds this number of grey levels.
/// Encoding again changes samples by less.
const SEEN: f32 = 12.0;

/// Returns the share of the macroblocks that differ visibly between two planes of the same size.
#[must_use]
pub fn changed_share(sound: &Plane, damaged: &Plane) -> f32 {
    let (width, height) = (sound.width(), sound.height());
    let (columns, rows) = (width / BLOCK, height / BLOCK);
    let mut sums = vec![0_u32; columns * rows];
    let lines = sound.samples().chunks_exact(width.max(1)).zip(damaged.samples().chunks_exact(width.max(1)));
    for (y, (sound, damaged)) in lines.take(rows * BLOCK).enumerate() {
        for (x, (a, b)) in sound.iter().zip(damaged).take(columns * BLOCK).enumerate() {
            if let Some(sum) = sums.get_mut(y / BLOCK * columns + x / BLOCK) {
                *sum += u32::from(a.abs_diff(*b));
            }
        }
    }
    let changed = sums.iter().filter(|&&sum| sum as f32 > SEEN * (BLOCK * BLOCK) as f32).count();
    changed as f32 / sums.len().max(1) as f32
}

/// A unit of an H.264 stream (NAL unit), with and without its start code.
struct Unit<'a> {
    whole: &'a [u8],
    payload: &'a [u8],
}

/// Returns the units of a stream. Bytes before the first start code are dropped.
fn units(stream: &[u8]) -> Vec<Unit<'_>> {
    let mut starts: Vec<usize> =
        stream.windows(3).enumerate().filter(|(_, window)| *window == [0, 0, 1]).map(|(at, _)| at).collect();
    starts.push(stream.len());
    let bounds = starts.windows(2).filter_map(|pair| match pair {
        [begin, end] => stream.get(*begin..*end),
        _ => None,
    });
    bounds.map(|whole| Unit { whole, payload: whole.get(3..).unwrap_or_default() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(slices: usize) -> Vec<u8> {
        let mut stream = vec![0, 0, 1, 0x67, 1, 2, 3];
        for number in 0..slices {
            stream.extend([0, 0, 1, 0x41]);
            stream.extend((0..200).map(|byte| 1 + ((byte + number) % 254) as u8));
        }
        stream
    }

    #[test]
    fn dropping_takes_whole_slices_and_leaves_the_rest_as_it_was() {
        let whole = stream(60);
        let damaged = damage(&whole, &Damage::Drop { share: 0.3 }, Random::new(7));
        let left: Vec<Vec<u8>> = units(&damaged).iter().map(|unit| unit.whole.to_vec()).collect();
        let before: Vec<Vec<u8>> = units(&whole).iter().map(|unit| unit.whole.to_vec()).collect();
        assert!(left.len() < before.len() - 5 && left.len() > 30, "{} of {}", left.len(), before.len());
        assert!(left.iter().all(|unit| before.contains(unit)));
        assert_eq!(left[..=SPARED], before[..=SPARED]);
    }

    #[test]
    fn flipping_keeps_every_unit_its_length_and_its_header() {
        let whole = stream(40);
        let damaged = damage(&whole, &Damage::Flip { share: 0.5 }, Random::new(3));
        assert_ne!(whole, damaged);
        let (before, after) = (units(&whole), units(&damaged));
        assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before.whole.len(), after.whole.len());
            let head = before.payload.len().min(HEADER);
            assert_eq!(before.payload[..head], after.payload[..head]);
        }
    }

    #[test]
    fn blocks_that_show_something_else_are_counted() {
        let sound = Plane::filled(64, 32, 100);
        let mut damaged = sound.clone();
        damaged.map(|x, y, old| if x < 16 && y < 16 { 140 } else { old + 3 });
        assert_eq!(changed_share(&sound, &sound), 0.0);
        assert_eq!(changed_share(&sound, &damaged), 1.0 / 8.0);
    }

    #[test]
    fn the_first_slice_that_may_be_hit_is_hit_however_little_is_asked_for() {
        let whole = stream(40);
        for kind in [Damage::Flip { share: 0.0 }, Damage::Zero { share: 0.0 }, Damage::Drop { share: 0.0 }] {
            assert_ne!(damage(&whole, &kind, Random::new(1)), whole, "{kind:?}");
        }
    }
}
