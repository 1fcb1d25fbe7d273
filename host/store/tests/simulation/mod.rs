//! Dispatch in simulated time. Masters stop, nodes crash or are cut off, answers are lost and results arrive twice. A
//! seed determines all random choices. Nevertheless, two runs with one seed may differ: the ids of jobs differ, so
//! another one of several equally urgent jobs may be leased first.

use std::collections::{BTreeMap, HashMap};

use easysight_protocol::{
    Failure, JobId, JobOutcome, JobResult, JobState, LeasedJob, RegisterRequest, RunId, RunState, Status,
    TaskRequest, Verdict,
};
use easysight_store::{
    Area, Dialect, FindingFilter, HeartbeatOutcome, Leased, PageRequest, Registration, Store, silent_before,
};

use crate::databases::{LEASE_MS, Node, anybody, ended, finished, open, run_of, task};

/// The simulated time of one step, in milliseconds.
const STEP_MS: i64 = 500;
/// The number of steps in which faults happen.
const TROUBLED: usize = 240;
/// The number of steps without faults that follow. After these steps, everything must have ended.
const QUIET: usize = 400;
const NODES: usize = 4;
/// The number of jobs that a node works on at a time.
const PLACES: usize = 3;
const MAX_ATTEMPTS: u32 = 3;

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
    /// Jobs that a master leased to the node in an answer that was lost. The master learns this from the next
    /// heartbeat, and leases them again.
    unheard: Vec<JobId>,
    /// Results that no master has acknowledged. They survive a crash of the node.
    spool: Vec<JobResult>,
    /// The time until which the node is down after a crash, or cannot reach any master.
    away_until: i64,
    beats_at: i64,
}

/// The history of one job, as the nodes recorded it.
#[derive(Debug, Default)]
struct Story {
    /// The attempts that nodes were given.
    attempts: Vec<u32>,
    /// The number of times that an attempt may have counted as failed: reported failures, and jobs of nodes that were
    /// away.
    may_have_failed: usize,
    /// The number of failures that were recorded as nodes reported them.
    reported: usize,
    /// The number of times that findings of this job were recorded.
    recorded: usize,
}

struct World {
    dice: fastrand::Rng,
    time: i64,
    masters: Vec<Master>,
    workers: Vec<Worker>,
    stories: HashMap<JobId, Story>,
    runs: Vec<RunId>,
    faults: bool,
}

/// Runs the simulation with some seeds.
pub(crate) async fn every_job_ends_once_whatever_happens(dialect: Dialect) {
    for seed in 1..=3 {
        let Some(fresh) = open(dialect).await else { return };
        let mut stores = vec![fresh.store.clone()];
        if dialect == Dialect::Postgres {
            stores.push(fresh.another().await);
        }
        let mut world = World::new(seed, stores);
        for _ in 0..TROUBLED {
            world.step().await;
        }
        world.faults = false;
        for _ in 0..QUIET {
            world.step().await;
        }
        world.check(seed).await;
        drop(world);
        fresh.close().await;
    }
}

