//! The picture as a grid of small tiles: the brightness and detail of each tile, and whether something moved in
//! it.

use easysight_sdk::image::{Moments, tile_difference_moments, tile_moments};

use crate::planes::{FRAMES, Planes};

/// The side of a tile in pixels of the measured picture.
pub(crate) const TILE: usize = 4;
/// The number of samples in a tile.
const SAMPLES: u32 = (TILE * TILE) as u32;
/// The grey levels by which the mean of a tile may vary while nothing moves in it.
const STILL: f32 = 8.0;

/// The static deviation, in grey levels, below which a tile is empty.
pub(crate) const EMPTY: f32 = 2.0;
/// The brightness and deviation, in grey levels, below which a part is a letterbox bar.
const BAR: (f32, f32) = (8.0, 1.0);

/// A map with one value for each tile, row by row.
pub(crate) type Map<T> = Vec<T>;

/// The content of the clip, tile by tile. Grey levels are of full range.
#[derive(Debug, Clone)]
pub(crate) struct Grid {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    /// The column and row of the first tile in the whole picture: 0 unless bars were cut off.
    offset: (usize, usize),
    /// The columns and rows of the whole picture, including bars that were cut off.
    whole: (usize, usize),
    /// The mean grey level, as the median over the frames.
    pub(crate) mean: Map<f32>,
    /// The standard deviation of the static content of the tile, with the noise subtracted.
    pub(crate) detail: Map<f32>,
    /// The standard deviation including the noise. In an even part that was drawn into the picture it is about 0,
    /// because such a part has no noise.
    pub(crate) raw: Map<f32>,
    /// True if something moved through the tile.
    pub(crate) moved: Map<bool>,
    /// The standard deviation that noise leaves in `mean`, for the whole picture.
    pub(crate) mean_noise: f32,
}

impl Grid {
    /// Measures a clip.
    pub(crate) fn of(planes: &Planes) -> Self {
        let &Planes { width, height, offset, scale, frames: ref planes } = planes;
        let count = width / TILE * (height / TILE);
        let (mut means, mut variances, mut noises) =
            (Series::new(count), Series::new(count), Series::new(count));
        for plane in planes {
            let tiles = tile_moments::<TILE>(plane, width);
            means.take(&tiles, |tile| tile.mean(SAMPLES));
            variances.take(&tiles, |tile| tile.variance(SAMPLES));
        }
        for pair in planes.windows(2) {
            if let [before, after] = pair {
                let tiles = tile_difference_moments::<TILE>(before, after, width);
                noises.take(&tiles, |tile| tile.variance(SAMPLES));
            }
        }
        let mut grid = Self {
            columns: width / TILE,
            rows: height / TILE,
            offset: (0, 0),
            whole: (width / TILE, height / TILE),
            mean: Vec::with_capacity(count),
            detail: Vec::with_capacity(count),
            raw: Vec::with_capacity(count),
            moved: Vec::with_capacity(count),
            mean_noise: 0.0,
        };
        let mut all_noises = Vec::with_capacity(count);
        for ((means, variances), noises) in means.sorted().zip(variances.sorted()).zip(noises.sorted()) {
            // The variance of noise doubles in a difference. The smallest value of all pairs of frames is used,
            // because motion increases the values of the other pairs.
            let noise = noises.least / 2.0;
            grid.mean.push(((means.median - offset) * scale).clamp(0.0, 255.0));
            grid.detail.push((variances.median - noise).max(0.0).sqrt() * scale);
            grid.raw.push(variances.median.max(0.0).sqrt() * scale);
            grid.moved.push((means.most - means.least) * scale > STILL);
            all_noises.push(noise);
        }
        grid.mean_noise = (median(&mut all_noises) / (SAMPLES * FRAMES as u32) as f32).sqrt() * scale;
        grid
    }

