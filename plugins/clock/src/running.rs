//! A clock that runs: a digit that changes once a second, in a line of writing that does not.

use crate::{
    strip::{Place, STROKE, Strip, TILE},
    ticks::Rhythm,
};

/// A digit is at most so many tiles wide and high.
const MOST_TILES: usize = 6;
/// Of the samples of a digit's tiles so many are sides of strokes.
pub(crate) const LEAST_STROKES: f32 = 0.05;
/// Of those of the last digit, the writing beside it has so many times as many that last: hours and
/// minutes at the least.
const LEAST_BESIDE: f32 = 1.5;
/// Writing is looked for so many digit's widths to either side.
const BESIDE: usize = 8;

/// The digits that tick, one a clock.
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
    // Of pieces of one digit, which stand in the same line, that with the most strokes counts.
    found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let mut digits: Vec<Place> = Vec::new();
    for (_, place) in found {
        if digits.iter().all(|digit| !beside(strip, *digit).touches(&place)) {
            digits.push(place);
        }
    }
    digits
}

/// Takes the tiles that touch each other away; answers the box around them, none where it is larger
/// than a digit.
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

/// The line of writing that a digit stands in.
fn beside(strip: &Strip, digit: Place) -> Place {
    let reach = BESIDE * digit.width.max(TILE);
    let left = digit.left.saturating_sub(reach);
    let right = (digit.left + digit.width + reach).min(strip.area.width as usize);
    Place { left, width: right - left, ..digit }
}
