//! Frames as the effects process them: planar YUV 4:2:0, 8 bit, limited range.

use anyhow::{Context, ensure};

/// Luma of black, in the limited range.
pub const BLACK: u8 = 16;
/// Luma of white, in the limited range.
pub const WHITE: u8 = 235;
/// Chroma of grey.
pub const GREY: u8 = 128;

/// One plane of samples. Its rows have no gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plane {
    width: usize,
    samples: Vec<u8>,
}

impl Plane {
    /// Makes a plane of one value.
    #[must_use]
    pub fn filled(width: usize, height: usize, value: u8) -> Self {
        Self { width, samples: vec![value; width * height] }
    }

    /// Makes a plane of samples, row by row.
    #[must_use]
    pub const fn of(width: usize, samples: Vec<u8>) -> Self {
        Self { width, samples }
    }

    /// Returns the number of samples in a row.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn height(&self) -> usize {
        self.samples.len().checked_div(self.width).unwrap_or(0)
    }

    /// Returns all samples, row by row.
    #[must_use]
    pub fn samples(&self) -> &[u8] {
        &self.samples
    }

    /// Returns all samples for changes, row by row.
    pub fn samples_mut(&mut self) -> &mut [u8] {
        &mut self.samples
    }

    /// Returns the sample at a place. Beyond the border, returns the nearest sample of the border.
    #[must_use]
    pub fn at(&self, x: i64, y: i64) -> u8 {
        let x = x.clamp(0, self.width as i64 - 1) as usize;
        let y = y.clamp(0, self.height() as i64 - 1) as usize;
        self.samples.get(y * self.width + x).copied().unwrap_or(0)
    }

    /// Returns the value between samples, by cubic (Catmull-Rom) interpolation.
    #[must_use]
    pub fn between(&self, x: f32, y: f32) -> f32 {
        let (left, top) = (x.floor(), y.floor());
        let (across, down) = (cubic(x - left), cubic(y - top));
        let mut sum = 0.0;
        for (row, weight_y) in (-1_i64..).zip(down) {
            for (column, weight_x) in (-1_i64..).zip(across) {
                sum += weight_x * weight_y * f32::from(self.at(left as i64 + column, top as i64 + row));
            }
        }
        sum
    }

    /// Replaces every sample with the result of `change`, which gets the column, the row and the sample.
    pub fn map(&mut self, mut change: impl FnMut(usize, usize, u8) -> u8) {
        let width = self.width.max(1);
        for (y, row) in self.samples.chunks_exact_mut(width).enumerate() {
            for (x, sample) in row.iter_mut().enumerate() {
                *sample = change(x, y, *sample);
            }
        }
    }

    /// Replaces every sample with its entry in the table.
    pub fn look_up(&mut self, table: &[u8; 256]) {
        for sample in &mut self.samples {
            *sample = table.get(usize::from(*sample)).copied().unwrap_or(*sample);
        }
    }

    /// Returns a part of the plane. The part must lie within the plane.
    #[must_use]
    pub fn cut(&self, left: usize, top: usize, width: usize, height: usize) -> Self {
        let rows = self.samples.chunks_exact(self.width.max(1)).skip(top).take(height);
        Self { width, samples: rows.flat_map(|row| row.iter().skip(left).take(width)).copied().collect() }
    }
}

/// Returns the weights of the four neighbours at this distance from the second neighbour.
fn cubic(t: f32) -> [f32; 4] {
    let (t2, t3) = (t * t, t * t * t);
    [-0.5 * t + t2 - 0.5 * t3, 1.0 - 2.5 * t2 + 1.5 * t3, 0.5 * t + 2.0 * t2 - 1.5 * t3, -0.5 * t2 + 0.5 * t3]
}

/// Rounds and clamps a number to a sample.
#[must_use]
pub fn sample(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

/// A colour: luma, blue difference and red difference.
pub type Colour = [u8; 3];

/// One picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Luma.
    pub luma: Plane,
    /// Blue difference, half as wide and high.
    pub cb: Plane,
    /// Red difference, half as wide and high.
    pub cr: Plane,
}

impl Frame {
    /// Makes a picture of one colour. Odd sizes lose a column or row.
    #[must_use]
    pub fn filled(width: usize, height: usize, [luma, cb, cr]: Colour) -> Self {
        let (across, down) = (width / 2, height / 2);
        Self {
            luma: Plane::filled(across * 2, down * 2, luma),
            cb: Plane::filled(across, down, cb),
            cr: Plane::filled(across, down, cr),
        }
    }

    /// Returns the number of bytes of a frame of this size.
    #[must_use]
    pub const fn bytes_of(width: usize, height: usize) -> usize {
        width * height * 3 / 2
    }

