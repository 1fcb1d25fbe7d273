//! Numbers that look random and are the same on every machine.

/// Splitmix64 (Steele, Lea, Flood 2014): one addition and a few mixes a number, every seed is good.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The numbers of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed of some words.
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

    /// Any number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to, but not, 1.
    pub fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / 16_777_216.0
    }

    /// Between two numbers.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// From 0 up to, but not, `limit`; 0 where that is 0.
    pub const fn below(&mut self, limit: usize) -> usize {
        match (self.next() as usize).checked_rem(limit) {
            Some(number) => number,
            None => 0,
        }
    }

    /// Normally distributed, of mean 0 and deviation 1: the sum of eight even ones, which is near
    /// enough within three deviations and goes no further than five.
    pub fn normal(&mut self) -> f32 {
        let (a, b) = (self.next(), self.next());
        let parts = |number: u64| -> u32 {
            let [p, q, r, s] = [0, 16, 32, 48].map(|shift| (number >> shift) as u32 & 0xffff);
            p + q + r + s
        };
        // Eight even numbers of 16 bits have the mean 8 · 32767.5 and the variance 8 · 65536² ÷ 12.
        (((parts(a) + parts(b)) as f32) - 262_140.0) / 53_509.9
    }
}

/// Normally distributed numbers made beforehand, for one a sample.
#[derive(Debug, Clone)]
pub struct Grain {
    numbers: Vec<f32>,
    random: Random,
}

impl Grain {
    /// Of this deviation.
    #[must_use]
    pub fn new(sigma: f32, mut random: Random) -> Self {
        // A prime many, so that rows of a picture do not repeat.
        let numbers = (0..65_537).map(|_| random.normal() * sigma).collect();
        Self { numbers, random }
    }

    /// Adds fresh grain to samples.
    pub fn add_to(&mut self, samples: &mut [u8]) {
        for run in samples.chunks_mut(64) {
            let begin = self.random.below(self.numbers.len().saturating_sub(64));
            for (old, grain) in run.iter_mut().zip(self.numbers.iter().skip(begin)) {
                *old = crate::frame::sample(f32::from(*old) + grain);
            }
        }
    }

    /// Adds fresh grain to light, times `factor`.
    pub fn add_light(&mut self, light: &mut [f32], factor: f32) {
        for run in light.chunks_mut(64) {
            let begin = self.random.below(self.numbers.len().saturating_sub(64));
            for (old, grain) in run.iter_mut().zip(self.numbers.iter().skip(begin)) {
                *old += grain * factor;
            }
        }
    }
}
