//! How sharp the camera's picture usually is.
//!
//! A slight blur is within the variation between cameras: a camera that is soft by nature may be as soft as another
//! camera that is out of focus. So the memory stores, for each part of the picture, by day and by night, the largest
//! radius of the clips without added blur. Blurs add up by their squares, so the square of the added radius is the
//! square of the present radius minus the square of the remembered one. A lens that loses its focus softens all parts,
//! including the sharpest; traffic, rain and noise reduction soften only some.

use easysight_sdk::baseline::{References, Remembered};
use serde::{Deserialize, Serialize};

use crate::sharpness::{Added, Sharpness};

/// Radii are stored in hundredths of a pixel.
const HUNDREDTHS: f64 = 100.0;
/// The smallest number of clips from which the usual sharpness is computed.
pub(crate) const LEAST_LOOKS: u16 = 6;
/// The smallest number of soft clips for which softness counts as usual and not as a fault.
pub(crate) const MANY_LOOKS: u16 = 20;
/// The amount, in hundredths of a pixel, by which a tile's remembered radius shrinks with each clip, so that a single
/// clip in the rain does not count for ever.
const FADE: u8 = 1;

/// The usual sharpness of the picture's parts in one light.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Usual {
    /// The number of clips without added blur.
    pub(crate) looks: u16,
    /// The number of these clips in which the picture alone was too soft.
    soft: u16,
    /// The largest radius of each tile; 0 if it was never measured.
    softest: Vec<u8>,
}

/// The usual sharpness of a camera, by day and by night.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Seen(pub(crate) References<Usual>);

impl Remembered for Seen {
    const LAYOUT: u16 = 1;
}

impl Usual {
    /// Returns the blur that was added to the usual sharpness. None if too few clips are known.
    pub(crate) fn added(&self, now: &Sharpness) -> Option<Added> {
        if self.looks < LEAST_LOOKS {
            return None;
        }
        let usual: Vec<Option<f64>> = (self.softest.iter())
            .map(|&radius| (radius > 0).then(|| f64::from(radius) / HUNDREDTHS))
            .collect();
        Added::of(&usual, &now.radii)
    }

    /// True if the camera is soft by nature: at least [`MANY_LOOKS`] clips, and four fifths of all clips, were soft.
    pub(crate) fn is_soft(&self) -> bool {
        self.soft >= MANY_LOOKS && 5 * u32::from(self.soft) >= 4 * u32::from(self.looks)
    }

    /// Adds a clip without added blur. `soft` is true if the picture alone was too soft.
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
