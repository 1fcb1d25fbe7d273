//! What is remembered of a camera from one check to the next: a small picture, and whether it stood
//! still. A picture that stays alike over several checks is frozen even where its encoder never comes
//! to rest; one that stood still and yet was another at the next check only has its noise erased.

use easysight_sdk::{
    Clip, Failure, PlaneKind,
    baseline::{self, Remembered},
    image::far_apart,
};
use serde::{Deserialize, Serialize};

use crate::Verdict;

/// The small picture is at most so wide, in samples: each averages away what coding adds.
const WIDTH: u32 = 80;
/// Grey levels by which a sample may differ while it is alike: coding afresh moves averages of 8 × 8
/// pixels and more by less.
const TOLERANCE: u8 = 2;
/// Share of the samples that may differ by more: a clock.
const DIFFERENT: f64 = 0.03;

/// What is stored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    width: u32,
    picture: Vec<u8>,
    /// The picture stood still, or only refined, at the last check.
    still: bool,
    /// Checks on end, this one among them, that were still and alike.
    alike: u32,
    /// The picture stood still once and was another at the next check: the encoder erases noise.
    erases: bool,
}

impl Remembered for Memory {
    const LAYOUT: u16 = 1;
}

impl Memory {
    /// Holds the clip's last picture against what is remembered, and remembers it.
    ///
    /// # Errors
    ///
    /// [`Failure::Internal`] where pixels or the memory are refused.
    pub(crate) fn recall_and_renew(clip: &dyn Clip, verdict: Verdict) -> Result<Self, Failure> {
        let info = clip.info();
        let level = clip.level_within(WIDTH);
        let (width, _) = clip.size(PlaneKind::Luma, level)?;
        let picture = clip.luma(info.frames.saturating_sub(1), level)?;
        let last: Option<Self> = baseline::load();
        let memory = Self::of(width, picture, verdict, last.as_ref());
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
        Self { width, picture, still, alike: if still { before.saturating_add(1) } else { 0 }, erases }
    }

    /// Checks on end, this one among them, that were still and showed the same picture.
    pub(crate) const fn alike_checks(&self) -> u32 {
        self.alike
    }

    /// Whether this camera's picture is known to stand still while it lives.
    pub(crate) const fn erases_noise(&self) -> bool {
        self.erases
    }
}
