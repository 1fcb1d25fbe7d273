//! The camera's earlier clips, and the comparison of the present picture with these clips.
//!
//! Every clip is remembered, also if it raised an alarm, so that an alarm ends if many clips contradict it. There are
//! two comparisons.
//!
//! The first comparison finds a veil, which turns light I into t·I + a (Koschmieder). The present picture is compared
//! with the earlier clips in similar light: the ratio of the present span (the distance between the bright and the dark
//! parts) to the earlier one gives t, and the dark parts give a. If only the light decreases, t decreases and a is 0.
//!
//! The second comparison finds views that are narrow by nature. Such a view has equally little contrast in every clip,
//! in any light, whereas fog comes, thickens and lifts. So if the contrast varies little while the light changes, only
//! a picture clearly below the usual contrast raises an alarm.

use easysight_sdk::{Failure, baseline, baseline::Remembered, image::correlation};
use serde::{Deserialize, Serialize};

use crate::{Sight, sight::at_share};

/// The number of clips that are remembered; the oldest is dropped.
const MOST_LOOKS: usize = 40;
/// The number of clips in similar light that must be known before a veil is found by comparison.
const KNOWN_AFTER: usize = 2;
/// The largest ratio between the mean lumas of two clips in similar light. Other clips are not compared.
const SIMILAR_LIGHT: f64 = 2.2;
/// Two pictures show different views, such as the presets of a camera that turns, if the brightness of their parts has
/// a correlation below this value. A veil does not change the correlation.
const SAME_VIEW: f64 = 0.7;
/// The share of the compared clips that may contradict a veil or fog.
const CONTRADICT: f64 = 0.3;
/// Fog by comparison requires three conditions. The first condition is that the far parts have at most this share of
/// their usual transmission.
const FOG_LEFT: f64 = 0.4;
/// The second condition for fog by comparison is that the haze over the far parts has grown by at least this much.
/// Blur does not increase haze.
const MORE_HAZE: f64 = 0.25;
/// The third condition for fog by comparison is that the transmission is below this value. At higher transmission the
/// air is clear enough.
const THIN_FOG: f64 = 0.3;
/// The largest share of the usual span that a veil transmits. If only the scene changes, a larger share remains. The
/// measured share is 0.9 on a road whose cars, the source of most of its contrast, are gone. In mild fog it is 0.6 or
/// less.
const MOST_LEFT: f64 = 0.8;
/// The number of clips after which a view may count as narrow by nature, if the light has changed.
const NATURE_AFTER: usize = 8;
/// The light has changed if the ratio of the brightest clip's mean luma to the darkest clip's mean luma is at least
/// this value. The brightest tenth and the darkest tenth of the clips are ignored.
const CHANGED_LIGHT: f64 = 1.3;
/// A view may be narrow by nature if its margin (see [`Margins`]) is nearly the same in all clips: the largest margin
/// divided by the smallest is at most this value. The highest and the lowest tenth of the clips are ignored. Fog
/// changes the margin by more, even within a single morning, because contrast falls exponentially with the density of
/// fog.
const STEADY: f64 = 1.2;
/// The same limit if the light never changes, as indoors. The memory must then be full.
const STEADY_FOR_LONG: f64 = 1.3;
/// A view that is narrow by nature has a veil over it if its margin is below this share of its smallest usual margin.
const WORSE: f64 = 0.8;

/// The ratio of each measurement to its threshold: 1 at the threshold, less than 1 if the clip is worse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Margins {
    pub(crate) fog: f64,
    pub(crate) contrast: f64,
    pub(crate) tiles: f64,
}

/// A remembered clip. Luma is in grey levels, margins in hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Look {
    mean: u8,
    /// A twentieth of the picture is darker than this luma. Passing objects are seldom that large.
    low: u8,
    span: u8,
    fog: u16,
    contrast: u16,
    tiles: u16,
    /// The transmission of the far parts, in hundredths.
    transmission: u8,
    /// The haze over the far parts, in hundredths.
    haze: u8,
    view: [u8; 24],
}

/// The remembered clips of a camera, the latest first.
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

    /// Remembers a clip.
    ///
    /// # Errors
    ///
    /// [`Failure::Internal`] if the host refuses to store the memory.
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

    /// Returns the stray light that was added since the earlier clips in similar light, as a share of the present
    /// bright parts. At most [`CONTRADICT`] of these clips give a smaller value. Returns 0 if the span has hardly
    /// changed, or if there are too few similar clips.
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

    /// Returns the remembered clips of the same view in similar light.
    fn similar<'a>(&'a self, sight: &'a Sight) -> impl Iterator<Item = &'a Look> {
        self.looks.iter().filter(|look| {
            let (before, now) = (f64::from(look.mean).max(1.0), sight.mean.max(1.0));
            before.max(now) <= SIMILAR_LIGHT * before.min(now)
                // Two plain views have no correlation and count as the same view.
                && correlation(&look.view, &sight.view).unwrap_or(1.0) >= SAME_VIEW
        })
    }

    /// True if the far parts have much less contrast than in most earlier clips of the same view in similar light.
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

    /// Returns the margins, in which each margin that is small by nature is replaced by a margin relative to the usual
    /// margins of this camera.
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
        // A view whose margin is usually well above the threshold needs no allowance.
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
