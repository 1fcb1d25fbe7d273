//! The shift of one frame against another. Each part of the picture gives a shift, and the parts must agree. A
//! truck or a waving hand moves some parts; a shaking camera moves all of them.

use crate::profile::{Profiles, STEEPEST};

/// The longest shift that is searched for, in samples.
pub(crate) const REACH: usize = 8;
/// The largest distance from the expected shift in the first search, in samples. Hardly any camera moves farther from
/// one frame to the next.
const NEARBY: usize = 2;
/// The number of parts into which each profile is divided.
const PARTS: usize = 4;
/// The largest standard error of a part's shift, in samples. A part with a larger error is ignored.
const CERTAIN: f64 = 0.1;
/// The slopes of a part are subtracted from the slopes at the best place in the other frame, which is known to a
/// fraction of a sample. The squares of the differences are added, and so are the squares of the part's slopes. If the
/// first sum exceeds this share of the second sum, the part shows other content than before.
const UNLIKE: f64 = 0.4;
/// The smallest number of parts with enough structure in one direction. With fewer parts, the shift in this direction
/// is not determined.
const LEAST_PARTS: usize = 4;
/// If the shifts of the middle half of the parts differ by more than this number of samples, in both directions, the
/// frame may be turned. A turn by half a degree moves parts that are 120 samples apart by one sample against each
/// other.
const TWIST: f64 = 0.8;
/// The smallest mean slope of a part, in 16ths of a grey level. Smaller slopes are noise.
const LEAST_SLOPE: f64 = 12.0;

/// A shift in samples.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Shift {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

/// The result of comparing two frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Match {
    /// The frame is shifted by this much against the earlier frame.
    Shifted(Shift),
    /// The frame is turned, or it is shifted by this much. The shifts of its parts differ in both directions.
    Perhaps(Shift),
    /// The frame shows other content than the earlier frame, or it has moved out of reach.
    Elsewhere,
    /// The frame has too few features to compare.
    Featureless,
}

/// Compares a frame with an earlier frame. `expected` is the expected shift.
pub(crate) fn shift(before: &Profiles, after: &Profiles, expected: Shift) -> Match {
    // If all parts have the same profile, for example because of a horizon, their differences from the mean have too
    // few features. In this case, the profiles are compared without subtracting the mean.
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

/// The shift on which the parts agree, in one direction.
enum Agreed {
    /// The shift, and the largest difference between the shifts of the middle half of the parts.
    On(f64, f64),
    Not,
}

/// Compares the profiles of one direction. The result is None if there are too few features.
fn direction(before: &[Vec<i16>], after: &[Vec<i16>], expected: f64) -> Option<Agreed> {
    let (mut shifts, mut asked) = (Vec::new(), 0);
    let reach = REACH as f64;
    // The expected shift in whole samples, limited to the reach.
    let expected = expected.round().clamp(-reach, reach) as isize;
    for (before, after) in before.iter().zip(after) {
        let inner = before.len().saturating_sub(2 * (REACH + 1));
        // The length of a part is a multiple of eight samples (whole vectors), except in very small pictures.
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

/// Returns the shift that three quarters of the parts reach or exceed, in the same direction. The shift is 0 if a
/// quarter of the parts stand still or move in the other direction: then the camera stands still. Also returns the
/// largest difference between the shifts of the middle half of the parts.
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

/// The result of one part.
enum Part {
    Shifted(f64),
    /// The part shows other content than before.
    Unlike,
    /// The part has no slopes, or too much noise.
    Silent,
}

/// Returns the shift by which the slopes `from..from + length` of `before` appear in `after`. One step of least squares
/// (Lucas and Kanade) refines the best whole shift.
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

/// The sums for a step of least squares.
#[derive(Default)]
struct Sums {
    /// The sum of the squares of the rise (the change of a slope over two samples).
    slopes: f64,
    /// The sum of the products of the rise and the differences.
    products: f64,
    /// The sum of the squares of the wanted slopes.
    energy: f64,
    /// The sum of the squares of the differences (the seen slopes minus the wanted slopes).
    differences: f64,
}

/// The number of samples whose products can be summed in 32 bits.
const SHORT: usize = 32;
const _: () = assert!((2 * STEEPEST as i64).pow(2) * (SHORT as i64) < 1 << 31);

impl Sums {
    /// Computes the sums from the wanted slopes, the seen slopes, and the slopes one place before and one place after
    /// the seen slopes. The sums use integers, because the compiler multiplies and adds eight pairs of integers at
    /// once.
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

/// Returns the sum of the products of at most [`SHORT`] pairs.
fn dot(a: &[i16], b: &[i16]) -> f64 {
    f64::from(a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum::<i32>())
}

/// Returns the place in `after` whose slopes are most similar to the wanted slopes. The first search is near the
/// expected place. If its best place is at the edge of the searched places, a second search covers the whole reach
/// around `from`.
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
