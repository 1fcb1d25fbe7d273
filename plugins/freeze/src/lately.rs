//! Finds content that appears in the last seconds of a clip and was not shown before, without relying on keyframes.
//! There may be an undetected keyframe between any two compared frames, so it is never certain that the encoder has
//! settled. But an encoder with a constant rate produces only a few renderings of a static picture, and repeats
//! each rendering exactly, to the last sample, because the quantiser depends only on the picture and the rate. New
//! content of the scene stays in the picture, in few tiles or many. If a keyframe encodes a live picture anew, the
//! noise makes most tiles new at once.

use crate::{
    grid::{Grid, Look},
    pairs::SETTLING_US,
    seconds,
};

/// The smallest number of frames before the last seconds. With fewer, it is unknown what was shown before.
const LEAST_BEFORE: usize = 4;

/// The content of the last seconds that was not shown before. A static picture has only a few renderings, each of which
/// is repeated exactly. After motion, `usually_new`, `most_new` and `drawn` count only frames for which the encoder has
/// settled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Lately {
    /// The share of the textured tiles that are new in a frame: the median over the frames.
    pub(crate) usually_new: f64,
    /// The largest share of new tiles in a frame. If a keyframe encodes the noise of a live picture anew, all tiles are
    /// new.
    pub(crate) most_new: f64,
    /// The share of the textured tiles whose content in the last frame was not shown before the last seconds. New
    /// content of the scene is still there at the end, so it is counted here. The share is 0 if fewer than
    /// [`LEAST_BEFORE`] frames precede the last seconds.
    pub(crate) lasting: f64,
    /// The number of frames in which tiles are redrawn outside the strip where a clock may run.
    pub(crate) drawn: usize,
}

impl Lately {
    pub(crate) fn of(grid: &Grid, looks: &[Look], moved_us: Option<u64>, end_us: u64, window_s: f64) -> Self {
        let within = |look: &Look| seconds(end_us - look.at_us) <= window_s;
        let first = looks.iter().position(within).unwrap_or(looks.len());
        let rest_us = moved_us.map_or(0, |at_us| at_us + SETTLING_US);
        let rests = |at: &usize| looks.get(*at).is_some_and(|look| look.at_us >= rest_us);
        let at: Vec<usize> = (first.max(1)..looks.len()).filter(rests).collect();
        let novel: Vec<Vec<bool>> = at.iter().map(|&at| grid.novel(looks, at)).collect();
        let redrawn: Vec<Vec<bool>> =
            at.iter().zip(&novel).map(|(&at, map)| grid.redrawn(looks, at, map)).collect();
        let clock = grid.busiest(&redrawn);
        let mut shares: Vec<f64> = novel.iter().map(|map| grid.share(map, &clock)).collect();
        shares.sort_by(f64::total_cmp);
        let (before, _) = looks.split_at(first);
        let lasting = match looks.last() {
            Some(last) if before.len() >= LEAST_BEFORE => {
                grid.share(&grid.unseen(last, before.iter()), &clock)
            }
            _ => 0.0,
        };
        Self {
            usually_new: shares.get(shares.len() / 2).copied().unwrap_or(1.0),
            most_new: shares.last().copied().unwrap_or(1.0),
            lasting,
            drawn: redrawn.iter().filter(|map| grid.share(map, &clock) > 0.0).count(),
        }
    }
}
