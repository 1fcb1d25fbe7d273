//! Dispatch in simulated time. Masters stop, nodes crash, are cut off, stop properly or never come back, answers are
//! lost, and results arrive twice, late or falsified. A model says what each call to the store must do.
//!
//! A seed determines all random choices. Nevertheless, two runs with one seed may differ: the ids of jobs differ, so
//! another one of several equally urgent jobs may be leased first.

mod model;

use std::{collections::BTreeMap, pin::pin};

use easysight_protocol::{
    Failure, JobOutcome, JobResult, JobState, LeaseToken, LeasedJob, RegisterRequest, RunId, RunState,
    Status, TaskRequest, Verdict,
};
use easysight_store::{
    Area, Dialect, FindingFilter, HeartbeatOutcome, Leased, PageRequest, Registration, Store, silent_before,
};
use futures::poll;
use model::Model;
use uuid::{Builder, Uuid};

use crate::databases::{LEASE_MS, Node, anybody, begin_as, ended, fan_out, finished, open, task};

/// The simulated time of one step, in milliseconds.
const STEP_MS: i64 = 500;
/// The number of steps in which faults happen.
const TROUBLED: usize = 240;
/// The step at which all nodes are cut off for longer than a lease.
const ISOLATION: usize = 60;
/// The step at which all masters stop for longer than a lease. No node may lose a job because of this.
const OUTAGE: usize = 120;
/// The maximum number of steps without faults that follow. After these steps, everything must have ended.
const QUIET: usize = 600;
/// A master finds every expired lease and every passed deadline within this time, in milliseconds.
const FOUND_MS: i64 = 11_000;
/// After this many steps, the store is compared with the model.
const COMPARED: usize = 20;
const NODES: usize = 4;
/// The number of jobs that a node works on at a time.
const PLACES: usize = 3;
/// The number of different things that must happen, see [`Model::seen`].
const HAPPENINGS: usize = 16;
/// The number of seeds. Up to twice as many are used if something has not happened until then.
const SEEDS: u64 = 3;
/// The number of latest results that may be sent again.
const SENT: usize = 50;

/// A master. While it is down, no node can reach it.
struct Master {
    store: Store,
    /// The time by which the master's clock is ahead, in milliseconds.
    ahead: i64,
    down_until: i64,
    /// The time from which nodes can reach the master.
    hearing_since: i64,
}

impl Master {
    fn now(&self, time: i64) -> i64 {
        time + self.ahead
    }

    fn silent_before(&self, time: i64) -> i64 {
        silent_before(self.hearing_since, self.now(time), LEASE_MS)
    }
}

/// A job that a node works on.
struct Work {
    leased: Leased,
    job: LeasedJob,
    done_at: i64,
}

struct Worker {
    node: Node,
    registered: bool,
    work: Vec<Work>,
    /// Results that no master has acknowledged. They survive a crash of the node.
    spool: Vec<JobResult>,
    /// The time until which the node is down after a crash, or cannot reach any master.
    away_until: i64,
    /// True if the node was away since its last heartbeat. Only from such a node may a job be taken.
    was_away: bool,
    beats_at: i64,
}

struct World {
    seed: u64,
    url: String,
    dice: fastrand::Rng,
    time: i64,
    masters: Vec<Master>,
    workers: Vec<Worker>,
    model: Model,
    /// The latest results that nodes have sent.
    sent: Vec<JobResult>,
    faults: bool,
}

/// Runs the simulation with some seeds.
pub(crate) async fn every_job_ends_once_whatever_happens(dialect: Dialect) {
    let mut seen = BTreeMap::new();
    let has_seen_all =
        |seen: &BTreeMap<_, u64>| seen.values().filter(|times| **times > 0).count() == HAPPENINGS;
    for seed in 1..=2 * SEEDS {
        if seed > SEEDS && has_seen_all(&seen) {
            break;
        }
        let Some(fresh) = open(dialect).await else { return };
        let mut stores = vec![fresh.store.clone()];
        if dialect == Dialect::Postgres {
            stores.push(fresh.another().await);
        }
        let mut world = World::new(seed, fresh.url(), stores);
        for step in 0..TROUBLED {
            if step == ISOLATION {
                world.cut_off_all_nodes();
            }
            if step == OUTAGE {
                world.stop_all_masters();
            }
            world.step().await;
            if step % COMPARED == 0 {
                world.compare().await;
            }
        }
        world.faults = false;
        world.lose_a_node();
        for _ in 0..QUIET {
            world.step().await;
            if !world.model.has_open_runs() {
                break;
            }
        }
        world.compare().await;
        world.check().await;
        for (what, times) in &world.model.seen {
            *seen.entry(*what).or_insert(0) += times;
        }
        drop(world);
        fresh.close().await;
    }
    assert!(has_seen_all(&seen), "not everything has happened: {seen:?}");
}

