//! The light that a camera usually shows, by day and by night, and the comparison of the present light with it.
//!
//! Every clip is remembered, with or without an alarm. There are two comparisons. First, the exposure is wrong
//! if all parts of the picture are darker than in earlier clips by the same factor, even if some light is left.
//! Nightfall changes the layout of bright and dark parts instead, because lamps are lit. Second, darkness
//! that came and went several times is this camera's night. A defective iris, lamp or exposure does not repair
//! itself, so a condition that ended twice without intervention is no fault.

use easysight_sdk::{Failure, baseline, baseline::Remembered, image::correlation};
use serde::{Deserialize, Serialize};

use crate::light::{Layout, Light};

/// The maximum number of clips that are remembered. Older clips are dropped.
const MOST_LOOKS: usize = 40;
/// The smallest number of remembered clips with the same layout for a comparison of the exposure.
const KNOWN_AFTER: usize = 4;
/// Two clips have the same layout if the light of their parts has at least this correlation.
const SAME_LAYOUT: f64 = 0.9;
/// The share of the parts that is ignored: the parts that brightened most, for example a lamp or a clock.
const LEFT_OUT: f64 = 0.15;
/// An alarm is usual if it has ended without intervention at least this many times.
const ENDED: usize = 2;

/// The judgement of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Said {
    Normal,
    Dark,
    Bright,
}

/// A remembered clip, in grey levels of full range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Look {
    said: Said,
    mean: u8,
    /// The mean luma of the parts.
    layout: Vec<u8>,
}

/// The remembered clips of a camera, the latest first.
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

    /// Remembers a clip and its judgement.
    ///
    /// # Errors
    ///
    /// [`Failure::Internal`] if the host refuses to store the memory.
    pub(crate) fn learn(mut self, light: &Light, layout: &Layout, said: Said) -> Result<(), Failure> {
        let look = Look { said, mean: light.mean as u8, layout: layout.to_vec() };
        self.looks.insert(0, look);
        self.looks.truncate(MOST_LOOKS);
        baseline::store(&self).map_err(|error| Failure::Internal(error.to_string()))
    }

    /// True if the present judgement has occurred before and has ended without intervention often enough.
    pub(crate) fn has_ended_before(&self, said: Said) -> bool {
        let ends = self.looks.windows(2).filter(|pair| match pair {
            [later, earlier] => earlier.said == said && later.said == Said::Normal,
            _ => false,
        });
        ends.count() >= ENDED
    }

    /// Compares the present light with earlier clips of the same layout. If there is less light than in all of these
    /// clips, returns the ratio of the present light to the light of the darkest clip. If there is more light than in
    /// all of them, returns the ratio to the light of the brightest clip. Otherwise, or if there are too few such
    /// clips, returns 1.
    pub(crate) fn exposure(&self, layout: &Layout) -> f64 {
        let ratios: Vec<f64> = self.looks.iter().filter_map(|look| ratio(&look.layout, layout)).collect();
        if ratios.len() < KNOWN_AFTER {
            return 1.0;
        }
        let least = ratios.iter().copied().fold(f64::MAX, f64::min);
        let greatest = ratios.iter().copied().fold(0.0, f64::max);
        if greatest < 1.0 { greatest } else { least.max(1.0) }
    }
}

/// Returns the ratio of the present light to the light in an earlier clip, or None if the layout is different. The
/// parts that brightened most are ignored.
fn ratio(before: &[u8], now: &[u8]) -> Option<f64> {
    let mut parts: Vec<(u8, u8)> = before.iter().copied().zip(now.iter().copied()).collect();
    parts.sort_by_key(|&(before, now)| (i16::from(now) - i16::from(before), before));
    parts.truncate(parts.len() - (LEFT_OUT * parts.len() as f64) as usize);
    let (before, now): (Vec<u8>, Vec<u8>) = parts.into_iter().unzip();
    let sum = |parts: &[u8]| parts.iter().map(|&part| f64::from(part)).sum::<f64>().max(1.0);
    (correlation(&before, &now).unwrap_or(0.0) >= SAME_LAYOUT).then(|| sum(&now) / sum(&before))
}
