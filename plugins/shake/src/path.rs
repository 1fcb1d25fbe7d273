//! The path of the camera, and how far it swings to and fro.

/// The place of the camera at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    /// The time in seconds.
    pub(crate) at_s: f64,
    /// The horizontal position, in pixels of a picture 640 pixels wide.
    pub(crate) x: f64,
    /// The vertical position, in the same pixels.
    pub(crate) y: f64,
    /// The distance by which the rotation moves a point at [`crate::TURNED_AT`] from the middle, in the same pixels.
    pub(crate) turned: f64,
    /// The possible error of the place, in the same pixels. It is negligible unless the place was found in a small
    /// picture.
    pub(crate) grain: f64,
}

/// The directions along which swings are measured: x, y and the diagonals.
const DIRECTIONS: [(f64, f64); 4] = [
    (1.0, 0.0),
    (0.0, 1.0),
    (std::f64::consts::FRAC_1_SQRT_2, std::f64::consts::FRAC_1_SQRT_2),
    (std::f64::consts::FRAC_1_SQRT_2, -std::f64::consts::FRAC_1_SQRT_2),
];

/// Returns the largest distance over which the path reverses at least `reversals` times; 0 if it reverses less
/// often. A pan, however far, reverses at most once.
pub(crate) fn swing(path: &[Place], reversals: usize) -> f64 {
    let along = |(x, y): (f64, f64)| -> Vec<f64> { path.iter().map(|p| p.x * x + p.y * y).collect() };
    let turned: Vec<f64> = path.iter().map(|place| place.turned).collect();
    let shifted = DIRECTIONS.into_iter().map(|direction| largest(&along(direction), reversals));
    shifted.fold(largest(&turned, reversals), f64::max)
}

/// Returns the same as [`swing`] for one direction. A larger distance never has more reversals than a smaller one,
/// so a binary search finds it.
fn largest(way: &[f64], reversals: usize) -> f64 {
    let (low, high) = way.iter().fold((f64::MAX, f64::MIN), |(low, high), &at| (low.min(at), high.max(at)));
    let (mut enough, mut too_much) = (0.0, (high - low).max(0.0));
    for _ in 0..16 {
        let distance = (enough + too_much) / 2.0;
        if turns(way, distance) >= reversals {
            enough = distance;
        } else {
            too_much = distance;
        }
    }
    enough
}

/// Counts how often the way reverses and goes back by at least `distance`, after it went as far.
pub(crate) fn turns(way: &[f64], distance: f64) -> usize {
    let Some(&first) = way.first() else { return 0 };
    let (mut low, mut high) = (first, first);
    let mut rising = None;
    let mut turns = 0;
    for &at in way {
        match rising {
            None => {
                (low, high) = (low.min(at), high.max(at));
                if at - low >= distance {
                    (rising, high) = (Some(true), at);
                } else if high - at >= distance {
                    (rising, low) = (Some(false), at);
                }
            }
            Some(true) => {
                high = high.max(at);
                if high - at >= distance {
                    (rising, low) = (Some(false), at);
                    turns += 1;
                }
            }
            Some(false) => {
                low = low.min(at);
                if at - low >= distance {
                    (rising, high) = (Some(true), at);
                    turns += 1;
                }
            }
        }
    }
    turns
}
