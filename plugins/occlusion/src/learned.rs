//! The judgement of a small network for each part of a picture.
//!
//! Cloth has texture and paper is bright, so a cover is not always empty or dark. It differs from the scene
//! because it is near, out of focus and in front of everything else. The network was trained on pictures of real
//! cameras with drawn and real covers, and returns the log odds of a cover for each part. `training/` in the
//! project's repository has the scripts, and lists the cameras and the programs that draw covers. The network's weights
//! are integers, so its result is the same on every machine.

use easysight_sdk::{Clip, Failure, network::Evidence};

/// The network of `lens_dirty` and `occlusion`.
const WEIGHTS: &[u8] = include_bytes!("../../../training/glass.bin");
/// The number of the network's output (channel) for covers.
const COVER: usize = 1;
/// The number of parts that decide, of the 960 parts of a picture: those with the strongest evidence for a cover.
const DECIDING: usize = 40;

/// The network's judgement.
#[derive(Debug, Clone)]
pub(crate) struct Learned {
    pub(crate) evidence: Evidence,
    /// The mean log odds of the parts that decide.
    pub(crate) odds: f64,
}

impl Learned {
    pub(crate) fn of(clip: &dyn Clip) -> Result<Self, Failure> {
        let evidence = Evidence::in_clip(WEIGHTS, COVER, clip)?;
        Ok(Self { odds: evidence.strongest(DECIDING), evidence })
    }
}
