//! One decoded picture: three planes of 8-bit samples and smaller versions of each plane. A smaller version is
//! made when it is first requested, and shared by all readers.

use std::{sync::OnceLock, time::Duration};

use bytes::Bytes;

/// The largest number of pixels in a picture: 8192 × 8192.
pub(crate) const MAX_PIXELS: u64 = 8192 * 8192;
/// The first level with a side below this number of pixels is the last level.
const LAST_LEVEL_SIDE: u32 = 32;

/// A plane of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PlaneKind {
    /// Brightness, at full resolution.
    Luma,
    /// Blue difference, at half the width and height (rounded up). The centre is 128.
    Cb,
    /// Red difference, at half the width and height (rounded up). The centre is 128.
    Cr,
}

/// The range of the sample values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SampleRange {
    /// Black is 16, white is 235.
    #[default]
    Limited,
    /// Black is 0, white is 255.
    Full,
}

/// Why samples do not make a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The picture has no pixel, or more pixels than allowed.
    #[error("a picture of {width} × {height} pixels is not supported; the limit is {MAX_PIXELS} pixels")]
    Size {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The number of bytes does not match the size of the picture.
    #[error("expected {wanted} bytes of samples, found {found}")]
    Length {
        /// The number of bytes given.
        found: usize,
        /// The number of bytes required.
        wanted: usize,
    },
}

/// A picture with its time in the clip.
#[derive(Debug)]
pub struct Frame {
    /// The time after the clip's first frame.
    pub timestamp: Duration,
    /// True if the frame decodes without any other frame.
    pub keyframe: bool,
    size: (u32, u32),
    planes: [Pyramid; 3],
}

/// A plane and its halved versions, finest first.
#[derive(Debug)]
struct Pyramid {
    levels: Vec<OnceLock<Bytes>>,
    size: (u32, u32),
}

impl Frame {
    /// Makes a frame from `samples` in the order luma, Cb, Cr, each row by row without padding. Chroma has half
    /// the width and height, rounded up.
    ///
    /// # Errors
    ///
    /// [`FrameError`] if size and samples do not match.
    pub fn new(
        timestamp: Duration,
        keyframe: bool,
        (width, height): (u32, u32),
        samples: &Bytes,
    ) -> Result<Self, FrameError> {
        let wanted = Self::bytes_of((width, height)).ok_or(FrameError::Size { width, height })?;
        if samples.len() != wanted {
            return Err(FrameError::Length { found: samples.len(), wanted });
        }
        let levels = level_count((width, height));
        let chroma = halved((width, height));
        let (luma_bytes, chroma_bytes) = (area((width, height)), area(chroma));
        let cr_from = luma_bytes + chroma_bytes;
        Ok(Self {
            timestamp,
            keyframe,
            size: (width, height),
            planes: [
                Pyramid::new((width, height), levels, samples.slice(..luma_bytes)),
                Pyramid::new(chroma, levels, samples.slice(luma_bytes..cr_from)),
                Pyramid::new(chroma, levels, samples.slice(cr_from..)),
            ],
        })
    }

    /// Returns the number of sample bytes of a picture of this size. None if the size is not supported.
    #[must_use]
    pub fn bytes_of(size: (u32, u32)) -> Option<usize> {
        let pixels = u64::from(size.0) * u64::from(size.1);
        (1..=MAX_PIXELS).contains(&pixels).then(|| area(size) + 2 * area(halved(size)))
    }

    /// Returns the width and height of the luma plane in pixels.
    #[must_use]
    pub const fn size(&self) -> (u32, u32) {
        self.size
    }

    /// Returns the samples of a plane at a level. None if there is no such level.
    pub(crate) fn plane(&self, plane: PlaneKind, level: u32) -> Option<Bytes> {
        let [luma, cb, cr] = &self.planes;
        match plane {
            PlaneKind::Luma => luma,
            PlaneKind::Cb => cb,
            PlaneKind::Cr => cr,
        }
        .level(level)
    }
}

impl Pyramid {
    fn new(size: (u32, u32), count: u32, finest: Bytes) -> Self {
        let mut levels: Vec<OnceLock<Bytes>> = (1..count).map(|_| OnceLock::new()).collect();
        levels.insert(0, OnceLock::from(finest));
        Self { levels, size }
    }

    fn level(&self, level: u32) -> Option<Bytes> {
        let place = self.levels.get(level as usize)?;
        if let Some(samples) = place.get() {
            return Some(samples.clone());
        }
        let finer = level.checked_sub(1)?;
        let samples = self.level(finer)?;
        Some(place.get_or_init(|| halve(&samples, size_at(self.size, finer)).into()).clone())
    }
}

