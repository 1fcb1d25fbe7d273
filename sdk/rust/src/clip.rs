//! The clip as a plugin sees it. In a component it is the host's resource; in a native test it consists of arrays.

use crate::{
    CameraClock, ClipInfo, DecoderEvidence, Failure, FrameInfo, PixelError, PlaneKind, Rect, bindings,
};

/// A clip of planar frames. The contract's `video` interface documents each method. Read only the planes that the
/// judgement needs, at the smallest level that suffices.
pub trait Clip {
    /// Returns facts about the clip as a whole.
    fn info(&self) -> ClipInfo;
    /// Returns the errors that the decoder reported.
    fn evidence(&self) -> DecoderEvidence;
    /// Returns the behaviour of the camera's own clock. Returns none if the source has no clock, or if there are too
    /// few frames to judge the clock.
    fn clock(&self) -> Option<CameraClock> {
        None
    }
    /// Returns the frames, in order.
    fn frames(&self) -> Vec<FrameInfo>;
    /// Returns the width and height of a plane at a level, in samples.
    ///
    /// # Errors
    ///
    /// [`PixelError::NoSuchLevel`] if there is no such level.
    fn size(&self, plane: PlaneKind, level: u32) -> Result<(u32, u32), PixelError>;
    /// Reads a whole plane, row by row without padding.
    ///
    /// # Errors
    ///
    /// [`PixelError`] if there is no such frame or level.
    fn plane(&self, frame: u32, plane: PlaneKind, level: u32) -> Result<Vec<u8>, PixelError>;
    /// Reads a part of a plane.
    ///
    /// # Errors
    ///
    /// [`PixelError`] if there is no such frame, level or part.
    fn crop(&self, frame: u32, plane: PlaneKind, level: u32, area: Rect) -> Result<Vec<u8>, PixelError>;
    /// Reads a frame as interleaved full-range RGB.
    ///
    /// # Errors
    ///
    /// [`PixelError`] if there is no such frame or level.
    fn rgb(&self, frame: u32, level: u32) -> Result<Vec<u8>, PixelError>;

    /// Reads the luma plane.
    ///
    /// # Errors
    ///
    /// The errors of [`Clip::plane`].
    fn luma(&self, frame: u32, level: u32) -> Result<Vec<u8>, PixelError> {
        self.plane(frame, PlaneKind::Luma, level)
    }

    /// Returns the first level whose luma plane is at most `width` samples wide, or the last level if there is
    /// none.
    fn level_within(&self, width: u32) -> u32 {
        let info = self.info();
        (0..info.levels).find(|level| info.width >> level <= width).unwrap_or(info.levels.saturating_sub(1))
    }

    /// Returns the level with the smallest luma plane that is at least `width` samples wide, or the native
    /// resolution if there is none.
    fn level_not_below(&self, width: u32) -> u32 {
        let info = self.info();
        (0..info.levels).rev().find(|level| info.width >> level >= width).unwrap_or(0)
    }

    /// Chooses at most `count` frames that are spread evenly over the duration of the clip, and returns their
    /// indices. For each of `count` evenly spaced times, from the first frame's to the last frame's, the nearest
    /// frame is chosen.
    fn spread(&self, count: u32) -> Vec<u32> {
        let frames = self.frames();
        let last = frames.last().map_or(0, |frame| frame.timestamp_us);
        let steps = u64::from(count.saturating_sub(1)).max(1);
        let mut indices: Vec<u32> = (0..u64::from(count))
            .filter_map(|step| {
                let wanted = last / steps * step + last % steps * step / steps;
                let nearest = frames.iter().zip(0..).min_by_key(|(f, _)| f.timestamp_us.abs_diff(wanted));
                nearest.map(|(_, index)| index)
            })
            .collect();
        indices.dedup();
        indices
    }
}

impl Clip for bindings::Clip {
    fn info(&self) -> ClipInfo {
        Self::info(self)
    }
    fn evidence(&self) -> DecoderEvidence {
        Self::evidence(self)
    }
    fn clock(&self) -> Option<CameraClock> {
        Self::clock(self)
    }
    fn frames(&self) -> Vec<FrameInfo> {
        Self::frames(self)
    }
    fn size(&self, plane: PlaneKind, level: u32) -> Result<(u32, u32), PixelError> {
        Self::size(self, plane, level)
    }
    fn plane(&self, frame: u32, plane: PlaneKind, level: u32) -> Result<Vec<u8>, PixelError> {
        Self::plane(self, frame, plane, level)
    }
    fn crop(&self, frame: u32, plane: PlaneKind, level: u32, area: Rect) -> Result<Vec<u8>, PixelError> {
        Self::crop(self, frame, plane, level, area)
    }
    fn rgb(&self, frame: u32, level: u32) -> Result<Vec<u8>, PixelError> {
        Self::rgb(self, frame, level)
    }
}

/// A plugin that requests pixels that do not exist has a defect.
impl From<PixelError> for Failure {
    fn from(error: PixelError) -> Self {
        Self::Internal(format!("pixels refused: {error:?}"))
    }
}
