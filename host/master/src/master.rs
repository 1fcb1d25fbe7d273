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
    access::Access, clock::Clock, events::Events, failures::Failures, metrics::Metrics, news::Relay,
    passwords::Passwords, pictures::Pictures, pollers::Pollers, proxies::Proxies, refusals::Refusals,
    registry::Registry, storage::Storage, uploads::Uploads, waiting::Waiting,
};

/// The longest time between two rounds of the scheduler. If the time is longer, the process counts as stuck.
const STUCK: Duration = Duration::from_secs(60);

/// The master.
pub(crate) struct Master {
    pub(crate) store: Store,
    pub(crate) clock: Arc<Clock>,
    pub(crate) registry: Registry,
    pub(crate) uploads: Uploads,
    pub(crate) pictures: Pictures,
    pub(crate) storage: Storage,
    /// The age at which a camera's last good picture, which shows the camera while it was healthy, is replaced by a new
    /// one. None if good pictures are not requested.
    pub(crate) good_picture_ms: Option<i64>,
    pub(crate) access: Access,
    /// The turn of the request that reads the overview.
    pub(crate) overview_turn: tokio::sync::Mutex<()>,
    /// The turn of the request that computes a replay.
    pub(crate) replay_turn: tokio::sync::Mutex<()>,
    /// The turn of the request that computes the next starts of a schedule.
    pub(crate) schedule_turn: Arc<tokio::sync::Mutex<()>>,
    /// Refused requests that the audit log has already.
    pub(crate) refusals: Refusals,
    /// Refused sign-ins that the audit log has already.
    pub(crate) failures: Failures,
    pub(crate) passwords: Passwords,
    /// The proxies that may name the address of a client.
    pub(crate) proxies: Proxies,
    pub(crate) events: Events,
    /// The news for other masters. None if no other master shares the database.
    pub(crate) relay: Option<Relay>,
    pub(crate) metrics: Metrics,
    /// Long polls that wait for a job.
    pub(crate) waiting: Waiting,
    /// Wakes the polls of drained nodes when a node is resumed.
    pub(crate) resumed: Notify,
    /// Nodes that poll for jobs.
    pub(crate) pollers: Pollers,
    /// The time since which nodes could reach the master.
    pub(crate) hearing: Hearing,
    /// Wakes the scheduler after a change that runs may be waiting for.
    pub(crate) changed: Notify,
    /// Cancelled when the master begins to stop. Long polls are then answered at once.
    pub(crate) stopping: CancellationToken,
    /// The scheduler's pulse, which beats in every round.
    pub(crate) pulse: Pulse,
    pub(crate) lease_ms: i64,
    /// True if the master itself answers over TLS.
    pub(crate) serves_tls: bool,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) id: String,
}

/// The time since which nodes could reach the master without a break: the master and its database have always been
/// available since this time. A node counts as silent only if it could have reached the master for the duration of a
/// lease.
pub(crate) struct Hearing {
    since: AtomicI64,
    /// The last time at which the master and its database were found available.
    well_at: AtomicI64,
}

impl Hearing {
    pub(crate) fn new(now: i64) -> Self {
        Self { since: AtomicI64::new(now), well_at: AtomicI64::new(now) }
    }

    /// Records that the master and its database are available now. Also records a break if the previous call was more
    /// than `gap_ms` ago.
    pub(crate) fn note_well(&self, now: i64, gap_ms: i64) {
        let before = self.well_at.swap(now, Ordering::Relaxed);
        // If the clock was set back, the time since the previous call is unknown. This counts as a break.
        if now < before || now - before > gap_ms {
            self.note_break(now);
        }
    }

    /// Records a break: nodes could perhaps not reach the master until now.
    pub(crate) fn note_break(&self, now: i64) {
        self.since.store(now, Ordering::Relaxed);
    }

    pub(crate) fn since(&self) -> i64 {
        self.since.load(Ordering::Relaxed)
    }
}

impl Master {
    /// Returns the current time, in milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Returns false if the scheduler is stuck. Returns true while the master stops, because it then needs no
    /// scheduler.
    pub(crate) fn scheduler_is_alive(&self) -> bool {
        self.stopping.is_cancelled() || self.pulse.is_felt(Instant::now(), STUCK)
    }

    /// Returns the limit for silent nodes: a node counts as silent if it was last heard before this time.
    pub(crate) fn silent_before(&self, now: i64) -> i64 {
        silent_before(self.hearing.since(), now, self.lease_ms)
    }

    /// Returns true if nodes could reach the master for the whole duration of a lease. A node that was not heard in
    /// this time is treated as gone.
    pub(crate) fn has_heard(&self, now: i64) -> bool {
        self.silent_before(now) > i64::MIN
    }
}

/// The master, shared.
pub(crate) type Shared = Arc<Master>;

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
