//! The tiles in which two pictures differ.

/// The side of a tile in samples. A tile is a macroblock of the common codecs. An encoder repeats a macroblock in
/// which it finds no change.
pub const TILE: usize = 16;

/// Marks the tiles in which any sample differs. `before` and `after` are bands of whole rows of the same picture,
/// `width` samples wide. Incomplete tiles at the right or at the bottom are ignored. `changed` has a place for
/// each tile, row of tiles by row of tiles. Marks that are already set stay set.
pub fn changed_tiles(before: &[u8], after: &[u8], width: usize, changed: &mut [bool]) {
    let columns = width / TILE;
    if columns == 0 {
        return;
    }
    let mut differences = vec![[0_u8; TILE]; columns];
    let bands = before.chunks_exact(width * TILE).zip(after.chunks_exact(width * TILE));
    for ((before, after), marks) in bands.zip(changed.chunks_exact_mut(columns)) {
        differences.fill([0; TILE]);
        for (before, after) in before.chunks_exact(width).zip(after.chunks_exact(width)) {
            let (before, _) = before.as_chunks::<TILE>();
            let (after, _) = after.as_chunks::<TILE>();
            // The differing bits are collected and tested once per tile.
            for ((before, after), gathered) in before.iter().zip(after).zip(&mut differences) {
                for ((&before, &after), gathered) in before.iter().zip(after).zip(gathered) {
                    *gathered |= before ^ after;
                }
            }
        }
        for (mark, gathered) in marks.iter_mut().zip(&differences) {
            *mark |= *gathered != [0; TILE];
        }
    }
}

/// Computes a fingerprint of each tile. Equal samples give equal fingerprints. Less than one pair of different tiles in
/// a thousand million pairs is expected to have equal fingerprints. `prints` has a place for each tile, in the order of
/// [`changed_tiles`].
pub fn tile_prints(samples: &[u8], width: usize, prints: &mut [u32]) {
    let columns = width / TILE;
    if columns == 0 {
        return;
    }
    let mut lanes = vec![[0_u32; TILE]; columns];
    for (band, prints) in samples.chunks_exact(width * TILE).zip(prints.chunks_exact_mut(columns)) {
        lanes.fill([0; TILE]);
        for row in band.chunks_exact(width) {
            let (tiles, _) = row.as_chunks::<TILE>();
            for (tile, lanes) in tiles.iter().zip(&mut lanes) {
                // One polynomial for each column, all columns side by side. The factor is Knuth's for hashing.
                for (&sample, lane) in tile.iter().zip(lanes) {
                    *lane = lane.wrapping_mul(2_654_435_761).wrapping_add(u32::from(sample));
                }
            }
        }
        for (print, lanes) in prints.iter_mut().zip(&lanes) {
            *print = lanes.iter().fold(0, |print: u32, &lane| {
                (print.rotate_left(5) ^ (lane ^ (lane >> 15))).wrapping_mul(2_246_822_519)
            });
        }
    }
}

/// Marks the tiles that show something: their brightest and darkest samples differ by at least `least`. `textured`
/// has a place for each tile, in the order of [`changed_tiles`].
pub fn textured_tiles(samples: &[u8], width: usize, least: u8, textured: &mut [bool]) {
    let columns = width / TILE;
    if columns == 0 {
        return;
    }
    for (band, marks) in samples.chunks_exact(width * TILE).zip(textured.chunks_exact_mut(columns)) {
        let mut darkest = vec![[u8::MAX; TILE]; columns];
        let mut brightest = vec![[0_u8; TILE]; columns];
        for row in band.chunks_exact(width) {
            let (tiles, _) = row.as_chunks::<TILE>();
            for ((tile, low), high) in tiles.iter().zip(&mut darkest).zip(&mut brightest) {
                for ((&sample, low), high) in tile.iter().zip(low).zip(high) {
                    *low = (*low).min(sample);
                    *high = (*high).max(sample);
                }
            }
        }
        for ((low, high), mark) in darkest.iter().zip(&brightest).zip(marks) {
            let low = low.iter().copied().min().unwrap_or_default();
            let high = high.iter().copied().max().unwrap_or_default();
            *mark |= high.saturating_sub(low) >= least;
        }
    }
}

