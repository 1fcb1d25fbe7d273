//! The light that a camera usually shows, by day and by night, and what that makes of the present one.
//!
//! Every look is remembered, alarmed or not. Two things follow. Where all parts of the picture are as
//! many times darker than in a look of the same view, and the lamps of a night are not lit, the exposure
//! is wrong though something light is left; a night changes the layout. And darkness that came and went
//! again and again is this camera's night: iris, lamp and exposure do not mend themselves, so what has
//! ended by itself twice is no fault.

use easysight_sdk::{Failure, baseline, baseline::Remembered};
use serde::{Deserialize, Serialize};

use crate::light::{Layout, Light};

/// Looks that are remembered; the oldest is forgotten.
const MOST_LOOKS: usize = 40;
/// So many looks of the same layout must be known before exposure is held against them.
const KNOWN_AFTER: usize = 4;
/// Correlation of the light of the parts from which on the layout is the same.
const SAME_LAYOUT: f64 = 0.9;
/// An alarm that ended by itself so often is usual.
const ENDED: usize = 2;

/// What was said of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Said {
    Normal,
    Dark,
    Bright,
}

/// A look, in grey levels of full range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Look {
    said: Said,
    mean: u8,
    /// Mean luma of the parts.
    layout: Vec<u8>,
}

/// The looks of a camera, the latest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Usual {
    looks: Vec<Look>,
}

impl Remembered for Usual {
    const LAYOUT: u16 = 1;
}

impl Usual {
    pub(crate) fn recall() -> Self {
        baseline::load().unwrap_or_default()
    }

    pub(crate) const fn looks(&self) -> usize {
        self.looks.len()
    }

    /// Remembers a look, and what the picture alone said of it.
    ///
    /// # Errors
    ///
    /// [`Failure::Internal`] where the memory is refused.
    pub(crate) fn learn(mut self, light: &Light, layout: &Layout, said: Said) -> Result<(), Failure> {
        let look = Look { said, mean: light.mean as u8, layout: layout.to_vec() };
        self.looks.insert(0, look);
        self.looks.truncate(MOST_LOOKS);
        baseline::store(&self).map_err(|error| Failure::Internal(error.to_string()))
    }

    /// Whether what is said of the present look came and ended by itself before.
    pub(crate) fn has_ended_before(&self, said: Said) -> bool {
        let ends = self.looks.windows(2).filter(|pair| match pair {
            [later, earlier] => earlier.said == said && later.said == Said::Normal,
            _ => false,
        });
        ends.count() >= ENDED
    }

    /// How much light is there beside the looks of the same layout: the present mean over the least of
    /// theirs where it is less, over the greatest where it is more, 1 between; 1 where too few compare.
    pub(crate) fn exposure(&self, light: &Light, layout: &Layout) -> f64 {
        let alike = self.looks.iter().filter(|look| correlation(&look.layout, layout) >= SAME_LAYOUT);
        let means: Vec<f64> = alike.map(|look| f64::from(look.mean.max(1))).collect();
        if means.len() < KNOWN_AFTER {
            return 1.0;
        }
        let least = means.iter().copied().fold(f64::MAX, f64::min);
        let greatest = means.iter().copied().fold(0.0, f64::max);
        (light.mean / least).min(1.0) * (light.mean / greatest).max(1.0)
    }
}

/// Pearson's; 0 where either does not vary.
fn correlation(before: &[u8], now: &[u8]) -> f64 {
    let mean = |values: &[u8]| {
        values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len().max(1) as f64
    };
    let (mean_before, mean_now) = (mean(before), mean(now));
    let (mut both, mut old, mut new) = (0.0, 0.0, 0.0);
    for (&before, &now) in before.iter().zip(now) {
        let (before, now) = (f64::from(before) - mean_before, f64::from(now) - mean_now);
        (both, old, new) = (both + before * now, old + before * before, new + now * now);
    }
    if old * new == 0.0 { 0.0 } else { both / (old * new).sqrt() }
}