impl World {
    fn new(seed: u64, url: String, stores: Vec<Store>) -> Self {
        let time = 1_000_000;
        let mut dice = fastrand::Rng::with_seed(seed);
        let masters = stores.into_iter().map(|store| Master {
            store,
            ahead: dice.i64(-400..400),
            down_until: 0,
            hearing_since: time,
        });
        let masters = masters.collect();
        let workers = (0..NODES).map(|at| Worker {
            node: Node::new(&format!("n{at}")),
            registered: false,
            work: Vec::new(),
            spool: Vec::new(),
            away_until: 0,
            was_away: false,
            beats_at: 0,
        });
        let workers = workers.collect();
        let (model, sent) = (Model::default(), Vec::new());
        Self { seed, url, dice, time, masters, workers, model, sent, faults: true }
    }

    /// Returns true with this probability in percent, while faults happen.
    fn fault(&mut self, percent: u32) -> bool {
        self.faults && self.dice.u32(0..100) < percent
    }

    async fn step(&mut self) {
        self.time += STEP_MS;
        for at in 0..self.masters.len() {
            self.master_step(at).await;
        }
        if self.fault(15) {
            self.submit().await;
        }
        if self.fault(3) {
            self.cancel().await;
        }
        if self.fault(15) {
            self.send_again().await;
        }
        let mut order: Vec<usize> = (0..NODES).collect();
        self.dice.shuffle(&mut order);
        for at in order {
            self.worker_step(at).await;
        }
    }

    /// Does the part of the scheduler's work that concerns jobs.
    async fn master_step(&mut self, at: usize) {
        let outage = self.fault(1).then(|| self.dice.i64(1..4) * LEASE_MS / 2);
        let time = self.time;
        let Some(master) = self.masters.get_mut(at) else { return };
        if time < master.down_until {
            // Nodes cannot be heard until the master is back.
            master.hearing_since = master.now(master.down_until);
            return;
        }
        if let Some(length) = outage {
            master.down_until = time + length;
            return;
        }
        let (seed, now) = (self.seed, master.now(time));
        let agenda = master.store.agenda(now).await.unwrap();
        if agenda.expired || agenda.overdue {
            let heard = master.silent_before(time) > i64::MIN;
            let reaped = master.store.reap(heard, now).await.unwrap();
            if reaped.expired > 0 {
                for (id, job, holder) in self.model.expired(now) {
                    let worker = self.workers.iter().find(|worker| worker.node.incarnation == holder);
                    let excuse = worker.is_some_and(|worker| worker.was_away);
                    assert!(
                        excuse,
                        "seed {seed}: a node lost a job although it missed no heartbeat: {id} {job:?}"
                    );
                }
            }
            let heard = now - master.hearing_since >= LEASE_MS;
            let expected = self.model.reap(heard, now);
            assert_eq!(
                (reaped.expired, reaped.overdue),
                expected,
                "seed {seed}: (expired leases, jobs given up) at {now}, nodes could be heard: {heard}"
            );
            self.check_ended(reaped.finished_runs);
        }
        let master = &self.masters[at];
        if now - master.hearing_since >= LEASE_MS + FOUND_MS {
            let forgotten = self.model.forgotten(now - FOUND_MS);
            assert!(forgotten.is_none(), "seed {seed}: nobody took this job back until {now}: {forgotten:?}");
        }
        if time % 10_000 == 0 {
            let ended = master.store.tidy(now).await.unwrap();
            assert!(ended.is_empty(), "seed {seed}: the ends of runs were not recorded at once: {ended:?}");
        }
    }

    /// Checks that exactly those runs have ended that no longer have an open job.
    fn check_ended(&mut self, mut ended: Vec<RunId>) {
        ended.sort_unstable();
        assert_eq!(ended, self.model.end_runs(), "seed {}: the runs that ended", self.seed);
    }

    fn cut_off_all_nodes(&mut self) {
        for worker in &mut self.workers {
            worker.away_until = worker.away_until.max(self.time + STEP_MS + LEASE_MS * 3 / 2);
            worker.was_away = true;
        }
    }

    fn stop_all_masters(&mut self) {
        for master in &mut self.masters {
            master.down_until = self.time + STEP_MS + LEASE_MS * 3 / 2;
        }
    }