/// Returns the number of levels of a picture of this size.
pub(crate) fn level_count(size: (u32, u32)) -> u32 {
    let last = (0..u32::BITS).find(|&level| {
        let (width, height) = size_at(size, level);
        width.min(height) < LAST_LEVEL_SIDE
    });
    last.unwrap_or(0) + 1
}

/// Returns the width and height after halving `level` times.
pub(crate) fn size_at(size: (u32, u32), level: u32) -> (u32, u32) {
    (0..level).fold(size, |size, _| halved(size))
}

/// Halves width and height, rounded up.
pub(crate) const fn halved((width, height): (u32, u32)) -> (u32, u32) {
    (width.div_ceil(2), height.div_ceil(2))
}

const fn area((width, height): (u32, u32)) -> usize {
    width as usize * height as usize
}

/// Averages 2 × 2 samples, rounding half up. The last column or row of an odd side is repeated.
fn halve(samples: &[u8], (width, height): (u32, u32)) -> Vec<u8> {
    let width = width as usize;
    let mut halved = Vec::with_capacity(area(self::halved((width as u32, height))));
    let mut rows = samples.chunks_exact(width.max(1));
    while let Some(upper) = rows.next() {
        let lower = rows.next().unwrap_or(upper);
        let (upper_pairs, upper_rest) = upper.as_chunks::<2>();
        let (lower_pairs, lower_rest) = lower.as_chunks::<2>();
        halved.extend(upper_pairs.iter().zip(lower_pairs).map(|(&[a, b], &[c, d])| {
            let sum = u16::from(a) + u16::from(b) + u16::from(c) + u16::from(d);
            ((sum + 2) >> 2) as u8
        }));
        halved.extend(
            upper_rest.iter().zip(lower_rest).map(|(&a, &c)| ((u16::from(a) + u16::from(c) + 1) >> 1) as u8),
        );
    }
    halved
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn halving_agrees_with_a_plain_loop(
            (width, height, samples) in (1..40_u32, 1..40_u32).prop_flat_map(|(w, h)| {
                (Just(w), Just(h), prop::collection::vec(any::<u8>(), (w * h) as usize))
            })
        ) {
            let at = |x: u32, y: u32| u32::from(samples[(y.min(height - 1) * width + x.min(width - 1)) as usize]);
            let mut plain = Vec::new();
            for y in 0..height.div_ceil(2) {
                for x in 0..width.div_ceil(2) {
                    let (x, y) = (2 * x, 2 * y);
                    plain.push(((at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1) + 2) / 4) as u8);
                }
            }
            prop_assert_eq!(halve(&samples, (width, height)), plain);
        }

        #[test]
        fn every_level_has_the_size_that_is_told(width in 1..200_u32, height in 1..200_u32) {
            let bytes = Frame::bytes_of((width, height)).unwrap();
            let frame = Frame::new(Duration::ZERO, true, (width, height), &vec![7; bytes].into()).unwrap();
            let levels = level_count((width, height));
            for level in 0..levels {
                let luma = frame.plane(PlaneKind::Luma, level).unwrap();
                prop_assert_eq!(luma.len(), area(size_at((width, height), level)));
                let cr = frame.plane(PlaneKind::Cr, level).unwrap();
                prop_assert_eq!(cr.len(), area(size_at(halved((width, height)), level)));
            }
            let (w, h) = size_at((width, height), levels - 1);
            prop_assert!(w.min(h) < LAST_LEVEL_SIDE);
            prop_assert!(frame.plane(PlaneKind::Luma, levels).is_none());
        }
    }

    #[test]
    fn planes_are_cut_where_they_begin() {
        let samples: Bytes = (0..9 + 4 + 4).collect::<Vec<u8>>().into();
        let frame = Frame::new(Duration::ZERO, true, (3, 3), &samples).unwrap();
        assert_eq!(frame.plane(PlaneKind::Luma, 0).unwrap()[..], samples[..9]);
        assert_eq!(frame.plane(PlaneKind::Cb, 0).unwrap()[..], samples[9..13]);
        assert_eq!(frame.plane(PlaneKind::Cr, 0).unwrap()[..], samples[13..]);
    }

    #[test]
    fn samples_of_another_size_are_refused() {
        let short = Bytes::from_static(&[0; 5]);
        assert_eq!(
            Frame::new(Duration::ZERO, true, (2, 2), &short).unwrap_err(),
            FrameError::Length { found: 5, wanted: 6 }
        );
        assert!(matches!(Frame::new(Duration::ZERO, true, (0, 2), &short), Err(FrameError::Size { .. })));
        assert!(Frame::bytes_of((u32::MAX, u32::MAX)).is_none());
    }
}
