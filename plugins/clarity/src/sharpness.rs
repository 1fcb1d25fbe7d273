//! The width of a picture's edges, tile by tile.

use easysight_sdk::{
    Clip, Failure, Region, SampleRange, Text,
    image::{CELL, EdgeWindow, edge_windows},
};

use crate::radius::radius_of_slope;

/// The smallest level that is at least this wide is measured. Radii are converted to pixels of a picture this wide,
/// unless the picture is narrower. An upscaled substream is soft in its own pixels, and sharp in these larger pixels.
const WIDTH: u32 = 640;
/// The number of frames that are measured.
const FRAMES: u32 = 3;
/// The number of columns of tiles. The picture is divided into tiles, so that a busy corner, or the lettering that a
/// recorder draws over the picture, affects only its own tiles.
const COLUMNS: usize = 8;
/// The number of rows of tiles.
const ROWS: usize = 6;
/// The number of windows that a tile must have in each frame, on average, to be counted. There is one window for every
/// 4 × 4 samples, but only windows with enough contrast are used (see [`edge_windows`]).
const LEAST_WINDOWS: u32 = 10;
/// The smallest number of tiles that must be counted. A few lamps in the dark are not a scene.
const LEAST_TILES: usize = 5;
/// The smallest number of tiles that must be counted in a half of the picture.
const LEAST_TILES_OF_HALF: usize = 10;
/// If the brightest sample of a window is above this limit, in grey levels of full range, the window is clipped at
/// white or contains drawn lettering. Such windows are ignored: clipping cuts the soft ends off an edge, and lettering
/// is drawn after the lens.
const CLIPPED: u8 = 240;
/// The number of slope classes. The slope of a window is its steepest rise divided by its range. A class is one
/// hundredth wide.
const SLOPES: usize = 128;

/// The sharpest quarter counts as much sharper if the radius of the middle tile ([`Sharpness::typical`]) is more than
/// this many times the radius of that quarter ([`Sharpness::sharpest`]). See [`Sharpness::unclear`].
const MUCH_SHARPER: f64 = 1.15;
/// The largest amount, in pixels, by which the middle tile's radius is reduced if the sharpest quarter is much
/// sharper.
const MUCH: f64 = 0.65;

/// The number of windows of each slope in a tile.
type Slopes = [u32; SLOPES];

/// The slopes of a picture's windows by tile: of all edges, of the edges that mainly change across, and of those
/// that mainly change down.
struct Gathered {
    all: Vec<Slopes>,
    across: Vec<Slopes>,
    down: Vec<Slopes>,
}

/// The measurements of a clip. A radius is that of the Gaussian that would make a step as soft, in pixels of a
/// picture [`WIDTH`] wide.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sharpness {
    /// The radius of the middle tile: half of the tiles are sharper, half are softer. It is computed from the edges
    /// that mainly change across, and again from those that mainly change down. The smaller radius counts.
    pub(crate) typical: f64,
    /// The radius that three quarters of the tiles exceed, in the sharper one of the same two directions.
    pub(crate) sharpest: f64,
    /// The number of tiles with enough edges.
    pub(crate) tiles: usize,
    /// The radius of each tile, row by row. None if the tile has too few edges.
    pub(crate) radii: Vec<Option<f64>>,
    /// The blur that was added between the first frame and the last. None if one of these frames has too few edges.
    pub(crate) since_the_beginning: Option<Added>,
}

/// Measures a clip.
///
/// # Errors
///
/// [`Failure::Inconclusive`] if there are too few edges of at least `least_contrast`.
pub(crate) fn measure(clip: &dyn Clip, least_contrast: f64) -> Result<Sharpness, Failure> {
    let range = clip.info().range;
    let level = clip.level_not_below(WIDTH);
    let (width, height) = clip.size(easysight_sdk::PlaneKind::Luma, level)?;
    let (width, height) = (width as usize, height as usize);
    let least = to_samples(least_contrast, range).max(1);
    let clipped = to_samples(CLIPPED.into(), range).saturating_add(black(range));

    let frames = clip.spread(FRAMES);
    let unit = (width as f64 / f64::from(WIDTH)).max(1.0);
    let mut whole = Gathered::new();
    let mut ends = Vec::new();
    for (index, frame) in frames.iter().enumerate() {
        let samples = clip.luma(*frame, level)?;
        let mut gathered = Gathered::new();
        edge_windows(&samples, width, least, |window| {
            if window.brightest <= clipped {
                gathered.add(&window, width / CELL, height / CELL);
            }
        });
        if frames.len() > 1 && (index == 0 || index + 1 == frames.len()) {
            ends.push(gathered.judge(LEAST_WINDOWS, unit).map(|sharpness| sharpness.radii));
        }
        whole.join(&gathered);
    }
    let wanted = LEAST_WINDOWS * u32::try_from(frames.len()).unwrap_or(u32::MAX);
    let mut sharpness = whole.judge(wanted, unit).ok_or_else(|| {
        Failure::Inconclusive("too few edges to judge sharpness: the picture is blank, dark or foggy".into())
    })?;
    if let [Some(first), Some(last)] = ends.as_slice() {
        sharpness.since_the_beginning = Added::of(first, last);
    }
    Ok(sharpness)
}

