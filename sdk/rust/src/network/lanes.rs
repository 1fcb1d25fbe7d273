//! Arithmetic on eight values of 16 bits at a time. WebAssembly has an instruction that multiplies eight pairs and
//! adds neighbouring products. The sums of a layer are so short that the compiler does not use this instruction, so
//! this module calls it explicitly. Other targets compute the values one by one.

#[cfg(target_arch = "wasm32")]
mod of_machine {
    use core::arch::wasm32::{i16x8, i32x4_add, i32x4_dot_i16x8, i32x4_extract_lane, i32x4_splat, v128};

    /// Eight weights.
    pub(crate) type Lanes = v128;
    /// Four sums.
    pub(crate) type Sums = v128;

    pub(crate) fn lanes([a, b, c, d, e, f, g, h]: [i16; 8]) -> Lanes {
        i16x8(a, b, c, d, e, f, g, h)
    }

    pub(crate) fn zero() -> Sums {
        i32x4_splat(0)
    }

    /// Returns a pair of values, repeated four times.
    pub(crate) fn twin([a, b]: [i16; 2]) -> Lanes {
        let [low, high] = [a.to_le_bytes(), b.to_le_bytes()];
        i32x4_splat(i32::from_le_bytes([low[0], low[1], high[0], high[1]]))
    }

    /// Multiplies a pair of values by four pairs of weights, one pair for each sum, and adds both products to that
    /// sum.
    pub(crate) fn add_products(sums: Sums, pair: Lanes, weights: Lanes) -> Sums {
        i32x4_add(sums, i32x4_dot_i16x8(pair, weights))
    }

    pub(crate) fn sums(sums: Sums) -> [i32; 4] {
        [
            i32x4_extract_lane::<0>(sums),
            i32x4_extract_lane::<1>(sums),
            i32x4_extract_lane::<2>(sums),
            i32x4_extract_lane::<3>(sums),
        ]
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod of_machine {
    pub(crate) type Lanes = [i16; 8];
    pub(crate) type Sums = [i32; 4];

    pub(crate) const fn lanes(lanes: [i16; 8]) -> Lanes {
        lanes
    }

    pub(crate) const fn zero() -> Sums {
        [0; 4]
    }

    pub(crate) const fn twin([a, b]: [i16; 2]) -> Lanes {
        [a, b, a, b, a, b, a, b]
    }

    pub(crate) fn add_products(mut sums: Sums, pair: Lanes, weights: Lanes) -> Sums {
        let pairs = pair.as_chunks::<2>().0.iter().zip(weights.as_chunks::<2>().0);
        for (sum, ([a, b], [of_a, of_b])) in sums.iter_mut().zip(pairs) {
            *sum += i32::from(*a) * i32::from(*of_a) + i32::from(*b) * i32::from(*of_b);
        }
        sums
    }

    pub(crate) const fn sums(sums: Sums) -> [i32; 4] {
        sums
    }
}

pub(super) use of_machine::{Lanes, add_products, lanes, sums, twin, zero};
