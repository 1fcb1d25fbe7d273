//! The measurements at keyframes. They decide if keyframes follow each other so closely that the encoder does not
//! settle between them.

use crate::grid::{Grid, Look};

/// The smallest number of keyframes in a clip whose keyframes are compared with each other. An encoder that has just
/// started needs the first keyframes to find its rate.
const LEAST_KEYFRAMES: usize = 4;

impl Grid {
    /// Returns the smallest share of the textured tiles that a keyframe rendered differently than all keyframes before.
    /// The result is None if there are too few keyframes.
    pub(crate) fn renewed_share(&self, looks: &[Look]) -> Option<f64> {
        let keyframes: Vec<&Look> = looks.iter().filter(|look| look.keyframe).collect();
        if keyframes.len() < LEAST_KEYFRAMES {
            return None;
        }
        let share = |at: usize, look: &Look| {
            let unseen = self.unseen(look, keyframes.iter().take(at).copied());
            let count = unseen.iter().filter(|&&unseen| unseen).count();
            count as f64 / self.textured.iter().filter(|&&textured| textured).count().max(1) as f64
        };
        keyframes.iter().enumerate().skip(1).map(|(at, look)| share(at, look)).reduce(f64::min)
    }

    /// Counts the keyframes whose previous compared frame shows new content in more than `least_share` of the tiles.
    /// The previous frame does not count if it is the first frame after another keyframe. The end of the clip counts as
    /// a keyframe.
    pub(crate) fn restless(&self, looks: &[Look], least_share: f64) -> usize {
        let is_last = |at: &usize| {
            let keyframe = |at: usize| looks.get(at).is_none_or(|look| look.keyframe);
            keyframe(at + 1) && !keyframe(*at) && !keyframe(at - 1)
        };
        let last: Vec<usize> = (1..looks.len()).filter(is_last).collect();
        let novel: Vec<Vec<bool>> = last.iter().map(|&at| self.novel(looks, at)).collect();
        let redrawn: Vec<Vec<bool>> =
            last.iter().zip(&novel).map(|(&at, novel)| self.redrawn(looks, at, novel)).collect();
        let clock = self.busiest(&redrawn);
        novel.iter().filter(|map| self.share(map, &clock) > least_share).count()
    }
}
