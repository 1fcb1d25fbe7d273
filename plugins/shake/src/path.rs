//! The path of the camera, and the distance over which the camera swings to and fro.

/// The place of the camera at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    /// The time in seconds.
    pub(crate) at_s: f64,
    /// The horizontal position, in pixels of a picture 640 pixels wide (reported pixels).
    pub(crate) x: f64,
    /// The vertical position, in reported pixels.
    pub(crate) y: f64,
    /// The distance by which the rotation moves a point at [`crate::TURNED_AT`] from the middle, in reported pixels.
    pub(crate) turned: f64,
    /// The size of a sample of the small picture, in reported pixels, if the place was found in the small picture. The
    /// error of the place is below this size. For all other places, `grain` is 0, because their error is negligible.
    pub(crate) grain: f64,
}

/// The directions along which swings are measured: x, y and the diagonals.
const DIRECTIONS: [(f64, f64); 4] = [
    (1.0, 0.0),
    (0.0, 1.0),
    (std::f64::consts::FRAC_1_SQRT_2, std::f64::consts::FRAC_1_SQRT_2),
    (std::f64::consts::FRAC_1_SQRT_2, -std::f64::consts::FRAC_1_SQRT_2),
];

/// Returns the largest distance over which the path reverses at least `reversals` times, or 0 if the path reverses less
/// often. A pan reverses at most once, even if it goes far.
pub(crate) fn swing(path: &[Place], reversals: usize) -> f64 {
    let along = |(x, y): (f64, f64)| -> Vec<f64> { path.iter().map(|p| p.x * x + p.y * y).collect() };
    let turned: Vec<f64> = path.iter().map(|place| place.turned).collect();
    let shifted = DIRECTIONS.into_iter().map(|direction| largest(&along(direction), reversals));
    shifted.fold(largest(&turned, reversals), f64::max)
}

/// Returns the result of [`swing`] for one direction. The number of reversals never rises with the distance, so a
/// binary search finds the largest distance.
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

/// Counts the reversals of the way. A reversal counts if the way goes at least `distance` before and after it.
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
