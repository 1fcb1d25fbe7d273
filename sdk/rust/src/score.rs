//! Converts a measured value to a score.

/// Converts a value to the scale that all diagnoses share. The score is 100 if the value is at least as good as
/// `good`, the value of healthy pictures. It is 50 at the `threshold`, and 0 at `worst` or beyond. Between these
/// points the score is linear. `good` may be above or below the threshold; `worst` is on the other side. A value that
/// is not a number scores 0.
///
/// ```
/// use easysight_sdk::score;
///
/// assert_eq!(score(3.0, 1.0, 3.0, 7.0), 50.0);
/// assert_eq!(score(5.0, 1.0, 3.0, 7.0), 25.0);
/// assert_eq!(score(0.5, 1.0, 3.0, 7.0), 100.0);
/// ```
#[must_use]
pub fn score(value: f64, good: f64, threshold: f64, worst: f64) -> f64 {
    let healthy = (value - threshold) * (good - threshold) >= 0.0;
    let (end, gain) = if healthy { (good, 50.0) } else { (worst, -50.0) };
    let span = end - threshold;
    if value.is_nan() {
        0.0
    } else if span == 0.0 {
        50.0
    } else {
        50.0 + gain * ((value - threshold) / span).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn worse_values_never_score_higher(a in -9.0..9.0_f64, b in -9.0..9.0_f64, good in -9.0..0.0_f64, worst in 0.1..9.0_f64) {
            let (better, poorer) = (a.min(b), a.max(b));
            prop_assert!(score(better, good, 0.0, worst) >= score(poorer, good, 0.0, worst));
            // The other direction, in which more is better.
            prop_assert!(score(-better, -good, 0.0, -worst) >= score(-poorer, -good, 0.0, -worst));
        }

        #[test]
        fn stays_on_the_scale(value in any::<f64>(), good in any::<f64>(), threshold in any::<f64>(), worst in any::<f64>()) {
            prop_assume!(good.is_finite() && threshold.is_finite() && worst.is_finite());
            let score = score(value, good, threshold, worst);
            prop_assert!((0.0..=100.0).contains(&score), "{score}");
        }
    }
}
