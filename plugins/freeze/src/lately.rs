//! What the last seconds show that was not shown before, whatever keyframes went by. Between two looks a
//! keyframe may pass unseen, so that no look can be called settled; yet an encoder of a steady rate has
//! only a few renderings of a picture that stands, and they come again to the last sample (the quantiser
//! is a function of picture and rate). What is news stays, in a few tiles or in many; what a keyframe
//! codes afresh of a live picture is noise in most tiles at once.

use crate::{
    seconds,
    watch::{Grid, Look, SETTLING_US},
};

/// Looks before the last seconds without which it cannot be told what comes again.
const LEAST_BEFORE: usize = 4;

/// What the last seconds show that was not shown before, keyframes or not. A picture that stands comes in a
/// few renderings, each of which comes again to the last sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Lately {
    /// Share of the textured tiles that are new, at the look that is in the middle when they are ordered by it.
    pub(crate) usually_new: f64,
    /// The same at the look with most of it, after motion not before the encoder has settled: where a keyframe codes the noise of a live picture afresh, it is
    /// in all tiles.
    pub(crate) most_new: f64,
    /// Share of the textured tiles that show at the end what they never showed before the last seconds: what
    /// is news does not go back. None where too little was seen before to tell.
    pub(crate) lasting: f64,
    /// Looks at which tiles are drawn anew outside the strip where a clock may run.
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
