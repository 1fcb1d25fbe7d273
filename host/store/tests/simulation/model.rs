//! What the store should know of runs and jobs. The simulation makes one call at a time, so the answer to each call is
//! known in advance.

use std::collections::{BTreeMap, BTreeSet};

use easysight_protocol::{
    Incarnation, JobId, JobOutcome, JobResult, JobState, LeaseToken, LeasedJob, RunId, RunState,
};

use crate::databases::LEASE_MS;

/// One job.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) run: RunId,
    pub(crate) state: JobState,
    max_attempts: u32,
    deadline_at: Option<i64>,
    pub(crate) failures: u32,
    pub(crate) attempt: u32,
    /// The earliest time of the next lease. After a reported failure, the store may choose a slightly later time.
    not_before: i64,
    /// The lease whose result counts.
    lease: Option<LeaseToken>,
    /// The incarnation of the node that leased the job last.
    holder: Option<Incarnation>,
    leased_until: i64,
}

impl Job {
    fn is_open(&self) -> bool {
        matches!(self.state, JobState::Queued | JobState::Running)
    }

    fn has_expired(&self, now: i64) -> bool {
        self.state == JobState::Running && self.leased_until < now
    }

    fn is_overdue(&self, now: i64) -> bool {
        self.is_open() && self.deadline_at.is_some_and(|at| at < now)
    }

    fn fail(&mut self) {
        self.failures += 1;
        self.state = if self.failures >= self.max_attempts { JobState::Dead } else { JobState::Queued };
    }

    /// Takes the job from a node that is gone. A late result still counts.
    fn take(&mut self, now: i64) {
        self.not_before = if self.failures == 0 { now } else { now + (1_000 << self.failures) };
        self.fail();
    }
}

/// All runs and jobs.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) jobs: BTreeMap<JobId, Job>,
    pub(crate) runs: BTreeMap<RunId, RunState>,
    /// The runs that have changed since they were last compared with the store.
    pub(crate) changed: BTreeSet<RunId>,
    /// How often each thing happened that the simulation is about.
    pub(crate) seen: BTreeMap<&'static str, u64>,
}

impl Model {
    pub(crate) fn note(&mut self, what: &'static str, times: u64) {
        *self.seen.entry(what).or_default() += times;
    }

    pub(crate) fn submit(
        &mut self,
        run: RunId,
        jobs: impl Iterator<Item = JobId>,
        max_attempts: u32,
        deadline_ms: Option<i64>,
        now: i64,
    ) {
        self.runs.insert(run, RunState::Running);
        self.changed.insert(run);
        self.jobs.extend(jobs.map(|id| {
            let job = Job {
                run,
                state: JobState::Queued,
                max_attempts,
                deadline_at: deadline_ms.map(|ms| now + ms),
                failures: 0,
                attempt: 0,
                not_before: now,
                lease: None,
                holder: None,
                leased_until: 0,
            };
            (id, job)
        }));
    }

    /// Changes the jobs that meet a condition. Returns their number.
    fn change(&mut self, of: impl Fn(&Job) -> bool, mut change: impl FnMut(&mut Job)) -> u64 {
        let mut changed = 0;
        for job in self.jobs.values_mut().filter(|job| of(job)) {
            self.changed.insert(job.run);
            change(job);
            changed += 1;
        }
        changed
    }

    /// Returns false if the run has ended.
    pub(crate) fn cancel(&mut self, run: RunId) -> bool {
        let was_open = self.runs.get(&run) == Some(&RunState::Running);
        if was_open {
            self.runs.insert(run, RunState::Cancelled);
            let running = |job: &Job| job.run == run && job.state == JobState::Running;
            let running = self.change(running, |job| job.state = JobState::Cancelled);
            self.change(|job| job.run == run && job.is_open(), |job| job.state = JobState::Cancelled);
            self.note("cancelled while running", running);
        }
        was_open
    }

    pub(crate) fn lease(&mut self, leased: &LeasedJob, lease: LeaseToken, holder: Incarnation, now: i64) {
        let job = self.jobs.get_mut(&leased.id).expect("the job was submitted");
        assert_eq!(
            job.state,
            JobState::Queued,
            "a job that does not wait was leased at {now}: {leased:?} {job:?}"
        );
        assert!(job.not_before <= now, "a job was leased too early, at {now}: {leased:?} {job:?}");
        assert_eq!(
            leased.attempt,
            job.attempt + 1,
            "the attempts of a job were miscounted: {leased:?} {job:?}"
        );
        job.state = JobState::Running;
        job.attempt = leased.attempt;
        job.lease = Some(lease);
        job.holder = Some(holder);
        job.leased_until = now + LEASE_MS;
        self.changed.insert(job.run);
    }

