//! The discrete Fourier transform of square patches of 128 × 128 complex samples, by halving (Cooley and
//! Tukey).

/// Samples a side.
pub(crate) const SIDE: usize = 128;

/// A complex number.
pub(crate) type Complex = (f32, f32);

/// What transforms of this size share.
pub(crate) struct Fourier {
    /// e^(−2πi k / SIDE) for half a turn.
    turn: Vec<Complex>,
    /// Each index with its bits reversed.
    reversed: Vec<usize>,
}

impl Fourier {
    pub(crate) fn new() -> Self {
        let angle = |k: usize| -std::f32::consts::TAU * k as f32 / SIDE as f32;
        let turn = (0..SIDE / 2).map(|k| (angle(k).cos(), angle(k).sin())).collect();
        let bits = SIDE.trailing_zeros();
        let reversed = (0..SIDE).map(|k| k.reverse_bits() >> (usize::BITS - bits)).collect();
        Self { turn, reversed }
    }

    /// Transforms a patch, row by row, in place.
    pub(crate) fn square(&self, patch: &mut [Complex]) {
        for row in patch.chunks_exact_mut(SIDE) {
            self.line(row);
        }
        transpose(patch);
        for row in patch.chunks_exact_mut(SIDE) {
            self.line(row);
        }
        transpose(patch);
    }

    fn line(&self, line: &mut [Complex]) {
        for (at, &other) in self.reversed.iter().enumerate() {
            if at < other {
                line.swap(at, other);
            }
        }
        let mut half = 1;
        while half < SIDE {
            let step = SIDE / (2 * half);
            for block in line.chunks_exact_mut(2 * half) {
                let (even, odd) = block.split_at_mut(half);
                for ((even, odd), turn) in even.iter_mut().zip(odd).zip(self.turn.iter().step_by(step)) {
                    let turned = (odd.0 * turn.0 - odd.1 * turn.1, odd.0 * turn.1 + odd.1 * turn.0);
                    let sum = *even;
                    *even = (sum.0 + turned.0, sum.1 + turned.1);
                    *odd = (sum.0 - turned.0, sum.1 - turned.1);
                }
            }
            half *= 2;
        }
    }
}

fn transpose(patch: &mut [Complex]) {
    for row in 0..SIDE {
        for column in row + 1..SIDE {
            if row * SIDE + column < patch.len() && column * SIDE + row < patch.len() {
                patch.swap(row * SIDE + column, column * SIDE + row);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_is_one_frequency_and_its_mirror() {
        let wave = |at: usize| {
            let (x, y) = (at % SIDE, at / SIDE);
            ((std::f32::consts::TAU * (5 * x + 9 * y) as f32 / SIDE as f32).cos(), 0.0)
        };
        let mut patch: Vec<Complex> = (0..SIDE * SIDE).map(wave).collect();
        Fourier::new().square(&mut patch);
        for (at, value) in patch.iter().enumerate() {
            let (x, y) = (at % SIDE, at / SIDE);
            let is_wave = (x, y) == (5, 9) || (x, y) == (SIDE - 5, SIDE - 9);
            let wanted = if is_wave { (SIDE * SIDE / 2) as f32 } else { 0.0 };
            assert!((value.0.hypot(value.1) - wanted).abs() < 1.0, "{x} {y}: {value:?}");
        }
    }
}