    /// Makes a frame of the bytes of a raw frame: the planes, one after the other.
    ///
    /// # Errors
    ///
    /// Returns an error if the bytes are not exactly one frame of this (even) size.
    pub fn of_bytes(bytes: &[u8], width: usize, height: usize) -> anyhow::Result<Self> {
        ensure!(bytes.len() == Self::bytes_of(width, height), "not a frame of {width} × {height}");
        let (luma, chroma) = bytes.split_at_checked(width * height).context("no luma")?;
        let (cb, cr) = chroma.split_at_checked(width * height / 4).context("no chroma")?;
        Ok(Self {
            luma: Plane::of(width, luma.to_vec()),
            cb: Plane::of(width / 2, cb.to_vec()),
            cr: Plane::of(width / 2, cr.to_vec()),
        })
    }

    /// Returns the bytes of the planes, one after the other.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.luma.samples(), self.cb.samples(), self.cr.samples()].concat()
    }

    /// Returns width and height in luma samples.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.luma.width(), self.luma.height())
    }

    /// Returns the number of luma samples for one sample of a picture 640 samples wide. With this scale, effects
    /// look alike in all sizes.
    #[must_use]
    pub fn scale(&self) -> f32 {
        self.luma.width() as f32 / 640.0
    }

    /// Returns every plane, with the width and height of one of the plane's samples in luma samples.
    pub fn planes_mut(&mut self) -> [(&mut Plane, usize); 3] {
        [(&mut self.luma, 1), (&mut self.cb, 2), (&mut self.cr, 2)]
    }

    /// Returns a part of the frame. `left` and `top` are rounded to even places.
    #[must_use]
    pub fn cut(&self, left: usize, top: usize, width: usize, height: usize) -> Self {
        let (left, top, width, height) = (left / 2, top / 2, width / 2, height / 2);
        Self {
            luma: self.luma.cut(left * 2, top * 2, width * 2, height * 2),
            cb: self.cb.cut(left, top, width, height),
            cr: self.cr.cut(left, top, width, height),
        }
    }

    /// Returns a picture of the same size whose samples come from other places of this picture. `from` gets a
    /// place of the new picture, and returns the place of its origin. Both places are in luma samples.
    #[must_use]
    pub fn drawn_from(&self, from: impl Fn(f32, f32) -> (f32, f32)) -> Self {
        let draw = |plane: &Plane, step: f32| {
            let mut drawn = plane.clone();
            drawn.map(|x, y, _| {
                let (x, y) = from(x as f32 * step, y as f32 * step);
                sample(plane.between(x / step, y / step))
            });
            drawn
        };
        Self { luma: draw(&self.luma, 1.0), cb: draw(&self.cb, 2.0), cr: draw(&self.cr, 2.0) }
    }

    /// Covers the picture with a colour. The mask is the opacity at each place.
    pub fn cover(&mut self, mask: &Field, colour: Colour) {
        for ((plane, step), value) in self.planes_mut().into_iter().zip(colour) {
            let value = f32::from(value);
            plane.map(|x, y, old| {
                let share = mask.at(x * step, y * step);
                if share <= 0.0 { old } else { sample(f32::from(old) * (1.0 - share) + value * share) }
            });
        }
    }

    /// Covers the picture with another picture of the same size. The mask is the opacity at each place.
    pub fn cover_by(&mut self, mask: &Field, other: &Self) {
        let others = [&other.luma, &other.cb, &other.cr];
        for ((plane, step), other) in self.planes_mut().into_iter().zip(others) {
            plane.map(|x, y, old| {
                let share = mask.at(x * step, y * step);
                let new = f32::from(other.at(x as i64, y as i64));
                sample(f32::from(old) * (1.0 - share) + new * share)
            });
        }
    }
}

/// Numbers, one for each luma sample: a mask, or luma while it is processed.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    width: usize,
    values: Vec<f32>,
}

impl Field {
    /// Makes a field of the values that `value` returns for each place.
    #[must_use]
    pub fn of(width: usize, height: usize, value: impl Fn(f32, f32) -> f32) -> Self {
        let values = (0..height).flat_map(|y| (0..width).map(move |x| (x as f32, y as f32)));
        Self { width, values: values.map(|(x, y)| value(x, y)).collect() }
    }

    /// Returns the value at a place, 0 beyond the border.
    #[must_use]
    pub fn at(&self, x: usize, y: usize) -> f32 {
        if x >= self.width { 0.0 } else { self.values.get(y * self.width + x).copied().unwrap_or(0.0) }
    }

    /// Returns all values, row by row.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Returns all values for changes, row by row.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// Returns the field, blurred by a Gaussian of this standard deviation in samples.
    #[must_use]
    pub fn blurred(&self, sigma: f32) -> Self {
        Self { width: self.width, values: blur(&self.values, self.width, sigma) }
    }
}

