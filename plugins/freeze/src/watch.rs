//! The measurements that distinguish a frozen picture from a live one: motion, tiles with new content, and the share of
//! the changes that are undone.

use easysight_sdk::{Clip, Failure, FrameInfo};

use crate::{
    grid::{Grid, union},
    lately::Lately,
    motion::last_motion,
    news::{self, Change, News},
    pairs::{choose, quiet_pairs, settled, settled_pairs},
    seconds,
    usual::Noise,
};

/// The measurements of a clip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seen {
    /// The time since the last motion, or since the clip began.
    pub(crate) still_s: f64,
    /// True if something moved in the clip.
    pub(crate) moved: bool,
    /// The number of comparisons that count, away from keyframes and motion.
    pub(crate) pairs: usize,
    /// The mean share of the textured tiles that change to new content from one compared frame to the next. Changes
    /// that the encoder's refinement explains do not count. The strip of the picture with the most redrawn tiles is
    /// ignored, because a clock may run there.
    pub(crate) changed_share: f64,
    /// The mean square of the change per textured pixel and compared frame, in grey levels².
    pub(crate) energy: f64,
    /// The noise of the picture at rest.
    pub(crate) noise: Noise,
    /// The share of the changes that are undone later. The share is about half if noise comes and goes, and almost 0 if
    /// an encoder refines a static picture.
    pub(crate) undone: f64,
    /// The new content after the last motion. Changes that the encoder's refinement explains do not count.
    pub(crate) news: News,
    /// The number of frames in which tiles are redrawn outside the strip where a clock may run.
    pub(crate) scattered: usize,
    /// The smallest share of the textured tiles that a keyframe rendered differently than all keyframes before. None if
    /// there are too few keyframes. The noise of a sensor changes nearly all tiles. In a static picture, the rendering
    /// of each tile returns as soon as the encoder returns to an earlier rate.
    pub(crate) renewed_share: Option<f64>,
    /// The new content in the last `window_s` seconds (see [`watch`]).
    pub(crate) lately: Lately,
    /// The number of keyframes whose previous compared frame shows new content. The previous frame does not count if it
    /// is the first frame after another keyframe, because the encoder still refines the picture then. By later frames,
    /// the encoder of a static picture has settled. The end of the clip counts as a keyframe.
    pub(crate) restless: usize,
}

/// Measures the last `window_s` seconds of the clip, and earlier frames where they are needed. New content counts if
/// more than `least_share` of the textured tiles are new at a frame.
pub(crate) fn watch(
    clip: &dyn Clip,
    frames: &[FrameInfo],
    window_s: f64,
    least_share: f64,
) -> Result<Seen, Failure> {
    let intra_only = frames.len() > 2 && frames.iter().all(|frame| frame.keyframe);
    let chosen = choose(frames, intra_only);
    let grid = Grid::of(clip)?;
    let Some(end_us) = chosen.last().map(|&(_, at_us, _)| at_us) else {
        return Err(Failure::UnsupportedClip("the clip has no frame".into()));
    };
    let moved_us = last_motion(clip, &chosen)?;
    let begin_us = frames.first().map_or(0, |frame| frame.timestamp_us);
    let mut looks = Vec::with_capacity(chosen.len());
    for &(index, at_us, keyframe) in &chosen {
        if at_us >= moved_us.unwrap_or(0) {
            looks.push(grid.look(clip, index, at_us, keyframe)?);
        }
    }
    let settled_us = settled(&looks, moved_us, intra_only);
    let pairs = settled_pairs(&looks, &settled_us);
    let quiet = quiet_pairs(&looks, &pairs, end_us, window_s);
    let novel: Vec<Vec<bool>> = pairs.iter().map(|&at| grid.novel(&looks, at)).collect();
    let redrawn: Vec<Vec<bool>> =
        pairs.iter().zip(&novel).map(|(&at, novel)| grid.redrawn(&looks, at, novel)).collect();
    let clock = grid.busiest(&redrawn);
    let changes: Vec<Change> = pairs
        .iter()
        .zip(novel.iter().zip(&redrawn))
        .map(|(&at, (novel, redrawn))| Change {
            look: at,
            at_us: looks.get(at).map_or(0, |look| look.at_us),
            share: grid.share(novel, &clock),
            before: grid.share_before(&looks, at, &clock),
            redrawn: redrawn.contains(&true),
        })
        .collect();
    // The quiet pairs are the last elements of `pairs`.
    let first = pairs.len() - quiet.len();
    let unexplained = news::unexplained(&changes);
    let counted = unexplained.get(first..).unwrap_or_default();
    let changed_share = counted.iter().sum::<f64>() / counted.len().max(1) as f64;
    let tiles = union(novel.get(first..).unwrap_or_default());
    let (energy, undone) = grid.reversion(&looks, &quiet, tiles);
    Ok(Seen {
        still_s: seconds(end_us - moved_us.unwrap_or(begin_us)),
        moved: moved_us.is_some(),
        pairs: quiet.len(),
        changed_share,
        energy,
        noise: looks.last().map(|last| grid.noise(&looks, &quiet, last)).unwrap_or_default(),
        undone,
        news: News::of(&changes, end_us, least_share),
        scattered: redrawn.iter().filter(|map| grid.share(map, &clock) > 0.0).count(),
        renewed_share: grid.renewed_share(&looks),
        lately: Lately::of(&grid, &looks, moved_us, end_us, window_s),
        restless: grid.restless(&looks, least_share),
    })
}
