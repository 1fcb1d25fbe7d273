//! The noise that a camera usually shows.
//!
//! A sensor makes new noise in every frame; whether the encoder lets it through differs from camera to camera, so it
//! is learnt. If the source freezes, the noise of its last frame freezes with it: it does not change any more, but it
//! stays in the picture, and the encoder, which has nothing else to code, shows it at least as finely as before. If
//! instead the light becomes better or the encoder gets fewer bits, the noise and other fine detail disappear from the
//! picture itself. So a picture stands still if the change from frame to frame is far below that of all earlier
//! checks, although it is as bright and as finely detailed as the earlier picture that was most like it. For the
//! relation of temporal noise and fixed patterns see Janesick, "Photon Transfer" (2007).

use serde::{Deserialize, Serialize};

/// The number of earlier checks that are remembered.
const MOST_LOOKS: usize = 12;
/// The smallest number of earlier checks that say how much noise is usual.
const LEAST_LOOKS: usize = 3;
/// The smallest change by noise, in grey levels², in each of these checks. An encoder that lets less through may
/// as well remove it completely.
const LEAST_GRAIN: f32 = 0.25;
/// The ratio of the smallest usual change to the largest change of a frozen picture. Measured with four H.264 settings
/// on stills of five development cameras: 12 and more, but 2 and 8 for one camera at a constant rate.
const GONE: f32 = 8.0;
/// The smallest ratios of the finest detail, in a flat, a middle and a rich tile, to that of the earlier picture with
/// the most similar brightness. Chosen on validation cameras, where no healthy picture and no look-alike reached
/// all three. Measured in frozen pictures of development: 0.79 to 3.9, 0.93 to 1.4 and 0.96 to 1.04.
const LEAST_FINE: [f32; 3] = [0.9, 0.95, 0.95];
/// The largest difference to the brightness of that picture, in grey levels.
const SAME_LIGHT: f32 = 4.0;

/// The noise of a picture at rest.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Noise {
    /// The mean square of the change from one compared frame to the next in the middle one of the textured tiles, in
    /// grey levels². Noise is everywhere, whereas objects are in a part of the tiles.
    pub(crate) grain: f32,
    /// The mean square of the finest detail of the last frame in a flat, a middle and a rich one of the textured
    /// tiles, in grey levels². White noise has its variance here.
    pub(crate) fineness: [f32; 3],
    /// The mean grey level of the last frame.
    pub(crate) brightness: f32,
}

/// The evidence that the noise of a picture stands still.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stands {
    /// The number of earlier checks with which the picture was compared.
    pub(crate) looks: u32,
    /// The change below which noise is gone.
    pub(crate) most_grain: f32,
}

/// The noise of earlier checks, the latest last.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Usual(Vec<Noise>);

impl Usual {
    /// Returns the evidence that the noise of a picture stands still. None if it does not, or if too little is known.
    pub(crate) fn stands(&self, now: Noise) -> Option<Stands> {
        let apart = |look: &Noise| (look.brightness - now.brightness).abs();
        let alike = self.0.iter().min_by(|a, b| apart(a).total_cmp(&apart(b)))?;
        let least = self.0.iter().map(|look| look.grain).fold(f32::MAX, f32::min);
        let known = self.0.len() >= LEAST_LOOKS && least >= LEAST_GRAIN && apart(alike) <= SAME_LIGHT;
        let mut detail = now.fineness.iter().zip(alike.fineness).zip(LEAST_FINE);
        let is_fine = detail.all(|((now, before), least)| *now >= least * before);
        let most_grain = least / GONE;
        (known && is_fine && now.grain < most_grain)
            .then_some(Stands { looks: self.0.len() as u32, most_grain })
    }

    /// Remembers the noise of a check.
    pub(crate) fn learn(&mut self, noise: Noise) {
        self.0.push(noise);
        let surplus = self.0.len().saturating_sub(MOST_LOOKS);
        self.0.drain(..surplus);
    }
}