    /// Crashes the node that has the most jobs. It never comes back.
    fn lose_a_node(&mut self) {
        let worker = self.workers.iter_mut().max_by_key(|worker| worker.work.len()).unwrap();
        (worker.away_until, worker.was_away) = (i64::MAX, true);
    }

    async fn submit(&mut self) {
        let Some(at) = self.reachable() else { return };
        let master = &self.masters[at];
        let now = master.now(self.time);
        let max_attempts = self.dice.u32(1..=3);
        let deadline_ms = self.fault(12).then(|| self.dice.i64(1..5) * LEASE_MS);
        let definition =
            TaskRequest { max_attempts, deadline_ms: deadline_ms.map(i64::unsigned_abs), ..task() };
        // The store expects that the ids of runs show the same clock as those of their jobs.
        let mut random = [0; 10];
        self.dice.fill(&mut random);
        let id = RunId(Builder::from_unix_timestamp_millis(now.unsigned_abs(), &random).into_uuid());
        let store = &self.masters[at].store;
        let jobs = fan_out(self.dice.usize(1..10));
        let run = begin_as(store, id, definition, jobs, now).await;
        let jobs = store.jobs(&Area::ALL, run, None, &page()).await.unwrap().items;
        self.model.submit(run, jobs.iter().map(|job| job.id), max_attempts, deadline_ms, now);
    }

    async fn cancel(&mut self) {
        let Some(at) = self.reachable() else { return };
        let latest: Vec<RunId> = self.model.runs.keys().rev().take(6).copied().collect();
        let Some(run) = self.dice.choice(latest) else { return };
        let master = &self.masters[at];
        let cancelled = master.store.by(anybody()).cancel_run(run, master.now(self.time)).await.unwrap();
        assert_eq!(cancelled, self.model.cancel(run), "seed {}: the cancelling of {run}", self.seed);
    }

    /// Sends a result again that was sent before, or a falsified one.
    async fn send_again(&mut self) {
        let Some(at) = self.reachable() else { return };
        let works = self.workers.iter().flat_map(|worker| &worker.work);
        let coming: Vec<JobResult> =
            works.map(|work| finished(&work.leased, &work.job, Status::Normal)).collect();
        let coming = self.dice.choice(coming);
        let sent = self.dice.choice(self.sent.clone());
        let stranger = LeaseToken(Uuid::new_v4());
        let results: Vec<JobResult> = [
            coming.clone().map(|result| JobResult { lease: stranger, ..result }),
            coming.map(|result| JobResult { attempt: result.attempt + 1, ..result }),
            sent.clone(),
            sent.map(|result| {
                let failure = Failure { kind: "connect-timed-out".into(), detail: "again".into() };
                JobResult { outcome: JobOutcome::Failed { failure }, ..result }
            }),
        ]
        .into_iter()
        .flatten()
        .collect();
        for result in results {
            self.record(at, vec![result]).await;
        }
    }

    /// Sends results to a master that dies after it has recorded them and before it ends their runs. Another master
    /// takes its place.
    async fn die(&mut self, at: usize, results: &[JobResult]) {
        let (seed, master) = (self.seed, &mut self.masters[at]);
        let now = master.now(self.time);
        {
            // The second command is answered together with the first one, or after it.
            let mut first = pin!(master.store.record(results.to_vec(), now));
            assert!(poll!(first.as_mut()).is_pending());
            master.store.record(Vec::new(), now).await.unwrap();
        }
        master.store = Store::open(&self.url).await.unwrap().0;
        for result in results {
            self.model.record(result, now);
        }
        let mut ended = master.store.tidy(now).await.unwrap();
        ended.sort_unstable();
        let expected = self.model.end_runs();
        self.model.note("ended after the death of a master", expected.len() as u64);
        assert_eq!(ended, expected, "seed {seed}: the runs that ended after a master died, at {now}");
    }

    /// Sends results to a master, which must record exactly those that count.
    async fn record(&mut self, at: usize, results: Vec<JobResult>) {
        let ends_run = results.iter().any(|result| self.model.is_last(result.job_id));
        let dies = self.fault(if ends_run { 50 } else { 3 });
        let (seed, master) = (self.seed, &self.masters[at]);
        let now = master.now(self.time);
        if dies {
            return self.die(at, &results).await;
        }
        let recorded = master.store.record(results.clone(), now).await.unwrap();
        assert_eq!(recorded.verdicts.len(), results.len());
        for (result, verdict) in results.iter().zip(recorded.verdicts) {
            let before = format!("{:?}", self.model.jobs.get(&result.job_id));
            let counts = self.model.record(result, now);
            assert_eq!(
                verdict == Verdict::Recorded,
                counts,
                "seed {seed}: {verdict:?} at {now} for {result:?} of {before}"
            );
        }
        self.check_ended(recorded.finished_runs);
    }

