//! Measures noise in a single picture, and noise that is not white.
//!
//! Noise covers the whole picture evenly: in a noisy picture, the quiet tiles have nearly as much grain as the busy
//! ones. A scene without noise has both plain tiles and rich ones. So the lower quartile of the tiles' grain is the
//! measure. It counts only if it is close to the upper quartile, and if the variation within a few samples is grain
//! rather than structure. Noise that was smeared by an encoder, a sharpening filter or a cable is white again on a
//! level of half the size. On that level the grain counts double, because averaging to half the size halves white
//! noise. The planes of colour difference and the difference between two frames are measured in the same way. The
//! difference between two frames is more reliable, because static content cancels out.
//!
//! Lone samples (salt and pepper, static, hot pixels) are counted in the flattest tiles. If many of these tiles have
//! lone samples, the cause is not a lamp or a leaf.
//!
//! Leaves and gravel all over the picture are fine and even like noise, but their colour varies together with their
//! brightness. So the measurements of a single picture are multiplied by the share of the picture's detail that may be
//! noise (see [`tied`](crate::tied)). Only very strong and very even grain is not reduced.

use std::borrow::Cow;

use easysight_sdk::{
    Clip, Failure, PlaneKind, Rect, SampleRange,
    image::{SPECKLE_ROWS, speckle_tiles},
};

use crate::tied::free_share;

/// The number of bands of rows that are measured. They are spread over the height of the picture.
const BANDS: u32 = 12;
/// The width of the widest picture that is judged. In a wider picture the noise of single pixels is too fine to be
/// seen.
const WIDTH: u32 = 960;
/// Tiles with a mean below this grey level are clipped and hide their noise.
const DARKEST: f64 = 8.0;
/// Tiles with a mean above this grey level are clipped and hide their noise.
const BRIGHTEST: f64 = 240.0;
/// The smallest number of tiles for a judgement.
const LEAST_TILES: usize = 20;
/// √(π/2) / 6, the factor from the magnitude of the mask's response to the deviation of white noise (Immerkær).
const MASK_TO_DEVIATION: f64 = 0.208_885_688;
/// The number of samples in a tile.
const SAMPLES: f64 = 256.0;
/// Lone samples are counted in one in this many tiles: the flattest tiles, which have the smallest slopes.
const FLATTEST: usize = 5;
/// A lone sample differs from all its neighbours by more than this number of grey levels. The limit is more than three
/// times the allowed grain.
const LONE: u8 = 40;
/// The same limit for half the change between two frames.
const LONE_CHANGE: u8 = 20;
/// The ratio of the lower quartile of grain to the upper quartile. Up to `none`, the scene causes the grain. From `all`
/// upwards, noise causes the grain.
const EVEN: Range = Range { none: 0.56, all: 0.66 };
/// The same ratio for the difference between two frames. In this difference, noise is as even as chance allows. Drops
/// of rain are less even, because each tile has only a few drops.
const EVEN_CHANGE: Range = Range { none: 0.7, all: 0.8 };
/// The same ratio for the planes of colour difference, in which scenes have little detail.
const EVEN_COLOUR: Range = Range { none: 0.4, all: 0.5 };
/// The ratio of grain to the variation within blocks of 4 × 4 samples. It is 1 for white noise.
const WHITE: Range = Range { none: 0.45, all: 0.6 };
/// The same ratio for the difference between two frames at half the size. Smeared noise has a smaller ratio there.
/// Drops of rain have a small ratio too, because they are larger than noise.
const WHITE_CHANGE: Range = Range { none: 0.3, all: 0.4 };
/// The same ratio as [`EVEN`], for a picture of pure noise. From `all` upwards, the picture shows only noise, and its
/// grain counts in full, white or not.
const ALL_NOISE: Range = Range { none: 0.72, all: 0.76 };
/// The picture counts as pure noise only if its grain is at least this number of grey levels.
const ALL_NOISE_LEAST: f64 = 18.0;

/// A range of values. The share of a value grows from 0 at `none` to 1 at `all`.
#[derive(Debug, Clone, Copy)]
struct Range {
    none: f64,
    all: f64,
}

impl Range {
    fn share(self, value: f64) -> f64 {
        ((value - self.none) / (self.all - self.none)).clamp(0.0, 1.0)
    }
}

/// The measurements, in grey levels of full range.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Speckles {
    pub(crate) grain: f64,
    pub(crate) colour: f64,
    /// The share of the flattest tiles that have lone samples.
    pub(crate) lone: f64,
}

