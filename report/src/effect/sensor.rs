//! Noise of a sensor. Photons arrive at random (shot noise: the variance is proportional to the light). The
//! read-out adds its own noise. Each sample measures one colour and interpolates the others from its
//! neighbours, which makes colour noise several samples wide. Rows and columns have their own amplifiers. Some
//! samples are hot: they are bright without light.

use super::{Effect, Physics, drawn, noise_field::NoiseField};
use crate::{
    frame::{Frame, GREY, sample},
    radiance::{Radiance, light_of},
    random::{Grain, Random},
};

/// The cause of the noise.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sensor {
    /// Few photons: a sample holds this many at full light.
    Photons(f32),
    /// Photons and read-out noise behind a colour mosaic, with linear interpolation.
    Mosaic(f32),
    /// Blotches of colour a few samples wide with hardly any luma noise, as after a filter that smooths only
    /// luma. The deviation is in grey values.
    Blotches(f32),
    /// This share of the samples is hot: bright, always the same samples, with the mosaic's colour.
    Hot(f32),
    /// Each row has its own offset, new in each frame. The deviation is in grey values.
    Rows(f32),
    /// This share of the columns has a bad amplifier. These columns are always the same.
    Columns(f32),
    /// Noise after a recursive filter in time, which makes it change slowly: crawling patches. The deviation is
    /// in grey values.
    Crawling(f32),
}

impl Physics for Sensor {
    fn effect(&self, mut random: Random) -> Box<dyn Effect> {
        let wanted = *self;
        let fixed = random.next();
        let mut grain = Grain::new(1.0, Random::new(random.next()));
        let mut slow: Vec<f32> = Vec::new();
        drawn(move |frame, _| match wanted {
            Sensor::Photons(full) => photons(frame, full, &mut grain),
            Sensor::Mosaic(full) => mosaic(frame, full, &mut grain),
            Sensor::Blotches(sigma) => {
                let other = NoiseField::new(&mut random, 2);
                let field = NoiseField::new(&mut random, 2);
                // The values of a field have a deviation of about 0.2, so the factor 5 below makes it `sigma`.
                let size = 2.5 * frame.scale().max(1.0);
                for (plane, field) in [(&mut frame.cb, field), (&mut frame.cr, other)] {
                    plane.map(|x, y, old| {
                        sample(
                            f32::from(old) + 5.0 * sigma * (field.at(x as f32 / size, y as f32 / size) - 0.5),
                        )
                    });
                }
                grain_luma(frame, &mut grain, 0.15 * sigma);
            }
            Sensor::Hot(share) => hot(frame, share, fixed),
            Sensor::Rows(sigma) => {
                let offsets: Vec<f32> = (0..frame.luma.height()).map(|_| random.normal() * sigma).collect();
                frame.luma.map(|_, y, old| sample(f32::from(old) + offsets.get(y).copied().unwrap_or(0.0)));
            }
            Sensor::Columns(share) => {
                let width = frame.luma.width();
                let offsets: Vec<f32> = (0..width)
                    .map(|column| {
                        let mut random = Random::new(fixed ^ column as u64);
                        let is_bad = random.unit() < share;
                        if is_bad {
                            random.between(12.0, 60.0) * if random.unit() < 0.3 { -0.6 } else { 1.0 }
                        } else {
                            0.0
                        }
                    })
                    .collect();
                frame.luma.map(|x, _, old| sample(f32::from(old) + offsets.get(x).copied().unwrap_or(0.0)));
            }
            Sensor::Crawling(sigma) => {
                let count = frame.luma.samples().len();
                slow.resize(count, 0.0);
                for value in &mut slow {
                    *value *= 0.75;
                }
                grain.add_light(&mut slow, 0.66);
                let width = frame.luma.width();
                let before = slow.clone();
                let at = |place: usize| before.get(place).copied().unwrap_or(0.0);
                frame.luma.map(|x, y, old| {
                    let place = y * width + x;
                    let soft = 0.5 * at(place)
                        + 0.3 * at(place + 1)
                        + 0.3 * at(place + width)
                        + 0.2 * at(place + width + 1);
                    sample(f32::from(old) + 1.4 * sigma * soft)
                });
            }
        })
    }
}

