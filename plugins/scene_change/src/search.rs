//! Searches for a known view in the whole picture, also rotated and zoomed. The search begins in the coarse picture
//! and continues in the fine one.

use crate::{
    cells::{Cells, Fate, Place},
    field::Field,
    motion::Motion,
    picture::Picture,
};

/// The rotations that are tried, in degrees. Other rotations are found by refining the best of these rotations.
const TURNS: [f32; 9] = [0.0, -5.0, 5.0, -10.0, 10.0, -16.0, 16.0, -24.0, 24.0];
/// The zooms that are tried.
const ZOOMS: [f32; 2] = [0.8, 1.25];
/// The smallest share of the width, and of the height, by which both views must overlap.
const LEAST_SHARED: f32 = 0.35;
/// The number of places that are examined in the fine picture. They are the best places in the coarse picture.
const CANDIDATES: usize = 3;
/// The largest error of a place in the coarse picture, in samples of the fine one.
const REACH: usize = 4;
/// The smallest number of cells that must be found.
pub(crate) const LEAST_FOUND: usize = 5;
/// The smallest share of the visible cells that must be found.
pub(crate) const LEAST_FOUND_SHARE: f32 = 0.6;
/// The smallest mean agreement of the found cells. For five cameras that were turned or moved, all visible cells (at
/// least 19) were found, with an agreement of at least 0.73. In a wrong place of a street that continues beyond the
/// picture, 8 of 13 cells were found, with an agreement of 0.47.
const LEAST_FOUND_AGREEMENT: f32 = 0.55;
/// The steps of the rotations that are tried around the best one, in degrees.
const FINER: [f32; 2] = [2.5, 1.2];

/// The edges of one picture in two sizes.
#[derive(Debug, Clone)]
pub(crate) struct Edges {
    pub(crate) fine: Field,
    pub(crate) coarse: Field,
}

impl Edges {
    pub(crate) fn of(picture: &Picture) -> Self {
        Self { fine: Field::of(picture), coarse: Field::of(&picture.coarse()) }
    }

    /// Returns the edges of the picture with left and right, or top and bottom, exchanged.
    pub(crate) fn flipped(&self, sides: (bool, bool)) -> Self {
        Self { fine: self.fine.flipped(sides), coarse: self.coarse.flipped(sides) }
    }
}

/// Returns the motion of the known view, and the place at which its cells are found. Returns none if the view is not
/// found.
pub(crate) fn find(known: &Edges, now: &Edges) -> Option<(Motion, Place)> {
    let turns = TURNS.into_iter().map(|degrees| Motion { degrees, ..Motion::NONE });
    let zooms = ZOOMS.into_iter().map(|zoom| Motion { zoom, ..Motion::NONE });
    among(known, now, turns.chain(zooms))
}

/// Does the same as [`find`], but tries only these motions.
pub(crate) fn among(
    known: &Edges,
    now: &Edges,
    motions: impl Iterator<Item = Motion>,
) -> Option<(Motion, Place)> {
    let mut candidates: Vec<(f32, Motion)> =
        motions.filter_map(|motion| coarsely(known, now, motion)).collect();
    candidates.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let cells = Cells::fine(&known.fine);
    let finely = |motion: Motion| {
        let place = cells.place(&known.fine.moved(&motion), &now.fine, REACH);
        let width = now.fine.width as f32;
        (motion.shifted(place.shift.0 / width, place.shift.1 / width), place)
    };
    let fine = candidates.into_iter().take(CANDIDATES).map(|(_, motion)| finely(motion));
    let mut best = fine.max_by(|(_, a), (_, b)| a.strength.total_cmp(&b.strength))?;
    for step in FINER {
        for degrees in [best.0.degrees - step, best.0.degrees + step] {
            let turned = finely(Motion { degrees, ..best.0 });
            if turned.1.strength > best.1.strength {
                best = turned;
                break;
            }
        }
    }
    is_found(&best.1).then_some(best)
}

fn is_found(place: &Place) -> bool {
    place.count(Fate::Held) >= LEAST_FOUND
        && place.held_share() >= LEAST_FOUND_SHARE
        && place.agreement >= LEAST_FOUND_AGREEMENT
}

/// Returns the rating (see [`rate`]) of the best shift of a rotated or zoomed view in the coarse picture, and the
/// motion with this shift.
fn coarsely(known: &Edges, now: &Edges, motion: Motion) -> Option<(f32, Motion)> {
    let (rate, (dx, dy)) = best_shift(&known.coarse.moved(&motion), &now.coarse)?;
    let width = known.coarse.width as f32;
    Some((rate, motion.shifted(dx as f32 / width, dy as f32 / width)))
}

/// Returns the shift, of any size, at which a coarse field agrees best with another field, and the rating of this
/// shift.
fn best_shift(known: &Field, now: &Field) -> Option<(f32, (isize, isize))> {
    let mut best: Option<(f32, (isize, isize))> = None;
    for shift in shifts(known) {
        if best.is_none_or(|(rate, _)| most_rate(known, shift) >= rate) {
            let rate = rate(known, now, shift);
            if best.is_none_or(|(best, _)| rate >= best) {
                best = Some((rate, shift));
            }
        }
    }
    best
}

/// True if two coarse fields have a rating above `than` at any shift.
pub(crate) fn agree_better(known: &Field, now: &Field, than: f32) -> bool {
    shifts(known).any(|shift| most_rate(known, shift) > than && rate(known, now, shift) > than)
}

/// Returns the shifts at which two fields of this size overlap enough.
fn shifts(field: &Field) -> impl Iterator<Item = (isize, isize)> + use<> {
    let farthest = |length: usize| (length as f32 * (1.0 - LEAST_SHARED)) as isize;
    let (far_x, far_y) = (farthest(field.width), farthest(field.height));
    (-far_y..=far_y).flat_map(move |dy| (-far_x..=far_x).map(move |dx| (dx, dy)))
}

/// Returns the rating of a shift. The rating is the agreement, reduced if the fields overlap little, because few
/// samples are more likely to agree by chance.
fn rate(known: &Field, now: &Field, shift: (isize, isize)) -> f32 {
    let (agreement, share) = known.overlap(now, shift);
    agreement * share.sqrt()
}

/// Returns the largest possible result of [`rate`]: an agreement is at most 1, and rounding adds less than a
/// ten-thousandth.
fn most_rate(field: &Field, shift: (isize, isize)) -> f32 {
    1.0001 * field.share(shift).sqrt()
}
