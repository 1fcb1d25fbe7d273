//! What a small network says of each part of a picture.
//!
//! Behind drops lies other sharp contrast, a film spreads light, a web is thin and bright: no one measure
//! tells them all from what a scene has itself. The network was trained on pictures of real cameras with drawn
//! and real dirt, and it gives the log odds of dirt for each part; `training/` in the project's repository
//! has the scripts and tells on which cameras and makers. Its weights are whole numbers, so its answer is
//! the same on every machine.

use easysight_sdk::{Clip, Failure, network::Evidence};

/// The network of `lens_dirty` and `occlusion`.
const WEIGHTS: &[u8] = include_bytes!("../../../training/glass.bin");
/// The channel that tells of dirt.
const DIRT: usize = 0;
/// So many parts of the 960 that a picture has decide: those that speak most for dirt.
const DECIDING: usize = 40;

/// What it says.
#[derive(Debug, Clone)]
pub(crate) struct Learned {
    pub(crate) evidence: Evidence,
    /// Mean log odds of the parts that decide.
    pub(crate) odds: f64,
}

impl Learned {
    pub(crate) fn of(clip: &dyn Clip) -> Result<Self, Failure> {
        let evidence = Evidence::in_clip(WEIGHTS, DIRT, clip)?;
        Ok(Self { odds: evidence.strongest(DECIDING), evidence })
    }
}