/// Measures one picture.
///
/// # Errors
///
/// [`Failure::Inconclusive`] if nearly all of the picture is black or white.
pub(crate) fn of_picture(clip: &dyn Clip, frame: u32) -> Result<Speckles, Failure> {
    let level = clip.level_within(WIDTH);
    let read = |plane, level, area| clip.crop(frame, plane, level, area).map_err(Failure::from);
    let mut grain = None;
    let free = free_share(clip, frame, level)?;
    // Lone samples are counted at native resolution, because averaging hides lone samples.
    let native = tiles(clip, PlaneKind::Luma, 0, LONE, &read)?;
    for (level, weight) in [(level, 1.0), (level + 1, 2.0)] {
        if level >= clip.info().levels {
            continue;
        }
        if let Some(q) = Quartiles::of(&at_level(level, &native, LONE, clip, &read)?, true) {
            let seen = weight * q.grain;
            let all_noise = if seen >= ALL_NOISE_LEAST { ALL_NOISE.share(q.even) } else { 0.0 };
            let noise = seen * (free * EVEN.share(q.even) * WHITE.share(q.white)).max(all_noise);
            grain = Some(noise.max(grain.unwrap_or_default()));
        }
    }
    let Some(grain) = grain else {
        return Err(Failure::Inconclusive(
            "nearly all of the picture is black or white, which hides noise".into(),
        ));
    };
    let mut colour = 0.0_f64;
    for plane in [PlaneKind::Cb, PlaneKind::Cr] {
        if let Some(q) = Quartiles::of(&tiles(clip, plane, level, LONE, &read)?, false) {
            colour = colour.max(free * q.spread * EVEN_COLOUR.share(q.even_spread));
        }
    }
    Ok(Speckles { grain, colour, lone: free * lone(native, |tile| tile.lone) })
}

/// Returns the share of the flattest tiles of one picture that have lone samples. The measurement is made at native
/// resolution, because averaging hides lone samples.
///
/// # Errors
///
/// [`Failure`] if the plane cannot be read.
pub(crate) fn lone_of_picture(clip: &dyn Clip, frame: u32) -> Result<f64, Failure> {
    let read = |plane, level, area| clip.crop(frame, plane, level, area).map_err(Failure::from);
    let free = free_share(clip, frame, clip.level_within(WIDTH))?;
    Ok(free * lone(tiles(clip, PlaneKind::Luma, 0, LONE, &read)?, |tile| tile.lone))
}

/// Measures the change from one frame to another.
///
/// # Errors
///
/// [`Failure`] if a plane cannot be read.
pub(crate) fn of_change(clip: &dyn Clip, before: u32, after: u32) -> Result<Speckles, Failure> {
    let level = clip.level_within(WIDTH);
    let read = |plane, level, area| {
        let (before, after) = (clip.crop(before, plane, level, area)?, clip.crop(after, plane, level, area)?);
        let half = |(&a, &b): (&u8, &u8)| ((i16::from(a) - i16::from(b) + 256) / 2) as u8;
        Ok(before.iter().zip(&after).map(half).collect())
    };
    // Half the difference of two frames has 1/√2 of the noise of one frame.
    let scale = std::f64::consts::SQRT_2;
    let native = tiles(clip, PlaneKind::Luma, 0, LONE_CHANGE, &read)?;
    let mut grain = 0.0_f64;
    for (level, weight) in [(level, 1.0), (level + 1, 2.0)] {
        if level >= clip.info().levels {
            continue;
        }
        if let Some(q) = Quartiles::of(&at_level(level, &native, LONE_CHANGE, clip, &read)?, false) {
            let white = if weight > 1.0 { WHITE_CHANGE } else { WHITE };
            let noise = EVEN_CHANGE.share(q.even) * white.share(q.white);
            grain = grain.max(scale * weight * q.grain * noise);
        }
    }
    let mut colour = 0.0_f64;
    for plane in [PlaneKind::Cb, PlaneKind::Cr] {
        if let Some(q) = Quartiles::of(&tiles(clip, plane, level, LONE_CHANGE, &read)?, false) {
            colour = colour.max(scale * q.spread * EVEN_COLOUR.share(q.even_spread));
        }
    }
    Ok(Speckles { grain, colour, lone: lone(native, |tile| tile.upright) })
}

/// The measurements of a tile, in grey levels of full range.
#[derive(Debug, Clone, Copy)]
struct Tile {
    mean: f64,
    grain: f64,
    spread: f64,
    slope: u32,
    /// True if a sample differs from all its neighbours by more than the limit.
    lone: bool,
    /// True if a sample differs from its upper and lower neighbours by more than the limit. Streaks along rows also
    /// count.
    upright: bool,
}

