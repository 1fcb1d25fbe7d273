//! The clip that every diagnosis of a job examines.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    clock::CameraClock,
    frame::{Frame, PlaneKind, SampleRange, halved, level_count, size_at},
    request::{Picking, Stretch},
};

/// Facts about the whole clip.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipInfo {
    /// Width of the luma plane in pixels.
    pub width: u32,
    /// Height of the luma plane in pixels.
    pub height: u32,
    /// The range of the sample values.
    pub range: SampleRange,
    /// The frame rate in frames per second, if it was declared or could be measured.
    pub frame_rate: Option<f64>,
    /// The codec's short name, such as `h264`.
    pub codec: Option<String>,
    /// The behaviour of the clock that stamps the camera's pictures. None if the pictures have no timestamps, or
    /// if there are too few pictures to check the clock.
    pub clock: Option<CameraClock>,
    /// True for a camera's live stream, false for a recording or a snapshot.
    pub live: bool,
}

/// The complaints of the decoder about the data of the clip.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DecoderEvidence {
    /// The number of packets that the transport reported missing.
    pub missed_packets: u32,
    /// The number of frames that were decoded from damaged data or could not be decoded at all.
    pub corrupt_frames: u32,
    /// The number of macroblocks whose content the decoder made up.
    pub concealed_blocks: u32,
    /// The number of references to pictures that never arrived.
    pub missing_references: u32,
    /// The decoder's first complaints in its own words, with credentials masked.
    pub lines: Vec<String>,
}

/// A part of a plane, in samples of that plane at its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    /// The distance from the left side of the plane.
    pub x: u32,
    /// The distance from the top of the plane.
    pub y: u32,
    /// The width, at least 1.
    pub width: u32,
    /// The height, at least 1.
    pub height: u32,
}

/// Why the requested pixels do not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PixelError {
    /// The clip has no such frame.
    #[error("there is no such frame")]
    NoSuchFrame,
    /// The pyramid has no such level.
    #[error("there is no such level")]
    NoSuchLevel,
    /// The rectangle is empty or extends beyond the plane.
    #[error("the rectangle is empty or extends beyond the plane")]
    OutOfBounds,
}

/// Why frames do not make a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClipError {
    /// There is no frame.
    #[error("a clip has at least one frame")]
    Empty,
    /// The size of a frame differs from the clip's size.
    #[error("all frames of a clip have the clip's size")]
    Size,
    /// The timestamp of a frame is earlier than the timestamp of the previous frame.
    #[error("timestamps of a clip never decrease")]
    Order,
}

/// Decoded frames of one size, in order.
#[derive(Debug)]
pub struct Clip {
    info: Arc<ClipInfo>,
    evidence: Arc<DecoderEvidence>,
    frames: Vec<Arc<Frame>>,
    levels: u32,
}

impl Clip {
    /// Makes a clip from these frames.
    ///
    /// # Errors
    ///
    /// [`ClipError`] if there are no frames, or if they have different sizes or are out of order.
    pub fn new(info: ClipInfo, evidence: DecoderEvidence, frames: Vec<Frame>) -> Result<Self, ClipError> {
        Self::of(info, evidence, frames.into_iter().map(Arc::new).collect())
    }

    /// Makes a clip from frames that other clips may share.
    pub(crate) fn of(
        info: ClipInfo,
        evidence: DecoderEvidence,
        frames: Vec<Arc<Frame>>,
    ) -> Result<Self, ClipError> {
        let size = (info.width, info.height);
        if frames.is_empty() {
            return Err(ClipError::Empty);
        }
        if frames.iter().any(|frame| frame.size() != size) {
            return Err(ClipError::Size);
        }
        if !frames.is_sorted_by_key(|frame| frame.timestamp) {
            return Err(ClipError::Order);
        }
        Ok(Self { info: info.into(), evidence: evidence.into(), frames, levels: level_count(size) })
    }

    /// Returns the part of the clip for one stretch. The frames do not depend on the other stretches for which the
    /// clip was captured. They are shared, not copied. For a stretch that was not requested, frames may be
    /// missing.
    #[must_use]
    pub fn seen_by(&self, stretch: Stretch) -> Self {
        let mut picking = Picking::new(stretch);
        let takes = |frame: &&Arc<Frame>| picking.takes(frame.timestamp, frame.keyframe);
        let frames = self.frames.iter().filter(takes).cloned().collect();
        let (info, evidence) = (Arc::clone(&self.info), Arc::clone(&self.evidence));
        Self { info, evidence, frames, levels: self.levels }
    }

    /// Returns the facts about the whole clip.
    #[must_use]
    pub fn info(&self) -> &ClipInfo {
        &self.info
    }

    /// Returns the complaints of the decoder.
    #[must_use]
    pub fn evidence(&self) -> &DecoderEvidence {
        &self.evidence
    }

    /// Returns the frames, at least one, in the order of their timestamps.
    #[must_use]
    pub fn frames(&self) -> &[Arc<Frame>] {
        &self.frames
    }

