//! The state that all parts of the master share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use easysight_daemon::pulse::Pulse;
use easysight_store::{Store, silent_before};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    access::Access, events::Events, metrics::Metrics, news::Relay, pictures::Pictures, pollers::Pollers,
    registry::Registry, uploads::Uploads, waiting::Waiting,
};

/// Longest time between two rounds of the scheduler before the process counts as stuck.
const STUCK: Duration = Duration::from_secs(60);

/// The master.
pub(crate) struct Master {
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    pub(crate) uploads: Uploads,
    pub(crate) pictures: Pictures,
    /// The age at which a camera's last good picture is replaced by a new one. None if good pictures are not
    /// requested.
    pub(crate) good_picture_ms: Option<i64>,
    pub(crate) access: Access,
    pub(crate) events: Events,
    /// The news for other masters. None if no other master shares the database.
    pub(crate) relay: Option<Relay>,
    pub(crate) metrics: Metrics,
    /// Long polls that wait for a job.
    pub(crate) waiting: Waiting,
    /// Nodes that poll for jobs.
    pub(crate) pollers: Pollers,
    /// Since when nodes could be heard.
    pub(crate) hearing: Hearing,
    /// Notifies the scheduler that something changed which runs may wait for.
    pub(crate) changed: Notify,
    /// Cancelled when the master is about to stop. Long polls are answered at once then.
    pub(crate) stopping: CancellationToken,
    /// The scheduler's pulse, which beats in every round.
    pub(crate) pulse: Pulse,
    pub(crate) lease_ms: i64,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) id: String,
}

/// Since when nodes can be heard without a break, that is, neither the master nor its database was away. A node is
/// silent only if it could have been heard for the duration of a lease.
pub(crate) struct Hearing {
    since: AtomicI64,
    /// When the master last saw that nothing is wrong.
    well_at: AtomicI64,
}

impl Hearing {
    pub(crate) fn new(now: i64) -> Self {
        Self { since: AtomicI64::new(now), well_at: AtomicI64::new(now) }
    }

    /// Records that nothing is wrong now. If the last record is older than `gap_ms`, there was a break.
    pub(crate) fn note_well(&self, now: i64, gap_ms: i64) {
        let before = self.well_at.swap(now, Ordering::Relaxed);
        // If the clock was set back, the length of the gap is not known.
        if now < before || now - before > gap_ms {
            self.note_break(now);
        }
    }

    /// Records a break, in which a node could not be heard.
    pub(crate) fn note_break(&self, now: i64) {
        self.since.store(now, Ordering::Relaxed);
    }

    pub(crate) fn since(&self) -> i64 {
        self.since.load(Ordering::Relaxed)
    }
}

impl Master {
    /// False if the scheduler is stuck, whatever the reason. A master that stops needs no scheduler.
    pub(crate) fn scheduler_is_alive(&self) -> bool {
        self.stopping.is_cancelled() || self.pulse.is_felt(Instant::now(), STUCK)
    }

    /// Returns the time before which a node must have been heard last to count as silent.
    pub(crate) fn silent_before(&self, now: i64) -> i64 {
        silent_before(self.hearing.since(), now, self.lease_ms)
    }

    /// True if nodes could be heard for the duration of a lease. A node that was not heard in that time is gone.
    pub(crate) fn has_heard(&self, now: i64) -> bool {
        self.silent_before(now) > i64::MIN
    }
}

/// The master, shared.
pub(crate) type Shared = Arc<Master>;

pub(crate) use crate::clock::now_ms;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_break_is_an_outage_that_was_told_or_a_time_in_which_nobody_looked() {
        let hearing = Hearing::new(1_000);
        hearing.note_well(1_500, 2_000);
        hearing.note_well(3_000, 2_000);
        assert_eq!(hearing.since(), 1_000);
        hearing.note_well(5_001, 2_000);
        assert_eq!(hearing.since(), 5_001);
        hearing.note_break(5_500);
        hearing.note_well(6_000, 2_000);
        assert_eq!(hearing.since(), 5_500);
        // The clock was set back by an hour.
        hearing.note_well(-3_594_000, 2_000);
        assert_eq!(hearing.since(), -3_594_000);
    }
}
