//! Finds out whether the camera stands still during the clip. A moving camera shows no view that could be compared
//! or remembered.

use crate::{
    cells::Cells,
    search::{Edges, agree_better},
};

/// The smallest share of the frames that must show the view of the whole clip. Passing objects may hide the view in the
/// other frames.
const LEAST_FRAMES: f32 = 0.6;
/// The largest shift of a frame that stands still, in samples. One sample is 0.6 % of the width.
const MOST_OFF: f32 = 1.0;
/// The largest shift of a frame that is found in the fine picture, in samples. A larger shift is found in the coarse
/// picture.
const REACH: usize = 3;
/// The smallest share of the visible cells that must be in place. Noise and passing objects change the other cells.
const LEAST_HELD: f32 = 0.4;
/// If at least this share of the visible cells has shifted, passing objects are not the cause.
const MOST_PASSING: f32 = 0.5;
/// Another place in the coarse picture is clearly better if its rating, as [`agree_better`] computes it, is so large
/// that the rating without a shift is below this share of it.
const NEARLY_BEST: f32 = 0.9;

/// The state of the camera in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stance {
    Still,
    Moving,
    /// The frame shows something else.
    Unknown,
}

/// True if three conditions are met: most frames, including the first and the last, show the view of the whole clip in
/// place; no frame shows the view shifted; and at most half of the frames are shifted against the previous frame.
///
/// The last condition is necessary because a camera that turns past houses has a skyline in all frames. The skyline is
/// then in place.
pub(crate) fn stands_still(frames: &[Edges], view: &Edges) -> bool {
    let pairs = frames.iter().zip(frames.iter().skip(1));
    if 2 * pairs.clone().filter(|(before, after)| !is_best_in_place(before, after)).count() > pairs.count() {
        return false;
    }
    let cells = Cells::fine(&view.fine);
    let stances: Vec<Stance> = frames.iter().map(|frame| stance(frame, view, &cells)).collect();
    let still = stances.iter().filter(|&&stance| stance == Stance::Still).count();
    // A camera that moves from one place to another during the clip begins or ends elsewhere.
    let ends = [stances.first(), stances.last()];
    ends.iter().all(|&stance| stance == Some(&Stance::Still))
        && !stances.contains(&Stance::Moving)
        && still as f32 >= LEAST_FRAMES * frames.len() as f32
}

/// Returns one frame from the clip's beginning and one from its end, if the camera stood still before and after it was
/// moved. Otherwise returns none: a camera that still moves at the end may be panning.
pub(crate) fn before_and_after(ends: &[Edges]) -> Option<(&Edges, &Edges)> {
    let stands = |one: &Edges, other: &Edges| stance(one, other, &Cells::fine(&other.fine)) == Stance::Still;
    let [first, second, last_but_one, last] = ends else { return None };
    let (before, after) = (stands(second, first), stands(last_but_one, last));
    (before && after && !stands(last, first)).then_some((first, last))
}

fn stance(frame: &Edges, view: &Edges, cells: &Cells) -> Stance {
    let place = cells.place(&view.fine, &frame.fine, REACH);
    if place.visible() == 0 {
        return Stance::Still;
    }
    let is_off = place.shift.0.abs().max(place.shift.1.abs()) > MOST_OFF;
    if is_off && place.held_share() >= MOST_PASSING {
        return Stance::Moving;
    }
    let is_still = !is_off && place.held_share() >= LEAST_HELD && is_best_in_place(view, frame);
    if is_still { Stance::Still } else { Stance::Unknown }
}

/// True if no other place in the coarse picture is clearly better. The coarse picture is used because long lines
/// look similar at all places within the reach of the fine one.
fn is_best_in_place(before: &Edges, after: &Edges) -> bool {
    let (here, _) = before.coarse.overlap(&after.coarse, (0, 0));
    !agree_better(&before.coarse, &after.coarse, here / NEARLY_BEST)
}
