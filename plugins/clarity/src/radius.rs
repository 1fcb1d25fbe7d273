//! Converts the slope of an edge to the radius of its blur.

/// The narrowest blur that can be measured, in samples. A narrower blur leaves the step within two samples.
const NARROWEST: f64 = 0.2;
/// The widest blur that can be measured, in samples. A wider blur does not fit into a window.
const WIDEST: f64 = 8.0;

/// Returns the radius σ, in samples, of the Gaussian for which a blurred step climbs the share `slope` of its height
/// between two samples that are two apart. This is the inverse of the function erf(1 / (σ √2)).
pub(crate) fn radius_of_slope(slope: f64) -> f64 {
    let (mut narrow, mut wide) = (NARROWEST, WIDEST);
    // After forty halvings the error is less than a billionth of a sample.
    for _ in 0..40 {
        let middle = f64::midpoint(narrow, wide);
        if slope_of_radius(middle) > slope {
            narrow = middle;
        } else {
            wide = middle;
        }
    }
    f64::midpoint(narrow, wide)
}

/// Computes erf(1 / (σ √2)) by 80 terms of a series (Abramowitz and Stegun, 7.1.6); further terms are negligible. The
/// result is exact to twelve digits for radii of at least [`NARROWEST`].
fn slope_of_radius(radius: f64) -> f64 {
    let x = (radius * std::f64::consts::SQRT_2).recip();
    let mut term = x;
    let mut sum = x;
    for n in 1..80_u32 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_the_normal_distribution_within_one_sample() {
        // The shares of the normal distribution within ±1/σ standard deviations, as in any table.
        for (radius, slope) in [(0.5, 0.954_500), (1.0, 0.682_689), (2.0, 0.382_925), (4.0, 0.197_413)] {
            assert!((slope_of_radius(radius) - slope).abs() < 1e-6, "{radius}");
            assert!((radius_of_slope(slope) - radius).abs() < 1e-5, "{radius}");
        }
    }

    #[test]
    fn slopes_beyond_the_scale_are_held() {
        assert!((radius_of_slope(1.3) - NARROWEST).abs() < 1e-6);
        assert!((radius_of_slope(0.0) - WIDEST).abs() < 1e-6);
    }
}