/// Counts the samples that differ by more than `tolerance`. Both planes have the same size.
#[must_use]
pub fn far_apart(before: &[u8], after: &[u8], tolerance: u8) -> u64 {
    let (a, a_rest) = before.as_chunks::<128>();
    let (b, b_rest) = after.as_chunks::<128>();
    let far = |a: &[u8], b: &[u8]| -> u8 {
        // There are at most 128 samples, so eight bits suffice, and sixteen samples are counted at a time.
        a.iter().zip(b).map(|(&a, &b)| u8::from(a.abs_diff(b) > tolerance)).sum()
    };
    let chunks: u64 = a.iter().zip(b).map(|(a, b)| u64::from(far(a, b))).sum();
    chunks + u64::from(far(a_rest, b_rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Two bands that differ in a few samples, and their width.
    fn bands() -> impl Strategy<Value = (Vec<u8>, Vec<u8>, usize)> {
        (1..70_usize, 1..50_usize).prop_flat_map(|(width, height)| {
            let size = width * height;
            (prop::collection::vec(any::<u8>(), size), prop::collection::vec((0..size, any::<u8>()), 0..6))
                .prop_map(move |(before, edits)| {
                    let mut after = before.clone();
                    for (at, value) in edits {
                        after[at] = value;
                    }
                    (before, after, width)
                })
        })
    }

    proptest! {
        #[test]
        fn changed_tiles_agree_with_a_plain_loop((before, after, width) in bands()) {
            let (columns, rows) = (width / TILE, before.len() / width / TILE);
            let mut marks = vec![false; columns * rows];
            changed_tiles(&before, &after, width, &mut marks);
            for ty in 0..rows {
                for tx in 0..columns {
                    let plain = (0..TILE * TILE).any(|i| {
                        let at = (ty * TILE + i / TILE) * width + tx * TILE + i % TILE;
                        before[at] != after[at]
                    });
                    prop_assert_eq!(marks[ty * columns + tx], plain);
                }
            }
        }

        #[test]
        fn tile_prints_differ_where_tiles_do((before, after, width) in bands()) {
            let tiles = (width / TILE) * (before.len() / width / TILE);
            let (mut one, mut other, mut changed) = (vec![0; tiles], vec![0; tiles], vec![false; tiles]);
            tile_prints(&before, width, &mut one);
            tile_prints(&after, width, &mut other);
            changed_tiles(&before, &after, width, &mut changed);
            let differ: Vec<bool> = one.iter().zip(&other).map(|(a, b)| a != b).collect();
            prop_assert_eq!(differ, changed);
        }

        #[test]
        fn textured_tiles_agree_with_a_plain_loop((samples, _, width) in bands(), least in 200..=255_u8) {
            let (columns, rows) = (width / TILE, samples.len() / width / TILE);
            let mut marks = vec![false; columns * rows];
            textured_tiles(&samples, width, least, &mut marks);
            for ty in 0..rows {
                for tx in 0..columns {
                    let tile = (0..TILE * TILE).map(|i| samples[(ty * TILE + i / TILE) * width + tx * TILE + i % TILE]);
                    let plain = tile.clone().max().unwrap() - tile.min().unwrap() >= least;
                    prop_assert_eq!(marks[ty * columns + tx], plain);
                }
            }
        }

        #[test]
        fn far_apart_agrees_with_a_plain_loop(
            pairs in prop::collection::vec((any::<u8>(), any::<u8>()), 0..700), tolerance in any::<u8>()
        ) {
            let (a, b): (Vec<u8>, Vec<u8>) = pairs.iter().copied().unzip();
            let plain = pairs.iter().filter(|(a, b)| i32::from(*a).abs_diff(i32::from(*b)) > u32::from(tolerance)).count();
            prop_assert_eq!(far_apart(&a, &b, tolerance), plain as u64);
        }
    }
}
