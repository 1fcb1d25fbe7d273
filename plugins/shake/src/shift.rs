//! By how much one frame is shifted against another: each part of the picture is asked, and they
//! must agree. A truck or a waving hand moves some parts; a shaken camera moves all of them.

use crate::profile::{Profiles, STEEPEST};

/// Longest shift that is looked for, in samples.
pub(crate) const REACH: usize = 8;
/// Distance from the expected shift within which it is looked for first: hardly a camera moves by
/// more from one frame to the next.
const NEARBY: usize = 2;
/// Parts that a profile is divided into.
const PARTS: usize = 4;
/// A part tells nothing where its shift is less certain than this standard error, in samples.
const CERTAIN: f64 = 0.1;
/// A part shows something else than before where so large a share of its slopes' energy is left
/// after shifting.
const UNLIKE: f64 = 0.4;
/// Parts of a direction that must have been found for the others to be believed.
const LEAST_PARTS: usize = 4;
/// A frame may be turned where the middle half of its parts differ by more than this, in samples, along and
/// across: a turn by half a degree moves parts that are 120 samples apart by one against each other.
const TWIST: f64 = 0.8;
/// Slopes weaker than this on average (16ths of a grey level) are noise.
const LEAST_SLOPE: f64 = 12.0;

/// A shift in samples.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Shift {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

/// What comparing two frames gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Match {
    /// The frame is shifted so far against the other one.
    Shifted(Shift),
    /// So far, if it is not turned: its parts are shifted differently, along and across.
    Perhaps(Shift),
    /// It shows something else, or has moved out of reach.
    Elsewhere,
    /// There is too little to hold on to.
    Featureless,
}

/// Compares a frame to an earlier one, against which it is `expected` to be shifted.
pub(crate) fn shift(before: &Profiles, after: &Profiles, expected: Shift) -> Match {
    // Where the parts have nothing but what they have in common, a horizon for example, that must do.
    let x = direction(&before.across_apart, &after.across_apart, expected.x)
        .or_else(|| direction(&before.across, &after.across, expected.x));
    let y = direction(&before.down_apart, &after.down_apart, expected.y)
        .or_else(|| direction(&before.down, &after.down, expected.y));
    let (Some(x), Some(y)) = (x, y) else { return Match::Featureless };
    match (x, y) {
        (Agreed::On(x, across), Agreed::On(y, down)) if across.min(down) > TWIST => {
            Match::Perhaps(Shift { x, y })
        }
        (Agreed::On(x, _), Agreed::On(y, _)) => Match::Shifted(Shift { x, y }),
        _ => Match::Elsewhere,
    }
}

/// What the parts say of one direction.
enum Agreed {
    /// The shift, and by how much the middle half of the parts differ.
    On(f64, f64),
    Not,
}

/// One direction; none where there is too little to hold on to.
fn direction(before: &[Vec<i16>], after: &[Vec<i16>], expected: f64) -> Option<Agreed> {
    let (mut shifts, mut asked) = (Vec::new(), 0);
    let reach = REACH as f64;
    // Whole samples, within reach.
    let expected = expected.round().clamp(-reach, reach) as isize;
    for (before, after) in before.iter().zip(after) {
        let inner = before.len().saturating_sub(2 * (REACH + 1));
        // Whole vectors of eight, but for pictures so small that it matters.
        let length = inner / PARTS;
        let length = if length < 32 { length } else { length / 8 * 8 };
        for part in 0..PARTS {
            let from = REACH + 1 + part * length;
            match part_shift(before, after, from, length, expected) {
                Part::Shifted(shift) => shifts.push(shift),
                Part::Unlike => {}
                Part::Silent => continue,
            }
            asked += 1;
        }
    }
    if asked < LEAST_PARTS {
        return None;
    }
    if 3 * shifts.len() < asked {
        return Some(Agreed::Not);
    }
    let (agreed, spread) = agreed(&mut shifts);
    Some(Agreed::On(agreed, spread))
}

/// The shift that three quarters of the parts reach or exceed: where a quarter stands still, the
/// camera does. And by how much the middle half of the parts differ.
fn agreed(shifts: &mut [f64]) -> (f64, f64) {
    shifts.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share * shifts.len().saturating_sub(1) as f64;
        shifts.get(place.round() as usize).copied().unwrap_or_default()
    };
    let (low, high) = (at(0.25), at(0.75));
    let agreed = if low > 0.0 {
        low
    } else if high < 0.0 {
        high
    } else {
        0.0
    };
    (agreed, high - low)
}

