//! The picture in small tiles: how bright each is, how steep its steepest edge.

use easysight_sdk::{Clip, Failure, PlaneKind, SampleRange, image::tile_moments};

/// Width, in pixels, of the picture that is looked at.
const WIDTH: u32 = 400;
/// Side of a tile in pixels of that picture.
const TILE: usize = 4;
/// Frames that are looked at: what stands still in them is kept, the rest is blurred away.
const FRAMES: u64 = 4;
/// An edge is crisp where it climbs so many grey levels a pixel, and so much of what the tiles
/// around differ by: an edge as wide as a spot out of focus climbs less.
const CRISP: (f32, f32) = (5.0, 0.25);
/// A tile has a soft slope where it climbs so many grey levels a pixel ...
const SLOPE: f32 = 1.0;
/// ... and the tiles within two of it differ by so many.
const CONTRAST: f32 = 10.0;

/// Grey levels by which the mean of a tile may wander while nothing moves in it.
const STILL: i32 = 8;

/// One value a tile, row by row.
pub(crate) struct Field {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    /// Mean grey level, full range.
    pub(crate) mean: Vec<f32>,
    /// There is a crisp edge in it.
    pub(crate) crisp: Vec<bool>,
    /// There is a slope in it, and none that is crisp.
    pub(crate) soft: Vec<bool>,
}

impl Field {
    /// Measures what stands still in a clip.
    pub(crate) fn of(clip: &dyn Clip) -> Result<Self, Failure> {
        let level = clip.level_within(WIDTH);
        let (width, height) = clip.size(PlaneKind::Luma, level)?;
        let (width, height) = (width as usize, height as usize);
        let frames = spread(clip);
        let mut sums = vec![0_u16; width * height];
        let mut spans = vec![(i32::MAX, i32::MIN); width / TILE * (height / TILE)];
        for &frame in &frames {
            let plane = clip.luma(frame, level)?;
            for (span, tile) in spans.iter_mut().zip(tile_moments::<TILE>(&plane, width)) {
                *span = (span.0.min(tile.sum), span.1.max(tile.sum));
            }
            for (sum, sample) in sums.iter_mut().zip(plane) {
                *sum += u16::from(sample);
            }
        }
        let count = u16::try_from(frames.len()).unwrap_or(1).max(1);
        let still: Vec<u8> = sums.iter().map(|sum| (sum / count) as u8).collect();
        let (offset, scale) = match clip.info().range {
            SampleRange::Full => (0.0, 1.0),
            // ITU-R BT.601: black 16, white 235.
            SampleRange::Limited => (16.0, 255.0 / 219.0),
        };
        let (columns, rows) = (width / TILE, height / TILE);
        let moments = tile_moments::<TILE>(&still, width);
        let mean: Vec<f32> =
            moments.iter().map(|tile| (tile.mean((TILE * TILE) as u32) - offset) * scale).collect();
        let steepest: Vec<f32> = steepest(&still, width, columns, rows)
            .into_iter()
            .map(|twice| f32::from(twice) / 2.0 * scale)
            .collect();
        let mut field = Self { columns, rows, mean, crisp: Vec::new(), soft: Vec::new() };
        for (at, (&climb, (low, high))) in steepest.iter().zip(spans).enumerate() {
            // What moves is smeared by the average, not soft.
            let moved = high - low > STILL * (TILE * TILE) as i32;
            let crisp = climb >= CRISP.0 && climb > CRISP.1 * field.range(at, 1);
            field.crisp.push(crisp);
            field.soft.push(!moved && !crisp && climb >= SLOPE && field.range(at, 2) >= CONTRAST);
        }
        Ok(field)
    }

    /// By how much the means differ within `reach` tiles.
    fn range(&self, at: usize, reach: usize) -> f32 {
        let (x, y) = (at % self.columns, at / self.columns);
        let (mut low, mut high) = (f32::MAX, f32::MIN);
        for y in y.saturating_sub(reach)..(y + reach + 1).min(self.rows) {
            let row = y * self.columns;
            let span = row + x.saturating_sub(reach)..row + (x + reach + 1).min(self.columns);
            for &mean in self.mean.get(span).unwrap_or_default() {
                low = low.min(mean);
                high = high.max(mean);
            }
        }
        high - low
    }
}

/// The steepest climb of each tile, in grey levels over two pixels, across or down. The picture is
/// averaged over 2 × 2 pixels as it goes, which halves what noise is left.
fn steepest(samples: &[u8], width: usize, columns: usize, rows: usize) -> Vec<u8> {
    let mut smooth = vec![0_u8; samples.len()];
    let below = samples.get(width..).unwrap_or_default();
    let places =
        smooth.chunks_exact_mut(width).zip(samples.chunks_exact(width)).zip(below.chunks_exact(width));
    for ((out, upper), lower) in places {
        for ((out, upper), lower) in out.iter_mut().zip(upper.windows(2)).zip(lower.windows(2)) {
            let sum: u16 = upper.iter().chain(lower).map(|&sample| u16::from(sample)).sum();
            *out = (sum / 4) as u8;
        }
    }
    let mut tiles = vec![0_u8; columns * rows];
    // The last row and column have no average of their own.
    let lines = smooth.chunks_exact(width).take((rows * TILE).min(samples.len() / width - 1));
    let lines: Vec<&[u8]> = lines.collect();
    for (y, window) in lines.windows(3).enumerate() {
        let [upper, line, lower] = window else { continue };
        let band = (y + 1) / TILE * columns;
        let inner = line.windows(3).take(width.saturating_sub(3));
        let across = inner.map(|three| match three {
            [before, _, after] => before.abs_diff(*after),
            _ => 0,
        });
        let down = upper.iter().zip(*lower).skip(1).map(|(upper, lower)| upper.abs_diff(*lower));
        for (x, climb) in across.zip(down).map(|(a, b)| a.max(b)).enumerate() {
            let column = (x + 1) / TILE;
            if let Some(tile) = tiles.get_mut(band + column).filter(|_| column < columns) {
                *tile = climb.max(*tile);
            }
        }
    }
    tiles
}

/// Up to [`FRAMES`] frames, spread evenly over the clip's time.
fn spread(clip: &dyn Clip) -> Vec<u32> {
    let frames = clip.frames();
    let span = frames.last().map_or(0, |frame| frame.timestamp_us);
    let nearest = |part: u64| {
        let due = span * part / (FRAMES - 1);
        let nearest = frames.iter().zip(0_u32..).min_by_key(|(frame, _)| frame.timestamp_us.abs_diff(due));
        nearest.map(|(_, index)| index)
    };
    let mut chosen: Vec<u32> = (0..FRAMES).filter_map(nearest).collect();
    chosen.dedup();
    chosen
}
