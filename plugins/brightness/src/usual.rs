//! The light that a camera usually shows, by day and by night, and what that makes of the present one.
//!
//! Every look is remembered, alarmed or not. Two things follow. Where all parts of the picture are as
//! many times darker than in a look of the same view, and the lamps of a night are not lit, the exposure
//! is wrong though something light is left; a night changes the layout. And darkness that came and went
//! again and again is this camera's night: iris, lamp and exposure do not mend themselves, so what has
//! ended by itself twice is no fault.

use easysight_sdk::{Failure, baseline, baseline::Remembered, image::correlation};
use serde::{Deserialize, Serialize};

use crate::light::{Layout, Light};

/// Looks that are remembered; the oldest is forgotten.
const MOST_LOOKS: usize = 40;
/// So many looks of the same layout must be known before exposure is held against them.
const KNOWN_AFTER: usize = 4;
/// Correlation of the light of the parts from which on the layout is the same.
const SAME_LAYOUT: f64 = 0.9;
/// Share of the parts that are left out: those that grew lightest, a lamp or a clock.
const LEFT_OUT: f64 = 0.15;
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

    /// How much light is there beside the looks of the same layout: the present light over the least of
    /// theirs where it is less, over the greatest where it is more, 1 between; 1 where too few compare.
    pub(crate) fn exposure(&self, layout: &Layout) -> f64 {
        let ratios: Vec<f64> = self.looks.iter().filter_map(|look| ratio(&look.layout, layout)).collect();
        if ratios.len() < KNOWN_AFTER {
            return 1.0;
        }
        let least = ratios.iter().copied().fold(f64::MAX, f64::min);
        let greatest = ratios.iter().copied().fold(0.0, f64::max);
        // Less light than the darkest look had, or more than the brightest.
        if greatest < 1.0 { greatest } else { least.max(1.0) }
    }
}

/// How many times as much light is in the parts as in those of a look, those left out that grew lightest;
/// none where the layout is another.
fn ratio(before: &[u8], now: &[u8]) -> Option<f64> {
    let mut parts: Vec<(u8, u8)> = before.iter().copied().zip(now.iter().copied()).collect();
    parts.sort_by_key(|&(before, now)| (i16::from(now) - i16::from(before), before));
    parts.truncate(parts.len() - (LEFT_OUT * parts.len() as f64) as usize);
    let (before, now): (Vec<u8>, Vec<u8>) = parts.into_iter().unzip();
    let sum = |parts: &[u8]| parts.iter().map(|&part| f64::from(part)).sum::<f64>().max(1.0);
    (correlation(&before, &now).unwrap_or(0.0) >= SAME_LAYOUT).then(|| sum(&now) / sum(&before))
}