    /// Returns a master that can be called now, as a load balancer would choose it.
    fn reachable(&mut self) -> Option<usize> {
        let up: Vec<usize> =
            (0..self.masters.len()).filter(|at| self.time >= self.masters[*at].down_until).collect();
        self.dice.choice(up)
    }

    async fn worker_step(&mut self, at: usize) {
        self.crash_or_cut_off(at);
        let time = self.time;
        let failures: Vec<bool> = (0..PLACES).map(|_| self.fault(20)).collect();
        let worker = &mut self.workers[at];
        let done = worker.work.extract_if(.., |work| work.done_at <= time).collect::<Vec<_>>();
        for (work, fails) in done.into_iter().zip(failures) {
            let result = if fails {
                let failure = Failure { kind: "connect-timed-out".into(), detail: "x".into() };
                ended(&work.leased, &work.job, JobOutcome::Failed { failure })
            } else {
                finished(&work.leased, &work.job, Status::Normal)
            };
            worker.spool.push(result);
        }
        if time < worker.away_until {
            return;
        }
        let Some(master) = self.reachable() else { return };
        if !self.workers[at].registered {
            self.register(at, master).await;
        }
        if self.workers[at].registered {
            self.report(at, master).await;
        }
        if self.workers[at].registered && time >= self.workers[at].beats_at {
            self.beat(at, master).await;
        }
        if self.workers[at].registered {
            self.poll(at, master).await;
        }
        if self.workers[at].registered && self.fault(1) {
            self.stop(at, master).await;
        }
    }

    /// Stops a node properly: it returns a job, and hands back the others by ending its registration.
    async fn stop(&mut self, at: usize, master: usize) {
        let worker = &mut self.workers[at];
        let returned = worker.work.pop();
        worker.work.clear();
        worker.registered = false;
        worker.away_until = self.time + LEASE_MS;
        if let Some(work) = returned {
            let result = ended(&work.leased, &work.job, JobOutcome::Returned);
            self.record(master, vec![result]).await;
        }
        let (master, node) = (&self.masters[master], &self.workers[at].node);
        let now = master.now(self.time);
        let gone = master.store.unregister_node(node.id.clone(), node.incarnation, now).await.unwrap();
        assert!(gone, "seed {}: {} was registered", self.seed, node.id);
        self.model.unregister(node.incarnation, now);
        self.compare().await;
    }

    fn crash_or_cut_off(&mut self, at: usize) {
        let (crashes, cut_off) = (self.fault(1), self.fault(2));
        let length = self.dice.i64(1..6) * LEASE_MS / 2;
        let worker = &mut self.workers[at];
        if !(crashes || cut_off) || self.time < worker.away_until {
            return;
        }
        worker.away_until = self.time + length;
        worker.was_away = true;
        if crashes {
            worker.work.clear();
            worker.registered = false;
        }
    }

    async fn register(&mut self, at: usize, master: usize) {
        let (seed, master, worker) = (self.seed, &self.masters[master], &mut self.workers[at]);
        let now = master.now(self.time);
        let next = Node::new(&worker.node.id);
        let request = RegisterRequest { replaces: Some(worker.node.incarnation), ..next.registration() };
        let answer = master.store.register_node(request, now, master.silent_before(self.time)).await.unwrap();
        let requeued = self.model.replace(worker.node.incarnation, now);
        self.model.end_runs();
        assert_eq!(
            answer,
            Registration::Accepted { requeued },
            "seed {seed}: the jobs of the incarnation before, at {now}"
        );
        worker.node = next;
        worker.registered = true;
    }

    async fn report(&mut self, at: usize, master: usize) {
        let lost = self.fault(20);
        let results = self.workers[at].spool.clone();
        if results.is_empty() {
            return;
        }
        self.sent.extend_from_slice(&results);
        self.sent.drain(..self.sent.len().saturating_sub(SENT));
        self.record(master, results).await;
        if !lost {
            self.workers[at].spool.clear();
        }
    }

