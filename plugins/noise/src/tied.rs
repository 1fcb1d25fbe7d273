//! Measures whether detail in colour is correlated with detail in brightness.
//!
//! A leaf, a pebble and a brick differ from their surroundings in brightness and in colour at once, because the
//! brightness and the colour come from the same surface. The noise of a sensor's red, green and blue cells has no
//! such correlation. Salt and pepper, hot pixels, and grain added to a textured scene hide the correlation of the
//! scene. The measure of a tile is the squared correlation between the change of luma along the rows and the change of
//! Cb or Cr along the rows. Tiles without colour detail are left out. The changes are taken over four samples, because
//! a demosaicing filter mixes nearer samples. The median tile decides. Texture has a median of at least 0.07, and
//! noise has a median of at most 0.03. A picture without colour cannot be judged.

use easysight_sdk::{Clip, Failure, PlaneKind, Rect};

/// The side of a tile.
const SIDE: usize = 16;
/// The distance between the two samples that are compared.
const REACH: usize = 4;
/// The number of bands of tiles over the height of the picture.
const BANDS: u32 = 12;
/// A tile has colour detail if the mean square of the change in Cb or in Cr is above this value.
const DETAIL: u64 = 1;
/// A picture has colour if at least one in this many tiles has colour detail.
const COLOURED: usize = 4;
/// The smallest number of tiles for a judgement.
const LEAST_TILES: usize = 20;
/// Up to this squared correlation, all detail counts as noise.
const FREE: f64 = 0.045;
/// From this squared correlation upwards, no detail counts as noise.
const TIED: f64 = 0.07;

/// Returns the share of a picture's detail that may be noise. The share is 1 if colour is independent of brightness or
/// if there is no colour, and 0 if colour and brightness are correlated. `level` is the level of the planes of colour
/// difference.
///
/// # Errors
///
/// [`Failure`] if a plane cannot be read.
pub(crate) fn free_share(clip: &dyn Clip, frame: u32, level: u32) -> Result<f64, Failure> {
    if level + 1 >= clip.info().levels {
        return Ok(1.0);
    }
    // At the next level luma has the size of the colour planes.
    let (width, rows) = clip.size(PlaneKind::Cb, level)?;
    let band = SIDE as u32;
    let count = BANDS.min(rows / band);
    let room = rows.saturating_sub(band);
    let (mut correlations, mut tiles) = (Vec::new(), 0);
    for at in 0..count {
        let area = Rect { x: 0, y: room * at / count.saturating_sub(1).max(1), width, height: band };
        let luma = clip.crop(frame, PlaneKind::Luma, level + 1, area)?;
        let (cb, cr) =
            (clip.crop(frame, PlaneKind::Cb, level, area)?, clip.crop(frame, PlaneKind::Cr, level, area)?);
        for sums in band_sums(&luma, &cb, &cr, width as usize) {
            tiles += 1;
            correlations.extend(sums.correlation());
        }
    }
    if correlations.len() < LEAST_TILES || correlations.len() * COLOURED < tiles {
        return Ok(1.0);
    }
    correlations.sort_by(f64::total_cmp);
    let middle = correlations.get(correlations.len() / 2).copied().unwrap_or_default();
    Ok(((TIED - middle) / (TIED - FREE)).clamp(0.0, 1.0))
}

/// The sums over a tile of the products of changes: the square of each plane's change, and the change of luma times
/// the change of Cb or Cr.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    luma: i64,
    cb: i64,
    cr: i64,
    luma_cb: i64,
    luma_cr: i64,
}

impl Sums {
    /// Returns the larger of the squared correlations of luma with Cb and with Cr. Returns none if there is no colour
    /// detail.
    fn correlation(&self) -> Option<f64> {
        let detail = (DETAIL * (SIDE * SIDE) as u64) as i64;
        if self.cb.max(self.cr) <= detail {
            return None;
        }
        let squared = |product: i64, other: i64| {
            let (product, squares) = (product as f64, self.luma as f64 * other as f64);
            if squares > 0.0 { product * product / squares } else { 0.0 }
        };
        Some(squared(self.luma_cb, self.cb).max(squared(self.luma_cr, self.cr)))
    }
}

/// Computes the sums of a band's tiles, from left to right.
fn band_sums(luma: &[u8], cb: &[u8], cr: &[u8], width: usize) -> Vec<Sums> {
    let inner = width.saturating_sub(REACH);
    let mut tiles = vec![Sums::default(); inner / SIDE];
    let mut changes = [vec![0_i16; inner], vec![0_i16; inner], vec![0_i16; inner]];
    for ((luma, cb), cr) in luma.chunks_exact(width).zip(cb.chunks_exact(width)).zip(cr.chunks_exact(width)) {
        for (changes, samples) in changes.iter_mut().zip([luma, cb, cr]) {
            let right = samples.get(REACH..).unwrap_or_default();
            for ((change, &left), &right) in changes.iter_mut().zip(samples).zip(right) {
                *change = i16::from(right) - i16::from(left);
            }
        }
        let [luma, cb, cr] = &changes;
        let [luma, cb, cr] = [luma, cb, cr].map(|changes| changes.as_chunks::<SIDE>().0);
        for (((tile, luma), cb), cr) in tiles.iter_mut().zip(luma).zip(cb).zip(cr) {
            tile.luma += i64::from(product(luma, luma));
            tile.cb += i64::from(product(cb, cb));
            tile.cr += i64::from(product(cr, cr));
            tile.luma_cb += i64::from(product(luma, cb));
            tile.luma_cr += i64::from(product(luma, cr));
        }
    }
    tiles
}

fn product(a: &[i16; SIDE], b: &[i16; SIDE]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
}
