//! Darker, brighter, flatter: one curve of luma for the whole clip, made from its first frame.

use super::{Effect, Moment};
use crate::frame::{BLACK, Frame, GREY, sample};

/// Grey values of the full range for one of the limited range.
const EXPANSION: f32 = 255.0 / 219.0;

/// The curve that is wanted.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    Dark(f32),
    Clipped(f32),
    Median(f32),
    Spread(f32, Option<f32>),
    Night(f32),
}

/// Changes luma by a curve and chroma by a factor.
#[derive(Debug)]
pub(super) struct Tone {
    wanted: Wanted,
    curve: Option<([u8; 256], f32)>,
}

impl Tone {
    pub(super) const fn darken(p95: f32) -> Self {
        Self { wanted: Wanted::Dark(p95), curve: None }
    }

    pub(super) const fn brighten(clipped: f32) -> Self {
        Self { wanted: Wanted::Clipped(clipped), curve: None }
    }

    pub(super) const fn lift(median: f32) -> Self {
        Self { wanted: Wanted::Median(median), curve: None }
    }

    pub(super) const fn flatten(spread: f32, level: Option<f32>) -> Self {
        Self { wanted: Wanted::Spread(spread, level), curve: None }
    }

    pub(super) const fn night(p95: f32) -> Self {
        Self { wanted: Wanted::Night(p95), curve: None }
    }
}

impl Effect for Tone {
    fn apply(&mut self, frame: &mut Frame, _: Moment) {
        let (curve, colour) = *self.curve.get_or_insert_with(|| curve(self.wanted, frame));
        frame.luma.look_up(&curve);
        for plane in [&mut frame.cb, &mut frame.cr] {
            plane.map(|_, _, value| sample(f32::from(GREY) + (f32::from(value) - f32::from(GREY)) * colour));
        }
    }
}

/// The curve of luma and the factor of chroma.
fn curve(wanted: Wanted, frame: &Frame) -> ([u8; 256], f32) {
    let quantile = |share| full(quantile(frame.luma.samples(), share));
    match wanted {
        // Where the scene is dark already it still gets darker.
        Wanted::Dark(p95) => {
            let gain = (p95 / quantile(0.95).max(1.0)).min(0.7);
            (table(|value| value * gain), gain)
        }
        Wanted::Night(p95) => {
            let gain = (p95 / quantile(0.95).max(1.0)).min(1.0);
            (table(|value| value * gain), gain * 0.5)
        }
        Wanted::Clipped(share) => {
            let gain = (262.0 / quantile(1.0 - share).max(1.0)).max(1.3);
            (table(|value| value * gain), (1.0 - share).clamp(0.1, 1.0))
        }
        Wanted::Median(median) => {
            let offset = median - quantile(0.5);
            (table(|value| value + offset), 1.0)
        }
        Wanted::Spread(spread, level) => {
            let factor = (spread / (quantile(0.95) - quantile(0.05)).max(1.0)).min(0.6);
            let median = quantile(0.5);
            let level = level.unwrap_or(median);
            (table(|value| level + (value - median) * factor), factor)
        }
    }
}

/// A sample of the limited range in the full range.
fn full(sample: u8) -> f32 {
    (f32::from(sample) - f32::from(BLACK)) * EXPANSION
}

/// The table of a curve of full range values.
fn table(curve: impl Fn(f32) -> f32) -> [u8; 256] {
    let mut table = [0; 256];
    for (value, entry) in (0_u8..=255).zip(&mut table) {
        let full = curve(full(value)).clamp(0.0, 255.0);
        *entry = sample(full / EXPANSION + f32::from(BLACK));
    }
    table
}

/// The sample below which this share of all is.
pub(super) fn quantile(samples: &[u8], share: f32) -> u8 {
    let mut counts = [0_usize; 256];
    for &sample in samples {
        if let Some(count) = counts.get_mut(usize::from(sample)) {
            *count += 1;
        }
    }
    let wanted = (samples.len() as f32 * share) as usize;
    let mut sum = 0;
    for (value, count) in (0_u8..=255).zip(counts) {
        sum += count;
        if sum > wanted {
            return value;
        }
    }
    255
}
