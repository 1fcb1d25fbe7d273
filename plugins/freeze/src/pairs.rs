//! The frames that are compared: far enough apart, and after the encoder has settled.

use easysight_sdk::FrameInfo;

use crate::{grid::Look, seconds};

/// The shortest interval between compared frames, except for keyframes.
const INTERVAL_US: u64 = 150_000;
/// The time after a keyframe, and after motion, in which an encoder may refine the picture although nothing changes in
/// the scene.
pub(crate) const SETTLING_US: u64 = 550_000;
/// The smallest number of comparisons that are used, unless the clip has fewer.
const WANTED_PAIRS: usize = 3;

/// Chooses frames at least [`INTERVAL_US`] apart, and all keyframes, because an encoder has to settle after each
/// keyframe. Returns for each chosen frame its index, its time, and whether it is a keyframe. If the clip has only
/// keyframes (`intra_only`), no frame counts as a keyframe.
pub(crate) fn choose(frames: &[FrameInfo], intra_only: bool) -> Vec<(u32, u64, bool)> {
    let mut chosen: Vec<(u32, u64, bool)> = Vec::new();
    for (index, frame) in (0_u32..).zip(frames) {
        let key = frame.keyframe && !intra_only;
        let due = chosen.last().is_none_or(|&(_, at_us, _)| frame.timestamp_us - at_us >= INTERVAL_US);
        if key || due {
            chosen.push((index, frame.timestamp_us, key));
        }
    }
    chosen
}

/// Returns, for each frame, the time at which the encoder has settled.
pub(crate) fn settled(looks: &[Look], moved_us: Option<u64>, intra_only: bool) -> Vec<u64> {
    let mut from = match moved_us {
        Some(at_us) if !intra_only => at_us + SETTLING_US,
        Some(at_us) => at_us,
        None => 0,
    };
    let after_keyframe = |look: &Look, from: u64| if look.keyframe { look.at_us + SETTLING_US } else { from };
    looks
        .iter()
        .map(|look| {
            from = from.max(after_keyframe(look, from));
            from
        })
        .collect()
}

/// Returns the indices of the frames that are compared with the previous frame. By the previous frame, the encoder must
/// have settled.
pub(crate) fn settled_pairs(looks: &[Look], settled_us: &[u64]) -> Vec<usize> {
    let is_settled = |at: &usize| {
        let (before, look) = (looks.get(at - 1), looks.get(*at));
        let from_us = settled_us.get(*at).copied().unwrap_or(u64::MAX);
        look.is_some_and(|look| !look.keyframe) && before.is_some_and(|before| before.at_us >= from_us)
    };
    (1..looks.len()).filter(is_settled).collect()
}

/// Returns the last elements of `pairs`: the pairs in the last `window_s` seconds, and earlier pairs if the window has
/// fewer than [`WANTED_PAIRS`].
pub(crate) fn quiet_pairs(looks: &[Look], pairs: &[usize], end_us: u64, window_s: f64) -> Vec<usize> {
    let begins_us = |at: usize| looks.get(at - 1).map_or(0, |before| before.at_us);
    let within = pairs.iter().filter(|&&at| seconds(end_us - begins_us(at)) <= window_s + 0.05).count();
    let wanted = within.max(WANTED_PAIRS.min(pairs.len()));
    pairs.get(pairs.len() - wanted..).unwrap_or_default().to_vec()
}
