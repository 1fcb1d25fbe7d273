//! Seams: straight breaks along the grid of macroblocks (16 × 16 samples). A damaged block leaves seams at the borders
//! to its neighbours. A lens never draws a seam. A border that has a seam is called torn.

use super::TILE;

/// The limit above which a border is torn, if the picture beside the border does not vary: the mean difference between
/// the samples on both sides of the border, in grey levels. Pictures with deblocking seldom reach this value, even if
/// they are compressed extremely.
const STEP: u16 = 28;
/// The factor by which variation beside a border raises the limit [`STEP`]. The variation is the mean difference
/// between neighbouring samples just before the border or just after it, whichever is larger. An edge of the scene is
/// rarely sharper than two samples, so there is variation beside its steepest step. The factor prevents such an edge
/// from counting as torn.
const OVER_TEXTURE: u16 = 2;
/// The smallest variation beside a torn border, in grey levels, on the side that varies more. If both sides are flat,
/// the step is the effect of pixelation and not of damage.
const TEXTURE: u16 = 2;

/// The seams along the borders of the 16 × 16 tiles of a picture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seams {
    /// The number of borders examined, each one tile long.
    pub borders: usize,
    /// The tiles whose left or upper border is torn, as column and row. A tile is listed twice if both borders are
    /// torn.
    pub torn: Vec<(u32, u32)>,
}

impl Seams {
    /// Returns the share of the borders that are torn; 0 if there are no borders.
    #[must_use]
    pub fn torn_share(&self) -> f64 {
        if self.borders == 0 { 0.0 } else { self.torn.len() as f64 / self.borders as f64 }
    }
}

/// The differences between neighbouring samples, each summed over the 16 samples of a border's length: across the
/// border (`at`), one sample before the border, and one sample after the border.
#[derive(Debug, Clone, Copy, Default)]
struct Border {
    before: u16,
    at: u16,
    after: u16,
}

impl Border {
    fn is_torn(self) -> bool {
        const LENGTH: u16 = TILE as u16;
        let beside = self.before.max(self.after);
        beside >= TEXTURE * LENGTH && self.at > STEP * LENGTH + OVER_TEXTURE * beside
    }
}

/// Finds the seams in a picture of `width` samples a row. Incomplete tiles at the right or at the bottom are
/// ignored.
#[must_use]
pub fn seams(samples: &[u8], width: usize) -> Seams {
    let mut seams = Seams::default();
    let columns = width / TILE;
    if columns == 0 {
        return seams;
    }
    // The steps from each column to the next. Most of these steps are not needed, but the compiler sums sixteen at a
    // time.
    let mut steps = vec![0_u16; width - 1];
    let mut above: Option<[&[u8]; 2]> = None;
    for (band, y) in samples.chunks_exact(width * TILE).zip(0_u32..) {
        steps.fill(0);
        for row in band.chunks_exact(width) {
            let next = row.get(1..).unwrap_or_default();
            for ((&left, &right), step) in row.iter().zip(next).zip(&mut steps) {
                *step += u16::from(left.abs_diff(right));
            }
        }
        let around = steps.get(TILE - 2..).unwrap_or_default().chunks(TILE).take(columns - 1);
        let upright: Vec<Border> = around
            .filter_map(|steps| match *steps {
                [before, at, after, ..] => Some(Border { before, at, after }),
                _ => None,
            })
            .collect();
        seams.collect(&upright, 1, y);
        let mut rows = band.chunks_exact(width);
        if let (Some([a, b]), Some(c), Some(d)) = (above, rows.next(), rows.next()) {
            let level: Vec<Border> = level_borders([a, b, c, d]).collect();
            seams.collect(&level, 0, y);
        }
        let mut last = band.chunks_exact(width).skip(TILE - 2);
        above = last.next().zip(last.next()).map(|(a, b)| [a, b]);
    }
    seams
}

/// Returns the borders between two rows of tiles, from the two rows of samples above and the two below.
fn level_borders<'a>(rows: [&'a [u8]; 4]) -> impl Iterator<Item = Border> + 'a {
    let [(a, _), (b, _), (c, _), (d, _)] = rows.map(<[u8]>::as_chunks::<TILE>);
    let sum = |p: &[u8; TILE], q: &[u8; TILE]| p.iter().zip(q).map(|(p, q)| u16::from(p.abs_diff(*q))).sum();
    a.iter().zip(b).zip(c.iter().zip(d)).map(move |((a, b), (c, d))| Border {
        before: sum(a, b),
        at: sum(b, c),
        after: sum(c, d),
    })
}

impl Seams {
    fn collect(&mut self, borders: &[Border], first: u32, y: u32) {
        self.borders += borders.len();
        self.torn.extend(borders.iter().zip(first..).filter(|(b, _)| b.is_torn()).map(|(_, x)| (x, y)));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Computes the same directly from the definition.
    fn plain(samples: &[u8], width: usize) -> Seams {
        let height = samples.len() / width;
        let at = |x: usize, y: usize| i32::from(samples[y * width + x]);
        let mut seams = Seams::default();
        let mut judge = |sums: [i32; 3], x: usize, y: usize| {
            seams.borders += 1;
            let beside = sums[0].max(sums[2]);
            if beside >= 2 * 16 && sums[1] > 28 * 16 + 2 * beside {
                seams.torn.push((x as u32, y as u32));
            }
        };
        for y in 0..height / 16 {
            for x in 1..width / 16 {
                let sum = |d: usize| {
                    (0..16)
                        .map(|i| (at(16 * x + d - 2, 16 * y + i) - at(16 * x + d - 1, 16 * y + i)).abs())
                        .sum()
                };
                judge([sum(0), sum(1), sum(2)], x, y);
            }
            for x in (0..width / 16).take_while(|_| y > 0) {
                let sum = |d: usize| {
                    (0..16)
                        .map(|i| (at(16 * x + i, 16 * y + d - 2) - at(16 * x + i, 16 * y + d - 1)).abs())
                        .sum()
                };
                judge([sum(0), sum(1), sum(2)], x, y);
            }
        }
        seams
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(
            (width, height) in (1..70_usize, 1..70_usize), step in 0..120_u8, texture in 1..9_u8, seed in any::<u32>()
        ) {
            let samples: Vec<u8> = (0..width * height)
                .map(|i| {
                    let (x, y) = (i % width, i / width);
                    let noise = (i as u32).wrapping_mul(seed | 1).to_be_bytes()[1] % texture;
                    100 + noise + if (x / 16 + y / 16).is_multiple_of(2) { step } else { 0 }
                })
                .collect();
            prop_assert_eq!(seams(&samples, width), plain(&samples, width));
        }
    }

    #[test]
    fn extreme_samples_do_not_overflow() {
        let samples: Vec<u8> =
            (0..64_u32 * 64).map(|i| if (i + i / 64).is_multiple_of(2) { 255 } else { 0 }).collect();
        assert!(seams(&samples, 64).torn.is_empty());
    }
}
