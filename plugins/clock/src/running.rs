//! Running clocks: a digit that changes once a second, in a line of lettering that does not change.

use crate::{
    strip::{Place, STROKE, Strip, TILE},
    ticks::Rhythm,
};

/// The largest width and height of a digit, in tiles.
const MOST_TILES: usize = 6;
/// A place is a digit only if at least this share of its samples is stroke sides.
pub(crate) const LEAST_STROKES: f32 = 0.05;
/// The smallest number of unchanging stroke sides beside the last digit, divided by the number of stroke sides of the
/// digit itself (stroke sides: see [`STROKE`]). The lettering beside the digit contains at least the hours and minutes.
const LEAST_BESIDE: f32 = 1.5;
/// The distance to either side in which lettering is searched for, in widths of the digit.
const BESIDE: usize = 8;

/// Finds the digits that tick, one for each clock.
pub(crate) fn find(strip: &Strip, rhythm: &Rhythm) -> Vec<Place> {
    let columns = strip.columns();
    let mut ticking: Vec<bool> =
        strip.changes().into_iter().map(|changes| rhythm.is_kept_by(changes)).collect();
    let mut found = Vec::new();
    while let Some(start) = ticking.iter().position(|&ticks| ticks) {
        let Some(place) = take(&mut ticking, columns.max(1), start) else { continue };
        let strokes = strip.strokes(place, STROKE);
        let line = beside(strip, place);
        let writing = strip.strokes(line, STROKE).lasting - strokes.lasting;
        let area = (place.width * place.height) as f32;
        let is_clock = strokes.shown >= LEAST_STROKES * area && writing >= LEAST_BESIDE * strokes.shown;
        if is_clock {
            found.push((strokes.shown, place));
        }
    }
    // Several pieces of one digit count once. They are pieces of one digit if they are in the same line. The piece with
    // the largest number of stroke sides is used.
    found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let mut digits: Vec<Place> = Vec::new();
    for (_, place) in found {
        if digits.iter().all(|digit| !beside(strip, *digit).touches(&place)) {
            digits.push(place);
        }
    }
    digits
}

/// Removes the ticking tile at `start`, and all ticking tiles that are connected with it. Returns the box around these
/// tiles, or none if the box is larger than a digit.
fn take(ticking: &mut [bool], columns: usize, start: usize) -> Option<Place> {
    let mut open = vec![start];
    let (mut left, mut right, mut top, mut bottom) = (usize::MAX, 0, usize::MAX, 0);
    while let Some(tile) = open.pop() {
        let Some(ticks) = ticking.get_mut(tile) else { continue };
        if !std::mem::take(ticks) {
            continue;
        }
        let (x, y) = (tile % columns, tile / columns);
        (left, right) = (left.min(x), right.max(x));
        (top, bottom) = (top.min(y), bottom.max(y));
        for y in y.saturating_sub(1)..y + 2 {
            open.extend((x.saturating_sub(1)..(x + 2).min(columns)).map(|x| y * columns + x));
        }
    }
    let (width, height) = ((right + 1).checked_sub(left)?, (bottom + 1).checked_sub(top)?);
    let fits = width <= MOST_TILES && height <= MOST_TILES;
    fits.then_some(Place { left: left * TILE, top: top * TILE, width: width * TILE, height: height * TILE })
}

/// Returns the line of lettering that contains a digit: the digit's box, extended to the left and right.
fn beside(strip: &Strip, digit: Place) -> Place {
    let reach = BESIDE * digit.width.max(TILE);
    let left = digit.left.saturating_sub(reach);
    let right = (digit.left + digit.width + reach).min(strip.area.width as usize);
    Place { left, width: right - left, ..digit }
}
