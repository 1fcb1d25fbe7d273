//! Measures how far the camera sees: the remaining contrast of the distant parts and of the whole picture.
//!
//! Air with droplets changes light I to t·I + (1 − t)·A. A is the airlight, and t is the transmission, which falls
//! with distance (Koschmieder 1924). So fog reduces the contrast of distant parts, which are high in a picture, and
//! leaves the contrast near the camera unchanged. There are two independent estimates of t. One is local contrast,
//! which t scales down (Hautière et al. 2006). The other is the dark channel, the darkest sample of any colour within a
//! tile, which the airlight raises (He et al. 2009). The geometric mean of these two estimates ranks fog by visibility
//! better than either estimate. A veil on the lens or its window does not depend on distance. So a veil brightens the
//! darkest parts and reduces the strongest contrast of the whole picture.

use easysight_sdk::{Clip, Failure, PlaneKind, Rect, SampleRange, image::Histogram};

/// The largest width of the judged picture, in pixels. At this width outlines are wider than noise.
const WIDTH: u32 = 320;
/// The number of frames that are measured.
const FRAMES: u32 = 3;
/// One part in this many of the height is ignored at the top, and the same at the bottom. Recorders draw black and
/// white lettering there, which fog does not change.
const MARGIN: usize = 10;
/// The number of tiles side by side.
const TILES: usize = 20;
/// The side of the smallest tile, in pixels.
const LEAST_TILE: usize = 4;
/// The number of parts across and down by which a view is recognised.
const VIEW: (usize, usize) = (6, 4);
/// This share of the picture is darker than `dark`, and the same share is brighter than `bright`.
const EXTREME: f64 = 0.001;
/// The smallest luma by which differences are divided. In darker parts, a step of one level is rounding and not
/// contrast.
const LEAST_LUMA: i32 = 16;
/// The value that is added to relative differences before the logarithm, so that an even sky does not dominate the
/// mean. At middle grey, this value is about one grey level.
const FAINTEST: f64 = 0.01;
/// The local contrast of pictures in clear air, as [`Sight::far_detail`] measures it. The value is the median of the
/// cameras on which the plugin was developed.
const CLEAR_DETAIL: f64 = 0.1;
/// The share of the measured haze that counts as haze (He's ω). The rest comes from surfaces without any dark
/// parts.
const HAZE: f64 = 0.9;

/// The usual ratio of a tile's deviation over mean to its Michelson contrast. The ratio is 1 if the tile is half black
/// and half white, and smaller if the tile has few extreme samples.
const DEVIATION: f64 = 0.58;

/// The measurements of a frame. Luma is in grey levels of full range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sight {
    /// The luma of the brightest tile of the upper half, which is sky or fog.
    pub(crate) airlight: f64,
    /// The mean dark channel of the upper half's tiles, divided by the airlight.
    pub(crate) haze: f64,
    /// The geometric mean, in the upper half, of the differences between neighbouring samples, divided by their luma.
    pub(crate) far_detail: f64,
    /// The same mean in the lowest quarter.
    pub(crate) near_detail: f64,
    /// The deviation over mean that nine in ten tiles do not exceed.
    pub(crate) strong_tile: f64,
    /// The Michelson contrast that nine in ten tiles do not exceed.
    pub(crate) tile_contrast: f64,
    /// The Michelson contrast that 97 in 100 tiles do not exceed. On a road, white paint has this contrast.
    pub(crate) paint_contrast: f64,
    /// The value that the dark channel of one in twenty tiles does not exceed, divided by the luma of the brightest
    /// tiles.
    pub(crate) floor: f64,
    /// The luma of the darkest thousandth.
    pub(crate) dark: f64,
    /// The luma of the brightest thousandth.
    pub(crate) bright: f64,
    /// The luma that a twentieth of the picture is below.
    pub(crate) low: f64,
    /// The distance from `low` to the luma that a twentieth of the picture is above.
    pub(crate) span: f64,
    pub(crate) mean: f64,
    /// The rise of luma over two pixels that 99 in 100 rises do not exceed.
    pub(crate) outline: f64,
    /// The mean luma of the lower half, divided by the mean luma of the upper half.
    pub(crate) lower_share: f64,
    /// The mean luma of parts of the picture, row by row. It identifies the view.
    pub(crate) view: [u8; VIEW.0 * VIEW.1],
}

