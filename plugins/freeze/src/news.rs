//! News from a picture in which nothing moves: tiles that show what they never showed, more of them
//! than a picture has that stands and that an encoder only refines.

use crate::seconds;

/// An encoder that comes closer to a picture that stands has less to change from look to look: at most
/// this part of what it changed before. Measured: up to 0.54. What noise changes goes up and down.
const DECAY: f64 = 2.0 / 3.0;

/// What changed from one look to the next, where the encoder had settled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Change {
    /// Number of the later look.
    pub(crate) look: usize,
    /// Its time.
    pub(crate) at_us: u64,
    /// Share of the textured tiles that show what they never showed.
    pub(crate) share: f64,
    /// The same at the look before, whether the encoder had settled by then or not; none at a keyframe.
    pub(crate) before: Option<f64>,
    /// One of these is drawn anew, as a clock's digits are.
    pub(crate) redrawn: bool,
}

/// Of each change the share that is not explained by the encoder's coming closer to the picture: all
/// of it, or nothing where much more changed at the look before.
pub(crate) fn unexplained(changes: &[Change]) -> Vec<f64> {
    let share = |change: &Change| match change.before {
        Some(before) if change.share <= DECAY * before => 0.0,
        _ => change.share,
    };
    changes.iter().map(share).collect()
}

/// When something new came, although nothing moved.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct News {
    /// Time since it came last; none where nothing came.
    pub(crate) ago_s: Option<f64>,
    /// It came after a look at which there was nothing new: an encoder at rest is not disturbed by a
    /// picture that stands.
    pub(crate) after_rest: bool,
    /// The largest share of the textured tiles that was new at a look.
    pub(crate) share: f64,
}

impl News {
    /// What came, in more than `least_share` of the tiles, that an encoder which refines a picture does
    /// not explain. Looks at which something is drawn anew are passed over: with the digits of a clock
    /// an encoder touches tiles elsewhere.
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
