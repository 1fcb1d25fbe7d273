//! What a camera's looks were like, and what they make of the present one.
//!
//! Every look is remembered, alarmed or not, so that an alarm which many looks contradict is learnt
//! from. Two things follow. A veil turns I into t·I + a (Koschmieder): t shows in the span and a in the
//! dark parts, beside most of the looks in similar light; less light alone makes t smaller and leaves a
//! at 0. And a view that is narrow by nature is as narrow at every look, whatever the light, whereas
//! fog comes, thickens and lifts: where the spread is small over changing light, only what lies clearly
//! beyond the usual counts.

use easysight_sdk::{Failure, baseline, baseline::Remembered, image::correlation};
use serde::{Deserialize, Serialize};

use crate::{Sight, sight::at_share};

/// Looks that are remembered; the oldest is forgotten.
const MOST_LOOKS: usize = 40;
/// So many looks in similar light must be known before a veil is told beside them.
const KNOWN_AFTER: usize = 2;
/// Looks whose mean luma differs by more than this factor show other light and are not compared.
const SIMILAR_LIGHT: f64 = 2.2;
/// Correlation of the light of the parts of two pictures, below which they show other views: presets of a
/// camera that turns. A veil leaves it as it was.
const SAME_VIEW: f64 = 0.7;
/// Share of the compared looks that may contradict a veil.
const CONTRADICT: f64 = 0.3;
/// Fog beside the usual air: the far parts keep at most this share of their transmission,
const FOG_LEFT: f64 = 0.4;
/// the haze over them has grown by at least this much, which no blur does,
const MORE_HAZE: f64 = 0.25;
/// and less than this comes through, or the air is clear enough all the same.
const THIN_FOG: f64 = 0.3;
/// A veil lets at most this share of the usual span through; a scene's own changes leave more. Measured:
/// 0.9 of a road without the cars that make most of its contrast, 0.6 and less of mild fog.
const MOST_LEFT: f64 = 0.8;
/// Looks after which a view may count as narrow by nature where the light has changed.
const NATURE_AFTER: usize = 8;
/// The light has changed where the brightest look's mean luma is so many times the darkest's.
const CHANGED_LIGHT: f64 = 1.3;
/// Greatest margin over least, of eight in ten looks, of a view that is as it is by nature. Fog on one
/// morning varies by more: its contrast goes with the exponential of its density.
const STEADY: f64 = 1.2;
/// The same where the light never changes, as indoors, over all looks that are remembered.
const STEADY_FOR_LONG: f64 = 1.3;
/// Share of the least usual margin below which even a view that is narrow by nature has a veil over it.
const WORSE: f64 = 0.8;

/// How far a look lay from each threshold: 1 at the threshold, less beyond it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Margins {
    pub(crate) fog: f64,
    pub(crate) contrast: f64,
    pub(crate) tiles: f64,
}

/// A look: luma in grey levels, margins in hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Look {
    mean: u8,
    /// A twentieth of the picture is darker: passing things seldom are so large.
    low: u8,
    span: u8,
    fog: u16,
    contrast: u16,
    tiles: u16,
    /// Transmission and haze of the far parts, in hundredths.
    transmission: u8,
    haze: u8,
    view: [u8; 24],
}

/// The looks of a camera, the latest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Usual {
    looks: Vec<Look>,
}

impl Remembered for Usual {
    const LAYOUT: u16 = 3;
}

impl Usual {
    pub(crate) fn recall() -> Self {
        baseline::load().unwrap_or_default()
    }

    pub(crate) const fn looks(&self) -> usize {
        self.looks.len()
    }

