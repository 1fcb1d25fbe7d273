//! Speckle of small tiles. It consists of grain, which is the content that remains after a tile's structure is removed,
//! and of lone samples, which are brighter, or darker, than all their neighbours.

/// The side of a tile.
const SIDE: usize = 16;
/// The side of the blocks in which the variance is measured.
const BLOCK: usize = 4;
/// The rows of a band: a tile and a row above and below it.
pub const SPECKLE_ROWS: usize = SIDE + 2;

/// The measurements of a tile of 16 × 16 samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Speckle {
    /// The sum of the samples.
    pub sum: u32,
    /// The sum of the magnitudes of the response to the mask 1 −2 1 in both directions: grain without edges and
    /// slopes.
    pub grain: u32,
    /// The sum of the variances of the tile's sixteen blocks of 4 × 4 samples, times 256.
    pub spread: u64,
    /// A measure of the tile's slope. A tile has four quarters of four rows each, and four quarters of four columns
    /// each. The slope is the largest sum of a quarter minus the smallest one, of rows or of columns, whichever is
    /// larger.
    pub slope: u32,
    /// The number of samples that are brighter, or darker, than all their eight neighbours by more than `height`.
    pub lone: u32,
    /// The number of samples that are brighter, or darker, than their upper and lower neighbours by more than `height`.
    /// The samples of a thin line along a row also count.
    pub upright: u32,
}

/// Calls `visit` for the tiles of a band of [`SPECKLE_ROWS`] rows of `width` samples, from left to right. The first
/// tile begins one sample from the left. Incomplete tiles are ignored. `height` is the difference in grey levels that
/// [`Speckle::lone`] and [`Speckle::upright`] refer to.
pub fn speckle_tiles(band: &[u8], width: usize, height: u8, mut visit: impl FnMut(Speckle)) {
    if width < SPECKLE_ROWS || band.len() < SPECKLE_ROWS * width {
        return;
    }
    let inner = width - 2;
    let mut columns = Columns::new(inner);
    let mut tiles = vec![Speckle::default(); inner / SIDE];
    let mut quarters = vec![[0_u32; 8]; inner / SIDE];
    let rows: Vec<&[u8]> = band.chunks_exact(width).take(SPECKLE_ROWS).collect();
    for (index, rows) in rows.windows(3).enumerate() {
        let [upper, middle, lower] = rows else { continue };
        columns.add(upper, middle, lower, height);
        if index % BLOCK == BLOCK - 1 {
            columns.close_blocks(index / BLOCK, &mut tiles, &mut quarters);
        }
    }
    let total = |sums: &[u8; SIDE]| sums.iter().map(|&sum| u32::from(sum)).sum::<u32>();
    let grain = columns.grain.as_chunks::<SIDE>().0.iter();
    let lone = columns.lone.as_chunks::<SIDE>().0.iter().zip(columns.upright.as_chunks::<SIDE>().0);
    for (((tile, grain), (lone, upright)), quarters) in tiles.iter_mut().zip(grain).zip(lone).zip(&quarters) {
        tile.grain = grain.iter().map(|&sum| u32::from(sum)).sum();
        (tile.lone, tile.upright) = (total(lone), total(upright));
        let (across, down) = quarters.split_at(4);
        let range = |sums: &[u32]| sums.iter().max().unwrap_or(&0) - sums.iter().min().unwrap_or(&0);
        tile.slope = range(across).max(range(down));
        visit(*tile);
    }
}

/// The neighbours of a sample. The first three values are for its own column and the columns beside it: the darker (or
/// the brighter) one of the samples above and below. The other two are the samples to its left and right.
type Neighbours<'a> = (((&'a u8, &'a u8), &'a u8), (&'a u8, &'a u8));

/// Returns the samples from position `at` on.
fn from(row: &[u8], at: usize) -> &[u8] {
    row.get(at..).unwrap_or_default()
}

/// Values for each column of samples, most of them sums over the rows. The compiler adds many columns at a time.
struct Columns {
    upright_mask: Vec<i16>,
    grain: Vec<u16>,
    /// The sum over the rows of the current block.
    sum: Vec<u16>,
    squares: Vec<u32>,
    lone: Vec<u8>,
    upright: Vec<u8>,
    least: Vec<u8>,
    most: Vec<u8>,
}

impl Columns {
    fn new(inner: usize) -> Self {
        Self {
            upright_mask: vec![0; inner + 2],
            grain: vec![0; inner],
            sum: vec![0; inner],
            squares: vec![0; inner],
            lone: vec![0; inner],
            upright: vec![0; inner],
            least: vec![0; inner + 2],
            most: vec![0; inner + 2],
        }
    }

    fn add(&mut self, upper: &[u8], middle: &[u8], lower: &[u8], height: u8) {
        let triples = upper.iter().zip(middle).zip(lower);
        for (((&upper, &middle), &lower), mask) in triples.zip(&mut self.upright_mask) {
            *mask = i16::from(upper) - 2 * i16::from(middle) + i16::from(lower);
        }
        let shifted = |from: usize| self.upright_mask.get(from..).unwrap_or_default();
        for (((&left, &at), &right), sum) in
            shifted(0).iter().zip(shifted(1)).zip(shifted(2)).zip(&mut self.grain)
        {
            *sum += (left - 2 * at + right).unsigned_abs();
        }
        let inside = middle.get(1..).unwrap_or_default();
        for ((&sample, sum), squares) in inside.iter().zip(&mut self.sum).zip(&mut self.squares) {
            *sum += u16::from(sample);
            *squares += u32::from(sample) * u32::from(sample);
        }
        self.add_lone(upper, middle, lower, height);
    }

