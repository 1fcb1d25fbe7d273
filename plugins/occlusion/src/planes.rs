//! The frames of the clip that are measured, read once.

use easysight_sdk::{Clip, Failure, PlaneKind, SampleRange};

/// The width of the measured picture, in pixels. At this size noise is weak, and an edge that is out of focus is
/// still wider than a sharp one.
const WIDTH: u32 = 400;
/// The number of frames that are measured, spread over the clip.
pub(crate) const FRAMES: usize = 4;

/// The luma planes of up to [`FRAMES`] frames, and the conversion of samples to grey levels of full range.
pub(crate) struct Planes {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) offset: f32,
    pub(crate) scale: f32,
    pub(crate) frames: Vec<Vec<u8>>,
}

impl Planes {
    pub(crate) fn of(clip: &dyn Clip) -> Result<Self, Failure> {
        let level = clip.level_within(WIDTH);
        let (width, height) = clip.size(PlaneKind::Luma, level)?;
        let (offset, scale) = match clip.info().range {
            SampleRange::Full => (0.0, 1.0),
            // ITU-R BT.601: black 16, white 235.
            SampleRange::Limited => (16.0, 255.0 / 219.0),
        };
        let frames = clip.spread(FRAMES as u32).into_iter();
        let frames = frames.map(|frame| clip.luma(frame, level)).collect::<Result<_, _>>()?;
        Ok(Self { width: width as usize, height: height as usize, offset, scale, frames })
    }
}
