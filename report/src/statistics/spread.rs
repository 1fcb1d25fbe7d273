//! The spread of a share over cameras. Captures of one camera are similar, so cameras, not captures, are the
//! independent samples. The interval comes from the bootstrap (Efron 1979) over cameras, with a fixed seed.

use std::collections::BTreeMap;

use super::Share;
use crate::random::Random;

/// The number of draws.
const DRAWS: usize = 1000;
/// The seed. It is fixed, so that the same report has the same intervals.
const SEED: u64 = 0x5eed;

/// A share over all cameras, and the share of each camera.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Spread {
    /// The share over all cameras.
    pub all: Share,
    /// The share of each camera.
    pub by_camera: BTreeMap<String, Share>,
}

impl Spread {
    /// Counts one more capture.
    pub fn count(&mut self, camera: &str, holds: bool) {
        self.all.count(holds);
        self.by_camera.entry(camera.to_owned()).or_default().count(holds);
    }

    /// Returns the shares of the cameras, the lowest first.
    fn sorted(&self) -> Vec<(&str, f64)> {
        let values =
            self.by_camera.iter().filter_map(|(camera, share)| Some((camera.as_str(), share.value()?)));
        let mut values: Vec<_> = values.collect();
        values.sort_by(|a, b| a.1.total_cmp(&b.1));
        values
    }

    /// Returns the camera with the lowest share, or with the highest if less is better.
    #[must_use]
    pub fn worst(&self, less_is_better: bool) -> Option<(String, f64)> {
        let sorted = self.sorted();
        let worst = if less_is_better { sorted.last() } else { sorted.first() };
        worst.map(|(camera, value)| ((*camera).to_owned(), *value))
    }

    /// Returns the share that a tenth of the cameras does not reach. If less is better, returns the share that a
    /// tenth of the cameras exceeds.
    #[must_use]
    pub fn tenth(&self, less_is_better: bool) -> Option<f64> {
        let sorted = self.sorted();
        let step = sorted.len().saturating_sub(1) as f64 / 10.0;
        let place = if less_is_better { (9.0 * step).ceil() } else { step.floor() };
        sorted.get(place as usize).map(|(_, value)| *value)
    }

    /// Returns the range that contains the share in 95 % of the draws. Each draw selects cameras with repetition,
    /// as many as there are cameras. Returns None for fewer than two cameras.
    #[must_use]
    pub fn interval(&self) -> Option<(f64, f64)> {
        let shares: Vec<Share> = self.by_camera.values().copied().collect();
        if shares.len() < 2 {
            return None;
        }
        let mut random = Random::new(SEED);
        let mut draws: Vec<f64> = (0..DRAWS)
            .filter_map(|_| {
                let mut drawn = Share::default();
                for _ in 0..shares.len() {
                    let one = shares.get(random.below(shares.len())).copied().unwrap_or_default();
                    drawn.part += one.part;
                    drawn.whole += one.whole;
                }
                drawn.value()
            })
            .collect();
        draws.sort_by(f64::total_cmp);
        let at = |share: f64| {
            draws.get((share * (draws.len().saturating_sub(1)) as f64).round() as usize).copied()
        };
        at(0.025).zip(at(0.975))
    }
}

/// Returns the rank correlation (Spearman 1904) of pairs. Ties share their mean rank. Returns None for fewer than
/// three pairs.
#[must_use]
pub fn rank_correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    if pairs.len() < 3 {
        return None;
    }
    let ranks = |values: Vec<f64>| {
        let mut order: Vec<usize> = (0..values.len()).collect();
        let value = |place: &usize| values.get(*place).copied().unwrap_or(0.0);
        order.sort_by(|a, b| value(a).total_cmp(&value(b)));
        let mut ranks = vec![0.0; values.len()];
        let mut below = 0.0;
        for group in order.chunk_by(|a, b| value(a).total_cmp(&value(b)).is_eq()) {
            let mean = below + (group.len() as f64 - 1.0) / 2.0;
            for place in group {
                if let Some(rank) = ranks.get_mut(*place) {
                    *rank = mean;
                }
            }
            below += group.len() as f64;
        }
        ranks
    };
    let one = ranks(pairs.iter().map(|pair| pair.0).collect());
    let other = ranks(pairs.iter().map(|pair| pair.1).collect());
    let mean = (pairs.len() as f64 - 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    let spread = (product(&one, &one) * product(&other, &other)).sqrt();
    (spread > 0.0).then(|| product(&one, &other) / spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(cameras: &[(&str, usize, usize)]) -> Spread {
        let mut spread = Spread::default();
        for (camera, part, whole) in cameras {
            for number in 0..*whole {
                spread.count(camera, number < *part);
            }
        }
        spread
    }

    #[test]
    fn the_worst_camera_is_named_and_a_tenth_of_the_cameras_told() {
        let spread = spread(&[("gate", 9, 10), ("yard", 2, 10), ("roof", 10, 10)]);
        assert_eq!(spread.worst(false), Some(("yard".to_owned(), 0.2)));
        assert_eq!(spread.worst(true), Some(("roof".to_owned(), 1.0)));
        assert_eq!((spread.tenth(false), spread.tenth(true)), (Some(0.2), Some(1.0)));
        assert_eq!(spread.all, Share { part: 21, whole: 30 });
    }

    #[test]
    fn the_interval_is_the_same_each_time_and_holds_the_share() {
        let spread = spread(&[("a", 9, 10), ("b", 2, 10), ("c", 10, 10), ("d", 7, 10), ("e", 5, 10)]);
        let (low, high) = spread.interval().expect("five cameras");
        assert_eq!(spread.interval(), Some((low, high)));
        assert!(low < 0.66 && 0.66 < high && low > 0.2 && high < 1.0, "{low} {high}");
        assert_eq!(self::spread(&[("a", 9, 10)]).interval(), None);
    }

    #[test]
    fn ranks_agree_whatever_the_scale_and_ties_count_half() {
        assert_eq!(rank_correlation(&[(1.0, 10.0), (2.0, 100.0), (3.0, 1000.0)]), Some(1.0));
        assert_eq!(rank_correlation(&[(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)]), Some(-1.0));
        assert_eq!(rank_correlation(&[(1.0, 1.0), (2.0, 1.0), (3.0, 1.0)]), None);
        let tied = rank_correlation(&[(1.0, 1.0), (1.0, 1.0), (2.0, 2.0), (3.0, 2.0)]).expect("four pairs");
        assert!((tied - 0.9428).abs() < 1e-3, "{tied}");
    }
}
