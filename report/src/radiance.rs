//! A picture as light: linear red, green and blue. Optical effects (defocus, fog, a veil, a drop) add and multiply
//! light, not samples. For example, a lamp out of focus becomes a bright disk, which no filter of samples can
//! make. The curve between light and samples is a power of 2.2, which is near enough to BT.709.

use crate::frame::{BLACK, Frame, GREY, sample};

/// The exponent of the display.
const GAMMA: f32 = 2.2;

/// Red, green and blue of one place. The values are from 0 to 1, or above 1 if they will be clipped.
pub type Light = [f32; 3];

/// The linear light of a whole picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Radiance {
    width: usize,
    height: usize,
    channels: [Vec<f32>; 3],
}

/// Returns the light of a coded value from 0 to 1.
#[must_use]
pub fn light_of(coded: f32) -> f32 {
    coded.clamp(0.0, 1.0).powf(GAMMA)
}

/// Returns the coded value, from 0 to 1, of a light.
#[must_use]
pub fn coded(light: f32) -> f32 {
    light.clamp(0.0, 1.0).powf(1.0 / GAMMA)
}

/// Both curves as tables, because computing powers for all samples of all frames would take most of the time.
struct Curves {
    light: Vec<f32>,
    coded: Vec<f32>,
}

impl Curves {
    /// The number of steps of a table. The steps of the first table are equal in the coded value. The steps of the
    /// second table are equal in the square root of light, because the coded value is nearly proportional to it.
    const STEPS: usize = 4096;

    fn get() -> &'static Self {
        static CURVES: std::sync::OnceLock<Curves> = std::sync::OnceLock::new();
        CURVES.get_or_init(|| {
            let steps = || (0..=Self::STEPS).map(|step| step as f32 / Self::STEPS as f32);
            Self {
                light: steps().map(light_of).collect(),
                coded: steps().map(|root| coded(root * root)).collect(),
            }
        })
    }

    fn entry(table: &[f32], share: f32) -> f32 {
        let step = (share.clamp(0.0, 1.0) * Self::STEPS as f32 + 0.5) as usize;
        table.get(step).copied().unwrap_or(0.0)
    }
}

impl Radiance {
    /// Converts a frame (BT.601, limited range) to light.
    #[must_use]
    pub fn of(frame: &Frame) -> Self {
        let (width, height) = frame.size();
        let curves = Curves::get();
        let mut channels = [0; 3].map(|_| Vec::with_capacity(width * height));
        let rows = frame.luma.samples().chunks_exact(width.max(1));
        let half = (width / 2).max(1);
        for (y, row) in rows.enumerate() {
            let at = |plane: &crate::frame::Plane| {
                plane.samples().get(y / 2 * half..(y / 2 + 1) * half).unwrap_or_default().to_vec()
            };
            let (cb, cr) = (at(&frame.cb), at(&frame.cr));
            for (pair, (cb, cr)) in row.chunks_exact(2).zip(cb.iter().zip(&cr)) {
                let difference = |value: u8| (f32::from(value) - f32::from(GREY)) / 224.0;
                let (cb, cr) = (difference(*cb), difference(*cr));
                for &luma in pair {
                    let luma = (f32::from(luma) - f32::from(BLACK)) / 219.0;
                    let rgb = [luma + 1.402 * cr, luma - 0.344 * cb - 0.714 * cr, luma + 1.772 * cb];
                    for (channel, value) in channels.iter_mut().zip(rgb) {
                        channel.push(Curves::entry(&curves.light, value));
                    }
                }
            }
        }
        Self { width, height, channels }
    }

    /// Makes a picture of uniform light.
    #[must_use]
    pub fn filled(width: usize, height: usize, light: Light) -> Self {
        Self { width, height, channels: light.map(|value| vec![value; width * height]) }
    }

