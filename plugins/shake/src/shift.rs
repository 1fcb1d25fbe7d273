//! By how much one frame is shifted against another: each part of the picture is asked, and they
//! must agree. A truck or a waving hand moves some parts; a shaken camera moves all of them.

use crate::profile::Profiles;

/// Longest shift that is looked for, in samples.
pub(crate) const REACH: usize = 8;
/// Parts that a profile is divided into.
const PARTS: usize = 4;
/// A part tells nothing where its shift is less certain than this standard error, in samples.
const CERTAIN: f64 = 0.1;
/// A part shows something else than before where so large a share of its slopes' energy is left
/// after shifting.
const UNLIKE: f64 = 0.4;
/// Parts of a direction that must have been found for the others to be believed.
const LEAST_PARTS: usize = 4;
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
    /// It shows something else, or has moved out of reach.
    Elsewhere,
    /// There is too little to hold on to.
    Featureless,
}

/// Compares a frame to an earlier one.
pub(crate) fn shift(before: &Profiles, after: &Profiles) -> Match {
    let (Some(x), Some(y)) = (direction(&before.across, &after.across), direction(&before.down, &after.down))
    else {
        return Match::Featureless;
    };
    match (x, y) {
        (Agreed::On(x), Agreed::On(y)) => Match::Shifted(Shift { x, y }),
        _ => Match::Elsewhere,
    }
}

/// What the parts say of one direction.
enum Agreed {
    On(f64),
    Not,
}

/// One direction; none where there is too little to hold on to.
fn direction(before: &[Vec<i32>], after: &[Vec<i32>]) -> Option<Agreed> {
    let (mut shifts, mut asked) = (Vec::new(), 0);
    for (before, after) in before.iter().zip(after) {
        let inner = before.len().saturating_sub(2 * (REACH + 1));
        let length = inner / PARTS;
        for part in 0..PARTS {
            let from = REACH + 1 + part * length;
            match part_shift(before, after, from, length) {
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
    Some(Agreed::On(agreed(&mut shifts)))
}

/// The shift that three quarters of the parts reach or exceed: where a quarter stands still, the
/// camera does.
fn agreed(shifts: &mut [f64]) -> f64 {
    shifts.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share * shifts.len().saturating_sub(1) as f64;
        shifts.get(place.round() as usize).copied().unwrap_or_default()
    };
    let (low, high) = (at(0.25), at(0.75));
    if low > 0.0 {
        low
    } else if high < 0.0 {
        high
    } else {
        0.0
    }
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
fn part_shift(before: &[i32], after: &[i32], from: usize, length: usize) -> Part {
    let Some(wanted) = before.get(from..from + length).filter(|wanted| wanted.len() >= 8) else {
        return Part::Silent;
    };
    let strength = wanted.iter().map(|slope| f64::from(slope.abs())).sum::<f64>() / length as f64;
    if strength < LEAST_SLOPE {
        return Part::Silent;
    }
    let apart = |place: usize| -> i32 {
        let seen = after.get(place..place + length).unwrap_or_default();
        wanted.iter().zip(seen).map(|(a, b)| (a - b).abs()).sum()
    };
    let Some(place) = (from - REACH..=from + REACH).min_by_key(|&place| apart(place)) else {
        return Part::Silent;
    };
    if place.abs_diff(from) == REACH {
        return Part::Unlike;
    }
    let (Some(seen), Some(around)) =
        (after.get(place..place + length), after.get(place - 1..place + length + 1))
    else {
        return Part::Silent;
    };
    let (mut slope_energy, mut product, mut energy, mut left) = (0.0, 0.0, 0.0, 0.0);
    for ((&a, &b), pair) in wanted.iter().zip(seen).zip(around.windows(3)) {
        let [before, _, after] = pair else { continue };
        let difference = f64::from(b - a);
        let gradient = f64::from(after - before) / 2.0;
        slope_energy += gradient * gradient;
        product += difference * gradient;
        energy += f64::from(a) * f64::from(a);
        left += difference * difference;
    }
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