impl Sight {
    /// Measures a clip: the median of each value over some frames.
    ///
    /// # Errors
    ///
    /// [`Failure::Inconclusive`] if the picture has too few pixels for tiles.
    pub(crate) fn of(clip: &dyn Clip) -> Result<Self, Failure> {
        let mut sights = Vec::new();
        for frame in clip.spread(FRAMES) {
            let picture = Picture::of(clip, frame)?;
            sights.push(picture.sight().ok_or_else(|| {
                Failure::Inconclusive("the picture is too small to distinguish near from far".into())
            })?);
        }
        let median = |value: fn(&Self) -> f64| {
            let mut values: Vec<f64> = sights.iter().map(value).collect();
            at_share(&mut values, 0.5)
        };
        Ok(Self {
            airlight: median(|s| s.airlight),
            haze: median(|s| s.haze),
            far_detail: median(|s| s.far_detail),
            near_detail: median(|s| s.near_detail),
            strong_tile: median(|s| s.strong_tile),
            tile_contrast: median(|s| s.tile_contrast),
            paint_contrast: median(|s| s.paint_contrast),
            floor: median(|s| s.floor),
            dark: median(|s| s.dark),
            bright: median(|s| s.bright),
            low: median(|s| s.low),
            span: median(|s| s.span),
            mean: median(|s| s.mean),
            outline: median(|s| s.outline),
            lower_share: median(|s| s.lower_share),
            view: sights.get(sights.len() / 2).map(|sight| sight.view).unwrap_or_default(),
        })
    }

    /// Returns the share of the distant parts' contrast that comes through the air. The share is about 1 on a clear
    /// day. It may exceed 1, so that clear pictures are ranked, too.
    pub(crate) fn transmission(&self) -> f64 {
        let by_detail = (self.far_detail + FAINTEST / 5.0) / (CLEAR_DETAIL + FAINTEST / 5.0);
        (by_detail * (1.0 - HAZE * self.haze)).max(0.0).sqrt()
    }

    /// Returns the Michelson contrast of the tiles that are richest in contrast. There are two estimates, from the
    /// extremes and from the deviation of the tiles. The smaller estimate counts, because a single dark pixel is an
    /// extreme.
    pub(crate) fn tiles_left(&self) -> f64 {
        self.tile_contrast.min(self.strong_tile / DEVIATION)
    }

    /// Returns the Michelson contrast of the extremes. It is 1 for an entirely black picture.
    pub(crate) fn contrast(&self) -> f64 {
        let sum = self.bright + self.dark;
        if sum == 0.0 { 1.0 } else { (self.bright - self.dark) / sum }
    }
}

/// A frame without its margins.
struct Picture {
    width: usize,
    luma: Vec<u8>,
    /// The luma minus the smallest of red, green and blue, for each 2 × 2 pixels.
    colour: Vec<u8>,
}

/// The sums and extremes of a tile.
#[derive(Debug, Clone, Copy)]
struct Tile {
    mean: f64,
    deviation: f64,
    least: u8,
    most: u8,
    darkest: u8,
}

impl Picture {
    fn of(clip: &dyn Clip, frame: u32) -> Result<Self, Failure> {
        let level = clip.level_within(WIDTH);
        let (width, height) = clip.size(PlaneKind::Luma, level)?;
        // The margin is even, so that no chroma sample lies across its border.
        let margin = (height / MARGIN as u32) & !1;
        let rows = height - 2 * margin;
        let mut luma =
            clip.crop(frame, PlaneKind::Luma, level, Rect { x: 0, y: margin, width, height: rows })?;
        if clip.info().range == SampleRange::Limited {
            luma.iter_mut().for_each(|luma| *luma = of_full_range(*luma));
        }
        let (width_of_chroma, _) = clip.size(PlaneKind::Cb, level)?;
        let area = Rect { x: 0, y: margin / 2, width: width_of_chroma, height: rows.div_ceil(2) };
        let cb = clip.crop(frame, PlaneKind::Cb, level, area)?;
        let cr = clip.crop(frame, PlaneKind::Cr, level, area)?;
        let colour = cb.iter().zip(&cr).map(|(&cb, &cr)| below_luma(cb, cr)).collect();
        Ok(Self { width: width as usize, luma, colour })
    }

