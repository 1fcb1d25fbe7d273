//! The small picture that is compared. It has the same width for every stream, and contains no passing objects.

use easysight_sdk::{Clip, Failure, PlaneKind, SampleRange};

/// The width in samples. A sample is the mean of 4 × 4 pixels of a small stream, which removes noise and rain.
pub(crate) const WIDTH: usize = 160;
/// The width of the coarse picture, in which whole objects appear as edges.
pub(crate) const COARSE_WIDTH: usize = 32;
/// The times of the frames that are used, in microseconds after the clip's first frame. For each time, the nearest
/// frame is used. The result therefore does not depend on additional frames for other diagnoses.
const AT_US: [u64; 5] = [0, 600_000, 1_200_000, 1_800_000, 2_400_000];
/// The times of two frames at the beginning of the clip and of two frames at its end, in microseconds. A camera that
/// pans also moves between the two frames of a pair.
const ENDS_US: [u64; 4] = [0, 400_000, 2_000_000, 2_400_000];
/// The largest ratio of a picture's height to its width.
const TALLEST: usize = 3;

/// Grey samples of full range, row by row.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) samples: Vec<u8>,
}

impl Picture {
    /// Returns the width and height of the picture that is compared.
    pub(crate) fn size(clip: &dyn Clip) -> Result<(usize, usize), Failure> {
        let info = clip.info();
        let height = (info.height as usize * WIDTH).div_ceil(info.width.max(1) as usize);
        if height > TALLEST * WIDTH || height * 10 < WIDTH {
            return Err(Failure::UnsupportedClip("the picture is too narrow to compare".into()));
        }
        Ok((WIDTH, height))
    }

    /// Returns the pictures of frames that are spread over the clip.
    pub(crate) fn of(clip: &dyn Clip) -> Result<Vec<Self>, Failure> {
        Self::at(clip, &AT_US)
    }

    /// Returns two pictures from the clip's beginning and two from its end, or fewer if the clip is too short.
    pub(crate) fn of_ends(clip: &dyn Clip) -> Result<Vec<Self>, Failure> {
        Self::at(clip, &ENDS_US)
    }

    fn at(clip: &dyn Clip, at_us: &[u64]) -> Result<Vec<Self>, Failure> {
        let (info, (_, height)) = (clip.info(), Self::size(clip)?);
        let level = clip.level_not_below(WIDTH as u32);
        let (from_width, from_height) = clip.size(PlaneKind::Luma, level)?;
        let frames = chosen(clip, at_us);
        let mut pictures = Vec::with_capacity(frames.len());
        for frame in frames {
            let from = Self {
                width: from_width as usize,
                height: from_height as usize,
                samples: clip.luma(frame, level)?,
            };
            let mut picture = from.scaled(WIDTH, height);
            if info.range == SampleRange::Limited {
                for sample in &mut picture.samples {
                    // ITU-R BT.601: black 16, white 235.
                    let light = (*sample).clamp(16, 235) - 16;
                    *sample = ((u16::from(light) * 255 + 109) / 219) as u8;
                }
            }
            pictures.push(picture);
        }
        Ok(pictures)
    }

    /// Returns the median of pictures of the same size, sample by sample. The median removes passing objects.
    pub(crate) fn median(pictures: &[Self]) -> Option<Self> {
        let first = pictures.first()?;
        let mut planes: Vec<Vec<u8>> = pictures.iter().map(|picture| picture.samples.clone()).collect();
        // An odd-even transposition sort of all places at once. Smaller samples move to earlier planes.
        for round in 0..planes.len() {
            let (_, pairs) = planes.split_at_mut(round % 2);
            for [lesser, greater] in pairs.as_chunks_mut::<2>().0 {
                for (a, b) in lesser.iter_mut().zip(greater) {
                    (*a, *b) = ((*a).min(*b), (*a).max(*b));
                }
            }
        }
        let middle = planes.len() / 2;
        Some(Self { samples: planes.swap_remove(middle), ..*first })
    }

    /// Returns the coarse picture.
    pub(crate) fn coarse(&self) -> Self {
        self.scaled(COARSE_WIDTH, (self.height * COARSE_WIDTH).div_ceil(self.width.max(1)))
    }

    /// Returns the picture scaled down by averaging areas, or scaled up by repeating samples.
    fn scaled(&self, width: usize, height: usize) -> Self {
        if (width, height) == (self.width, self.height) {
            return self.clone();
        }
        let across = shares(self.width, width);
        let down = shares(self.height, height);
        let mut samples = Vec::with_capacity(width * height);
        let mut sums = vec![0_u32; self.width];
        for parts in &down {
            sums.fill(0);
            for &(row, share) in parts {
                let row = self.samples.get(row * self.width..(row + 1) * self.width).unwrap_or_default();
                for (sum, &sample) in sums.iter_mut().zip(row) {
                    *sum += u32::from(sample) * share;
                }
            }
            samples.extend(across.iter().map(|parts| {
                let sum: u32 =
                    parts.iter().map(|&(x, share)| (sums.get(x).copied().unwrap_or(0) >> 8) * share).sum();
                ((sum + 128) >> 8).min(255) as u8
            }));
        }
        Self { width, height, samples }
    }
}

/// Returns the frames that are nearest to these times.
fn chosen(clip: &dyn Clip, at_us: &[u64]) -> Vec<u32> {
    let frames = clip.frames();
    let nearest = |at_us: u64| {
        let frames = frames.iter().zip(0_u32..);
        frames.min_by_key(|(frame, _)| frame.timestamp_us.abs_diff(at_us)).map(|(_, index)| index)
    };
    let mut chosen: Vec<u32> = at_us.iter().copied().filter_map(nearest).collect();
    chosen.dedup();
    chosen
}

/// Divides a row of `from` samples into `to` samples. Returns, for each new sample, the old samples that it covers,
/// with their shares in 256ths.
fn shares(from: usize, to: usize) -> Vec<Vec<(usize, u32)>> {
    let span = from as f32 / to.max(1) as f32;
    let parts = |at: usize| {
        let (begin, end) = (at as f32 * span, (at + 1) as f32 * span);
        let mut left = 256;
        let first = begin as usize;
        let mut parts = Vec::with_capacity(span as usize + 2);
        for source in first..from {
            let covered = (end.min((source + 1) as f32) - begin.max(source as f32)).max(0.0);
            let share = ((256.0 * covered / span).round() as u32).min(left);
            if share > 0 {
                parts.push((source, share));
                left -= share;
            }
            if (source + 1) as f32 >= end {
                break;
            }
        }
        // The rounding error is added to the last share, so that the sum is 256.
        if let Some((_, share)) = parts.last_mut() {
            *share += left;
        }
        parts
    };
    (0..to).map(parts).collect()
}
