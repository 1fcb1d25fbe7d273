//! The last motion of a clip: the last frame in which edges are in other places than before.

use easysight_sdk::{Clip, Failure, PlaneKind, image::far_apart};

use crate::grid::STRIPS;

/// The level at which structure is compared. Its samples are averages of 4 × 4 pixels, in which the traces of coding
/// fade and edges stay.
const STRUCTURE_LEVEL: u32 = 2;
/// The number of grey levels by which a sample of [`STRUCTURE_LEVEL`] may change if the same picture is coded again. In
/// extreme compression, samples change by up to 4 on average. Edges that move change samples by far more.
const STRUCTURE_TOLERANCE: u8 = 20;
/// The share of the samples of [`STRUCTURE_LEVEL`] that may change by more than [`STRUCTURE_TOLERANCE`] without
/// counting as motion.
const STRUCTURE_MOVED: f64 = 0.005;

/// Returns the time of the last motion: the time of the last frame whose edges are in other places than in the previous
/// frame. In one strip of the picture, edges may change now and then, as the digits of a clock do, but not at two
/// consecutive frames. The result is None if nothing moves.
pub(crate) fn last_motion(clip: &dyn Clip, chosen: &[(u32, u64, bool)]) -> Result<Option<u64>, Failure> {
    let level = STRUCTURE_LEVEL.min(clip.info().levels - 1);
    let (width, _) = clip.size(PlaneKind::Luma, level)?;
    let mut after: Option<(Vec<u8>, u64)> = None;
    let mut ticked = false;
    for &(index, at_us, _) in chosen.iter().rev() {
        let now = clip.luma(index, level)?;
        if let Some((after, after_us)) = &after {
            let rows = now.chunks(width.max(1) as usize).zip(after.chunks(width.max(1) as usize));
            let moved: Vec<u64> =
                rows.map(|(now, after)| far_apart(now, after, STRUCTURE_TOLERANCE)).collect();
            let all: u64 = moved.iter().sum();
            let strip = moved.len().div_ceil(STRIPS).max(1);
            let in_strip = moved.windows(strip).map(|rows| rows.iter().sum()).max().unwrap_or(all);
            let is_motion = |count: u64| count as f64 > STRUCTURE_MOVED * now.len() as f64;
            if is_motion(all - in_strip) || (is_motion(all) && ticked) {
                return Ok(Some(*after_us));
            }
            ticked = is_motion(all);
        }
        after = Some((now, at_us));
    }
    Ok(None)
}
