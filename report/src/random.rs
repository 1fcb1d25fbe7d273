//! Pseudo-random numbers that are the same on every machine.

/// Splitmix64 (Steele, Lea, Flood 2014): one addition and a few mixes for each number. Every seed is good.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Makes a generator with this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a seed that depends on some words.
    #[must_use]
    pub fn seed_of(words: &[&str]) -> u64 {
        let mut hasher = blake3::Hasher::new();
        for word in words {
            hasher.update(word.as_bytes());
            hasher.update(&[0]);
        }
        let mut bytes = [0; 8];
        hasher.finalize_xof().fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// Returns the next number, from the full range.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number from 0 to less than 1.
    pub fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / 16_777_216.0
    }

    /// Returns a number from `low` to less than `high`.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Returns a number from 0 to less than `limit`, or 0 if `limit` is 0.
    pub const fn below(&mut self, limit: usize) -> usize {
        match (self.next() as usize).checked_rem(limit) {
            Some(number) => number,
            None => 0,
        }
    }

    /// Returns a normally distributed number of mean 0 and deviation 1: the sum of eight uniform numbers. The sum
    /// is accurate enough within three deviations, and never exceeds five.
    pub fn normal(&mut self) -> f32 {
        let (a, b) = (self.next(), self.next());
        let parts = |number: u64| -> u32 {
            let [p, q, r, s] = [0, 16, 32, 48].map(|shift| (number >> shift) as u32 & 0xffff);
            p + q + r + s
        };
        // Eight uniform numbers of 16 bits have the mean 8 · 32767.5 and the variance 8 · 65536² ÷ 12.
        (((parts(a) + parts(b)) as f32) - 262_140.0) / 53_509.9
    }
}

/// Normally distributed numbers that are made in advance, because every sample needs one.
#[derive(Debug, Clone)]
pub struct Grain {
    numbers: Vec<f32>,
    random: Random,
}

impl Grain {
    /// Makes grain of this deviation.
    #[must_use]
    pub fn new(sigma: f32, mut random: Random) -> Self {
        // Samples are changed in runs of 64. Each run gets successive numbers from a random place on. There are
        // many more than 64 numbers, so that two runs rarely get the same ones.
        let numbers = (0..65_537).map(|_| random.normal() * sigma).collect();
        Self { numbers, random }
    }

    /// Adds new grain to samples.
    pub fn add_to(&mut self, samples: &mut [u8]) {
        for run in samples.chunks_mut(64) {
            let begin = self.random.below(self.numbers.len().saturating_sub(64));
            for (old, grain) in run.iter_mut().zip(self.numbers.iter().skip(begin)) {
                *old = crate::frame::sample(f32::from(*old) + grain);
            }
        }
    }

    /// Adds new grain, times `factor`, to light.
    pub fn add_light(&mut self, light: &mut [f32], factor: f32) {
        for run in light.chunks_mut(64) {
            let begin = self.random.below(self.numbers.len().saturating_sub(64));
            for (old, grain) in run.iter_mut().zip(self.numbers.iter().skip(begin)) {
                *old += grain * factor;
            }
        }
    }
}
