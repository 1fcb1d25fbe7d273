//! A switch that stops runs of plugins from outside, before they reach any of their limits.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Stops all runs that use this switch, including those that start later. Clones are the same switch.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Returns a switch that is not used yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops the runs. A plugin that computes or waits is stopped within one [`crate::BEAT`].
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns true if [`Self::stop`] was called.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns a guard that stops the runs when it is dropped, for example together with the task that waits for
    /// the run.
    #[must_use]
    pub fn when_dropped(&self) -> StopWhenDropped {
        StopWhenDropped(self.clone())
    }
}

/// A guard that stops runs when it is dropped. See [`Stop::when_dropped`].
#[derive(Debug)]
pub struct StopWhenDropped(Stop);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.stop();
    }
}
