//! The static content of a clip, in two sizes, and the cells in which something moved.

use easysight_sdk::{
    Clip, Failure, PlaneKind, SampleRange,
    image::{Moments, tile_moments},
};

/// The largest width of the measured (fine) picture, in pixels. The camera's picture is halved until it fits. The fine
/// picture is therefore 240 to 480 pixels wide, and at least 320 for the usual sizes. Where half of this width is
/// enough, the coarse picture is used.
const WIDTH: u32 = 480;
/// The number of frames that are measured. Their mean shows static content; the rest is averaged away.
const FRAMES: u32 = 4;
/// The side of a cell in pixels of the coarse picture.
pub(crate) const CELL: usize = 4;
/// The side of a cell in pixels of the fine picture.
pub(crate) const FINE_CELL: usize = 2 * CELL;
/// The grey levels by which the mean of a cell may vary while nothing moves in it.
const STILL: f32 = 8.0;
/// The share of the standard deviation within a cell by which the cell's mean may vary in addition, because leaves sway
/// and few poles stand quite still.
const SWAY: f32 = 0.25;

/// The range in which the mean of a cell varies.
#[derive(Debug, Clone, Copy)]
struct Span {
    low: f32,
    high: f32,
    /// The highest mean minus the lowest.
    wander: f32,
    /// The largest standard deviation within the cell in a frame.
    deviation: f32,
}

impl Default for Span {
    fn default() -> Self {
        Self { low: f32::MAX, high: f32::MIN, wander: 0.0, deviation: 0.0 }
    }
}

impl Span {
    fn take(&mut self, cell: Moments) {
        const SAMPLES: u32 = (FINE_CELL * FINE_CELL) as u32;
        let mean = cell.mean(SAMPLES);
        self.low = self.low.min(mean);
        self.high = self.high.max(mean);
        self.wander = self.high - self.low;
        self.deviation = self.deviation.max(cell.variance(SAMPLES).sqrt());
    }
}

/// Grey levels of full range, row by row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plane {
    pub(crate) width: usize,
    pub(crate) values: Vec<f32>,
}

impl Plane {
    pub(crate) fn new(width: usize, values: Vec<f32>) -> Self {
        Self { width: width.max(1), values }
    }

    pub(crate) const fn height(&self) -> usize {
        self.values.len() / self.width
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.width)
    }

    /// Returns the value nearest to a place. None if the place is outside the plane.
    pub(crate) fn near(&self, x: f32, y: f32) -> Option<f32> {
        let (x, y) = (x + 0.5, y + 0.5);
        if x < 0.0 || y < 0.0 || x >= self.width as f32 {
            return None;
        }
        self.values.get(y as usize * self.width + x as usize).copied()
    }

    /// Averages with weights 1 2 1 across and down, which halves noise. Values at the border are averaged in one
    /// direction only, and those in the corners are unchanged.
    pub(crate) fn smoothed(&self) -> Self {
        let mut across = self.values.clone();
        for (out, row) in across.chunks_exact_mut(self.width).zip(self.rows()) {
            let inner = out.get_mut(1..).unwrap_or_default();
            let next = row.get(1..).unwrap_or_default();
            let after = row.get(2..).unwrap_or_default();
            for (((out, &a), &b), &c) in inner.iter_mut().zip(row).zip(next).zip(after) {
                *out = 0.25 * (a + c) + 0.5 * b;
            }
        }
        let mut smooth = across.clone();
        let inner = smooth.get_mut(self.width..).unwrap_or_default();
        let next = across.get(self.width..).unwrap_or_default();
        let after = across.get(2 * self.width..).unwrap_or_default();
        for (((out, &a), &b), &c) in inner.iter_mut().zip(&across).zip(next).zip(after) {
            *out = 0.25 * (a + c) + 0.5 * b;
        }
        Self { width: self.width, values: smooth }
    }

    /// Halves the width and height. An odd last row or column is ignored.
    fn halved(&self) -> Self {
        let width = self.width / 2;
        let mut values = Vec::with_capacity(width * (self.height() / 2));
        for pair in self.values.chunks_exact(2 * self.width) {
            let (upper, lower) = pair.split_at(self.width);
            let (upper, lower) = (upper.as_chunks::<2>().0, lower.as_chunks::<2>().0);
            values.extend(upper.iter().zip(lower).map(|([a, b], [c, d])| 0.25 * (a + b + c + d)));
        }
        Self::new(width, values)
    }
}

