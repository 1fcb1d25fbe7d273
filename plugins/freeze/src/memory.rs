//! The data that the plugin stores about a camera from one check to the next: a small picture, whether the picture was
//! static, and the usual noise. A picture that stays the same over several checks is frozen, even if its encoder never
//! settles. If the pictures of two consecutive checks are static but differ, the picture is live, and the encoder
//! removes its noise.

use easysight_sdk::{
    Clip, Failure, PlaneKind,
    baseline::{self, Light, Remembered},
    image::far_apart,
};
use serde::{Deserialize, Serialize};

use crate::{
    Verdict,
    usual::{Noise, Stands, Usual},
};

/// The largest width of the small picture, in samples. At this size, each sample is an average in which the effects of
/// coding vanish.
const WIDTH: u32 = 80;
/// The number of grey levels by which two samples may differ and still count as equal. If a picture is encoded again,
/// averages of 8 × 8 pixels and more change by less than this.
const TOLERANCE: u8 = 2;
/// The share of the samples that may differ by more than [`TOLERANCE`], for example because of a clock.
const DIFFERENT: f64 = 0.03;

/// The stored memory.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    width: u32,
    picture: Vec<u8>,
    /// True if the picture was static, or only refined, at the last check.
    still: bool,
    /// The number of consecutive checks, including this one, with the same static picture.
    alike: u32,
    /// True if the pictures of two consecutive checks were once static but different: the encoder removes the noise.
    erases: bool,
    /// The codec of the stream. Another encoder lets other noise through.
    codec: String,
    /// The usual noise by day, and the usual noise by night.
    usual: [Usual; 2],
    /// The evidence that the noise of the last check stood still.
    stands: Option<Stands>,
}

impl Remembered for Memory {
    const LAYOUT: u16 = 2;
}

impl Memory {
    /// Compares the clip's last picture and its noise with the stored memory. Stores and returns the new memory.
    ///
    /// # Errors
    ///
    /// [`Failure::Internal`] if pixels cannot be read or the host refuses to store the memory.
    pub(crate) fn recall_and_renew(
        clip: &dyn Clip,
        verdict: Verdict,
        noise: Option<Noise>,
    ) -> Result<Self, Failure> {
        let info = clip.info();
        let level = clip.level_within(WIDTH);
        let (width, _) = clip.size(PlaneKind::Luma, level)?;
        let picture = clip.luma(info.frames.saturating_sub(1), level)?;
        let last: Option<Self> = baseline::load();
        let mut memory = Self::of(width, picture, verdict, last.as_ref());
        memory.codec = info.codec;
        if let Some(last) = last.as_ref().filter(|last| last.codec == memory.codec) {
            memory.usual.clone_from(&last.usual);
        }
        if let Some(noise) = noise {
            memory.compare(noise, Light::of(clip)?, last.as_ref());
        }
        baseline::store(&memory).map_err(|error| Failure::Internal(error.to_string()))?;
        Ok(memory)
    }

    fn of(width: u32, picture: Vec<u8>, verdict: Verdict, last: Option<&Self>) -> Self {
        let still = matches!(verdict, Verdict::Still | Verdict::ComesAgain | Verdict::Refining);
        let same_size = |last: &&Self| last.width == width && last.picture.len() == picture.len();
        let alike = last.filter(same_size).is_some_and(|last| {
            far_apart(&last.picture, &picture, TOLERANCE) as f64 <= DIFFERENT * picture.len() as f64
        });
        let before = last.filter(|_| alike && still).map_or(0, |last| last.alike);
        let erases = last.is_some_and(|last| last.erases || (last.still && still && !alike));
        let alike = if still { before.saturating_add(1) } else { 0 };
        Self { width, picture, still, alike, erases, ..Self::default() }
    }

    /// Compares the noise with the usual noise in this light. If the noise stands still, the evidence is stored;
    /// otherwise the noise is added to the usual noise. There is one exception: if the noise also stood still at the
    /// last check, but the picture has changed since then, the camera is live and has no changing noise. The noise is
    /// then added to the usual noise.
    fn compare(&mut self, noise: Noise, light: Light, last: Option<&Self>) {
        let [day, night] = &mut self.usual;
        let usual = match light {
            Light::Day => day,
            Light::Night => night,
        };
        let is_other = |last: &Self| {
            let size = self.picture.len();
            last.picture.len() != size
                || far_apart(&last.picture, &self.picture, TOLERANCE) as f64 > DIFFERENT * size as f64
        };
        let refuted = last.is_some_and(|last| last.stands.is_some() && is_other(last));
        match usual.stands(noise) {
            Some(stands) if !refuted => self.stands = Some(stands),
            _ => usual.learn(noise),
        }
    }

    /// Returns the evidence that the noise of the picture stands still. The result is None if the noise changes.
    pub(crate) const fn stands(&self) -> Option<Stands> {
        self.stands
    }

    /// Returns the number of consecutive checks, including this one, with the same static picture.
    pub(crate) const fn alike_checks(&self) -> u32 {
        self.alike
    }

    /// True if the encoder of this camera is known to remove the noise, so that a live picture may look static.
    pub(crate) const fn erases_noise(&self) -> bool {
        self.erases
    }
}
