//! The grain of tiles, in one picture and from one picture to the next. Grain is the content of a tile that remains
//! after its structure is removed.
//!
//! The mask 1 −2 1, applied along rows and along columns, cancels flat areas, slopes and straight edges, and
//! leaves noise (J. Immerkær, Fast noise variance estimation, 1996). The mean magnitude of its response times
//! √(π/2) / 6 is the standard deviation of white noise.

/// The rows of a band: the rows of a tile and one more on either side.
pub const GRAIN_ROWS: usize = SIDE + 2;
/// The side of a tile in samples.
const SIDE: usize = 16;
/// The number of columns, or rows, in a quarter of a tile; see [`Grain::slope`].
const QUARTER: usize = 4;

/// Sums over the 256 samples of a tile. `sum`, `slope` and `spatial` are those of the first picture. The other sums are
/// those of the differences, the first picture minus the second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Grain {
    /// The sum of the samples themselves.
    pub sum: u32,
    /// A measure of the tile's slope. A tile has four quarters of four rows each, and four quarters of four columns
    /// each. The slope is the largest sum of a quarter minus the smallest one, of rows or of columns, whichever is
    /// larger.
    pub slope: u32,
    /// The sum of the magnitudes of the mask's response.
    pub spatial: u32,
    /// The sum of the magnitudes of the mask's response to the difference of the two pictures.
    pub temporal: u32,
    /// The sum of the differences.
    pub change: i32,
    /// The sum of the squared differences.
    pub square: u32,
}

/// The sums of each column of samples over the rows of a tile. All sums except the squares fit into sixteen bits, so
/// that the compiler adds eight at a time.
struct Columns {
    upright: Vec<i16>,
    upright_change: Vec<i16>,
    quarter: Vec<u16>,
    sum: Vec<u16>,
    spatial: Vec<u16>,
    temporal: Vec<u16>,
    change: Vec<i16>,
    square: Vec<i32>,
}

/// Calls `visit` for the tiles of two bands, from left to right. Each band has [`GRAIN_ROWS`] rows of `width`
/// samples, at the same place of two pictures. The first tile begins one sample from the left. Incomplete tiles
/// are ignored.
pub fn grain_tiles(before: &[u8], after: &[u8], width: usize, mut visit: impl FnMut(Grain)) {
    if width < GRAIN_ROWS || before.len() < GRAIN_ROWS * width || after.len() < GRAIN_ROWS * width {
        return;
    }
    let inner = width - 2;
    let mut columns = Columns {
        upright: vec![0; width],
        upright_change: vec![0; width],
        quarter: vec![0; inner],
        sum: vec![0; inner],
        spatial: vec![0; inner],
        temporal: vec![0; inner],
        change: vec![0; inner],
        square: vec![0; inner],
    };
    let mut least = vec![u32::MAX; inner / SIDE];
    let mut most = vec![0; inner / SIDE];
    let rows: Vec<(&[u8], &[u8])> =
        before.chunks_exact(width).zip(after.chunks_exact(width)).take(GRAIN_ROWS).collect();
    for (index, triple) in rows.windows(3).enumerate() {
        let [upper, middle, lower] = triple else { continue };
        columns.add(*upper, *middle, *lower);
        if index % QUARTER == QUARTER - 1 {
            let (quarters, _) = columns.quarter.as_chunks::<SIDE>();
            for ((tile, least), most) in quarters.iter().zip(&mut least).zip(&mut most) {
                let sum: u32 = tile.iter().map(|&sum| u32::from(sum)).sum();
                *least = sum.min(*least);
                *most = sum.max(*most);
            }
            for (sum, quarter) in columns.sum.iter_mut().zip(&mut columns.quarter) {
                *sum += *quarter;
                *quarter = 0;
            }
        }
    }
    let total = |sums: &[u16; SIDE]| sums.iter().map(|&sum| u32::from(sum)).sum();
    let tiles = tiles(&columns.sum).zip(tiles(&columns.spatial)).zip(tiles(&columns.temporal));
    let tiles = tiles.zip(columns.change.as_chunks::<SIDE>().0).zip(columns.square.as_chunks::<SIDE>().0);
    for (((((sum, spatial), temporal), change), square), (least, most)) in tiles.zip(least.iter().zip(&most))
    {
        let quarters = sum.as_chunks::<QUARTER>().0.iter();
        let quarters = quarters.map(|quarter| quarter.iter().map(|&sum| u32::from(sum)).sum::<u32>());
        let (low, high) = quarters.fold((u32::MAX, 0), |(low, high), sum| (sum.min(low), sum.max(high)));
        visit(Grain {
            sum: total(sum),
            slope: (high - low).max(most - least),
            spatial: total(spatial),
            temporal: total(temporal),
            change: change.iter().map(|&change| i32::from(change)).sum(),
            square: square.iter().sum::<i32>().unsigned_abs(),
        });
    }
}

