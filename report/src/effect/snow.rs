//! Bad analogue reception over radio or cable. The receiver's bandwidth is less than the number of samples in a
//! line, so disturbances are short dashes along rows, never single samples. If the carrier is lost, only static
//! remains. FM reception has comets of full white and black.

use super::{Effect, Physics, drawn};
use crate::{
    frame::{Frame, GREY, sample},
    random::Random,
};

/// The kind of reception.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reception {
    /// Weak reception: noise of this deviation in grey values. The receiver limits its bandwidth.
    Weak(f32),
    /// Comets over this share of the samples: bright or dark, with a tail to the right.
    Sparkles(f32),
    /// Static that replaces this share of the picture's contrast.
    Static(f32),
    /// Dashes, as from an ignition or a motor: bursts that affect this share of all rows.
    Bursts(f32),
}

impl Physics for Reception {
    fn effect(&self, mut random: Random) -> Box<dyn Effect> {
        let wanted = *self;
        drawn(move |frame, _| match wanted {
            Reception::Weak(sigma) => {
                along_rows(frame, &mut random, |old, noise| old + 1.5 * sigma * noise, 0.6);
            }
            Reception::Static(share) => along_rows(
                frame,
                &mut random,
                |old, noise| old * (1.0 - share) + share * (120.0 + 85.0 * noise),
                1.0 - share,
            ),
            Reception::Sparkles(share) => sparkles(frame, share, &mut random),
            Reception::Bursts(share) => bursts(frame, share, &mut random),
        })
    }
}

/// Replaces each luma sample with the result of `change`, which gets the sample and a noise value. The noise has a
/// deviation of 1 and is low-pass: neighbouring samples of a row get similar values. The chroma's distance from grey
/// is multiplied by `colour`, and chroma gets noise too.
fn along_rows(frame: &mut Frame, random: &mut Random, change: impl Fn(f32, f32) -> f32, colour: f32) {
    let keep = (-1.0 / (1.2 * frame.scale()).max(0.4)).exp();
    let fresh = (1.0 - keep * keep).sqrt();
    let mut state = 0.0;
    frame.luma.map(|_, _, old| {
        state = keep * state + fresh * random.normal();
        sample(change(f32::from(old), state))
    });
    for plane in [&mut frame.cb, &mut frame.cr] {
        let mut state = 0.0;
        plane.map(|_, _, old| {
            state = 0.85 * state + 0.53 * random.normal();
            sample(
                f32::from(GREY) + (f32::from(old) - f32::from(GREY)) * colour + 6.0 * state * (1.2 - colour),
            )
        });
    }
}

fn sparkles(frame: &mut Frame, share: f32, random: &mut Random) {
    let width = frame.luma.width();
    let length = 7.0 * frame.scale();
    let count = (frame.luma.samples().len() as f32 * share / length) as usize;
    for _ in 0..count {
        let (x, y) = (random.below(width), random.below(frame.luma.height()));
        let level = if random.unit() < 0.7 { 235.0 } else { 16.0 };
        let tail = length * random.between(0.4, 2.0);
        for dx in 0..(tail as usize + 1).min(width - x) {
            let share = (1.0 - dx as f32 / (tail + 1.0)).sqrt();
            if let Some(old) = frame.luma.samples_mut().get_mut(y * width + x + dx) {
                *old = sample(f32::from(*old) + (level - f32::from(*old)) * share);
            }
        }
    }
}

fn bursts(frame: &mut Frame, share: f32, random: &mut Random) {
    let (width, height) = frame.size();
    let dash = (9.0 * frame.scale()) as usize + 1;
    let mut row = 0;
    while row < height {
        let burst = 1 + random.below(1 + height / 60);
        if random.unit() < share {
            for y in row..(row + burst).min(height) {
                let mut x = random.below(dash * 3);
                while x < width {
                    let run = 1 + random.below(dash);
                    let level = random.between(-110.0, 150.0);
                    for x in x..(x + run).min(width) {
                        if let Some(old) = frame.luma.samples_mut().get_mut(y * width + x) {
                            *old = sample(f32::from(*old) + level);
                        }
                    }
                    x += run + random.below(dash * 4);
                }
            }
        }
        row += burst;
    }
}