/// What one part says.
enum Part {
    Shifted(f64),
    /// It shows something else than before.
    Unlike,
    /// It has no slopes, or too much noise.
    Silent,
}

/// Where the slopes `from..from + length` of `before` are found again in `after`: the best whole
/// shift, made finer by one step of least squares (Lucas and Kanade).
fn part_shift(before: &[i16], after: &[i16], from: usize, length: usize, expected: isize) -> Part {
    let Some(wanted) = before.get(from..from + length).filter(|wanted| wanted.len() >= 8) else {
        return Part::Silent;
    };
    let strength = wanted.iter().map(|&slope| u32::from(slope.unsigned_abs())).sum::<u32>();
    if f64::from(strength) < LEAST_SLOPE * length as f64 {
        return Part::Silent;
    }
    let Some(place) = best_place(wanted, after, from, from.saturating_add_signed(expected)) else {
        return Part::Silent;
    };
    if place.abs_diff(from) == REACH {
        return Part::Unlike;
    }
    let seen = |place: usize| after.get(place..place + length).unwrap_or_default();
    let sums = Sums::of(wanted, seen(place), [seen(place - 1), seen(place + 1)]);
    let [slope_energy, product, energy, left] =
        [sums.slopes / 4.0, sums.products / 2.0, sums.energy, sums.differences];
    if slope_energy == 0.0 {
        return Part::Silent;
    }
    let step = -product / slope_energy;
    let left = (left - product * product / slope_energy).max(0.0);
    if left > UNLIKE * energy || step.abs() > 1.0 {
        return Part::Unlike;
    }
    if left / length as f64 > CERTAIN * CERTAIN * slope_energy {
        return Part::Silent;
    }
    Part::Shifted(place as f64 - from as f64 + step)
}

/// What a step of least squares is made of.
#[derive(Default)]
struct Sums {
    /// Of the squares of what the slopes climb by over two samples.
    slopes: f64,
    /// Of the products of these and of the differences.
    products: f64,
    /// Of the squares of the slopes that are wanted.
    energy: f64,
    /// Of the squares of what differs.
    differences: f64,
}

/// Samples whose products fit into 32 bits when they are summed.
const SHORT: usize = 32;
const _: () = assert!((2 * STEEPEST as i64).pow(2) * (SHORT as i64) < 1 << 31);

impl Sums {
    /// Of the slopes that are wanted, those that are seen, and those one place before and after them. In
    /// integers, since the compiler multiplies and adds eight pairs of them at once.
    fn of(wanted: &[i16], seen: &[i16], [before, after]: [&[i16]; 2]) -> Self {
        let mut sums = Self::default();
        let seen = wanted.chunks(SHORT).zip(seen.chunks(SHORT));
        for ((wanted, seen), (before, after)) in seen.zip(before.chunks(SHORT).zip(after.chunks(SHORT))) {
            let (mut differences, mut climbs) = ([0_i16; SHORT], [0_i16; SHORT]);
            minus(seen, wanted, &mut differences);
            minus(after, before, &mut climbs);
            sums.slopes += dot(&climbs, &climbs);
            sums.products += dot(&differences, &climbs);
            sums.energy += dot(wanted, wanted);
            sums.differences += dot(&differences, &differences);
        }
        sums
    }
}

fn minus(a: &[i16], b: &[i16], into: &mut [i16]) {
    for ((&a, &b), into) in a.iter().zip(b).zip(into) {
        *into = a - b;
    }
}

/// Sum of the products of at most [`SHORT`] pairs.
fn dot(a: &[i16], b: &[i16]) -> f64 {
    f64::from(a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum::<i32>())
}

/// Where in `after` the slopes are most alike to those that are wanted: near the expected place, and
/// where the best one there lies at the edge, within all of the reach around `from`.
fn best_place(wanted: &[i16], after: &[i16], from: usize, expected: usize) -> Option<usize> {
    let apart = |place: usize| -> u32 {
        let seen = after.get(place..place + wanted.len()).unwrap_or_default();
        wanted.iter().zip(seen).map(|(&a, &b)| u32::from((a - b).unsigned_abs())).sum()
    };
    let (first, last) = (from - REACH, from + REACH);
    let near = expected.saturating_sub(NEARBY).max(first)..=(expected + NEARBY).min(last);
    let best = near.clone().min_by_key(|&place| apart(place))?;
    if best == *near.start() || best == *near.end() {
        return (first..=last).min_by_key(|&place| apart(place));
    }
    Some(best)
}