    /// Converts light to a frame, like a sensor with a usual curve. Too much light is clipped.
    #[must_use]
    pub fn to_frame(&self) -> Frame {
        let curves = Curves::get();
        let mut frame = Frame::filled(self.width, self.height, [BLACK, GREY, GREY]);
        let half = self.width / 2;
        let mut sums = vec![[0.0_f32; 2]; half * (self.height / 2)];
        let [red, green, blue] = &self.channels;
        let lights = red.iter().zip(green).zip(blue);
        for (place, (((r, g), b), luma)) in lights.zip(frame.luma.samples_mut()).enumerate() {
            let [r, g, b] = [r, g, b].map(|light| Curves::entry(&curves.coded, light.max(0.0).sqrt()));
            let value = 0.299 * r + 0.587 * g + 0.114 * b;
            *luma = sample(value * 219.0 + f32::from(BLACK));
            let (x, y) = (place % self.width, place / self.width);
            if let Some([cb, cr]) = sums.get_mut(y / 2 * half + x / 2) {
                *cb += (b - value) / 1.772;
                *cr += (r - value) / 1.402;
            }
        }
        let planes = frame.cb.samples_mut().iter_mut().zip(frame.cr.samples_mut());
        for ((cb, cr), [blue, red]) in planes.zip(sums) {
            *cb = sample(blue / 4.0 * 224.0 + f32::from(GREY));
            *cr = sample(red / 4.0 * 224.0 + f32::from(GREY));
        }
        frame
    }

    /// Returns width and height.
    #[must_use]
    pub const fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// Returns the light at a place. Beyond the border, returns the nearest light of the border.
    #[must_use]
    pub fn at(&self, x: i64, y: i64) -> Light {
        let x = x.clamp(0, self.width as i64 - 1) as usize;
        let y = y.clamp(0, self.height as i64 - 1) as usize;
        let place = y * self.width + x;
        [0, 1, 2].map(|number| {
            let channel = self.channels.get::<usize>(number);
            channel.and_then(|channel| channel.get(place)).copied().unwrap_or(0.0)
        })
    }

    /// Returns the light between samples, by linear interpolation.
    #[must_use]
    pub fn between(&self, x: f32, y: f32) -> Light {
        let (left, top) = (x.floor(), y.floor());
        let (across, down) = (x - left, y - top);
        let (left, top) = (left as i64, top as i64);
        let row = |top| mix(self.at(left, top), self.at(left + 1, top), across);
        mix(row(top), row(top + 1), down)
    }

    /// Replaces every light with the result of `change`, which gets the column, the row and the light.
    pub fn map(&mut self, mut change: impl FnMut(usize, usize, Light) -> Light) {
        let width = self.width.max(1);
        let [red, green, blue] = &mut self.channels;
        for (place, ((r, g), b)) in red.iter_mut().zip(green).zip(blue).enumerate() {
            [*r, *g, *b] = change(place % width, place / width, [*r, *g, *b]);
        }
    }

    /// Returns every channel, row by row.
    #[must_use]
    pub const fn channels(&self) -> &[Vec<f32>; 3] {
        &self.channels
    }

    /// Returns every channel for changes, row by row.
    pub const fn channels_mut(&mut self) -> &mut [Vec<f32>; 3] {
        &mut self.channels
    }

    /// Returns the picture seen through an aperture: every point of the scene becomes the aperture's shape.
    #[must_use]
    pub fn through(&self, aperture: &Aperture) -> Self {
        self.through_part(aperture, 0..self.height)
    }

    /// Does the same as [`Self::through`], but only for some rows. The other rows stay unchanged.
    #[must_use]
    pub fn through_part(&self, aperture: &Aperture, rows: std::ops::Range<usize>) -> Self {
        let mut out = self.clone();
        for (channel, gathered) in self.channels.iter().zip(&mut out.channels) {
            aperture.gather(channel, self.width, self.height, rows.clone(), gathered);
        }
        out
    }
}

/// Mixes two lights. `share` is the share of the second light.
#[must_use]
pub fn mix(one: Light, other: Light, share: f32) -> Light {
    let [a, b, c] = one;
    let [d, e, f] = other;
    [a + (d - a) * share, b + (e - b) * share, c + (f - c) * share]
}

/// Multiplies all channels by a factor.
#[must_use]
pub fn times(light: Light, factor: f32) -> Light {
    light.map(|value| value * factor)
}

/// An aperture, as runs of whole samples. All samples have the same weight. A small aperture contains its shape
/// several times, each time shifted by a part of a sample, so that its borders are soft.
#[derive(Debug, Clone, PartialEq)]
pub struct Aperture {
    /// The row, the first column and the last column of a run.
    runs: Vec<(i64, i64, i64)>,
    count: f32,
    reach: i64,
}

