//! The picture as a grid of small tiles: how bright each is, how much detail it has, whether
//! something moved in it.

use easysight_sdk::{
    Clip, Failure, PlaneKind, SampleRange,
    image::{Moments, tile_difference_moments, tile_moments},
};

/// Width, in pixels, of the picture that is looked at: noise has faded at that size, and an edge
/// that is out of focus is still wider than a sharp one.
const WIDTH: u32 = 400;
/// Side of a tile in pixels of that picture.
pub(crate) const TILE: usize = 4;
/// Samples of a tile.
const SAMPLES: u32 = (TILE * TILE) as u32;
/// Frames that are looked at, spread over the clip.
const FRAMES: usize = 4;
/// Grey levels by which the mean of a tile may wander while nothing moves in it.
const STILL: f32 = 8.0;

/// A tile with less static deviation, in grey levels, is empty.
pub(crate) const EMPTY: f32 = 2.0;
/// Letterbox bars are darker and flatter than this, in grey levels.
const BAR: (f32, f32) = (8.0, 1.0);

/// A map of one value a tile, row by row.
pub(crate) type Map<T> = Vec<T>;

/// What the clip shows, tile by tile. Grey levels are of full range.
#[derive(Debug, Clone)]
pub(crate) struct Grid {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    /// Where the first tile lies in the picture, and the picture's columns and rows: not the same
    /// where bars were cut off.
    offset: (usize, usize),
    whole: (usize, usize),
    /// Mean grey level, the median over the frames.
    pub(crate) mean: Map<f32>,
    /// Standard deviation of what stands still in the tile: noise is taken off.
    pub(crate) detail: Map<f32>,
    /// Something moved through the tile.
    pub(crate) moved: Map<bool>,
    /// Standard deviation that noise leaves in `mean`, of the picture as a whole.
    pub(crate) mean_noise: f32,
}

impl Grid {
    /// Measures a clip.
    pub(crate) fn of(clip: &dyn Clip) -> Result<Self, Failure> {
        let info = clip.info();
        let level = clip.level_within(WIDTH);
        let (width, height) = clip.size(PlaneKind::Luma, level)?;
        let (width, height) = (width as usize, height as usize);
        let planes = spread(clip).map(|frame| clip.luma(frame, level)).collect::<Result<Vec<_>, _>>()?;
        let tiles: Vec<_> = planes.iter().map(|plane| tile_moments::<TILE>(plane, width)).collect();
        let differences: Vec<_> = planes
            .windows(2)
            .filter_map(|pair| match pair {
                [before, after] => Some(tile_difference_moments::<TILE>(before, after, width)),
                _ => None,
            })
            .collect();
        let (offset, scale) = match info.range {
            SampleRange::Full => (0.0, 1.0),
            // ITU-R BT.601: black 16, white 235.
            SampleRange::Limited => (16.0, 255.0 / 219.0),
        };
        let count = width / TILE * (height / TILE);
        let mut grid = Self {
            columns: width / TILE,
            rows: height / TILE,
            offset: (0, 0),
            whole: (width / TILE, height / TILE),
            mean: Vec::with_capacity(count),
            detail: Vec::with_capacity(count),
            moved: Vec::with_capacity(count),
            mean_noise: 0.0,
        };
        let mut noises = Vec::with_capacity(count);
        for at in 0..count {
            let of = |maps: &[Vec<Moments>], value: fn(Moments, u32) -> f32| -> Vec<f32> {
                let mut values: Vec<f32> =
                    maps.iter().filter_map(|map| map.get(at)).map(|tile| value(*tile, SAMPLES)).collect();
                values.sort_by(f32::total_cmp);
                values
            };
            let means = of(&tiles, Moments::mean);
            let variances = of(&tiles, Moments::variance);
            // Noise doubles in a difference. The least of the pairs: what moves is no noise.
            let noise = of(&differences, Moments::variance).first().copied().unwrap_or(0.0) / 2.0;
            let wandered = means.last().copied().unwrap_or(0.0) - means.first().copied().unwrap_or(0.0);
            grid.mean.push(((median(&means) - offset) * scale).clamp(0.0, 255.0));
            grid.detail.push((median(&variances) - noise).max(0.0).sqrt() * scale);
            grid.moved.push(wandered * scale > STILL);
            noises.push(noise);
        }
        noises.sort_by(f32::total_cmp);
        grid.mean_noise = (median(&noises) / (SAMPLES * FRAMES as u32) as f32).sqrt() * scale;
        Ok(grid)
    }

    /// Without the black bars that a recorder puts on two opposite sides to fit a picture of another
    /// shape into its own.
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
        // One tile more on one side than on the other is a matter of rounding.
        let pair = |one: usize, other: usize, all: usize| {
            let bars = one > 0 && other > 0 && one.abs_diff(other) <= 1 && one + other < all;
            // The tile in which a bar ends belongs to neither.
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
            moved: Vec::new(),
            mean_noise: self.mean_noise,
        };
        for y in rows.0..rows.1 {
            let tiles = y * self.columns + columns.0..y * self.columns + columns.1;
            inner.mean.extend(self.mean.get(tiles.clone()).unwrap_or_default());
            inner.detail.extend(self.detail.get(tiles.clone()).unwrap_or_default());
            inner.moved.extend(self.moved.get(tiles).unwrap_or_default());
        }
        inner
    }

    /// The box around the tiles of a map: left, top, width and height as shares of the picture.
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

    /// Number of tiles.
    pub(crate) fn len(&self) -> usize {
        self.mean.len()
    }

    /// The tile `dx` to the right and `dy` down of the one at `at`; none outside of the picture.
    pub(crate) fn beside(&self, at: usize, dx: isize, dy: isize) -> Option<usize> {
        let x = (at % self.columns).checked_add_signed(dx).filter(|&x| x < self.columns)?;
        let y = (at / self.columns).checked_add_signed(dy).filter(|&y| y < self.rows)?;
        Some(y * self.columns + x)
    }

    /// A map with each value replaced by the median of the 3 × 3 values around it.
    pub(crate) fn smoothed(&self, map: &[f32]) -> Map<f32> {
        let mut around = Vec::with_capacity(9);
        (0..map.len())
            .map(|at| {
                around.clear();
                for (dx, dy) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy))) {
                    around.extend(self.beside(at, dx, dy).and_then(|at| map.get(at)));
                }
                around.sort_by(f32::total_cmp);
                median(&around)
            })
            .collect()
    }
}

/// Up to [`FRAMES`] frames, spread evenly over the clip's time.
fn spread(clip: &dyn Clip) -> impl Iterator<Item = u32> {
    let frames = clip.frames();
    let span = frames.last().map_or(0, |frame| frame.timestamp_us);
    let mut chosen: Vec<u32> = (0..FRAMES as u64)
        .filter_map(|part| {
            let due = span * part / (FRAMES as u64 - 1);
            frames.iter().zip(0_u32..).min_by_key(|(frame, _)| frame.timestamp_us.abs_diff(due))
        })
        .map(|(_, index)| index)
        .collect();
    chosen.dedup();
    chosen.into_iter()
}

/// The middle of sorted values, the lower of two; 0 of none.
pub(crate) fn median(sorted: &[f32]) -> f32 {
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(0.0)
}
