//! Detects new content in a picture without movement. An encoder that refines a static picture changes tiles too,
//! so only changes beyond such a refinement count as new content.

use crate::seconds;

/// The largest ratio of the share of changed tiles at one frame to the share at the previous frame, while an encoder
/// refines a static picture. This share falls from frame to frame. The largest measured ratio is 0.54. With noise, the
/// share rises and falls.
const DECAY: f64 = 2.0 / 3.0;

/// The change from one frame to the next. The encoder had settled by the earlier frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Change {
    /// The index of the later frame.
    pub(crate) look: usize,
    /// The time of the later frame.
    pub(crate) at_us: u64,
    /// The share of the textured tiles that show new content.
    pub(crate) share: f64,
    /// The share of the textured tiles that showed new content at the earlier frame. None if the earlier frame is a
    /// keyframe or the first frame.
    pub(crate) before: Option<f64>,
    /// True if one of the tiles with new content is redrawn, as a clock's digits are: it changes by far more than noise
    /// causes (see [`Grid::redrawn`](crate::grid::Grid::redrawn)).
    pub(crate) redrawn: bool,
}

/// Returns for each change the share that the encoder's refinement does not explain: 0 if the share is at most
/// [`DECAY`] times the share at the previous frame, and the whole share otherwise.
pub(crate) fn unexplained(changes: &[Change]) -> Vec<f64> {
    let share = |change: &Change| match change.before {
        Some(before) if change.share <= DECAY * before => 0.0,
        _ => change.share,
    };
    changes.iter().map(share).collect()
}

/// The new content in a picture without movement.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct News {
    /// The time since the last new content. None if there was no new content.
    pub(crate) ago_s: Option<f64>,
    /// True if new content came after a frame without new content. While a picture is static, an encoder that has
    /// settled changes no tile.
    pub(crate) after_rest: bool,
    /// The largest share of the textured tiles that was new at a frame.
    pub(crate) share: f64,
}

impl News {
    /// Collects the changes that affect more than `least_share` of the tiles and that an encoder's refinement does not
    /// explain. Frames in which something is redrawn are skipped, because an encoder that redraws the digits of a clock
    /// also changes tiles elsewhere.
    pub(crate) fn of(changes: &[Change], end_us: u64, least_share: f64) -> Self {
        let mut news = Self::default();
        let mut before: Option<(usize, f64)> = None;
        for change in changes {
            let last = before.filter(|&(look, _)| look + 1 == change.look).map(|(_, share)| share);
            let last = last.or(change.before);
            if change.redrawn && last.is_some() {
                before = last.map(|share| (change.look, share.min(change.share)));
                continue;
            }
            let share = change.share;
            if let Some(last) = last
                && share > least_share
                && share > DECAY * last
            {
                news.ago_s = Some(seconds(end_us.saturating_sub(change.at_us)));
                news.after_rest |= last == 0.0;
                news.share = news.share.max(share);
            }
            before = Some((change.look, share));
        }
        news
    }
}
