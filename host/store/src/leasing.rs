//! The lane of leases. Requests that nodes send at the same time are answered together, in one transaction.

use std::{collections::HashMap, sync::Arc};

use easysight_protocol::{JobId, JobPlan, LeaseToken, LeasedJob, RunId};
use futures::future::BoxFuture;

use crate::{
    Dialect, Known, Leased, StoreError, WantedLease,
    baselines::{self, Held},
    db::{Connection, Rows, Via, query},
    dialect::Update,
    lanes::Kind,
    looks::look,
    polls::Polled,
    query::{maybe_json, maybe_text, parsed, small, text},
};

/// The maximum number of searches for jobs. A search is repeated if another master has already leased some of its
/// jobs.
const ROUNDS: usize = 4;

/// The lane of leases.
pub(crate) struct Leases {
    dialect: Dialect,
    known: Arc<Known>,
}

pub(crate) struct Ask {
    pub(crate) wanted: WantedLease,
    pub(crate) now: i64,
    pub(crate) until: i64,
}

/// One request for a lease, and the jobs that the request has so far.
struct Place<'a> {
    at: usize,
    wanted: &'a WantedLease,
    lease: LeaseToken,
    until: i64,
    /// The jobs, most urgent first.
    jobs: Vec<(RunId, LeasedJob)>,
}

impl Place<'_> {
    /// Returns the number of further jobs that the request may get.
    fn lacks(&self) -> usize {
        (self.wanted.max_jobs as usize).saturating_sub(self.jobs.len())
    }
}

impl Kind for Leases {
    type Ask = Ask;
    /// The lease, or None if the node's incarnation is not the registered one.
    type Answer = Option<Leased>;
    const MAY_BE_LOST: bool = true;

    fn weight(ask: &Ask) -> usize {
        ask.wanted.max_jobs as usize
    }

    fn carry_out<'c>(
        &'c self,
        connection: &'c mut Connection,
        asks: &'c [Ask],
    ) -> BoxFuture<'c, Result<Vec<Option<Leased>>, StoreError>> {
        Box::pin(async move {
            let answers = self.answer(connection, asks).await;
            if answers.is_err() {
                // The jobs that were taken out of the ready jobs were not leased. The next query must find them again.
                self.known.ready.forget();
            }
            answers
        })
    }
}

impl Leases {
    pub(crate) fn new(dialect: Dialect, known: Arc<Known>) -> Self {
        Self { dialect, known }
    }

    async fn answer(
        &self,
        connection: &mut Connection,
        asks: &[Ask],
    ) -> Result<Vec<Option<Leased>>, StoreError> {
        let now = asks.iter().map(|ask| ask.now).max().unwrap_or(0);
        let token = || LeaseToken(self.known.ids.next(now));
        let mut answers: Vec<Option<Leased>> = asks.iter().map(|_| Some(Leased::nothing(token()))).collect();
        let place = |(at, ask)| {
            let Ask { wanted, until, .. }: &Ask = ask;
            Place { at, wanted, lease: token(), until: *until, jobs: Vec::new() }
        };
        let mut places: Vec<Place<'_>> = asks.iter().enumerate().map(place).collect();
        let refused = self.greet(connection, &mut places, now).await?;
        for (at, is_known) in refused {
            if let Some(answer) = answers.get_mut(at) {
                *answer = is_known.then(|| Leased { drained: true, ..Leased::nothing(token()) });
            }
        }
        self.fill(connection, &mut places, now).await?;
        let jobs = places.iter().flat_map(|place| &place.jobs);
        let cameras = jobs.filter_map(|(_, job)| job.camera_id.as_deref()).collect();
        let held = Held::of(connection, self.dialect, cameras).await?;
        for mut place in places.into_iter().filter(|place| !place.jobs.is_empty()) {
            let leased = self.complete(connection, &held, &mut place, now).await?;
            if let Some(answer) = answers.get_mut(place.at) {
                *answer = Some(leased);
            }
        }
        Ok(answers)
    }

    /// Removes the places of nodes whose incarnation is not the registered one, and of nodes that are drained. Returns
    /// the positions of their requests, and whether the node is known. Also removes the places of polls that are over:
    /// the node no longer waits for an answer, so jobs that are leased to such a place would be lost. A master that was
    /// suspended may find such polls when it continues.
    async fn greet(
        &self,
        connection: &mut Connection,
        places: &mut Vec<Place<'_>>,
        now: i64,
    ) -> Result<Vec<(usize, bool)>, StoreError> {
        let polls: Vec<_> = places
            .iter()
            .map(|place| (place.wanted.node_id.clone(), place.wanted.incarnation, now))
            .collect();
        let known = self.known.polls.greet(connection, self.dialect, &polls).await?;
        let mut refused = Vec::new();
        places.retain(|place| {
            match known.get(&(place.wanted.node_id.clone(), place.wanted.incarnation)) {
                // A node reports 0 until its first poll has ended.
                Some(Polled { over, drained: false }) => *over == 0 || place.wanted.poll > *over,
                polled => {
                    refused.push((place.at, polled.is_some()));
                    false
                }
            }
        });
        Ok(refused)
    }

