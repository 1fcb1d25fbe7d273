//! The number of samples of each value, and the statistics that follow from these numbers.

#![expect(clippy::indexing_slicing, reason = "tables of 256 places are indexed by values of a byte")]

use crate::SampleRange;

/// The counts of the 256 sample values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    counts: [u64; 256],
    total: u64,
}

impl Histogram {
    /// Counts the samples. There are four tables side by side, because neighbouring samples are often equal and a
    /// single table would wait for its own last write.
    #[must_use]
    pub fn of(samples: &[u8]) -> Self {
        let mut tables = [[0_u32; 256]; 4];
        let [a, b, c, d] = &mut tables;
        let (fours, rest) = samples.as_chunks::<4>();
        for &[p, q, r, s] in fours {
            a[usize::from(p)] += 1;
            b[usize::from(q)] += 1;
            c[usize::from(r)] += 1;
            d[usize::from(s)] += 1;
        }
        for &p in rest {
            a[usize::from(p)] += 1;
        }
        let mut counts = [0; 256];
        for (value, count) in counts.iter_mut().enumerate() {
            *count = tables.iter().map(|table| u64::from(table[value])).sum();
        }
        Self { counts, total: samples.len() as u64 }
    }

    /// Converts every value to full range (black 0, white 255), in which the thresholds of diagnoses are defined.
    /// Converting a histogram is cheaper than converting every sample.
    #[must_use]
    pub fn full_range(self, range: SampleRange) -> Self {
        match range {
            SampleRange::Full => self,
            SampleRange::Limited => {
                let mut counts = [0; 256];
                for (value, count) in self.counts.iter().enumerate() {
                    // (value − 16) × 255 / 219, rounded (ITU-R BT.601: black 16, white 235).
                    let moved = (value.saturating_sub(16) * 255 + 109) / 219;
                    counts[moved.min(255)] += count;
                }
                Self { counts, total: self.total }
            }
        }
    }

    /// Returns the number of samples.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Returns the mean value; 0 if there are no samples.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let sum: u64 = self.counts.iter().zip(0..).map(|(count, value)| count * value).sum();
        ratio(sum, self.total)
    }

    /// Returns the smallest value that at least `share` (0 to 1) of the samples do not exceed.
    #[must_use]
    pub fn percentile(&self, share: f64) -> u8 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a count, held within it"
        )]
        let wanted = ((self.total as f64 * share.clamp(0.0, 1.0)).ceil() as u64).max(1);
        let mut seen = 0;
        for (count, value) in self.counts.iter().zip(0..=255_u8) {
            seen += count;
            if seen >= wanted {
                return value;
            }
        }
        0
    }

    /// Returns the value that has the largest number of samples within `reach` values on either side, and the share
    /// (0 to 1) of these samples. If several values qualify, the smallest is returned. If there are no samples, both
    /// results are 0.
    #[must_use]
    pub fn densest(&self, reach: u8) -> (u8, f64) {
        // The number of samples below each value. The number of samples in a window is then one subtraction.
        let mut below = [0_u64; 257];
        let mut sum = 0;
        for (count, below) in self.counts.iter().zip(below.iter_mut().skip(1)) {
            sum += count;
            *below = sum;
        }
        let mut best = (0, 0);
        for value in 0..=255_u8 {
            let from = usize::from(value.saturating_sub(reach));
            let to = usize::from(value.saturating_add(reach)) + 1;
            let within = below[to] - below[from];
            if within > best.1 {
                best = (value, within);
            }
        }
        (best.0, ratio(best.1, self.total))
    }

    /// Returns the share (0 to 1) of the samples that lie in `values`; 0 if there are no samples.
    #[must_use]
    pub fn share_within(&self, values: std::ops::RangeInclusive<u8>) -> f64 {
        let within: u64 = self
            .counts
            .iter()
            .zip(0..=255_u8)
            .filter(|(_, value)| values.contains(value))
            .map(|(count, _)| count)
            .sum();
        ratio(within, self.total)
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of pixels lie far below 2^52")]
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_sorting(samples in prop::collection::vec(any::<u8>(), 1..600), share in 0.0..=1.0_f64) {
            let histogram = Histogram::of(&samples);
            let mut sorted = samples.clone();
            sorted.sort_unstable();
            let rank = ((samples.len() as f64 * share).ceil() as usize).max(1);
            prop_assert_eq!(histogram.percentile(share), sorted[rank - 1]);
            let mean = samples.iter().map(|&s| f64::from(s)).sum::<f64>() / samples.len() as f64;
            prop_assert!((histogram.mean() - mean).abs() < 1e-9);
            let dark = samples.iter().filter(|&&s| (16..=40).contains(&s)).count() as f64 / samples.len() as f64;
            prop_assert!((histogram.share_within(16..=40) - dark).abs() < 1e-12);
            prop_assert_eq!(histogram.total(), samples.len() as u64);
        }

        #[test]
        fn the_densest_value_has_most_neighbours(
            samples in prop::collection::vec(any::<u8>(), 1..200), reach in 0..40_u8
        ) {
            let near = |value: u8| samples.iter().filter(|s| s.abs_diff(value) <= reach).count();
            let (value, share) = Histogram::of(&samples).densest(reach);
            let most = (0..=255).map(near).max().unwrap();
            prop_assert_eq!(near(value), most);
            prop_assert!((share - most as f64 / samples.len() as f64).abs() < 1e-12);
        }

        #[test]
        fn moves_values_as_moving_samples_would(samples in prop::collection::vec(any::<u8>(), 1..300)) {
            let moved: Vec<u8> = samples
                .iter()
                .map(|&s| ((f64::from(s) - 16.0) * 255.0 / 219.0).round().clamp(0.0, 255.0) as u8)
                .collect();
            prop_assert_eq!(Histogram::of(&samples).full_range(SampleRange::Limited), Histogram::of(&moved));
        }
    }

    #[test]
    fn of_nothing_is_zero() {
        let nothing = Histogram::of(&[]);
        assert_eq!((nothing.percentile(0.5), nothing.mean(), nothing.share_within(0..=255)), (0, 0.0, 0.0));
    }
}
