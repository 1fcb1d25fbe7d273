//! The book of the node: the jobs in flight, the last poll that has ended, and the state of the registration. The
//! lease loop and the heartbeat's thread share it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use easysight_protocol::{HeldJob, JobId, LeasedJob};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The duration of the lease that is assumed until the master reports one.
const FIRST_LEASE: Duration = Duration::from_secs(8);

struct Inner {
    held: BTreeMap<(JobId, u32), CancellationToken>,
    polls: u64,
    last_poll: u64,
    registered: bool,
    lease: Duration,
    lease_loop_at: Instant,
    heartbeat_at: Instant,
}

/// The book of a node.
pub(crate) struct Book {
    inner: Mutex<Inner>,
    unregistered: Notify,
    /// Notified to send a heartbeat before the next one is due.
    news: Notify,
}

impl Book {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self {
            inner: Mutex::new(Inner {
                held: BTreeMap::new(),
                polls: 0,
                last_poll: 0,
                registered: false,
                lease: FIRST_LEASE,
                lease_loop_at: now,
                heartbeat_at: now,
            }),
            unregistered: Notify::new(),
            news: Notify::new(),
        }
    }

    /// Begins a poll and returns its number.
    pub(crate) fn begin_poll(&self) -> u64 {
        let mut inner = self.inner.lock();
        inner.polls += 1;
        inner.polls
    }

    /// Ends a poll and records the jobs that it returned, if any. The step is atomic: for a heartbeat, the poll is
    /// either open, or has ended and all its jobs are held.
    pub(crate) fn end_poll(&self, poll: u64, jobs: &[LeasedJob]) -> Vec<CancellationToken> {
        let mut inner = self.inner.lock();
        let tokens: Vec<_> = jobs
            .iter()
            .map(|job| {
                let token = CancellationToken::new();
                inner.held.insert((job.id, job.attempt), token.clone());
                token
            })
            .collect();
        inner.last_poll = inner.last_poll.max(poll);
        tokens
    }

    /// Removes a job whose result is delivered or on disk, or that was dropped without a result.
    pub(crate) fn release(&self, job: JobId, attempt: u32) {
        self.inner.lock().held.remove(&(job, attempt));
    }

    /// Removes the `jobs` that the master has revoked, and cancels their work. Removes only attempts that the
    /// heartbeat has reported (`told`): any other attempt was leased after the heartbeat was sent. Returns the number
    /// of removed attempts.
    pub(crate) fn revoke(&self, told: &[HeldJob], jobs: &[JobId]) -> usize {
        let jobs: BTreeSet<JobId> = jobs.iter().copied().collect();
        let mut inner = self.inner.lock();
        let revoked = told.iter().filter(|held| jobs.contains(&held.job_id));
        let tokens = revoked.filter_map(|held| inner.held.remove(&(held.job_id, held.attempt)));
        tokens.inspect(CancellationToken::cancel).count()
    }

    /// Returns the content of a heartbeat: all jobs that are held, and the last poll that has ended.
    pub(crate) fn held(&self) -> (Vec<HeldJob>, u64) {
        let inner = self.inner.lock();
        let held = inner.held.keys().map(|(job_id, attempt)| HeldJob { job_id: *job_id, attempt: *attempt });
        (held.collect(), inner.last_poll)
    }

    pub(crate) fn jobs(&self) -> Vec<JobId> {
        self.inner.lock().held.keys().map(|(id, _)| *id).collect()
    }

    pub(crate) fn set_registered(&self, registered: bool) {
        self.inner.lock().registered = registered;
        if registered {
            self.tell();
        } else {
            self.unregistered.notify_one();
        }
    }

    /// Requests a heartbeat before the next one is due.
    pub(crate) fn tell(&self) {
        self.news.notify_one();
    }

    /// Waits until a heartbeat is requested.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }

    /// Waits until the node is no longer registered.
    pub(crate) async fn forgotten(&self) {
        while self.is_registered() {
            self.unregistered.notified().await;
        }
    }

    pub(crate) fn is_registered(&self) -> bool {
        self.inner.lock().registered
    }

    pub(crate) fn set_lease(&self, lease_ms: u64) {
        self.inner.lock().lease = Duration::from_millis(lease_ms.max(1));
    }

    pub(crate) fn lease(&self) -> Duration {
        self.inner.lock().lease
    }

    /// Records that the lease loop is alive.
    pub(crate) fn note_lease_loop(&self) {
        self.inner.lock().lease_loop_at = Instant::now();
    }

    /// Records that the heartbeat's thread is alive.
    pub(crate) fn note_heartbeat(&self) {
        self.inner.lock().heartbeat_at = Instant::now();
    }

    /// False if one of the loops is stuck at `now`. The lease loop is stuck if it was silent for `lease_loop` or
    /// longer, and the heartbeat's thread if it was silent for `heartbeat` or longer.
    pub(crate) fn is_alive(&self, now: Instant, lease_loop: Duration, heartbeat: Duration) -> bool {
        let inner = self.inner.lock();
        let fresh = |at: Instant, wait: Duration| now.saturating_duration_since(at) < wait;
        fresh(inner.lease_loop_at, lease_loop) && fresh(inner.heartbeat_at, heartbeat)
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    fn job(attempt: u32) -> LeasedJob {
        LeasedJob {
            id: JobId::fresh(),
            attempt,
            plan: 0,
            camera_id: None,
            source: "x".into(),
            deadline_ms: None,
            baselines: Vec::new(),
            good_picture: false,
            lost: None,
        }
    }

    #[test]
    fn a_poll_is_over_only_together_with_its_jobs() {
        let book = Book::new();
        let first = book.begin_poll();
        assert_eq!(book.held(), (Vec::new(), 0));
        let jobs = [job(1), job(1)];
        book.end_poll(first, &jobs);
        assert_eq!((book.held().0.len(), book.held().1), (2, 1));
        // A poll that failed has ended too. Jobs that its answer may have contained are lost.
        let second = book.begin_poll();
        book.end_poll(second, &[]);
        assert_eq!(book.held().1, 2);
        book.release(jobs[0].id, 1);
        assert_eq!(book.held().0, [HeldJob { job_id: jobs[1].id, attempt: 1 }]);
    }

    #[test]
    fn whoever_works_on_a_revoked_job_is_told() {
        let book = Book::new();
        let jobs = [job(1), job(2)];
        let tokens = book.end_poll(1, &jobs);
        assert_eq!(book.revoke(&book.held().0, &[jobs[1].id]), 1);
        assert!(!tokens[0].is_cancelled() && tokens[1].is_cancelled());
        assert_eq!(book.jobs(), [jobs[0].id]);
    }

    #[test]
    fn an_attempt_that_came_after_the_heartbeat_is_not_revoked_by_its_answer() {
        let book = Book::new();
        let former = job(1);
        book.end_poll(1, std::slice::from_ref(&former));
        let (told, _) = book.held();
        // While the heartbeat is sent, the same job is leased to this node again.
        let again = LeasedJob { attempt: 2, ..former.clone() };
        let tokens = book.end_poll(2, std::slice::from_ref(&again));
        assert_eq!(book.revoke(&told, &[former.id]), 1);
        assert!(!tokens[0].is_cancelled());
        assert_eq!(book.held().0, [HeldJob { job_id: again.id, attempt: 2 }]);
    }

    #[test]
    fn either_loop_that_falls_silent_is_noticed() {
        let book = Book::new();
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        assert!(book.is_alive(start, second, second));
        let late = start + 2 * second;
        assert!(!book.is_alive(late, second, 5 * second));
        assert!(!book.is_alive(late, 5 * second, second));
        assert!(book.is_alive(late, 5 * second, 5 * second));
    }
}