impl World {
    fn new(seed: u64, stores: Vec<Store>) -> Self {
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
            unheard: Vec::new(),
            spool: Vec::new(),
            away_until: 0,
            beats_at: 0,
        });
        let workers = workers.collect();
        Self { dice, time, masters, workers, stories: HashMap::new(), runs: Vec::new(), faults: true }
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
        if self.faults && self.dice.u32(0..100) < 10 {
            self.submit().await;
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
        let now = master.now(time);
        if master.store.agenda(now).await.unwrap().expired {
            let heard = master.silent_before(time) > i64::MIN;
            master.store.reap(heard, now).await.unwrap();
        }
        if time % 10_000 == 0 {
            master.store.tidy(now).await.unwrap();
        }
    }

    async fn submit(&mut self) {
        let Some(at) = self.reachable() else { return };
        let master = &self.masters[at];
        let now = master.now(self.time);
        let definition = TaskRequest { max_attempts: MAX_ATTEMPTS, ..task() };
        let run = run_of(&master.store, definition, self.dice.usize(1..9), now).await;
        if self.fault(10) {
            assert!(self.masters[at].store.by(anybody()).cancel_run(run, now).await.unwrap());
        }
        self.runs.push(run);
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
        let failures: Vec<bool> = (0..PLACES).map(|_| self.fault(10)).collect();
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
    }

    fn crash_or_cut_off(&mut self, at: usize) {
        let (crashes, cut_off) = (self.fault(1), self.fault(1));
        let length = self.dice.i64(1..6) * LEASE_MS / 2;
        let worker = &mut self.workers[at];
        if !(crashes || cut_off) || self.time < worker.away_until {
            return;
        }
        worker.away_until = self.time + length;
        let running = worker.work.iter().map(|work| work.job.id);
        let undelivered = worker.spool.iter().map(|result| result.job_id);
        for job in running.chain(undelivered).chain(worker.unheard.iter().copied()) {
            self.stories.entry(job).or_default().may_have_failed += 1;
        }
        if crashes {
            worker.work.clear();
            worker.registered = false;
        }
    }

    async fn register(&mut self, at: usize, master: usize) {
        let (master, worker) = (&self.masters[master], &mut self.workers[at]);
        let next = Node::new(&worker.node.id);
        let request = RegisterRequest { replaces: Some(worker.node.incarnation), ..next.registration() };
        let answer = master
            .store
            .register_node(request, master.now(self.time), master.silent_before(self.time))
            .await
            .unwrap();
        assert!(matches!(answer, Registration::Accepted { .. }), "{answer:?}");
        worker.node = next;
        worker.registered = true;
    }

    async fn report(&mut self, at: usize, master: usize) {
        let lost = self.fault(20);
        let worker = &mut self.workers[at];
        if worker.spool.is_empty() {
            return;
        }
        let master = &self.masters[master];
        let recorded = master.store.record(worker.spool.clone(), master.now(self.time)).await.unwrap();
        for (result, verdict) in worker.spool.iter().zip(&recorded.verdicts) {
            let story = self.stories.entry(result.job_id).or_default();
            if *verdict == Verdict::Recorded {
                match result.outcome {
                    JobOutcome::Finished { .. } => story.recorded += 1,
                    _ => {
                        story.may_have_failed += 1;
                        story.reported += 1;
                    }
                }
            }
        }
        if !lost {
            worker.spool.clear();
        }
    }

    async fn beat(&mut self, at: usize, master: usize) {
        let lost = self.fault(10);
        let (master, worker) = (&self.masters[master], &mut self.workers[at]);
        let held: Vec<LeasedJob> = worker.work.iter().map(|work| work.job.clone()).collect();
        let answer = master
            .store
            .heartbeat(worker.node.id.clone(), worker.node.beat(&held), master.now(self.time), LEASE_MS)
            .await
            .unwrap();
        worker.unheard.clear();
        if lost {
            return;
        }
        match answer {
            HeartbeatOutcome::Noted { revoked, .. } => {
                worker.work.retain(|work| !revoked.contains(&work.job.id));
                worker.beats_at = self.time + LEASE_MS / 4;
            }
            HeartbeatOutcome::Superseded | HeartbeatOutcome::Unknown => panic!("{answer:?}"),
        }
    }

    async fn poll(&mut self, at: usize, master: usize) {
        let free = PLACES - self.workers[at].work.len();
        if free == 0 {
            return;
        }
        let lost = self.fault(5);
        let (master, worker) = (&self.masters[master], &mut self.workers[at]);
        let leased =
            worker.node.lease(&master.store, u32::try_from(free).unwrap(), master.now(self.time)).await;
        for job in &leased.jobs {
            let story = self.stories.entry(job.id).or_default();
            assert!(story.attempts.last().is_none_or(|last| *last < job.attempt), "{story:?} then {job:?}");
            story.attempts.push(job.attempt);
            if lost {
                worker.unheard.push(job.id);
            } else {
                let done_at = self.time + self.dice.i64(0..2 * LEASE_MS);
                worker.work.push(Work { leased: leased.clone(), job: job.clone(), done_at });
            }
        }
    }

    /// Checks that everything has ended, and that each job has ended once.
    async fn check(&self, seed: u64) {
        let store = &self.masters[0].store;
        let mut total = BTreeMap::new();
        for run in &self.runs {
            let state = store.run(&Area::ALL, *run).await.unwrap().unwrap().run;
            assert!(
                matches!(state.state, RunState::Finished | RunState::Cancelled),
                "seed {seed}: {state:?}"
            );
            let page = PageRequest { after: None, limit: 100 };
            let jobs = store.jobs(&Area::ALL, *run, None, &page).await.unwrap().items;
            for job in &jobs {
                *total.entry(format!("{:?}", job.state)).or_insert(0) += 1;
                let nothing = Story::default();
                let story = self.stories.get(&job.id).unwrap_or(&nothing);
                let what = format!("seed {seed}: {job:?} {story:?}");
                assert_eq!(story.recorded, usize::from(job.state == JobState::Finished), "{what}");
                assert!(job.state == JobState::Dead || story.reported < MAX_ATTEMPTS as usize, "{what}");
                match job.state {
                    JobState::Finished => {}
                    JobState::Dead => assert!(story.may_have_failed >= MAX_ATTEMPTS as usize, "{what}"),
                    JobState::Cancelled => assert_eq!(state.state, RunState::Cancelled, "{what}"),
                    JobState::Queued | JobState::Running => panic!("{what}"),
                }
            }
            let filter = FindingFilter { run_id: Some(*run), ..FindingFilter::default() };
            let page = PageRequest { after: None, limit: 100 };
            let found = store.findings(&Area::ALL, &filter, &page).await.unwrap().items;
            let ended = jobs.iter().filter(|job| job.state == JobState::Finished).count();
            assert_eq!(found.len(), ended, "seed {seed}: {run}");
        }
        // The faults must have had effects.
        assert!(total.get("Finished").is_some_and(|jobs| *jobs >= 20), "seed {seed}: {total:?}");
        let repeated = self.stories.values().filter(|story| story.attempts.len() > 1).count();
        assert!(repeated > 5, "seed {seed}: {repeated} jobs had several attempts");
        println!("seed {seed}: {total:?}, {repeated} with several attempts");
    }
}
