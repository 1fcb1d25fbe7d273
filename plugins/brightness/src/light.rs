//! The distribution of light in a picture: its histogram, the white areas that are not sky, and the layout of
//! light by which a view is recognised.
//!
//! Overexposed pixels pile up at the top of the histogram, but seldom at exactly 255: a lossy encoder, or a camera
//! that limits white to 245, leaves them slightly below. So white begins at 240. A white sky is no fault, and it
//! is in the upper half. White ground is a fault, so the lower half is counted separately. Exposure scales the
//! light of all parts by the same factor (a camera's response is nearly a power of the light, so the order of the
//! parts does not change), whereas at night the sky goes dark and lamps go on. So the layout distinguishes wrong
//! exposure from night.

use easysight_sdk::{Clip, Failure, PlaneKind, Region, SampleRange, Text, image::Histogram};

/// The largest width, in pixels, of the picture that is measured. A histogram needs no more.
const WIDTH: u32 = 640;
/// The largest width, in pixels, of the picture whose parts are measured.
const LAYOUT_WIDTH: u32 = 160;
/// The number of parts across and down.
pub(crate) const PARTS: (usize, usize) = (8, 6);
/// The smallest luma of a white pixel.
const WHITE: u8 = 240;

/// The mean luma of each part, row by row, in grey levels of full range.
pub(crate) type Layout = [u8; PARTS.0 * PARTS.1];

/// The measurements of a clip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Light {
    pub(crate) mean: f64,
    pub(crate) p5: f64,
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) black_share: f64,
    pub(crate) clipped_share: f64,
    /// The share of the lower half that is white.
    pub(crate) white_ground: f64,
}

impl Light {
    /// Measures a clip: the median of each value over the first, middle and last frame. So neither a passing
    /// headlight nor the moment at which a camera switches its filter decides.
    ///
    /// # Errors
    ///
    /// The errors of [`Clip::plane`].
    pub(crate) fn of(clip: &dyn Clip) -> Result<Self, Failure> {
        let info = clip.info();
        let level = clip.level_within(WIDTH);
        let (width, height) = clip.size(PlaneKind::Luma, level)?;
        let ground = width as usize * (height / 2) as usize;
        let white = match info.range {
            SampleRange::Full => WHITE,
            SampleRange::Limited => 222,
        };
        let last = info.frames.saturating_sub(1);
        let mut indices = vec![0, last / 2, last];
        indices.dedup();
        let mut lights = Vec::with_capacity(indices.len());
        for frame in indices {
            let luma = clip.luma(frame, level)?;
            let below = luma.get(ground..).unwrap_or_default();
            let whites = below.iter().filter(|&&luma| luma >= white).count();
            let histogram = Histogram::of(&luma).full_range(info.range);
            lights.push(Self {
                mean: histogram.mean(),
                p5: histogram.percentile(0.05).into(),
                p50: histogram.percentile(0.5).into(),
                p95: histogram.percentile(0.95).into(),
                black_share: histogram.share_within(0..=15),
                clipped_share: histogram.share_within(251..=255),
                white_ground: whites as f64 / below.len().max(1) as f64,
            });
        }
        Ok(Self {
            mean: median(&lights, |light| light.mean),
            p5: median(&lights, |light| light.p5),
            p50: median(&lights, |light| light.p50),
            p95: median(&lights, |light| light.p95),
            black_share: median(&lights, |light| light.black_share),
            clipped_share: median(&lights, |light| light.clipped_share),
            white_ground: median(&lights, |light| light.white_ground),
        })
    }
}

/// Returns the median. For an even number of values, the result is the lower of the middle two.
fn median(lights: &[Light], value: impl Fn(&Light) -> f64) -> f64 {
    let mut values: Vec<f64> = lights.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// Measures the parts of the middle frame.
///
/// # Errors
///
/// The errors of [`Clip::plane`].
pub(crate) fn layout(clip: &dyn Clip) -> Result<Layout, Failure> {
    let info = clip.info();
    let level = clip.level_within(LAYOUT_WIDTH);
    let luma = clip.luma(info.frames.saturating_sub(1) / 2, level)?;
    let (width, height) = clip.size(PlaneKind::Luma, level)?;
    let (width, height) = (width as usize, height as usize);
    let mut sums = [(0_u32, 0_u32); PARTS.0 * PARTS.1];
    for (y, row) in luma.chunks_exact(width.max(1)).enumerate() {
        let parts = sums.iter_mut().skip(y * PARTS.1 / height * PARTS.0);
        for (column, (sum, count)) in parts.take(PARTS.0).enumerate() {
            let part = row.get(column * width / PARTS.0..(column + 1) * width / PARTS.0).unwrap_or_default();
            *sum += part.iter().map(|&luma| u32::from(luma)).sum::<u32>();
            *count += part.len() as u32;
        }
    }
    Ok(sums.map(|(sum, count)| {
        let mean = sum / count.max(1);
        match info.range {
            SampleRange::Full => mean as u8,
            SampleRange::Limited => (mean.saturating_sub(16) * 255 / 219).min(255) as u8,
        }
    }))
}

/// Returns the luma that four in five parts do not exceed.
pub(crate) fn brighter_parts(layout: &Layout) -> f64 {
    let mut parts = *layout;
    parts.sort_unstable();
    parts.get(parts.len() * 4 / 5).copied().unwrap_or_default().into()
}

/// Returns a box around the parts with a `wanted` luma, or around the whole picture if no part has such a luma.
pub(crate) fn region(layout: &Layout, wanted: impl Fn(u8) -> bool, caption: Text) -> Region {
    let (mut left, mut top, mut right, mut bottom) = (PARTS.0, PARTS.1, 0, 0);
    for (row, parts) in layout.chunks_exact(PARTS.0).enumerate() {
        for (column, _) in parts.iter().enumerate().filter(|(_, luma)| wanted(**luma)) {
            (left, right) = (left.min(column), right.max(column + 1));
            (top, bottom) = (top.min(row), bottom.max(row + 1));
        }
    }
    if right == 0 {
        (left, top, right, bottom) = (0, 0, PARTS.0, PARTS.1);
    }
    let share = |from: usize, to: usize, of: usize| (from as f32 / of as f32, (to - from) as f32 / of as f32);
    let ((left, width), (top, height)) = (share(left, right, PARTS.0), share(top, bottom, PARTS.1));
    Region { left, top, width, height, caption }
}