impl Aperture {
    /// Makes an aperture of the places for which `is_open` returns true. A place is a number of samples to the
    /// right of and below the middle. No open place may be further than `reach` from the middle.
    #[must_use]
    pub fn of(reach: f32, is_open: impl Fn(f32, f32) -> bool) -> Self {
        // The number of shifts in each direction. Each is a part of a sample, and only a small aperture needs them.
        let steps: i64 = match reach {
            ..3.0 => 5,
            ..8.0 => 3,
            _ => 1,
        };
        let edge = reach.ceil() as i64 + 1;
        let offset = |step: i64| (step as f32 + 0.5) / steps as f32 - 0.5;
        let mut runs = Vec::new();
        for part in 0..steps * steps {
            let (dx, dy) = (offset(part % steps), offset(part / steps));
            for y in -edge..=edge {
                let mut begin = None;
                for x in -edge..=edge + 1 {
                    let open = x <= edge && is_open(x as f32 + dx, y as f32 + dy);
                    match (begin, open) {
                        (None, true) => begin = Some(x),
                        (Some(from), false) => {
                            runs.push((y, from, x - 1));
                            begin = None;
                        }
                        _ => {}
                    }
                }
            }
        }
        if runs.is_empty() {
            runs.push((0, 0, 0));
        }
        let count = runs.iter().map(|(_, from, to)| (to - from + 1) as f32).sum();
        Self { runs, count, reach: edge + 1 }
    }

    fn gather(
        &self,
        from: &[f32],
        width: usize,
        height: usize,
        rows: std::ops::Range<usize>,
        to: &mut [f32],
    ) {
        let reach = self.reach as usize;
        // The cumulative sums of each row. The values of the border are repeated beyond the border.
        let sums: Vec<Vec<f32>> = from
            .chunks_exact(width.max(1))
            .map(|row| {
                let (first, last) = (row.first().copied().unwrap_or(0.0), row.last().copied().unwrap_or(0.0));
                let wide = std::iter::repeat_n(first, reach)
                    .chain(row.iter().copied())
                    .chain(std::iter::repeat_n(last, reach));
                let mut sum = 0.0;
                std::iter::once(0.0)
                    .chain(wide.map(|value| {
                        sum += value;
                        sum
                    }))
                    .collect()
            })
            .collect();
        for y in rows {
            let Some(row) = to.get_mut(y * width..(y + 1) * width) else { return };
            row.fill(0.0);
            for &(dy, first, last) in &self.runs {
                let source = (y as i64 + dy).clamp(0, height as i64 - 1) as usize;
                let Some(sums) = sums.get(source) else { continue };
                let before = sums.iter().skip((self.reach + first) as usize);
                let until = sums.iter().skip((self.reach + last + 1) as usize);
                for ((value, before), until) in row.iter_mut().zip(before).zip(until) {
                    *value += until - before;
                }
            }
            for value in row {
                *value /= self.count;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_the_same_after_it_was_light() {
        let mut frame = Frame::filled(32, 16, [120, 110, 140]);
        frame.luma.map(|x, y, _| (60 + 4 * x + y) as u8);
        let again = Radiance::of(&frame).to_frame();
        let near = |a: &[u8], b: &[u8]| a.iter().zip(b).all(|(a, b)| a.abs_diff(*b) <= 2);
        assert!(near(again.luma.samples(), frame.luma.samples()));
        assert!(near(again.cb.samples(), frame.cb.samples()) && near(again.cr.samples(), frame.cr.samples()));
    }

    #[test]
    fn a_point_of_light_becomes_the_shape_of_the_aperture_and_keeps_its_light() {
        let mut radiance = Radiance::filled(41, 41, [0.0; 3]);
        radiance.map(|x, y, light| if (x, y) == (20, 20) { [1.0; 3] } else { light });
        let ring = Aperture::of(10.0, |x, y| (5.0..10.0).contains(&x.hypot(y)));
        let seen = radiance.through(&ring);
        assert_eq!(seen.at(20, 20)[0], 0.0);
        assert!(seen.at(27, 20)[0] > 0.001 && seen.at(31, 31)[0].abs() < 1e-6);
        let mut sum = 0.0;
        seen.clone().map(|_, _, light| {
            sum += light[1];
            light
        });
        assert!((sum - 1.0).abs() < 1e-3, "{sum}");
    }
}
