//! Mean and spread of small square tiles, for maps of where a picture has detail.

/// Sum and sum of squares of the samples of a tile, or of the differences of two tiles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moments {
    /// Of the samples.
    pub sum: i32,
    /// Of their squares.
    pub squares: u32,
}

impl Moments {
    /// Mean of `count` samples.
    #[must_use]
    pub fn mean(self, count: u32) -> f32 {
        self.sum as f32 / count as f32
    }

    /// Variance of `count` samples.
    #[must_use]
    pub fn variance(self, count: u32) -> f32 {
        let mean = self.mean(count);
        (self.squares as f32 / count as f32 - mean * mean).max(0.0)
    }
}

/// Moments of each tile of `SIDE` × `SIDE` samples, row of tiles by row of tiles; `width` samples a
/// row. Tiles that would stick out at the right or at the bottom are left out.
#[must_use]
pub fn tile_moments<const SIDE: usize>(samples: &[u8], width: usize) -> Vec<Moments> {
    gather::<SIDE>(samples.chunks_exact(width.max(1)).map(|row| row.iter().map(|&v| i32::from(v))), width)
}

/// The same of the differences `after` − `before`, of two planes of the same size.
#[must_use]
pub fn tile_difference_moments<const SIDE: usize>(before: &[u8], after: &[u8], width: usize) -> Vec<Moments> {
    let rows = before.chunks_exact(width.max(1)).zip(after.chunks_exact(width.max(1)));
    let difference = |(&before, &after): (&u8, &u8)| i32::from(after) - i32::from(before);
    gather::<SIDE>(rows.map(|(before, after)| before.iter().zip(after).map(difference)), width)
}

fn gather<const SIDE: usize>(
    rows: impl ExactSizeIterator<Item = impl Iterator<Item = i32>>,
    width: usize,
) -> Vec<Moments> {
    let columns = width / SIDE;
    let bands = rows.len() / SIDE;
    let mut tiles = vec![Moments::default(); columns * bands];
    for (y, row) in rows.take(bands * SIDE).enumerate() {
        let band = tiles.iter_mut().skip(y / SIDE * columns).take(columns);
        let mut values = row;
        for tile in band {
            for value in values.by_ref().take(SIDE) {
                tile.sum += value;
                tile.squares += value.unsigned_abs().pow(2);
            }
        }
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
