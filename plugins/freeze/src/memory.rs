//! What is remembered about a camera from one check to the next: a small picture, and whether the picture was
//! static. A picture that stays the same over several checks is frozen, even if its encoder never settles. A
//! picture that was static and differed at the next check is live, and only its noise is removed.

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

/// The largest width of the small picture, in samples. Each sample averages away the effects of coding.
const WIDTH: u32 = 80;
/// The number of grey levels by which equal samples may differ. If a picture is encoded again, averages of 8 × 8
/// pixels and more change by less.
const TOLERANCE: u8 = 2;
/// The share of the samples that may differ by more, for example because of a clock.
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
    /// True if the picture was static once and differed at the next check: the encoder removes noise.
    erases: bool,
    /// The codec of the stream. Another encoder lets other noise through.
    codec: String,
    /// The usual noise, by day and by night.
    usual: [Usual; 2],
    /// The evidence that the noise of the last check stood still.
    stands: Option<Stands>,
}

impl Remembered for Memory {
    const LAYOUT: u16 = 2;
}

impl Memory {
    /// Compares the clip's last picture with the memory, and stores it.
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

    /// Compares the noise with what is usual in this light, and remembers it. The noise of a picture in which it
    /// stands still is not remembered, unless the picture is another one than at the last check, whose noise stood
    /// still as well: then this camera lives without noise.
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

    /// Returns the evidence that the noise of the picture stands still. None if it does not.
    pub(crate) const fn stands(&self) -> Option<Stands> {
        self.stands
    }

    /// Returns the number of consecutive checks, including this one, with the same static picture.
    pub(crate) const fn alike_checks(&self) -> u32 {
        self.alike
    }

    /// True if this camera's picture is known to be static although it is live.
    pub(crate) const fn erases_noise(&self) -> bool {
        self.erases
    }
}