/// Returns the tiles of a level of luma. Level 0 has been measured already: its tiles are `native`.
fn at_level<'a>(
    level: u32,
    native: &'a [Tile],
    height: u8,
    clip: &dyn Clip,
    read: &impl Fn(PlaneKind, u32, Rect) -> Result<Vec<u8>, Failure>,
) -> Result<Cow<'a, [Tile]>, Failure> {
    if level == 0 {
        return Ok(Cow::Borrowed(native));
    }
    tiles(clip, PlaneKind::Luma, level, height, read).map(Cow::Owned)
}

/// Measures the tiles in bands that are spread over the height of the plane. `height` is the limit for lone samples,
/// such as [`LONE`].
fn tiles(
    clip: &dyn Clip,
    plane: PlaneKind,
    level: u32,
    height: u8,
    read: &impl Fn(PlaneKind, u32, Rect) -> Result<Vec<u8>, Failure>,
) -> Result<Vec<Tile>, Failure> {
    let (black, scale) = match clip.info().range {
        SampleRange::Full => (0.0, 1.0),
        SampleRange::Limited => (16.0, 255.0 / 219.0),
    };
    let (width, rows) = clip.size(plane, level)?;
    let band = SPECKLE_ROWS as u32;
    let room = rows.saturating_sub(band);
    let count = BANDS.min(rows / band);
    let mut tiles = Vec::new();
    for at in 0..count {
        let area = Rect { x: 0, y: room * at / count.saturating_sub(1).max(1), width, height: band };
        speckle_tiles(&read(plane, level, area)?, width as usize, height, |tile| {
            tiles.push(Tile {
                mean: (f64::from(tile.sum) / SAMPLES - black) * scale,
                grain: scale * MASK_TO_DEVIATION * f64::from(tile.grain) / SAMPLES,
                // `tile.spread` is 256 times the sum of sixteen variances. The divisor is 15 and not 16, because each
                // variance refers to the mean of its own 16 samples.
                spread: scale * (tile.spread as f64 / (15.0 * SAMPLES)).sqrt(),
                slope: tile.slope,
                lone: tile.lone > 0,
                upright: tile.upright > 0,
            });
        });
    }
    Ok(tiles)
}

/// The quartiles of the tiles.
#[derive(Debug, Clone, Copy)]
struct Quartiles {
    /// The lower quartile of grain.
    grain: f64,
    /// The ratio of the lower quartile of grain to the upper quartile.
    even: f64,
    /// The lower quartile of the spread within blocks.
    spread: f64,
    /// The ratio of the lower quartile of the spread to the upper quartile.
    even_spread: f64,
    /// The median ratio of grain to spread.
    white: f64,
}

impl Quartiles {
    /// Computes the quartiles of the tiles. If `clipped` is true, clipped tiles are ignored. Returns none if too few
    /// tiles remain.
    fn of(tiles: &[Tile], clipped: bool) -> Option<Self> {
        let shows = |tile: &&Tile| !clipped || (DARKEST..=BRIGHTEST).contains(&tile.mean);
        let tiles: Vec<&Tile> = tiles.iter().filter(shows).collect();
        if tiles.len() < LEAST_TILES {
            return None;
        }
        let sorted = |value: fn(&Tile) -> f64| {
            let mut values: Vec<f64> = tiles.iter().map(|tile| value(tile)).collect();
            values.sort_by(f64::total_cmp);
            move |share: f64| {
                values.get((share * (values.len() - 1) as f64) as usize).copied().unwrap_or_default()
            }
        };
        // Rounding alone causes noise of nearly a third of a grey level.
        let floor = |value: f64| value.max(0.3);
        let (grain, spread) = (sorted(|tile| tile.grain), sorted(|tile| tile.spread));
        let white = sorted(|tile| tile.grain / tile.spread.max(0.3));
        Some(Self {
            grain: grain(0.25),
            even: grain(0.25) / floor(grain(0.75)),
            spread: spread(0.25),
            even_spread: spread(0.25) / floor(spread(0.75)),
            white: white(0.5),
        })
    }
}

/// Returns the share of the flattest tiles that have lone samples.
fn lone(mut tiles: Vec<Tile>, has: fn(&Tile) -> bool) -> f64 {
    tiles.sort_by_key(|tile| tile.slope);
    tiles.truncate((tiles.len() / FLATTEST).max(LEAST_TILES));
    tiles.iter().filter(|tile| has(tile)).count() as f64 / tiles.len().max(LEAST_TILES) as f64
}
