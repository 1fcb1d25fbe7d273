//! The noise in the flat parts of a clip.

use easysight_sdk::{
    Clip, Failure, FrameInfo, PlaneKind, Rect, SampleRange,
    image::{GRAIN_ROWS, Grain, grain_tiles},
};

/// The number of pairs of frames that are measured, spread over the clip.
const PAIRS: u32 = 3;
/// The number of bands of 16 rows that are measured in each frame, spread over the height of the picture.
const BANDS: u32 = 12;
/// The shortest interval between the frames of a pair. At shorter intervals a recorder may have sent the same
/// picture twice.
const LEAST_APART_US: u64 = 60_000;
/// One in this many tiles is used: the flattest tiles, which have the smallest slopes.
const FLATTEST: usize = 5;
/// Tiles with a mean below this grey level of full range are clipped and hide their noise.
const DARKEST: f64 = 8.0;
/// Tiles with a mean above this grey level of full range are clipped and hide their noise.
const BRIGHTEST: f64 = 240.0;
/// The smallest number of tiles for a judgement.
const LEAST_TILES: usize = 20;
/// √(π/2) / 6, the factor from the magnitude of the mask's response to the deviation of white noise (Immerkær).
const MASK_TO_DEVIATION: f64 = 0.208_885_688;
/// The number of samples in a tile.
const SAMPLES: f64 = 256.0;
/// The noise of a tile counts only if more than this share of the difference of two frames is grain. The share is 1 in
/// white noise, and at least 0.8 in noise that an encoder has processed. It is below 0.5 in moving objects.
const LEAST_WHITE: f64 = 0.45;
/// The noise of a tile counts in full if at least this share of the difference of two frames is grain.
const WHITE: f64 = 0.7;

/// The measurements, in grey levels of full range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Noise {
    /// The noise that is compared with the threshold.
    pub(crate) deviation: f64,
    /// The grain of the flattest tiles in the picture.
    pub(crate) grain: f64,
    /// The grain of the flattest tiles in the difference from frame to frame.
    pub(crate) change: f64,
}

/// One of the tiles.
#[derive(Debug, Clone, Copy)]
struct Tile {
    slope: u32,
    noise: Noise,
}

/// Measures a clip.
///
/// # Errors
///
/// [`Failure::UnsupportedClip`] for a single picture, and [`Failure::Inconclusive`] if nearly all of the picture is
/// black or white.
pub(crate) fn measure(clip: &dyn Clip) -> Result<Noise, Failure> {
    let info = clip.info();
    let pairs = pairs(&clip.frames(), &clip.spread(PAIRS));
    if pairs.is_empty() {
        return Err(Failure::UnsupportedClip(
            "noise and texture look alike in a single picture; several frames are needed".into(),
        ));
    }
    let mut tiles = Vec::new();
    for (before, after) in pairs {
        for area in bands(info.width, info.height) {
            let [before, after] = [before, after].map(|frame| clip.crop(frame, PlaneKind::Luma, 0, area));
            grain_tiles(&before?, &after?, info.width as usize, |grain| {
                tiles.extend(tile(&grain, info.range));
            });
        }
    }
    if tiles.len() < LEAST_TILES {
        return Err(Failure::Inconclusive(
            "nearly all of the picture is black or white, which hides noise".into(),
        ));
    }
    tiles.sort_by_key(|tile| tile.slope);
    tiles.truncate((tiles.len() / FLATTEST).max(LEAST_TILES));
    Ok(Noise {
        deviation: median(&tiles, |noise| noise.deviation),
        grain: median(&tiles, |noise| noise.grain),
        change: median(&tiles, |noise| noise.change),
    })
}

/// Pairs each of the frames `starts` with another frame that is at least [`LEAST_APART_US`] away. The other frame is
/// the first such frame after the start, or, if there is none, the last such frame before the start.
pub(crate) fn pairs(frames: &[FrameInfo], starts: &[u32]) -> Vec<(u32, u32)> {
    let far = |a: u64, b: u64| a.abs_diff(b) >= LEAST_APART_US;
    let pair = |start: u32| {
        let from = frames.get(start as usize)?.timestamp_us;
        let others = || (0..).zip(frames).filter(|(_, frame)| far(frame.timestamp_us, from));
        let behind = others().find(|(_, frame)| frame.timestamp_us > from);
        let (other, _) = behind.or_else(|| others().take_while(|(_, f)| f.timestamp_us < from).last())?;
        Some((start, other))
    };
    starts.iter().filter_map(|start| pair(*start)).collect()
}

/// Returns bands of rows, spread over the height of the picture.
fn bands(width: u32, height: u32) -> Vec<Rect> {
    let rows = GRAIN_ROWS as u32;
    let room = height.saturating_sub(rows);
    let count = BANDS.min(height / rows);
    let steps = count.saturating_sub(1).max(1);
    (0..count).map(|band| Rect { x: 0, y: room * band / steps, width, height: rows }).collect()
}

/// Measures a tile. Returns none if the tile is clipped.
fn tile(grain: &Grain, range: SampleRange) -> Option<Tile> {
    let (black, scale) = match range {
        SampleRange::Full => (0.0, 1.0),
        SampleRange::Limited => (16.0, 255.0 / 219.0),
    };
    let mean = (f64::from(grain.sum) / SAMPLES - black) * scale;
    if !(DARKEST..=BRIGHTEST).contains(&mean) {
        return None;
    }
    let deviation = |magnitude: u32| scale * MASK_TO_DEVIATION * f64::from(magnitude) / SAMPLES;
    let in_picture = deviation(grain.spatial);
    // The difference of two frames contains the noise of both frames.
    let in_time = deviation(grain.temporal) / std::f64::consts::SQRT_2;
    let change = f64::from(grain.change) / SAMPLES;
    let spread = (f64::from(grain.square) / SAMPLES - change * change).max(0.0) / 2.0;
    let all_change = scale * spread.sqrt();
    let white = if all_change > 0.0 { in_time / all_change } else { 0.0 };
    let counts = ((white - LEAST_WHITE) / (WHITE - LEAST_WHITE)).clamp(0.0, 1.0);
    let noise = Noise { deviation: counts * in_picture.min(in_time), grain: in_picture, change: in_time };
    Some(Tile { slope: grain.slope, noise })
}

fn median(tiles: &[Tile], value: impl Fn(&Noise) -> f64) -> f64 {
    let mut values: Vec<f64> = tiles.iter().map(|tile| value(&tile.noise)).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
