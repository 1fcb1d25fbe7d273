//! New content in a picture without movement: more new tiles than a static picture that an encoder only refines
//! would have.

use crate::seconds;

/// The largest ratio of an encoder's changes at one frame to those at the frame before, while it refines a static
/// picture. Such changes become smaller from frame to frame. Measured: up to 0.54. Changes by noise go up and
/// down.
const DECAY: f64 = 2.0 / 3.0;

/// The change from one compared frame to the next. The encoder had settled by the later frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Change {
    /// The index of the later frame.
    pub(crate) look: usize,
    /// The time of the later frame.
    pub(crate) at_us: u64,
    /// The share of the textured tiles that show new content.
    pub(crate) share: f64,
    /// The same share at the frame before, whether the encoder had settled by then or not. None at a keyframe.
    pub(crate) before: Option<f64>,
    /// True if one of these tiles is redrawn, as a clock's digits are.
    pub(crate) redrawn: bool,
}

/// Returns for each change the share that is not explained by the encoder's refinement: the whole share, or 0 if
/// much more changed at the frame before.
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
    /// True if new content came after a frame without new content. A static picture does not disturb an encoder
    /// that has settled.
    pub(crate) after_rest: bool,
    /// The largest share of the textured tiles that was new at a frame.
    pub(crate) share: f64,
}

impl News {
    /// Collects the new content, in more than `least_share` of the tiles, that is not explained by an encoder's
    /// refinement. Frames in which something is redrawn are skipped, because together with the digits of a clock
    /// an encoder changes tiles elsewhere.
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
