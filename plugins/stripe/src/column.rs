//! Columns that are brighter or darker than their neighbours from the top of the picture to the bottom. A
//! defective column amplifier of the sensor causes such columns. Nothing in a scene is one pixel wide and as high as
//! the picture.

use easysight_sdk::{Clip, Failure, PlaneKind, Rect};

/// The number of bands over the height of the picture.
const BANDS: u32 = 6;
/// The number of rows of each band.
const ROWS: u32 = 16;

/// The number of columns at either side of the picture that are ignored, because compression smears a black margin
/// into them.
const MARGIN: usize = 16;

/// Counts the columns that are brighter, or darker, than the columns two away on either side by more than `least`
/// grey levels in every band.
///
/// # Errors
///
/// [`Failure`] if the plane cannot be read.
pub(crate) fn hot_columns(clip: &dyn Clip, frame: u32, least: f64) -> Result<usize, Failure> {
    let (width, height) = clip.size(PlaneKind::Luma, 0)?;
    if height < BANDS * ROWS || width < ROWS {
        return Ok(0);
    }
    let mut out: Option<Vec<i8>> = None;
    for band in 0..BANDS {
        let area = Rect { x: 0, y: (height - ROWS) * band / (BANDS - 1), width, height: ROWS };
        let samples = clip.crop(frame, PlaneKind::Luma, 0, area)?;
        let mut sums = vec![0_i32; width as usize];
        for row in samples.chunks_exact(width as usize) {
            for (sum, &sample) in sums.iter_mut().zip(row) {
                *sum += i32::from(sample);
            }
        }
        let limit = (least * f64::from(ROWS)) as i32;
        // The columns two away are compared, because compression also changes the direct neighbours.
        let side = |window: &[i32]| match *window {
            [left, _, at, _, right] if at - left.max(right) > limit => 1,
            [left, _, at, _, right] if left.min(right) - at > limit => -1,
            _ => 0,
        };
        let sides = sums.windows(5).map(side);
        out = Some(match out {
            None => sides.collect(),
            Some(before) => before.iter().zip(sides).map(|(&a, b)| if a == b { a } else { 0 }).collect(),
        });
    }
    // Adjacent columns count once.
    let out = out.unwrap_or_default();
    let inner = out.get(MARGIN..out.len().saturating_sub(MARGIN)).unwrap_or_default();
    let next = inner.iter().skip(1).chain([&0]);
    Ok(inner.iter().zip(next).filter(|(at, next)| **at != 0 && **next == 0).count())
}
