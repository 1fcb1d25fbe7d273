//! Darker, brighter, flatter: one luma curve for the whole clip, made from its first frame.

use super::{Effect, Physics, drawn};
use crate::{
    frame::{BLACK, Frame, GREY, sample},
    random::Random,
};

/// The number of grey values of the full range for each grey value of the limited range.
const EXPANSION: f32 = 255.0 / 219.0;

/// The requested luma curve. Chroma is multiplied by a factor.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tone {
    /// So dark that 95 % of the picture is below this grey value.
    Darken(f32),
    /// So bright that this share of the picture is clipped.
    Brighten(f32),
    /// Raised by a constant, as by a wrong setting, so that the median is at this grey value.
    Lift(f32),
    /// Flattened so that 90 % of the picture is within this many grey values. The second value is the new median;
    /// if absent, the median stays.
    Flatten(f32, Option<f32>),
    /// A healthy night: 95 % is below this grey value, with hardly any colour.
    Night(f32),
}

impl Physics for Tone {
    fn effect(&self, _: Random) -> Box<dyn Effect> {
        let (wanted, mut made) = (*self, None);
        drawn(move |frame, _| {
            let (curve, colour) = *made.get_or_insert_with(|| curve(wanted, frame));
            frame.luma.look_up(&curve);
            for plane in [&mut frame.cb, &mut frame.cr] {
                plane.map(|_, _, value| {
                    sample(f32::from(GREY) + (f32::from(value) - f32::from(GREY)) * colour)
                });
            }
        })
    }
}

/// Returns the luma curve and the factor of chroma.
fn curve(wanted: Tone, frame: &Frame) -> ([u8; 256], f32) {
    let quantile = |share| full(quantile(frame.luma.samples(), share));
    match wanted {
        // The gain is limited, so that a dark scene becomes darker too.
        Tone::Darken(p95) => {
            let gain = (p95 / quantile(0.95).max(1.0)).min(0.7);
            (table(|value| value * gain), gain)
        }
        Tone::Night(p95) => {
            let gain = (p95 / quantile(0.95).max(1.0)).min(1.0);
            (table(|value| value * gain), gain * 0.5)
        }
        Tone::Brighten(share) => {
            let gain = (262.0 / quantile(1.0 - share).max(1.0)).max(1.3);
            (table(|value| value * gain), (1.0 - share).clamp(0.1, 1.0))
        }
        Tone::Lift(median) => {
            let offset = median - quantile(0.5);
            (table(|value| value + offset), 1.0)
        }
        Tone::Flatten(spread, level) => {
            let factor = (spread / (quantile(0.95) - quantile(0.05)).max(1.0)).min(0.6);
            let median = quantile(0.5);
            let level = level.unwrap_or(median);
            (table(|value| level + (value - median) * factor), factor)
        }
    }
}

/// Converts a sample of the limited range to the full range.
fn full(sample: u8) -> f32 {
    (f32::from(sample) - f32::from(BLACK)) * EXPANSION
}

/// Makes the table of a curve of full-range values.
fn table(curve: impl Fn(f32) -> f32) -> [u8; 256] {
    let mut table = [0; 256];
    for (value, entry) in (0_u8..=255).zip(&mut table) {
        let full = curve(full(value)).clamp(0.0, 255.0);
        *entry = sample(full / EXPANSION + f32::from(BLACK));
    }
    table
}

/// Returns the sample below which this share of all samples lies.
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