/// The blur that was added. Blurs add up by their squares, so the added radius of a tile is √(now² − before²). Each
/// value is the added radius that three quarters of the tiles reach or exceed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Added {
    /// The radius over the whole picture.
    pub(crate) whole: f64,
    /// The radius over the half (left, right, upper or lower) with the most added blur. A tilted sensor or lens blurs
    /// only one half.
    pub(crate) half: f64,
}

impl Added {
    /// Computes the added blur. None if too few tiles have a radius both before and now.
    pub(crate) fn of(before: &[Option<f64>], now: &[Option<f64>]) -> Option<Self> {
        let squares: Vec<Option<f64>> = (before.iter().zip(now))
            .map(|(before, now)| Some((*before)?.mul_add(-(*before)?, (*now)? * (*now)?)))
            .collect();
        let of = |part: &dyn Fn(usize, usize) -> bool, least: usize| {
            let within = squares.iter().enumerate().filter(|(at, _)| part(at % COLUMNS, at / COLUMNS));
            let mut squares: Vec<f64> = within.filter_map(|(_, square)| *square).collect();
            squares.sort_by(f64::total_cmp);
            let quarter = squares.get(squares.len() / 4).filter(|_| squares.len() >= least);
            quarter.map(|square| square.max(0.0).sqrt())
        };
        let halves: [&dyn Fn(usize, usize) -> bool; 4] =
            [&|x, _| x < COLUMNS / 2, &|x, _| x >= COLUMNS / 2, &|_, y| y < ROWS / 2, &|_, y| y >= ROWS / 2];
        let half = halves.iter().filter_map(|half| of(half, LEAST_TILES_OF_HALF)).fold(0.0, f64::max);
        Some(Self { whole: of(&|_, _| true, LEAST_TILES)?, half })
    }
}