/// Blurs a plane by a Gaussian of this standard deviation in samples of the plane.
pub fn blur_plane(plane: &mut Plane, sigma: f32) {
    let values: Vec<f32> = plane.samples().iter().map(|&sample| f32::from(sample)).collect();
    let blurred = blur(&values, plane.width(), sigma);
    for (old, new) in plane.samples_mut().iter_mut().zip(blurred) {
        *old = sample(new);
    }
}

/// Applies a Gaussian to rows, then to columns. The values of the border are repeated beyond the border.
fn blur(values: &[f32], width: usize, sigma: f32) -> Vec<f32> {
    let width = width.max(1);
    let height = values.len() / width;
    if sigma <= 0.0 || height == 0 {
        return values.to_vec();
    }
    // Only a four-hundredth of the weight lies beyond three standard deviations.
    let radius = (sigma * 3.0).ceil() as usize;
    let weights: Vec<f32> = (0..=2 * radius)
        .map(|i| (-(i as f32 - radius as f32).powi(2) / (2.0 * sigma * sigma)).exp())
        .collect();
    let sum: f32 = weights.iter().sum();
    let weights: Vec<f32> = weights.iter().map(|weight| weight / sum).collect();
    let mut across = Vec::with_capacity(values.len());
    for row in values.chunks_exact(width) {
        let (Some(&first), Some(&last)) = (row.first(), row.last()) else { continue };
        let wide: Vec<f32> = std::iter::repeat_n(first, radius)
            .chain(row.iter().copied())
            .chain(std::iter::repeat_n(last, radius))
            .collect();
        let mut sums = vec![0.0; width];
        for (offset, weight) in weights.iter().enumerate() {
            for (sum, value) in sums.iter_mut().zip(wide.iter().skip(offset)) {
                *sum += weight * value;
            }
        }
        across.extend(sums);
    }
    let mut down = Vec::with_capacity(values.len());
    for y in 0..height {
        let mut sums = vec![0.0; width];
        for (offset, weight) in weights.iter().enumerate() {
            let row = (y + offset).saturating_sub(radius).min(height - 1);
            for (sum, value) in sums.iter_mut().zip(across.iter().skip(row * width)) {
                *sum += weight * value;
            }
        }
        down.extend(sums);
    }
    down
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Applies the same Gaussian sample by sample, in two dimensions.
    fn plainly(values: &[f32], width: usize, sigma: f32) -> Vec<f32> {
        let height = values.len() / width;
        let radius = (sigma * 3.0).ceil() as i64;
        let at = |x: i64, y: i64| {
            let (x, y) = (x.clamp(0, width as i64 - 1), y.clamp(0, height as i64 - 1));
            f64::from(values[y as usize * width + x as usize])
        };
        let weight = |d: i64| (-(d * d) as f64 / (2.0 * f64::from(sigma).powi(2))).exp();
        let mut out = Vec::new();
        for y in 0..height as i64 {
            for x in 0..width as i64 {
                let (mut sum, mut weights) = (0.0, 0.0);
                for dy in -radius..=radius {
                    for dx in -radius..=radius {
                        let w = weight(dx) * weight(dy);
                        sum += w * at(x + dx, y + dy);
                        weights += w;
                    }
                }
                out.push((sum / weights) as f32);
            }
        }
        out
    }

    proptest! {
        #[test]
        fn blurring_by_rows_and_columns_is_blurring(
            values in prop::collection::vec(0.0_f32..255.0, 77),
            sigma in 0.4_f32..4.0,
        ) {
            let (fast, plain) = (blur(&values, 11, sigma), plainly(&values, 11, sigma));
            for (fast, plain) in fast.iter().zip(&plain) {
                prop_assert!((fast - plain).abs() < 0.01, "{fast} {plain}");
            }
        }

        #[test]
        fn a_frame_is_the_same_after_it_was_bytes(bytes in prop::collection::vec(any::<u8>(), 96)) {
            let frame = Frame::of_bytes(&bytes, 8, 8).expect("a frame of 8 × 8");
            prop_assert_eq!(frame.to_bytes(), bytes);
        }
    }

    #[test]
    fn between_samples_lies_what_is_between_them() {
        let plane = Plane::of(4, vec![0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150]);
        assert!((plane.between(1.0, 1.0) - 50.0).abs() < 1e-3);
        assert!((plane.between(1.5, 1.5) - 75.0).abs() < 1e-3);
    }

    #[test]
    fn a_cut_is_the_part_that_was_asked_for_in_all_planes() {
        let bytes: Vec<u8> = (0..96).collect();
        let frame = Frame::of_bytes(&bytes, 8, 8).expect("a frame of 8 × 8");
        let part = frame.cut(2, 4, 4, 2);
        assert_eq!(part.luma.samples(), [34, 35, 36, 37, 42, 43, 44, 45]);
        assert_eq!(part.cb.samples(), [64 + 9, 64 + 10]);
    }
}
