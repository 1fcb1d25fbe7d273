//! The judgement of a small network for each part of a picture.
//!
//! Drops show other parts of the scene with sharp contrast, a film spreads light, and a web is thin and bright. No
//! single measure distinguishes all of them from the scene itself. The network was trained on pictures
//! of real cameras with drawn and real dirt, and returns the log odds of dirt for each part. `training/` in the
//! project's repository has the scripts, and lists the cameras and the programs that draw dirt. The network's weights
//! are integers, so its result is the same on every machine.

use easysight_sdk::{Clip, Failure, network::Evidence};

/// The network of `lens_dirty` and `occlusion`.
const WEIGHTS: &[u8] = include_bytes!("../../../training/glass.bin");
/// The number of the network's output (channel) for dirt.
const DIRT: usize = 0;
/// The number of parts that decide, of the 960 parts of a picture: those with the strongest evidence for dirt.
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
        let evidence = Evidence::in_clip(WEIGHTS, DIRT, clip)?;
        Ok(Self { odds: evidence.strongest(DECIDING), evidence })
    }
}