fn tiles(columns: &[u16]) -> impl Iterator<Item = &[u16; SIDE]> {
    columns.as_chunks().0.iter()
}

impl Columns {
    /// Adds the middle one of three rows. Each row comes from the picture before and the picture after.
    fn add(&mut self, upper: (&[u8], &[u8]), middle: (&[u8], &[u8]), lower: (&[u8], &[u8])) {
        second_difference(upper.0, middle.0, lower.0, &mut self.upright);
        second_difference(upper.1, middle.1, lower.1, &mut self.upright_change);
        for (after, before) in self.upright_change.iter_mut().zip(&self.upright) {
            *after = *before - *after;
        }
        add_magnitudes(&self.upright, &mut self.spatial);
        add_magnitudes(&self.upright_change, &mut self.temporal);
        let before = middle.0.get(1..).unwrap_or_default();
        let after = middle.1.get(1..).unwrap_or_default();
        for (&before, quarter) in before.iter().zip(&mut self.quarter) {
            *quarter += u16::from(before);
        }
        let sums = self.change.iter_mut().zip(&mut self.square);
        for ((&before, &after), (change, square)) in before.iter().zip(after).zip(sums) {
            let difference = i16::from(before) - i16::from(after);
            *change += difference;
            *square += i32::from(difference) * i32::from(difference);
        }
    }
}

/// Computes upper − 2 middle + lower.
fn second_difference(upper: &[u8], middle: &[u8], lower: &[u8], into: &mut [i16]) {
    for (((&upper, &middle), &lower), into) in upper.iter().zip(middle).zip(lower).zip(into) {
        *into = i16::from(upper) - 2 * i16::from(middle) + i16::from(lower);
    }
}

/// Adds the magnitude of left − 2 middle + right to each place that has neighbours.
fn add_magnitudes(row: &[i16], sums: &mut [u16]) {
    let middle = row.get(1..).unwrap_or_default();
    let right = row.get(2..).unwrap_or_default();
    for (((&left, &middle), &right), sum) in row.iter().zip(middle).zip(right).zip(sums) {
        // A response is at most 16 × 255, so the sum over 16 rows fits into sixteen bits.
        *sum += (left - 2 * middle + right).unsigned_abs();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(before: &[u8], after: &[u8], width: usize, tile: usize) -> Grain {
        let at = |plane: &[u8], x: usize, y: usize| i32::from(plane[y * width + x]);
        let mask = |value: &dyn Fn(usize, usize) -> i32, x: usize, y: usize| {
            let row = |y| value(x - 1, y) - 2 * value(x, y) + value(x + 1, y);
            (row(y - 1) - 2 * row(y) + row(y + 1)).unsigned_abs()
        };
        let difference = |x: usize, y: usize| at(before, x, y) - at(after, x, y);
        let mut grain = Grain::default();
        let (mut across, mut down) = ([0_u32; 4], [0_u32; 4]);
        for dy in 0..SIDE {
            for dx in 0..SIDE {
                let (x, y) = (1 + tile * SIDE + dx, 1 + dy);
                let sample = at(before, x, y) as u32;
                grain.sum += sample;
                across[dx / 4] += sample;
                down[dy / 4] += sample;
                grain.spatial += mask(&|x, y| at(before, x, y), x, y);
                grain.temporal += mask(&difference, x, y);
                grain.change += difference(x, y);
                grain.square += difference(x, y).pow(2) as u32;
            }
        }
        let range = |sums: [u32; 4]| sums.iter().max().unwrap() - sums.iter().min().unwrap();
        grain.slope = range(across).max(range(down));
        grain
    }

    proptest! {
        #[test]
        fn tiles_agree_with_plain_loops(
            (before, after, width) in (1..60_usize).prop_flat_map(|width| {
                let plane = || prop::collection::vec(any::<u8>(), width * GRAIN_ROWS);
                (plane(), plane(), Just(width))
            })
        ) {
            let mut tiles = Vec::new();
            grain_tiles(&before, &after, width, |grain| tiles.push(grain));
            let wanted: Vec<Grain> =
                (0..width.saturating_sub(2) / SIDE).map(|tile| plain(&before, &after, width, tile)).collect();
            prop_assert_eq!(tiles, wanted);
        }
    }
}
