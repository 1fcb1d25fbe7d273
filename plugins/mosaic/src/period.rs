//! Places of a profile that stand out at equal distances.
//!
//! The values of a profile are lone steps; `grid.rs` explains both. A comb is a set of equally spaced places (lines).
//! The distance between two lines is the side of the blocks. A rank test distinguishes a comb from chance (the test of
//! Wilcoxon, Mann and Whitney): the values of a whole profile are sorted, and the mean rank on the comb is compared
//! with the mean rank of the same number of places drawn at random. The difference is measured in standard deviations.
//! Ranks do not depend on how high a pole or a kerb stands out. A soft scene therefore counts as much as a rich scene,
//! and combs of any side can be compared. A comb of half the true side meets a line only at every second place, so it
//! stands out less than the true comb. A comb of twice the side misses every second line, so it stands out less, too.
//!
//! Codecs and pixelation start their blocks in the picture's upper left corner, even if the stream was scaled
//! afterwards. For such blocks, only the number of blocks across the picture is unknown; whole numbers and halves
//! (such as 40.5 blocks) are tried. Blocks whose side is a whole number of pixels may start anywhere.

/// The smallest side that is searched for, in samples. Codecs have no smaller transforms.
const LEAST_SIDE: usize = 4;
/// The largest side of blocks that may start anywhere, in samples. Larger blocks of this kind are found on a smaller
/// level of the pyramid.
const MOST_FREE_SIDE: usize = 24;
/// The largest number of blocks across the picture for which fractional sides are tried. Smaller blocks are hardly
/// visible.
const MOST_BLOCKS: usize = 120;
/// The smallest number of blocks across a profile that counts as a grid.
const LEAST_BLOCKS: usize = 5;
/// If a comb exceeds chance by more than this many standard deviations, it is compared with the combs of the other
/// direction.
const NOTABLE: f32 = 3.0;
/// The number of units in a sample. Places are computed in these units.
const UNIT: u64 = 1 << 16;

/// Equally spaced places of a profile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Comb {
    /// The place of the first line, in units of 1/65,536 of a sample.
    first: u64,
    /// The distance between two lines, in the same units.
    distance: u64,
    /// The number of standard deviations by which the ranks on the comb exceed chance.
    pub(crate) deviations: f32,
}

/// The values of a profile on and off the lines of a comb.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Lines {
    /// The mean of the values on the lines.
    pub(crate) on: f64,
    /// The mean of the values off the lines.
    pub(crate) off: f64,
    /// The median of the values on the lines minus the median of the values off the lines.
    pub(crate) typical: f64,
}

impl Comb {
    /// Returns the distance of the lines in samples.
    pub(crate) fn side(&self) -> f64 {
        self.distance as f64 / UNIT as f64
    }

    /// Measures the profile on the lines and off them.
    pub(crate) fn lines(&self, profile: &[f32]) -> Lines {
        let (mut on, mut off) = (Vec::new(), Vec::with_capacity(profile.len()));
        let mut next = self.first;
        for (place, &value) in (0_u64..).zip(profile) {
            if place == next / UNIT {
                on.push(value);
                next += self.distance;
            } else {
                off.push(value);
            }
        }
        let mean = |v: &[f32]| v.iter().map(|&v| f64::from(v)).sum::<f64>() / v.len().max(1) as f64;
        let (mean_on, mean_off) = (mean(&on), mean(&off));
        Lines { on: mean_on, off: mean_off, typical: median(on) - median(off) }
    }
}

/// Returns the combs that stand out of a profile. The profile may be that of a part of the picture. `whole` is the
/// number of places in the profile of the whole picture, and `offset` is the first of these places that lies in the
/// part. Both are needed because blocks start in the corner of the whole picture.
pub(crate) fn combs(profile: &[f32], offset: usize, whole: usize) -> Vec<Comb> {
    let ranks = Ranks::of(profile);
    let mut found = Vec::new();
    let mut consider = |first: u64, distance: u64| {
        let deviations = ranks.deviations(first, distance);
        if deviations > NOTABLE {
            found.push(Comb { first, distance, deviations });
        }
    };
    // Blocks start at the corner. The border before sample x is at place x − 1 of the profile.
    let (offset, size) = (offset as u64 * UNIT, whole as u64 + 1);
    let fewest = 2 * LEAST_BLOCKS * whole / profile.len().max(1);
    for halves in fewest as u64..=2 * size.min((MOST_BLOCKS * LEAST_SIDE) as u64) / LEAST_SIDE as u64 {
        let distance = 2 * size * UNIT / halves.max(1);
        // Scalers round borders to the nearest sample, or up to the next sample.
        for round in [UNIT / 2, UNIT - 1] {
            let border = UNIT + offset - round.min(UNIT);
            let first = border.div_ceil(distance).max(1) * distance + round - UNIT - offset;
            consider(first, distance);
        }
    }
    for side in LEAST_SIDE..=MOST_FREE_SIDE.min(profile.len() / LEAST_BLOCKS) {
        for first in 0..side {
            consider(first as u64 * UNIT, side as u64 * UNIT);
        }
    }
    found
}

/// The ranks of a profile's values.
struct Ranks {
    /// Twice the rank of each value, minus twice the middle rank, so that the sum is 0. Equal values have the same
    /// rank.
    doubled: Vec<i32>,
}

impl Ranks {
    fn of(profile: &[f32]) -> Self {
        let mut order: Vec<(f32, usize)> = profile.iter().copied().zip(0..).collect();
        order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut doubled = vec![0; profile.len()];
        let middle = profile.len() as i32 - 1;
        let mut below = 0;
        for equal in order.chunk_by(|a, b| a.0 == b.0) {
            let rank = 2 * below + equal.len() as i32 - 1 - middle;
            for (_, place) in equal {
                if let Some(doubled) = doubled.get_mut(*place) {
                    *doubled = rank;
                }
            }
            below += equal.len() as i32;
        }
        Self { doubled }
    }

    /// Returns the mean rank on a comb, relative to the middle rank, in standard deviations of chance. If `k` of `n`
    /// values are drawn without replacement, their mean rank has a variance of (n + 1) (n − k) / (12 k).
    fn deviations(&self, first: u64, distance: u64) -> f32 {
        let (mut sum, mut count, mut at) = (0_i32, 0_i32, first);
        while let Some(rank) = self.doubled.get((at / UNIT) as usize) {
            sum += rank;
            count += 1;
            at += distance;
        }
        let (n, k) = (self.doubled.len() as f32, count as f32);
        if count < 2 || k >= n {
            return 0.0;
        }
        sum as f32 / (2.0 * k) / ((n + 1.0) * (n - k) / (12.0 * k)).sqrt()
    }
}

fn median(mut values: Vec<f32>) -> f64 {
    let middle = values.len() / 2;
    if middle < values.len() {
        (*values.select_nth_unstable_by(middle, f32::total_cmp).1).into()
    } else {
        0.0
    }
}
