//! Where a known view went: the whole picture is searched, turned and zoomed as well, first in the
//! coarse picture and then in the fine one.

use crate::{
    cells::{Cells, Fate, Place},
    field::Field,
    motion::Motion,
    picture::Picture,
};

/// Turns that are tried, in degrees; what lies between is found from its neighbours.
const TURNS: [f32; 9] = [0.0, -5.0, 5.0, -10.0, 10.0, -16.0, 16.0, -24.0, 24.0];
/// Zooms that are tried.
const ZOOMS: [f32; 2] = [0.8, 1.25];
/// Of width and height, what both views must share.
const LEAST_SHARED: f32 = 0.35;
/// Best ones of the coarse picture that are looked at in the fine one.
const CANDIDATES: usize = 3;
/// Samples by which the coarse picture may err, seen in the fine one.
const REACH: usize = 4;
/// Cells that must be found again, their share of those that can be seen, and how well they must agree:
/// 8 of 13 cells by 0.47 were found by chance in a street without end, all of 19 and more by at least 0.73
/// where five cameras were turned or moved.
pub(crate) const LEAST_FOUND: usize = 5;
pub(crate) const LEAST_FOUND_SHARE: f32 = 0.6;
const LEAST_FOUND_AGREEMENT: f32 = 0.55;
/// Turns that are tried around the best one, in degrees.
const FINER: [f32; 2] = [2.5, 1.2];

/// Two sizes of one picture's edges.
#[derive(Debug, Clone)]
pub(crate) struct Edges {
    pub(crate) fine: Field,
    pub(crate) coarse: Field,
}

impl Edges {
    pub(crate) fn of(picture: &Picture) -> Self {
        Self { fine: Field::of(picture), coarse: Field::of(&picture.coarse()) }
    }

    /// Those of the picture with left and right, or top and bottom, in each other's place.
    pub(crate) fn flipped(&self, sides: (bool, bool)) -> Self {
        Self { fine: self.fine.flipped(sides), coarse: self.coarse.flipped(sides) }
    }
}

/// Where the known view is now, and how its cells are found there; none where it is not to be found.
pub(crate) fn find(known: &Edges, now: &Edges) -> Option<(Motion, Place)> {
    let turns = TURNS.into_iter().map(|degrees| Motion { degrees, ..Motion::NONE });
    let zooms = ZOOMS.into_iter().map(|zoom| Motion { zoom, ..Motion::NONE });
    among(known, now, turns.chain(zooms))
}

/// As [`find`], beginning with these turns and zooms.
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

/// The best shift of a turned or zoomed view in the coarse picture, and how good it is.
fn coarsely(known: &Edges, now: &Edges, motion: Motion) -> Option<(f32, Motion)> {
    let (rate, (dx, dy)) = best_shift(&known.coarse.moved(&motion), &now.coarse)?;
    let width = known.coarse.width as f32;
    Some((rate, motion.shifted(dx as f32 / width, dy as f32 / width)))
}

/// The shift, of any size, at which a coarse field agrees best with another one, and how well.
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

/// Whether two coarse fields agree better than this at any shift.
pub(crate) fn agree_better(known: &Field, now: &Field, than: f32) -> bool {
    shifts(known).any(|shift| most_rate(known, shift) > than && rate(known, now, shift) > than)
}

/// Shifts at which enough of a field is shared.
fn shifts(field: &Field) -> impl Iterator<Item = (isize, isize)> + use<> {
    let farthest = |length: usize| (length as f32 * (1.0 - LEAST_SHARED)) as isize;
    let (far_x, far_y) = (farthest(field.width), farthest(field.height));
    (-far_y..=far_y).flat_map(move |dy| (-far_x..=far_x).map(move |dx| (dx, dy)))
}

/// How well two fields agree at a shift. Chance agrees the more the fewer samples there are.
fn rate(known: &Field, now: &Field, shift: (isize, isize)) -> f32 {
    let (agreement, share) = known.overlap(now, shift);
    agreement * share.sqrt()
}

/// As much as [`rate`] may be: an agreement is 1 at the most, and rounding adds hardly a millionth.
fn most_rate(field: &Field, shift: (isize, isize)) -> f32 {
    1.0001 * field.share(shift).sqrt()
}