    /// Returns the grid without the black bars that a recorder adds on two opposite sides to fit a picture of
    /// another shape.
    pub(crate) fn without_bars(self) -> Self {
        let is_bar = |at: usize| {
            let dark = self.mean.get(at).is_some_and(|&mean| mean < BAR.0);
            dark && self.detail.get(at).is_some_and(|&detail| detail < BAR.1)
        };
        let column = |x: usize| (0..self.rows).all(|y| is_bar(y * self.columns + x));
        let row = |y: usize| (0..self.columns).all(|x| is_bar(y * self.columns + x));
        let left = (0..self.columns).take_while(|&x| column(x)).count();
        let right = (0..self.columns).rev().take_while(|&x| column(x)).count();
        let top = (0..self.rows).take_while(|&y| row(y)).count();
        let bottom = (0..self.rows).rev().take_while(|&y| row(y)).count();
        // A difference of one tile between the two sides is caused by rounding.
        let pair = |one: usize, other: usize, all: usize| {
            let bars = one > 0 && other > 0 && one.abs_diff(other) <= 1 && one + other < all;
            // The tile in which a bar ends belongs to neither side.
            if bars { (one + 1, (all - other).saturating_sub(1)) } else { (0, all) }
        };
        let (columns, rows) = (pair(left, right, self.columns), pair(top, bottom, self.rows));
        let mut inner = Self {
            columns: columns.1.saturating_sub(columns.0),
            rows: rows.1.saturating_sub(rows.0),
            offset: (columns.0, rows.0),
            whole: self.whole,
            mean: Vec::new(),
            detail: Vec::new(),
            raw: Vec::new(),
            moved: Vec::new(),
            mean_noise: self.mean_noise,
        };
        for y in rows.0..rows.1 {
            let tiles = y * self.columns + columns.0..y * self.columns + columns.1;
            inner.mean.extend(self.mean.get(tiles.clone()).unwrap_or_default());
            inner.detail.extend(self.detail.get(tiles.clone()).unwrap_or_default());
            inner.raw.extend(self.raw.get(tiles.clone()).unwrap_or_default());
            inner.moved.extend(self.moved.get(tiles).unwrap_or_default());
        }
        inner
    }

    /// Returns the box around the tiles of a map: left, top, width and height as shares of the picture.
    pub(crate) fn around(&self, tiles: &[bool]) -> [f32; 4] {
        let set = || tiles.iter().enumerate().filter(|&(_, &set)| set).map(|(at, _)| at);
        let span = |place: &dyn Fn(usize) -> usize| {
            let first = set().map(place).min().unwrap_or(0);
            (first, set().map(place).max().unwrap_or(0) + 1 - first)
        };
        let (left, width) = span(&|at| at % self.columns);
        let (top, height) = span(&|at| at / self.columns);
        let (columns, rows) = (self.whole.0 as f32, self.whole.1 as f32);
        [
            (left + self.offset.0) as f32 / columns,
            (top + self.offset.1) as f32 / rows,
            width as f32 / columns,
            height as f32 / rows,
        ]
    }

    /// Returns the grey level that nine tenths of the tiles do not exceed. None if there are no tiles.
    pub(crate) fn nine_tenths(&self) -> Option<f32> {
        let mut means = self.mean.clone();
        let at = means.len() * 9 / 10;
        (at < means.len()).then(|| *means.select_nth_unstable_by(at, f32::total_cmp).1)
    }

    /// Returns, for the tiles that are not set in a map, the share of those that have detail.
    pub(crate) fn detailed_beyond(&self, tiles: &[bool]) -> f32 {
        let beyond = || self.detail.iter().zip(tiles).filter(|&(_, &inside)| !inside);
        let detailed = beyond().filter(|&(&detail, _)| detail >= EMPTY).count();
        detailed as f32 / beyond().count().max(1) as f32
    }

    /// Returns the number of tiles.
    pub(crate) fn len(&self) -> usize {
        self.mean.len()
    }

    /// Returns the tile `dx` to the right and `dy` below the one at `at`. None if that is outside the picture.
    pub(crate) fn beside(&self, at: usize, dx: isize, dy: isize) -> Option<usize> {
        let x = (at % self.columns).checked_add_signed(dx).filter(|&x| x < self.columns)?;
        let y = (at / self.columns).checked_add_signed(dy).filter(|&y| y < self.rows)?;
        Some(y * self.columns + x)
    }