    /// Measures a picture. Returns none if the picture has fewer than four rows or columns of tiles.
    fn sight(&self) -> Option<Sight> {
        let tiles = self.tiles();
        let rows = tiles.len();
        if rows < 4 || tiles.first()?.len() < 4 {
            return None;
        }
        let (far, near) = tiles.split_at(rows.div_ceil(2));
        let airlight = far.iter().flatten().map(|tile| tile.mean).fold(1.0, f64::max);
        let mean_of = |tiles: &[Vec<Tile>], value: &dyn Fn(&Tile) -> f64| {
            let count = tiles.iter().flatten().count();
            tiles.iter().flatten().map(value).sum::<f64>() / count.max(1) as f64
        };
        let sorted = |value: &dyn Fn(&Tile) -> f64| {
            let mut values: Vec<f64> = tiles.iter().flatten().map(value).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let contrasts = sorted(&Tile::contrast);
        let height = self.luma.len() / self.width;
        let histogram = Histogram::of(&self.luma);
        let at = |share| f64::from(histogram.percentile(share));
        Some(Sight {
            airlight,
            haze: mean_of(far, &|tile| (f64::from(tile.darkest) / airlight).min(1.0)),
            far_detail: self.detail(0, height / 2),
            near_detail: self.detail(height * 3 / 4, height - 1),
            strong_tile: of_sorted(&sorted(&|tile| tile.deviation / tile.mean.max(1.0)), 0.9),
            tile_contrast: of_sorted(&contrasts, 0.9),
            paint_contrast: of_sorted(&contrasts, 0.97),
            floor: of_sorted(&sorted(&|tile| tile.darkest.into()), 0.05)
                / of_sorted(&sorted(&|tile| tile.mean), 0.95).max(1.0),
            dark: at(EXTREME),
            bright: at(1.0 - EXTREME),
            low: at(0.05),
            span: at(0.95) - at(0.05),
            mean: histogram.mean(),
            outline: self.outline(),
            lower_share: mean_of(near, &|tile| tile.mean) / mean_of(far, &|tile| tile.mean).max(1.0),
            view: view(&tiles),
        })
    }

    /// Measures the tiles row by row. Incomplete tiles at the right and at the bottom are ignored.
    fn tiles(&self) -> Vec<Vec<Tile>> {
        let side = ((self.width / TILES) & !1).max(LEAST_TILE);
        let half = self.width.div_ceil(2);
        let bands = self.luma.chunks_exact(side * self.width).zip(self.colour.chunks_exact(side / 2 * half));
        bands.map(|(luma, colour)| Columns::of(luma, colour, self.width).tiles(side)).collect()
    }

    /// Returns the geometric mean, over the rows `from..to`, of a sample's difference to its neighbours, divided by
    /// the sample's luma. The difference is the larger one of the differences to the sample on the right and to the
    /// sample below. Each row must have a row below. Only every third row is measured; the edges of coding blocks are
    /// as frequent among these rows as among all rows. The differences are counted in a table by luma, because a
    /// logarithm for every pixel would cost more than all other steps.
    fn detail(&self, from: usize, to: usize) -> f64 {
        const LUMA_STEP: usize = 16;
        const DIFFERENCES: usize = 48;
        let mut table = [0_u32; 256 / LUMA_STEP * DIFFERENCES];
        let mut differences = vec![0_u8; self.width.saturating_sub(1)];
        let rows = self.luma.chunks_exact(self.width);
        let below = rows.clone().skip(from + 1);
        for (row, below) in rows.skip(from).zip(below).take(to.saturating_sub(from)).step_by(3) {
            let right = row.get(1..).unwrap_or_default();
            for (((difference, &luma), &right), &below) in
                differences.iter_mut().zip(row).zip(right).zip(below)
            {
                *difference = luma.abs_diff(right).max(luma.abs_diff(below)).min(DIFFERENCES as u8 - 1);
            }
            for (&difference, &luma) in differences.iter().zip(row) {
                let at = usize::from(luma) / LUMA_STEP * DIFFERENCES + usize::from(difference);
                if let Some(count) = table.get_mut(at) {
                    *count += 1;
                }
            }
        }
        let (mut sum, mut total) = (0.0, 0_u32);
        for (step, counts) in table.chunks_exact(DIFFERENCES).enumerate() {
            let luma = (step * LUMA_STEP) as f64 + 7.5;
            for (difference, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                sum += f64::from(count) * (difference as f64 / luma.max(LEAST_LUMA.into()) + FAINTEST).ln();
                total += count;
            }
        }
        (sum / f64::from(total.max(1))).exp() - FAINTEST
    }

    /// Returns the rise over two pixels that 99 in 100 rises do not exceed. Only every other row is measured.
    fn outline(&self) -> f64 {
        let mut rises = Vec::with_capacity(self.luma.len() / 2);
        for row in self.luma.chunks_exact(self.width).step_by(2) {
            let right = row.get(2..).unwrap_or_default();
            rises.extend(row.iter().zip(right).map(|(left, &right)| left.abs_diff(right)));
        }
        Histogram::of(&rises).percentile(0.99).into()
    }
}

/// The sums and extremes of the columns of a row of tiles, which the compiler vectorises (SIMD).
struct Columns {
    sums: Vec<u16>,
    squares: Vec<u32>,
    least: Vec<u8>,
    most: Vec<u8>,
    /// The dark channel of each two columns.
    darkest: Vec<u8>,
}

impl Columns {
    fn of(luma: &[u8], colour: &[u8], width: usize) -> Self {
        let half = width.div_ceil(2);
        let mut columns = Self {
            sums: vec![0; width],
            squares: vec![0; width],
            least: vec![u8::MAX; width],
            most: vec![0; width],
            darkest: vec![u8::MAX; half],
        };
        let mut pair = vec![u8::MAX; width];
        for (rows, colour) in luma.chunks_exact(2 * width).zip(colour.chunks_exact(half)) {
            pair.fill(u8::MAX);
            for row in rows.chunks_exact(width) {
                columns.sums.iter_mut().zip(row).for_each(|(sum, &luma)| *sum += u16::from(luma));
                let squares = columns.squares.iter_mut().zip(row);
                squares.for_each(|(sum, &luma)| *sum += u32::from(u16::from(luma) * u16::from(luma)));
                columns.most.iter_mut().zip(row).for_each(|(most, &luma)| *most = (*most).max(luma));
                pair.iter_mut().zip(row).for_each(|(least, &luma)| *least = (*least).min(luma));
            }
            columns.least.iter_mut().zip(&pair).for_each(|(least, &luma)| *least = (*least).min(luma));
            let (twos, _) = pair.as_chunks::<2>();
            for ((darkest, &[left, right]), &below) in columns.darkest.iter_mut().zip(twos).zip(colour) {
                *darkest = (*darkest).min(left.min(right).saturating_sub(below));
            }
        }
        columns
    }