/// The measured content of a clip.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    /// The fine picture, up to [`WIDTH`] wide.
    pub(crate) fine: Plane,
    /// The coarse picture, half the size of the fine picture.
    pub(crate) coarse: Plane,
    /// One value for each cell of [`CELL`] × [`CELL`] coarse pixels, row by row: true if something moved in the cell.
    pub(crate) moved: Vec<bool>,
    /// The number of cells in a row.
    pub(crate) columns: usize,
    /// The static content, as samples.
    pub(crate) samples: Vec<u8>,
}

impl Picture {
    pub(crate) fn of(clip: &dyn Clip) -> Result<Self, Failure> {
        let level = clip.level_within(WIDTH);
        let (width, height) = clip.size(PlaneKind::Luma, level)?;
        let (width, height) = (width as usize, height as usize);
        let frames = clip.spread(FRAMES);
        let mut sums = vec![0_u16; width * height];
        let columns = width / FINE_CELL;
        let mut spans = vec![Span::default(); columns * (height / FINE_CELL)];
        for &frame in &frames {
            let plane = clip.luma(frame, level)?;
            for (span, cell) in spans.iter_mut().zip(tile_moments::<FINE_CELL>(&plane, width)) {
                span.take(cell);
            }
            for (sum, sample) in sums.iter_mut().zip(plane) {
                *sum += u16::from(sample);
            }
        }
        let count = u16::try_from(frames.len()).unwrap_or(1).max(1);
        let (offset, scale) = match clip.info().range {
            SampleRange::Full => (0.0, 1.0),
            // ITU-R BT.601: black 16, white 235.
            SampleRange::Limited => (16.0, 255.0 / 219.0),
        };
        let each = scale / f32::from(count);
        let values = sums.iter().map(|&sum| f32::from(sum) * each - offset * scale).collect();
        let fine = Plane::new(width, values);
        Ok(Self {
            coarse: fine.halved(),
            fine,
            moved: spans.iter().map(|span| span.wander > (STILL / scale) + SWAY * span.deviation).collect(),
            columns,
            samples: sums.iter().map(|sum| (sum / count) as u8).collect(),
        })
    }

    /// Returns, for the cells in a circle, the share of those in which something moved. The middle and the radius of
    /// the circle are in coarse pixels.
    pub(crate) fn moved_share(&self, x: f32, y: f32, radius: f32) -> f32 {
        let side = CELL as f32;
        let (mut all, mut moved) = (0_u32, 0_u32);
        for (at, &cell) in self.moved.iter().enumerate() {
            let (column, row) = ((at % self.columns) as f32 + 0.5, (at / self.columns) as f32 + 0.5);
            if (column * side - x).hypot(row * side - y) <= radius {
                all += 1;
                moved += u32::from(cell);
            }
        }
        moved as f32 / all.max(1) as f32
    }

    /// Returns the grey level below which the given share of the picture is.
    pub(crate) fn percentile(&self, share: f32) -> f32 {
        let mut counts = [0_u32; 256];
        for &value in &self.coarse.values {
            if let Some(count) = counts.get_mut(value.clamp(0.0, 255.0) as usize) {
                *count += 1;
            }
        }
        let mut left = (share * self.coarse.values.len() as f32) as u32;
        for (level, count) in counts.iter().enumerate() {
            if left < *count {
                return level as f32;
            }
            left -= count;
        }
        255.0
    }
}
