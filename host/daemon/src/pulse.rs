//! Whether something that shall happen again and again still does.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// What beats whenever it happens.
#[derive(Debug)]
pub struct Pulse(Mutex<Instant>);

impl Default for Pulse {
    fn default() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}

impl Pulse {
    /// One that beats for the first time now.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// It happens.
    pub fn beat(&self) {
        *self.0.lock() = Instant::now();
    }

    /// False where the last beat is longer ago at `now` than `patience`: what follows it hangs.
    #[must_use]
    pub fn is_felt(&self, now: Instant, patience: Duration) -> bool {
        now.saturating_duration_since(*self.0.lock()) < patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hangs_after_a_beat_is_noticed_without_another_one() {
        let (pulse, patience) = (Pulse::new(), Duration::from_secs(60));
        let begun = Instant::now();
        assert!(pulse.is_felt(begun + patience / 2, patience));
        assert!(!pulse.is_felt(begun + 2 * patience, patience));
        pulse.beat();
        assert!(pulse.is_felt(Instant::now(), patience));
    }
}