    /// Returns the number of levels of the pyramid. Level 0 has the native size. Each further level has half the
    /// sides, rounded up. The last level has a side shorter than 32 pixels.
    #[must_use]
    pub const fn levels(&self) -> u32 {
        self.levels
    }

    /// Returns the number of bytes of all frames at level 0.
    #[must_use]
    pub fn decoded_bytes(&self) -> usize {
        Frame::bytes_of((self.info.width, self.info.height)).unwrap_or(0).saturating_mul(self.frames.len())
    }

    /// Returns the width and height of a plane at a level, in samples. None if there is no such level.
    #[must_use]
    pub fn size(&self, plane: PlaneKind, level: u32) -> Option<(u32, u32)> {
        let size = (self.info.width, self.info.height);
        let size = if plane == PlaneKind::Luma { size } else { halved(size) };
        (level < self.levels).then(|| size_at(size, level))
    }

    /// Returns a whole plane, row by row without padding. The samples are shared, not copied.
    ///
    /// # Errors
    ///
    /// [`PixelError::NoSuchFrame`] or [`PixelError::NoSuchLevel`].
    pub fn plane(&self, frame: u32, plane: PlaneKind, level: u32) -> Result<Bytes, PixelError> {
        let frame = self.frames.get(frame as usize).ok_or(PixelError::NoSuchFrame)?;
        frame.plane(plane, level).ok_or(PixelError::NoSuchLevel)
    }

    /// Returns a part of a plane, row by row without padding. If the part consists of whole rows, the samples are
    /// shared. Otherwise they are copied.
    ///
    /// # Errors
    ///
    /// [`PixelError`] if there is no such frame, level or part.
    pub fn crop(&self, frame: u32, plane: PlaneKind, level: u32, area: Rect) -> Result<Bytes, PixelError> {
        let (width, height) = self.size(plane, level).ok_or(PixelError::NoSuchLevel)?;
        let fits = |from: u32, size: u32, whole: u32| {
            size > 0 && from.checked_add(size).is_some_and(|end| end <= whole)
        };
        let samples = self.plane(frame, plane, level)?;
        if !fits(area.x, area.width, width) || !fits(area.y, area.height, height) {
            return Err(PixelError::OutOfBounds);
        }
        let (row, skipped) = (width as usize, area.y as usize * width as usize);
        let rows = samples.slice(skipped..skipped + area.height as usize * row);
        if area.width == width {
            return Ok(rows);
        }
        let columns = area.x as usize..area.x as usize + area.width as usize;
        let parts = rows.chunks_exact(row).filter_map(|row| row.get(columns.clone()));
        Ok(parts.collect::<Vec<_>>().concat().into())
    }

    /// Returns the picture of a level as interleaved full-range RGB, 3 bytes per pixel, row by row. Chroma is
    /// repeated, not interpolated. The conversion uses the matrix of ITU-R BT.601.
    ///
    /// # Errors
    ///
    /// [`PixelError::NoSuchFrame`] or [`PixelError::NoSuchLevel`].
    pub fn rgb(&self, frame: u32, level: u32) -> Result<Bytes, PixelError> {
        let (width, _) = self.size(PlaneKind::Luma, level).ok_or(PixelError::NoSuchLevel)?;
        let (chroma_width, _) = self.size(PlaneKind::Cb, level).ok_or(PixelError::NoSuchLevel)?;
        let luma = self.plane(frame, PlaneKind::Luma, level)?;
        let cb = self.plane(frame, PlaneKind::Cb, level)?;
        let cr = self.plane(frame, PlaneKind::Cr, level)?;
        let convert = Matrix::of(self.info.range);
        let mut rgb = Vec::with_capacity(luma.len() * 3);
        let chroma_rows = cb.chunks_exact(chroma_width as usize).zip(cr.chunks_exact(chroma_width as usize));
        let luma_rows = luma.chunks(2 * width as usize);
        for (pair, (cb, cr)) in luma_rows.zip(chroma_rows) {
            for row in pair.chunks_exact(width as usize) {
                for (pixels, (&cb, &cr)) in row.chunks(2).zip(cb.iter().zip(cr)) {
                    for &y in pixels {
                        rgb.extend(convert.rgb(y, cb, cr));
                    }
                }
            }
        }
        Ok(rgb.into())
    }
}

/// The matrix of BT.601 in 16-bit fixed point.
struct Matrix {
    black: i32,
    luma: i32,
    cr_to_red: i32,
    cb_to_green: i32,
    cr_to_green: i32,
    cb_to_blue: i32,
}

impl Matrix {
    /// Returns the matrix for a range, with Kr = 0.299 and Kb = 0.114. Limited range scales luma by 255/219 and
    /// chroma by 255/224.
    const fn of(range: SampleRange) -> Self {
        match range {
            SampleRange::Full => Self {
                black: 0,
                luma: 65_536,
                cr_to_red: 91_881,
                cb_to_green: 22_554,
                cr_to_green: 46_802,
                cb_to_blue: 116_130,
            },
            SampleRange::Limited => Self {
                black: 16,
                luma: 76_309,
                cr_to_red: 104_597,
                cb_to_green: 25_675,
                cr_to_green: 53_279,
                cb_to_blue: 132_201,
            },
        }
    }

