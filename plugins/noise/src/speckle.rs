//! Noise that one picture shows, and noise that is not white.
//!
//! Noise lies over all of a picture alike, whatever the scene: even the quiet quarter of its tiles has
//! nearly the grain of the busy ones, while of a scene some tiles are plain and others rich. So the lower
//! quartile of the tiles' grain decides, provided that it comes near the upper one and that what varies
//! within a few samples is grain rather than structure. Noise that an encoder, a sharpening filter or a
//! cable smeared is white again on a level of half the size, where it counts double, as white noise is
//! halved there. The same holds for the two planes of colour difference, and, more surely, for what
//! differs between two frames, where all that stands cancels out. Lone samples (salt and pepper, snow, hot
//! pixels) are counted in the flattest tiles: where most of these have some, it is no lamp and no leaf. Of a
//! single picture only what [`tied`](crate::tied) leaves free counts: leaves and gravel all over the picture are
//! as fine and as even as noise, and their colour goes along with their brightness.

use std::borrow::Cow;

use easysight_sdk::{
    Clip, Failure, PlaneKind, Rect, SampleRange,
    image::{SPECKLE_ROWS, speckle_tiles},
};

use crate::tied::free_share;

/// Bands of rows over the height of the picture.
const BANDS: u32 = 12;
/// Widest picture that is judged: noise of single pixels in larger ones is too fine to be seen.
const WIDTH: u32 = 960;
/// Tiles darker and brighter than these, in grey levels, are clipped and hide their noise.
const DARKEST: f64 = 8.0;
const BRIGHTEST: f64 = 240.0;
/// Tiles that are needed to tell.
const LEAST_TILES: usize = 20;
/// √(π/2) / 6, from the magnitude of the mask's answer to the deviation of white noise (Immerkær).
const MASK_TO_DEVIATION: f64 = 0.208_885_688;
/// Samples of a tile.
const SAMPLES: f64 = 256.0;
/// One in so many tiles are the flattest.
const FLATTEST: usize = 5;
/// Grey levels by which a lone sample exceeds its neighbours, and by which half the change between two
/// frames does: more than three times the noise that may be.
const LONE: u8 = 40;
const LONE_CHANGE: u8 = 20;
/// Quartiles' ratio up to which it is the scene that varies, and from which on it is noise.
const EVEN: Range = Range { none: 0.56, all: 0.66 };
/// The same of a difference of frames, where noise is as even as chance allows and drops of rain, which
/// are few a tile, are not; and of the planes of colour difference, which scenes leave plain.
const EVEN_CHANGE: Range = Range { none: 0.7, all: 0.8 };
const EVEN_COLOUR: Range = Range { none: 0.4, all: 0.5 };
/// Part of what varies within four samples that is grain: of white noise all.
const WHITE: Range = Range { none: 0.45, all: 0.6 };
/// The same of a difference of frames: smeared noise is less white, and so are the drops of rain, which
/// are larger.
const WHITE_CHANGE: Range = Range { none: 0.3, all: 0.4 };
/// Where nothing but noise is to be seen it is this even, whiteness or not.
const ALL_NOISE: Range = Range { none: 0.72, all: 0.76 };
/// And this strong, in grey levels.
const ALL_NOISE_LEAST: f64 = 18.0;

/// From nothing to all of it.
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

/// What is measured, in grey levels of full range; lone samples as a share of the flattest tiles.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Speckles {
    pub(crate) grain: f64,
    pub(crate) colour: f64,
    pub(crate) lone: f64,
}

/// Of one picture.
///
/// # Errors
///
/// [`Failure::Inconclusive`] where nearly all of it is black or white.
pub(crate) fn of_picture(clip: &dyn Clip, frame: u32) -> Result<Speckles, Failure> {
    let level = clip.level_within(WIDTH);
    let read = |plane, level, area| clip.crop(frame, plane, level, area).map_err(Failure::from);
    let mut grain = None;
    let free = free_share(clip, frame, level)?;
    // Lone samples are told best before they are averaged.
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

/// The lone samples of one picture; they are told best before samples are averaged.
///
/// # Errors
///
/// [`Failure`] where the plane cannot be had.
pub(crate) fn lone_of_picture(clip: &dyn Clip, frame: u32) -> Result<f64, Failure> {
    let read = |plane, level, area| clip.crop(frame, plane, level, area).map_err(Failure::from);
    let free = free_share(clip, frame, clip.level_within(WIDTH))?;
    Ok(free * lone(tiles(clip, PlaneKind::Luma, 0, LONE, &read)?, |tile| tile.lone))
}

/// Of what changes from one frame to another.
///
/// # Errors
///
/// [`Failure`] where a plane cannot be had.
pub(crate) fn of_change(clip: &dyn Clip, before: u32, after: u32) -> Result<Speckles, Failure> {
    let level = clip.level_within(WIDTH);
    let read = |plane, level, area| {
        let (before, after) = (clip.crop(before, plane, level, area)?, clip.crop(after, plane, level, area)?);
        let half = |(&a, &b): (&u8, &u8)| ((i16::from(a) - i16::from(b) + 256) / 2) as u8;
        Ok(before.iter().zip(&after).map(half).collect())
    };
    // Half the difference of two frames has 1/√2 of the noise of one.
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

/// A tile, in grey levels of full range.
#[derive(Debug, Clone, Copy)]
struct Tile {
    mean: f64,
    grain: f64,
    spread: f64,
    slope: u32,
    lone: bool,
    upright: bool,
}

/// The tiles of a level of luma, of which those of the native one are at hand.
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

/// The tiles of bands over the whole plane.
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
                // Sixteen variances times 256, of 16 samples each: 16/15 for their own mean.
                spread: scale * (tile.spread as f64 / (15.0 * SAMPLES)).sqrt(),
                slope: tile.slope,
                lone: tile.lone > 0,
                upright: tile.upright > 0,
            });
        });
    }
    Ok(tiles)
}

/// Quartiles of the tiles.
#[derive(Debug, Clone, Copy)]
struct Quartiles {
    /// Lower quartile of grain, and its share of the upper one.
    grain: f64,
    even: f64,
    /// The same of the spread within blocks.
    spread: f64,
    even_spread: f64,
    /// Middle ratio of grain and spread.
    white: f64,
}

impl Quartiles {
    /// Of the tiles that are not clipped, where there are enough.
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
        // Rounding alone has a third of a grey level.
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

/// Share of the flattest tiles that have lone samples.
fn lone(mut tiles: Vec<Tile>, has: fn(&Tile) -> bool) -> f64 {
    tiles.sort_by_key(|tile| tile.slope);
    tiles.truncate((tiles.len() / FLATTEST).max(LEAST_TILES));
    tiles.iter().filter(|tile| has(tile)).count() as f64 / tiles.len().max(LEAST_TILES) as f64
}
