//! The correlation of two rows of values.

/// Computes Pearson's correlation coefficient of two rows of values, −1 to 1. Returns none if either row does not
/// vary, because the coefficient is then undefined. If one row is longer, its surplus is ignored.
#[must_use]
pub fn correlation(a: &[u8], b: &[u8]) -> Option<f64> {
    let mean = |values: &[u8]| {
        values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len().max(1) as f64
    };
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut of_a, mut of_b) = (0.0, 0.0, 0.0);
    for (&a, &b) in a.iter().zip(b) {
        let (a, b) = (f64::from(a) - mean_a, f64::from(b) - mean_b);
        (both, of_a, of_b) = (both + a * b, of_a + a * a, of_b + b * b);
    }
    if of_a * of_b == 0.0 { None } else { Some(both / (of_a * of_b).sqrt()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rises_together_correlates_whatever_its_range_and_its_level() {
        let near = |a: &[u8], b: &[u8], wanted: f64| {
            let found = correlation(a, b).expect("both vary");
            assert!((found - wanted).abs() < 1e-12, "{found}");
        };
        near(&[1, 2, 3, 4], &[110, 120, 130, 140], 1.0);
        near(&[1, 2, 3, 4], &[40, 30, 20, 10], -1.0);
        near(&[1, 2, 1, 2], &[1, 1, 2, 2], 0.0);
    }

    #[test]
    fn what_does_not_vary_tells_nothing() {
        assert_eq!(correlation(&[7, 7, 7], &[1, 2, 3]), None);
        assert_eq!(correlation(&[1, 2, 3], &[0, 0, 0]), None);
        assert_eq!(correlation(&[], &[]), None);
    }
}