    /// Returns a map in which each value is the median of the 3 × 3 values around it, or of fewer values at the border.
    pub(crate) fn smoothed(&self, map: &[f32]) -> Map<f32> {
        let mut smooth = map.to_vec();
        let rows = || map.chunks_exact(self.columns.max(1));
        let around = rows().zip(rows().skip(1)).zip(rows().skip(2));
        let mut columns = [(); 3].map(|()| vec![0.0; self.columns]);
        for (((above, row), below), out) in around.zip(smooth.chunks_exact_mut(self.columns.max(1)).skip(1)) {
            medians_of_nine([above, row, below], &mut columns, out.get_mut(1..).unwrap_or_default());
        }
        let (right, bottom) = (self.columns.saturating_sub(1), self.rows.saturating_sub(1));
        let ends = (0..self.columns).flat_map(|x| [x, bottom * self.columns + x]);
        let sides = (0..self.rows).flat_map(|y| [y * self.columns, y * self.columns + right]);
        let mut values = Vec::with_capacity(9);
        for at in ends.chain(sides) {
            values.clear();
            for (dx, dy) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy))) {
                values.extend(self.beside(at, dx, dy).and_then(|at| map.get(at)));
            }
            if let Some(value) = smooth.get_mut(at) {
                *value = median(&mut values);
            }
        }
        smooth
    }
}

/// Up to [`FRAMES`] values of each tile, one for each frame or pair of frames.
struct Series {
    values: Vec<[f32; FRAMES]>,
    count: usize,
}

/// Statistics of a tile's values; all 0 if there are none.
#[derive(Debug, Clone, Copy, Default)]
struct Spread {
    least: f32,
    median: f32,
    most: f32,
}

impl Series {
    fn new(tiles: usize) -> Self {
        // Unused places sort after used ones.
        Self { values: vec![[f32::INFINITY; FRAMES]; tiles], count: 0 }
    }

    fn take(&mut self, tiles: &[Moments], value: impl Fn(Moments) -> f32) {
        for (values, tile) in self.values.iter_mut().zip(tiles) {
            if let Some(place) = values.get_mut(self.count) {
                *place = value(*tile);
            }
        }
        self.count += 1;
    }

    fn sorted(&self) -> impl Iterator<Item = Spread> {
        let (middle, last) = (self.count.saturating_sub(1) / 2, self.count.saturating_sub(1));
        self.values.iter().map(move |&[a, b, c, d]| {
            // A sorting network.
            let ((a, b), (c, d)) = (ordered(a, b), ordered(c, d));
            let ((a, c), (b, d)) = (ordered(a, c), ordered(b, d));
            let (b, c) = ordered(b, c);
            let sorted = [a, b, c, d];
            let at = |place: usize| sorted.get(place).copied().filter(|_| self.count > 0).unwrap_or(0.0);
            Spread { least: at(0), median: at(middle), most: at(last) }
        })
    }
}

/// Returns the smaller and the larger of two values.
fn ordered(a: f32, b: f32) -> (f32, f32) {
    if a < b { (a, b) } else { (b, a) }
}

/// Writes to `out` the medians of the 3 × 3 values around each inner place of the middle row. The median of nine
/// values is the median of three: the largest of the columns' smallest values, the median of their medians, and
/// the smallest of their largest values. `columns` is buffer space for the values of the
/// columns.
fn medians_of_nine(rows: [&[f32]; 3], columns: &mut [Vec<f32>; 3], out: &mut [f32]) {
    let [above, row, below] = rows;
    let [low, middle, high] = columns;
    let places = low.iter_mut().zip(middle.iter_mut()).zip(high.iter_mut());
    for (((low, middle), high), ((&a, &b), &c)) in places.zip(above.iter().zip(row).zip(below)) {
        let (a, b) = ordered(a, b);
        let (b, c) = ordered(b, c);
        (*low, *middle) = ordered(a, b);
        *high = c;
    }
    for (((((&a, &b), &c), ((&d, &e), &f)), ((&g, &h), &i)), out) in
        threes(low).zip(threes(middle)).zip(threes(high)).zip(out)
    {
        let greatest = ordered(a, ordered(b, c).1).1;
        let least = ordered(g, ordered(h, i).0).0;
        *out = middle_of(greatest, middle_of(d, e, f), least);
    }
}

/// Returns each value with the two after it.
fn threes(values: &[f32]) -> impl Iterator<Item = ((&f32, &f32), &f32)> {
    let after = |by: usize| values.get(by..).unwrap_or_default();
    values.iter().zip(after(1)).zip(after(2))
}

fn middle_of(a: f32, b: f32, c: f32) -> f32 {
    let (a, b) = ordered(a, b);
    ordered(a, ordered(b, c).0).1
}

/// Returns the median of some values, the lower of the middle two; 0 if there are none. Changes their order.
pub(crate) fn median(values: &mut [f32]) -> f32 {
    let middle = values.len().saturating_sub(1) / 2;
    if values.is_empty() { 0.0 } else { *values.select_nth_unstable_by(middle, f32::total_cmp).1 }
}
