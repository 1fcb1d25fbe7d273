//! How sharp the camera usually is.
//!
//! A slight blur lies within what cameras are like: one is as soft by nature as another out of focus. So the
//! memory keeps, for each part of the picture, the softest that it was while nothing was wrong, by day and by
//! night; what came on top is told by the squares of the radii, since blurs add up so. A lens that loses its
//! focus softens all parts, also the sharpest; traffic, rain and noise reduction soften some.

use easysight_sdk::baseline::{References, Remembered};
use serde::{Deserialize, Serialize};

use crate::sharpness::{Added, Sharpness};

/// Radii are kept in hundredths of a pixel.
const HUNDREDTHS: f64 = 100.0;
/// Looks from which on they tell what is usual.
pub(crate) const LEAST_LOOKS: u16 = 6;
/// Looks that contradict an alarm.
pub(crate) const MANY_LOOKS: u16 = 20;
/// What a tile once was fades by so much a look, in hundredths: one look in the rain does not count for ever.
const FADE: u8 = 1;

/// What the parts of the picture are like by one light.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Usual {
    pub(crate) looks: u16,
    /// Of them those at which the picture alone was too soft.
    soft: u16,
    /// The greatest radius of each tile; 0 where none was told.
    softest: Vec<u8>,
}

/// What a camera is usually like.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Seen(pub(crate) References<Usual>);

impl Remembered for Seen {
    const LAYOUT: u16 = 1;
}

impl Usual {
    /// Radius of the blur that came on top of what is usual; none where too little is known.
    pub(crate) fn added(&self, now: &Sharpness) -> Option<Added> {
        if self.looks < LEAST_LOOKS {
            return None;
        }
        let usual: Vec<Option<f64>> = (self.softest.iter())
            .map(|&radius| (radius > 0).then(|| f64::from(radius) / HUNDREDTHS))
            .collect();
        Added::of(&usual, &now.radii)
    }

    /// The camera is soft by nature: nearly always so, since many looks.
    pub(crate) fn is_soft(&self) -> bool {
        self.soft >= MANY_LOOKS && 5 * u32::from(self.soft) >= 4 * u32::from(self.looks)
    }

    /// With one more look at which nothing came on top of what is usual; `soft` where the picture alone was
    /// too soft.
    pub(crate) fn with(mut self, now: &Sharpness, soft: bool) -> Self {
        self.looks = self.looks.saturating_add(1);
        self.soft = self.soft.saturating_add(u16::from(soft));
        self.softest.resize(now.radii.len(), 0);
        for (softest, radius) in self.softest.iter_mut().zip(&now.radii) {
            if let Some(radius) = radius {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "held within a byte"
                )]
                let radius = (radius * HUNDREDTHS).round().clamp(1.0, 255.0) as u8;
                *softest = radius.max(softest.saturating_sub(FADE));
            }
        }
        self
    }
}
