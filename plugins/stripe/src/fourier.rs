//! The discrete Fourier transform of square patches of 128 × 128 complex samples, computed by repeated halving
//! (Cooley and Tukey). All columns are transformed at once, row against row, so that the compiler can process many
//! samples at a time. Then the patch is transposed and its rows are transformed in the same way.

/// The number of samples on a side.
pub(crate) const SIDE: usize = 128;

/// The real and imaginary parts of a patch, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Patch {
    pub(crate) real: Vec<f32>,
    pub(crate) imaginary: Vec<f32>,
}

/// The tables for transforms of [`SIDE`] samples.
pub(crate) struct Fourier {
    /// The values e^(−2πi k / SIDE) for all k below SIDE / 2.
    turn: Vec<(f32, f32)>,
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

    /// Returns the transform with exchanged axes: a row has one horizontal frequency, a column one vertical frequency.
    pub(crate) fn turned(&self, patch: &Patch) -> Patch {
        let half = self.columns(patch);
        self.columns(&Patch { real: turn_over(&half.real), imaginary: turn_over(&half.imaginary) })
    }

    /// Transforms each column.
    fn columns(&self, patch: &Patch) -> Patch {
        let in_order = |part: &[f32]| -> Vec<f32> {
            let mut rows = Vec::with_capacity(SIDE * SIDE);
            for row in &self.reversed {
                rows.extend_from_slice(part.get(row * SIDE..(row + 1) * SIDE).unwrap_or_default());
            }
            rows
        };
        let (mut real, mut imaginary) = (in_order(&patch.real), in_order(&patch.imaginary));
        let mut half = 1;
        while half < SIDE {
            let blocks = real.chunks_exact_mut(2 * half * SIDE);
            for (real, imaginary) in blocks.zip(imaginary.chunks_exact_mut(2 * half * SIDE)) {
                let (even_real, odd_real) = real.split_at_mut(half * SIDE);
                let (even_imaginary, odd_imaginary) = imaginary.split_at_mut(half * SIDE);
                let even = even_real.chunks_exact_mut(SIDE).zip(even_imaginary.chunks_exact_mut(SIDE));
                let odd = odd_real.chunks_exact_mut(SIDE).zip(odd_imaginary.chunks_exact_mut(SIDE));
                for ((even, odd), turn) in even.zip(odd).zip(self.turn.iter().step_by(SIDE / (2 * half))) {
                    butterfly(even, odd, *turn);
                }
            }
            half *= 2;
        }
        Patch { real, imaginary }
    }
}

/// Multiplies the odd row by `turn` (the twiddle factor), and replaces the even and odd rows by their sum and their
/// difference.
fn butterfly(even: (&mut [f32], &mut [f32]), odd: (&mut [f32], &mut [f32]), turn: (f32, f32)) {
    let even = even.0.iter_mut().zip(even.1);
    let odd = odd.0.iter_mut().zip(odd.1);
    for ((even_real, even_imaginary), (odd_real, odd_imaginary)) in even.zip(odd) {
        let real = *odd_real * turn.0 - *odd_imaginary * turn.1;
        let imaginary = *odd_real * turn.1 + *odd_imaginary * turn.0;
        (*odd_real, *odd_imaginary) = (*even_real - real, *even_imaginary - imaginary);
        (*even_real, *even_imaginary) = (*even_real + real, *even_imaginary + imaginary);
    }
}

fn turn_over(part: &[f32]) -> Vec<f32> {
    let mut turned = vec![0.0; SIDE * SIDE];
    for (column, turned) in turned.chunks_exact_mut(SIDE).enumerate() {
        for (turned, row) in turned.iter_mut().zip(part.chunks_exact(SIDE)) {
            *turned = row.get(column).copied().unwrap_or_default();
        }
    }
    turned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_is_one_frequency_and_its_mirror() {
        let wave = |at: usize| {
            let (x, y) = (at % SIDE, at / SIDE);
            (std::f32::consts::TAU * (5 * x + 9 * y) as f32 / SIDE as f32).cos()
        };
        let real: Vec<f32> = (0..SIDE * SIDE).map(wave).collect();
        let patch = Fourier::new().turned(&Patch { imaginary: vec![0.0; real.len()], real });
        for (at, (real, imaginary)) in patch.real.iter().zip(&patch.imaginary).enumerate() {
            let (y, x) = (at % SIDE, at / SIDE);
            let is_wave = (x, y) == (5, 9) || (x, y) == (SIDE - 5, SIDE - 9);
            let wanted = if is_wave { (SIDE * SIDE / 2) as f32 } else { 0.0 };
            assert!((real.hypot(*imaginary) - wanted).abs() < 1.0, "{x} {y}: {real} {imaginary}");
        }
    }
}
