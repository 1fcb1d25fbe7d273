//! Test cards of any layout: areas of several strong colours, each exactly flat. The picture is divided into tiles
//! ([`TILE`]). A card is drawn from a palette, so many of its tiles have exactly one chroma and one luma each, and the
//! colours are at the corners of the colour space. A camera's picture has gradients and sensor noise, and hardly ever
//! shows four strong colours at once. Flags and signs have flat colours too, but they are small. One picture is enough.

use easysight_sdk::{Clip, Failure, PlaneKind};

/// The largest width of the judged picture; chroma has half of it.
const WIDTH: u32 = 320;
/// The side of a tile, in chroma samples.
const TILE: usize = 4;
/// The largest range of levels in a flat tile. Coding changes a drawn area by up to this range.
const FLAT: u8 = 4;
/// The smallest distance of Cb or Cr from 128 at which a colour is strong.
const STRONG: u8 = 48;
/// The side of a bin, in levels of Cb and of Cr. Colours in one bin, or in neighbouring bins, count as one colour.
const BIN: usize = 32;
/// A colour counts if at least this share of the tiles has it.
const LEAST_SHARE: f64 = 0.01;

/// Counts the strong colours that have exactly flat areas.
pub(crate) fn strong_colours(clip: &dyn Clip, frame: u32) -> Result<u32, Failure> {
    const BINS: usize = 256 / BIN;
    let level = clip.level_within(WIDTH);
    let (width, height) = clip.size(PlaneKind::Cb, level)?;
    if level + 1 >= clip.info().levels || clip.size(PlaneKind::Luma, level + 1)? != (width, height) {
        return Ok(0);
    }
    let planes = [
        clip.luma(frame, level + 1)?,
        clip.plane(frame, PlaneKind::Cb, level)?,
        clip.plane(frame, PlaneKind::Cr, level)?,
    ];
    let (width, height) = (width as usize, height as usize);
    let mut counts = vec![0_u32; BINS * BINS];
    for y in (0..height.saturating_sub(TILE - 1)).step_by(TILE) {
        for x in (0..width.saturating_sub(TILE - 1)).step_by(TILE) {
            let [luma, cb, cr] = planes.each_ref().map(|plane| flat(plane, width, (x, y)));
            if let (Some(_), Some(cb), Some(cr)) = (luma, cb, cr)
                && cb.abs_diff(128).max(cr.abs_diff(128)) >= STRONG
                && let Some(count) = counts.get_mut(usize::from(cb) / BIN * BINS + usize::from(cr) / BIN)
            {
                *count += 1;
            }
        }
    }
    let least = LEAST_SHARE * (width / TILE * (height / TILE)) as f64;
    let mut often: Vec<(usize, u32)> = counts.into_iter().enumerate().collect();
    often.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    // Neighbouring bins contain shades of one colour and count once, so that a tinted picture has one colour.
    let mut colours: Vec<(usize, usize)> = Vec::new();
    for (at, _) in often.into_iter().take_while(|&(_, count)| count > 0 && f64::from(count) >= least) {
        let (cb, cr) = (at / BINS, at % BINS);
        if colours.iter().all(|&(a, b)| a.abs_diff(cb).max(b.abs_diff(cr)) >= 2) {
            colours.push((cb, cr));
        }
    }
    Ok(u32::try_from(colours.len()).unwrap_or(u32::MAX))
}

/// Returns the lowest level of a tile, or none if the tile is not flat.
fn flat(plane: &[u8], width: usize, (x, y): (usize, usize)) -> Option<u8> {
    let (mut low, mut high) = (u8::MAX, u8::MIN);
    for row in 0..TILE {
        let from = (y + row) * width + x;
        for &sample in plane.get(from..from + TILE)? {
            (low, high) = (low.min(sample), high.max(sample));
        }
    }
    (high - low <= FLAT).then_some(low)
}