    async fn beat(&mut self, at: usize, master: usize) {
        let lost = self.fault(10);
        let (seed, master, worker) = (self.seed, &self.masters[master], &mut self.workers[at]);
        let now = master.now(self.time);
        let held: Vec<LeasedJob> = worker.work.iter().map(|work| work.job.clone()).collect();
        let beat = worker.node.beat(&held);
        let answer = master.store.heartbeat(worker.node.id.clone(), beat, now, LEASE_MS).await.unwrap();
        worker.was_away = false;
        let (revoked, missing) = self.model.beat(worker.node.incarnation, &held, now);
        let expected = HeartbeatOutcome::Noted { revoked: revoked.clone(), lost: missing };
        assert_eq!(
            answer, expected,
            "seed {seed}: the heartbeat of {} at {now} with {held:?}",
            worker.node.id
        );
        if !lost {
            worker.work.retain(|work| !revoked.contains(&work.job.id));
            worker.beats_at = self.time + LEASE_MS / 4;
        }
    }

    async fn poll(&mut self, at: usize, master: usize) {
        let free = PLACES - self.workers[at].work.len();
        if free == 0 {
            return;
        }
        let lost = self.fault(5);
        let (master, worker) = (&self.masters[master], &mut self.workers[at]);
        let now = master.now(self.time);
        let leased = worker.node.lease(&master.store, u32::try_from(free).unwrap(), now).await;
        for job in &leased.jobs {
            self.model.lease(job, leased.lease, worker.node.incarnation, now);
            if !lost {
                // Some jobs are still under way when their node comes back after an absence.
                let longest = if self.dice.u32(0..4) == 0 { 5 * LEASE_MS } else { 2 * LEASE_MS };
                let done_at = self.time + self.dice.i64(0..longest);
                worker.work.push(Work { leased: leased.clone(), job: job.clone(), done_at });
            }
        }
    }

    /// Compares the runs that have changed with the model.
    async fn compare(&mut self) {
        let (seed, store) = (self.seed, &self.masters[0].store);
        for run in std::mem::take(&mut self.model.changed) {
            let state = store.run(&Area::ALL, run).await.unwrap().unwrap().run;
            assert_eq!(state.state, self.model.runs[&run], "seed {seed}: {state:?}");
            for job in store.jobs(&Area::ALL, run, None, &page()).await.unwrap().items {
                let expected = &self.model.jobs[&job.id];
                assert_eq!(
                    (job.state, job.attempt, job.failures),
                    (expected.state, expected.attempt, expected.failures),
                    "seed {seed}: (state, attempt, failures) of {job:?}, expected {expected:?}"
                );
            }
        }
    }

    /// Checks that everything has ended, and that exactly the finished jobs have findings.
    async fn check(&self) {
        let (seed, store) = (self.seed, &self.masters[0].store);
        let mut total = BTreeMap::new();
        for (run, state) in &self.model.runs {
            let jobs: Vec<_> = self.model.jobs.iter().filter(|(_, job)| job.run == *run).collect();
            assert!(
                matches!(state, RunState::Finished | RunState::Cancelled),
                "seed {seed}: {run} is {state:?} at {}: {jobs:?}",
                self.time
            );
            let mut finished = Vec::new();
            for (id, job) in jobs {
                *total.entry(format!("{:?}", job.state)).or_insert(0) += 1;
                match job.state {
                    JobState::Finished => finished.push(*id),
                    JobState::Dead => {}
                    JobState::Cancelled => assert_eq!(*state, RunState::Cancelled, "seed {seed}: {job:?}"),
                    JobState::Queued | JobState::Running => panic!("seed {seed}: {job:?}"),
                }
            }
            let filter = FindingFilter { run_id: Some(*run), ..FindingFilter::default() };
            let found = store.findings(&Area::ALL, &filter, &page()).await.unwrap().items;
            let mut found: Vec<_> = found.iter().map(|finding| finding.job_id).collect();
            found.sort_unstable();
            assert_eq!(found, finished, "seed {seed}: the jobs of {run} that have findings");
        }
        // The faults must have had effects.
        for (state, least) in [("Finished", 20), ("Dead", 5), ("Cancelled", 1)] {
            assert!(total.get(state).is_some_and(|jobs| *jobs >= least), "seed {seed}: {total:?}");
        }
        let repeated = self.model.jobs.values().filter(|job| job.attempt > 1).count();
        assert!(repeated > 5, "seed {seed}: {repeated} jobs had several attempts");
        println!("seed {seed}: {total:?}, {repeated} with several attempts, {:?}", self.model.seen);
    }
}

/// Returns a page that has all items of a run.
fn page() -> PageRequest {
    PageRequest { after: None, limit: 100 }
}
