//! Statistics: how well a number separates two groups, and shares.

mod spread;

pub use spread::{Spread, rank_correlation};

/// Returns the area under the receiver operating characteristic: the probability that a faulty clip has a higher
/// number than a healthy one. Ties count half (Mann and Whitney 1947). Returns None if a group is
/// empty.
#[must_use]
pub fn area_under_curve(faulty: &[f64], healthy: &[f64]) -> Option<f64> {
    if faulty.is_empty() || healthy.is_empty() {
        return None;
    }
    let mut all: Vec<(f64, bool)> = faulty.iter().map(|&number| (number, true)).collect();
    all.extend(healthy.iter().map(|&number| (number, false)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut won) = (0.0, 0.0);
    for group in all.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let of_faulty = group.iter().filter(|(_, is_faulty)| *is_faulty).count() as f64;
        let of_healthy = group.len() as f64 - of_faulty;
        won += of_faulty * (below + of_healthy / 2.0);
        below += of_healthy;
    }
    Some(won / (faulty.len() as f64 * healthy.len() as f64))
}

/// A share as two counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Share {
    /// The number of items for which a condition holds.
    pub part: usize,
    /// The number of all items.
    pub whole: usize,
}

impl Share {
    /// Counts one more item.
    pub fn count(&mut self, holds: bool) {
        self.part += usize::from(holds);
        self.whole += 1;
    }

    /// Returns the share from 0 to 1, or None if there are no items.
    #[must_use]
    pub fn value(self) -> Option<f64> {
        (self.whole > 0).then(|| self.part as f64 / self.whole as f64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Compares every pair.
    fn plainly(faulty: &[f64], healthy: &[f64]) -> f64 {
        let mut won = 0.0;
        for a in faulty {
            for b in healthy {
                won += if a > b {
                    1.0
                } else if a == b {
                    0.5
                } else {
                    0.0
                };
            }
        }
        won / (faulty.len() * healthy.len()) as f64
    }

    proptest! {
        #[test]
        fn the_area_is_the_share_of_pairs_in_the_right_order(
            faulty in prop::collection::vec(0_u8..20, 1..40),
            healthy in prop::collection::vec(0_u8..20, 1..40),
        ) {
            let faulty: Vec<f64> = faulty.into_iter().map(f64::from).collect();
            let healthy: Vec<f64> = healthy.into_iter().map(f64::from).collect();
            let area = area_under_curve(&faulty, &healthy).expect("two groups");
            prop_assert!((area - plainly(&faulty, &healthy)).abs() < 1e-12);
        }
    }

    #[test]
    fn nothing_can_be_told_of_one_group_alone() {
        assert_eq!(area_under_curve(&[1.0], &[]), None);
        assert_eq!(area_under_curve(&[], &[1.0]), None);
        assert_eq!(Share::default().value(), None);
    }

    #[test]
    fn groups_apart_have_the_whole_area_and_equal_ones_half() {
        assert_eq!(area_under_curve(&[3.0, 4.0], &[1.0, 2.0]), Some(1.0));
        assert_eq!(area_under_curve(&[1.0], &[2.0]), Some(0.0));
        assert_eq!(area_under_curve(&[5.0, 5.0], &[5.0]), Some(0.5));
    }
}
