//! Soft random fields, which describe the tone of cloth, the thickness of fog and the places of dirt.

use crate::random::Random;

/// An endless field of value noise. The same seed gives the same field.
#[derive(Debug, Clone, Copy)]
pub(super) struct NoiseField {
    seed: u64,
    octaves: u32,
}

impl NoiseField {
    /// Makes a field of this many octaves. Each octave is half as strong and twice as fine as the one before.
    pub(super) const fn new(random: &mut Random, octaves: u32) -> Self {
        Self { seed: random.next(), octaves }
    }

    fn corner(self, x: i64, y: i64, octave: u32) -> f32 {
        let place =
            (x as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (y as u64).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
        Random::new(self.seed ^ place ^ (u64::from(octave) << 56)).unit()
    }

    /// Returns a value from 0 to 1, 0.5 on average. The grid of the first octave has a spacing of 1.
    pub(super) fn at(self, x: f32, y: f32) -> f32 {
        let (mut sum, mut weights, mut scale, mut weight) = (0.0, 0.0, 1.0, 1.0);
        for octave in 0..self.octaves {
            let (x, y) = (x * scale, y * scale);
            let (left, top) = (x.floor(), y.floor());
            let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
            let (across, down) = (smooth(x - left), smooth(y - top));
            let corner = |dx: i64, dy: i64| self.corner(left as i64 + dx, top as i64 + dy, octave);
            let upper = corner(0, 0) + (corner(1, 0) - corner(0, 0)) * across;
            let lower = corner(0, 1) + (corner(1, 1) - corner(0, 1)) * across;
            sum += weight * (upper + (lower - upper) * down);
            weights += weight;
            scale *= 2.0;
            weight *= 0.5;
        }
        sum / weights.max(1e-6)
    }
}

/// Returns a value that rises smoothly from 0 at `low` to 1 at `high`.
pub(super) fn smoothly(low: f32, high: f32, value: f32) -> f32 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}
