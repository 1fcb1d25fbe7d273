//! Whether the camera stands still within the clip: one that is on its way shows no view to compare,
//! and none to remember.

use crate::{
    cells::Cells,
    search::{Edges, agree_better},
};

/// Share of the frames that must show the view of the clip as a whole: what passes hides it in others.
const LEAST_FRAMES: f32 = 0.6;
/// Samples by which a frame may be off: 0.6 % of the width.
const MOST_OFF: f32 = 1.0;
/// Samples by which a frame is sought; one that is farther off is known by the coarse picture.
const REACH: usize = 3;
/// Share of the cells in sight that must be in place: noise, and what passes, leave the others.
const LEAST_HELD: f32 = 0.4;
/// Share of them that cannot all belong to what passes.
const MOST_PASSING: f32 = 0.5;
/// In the coarse picture no other place may be better than in place by more than this.
const NEARLY_BEST: f32 = 0.9;

/// What a frame tells of the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stance {
    Still,
    Moving,
    /// It shows something else.
    Unknown,
}

/// Whether most frames, the first and the last among them, show the whole clip's view in place, none shows
/// it near by, and no flow runs from frame to frame.
///
/// The last is asked since a camera that turns past houses has a skyline in all frames, and so in place.
pub(crate) fn stands_still(frames: &[Edges], view: &Edges) -> bool {
    let pairs = frames.iter().zip(frames.iter().skip(1));
    if 2 * pairs.clone().filter(|(before, after)| !is_best_in_place(before, after)).count() > pairs.count() {
        return false;
    }
    let cells = Cells::fine(&view.fine);
    let stances: Vec<Stance> = frames.iter().map(|frame| stance(frame, view, &cells)).collect();
    let still = stances.iter().filter(|&&stance| stance == Stance::Still).count();
    // A camera that goes from one place to another within the clip begins or ends elsewhere.
    let ends = [stances.first(), stances.last()];
    ends.iter().all(|&stance| stance == Some(&Stance::Still))
        && !stances.contains(&Stance::Moving)
        && still as f32 >= LEAST_FRAMES * frames.len() as f32
}

/// Of two frames of the clip's beginning and two of its end one each, where the camera was moved in
/// between: it stood before, and it stands after. One that is still on its way may be panning.
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

/// Whether no other place in the coarse picture is clearly better. Lines that run on look alike from place to
/// place within the reach of the fine one.
fn is_best_in_place(before: &Edges, after: &Edges) -> bool {
    let (here, _) = before.coarse.overlap(&after.coarse, (0, 0));
    !agree_better(&before.coarse, &after.coarse, here / NEARLY_BEST)
}