    /// Does what a heartbeat does. Returns the jobs that the node must drop, and the number of jobs that never reached
    /// it.
    pub(crate) fn beat(&mut self, holder: Incarnation, held: &[LeasedJob], now: i64) -> (Vec<JobId>, u64) {
        let (mut revoked, mut given_back) = (Vec::new(), 0);
        for held in held {
            let job = self.jobs.get_mut(&held.id).expect("the job was submitted");
            let is_own = job.holder == Some(holder) && job.attempt == held.attempt;
            match job.state {
                JobState::Running if is_own => {}
                JobState::Queued | JobState::Dead if is_own && job.lease.is_some() => {
                    given_back += 1;
                    job.state = JobState::Running;
                    job.failures = job.failures.saturating_sub(1);
                    let run = self.runs.get_mut(&job.run).expect("the run was submitted");
                    if *run == RunState::Finished {
                        *run = RunState::Running;
                    }
                }
                _ => {
                    revoked.push(held.id);
                    continue;
                }
            }
            job.leased_until = now + LEASE_MS;
            self.changed.insert(job.run);
        }
        let holds: BTreeSet<JobId> = held.iter().map(|job| job.id).collect();
        let mut lost = 0;
        for (id, job) in &mut self.jobs {
            if job.state == JobState::Running && job.holder == Some(holder) && !holds.contains(id) {
                (job.state, job.lease, job.not_before) = (JobState::Queued, None, now);
                self.changed.insert(job.run);
                lost += 1;
            }
        }
        revoked.sort_unstable();
        self.note("revoked", revoked.len() as u64);
        self.note("never arrived", lost);
        self.note("given back to its node", given_back);
        (revoked, lost)
    }

    /// Records a result. Returns whether it counts.
    pub(crate) fn record(&mut self, result: &JobResult, now: i64) -> bool {
        let Some(job) = self.jobs.get_mut(&result.job_id) else { return false };
        let finishes = matches!(result.outcome, JobOutcome::Finished { .. });
        let awaits = match job.state {
            JobState::Running => true,
            // The lease has expired, and no other node has leased the job since.
            JobState::Queued | JobState::Dead => finishes,
            JobState::Finished | JobState::Cancelled => false,
        };
        if !awaits || job.lease != Some(result.lease) || job.attempt != result.attempt {
            self.note("a result that did not count", 1);
            return false;
        }
        let before = job.state;
        match result.outcome {
            JobOutcome::Finished { .. } => job.state = JobState::Finished,
            JobOutcome::Failed { .. } => {
                job.not_before = now + (750 << job.failures);
                job.lease = None;
                job.fail();
            }
            JobOutcome::Returned => (job.state, job.lease) = (JobState::Queued, None),
        }
        self.changed.insert(job.run);
        let what = match (before, job.state) {
            (JobState::Queued, _) => "a late result",
            (JobState::Dead, _) => "a late result after the last attempt",
            (_, JobState::Finished) => "a result",
            (_, JobState::Dead) => "a failure at the last attempt",
            _ => match result.outcome {
                JobOutcome::Returned => "returned",
                _ => "a failure",
            },
        };
        self.note(what, 1);
        true
    }

    /// Returns the holders of the jobs whose leases have expired.
    pub(crate) fn expired(&self, now: i64) -> impl Iterator<Item = (&JobId, &Job, Incarnation)> {
        let expired = self.jobs.iter().filter(move |(_, job)| job.has_expired(now));
        expired.filter_map(|(id, job)| Some((id, job, job.holder?)))
    }

    /// Takes back expired leases and gives up overdue jobs. Returns the number of each.
    pub(crate) fn reap(&mut self, heard: bool, now: i64) -> (u64, u64) {
        let expired = self.change(|job| heard && job.has_expired(now), |job| job.take(now));
        let overdue = self.change(
            |job| job.is_overdue(now) && (heard || job.state == JobState::Queued),
            |job| (job.state, job.lease) = (JobState::Dead, None),
        );
        self.note("expired", expired);
        self.note("overdue", overdue);
        (expired, overdue)
    }

    /// Returns a job that a master should have taken back or given up by now.
    pub(crate) fn forgotten(&self, now: i64) -> Option<(&JobId, &Job)> {
        self.jobs.iter().find(|(_, job)| job.has_expired(now) || job.is_overdue(now))
    }

    /// Takes the jobs from an incarnation that another one has replaced. Returns their number.
    pub(crate) fn replace(&mut self, before: Incarnation, now: i64) -> u64 {
        let held = |job: &Job| job.state == JobState::Running && job.holder == Some(before);
        let taken = self.change(held, |job| job.take(now));
        self.note("taken from a restarted node", taken);
        taken
    }

    /// Takes the jobs from a node that stops properly.
    pub(crate) fn unregister(&mut self, holder: Incarnation, now: i64) {
        let held = |job: &Job| job.state == JobState::Running && job.holder == Some(holder);
        let handed = self.change(held, |job| (job.state, job.not_before) = (JobState::Queued, now));
        self.note("handed back", handed);
    }

    /// Ends the runs without an open job. Returns these runs, sorted.
    pub(crate) fn end_runs(&mut self) -> Vec<RunId> {
        let open: BTreeSet<RunId> =
            self.jobs.values().filter(|job| job.is_open()).map(|job| job.run).collect();
        let mut ended = Vec::new();
        for (run, state) in &mut self.runs {
            if *state == RunState::Running && !open.contains(run) {
                *state = RunState::Finished;
                ended.push(*run);
            }
        }
        ended
    }

    /// Returns true if the run of this job has no other open job.
    pub(crate) fn is_last(&self, id: JobId) -> bool {
        self.jobs.get(&id).is_some_and(|job| {
            let mut of_run = self.jobs.iter().filter(|(_, other)| other.run == job.run);
            of_run.all(|(other, job)| *other == id || !job.is_open())
        })
    }

    pub(crate) fn has_open_runs(&self) -> bool {
        self.runs.values().any(|state| *state == RunState::Running)
    }
}