    /// Remembers a look.
    ///
    /// # Errors
    ///
    /// [`Failure::Internal`] where the memory is refused.
    pub(crate) fn learn(mut self, sight: &Sight, margins: &Margins) -> Result<(), Failure> {
        let hundredths = |margin: f64| (100.0 * margin).clamp(0.0, f64::from(u16::MAX)) as u16;
        let look = Look {
            mean: sight.mean as u8,
            low: sight.low as u8,
            span: sight.span as u8,
            fog: hundredths(margins.fog),
            contrast: hundredths(margins.contrast),
            tiles: hundredths(margins.tiles),
            transmission: (100.0 * sight.transmission()).round() as u8,
            haze: (100.0 * sight.haze).round() as u8,
            view: sight.view,
        };
        self.looks.insert(0, look);
        self.looks.truncate(MOST_LOOKS);
        baseline::store(&self).map_err(|error| Failure::Internal(error.to_string()))
    }

    /// Stray light over what most looks in similar light showed, as a share of the present bright
    /// parts; 0 where the span is nearly as it was, or too few looks compare.
    pub(crate) fn veil(&self, sight: &Sight) -> f64 {
        let veil = |look: &Look| {
            let left = sight.span / f64::from(look.span.max(1));
            if left > MOST_LEFT {
                return 0.0;
            }
            ((sight.low - left * f64::from(look.low)) / (sight.low + sight.span).max(1.0)).clamp(0.0, 1.0)
        };
        let mut veils: Vec<f64> = self.similar(sight).map(veil).collect();
        if veils.len() < KNOWN_AFTER { 0.0 } else { at_share(&mut veils, CONTRADICT) }
    }

    /// Looks of the same view in similar light.
    fn similar<'a>(&'a self, sight: &'a Sight) -> impl Iterator<Item = &'a Look> {
        self.looks.iter().filter(|look| {
            let (before, now) = (f64::from(look.mean).max(1.0), sight.mean.max(1.0));
            before.max(now) <= SIMILAR_LIGHT * before.min(now)
                // Two plain views are alike.
                && correlation(&look.view, &sight.view).unwrap_or(1.0) >= SAME_VIEW
        })
    }

    /// Whether the far parts are much fainter than in most looks of the same view in similar light.
    pub(crate) fn has_fog(&self, sight: &Sight) -> bool {
        let now = sight.transmission();
        let foggy = |look: &&Look| {
            let (before, haze) = (f64::from(look.transmission) / 100.0, f64::from(look.haze) / 100.0);
            now <= FOG_LEFT * before && sight.haze >= haze + MORE_HAZE
        };
        let all = self.similar(sight).count();
        now < THIN_FOG
            && all >= KNOWN_AFTER
            && self.similar(sight).filter(foggy).count() as f64 >= (1.0 - CONTRADICT) * all as f64
    }

    /// The margins with those that the camera has by nature taken for its own.
    pub(crate) fn beside_nature(&self, now: &Margins) -> Margins {
        Margins {
            fog: self.own(|look| look.fog, now.fog),
            contrast: self.own(|look| look.contrast, now.contrast),
            tiles: self.own(|look| look.tiles, now.tiles),
        }
    }

    fn own(&self, margin: impl Fn(&Look) -> u16, now: f64) -> f64 {
        let mut margins: Vec<f64> = self.looks.iter().map(|look| f64::from(margin(look)) / 100.0).collect();
        let (least, most) = (at_share(&mut margins, 0.1), at_share(&mut margins, 0.9));
        let steady = if self.has_seen_other_light() && margins.len() >= NATURE_AFTER {
            STEADY
        } else if margins.len() >= MOST_LOOKS {
            STEADY_FOR_LONG
        } else {
            return now;
        };
        // A view far from the threshold needs no allowance.
        if most > steady * least || WORSE * least >= 1.0 {
            now
        } else {
            now.max(now / (WORSE * least).max(0.01))
        }
    }

    fn has_seen_other_light(&self) -> bool {
        let mut means: Vec<f64> = self.looks.iter().map(|look| f64::from(look.mean.max(1))).collect();
        let least = at_share(&mut means, 0.1);
        at_share(&mut means, 0.9) >= CHANGED_LIGHT * least
    }
}