    fn rgb(&self, y: u8, cb: u8, cr: u8) -> [u8; 3] {
        let y = (i32::from(y) - self.black) * self.luma + 32_768;
        let (cb, cr) = (i32::from(cb) - 128, i32::from(cr) - 128);
        let byte = |value: i32| (value >> 16).clamp(0, 255) as u8;
        [
            byte(y + self.cr_to_red * cr),
            byte(y - self.cb_to_green * cb - self.cr_to_green * cr),
            byte(y + self.cb_to_blue * cb),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn clip(size: (u32, u32), range: SampleRange, samples: Vec<u8>) -> Clip {
        let frame = Frame::new(Duration::ZERO, true, size, &samples.into()).unwrap();
        let info = ClipInfo {
            width: size.0,
            height: size.1,
            range,
            frame_rate: None,
            codec: None,
            clock: None,
            live: false,
        };
        Clip::new(info, DecoderEvidence::default(), vec![frame]).unwrap()
    }

    fn pictures() -> impl Strategy<Value = ((u32, u32), Vec<u8>)> {
        (1..20_u32, 1..20_u32).prop_flat_map(|size| {
            (Just(size), prop::collection::vec(any::<u8>(), Frame::bytes_of(size).unwrap()))
        })
    }

    proptest! {
        #[test]
        fn a_crop_is_that_part_of_the_plane_or_refused(
            (size, samples) in pictures(), x in 0..25_u32, y in 0..25_u32, width in 0..25_u32, height in 0..25_u32
        ) {
            let clip = clip(size, SampleRange::Full, samples.clone());
            let crop = clip.crop(0, PlaneKind::Luma, 0, Rect { x, y, width, height });
            if width == 0 || height == 0 || x + width > size.0 || y + height > size.1 {
                prop_assert_eq!(crop, Err(PixelError::OutOfBounds));
            } else {
                let plain: Vec<u8> = (y..y + height)
                    .flat_map(|y| (x..x + width).map(move |x| (x, y)))
                    .map(|(x, y)| samples[(y * size.0 + x) as usize])
                    .collect();
                prop_assert_eq!(&crop.unwrap()[..], &plain[..]);
            }
        }

        #[test]
        fn rgb_agrees_with_the_standard_s_formula((size, samples) in pictures(), limited in any::<bool>()) {
            let range = if limited { SampleRange::Limited } else { SampleRange::Full };
            let clip = clip(size, range, samples.clone());
            let rgb = clip.rgb(0, 0).unwrap();
            let (w, h) = (size.0 as usize, size.1 as usize);
            let (cw, ch) = (w.div_ceil(2), h.div_ceil(2));
            prop_assert_eq!(rgb.len(), 3 * w * h);
            for y in 0..h {
                for x in 0..w {
                    let chroma = w * h + y / 2 * cw + x / 2;
                    let [l, b, r] = [samples[y * w + x], samples[chroma], samples[chroma + cw * ch]].map(f64::from);
                    let (l, b, r) = if limited {
                        ((l - 16.0) * 255.0 / 219.0, (b - 128.0) * 255.0 / 224.0, (r - 128.0) * 255.0 / 224.0)
                    } else {
                        (l, b - 128.0, r - 128.0)
                    };
                    let formula = [l + 1.402 * r, l - 0.344_136 * b - 0.714_136 * r, l + 1.772 * b];
                    for (channel, wanted) in formula.iter().enumerate() {
                        let found = f64::from(rgb[(y * w + x) * 3 + channel]);
                        prop_assert!((found - wanted.clamp(0.0, 255.0)).abs() <= 0.51, "{} for {}", found, wanted);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_there_is_refused() {
        let clip = clip((64, 64), SampleRange::Full, vec![0; 64 * 96]);
        assert_eq!(clip.levels(), 3);
        assert_eq!(clip.plane(1, PlaneKind::Luma, 0), Err(PixelError::NoSuchFrame));
        assert_eq!(clip.plane(0, PlaneKind::Luma, 3), Err(PixelError::NoSuchLevel));
        assert_eq!(clip.rgb(0, 3), Err(PixelError::NoSuchLevel));
        assert_eq!(clip.size(PlaneKind::Cb, 2), Some((8, 8)));
    }

    #[test]
    fn frames_must_fit_together() {
        let frame = |at: u64, size: (u32, u32)| {
            let samples = vec![0; Frame::bytes_of(size).unwrap()].into();
            Frame::new(Duration::from_millis(at), true, size, &samples).unwrap()
        };
        let info = ClipInfo {
            width: 4,
            height: 4,
            range: SampleRange::Full,
            frame_rate: None,
            codec: None,
            clock: None,
            live: false,
        };
        let of = |frames| Clip::new(info.clone(), DecoderEvidence::default(), frames).map(drop);
        assert_eq!(of(vec![]), Err(ClipError::Empty));
        assert_eq!(of(vec![frame(0, (4, 4)), frame(1, (4, 6))]), Err(ClipError::Size));
        assert_eq!(of(vec![frame(1, (4, 4)), frame(0, (4, 4))]), Err(ClipError::Order));
    }
}
