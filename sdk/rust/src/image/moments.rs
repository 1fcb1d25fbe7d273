//! The mean and variance of small square tiles, for maps of a picture's detail.

/// The sum and the sum of squares of a tile's samples, or of the differences of two tiles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moments {
    /// The sum of the samples.
    pub sum: i32,
    /// The sum of their squares.
    pub squares: u32,
}

impl Moments {
    /// Returns the mean of `count` samples.
    #[must_use]
    pub fn mean(self, count: u32) -> f32 {
        self.sum as f32 / count as f32
    }

    /// Returns the variance of `count` samples.
    #[must_use]
    pub fn variance(self, count: u32) -> f32 {
        let mean = self.mean(count);
        (self.squares as f32 / count as f32 - mean * mean).max(0.0)
    }
}

/// Computes the moments of each tile of `SIDE` × `SIDE` samples, row of tiles by row of tiles. `SIDE` is at most 128.
/// A row of the picture has `width` samples. Incomplete tiles at the right or at the bottom are ignored.
#[must_use]
pub fn tile_moments<const SIDE: usize>(samples: &[u8], width: usize) -> Vec<Moments> {
    let rows = samples.chunks_exact(width.max(1));
    gather::<SIDE, _>(rows, width, |row, sums, squares| {
        for ((&sample, sum), square) in row.iter().zip(sums).zip(squares) {
            let sample = i16::from(sample);
            *sum += sample;
            *square += i32::from(sample) * i32::from(sample);
        }
    })
}

/// Computes the moments of the differences `after` − `before` of two planes of the same size.
#[must_use]
pub fn tile_difference_moments<const SIDE: usize>(before: &[u8], after: &[u8], width: usize) -> Vec<Moments> {
    let rows = before.chunks_exact(width.max(1)).zip(after.chunks_exact(width.max(1)));
    gather::<SIDE, _>(rows, width, |(before, after), sums, squares| {
        for (((&before, &after), sum), square) in before.iter().zip(after).zip(sums).zip(squares) {
            let difference = i16::from(after) - i16::from(before);
            *sum += difference;
            *square += i32::from(difference) * i32::from(difference);
        }
    })
}

/// Sums each column of a band of tiles, and then adds up the columns of each tile. `add` adds a row to the sums and the
/// sums of squares of the columns.
fn gather<const SIDE: usize, Row>(
    mut rows: impl ExactSizeIterator<Item = Row>,
    width: usize,
    add: impl Fn(Row, &mut [i16], &mut [i32]),
) -> Vec<Moments> {
    const { assert!(0 < SIDE && SIDE <= 128, "sums of a column fit into sixteen bits") };
    let bands = rows.len() / SIDE;
    let mut tiles = Vec::with_capacity(width / SIDE * bands);
    let (mut sums, mut squares) = (vec![0_i16; width], vec![0_i32; width]);
    for _ in 0..bands {
        sums.fill(0);
        squares.fill(0);
        for row in rows.by_ref().take(SIDE) {
            add(row, &mut sums, &mut squares);
        }
        let columns = sums.as_chunks::<SIDE>().0.iter().zip(squares.as_chunks::<SIDE>().0);
        tiles.extend(columns.map(|(sums, squares)| Moments {
            sum: sums.iter().map(|&sum| i32::from(sum)).sum(),
            squares: squares.iter().sum::<i32>().unsigned_abs(),
        }));
    }
    tiles
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agree_with_plain_loops(
            (width, height, a, b) in (1..40_usize, 1..30_usize).prop_flat_map(|(w, h)| {
                let plane = || prop::collection::vec(any::<u8>(), w * h);
                (Just(w), Just(h), plane(), plane())
            })
        ) {
            let (columns, rows) = (width / 4, height / 4);
            let (tiles, differences) = (tile_moments::<4>(&a, width), tile_difference_moments::<4>(&a, &b, width));
            prop_assert_eq!((tiles.len(), differences.len()), (columns * rows, columns * rows));
            for at in 0..columns * rows {
                let inside = |i: usize| (at / columns * 4 + i / 4) * width + at % columns * 4 + i % 4;
                let plain = |value: &dyn Fn(usize) -> i32| (0..16).map(inside).fold(Moments::default(), |m, i| Moments {
                    sum: m.sum + value(i),
                    squares: m.squares + value(i).pow(2) as u32,
                });
                prop_assert_eq!(tiles[at], plain(&|i| i32::from(a[i])));
                prop_assert_eq!(differences[at], plain(&|i| i32::from(b[i]) - i32::from(a[i])));
            }
        }
    }

    #[test]
    fn mean_and_variance_are_those_of_the_samples() {
        let tile = tile_moments::<2>(&[1, 3, 5, 7], 2)[0];
        assert_eq!((tile.mean(4), tile.variance(4)), (4.0, 5.0));
    }
}
