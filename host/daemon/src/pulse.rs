//! Detects that a loop hangs: the loop beats in each round, and another thread checks the time of the last beat.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The time of the last beat.
#[derive(Debug)]
pub struct Pulse(Mutex<Instant>);

impl Default for Pulse {
    fn default() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}

impl Pulse {
    /// Makes a pulse whose first beat is now.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Records a beat.
    pub fn beat(&self) {
        *self.0.lock() = Instant::now();
    }

    /// Returns true if the last beat was less than `patience` before `now`. Otherwise the loop that beats hangs.
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