    /// Leases jobs to all places, first come, first served.
    async fn fill(
        &self,
        connection: &mut Connection,
        places: &mut [Place<'_>],
        now: i64,
    ) -> Result<(), StoreError> {
        for _ in 0..ROUNDS {
            // All queries run before any job is taken. A query would find a job again that is taken but not leased
            // yet, and the job would be given to a second place too.
            let mut all = 0;
            for place in places.iter().filter(|place| place.lacks() > 0) {
                all += place.lacks();
                let mut via = Via::Connection(&mut *connection);
                look(&mut via, &self.known.ready, &[&place.wanted.labels], all, now).await?;
            }
            let mut asked: Vec<(usize, JobId)> = Vec::new();
            for (at, place) in places.iter().enumerate() {
                let taken = self.known.ready.take(&place.wanted.labels, place.lacks());
                asked.extend(taken.into_iter().map(|id| (at, id)));
            }
            if asked.is_empty() {
                return Ok(());
            }
            let mut leased = self.lease(connection, places, &asked, now).await?;
            let missed = leased.len() < asked.len();
            let stale = 2 * leased.len() < asked.len();
            // The jobs are added in the order of urgency, because an `UPDATE` returns rows in any order.
            for (at, id) in asked {
                if let (Some(place), Some(job)) = (places.get_mut(at), leased.remove(&id)) {
                    place.jobs.push(job);
                }
            }
            if !missed {
                return Ok(());
            }
            if stale {
                for place in places.iter().filter(|place| place.lacks() > 0) {
                    self.known.ready.distrust(&place.wanted.labels);
                }
            }
        }
        Ok(())
    }

    async fn lease(
        &self,
        connection: &mut Connection,
        places: &[Place<'_>],
        asked: &[(usize, JobId)],
        now: i64,
    ) -> Result<HashMap<JobId, (RunId, LeasedJob)>, StoreError> {
        let of: Vec<(&Place<'_>, JobId)> =
            asked.iter().filter_map(|(at, id)| places.get(*at).map(|place| (place, *id))).collect();
        let poll = |place: &Place<'_>| i64::try_from(place.wanted.poll).unwrap_or(i64::MAX);
        let rows = Rows::new()
            .texts("job_id", of.iter().map(|(_, id)| id.to_string()))
            .texts("lease", of.iter().map(|(place, _)| place.lease.to_string()))
            .texts("node_id", of.iter().map(|(place, _)| place.wanted.node_id.as_str()))
            .texts("incarnation", of.iter().map(|(place, _)| place.wanted.incarnation.to_string()))
            .integers("poll", of.iter().map(|(place, _)| poll(place)))
            .integers("until", of.iter().map(|(place, _)| place.until));
        // The state is checked, but in a form that does not match the index of queued jobs. Otherwise PostgreSQL
        // would read the whole index and compare each job with the batch, instead of looking up the ids.
        let sql = self.dialect.update(&Update {
            table: "jobs",
            key: "job_id",
            rows: &rows,
            first: 2,
            set: "state = 'running', attempt = jobs.attempt + 1, lease = x.lease, node_id = x.node_id, \
                  incarnation = x.incarnation, poll = x.poll, leased_until = x.until, started_at = $1",
            condition: "jobs.state || '' = 'queued' AND jobs.not_before <= $1",
            returning: "jobs.id AS id, jobs.run_id AS run_id, jobs.attempt AS attempt, jobs.camera_id AS camera_id, \
                        jobs.source AS source, jobs.deadline_at AS deadline_at",
            skip: true,
        });
        let rows = query(sql).bind(now).bind_rows(rows, self.dialect)?.fetch_all(connection).await?;
        let mut leased = HashMap::with_capacity(rows.len());
        for row in &rows {
            let deadline: Option<i64> = row.try_get("deadline_at")?;
            let job = LeasedJob {
                id: parsed(row, "id")?,
                attempt: small(row, "attempt")?,
                plan: 0,
                camera_id: maybe_text(row, "camera_id")?,
                source: text(row, "source")?,
                deadline_ms: deadline.map(|at| u64::try_from(at - now).unwrap_or(0)),
                baselines: Vec::new(),
                good_picture: false,
                lost: None,
            };
            leased.insert(job.id, (parsed(row, "run_id")?, job));
        }
        Ok(leased)
    }

    /// Adds to a place's jobs their plans and the baselines of their cameras.
    async fn complete(
        &self,
        connection: &mut Connection,
        held: &Held,
        place: &mut Place<'_>,
        now: i64,
    ) -> Result<Leased, StoreError> {
        let mut runs: Vec<RunId> = Vec::new();
        let mut jobs = Vec::with_capacity(place.jobs.len());
        for (run, mut job) in place.jobs.drain(..) {
            job.plan = runs.iter().position(|one| *one == run).unwrap_or_else(|| {
                runs.push(run);
                runs.len() - 1
            });
            jobs.push(job);
        }
        let plans = self.plans(connection, &runs).await?;
        let before = place.wanted.good_pictures_before;
        let handed_back =
            baselines::attach(connection, self.dialect, held, &plans, before, now, &mut jobs).await?;
        self.known.ready.add(handed_back, now);
        Ok(Leased { plans, jobs, ..Leased::nothing(place.lease) })
    }

    /// Returns the plans of runs. The plan of a run that has jobs never changes.
    async fn plans(&self, connection: &mut Connection, runs: &[RunId]) -> Result<Vec<JobPlan>, StoreError> {
        let mut by_run: HashMap<RunId, JobPlan> = HashMap::new();
        let mut unknown = Vec::new();
        for run in runs {
            match self.known.plans.get(*run) {
                Some(plan) => drop(by_run.insert(*run, plan)),
                None => unknown.push(run.to_string()),
            }
        }
        if !unknown.is_empty() {
            let sql = format!("SELECT id, plan FROM runs WHERE {}", self.dialect.among("id", "$1"));
            for row in &query(sql).bind(unknown).fetch_all(connection).await? {
                let run: RunId = parsed(row, "id")?;
                let plan: JobPlan = maybe_json(row, "plan")?.unwrap_or_default();
                self.known.plans.keep(run, plan.clone());
                by_run.insert(run, plan);
            }
        }
        Ok(runs.iter().map(|run| by_run.remove(run).unwrap_or_default()).collect())
    }
}
