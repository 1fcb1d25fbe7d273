//! Clips that consist of arrays, and a camera's memory, for native tests of a plugin.

#[cfg(not(target_arch = "wasm32"))]
mod memory;

use crate::{
    CameraClock, Clip, ClipInfo, DecoderEvidence, FrameInfo, PixelError, PlaneKind, Rect, SampleRange,
};

#[cfg(not(target_arch = "wasm32"))]
pub use memory::CameraMemory;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use memory::{load_baseline, store_baseline};

/// A clip in memory. Pictures have full range unless [`ArrayClip::limited_range`] is called.
#[derive(Debug, Clone)]
pub struct ArrayClip {
    width: u32,
    height: u32,
    range: SampleRange,
    frames: Vec<(FrameInfo, [Vec<u8>; 3])>,
    evidence: DecoderEvidence,
    clock: Option<CameraClock>,
    codec: &'static str,
    frame_rate: f32,
    live: bool,
}

impl ArrayClip {
    /// Creates an empty clip of this size.
    #[must_use]
    pub const fn new(width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            range: SampleRange::Full,
            frames: Vec::new(),
            evidence: DecoderEvidence {
                missed_packets: 0,
                corrupt_frames: 0,
                concealed_blocks: 0,
                missing_references: 0,
            },
            clock: None,
            codec: "h264",
            frame_rate: 25.0,
            live: false,
        }
    }

    /// Sets the errors that the decoder reports.
    #[must_use]
    pub const fn complaints(mut self, evidence: DecoderEvidence) -> Self {
        self.evidence = evidence;
        self
    }

    /// Sets the state of the camera's own clock. By default there is no clock.
    #[must_use]
    pub const fn clock(mut self, clock: CameraClock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Sets the codec's short name. The default is `h264`.
    #[must_use]
    pub const fn codec(mut self, codec: &'static str) -> Self {
        self.codec = codec;
        self
    }

    /// Sets the rate that the stream declares, in frames per second. The default is 25.
    #[must_use]
    pub const fn frame_rate(mut self, frame_rate: f32) -> Self {
        self.frame_rate = frame_rate;
        self
    }

    /// Marks the clip as taken from a camera's live stream.
    #[must_use]
    pub const fn live(mut self) -> Self {
        self.live = true;
        self
    }

    /// Marks the samples as limited range: black is 16, white is 235.
    #[must_use]
    pub const fn limited_range(mut self) -> Self {
        self.range = SampleRange::Limited;
        self
    }

    /// Adds a grey frame. `luma(x, y)` returns its samples.
    #[must_use]
    pub fn frame(self, timestamp_us: u64, keyframe: bool, luma: impl Fn(u32, u32) -> u8) -> Self {
        let samples =
            (0..self.height).flat_map(|y| (0..self.width).map(move |x| (x, y))).map(|(x, y)| luma(x, y));
        let samples = samples.collect();
        let (width, height) = chroma_size(self.width, self.height);
        let grey = vec![128; width as usize * height as usize];
        self.planes(timestamp_us, keyframe, [samples, grey.clone(), grey])
    }

    /// Adds a frame of three planes: luma, Cb and Cr.
    ///
    /// # Panics
    ///
    /// If a plane does not have the size of the clip.
    #[must_use]
    pub fn planes(mut self, timestamp_us: u64, keyframe: bool, planes: [Vec<u8>; 3]) -> Self {
        let (width, height) = chroma_size(self.width, self.height);
        let chroma = width as usize * height as usize;
        let wanted = [self.width as usize * self.height as usize, chroma, chroma];
        assert_eq!(planes.each_ref().map(Vec::len), wanted, "planes of another size");
        self.frames.push((FrameInfo { timestamp_us, keyframe }, planes));
        self
    }
}

const fn chroma_size(width: u32, height: u32) -> (u32, u32) {
    (width.div_ceil(2), height.div_ceil(2))
}

/// Halves a plane by averaging 2 × 2 samples, rounding half up. The last row or column of an odd side is repeated.
fn halve(samples: &[u8], width: usize, height: usize) -> Vec<u8> {
    let at = |x: usize, y: usize| {
        let index = y.min(height - 1) * width + x.min(width - 1);
        u32::from(samples.get(index).copied().unwrap_or_default())
    };
    (0..height.div_ceil(2))
        .flat_map(|y| (0..width.div_ceil(2)).map(move |x| (2 * x, 2 * y)))
        .map(|(x, y)| (at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1) + 2) / 4)
        .map(|mean| u8::try_from(mean).unwrap_or(u8::MAX))
        .collect()
}

impl Clip for ArrayClip {
    fn info(&self) -> ClipInfo {
        let levels = (0..).find(|level| (self.width.min(self.height) - 1) >> level < 31).unwrap_or(0) + 1;
        ClipInfo {
            width: self.width,
            height: self.height,
            frames: u32::try_from(self.frames.len()).unwrap_or(u32::MAX),
            levels,
            range: self.range,
            frame_rate: self.frame_rate,
            codec: self.codec.into(),
            live: self.live,
        }
    }

    fn evidence(&self) -> DecoderEvidence {
        self.evidence
    }

    fn clock(&self) -> Option<CameraClock> {
        self.clock
    }

    fn frames(&self) -> Vec<FrameInfo> {
        self.frames.iter().map(|(info, _)| *info).collect()
    }

    fn size(&self, plane: PlaneKind, level: u32) -> Result<(u32, u32), PixelError> {
        if level >= self.info().levels {
            return Err(PixelError::NoSuchLevel);
        }
        let size = match plane {
            PlaneKind::Luma => (self.width, self.height),
            PlaneKind::Cb | PlaneKind::Cr => chroma_size(self.width, self.height),
        };
        Ok((0..level).fold(size, |(w, h), _| (w.div_ceil(2), h.div_ceil(2))))
    }

    fn plane(&self, frame: u32, plane: PlaneKind, level: u32) -> Result<Vec<u8>, PixelError> {
        let (_, planes) = self.frames.get(frame as usize).ok_or(PixelError::NoSuchFrame)?;
        let [luma, cb, cr] = planes;
        let mut samples = match plane {
            PlaneKind::Luma => luma,
            PlaneKind::Cb => cb,
            PlaneKind::Cr => cr,
        }
        .clone();
        self.size(plane, level)?;
        for finer in 0..level {
            let (width, height) = self.size(plane, finer)?;
            samples = halve(&samples, width as usize, height as usize);
        }
        Ok(samples)
    }

    fn crop(&self, frame: u32, plane: PlaneKind, level: u32, area: Rect) -> Result<Vec<u8>, PixelError> {
        let samples = self.plane(frame, plane, level)?;
        let (width, height) = self.size(plane, level)?;
        let fits = |from: u32, size: u32, whole: u32| {
            size > 0 && from.checked_add(size).is_some_and(|end| end <= whole)
        };
        if !fits(area.x, area.width, width) || !fits(area.y, area.height, height) {
            return Err(PixelError::OutOfBounds);
        }
        let rows = samples.chunks_exact(width as usize).skip(area.y as usize).take(area.height as usize);
        Ok(rows.flat_map(|row| row.iter().skip(area.x as usize).take(area.width as usize)).copied().collect())
    }

    /// Returns a picture without colour, because the clips of this module are for plugins that read planes.
    fn rgb(&self, frame: u32, level: u32) -> Result<Vec<u8>, PixelError> {
        Ok(self.luma(frame, level)?.into_iter().flat_map(|sample| [sample; 3]).collect())
    }
}
