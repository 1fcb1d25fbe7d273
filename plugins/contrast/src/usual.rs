//! How a camera's picture usually is, and how much of a veil lies over it beside that.

use easysight_sdk::{Failure, baseline, baseline::Remembered};
use serde::{Deserialize, Serialize};

use crate::Tones;

/// A camera is known after so many checks without a finding.
const KNOWN_AFTER: u32 = 2;
/// The latest check weighs at least one part in so many.
const LONGEST: u32 = 8;
/// A veil lets at most this share of the usual span through; a scene's own changes leave more. Measured:
/// 0.9 of a road without the cars that make most of its contrast, 0.6 and less of mild fog.
const MOST_LEFT: f64 = 0.8;

/// What is remembered, in grey levels of full range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Usual {
    /// A twentieth of the picture is darker: passing things seldom are so large.
    low: f64,
    span: f64,
    seen: u32,
}

impl Remembered for Usual {
    const LAYOUT: u16 = 1;
}

impl Usual {
    pub(crate) fn recall() -> Option<Self> {
        baseline::load()
    }

    /// Remembers a picture in which nothing was found.
    ///
    /// # Errors
    ///
    /// [`Failure::Internal`] where the memory is refused.
    pub(crate) fn learn(last: Option<Self>, tones: &Tones) -> Result<(), Failure> {
        let before = last.unwrap_or(Self { low: tones.low, span: tones.span, seen: 0 });
        let seen = before.seen.saturating_add(1);
        let weight = 1.0 / f64::from(seen.min(LONGEST));
        let mean = |old: f64, new: f64| old + weight * (new - old);
        let usual = Self { low: mean(before.low, tones.low), span: mean(before.span, tones.span), seen };
        baseline::store(&usual).map_err(|error| Failure::Internal(error.to_string()))
    }

    /// Stray light over the usual picture, as a share of its bright parts; 0 where the span is nearly
    /// as it was, or the camera is not known yet. A veil turns I into t·I + a (Koschmieder): t is told by
    /// the span, a by the dark parts. Less light alone makes t smaller and leaves a at 0.
    pub(crate) fn veil(&self, tones: &Tones) -> f64 {
        let left = tones.span / self.span.max(1.0);
        if self.seen < KNOWN_AFTER || left > MOST_LEFT {
            return 0.0;
        }
        ((tones.low - left * self.low) / (tones.low + tones.span).max(1.0)).clamp(0.0, 1.0)
    }
}
