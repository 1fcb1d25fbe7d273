//! What all parts of the master share.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use easysight_store::Store;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    access::Access, events::Events, metrics::Metrics, pictures::Pictures, registry::Registry, relay::Relay,
    uploads::Uploads, waiting::Waiting,
};

/// The master.
pub(crate) struct Master {
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    pub(crate) uploads: Uploads,
    pub(crate) pictures: Arc<Pictures>,
    /// How old a camera's last good picture may become before another one is asked for; none: never.
    pub(crate) good_picture_ms: Option<i64>,
    pub(crate) access: Access,
    pub(crate) events: Events,
    /// Tells other masters; none where nobody shares the database.
    pub(crate) relay: Option<Relay>,
    pub(crate) metrics: Metrics,
    /// Long polls that wait for a job.
    pub(crate) waiting: Waiting,
    /// Tells the scheduler that something changed which runs may wait for.
    pub(crate) changed: Notify,
    /// Set while the master is about to stop: long polls are answered at once.
    pub(crate) stopping: CancellationToken,
    /// The scheduler's, which beats with every look round.
    pub(crate) pulse: Pulse,
    pub(crate) lease_ms: i64,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) id: String,
}

/// Whether something that shall happen again and again still does.
pub(crate) struct Pulse(Mutex<Instant>);

impl Pulse {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    /// It happens.
    pub(crate) fn beat(&self) {
        *self.0.lock() = Instant::now();
    }

    /// False where the last beat is longer ago at `now` than `patience`: what follows it hangs.
    pub(crate) fn is_felt(&self, now: Instant, patience: Duration) -> bool {
        now.saturating_duration_since(*self.0.lock()) < patience
    }
}

/// The master, shared.
pub(crate) type Shared = Arc<Master>;

/// Now, as the store counts it.
pub(crate) fn now_ms() -> i64 {
    Utc::now().timestamp_millis()
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
