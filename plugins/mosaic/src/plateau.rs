//! Plateaus: macroblocks that coarse compression has flattened.
//!
//! An encoder with far too few bits keeps only the prediction of a macroblock, which is flat. Its deblocking filter
//! turns the steps between macroblocks into ramps, so no lone steps remain. The filter reaches three samples into each
//! block (List and others, "Adaptive Deblocking Filter", 2003). The sign that remains is neighbouring macroblocks that
//! are flat inside and differ from each other. Sky and roads are flat, too, but hardly differ from macroblock to
//! macroblock. Where the grey level of a scene changes more, the scene has texture or an edge, and is not flat. As a
//! control, plateaus are also counted on a grid that is displaced by half a macroblock: drawn areas and bars are flat
//! on any grid.

use easysight_sdk::image::TILE;

/// The width of the margin of a macroblock that the deblocking filter may change, in samples.
const MARGIN: usize = 4;
/// The side of the inside of a macroblock, without the margins, in samples.
const INSIDE: usize = TILE - 2 * MARGIN;
/// The largest range of grey levels inside a flat macroblock. The noise of any sensor has a larger range.
const FLAT: u8 = 1;
/// The smallest difference between two neighbouring flat macroblocks that form a plateau, in grey levels.
const DIFFERENT: u8 = 4;
/// If more than this share of the macroblocks are flat, the picture is drawn: a test card or bars.
const DRAWN: f64 = 0.9;

/// Returns the share of macroblocks that are flat and differ from their flat neighbours. The share is measured twice,
/// once with the neighbours to the right and once with those below. From each of the two, the share on a displaced grid
/// is subtracted. The result is twice the smaller of the two, because bars differ in one direction only.
pub(crate) fn plateaus(samples: &[u8], width: usize) -> f64 {
    let on = Flats::of(samples, width, 0).steps();
    let beside = Flats::of(samples, width, TILE / 2).steps();
    let share = |on: f64, beside: f64| (on - beside).max(0.0);
    2.0 * share(on.0, beside.0).min(share(on.1, beside.1))
}

/// The grey level of each macroblock, row by row. The level is None if the macroblock is not flat.
struct Flats {
    levels: Vec<Option<u8>>,
    columns: usize,
}

impl Flats {
    /// Finds the flat macroblocks of a grid that is displaced by `shift` samples.
    fn of(samples: &[u8], width: usize, shift: usize) -> Self {
        let columns = width.saturating_sub(shift) / TILE;
        let mut flats = Self { levels: Vec::new(), columns };
        if columns == 0 {
            return flats;
        }
        let below = samples.get(shift * width..).unwrap_or_default();
        for band in below.chunks_exact(TILE * width) {
            let mut ranges = vec![([u8::MAX; INSIDE], [u8::MIN; INSIDE]); columns];
            for row in band.chunks_exact(width).skip(MARGIN).take(INSIDE) {
                let tiles = row.get(shift..).unwrap_or_default().as_chunks::<TILE>().0;
                for (tile, (low, high)) in tiles.iter().zip(&mut ranges) {
                    for ((&sample, low), high) in tile.iter().skip(MARGIN).zip(low).zip(high) {
                        *low = (*low).min(sample);
                        *high = (*high).max(sample);
                    }
                }
            }
            flats.levels.extend(ranges.into_iter().map(|(low, high)| {
                let (low, high) = (low.into_iter().min()?, high.into_iter().max()?);
                (high - low <= FLAT).then_some(low)
            }));
        }
        flats
    }

    /// Returns two shares of macroblocks: those that are flat and differ from their flat neighbour to the right, and
    /// those that are flat and differ from their flat neighbour below. For drawn pictures, both shares are 0.
    fn steps(&self) -> (f64, f64) {
        let Self { levels, columns } = self;
        let flat = levels.iter().flatten().count() as f64;
        let all = levels.len().max(1) as f64;
        if flat > DRAWN * all {
            return (0.0, 0.0);
        }
        let differ =
            |(a, b): (&Option<u8>, &Option<u8>)| a.zip(*b).is_some_and(|(a, b)| a.abs_diff(b) >= DIFFERENT);
        let rows = || levels.chunks((*columns).max(1));
        let across =
            |row: &[Option<u8>]| row.iter().zip(row.iter().skip(1)).filter(|pair| differ(*pair)).count();
        let down = |(upper, lower): (&[Option<u8>], &[Option<u8>])| {
            upper.iter().zip(lower).filter(|pair| differ(*pair)).count()
        };
        let across: usize = rows().map(across).sum();
        let down: usize = rows().zip(rows().skip(1)).map(down).sum();
        (across as f64 / all, down as f64 / all)
    }
}