/// Converts a span of grey levels of full range to a span of the clip's samples.
fn to_samples(levels: f64, range: SampleRange) -> u8 {
    let scale = match range {
        SampleRange::Full => 1.0,
        SampleRange::Limited => 219.0 / 255.0,
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held within a byte")]
    let samples = (levels * scale).round().clamp(0.0, 255.0) as u8;
    samples
}

const fn black(range: SampleRange) -> u8 {
    match range {
        SampleRange::Full => 0,
        SampleRange::Limited => 16,
    }
}

impl Gathered {
    fn new() -> Self {
        let empty = || vec![[0; SLOPES]; COLUMNS * ROWS];
        Self { all: empty(), across: empty(), down: empty() }
    }

    fn join(&mut self, other: &Self) {
        let pairs =
            [(&mut self.all, &other.all), (&mut self.across, &other.across), (&mut self.down, &other.down)];
        for (tiles, other) in pairs {
            for (slopes, other) in tiles.iter_mut().zip(other) {
                for (count, other) in slopes.iter_mut().zip(other) {
                    *count += other;
                }
            }
        }
    }

    fn add(&mut self, window: &EdgeWindow, columns: usize, rows: usize) {
        let tile = window.row * ROWS / rows.max(1) * COLUMNS + window.column * COLUMNS / columns.max(1);
        let steepest = usize::from(window.across.max(window.down));
        let slope = (steepest * 100 / usize::from(window.range.max(1))).min(SLOPES - 1);
        let one_way = if window.across >= window.down { &mut self.across } else { &mut self.down };
        for tiles in [&mut self.all, one_way] {
            if let Some(count) = tiles.get_mut(tile).and_then(|slopes| slopes.get_mut(slope)) {
                *count += 1;
            }
        }
    }

    /// Computes the sharpness. None if too few tiles have the `wanted` number of windows. `unit` is the width of a
    /// pixel of a picture [`WIDTH`] wide, in pixels of the level.
    fn judge(&self, wanted: u32, unit: f64) -> Option<Sharpness> {
        let medians = |tiles: &[Slopes]| -> Vec<Option<f64>> {
            tiles.iter().map(|slopes| median(slopes, wanted)).collect()
        };
        let all = medians(&self.all);
        let radius = |slope: f64| radius_of_slope(slope) / unit;
        let told = |tiles: &[Option<f64>]| tiles.iter().flatten().count();
        if told(&all) < LEAST_TILES {
            return None;
        }
        // A moving object, or a camera that turns, blurs only along the direction of movement; the other direction
        // stays sharp. A lens out of focus blurs edges in every direction.
        let mut ways = vec![medians(&self.across), medians(&self.down)];
        ways.retain(|way| told(way) >= LEAST_TILES);
        if ways.is_empty() {
            ways.push(all.clone());
        }
        let sharper_way = |share: f64| {
            let slopes = ways.iter().map(|way| quantile(way, share));
            radius(slopes.fold(0.0, f64::max))
        };
        Some(Sharpness {
            typical: sharper_way(0.5),
            sharpest: sharper_way(0.75),
            tiles: told(&all),
            radii: all.iter().map(|slope| slope.map(radius)).collect(),
            since_the_beginning: None,
        })
    }
}

/// Returns the median slope of a tile. None if the tile has fewer than `wanted` windows.
fn median(slopes: &Slopes, wanted: u32) -> Option<f64> {
    let total: u32 = slopes.iter().sum();
    if total < wanted.max(1) {
        return None;
    }
    let mut below = 0;
    for (&count, slope) in slopes.iter().zip(0_u32..) {
        if 2 * (below + count) >= total {
            // Within a class the windows are assumed to be evenly distributed.
            let part = (f64::from(total) / 2.0 - f64::from(below)) / f64::from(count);
            return Some((f64::from(slope) + part) / 100.0);
        }
        below += count;
    }
    None
}

/// Returns the value that the given share of the tiles does not exceed, interpolated between two tiles; 0 if there are
/// no tiles.
fn quantile(tiles: &[Option<f64>], share: f64) -> f64 {
    let mut values: Vec<f64> = tiles.iter().flatten().copied().collect();
    values.sort_by(f64::total_cmp);
    let place = share * values.len().saturating_sub(1) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place within the list")]
    let lower = place as usize;
    let at = |index: usize| values.get(index).or(values.last()).copied().unwrap_or_default();
    let (from, to) = (at(lower), at(lower + 1));
    (to - from).mul_add(place.fract(), from)
}

impl Sharpness {
    /// Returns the radius by which the picture as a whole is unclear: the radius of the middle tile, unless the
    /// sharpest quarter is much sharper. In that case the radius is reduced, because at night noise reduction
    /// softens parts with little contrast, and traffic is blurred by its motion. Only strong blur counts in this case.
    pub(crate) fn unclear(&self) -> f64 {
        self.typical.min(MUCH_SHARPER * self.sharpest).max(self.typical - MUCH)
    }

    /// Returns boxes around the tiles that are softer than `radius`, if other tiles are not. Returns no box if all
    /// tiles are softer. Soft tiles of a row that touch are joined to one box.
    pub(crate) fn soft_parts(&self, radius: f64, caption: &Text) -> Vec<Region> {
        let told: Vec<f64> = self.radii.iter().flatten().copied().collect();
        if told.iter().all(|tile| *tile > radius) {
            return Vec::new();
        }
        let mut regions: Vec<Region> = Vec::new();
        for (row, tiles) in self.radii.chunks_exact(COLUMNS).enumerate() {
            let mut from = None;
            for (column, tile) in tiles.iter().chain([&None]).enumerate() {
                let soft = tile.is_some_and(|tile| tile > radius);
                match from {
                    None if soft => from = Some(column),
                    Some(first) if !soft => {
                        regions.push(region(first, column, row, caption));
                        from = None;
                    }
                    _ => {}
                }
            }
        }
        regions
    }
}

fn region(from: usize, to: usize, row: usize, caption: &Text) -> Region {
    let share = |part: usize, of: usize| part as f32 / of as f32;
    Region {
        left: share(from, COLUMNS),
        top: share(row, ROWS),
        width: share(to - from, COLUMNS),
        height: share(1, ROWS),
        caption: caption.clone(),
    }
}