    fn add_lone(&mut self, upper: &[u8], middle: &[u8], lower: &[u8], height: u8) {
        let beside = self.least.iter_mut().zip(&mut self.most).zip(upper.iter().zip(lower));
        for ((least, most), (&upper, &lower)) in beside {
            (*least, *most) = (upper.min(lower), upper.max(lower));
        }
        let inside = middle.get(1..).unwrap_or_default();
        let stands = |sample: u8, least: u8, most: u8| {
            u8::from(sample.saturating_sub(most).max(least.saturating_sub(sample)) > height)
        };
        let (least, most) = (self.least.as_slice(), self.most.as_slice());
        let columns = inside.iter().zip(from(least, 1).iter().zip(from(most, 1)));
        for ((&sample, (&least, &most)), upright) in columns.zip(&mut self.upright) {
            *upright += stands(sample, least, most);
        }
        let lows =
            least.iter().zip(from(least, 1)).zip(from(least, 2)).zip(middle.iter().zip(from(middle, 2)));
        let highs = most.iter().zip(from(most, 1)).zip(from(most, 2)).zip(middle.iter().zip(from(middle, 2)));
        let low = |(((&a, &b), &c), (&left, &right)): Neighbours<'_>| a.min(b).min(c).min(left).min(right);
        let high = |(((&a, &b), &c), (&left, &right)): Neighbours<'_>| a.max(b).max(c).max(left).max(right);
        for ((&sample, (lows, highs)), lone) in inside.iter().zip(lows.zip(highs)).zip(&mut self.lone) {
            *lone += stands(sample, low(lows), high(highs));
        }
    }

    /// Adds the completed row of blocks to the tiles.
    fn close_blocks(&mut self, row: usize, tiles: &mut [Speckle], quarters: &mut [[u32; 8]]) {
        let sums = self.sum.as_chunks::<SIDE>().0.iter();
        let blocks = sums.zip(self.squares.as_chunks::<SIDE>().0);
        for (((sums, squares), tile), quarters) in blocks.zip(tiles).zip(quarters) {
            let blocks = sums.as_chunks::<BLOCK>().0.iter().zip(squares.as_chunks::<BLOCK>().0);
            let mut across = 0;
            for ((sums, squares), quarter) in blocks.zip(quarters.iter_mut()) {
                let sum: u32 = sums.iter().map(|&sum| u32::from(sum)).sum();
                let squares: u32 = squares.iter().sum();
                tile.spread += u64::from(16 * squares - sum * sum);
                *quarter += sum;
                across += sum;
            }
            tile.sum += across;
            if let Some(quarter) = quarters.get_mut(BLOCK + row) {
                *quarter += across;
            }
        }
        self.sum.fill(0);
        self.squares.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(band: &[u8], width: usize, tile: usize, height: i32) -> Speckle {
        let at = |x: usize, y: usize| i32::from(band[y * width + x]);
        let mut found = Speckle::default();
        let mut quarters = [[0_u32; 4]; 2];
        for (dx, dy) in (0..SIDE).flat_map(|dx| (0..SIDE).map(move |dy| (dx, dy))) {
            let (x, y) = (1 + tile * SIDE + dx, 1 + dy);
            let row = |y: usize| at(x - 1, y) - 2 * at(x, y) + at(x + 1, y);
            found.grain += (row(y - 1) - 2 * row(y) + row(y + 1)).unsigned_abs();
            found.sum += at(x, y) as u32;
            quarters[0][dx / 4] += at(x, y) as u32;
            quarters[1][dy / 4] += at(x, y) as u32;
            let stands = |others: &[i32]| {
                let over = others.iter().all(|other| at(x, y) - other > height);
                u32::from(over || others.iter().all(|other| other - at(x, y) > height))
            };
            let around: Vec<i32> =
                (0..9).filter(|i| *i != 4).map(|i| at(x + i % 3 - 1, y + i / 3 - 1)).collect();
            found.lone += stands(&around);
            found.upright += stands(&[at(x, y - 1), at(x, y + 1)]);
        }
        for block in 0..16 {
            let inside =
                (0..16).map(|i| at(1 + tile * SIDE + block % 4 * 4 + i % 4, 1 + block / 4 * 4 + i / 4));
            let (sum, squares) = inside.fold((0, 0), |(sum, squares), v| (sum + v, squares + v * v));
            found.spread += (16 * squares - sum * sum) as u64;
        }
        let range = |sums: [u32; 4]| sums.iter().max().unwrap() - sums.iter().min().unwrap();
        found.slope = range(quarters[0]).max(range(quarters[1]));
        found
    }

    proptest! {
        #[test]
        fn tiles_agree_with_plain_loops(
            (band, width) in (1..60_usize).prop_flat_map(|width| {
                (prop::collection::vec(any::<u8>(), width * SPECKLE_ROWS), Just(width))
            }),
            height in 0..100_u8,
        ) {
            let mut tiles = Vec::new();
            speckle_tiles(&band, width, height, |tile| tiles.push(tile));
            let count = if width < SPECKLE_ROWS { 0 } else { (width - 2) / SIDE };
            let wanted: Vec<Speckle> = (0..count).map(|tile| plain(&band, width, tile, height.into())).collect();
            prop_assert_eq!(tiles, wanted);
        }
    }
}