    fn tiles(&self, side: usize) -> Vec<Tile> {
        let sums = self.sums.chunks_exact(side).zip(self.squares.chunks_exact(side));
        let extremes = self.least.chunks_exact(side).zip(self.most.chunks_exact(side));
        let tiles = sums.zip(extremes).zip(self.darkest.chunks_exact(side / 2));
        tiles
            .map(|(((sums, squares), (least, most)), darkest)| {
                let count = (side * side) as f64;
                let mean = sums.iter().map(|&sum| f64::from(sum)).sum::<f64>() / count;
                let square = squares.iter().map(|&sum| f64::from(sum)).sum::<f64>() / count;
                Tile {
                    mean,
                    deviation: (square - mean * mean).max(0.0).sqrt(),
                    least: least.iter().copied().min().unwrap_or_default(),
                    most: most.iter().copied().max().unwrap_or_default(),
                    darkest: darkest.iter().copied().min().unwrap_or_default(),
                }
            })
            .collect()
    }
}

impl Tile {
    /// The Michelson contrast.
    fn contrast(&self) -> f64 {
        let (least, most) = (i32::from(self.least), i32::from(self.most));
        f64::from(most - least) / f64::from((most + least).max(LEAST_LUMA))
    }
}

/// Computes (luma − 16) · 255 / 219 in 16 bits, so that the compiler handles eight values at a time.
fn of_full_range(luma: u8) -> u8 {
    let above = luma.saturating_sub(16);
    let more = (u16::from(above) * 42 + 128) >> 8;
    above.saturating_add(more as u8)
}

/// Computes the mean luma of the parts of a picture.
fn view(tiles: &[Vec<Tile>]) -> [u8; VIEW.0 * VIEW.1] {
    let mut sums = [(0.0, 0_u32); VIEW.0 * VIEW.1];
    for (row, line) in tiles.iter().enumerate() {
        for (column, tile) in line.iter().enumerate() {
            let part = row * VIEW.1 / tiles.len() * VIEW.0 + column * VIEW.0 / line.len();
            if let Some((sum, count)) = sums.get_mut(part) {
                (*sum, *count) = (*sum + tile.mean, *count + 1);
            }
        }
    }
    sums.map(|(sum, count)| (sum / f64::from(count.max(1))) as u8)
}

/// Returns the luma minus the smallest of red, green and blue (ITU-R BT.601, full range); at least 0.
fn below_luma(cb: u8, cr: u8) -> u8 {
    let (cb, cr) = (i16::from(cb) - 128, i16::from(cr) - 128);
    let least = (180 * cr).min(-44 * cb - 91 * cr).min(227 * cb);
    (-least >> 7).clamp(0, 255) as u8
}

/// Returns the value that this share of the values do not exceed; 0 if there are no values.
pub(crate) fn at_share(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    of_sorted(values, share)
}

fn of_sorted(values: &[f64], share: f64) -> f64 {
    let last = values.len().saturating_sub(1) as f64;
    values.get((share * last).floor() as usize).copied().unwrap_or_default()
}