fn grain_luma(frame: &mut Frame, grain: &mut Grain, sigma: f32) {
    let mut values: Vec<f32> = frame.luma.samples().iter().map(|&value| f32::from(value)).collect();
    grain.add_light(&mut values, sigma);
    for (old, new) in frame.luma.samples_mut().iter_mut().zip(values) {
        *old = sample(new);
    }
}

/// Adds shot noise and read-out noise to each channel, for this many photons at full light.
fn expose(light: &mut Radiance, full: f32, grain: &mut Grain) {
    for channel in light.channels_mut() {
        let mut chance = vec![0.0; channel.len()];
        grain.add_light(&mut chance, 1.0);
        for (value, chance) in channel.iter_mut().zip(chance) {
            // The normal limit of the Poisson distribution, and two electrons of read-out noise.
            *value += chance * (value.max(0.0) * full + 4.0).sqrt() / full;
        }
    }
}

fn photons(frame: &mut Frame, full: f32, grain: &mut Grain) {
    let mut light = Radiance::of(frame);
    expose(&mut light, full, grain);
    *frame = light.to_frame();
}

/// Returns the colour that a sample measures: red in even columns of even rows, blue in odd columns of odd
/// rows, green elsewhere (Bayer 1976).
const fn colour_of(x: i64, y: i64) -> usize {
    match (x.rem_euclid(2), y.rem_euclid(2)) {
        (0, 0) => 0,
        (1, 1) => 2,
        _ => 1,
    }
}

fn mosaic(frame: &mut Frame, full: f32, grain: &mut Grain) {
    let mut light = Radiance::of(frame);
    expose(&mut light, full, grain);
    let known = light.clone();
    light.map(|x, y, _| {
        let (x, y) = (x as i64, y as i64);
        let (mut sums, mut counts) = ([0.0; 3], [0.0; 3]);
        for (dx, dy) in [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (1, -1), (-1, 1)] {
            let colour = colour_of(x + dx, y + dy);
            // If the sample measures the colour itself, its neighbours hardly count.
            let weight = if (dx, dy) == (0, 0) { 50.0 } else { 1.0 };
            let seen = known.at(x + dx, y + dy).get(colour).copied().unwrap_or(0.0);
            if let (Some(sum), Some(count)) = (sums.get_mut(colour), counts.get_mut(colour)) {
                *sum += seen * weight;
                *count += weight;
            }
        }
        let [r, g, b] = sums;
        let [cr, cg, cb] = counts.map(|count: f32| count.max(1.0));
        [r / cr, g / cg, b / cb]
    });
    *frame = light.to_frame();
}

fn hot(frame: &mut Frame, share: f32, fixed: u64) {
    let width = frame.luma.width();
    let half = width / 2;
    let mut random = Random::new(fixed);
    let count = (frame.luma.samples().len() as f32 * share) as usize;
    for _ in 0..count {
        let place = random.below(frame.luma.samples().len());
        let charge = light_of(random.between(0.4, 1.0));
        let level = 60.0 + 175.0 * charge;
        let colour = random.below(3);
        if let Some(old) = frame.luma.samples_mut().get_mut(place) {
            *old = (*old).max(sample(level));
        }
        let (x, y) = (place % width, place / width);
        let shift = match colour {
            0 => (-18.0, 45.0),
            2 => (48.0, -12.0),
            _ => (-20.0, -22.0),
        };
        for (plane, shift) in [(&mut frame.cb, shift.0), (&mut frame.cr, shift.1)] {
            if let Some(old) = plane.samples_mut().get_mut(y / 2 * half + x / 2) {
                *old = sample(f32::from(GREY) + shift * charge);
            }
        }
    }
}
