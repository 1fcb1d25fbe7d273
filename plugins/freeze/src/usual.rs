//! The noise that a camera usually shows.
//!
//! A sensor produces new noise in every frame. Encoders differ in how much of the noise they keep, so the plugin learns
//! the usual noise of each camera. If the source freezes, the noise of its last frame freezes too: the noise does not
//! change any more, but it stays in the picture. The encoder has nothing else to code, so it shows this noise at least
//! as finely as before. If instead the light becomes better or the encoder gets fewer bits, the noise and other fine
//! detail disappear from the picture. Therefore a picture is frozen if it meets two conditions: its change from frame
//! to frame is far below the change in all earlier checks; and it is as bright and as finely detailed as the earlier
//! picture with the most similar brightness. For the relation of temporal noise and fixed patterns see Janesick,
//! "Photon Transfer" (2007).

use serde::{Deserialize, Serialize};

/// The largest number of earlier checks that are stored.
const MOST_LOOKS: usize = 12;
/// The smallest number of earlier checks from which the usual noise can be derived.
const LEAST_LOOKS: usize = 3;
/// The smallest change caused by noise that each earlier check must have, in grey levels². An encoder that keeps less
/// noise may at times remove the noise completely.
const LEAST_GRAIN: f32 = 0.25;
/// The smallest change of all earlier checks must be more than this many times the change of a frozen picture. The
/// ratio was measured on stills of five development cameras with four H.264 settings. It was 12 and more, except for
/// one camera at a constant rate, with ratios of 2 and 8.
const GONE: f32 = 8.0;
/// The finest detail ([`Noise::fineness`]) is divided by that of the earlier picture with the most similar brightness,
/// in a flat, a middle and a rich tile. The noise counts as standing still only if the three ratios are at least these
/// values. If one of them is smaller, noise may have disappeared from the picture. The values were chosen on validation
/// cameras, where no healthy picture reached all three, not even pictures that resemble frozen ones. Frozen pictures of
/// development cameras have ratios of 0.79 to 3.9, 0.93 to 1.4 and 0.96 to 1.04.
const LEAST_FINE: [f32; 3] = [0.9, 0.95, 0.95];
/// The largest difference in brightness between a picture and the earlier picture with the most similar brightness, in
/// grey levels. If the difference is larger, the two pictures are not compared.
const SAME_LIGHT: f32 = 4.0;

/// The noise of a picture at rest.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Noise {
    /// The mean square of the change from one compared frame to the next, in grey levels². It is the median over the
    /// textured tiles, because noise is in all tiles, whereas moving objects are only in some.
    pub(crate) grain: f32,
    /// The mean square of the finest detail of the last frame, in grey levels²: the lower quartile (a flat tile), the
    /// median (a middle tile) and the upper quartile (a rich tile) over the textured tiles. For white noise, this value
    /// is the variance of the noise.
    pub(crate) fineness: [f32; 3],
    /// The mean grey level of the last frame.
    pub(crate) brightness: f32,
}

/// The evidence that the noise of a picture stands still.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stands {
    /// The number of earlier checks with which the picture was compared.
    pub(crate) looks: u32,
    /// The [`Noise::grain`] below which the noise stands still.
    pub(crate) most_grain: f32,
}

/// The noise of earlier checks, the latest last.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Usual(Vec<Noise>);

impl Usual {
    /// Returns the evidence that the noise of a picture stands still. The result is None if the noise changes, or if
    /// there are too few suitable earlier checks.
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

    /// Stores the noise of a check. Deletes the oldest if there are more than [`MOST_LOOKS`].
    pub(crate) fn learn(&mut self, noise: Noise) {
        self.0.push(noise);
        let surplus = self.0.len().saturating_sub(MOST_LOOKS);
        self.0.drain(..surplus);
    }
}
