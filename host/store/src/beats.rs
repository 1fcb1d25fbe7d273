//! Heartbeats. They show that nodes are alive and renew the leases of the jobs that nodes hold. Jobs that were
//! lost on the way to a node are queued again.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use easysight_protocol::{HeartbeatRequest, Incarnation, JobId, RunId};
use futures::future::BoxFuture;
use parking_lot::Mutex;

use crate::{
    Dialect, StoreError,
    db::{Connection, Rows, query},
    dialect::Update,
    jobs::{QUEUED_AGAIN, read_queued},
    lanes::Kind,
    query::{parsed, text},
    ready::ReadyJob,
};

/// The maximum number of loaded plugins that are stored for a node.
const PLUGINS: usize = 256;
/// The maximum number of nodes whose last polls are stored in memory.
const NODES: usize = 100_000;

/// The outcome of a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeartbeatOutcome {
    /// The heartbeat was recorded, and leases were renewed.
    Noted {
        /// Held jobs that no longer belong to the node.
        revoked: Vec<JobId>,
        /// The number of jobs that never reached the node and are queued again.
        lost: u64,
    },
    /// There is no such node, or it is not registered.
    Unknown,
    /// Another incarnation of this node, which is another process, has registered since.
    Superseded,
}

/// The lane of heartbeats.
pub(crate) struct Beats {
    dialect: Dialect,
    /// For each incarnation of a node, the last settled poll. A poll is settled if the node received all jobs of this
    /// poll and of earlier ones, or if these jobs were queued again.
    settled: Mutex<HashMap<Life, u64>>,
}

type Life = (String, Incarnation);

pub(crate) struct Beat {
    pub(crate) node_id: String,
    pub(crate) request: HeartbeatRequest,
    pub(crate) now: i64,
    pub(crate) until: i64,
}

pub(crate) struct Beaten {
    pub(crate) outcome: HeartbeatOutcome,
    /// Runs that have an open job again.
    pub(crate) reopened: Vec<RunId>,
    /// Jobs that are queued again.
    pub(crate) queued: Vec<ReadyJob>,
}

impl Kind for Beats {
    type Ask = Beat;
    type Answer = Beaten;
    const MAY_BE_LOST: bool = true;

    fn weight(beat: &Beat) -> usize {
        1 + beat.request.held.len()
    }

    fn carry_out<'c>(
        &'c self,
        connection: &'c mut Connection,
        asks: &'c [Beat],
    ) -> BoxFuture<'c, Result<Vec<Beaten>, StoreError>> {
        Box::pin(self.beat(connection, asks))
    }
}

impl Beats {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { dialect, settled: Mutex::default() }
    }

    async fn beat(&self, connection: &mut Connection, beats: &[Beat]) -> Result<Vec<Beaten>, StoreError> {
        // Liveness is recorded first: it does not depend on the leases.
        let refused = self.note(connection, beats).await?;
        let heard: Vec<&Beat> = beats
            .iter()
            .zip(&refused)
            .filter(|(_, refused)| refused.is_none())
            .map(|(beat, _)| beat)
            .collect();
        let mut kept = self.renew(connection, &heard).await?;
        let reopened = self.take_back(connection, &heard, &mut kept).await?;
        let mut lost = self.requeue_lost(connection, &heard).await?;
        let mut answers = Vec::with_capacity(beats.len());
        for (beat, refused) in beats.iter().zip(refused) {
            let queued = if refused.is_none() { lost.remove(&life(beat)) } else { None }.unwrap_or_default();
            let outcome = refused.unwrap_or_else(|| {
                let held: BTreeSet<JobId> = beat.request.held.iter().map(|held| held.job_id).collect();
                HeartbeatOutcome::Noted {
                    revoked: held.into_iter().filter(|id| !kept.contains(id)).collect(),
                    lost: queued.len() as u64,
                }
            });
            let reopened = match &outcome {
                HeartbeatOutcome::Noted { .. } => {
                    let of = beat.request.held.iter().filter_map(|held| reopened.get(&held.job_id));
                    of.copied().collect()
                }
                HeartbeatOutcome::Unknown | HeartbeatOutcome::Superseded => Vec::new(),
            };
            answers.push(Beaten { outcome, reopened, queued });
        }
        Ok(answers)
    }

    /// Records that nodes are alive. Returns, for each heartbeat, the reason why it is refused, or None if it is
    /// accepted.
    async fn note(
        &self,
        connection: &mut Connection,
        beats: &[Beat],
    ) -> Result<Vec<Option<HeartbeatOutcome>>, StoreError> {
        // If a batch has two heartbeats of one incarnation, the last one shows the current state.
        let latest: HashMap<Life, &Beat> = beats.iter().map(|beat| (life(beat), beat)).collect();
        let latest: Vec<&Beat> = latest.into_values().collect();
        let json = |beat: &&Beat| serde_json::to_string(&beat.request.totals);
        let totals = latest.iter().map(json).collect::<Result<Vec<_>, _>>()?;
        let system = |beat: &&Beat| beat.request.system.as_ref().map(serde_json::to_string).transpose();
        let systems = latest.iter().map(system).collect::<Result<Vec<_>, _>>()?;
        let plugins = |beat: &&Beat| {
            let plugins = beat.request.plugins.as_ref();
            plugins.map(|all| serde_json::to_string(all.get(..PLUGINS).unwrap_or(all))).transpose()
        };
        let plugins = latest.iter().map(plugins).collect::<Result<Vec<_>, _>>()?;
        let rows = Rows::new()
            .texts("node_id", latest.iter().map(|beat| beat.node_id.as_str()))
            .texts("incarnation", latest.iter().map(|beat| beat.request.incarnation.to_string()))
            .integers("heard_at", latest.iter().map(|beat| beat.now))
            .integers("draining", latest.iter().map(|beat| i64::from(beat.request.draining)))
            .texts("totals", totals)
            .maybe_texts("system", systems)
            .maybe_texts("plugins", plugins)
            .integers("offset_ms", latest.iter().map(|beat| clock_offset(beat.request.clock, beat.now)))
            .integers("ended_poll", latest.iter().map(|beat| poll_number(beat.request.last_poll)));
        let sql = self.dialect.update(&Update {
            table: "nodes",
            key: "node_id",
            rows: &rows,
            first: 1,
            set: "last_heartbeat = x.heard_at, draining = x.draining, totals = x.totals, \
                  system = COALESCE(x.system, nodes.system), plugins = COALESCE(x.plugins, nodes.plugins), \
                  clock_offset_ms = x.offset_ms, \
                  polls_over = CASE WHEN x.ended_poll > nodes.polls_over THEN x.ended_poll ELSE nodes.polls_over END",
            condition: "nodes.incarnation = x.incarnation AND nodes.registered = 1",
            returning: "nodes.id AS id, nodes.incarnation AS incarnation",
            skip: false,
        });
        let rows = query(sql).bind_rows(rows, self.dialect)?.fetch_all(&mut *connection).await?;
        let mut known: HashSet<Life> = HashSet::with_capacity(rows.len());
        for row in &rows {
            known.insert((text(row, "id")?, parsed(row, "incarnation")?));
        }
        let strange: Vec<String> = latest
            .iter()
            .filter(|beat| !known.contains(&life(beat)))
            .map(|beat| beat.node_id.clone())
            .collect();
        let mut others = HashSet::new();
        if !strange.is_empty() {
            let among = self.dialect.among("id", "$1");
            let sql = format!("SELECT id FROM nodes WHERE {among} AND registered = 1");
            for row in &query(sql).bind(strange).fetch_all(connection).await? {
                others.insert(text(row, "id")?);
            }
        }
        let verdict = |beat: &Beat| {
            if known.contains(&life(beat)) {
                None
            } else if others.contains(&beat.node_id) {
                Some(HeartbeatOutcome::Superseded)
            } else {
                Some(HeartbeatOutcome::Unknown)
            }
        };
        Ok(beats.iter().map(verdict).collect())
    }

    fn held(beats: &[&Beat], kept: &HashSet<JobId>) -> Rows {
        let mut cells = Vec::new();
        for beat in beats {
            let held = beat.request.held.iter().filter(|held| !kept.contains(&held.job_id));
            cells.extend(held.map(|held| (*beat, held)));
        }
        // If a batch names a job twice, the later end of the lease counts.
        cells.sort_by_key(|(beat, held)| (held.job_id, held.attempt, std::cmp::Reverse(beat.until)));
        cells.dedup_by_key(|(beat, held)| (held.job_id, held.attempt, beat.node_id.as_str()));
        Rows::new()
            .texts("job_id", cells.iter().map(|(_, held)| held.job_id.to_string()))
            .integers("attempt", cells.iter().map(|(_, held)| i64::from(held.attempt)))
            .texts("node_id", cells.iter().map(|(beat, _)| beat.node_id.as_str()))
            .texts("incarnation", cells.iter().map(|(beat, _)| beat.request.incarnation.to_string()))
            .integers("until", cells.iter().map(|(beat, _)| beat.until))
    }

    /// Renews the leases of the jobs that nodes hold.
    async fn renew(
        &self,
        connection: &mut Connection,
        beats: &[&Beat],
    ) -> Result<HashSet<JobId>, StoreError> {
        if beats.iter().all(|beat| beat.request.held.is_empty()) {
            return Ok(HashSet::new());
        }
        let rows = Self::held(beats, &HashSet::new());
        let sql = self.dialect.update(&Update {
            table: "jobs",
            key: "job_id",
            rows: &rows,
            first: 1,
            set: "leased_until = x.until",
            condition: "jobs.attempt = x.attempt AND jobs.state || '' = 'running' AND jobs.node_id || '' = x.node_id \
                        AND jobs.incarnation = x.incarnation",
            returning: "jobs.id AS id",
            skip: false,
        });
        let rows = query(sql).bind_rows(rows, self.dialect)?.fetch_all(connection).await?;
        rows.iter().map(|row| parsed(row, "id")).collect()
    }

    /// Gives jobs whose lease expired back to the nodes that still hold them, unless another node has leased the jobs
    /// since. The attempts of these jobs continue. Returns the runs of these jobs.
    async fn take_back(
        &self,
        connection: &mut Connection,
        beats: &[&Beat],
        kept: &mut HashSet<JobId>,
    ) -> Result<HashMap<JobId, RunId>, StoreError> {
        let missing =
            beats.iter().flat_map(|beat| &beat.request.held).any(|held| !kept.contains(&held.job_id));
        if !missing {
            return Ok(HashMap::new());
        }
        let rows = Self::held(beats, kept);
        // Among queued and dead jobs, only those that were taken from a node that was gone still have a value in the
        // column `lease`.
        let sql = self.dialect.update(&Update {
            table: "jobs",
            key: "job_id",
            rows: &rows,
            first: 1,
            set: "state = 'running', leased_until = x.until, finished_at = NULL, failure = NULL, \
                  failures = CASE WHEN jobs.failures > 0 THEN jobs.failures - 1 ELSE 0 END",
            condition: "jobs.attempt = x.attempt AND jobs.state || '' IN ('queued', 'dead') AND jobs.lease IS NOT NULL \
                        AND jobs.node_id || '' = x.node_id AND jobs.incarnation = x.incarnation",
            returning: "jobs.id AS id, jobs.run_id AS run_id",
            skip: false,
        });
        let rows = query(sql).bind_rows(rows, self.dialect)?.fetch_all(connection).await?;
        let mut back = HashMap::new();
        for row in &rows {
            let id: JobId = parsed(row, "id")?;
            kept.insert(id);
            back.insert(id, parsed(row, "run_id")?);
        }
        if !back.is_empty() {
            tracing::info!(
                jobs = back.len(),
                "nodes still hold jobs whose leases had expired; the nodes keep these jobs"
            );
        }
        Ok(back)
    }

    /// Queues jobs again that were lost in transit. A job was lost if a node was given the job in a poll that is over,
    /// but does not hold the job. These jobs can be leased again at once. Their loss does not count as a failure.
    async fn requeue_lost(
        &self,
        connection: &mut Connection,
        beats: &[&Beat],
    ) -> Result<HashMap<Life, Vec<ReadyJob>>, StoreError> {
        let mut latest: HashMap<Life, &Beat> = HashMap::new();
        for beat in beats {
            latest.insert(life(beat), beat);
        }
        let settled = |life: &Life| self.settled.lock().get(life).copied().unwrap_or(0);
        let new: Vec<(&Life, &&Beat)> =
            latest.iter().filter(|(life, beat)| beat.request.last_poll > settled(life)).collect();
        if new.is_empty() {
            return Ok(HashMap::new());
        }
        let rows = Rows::new()
            .texts("node_id", new.iter().map(|(_, beat)| beat.node_id.as_str()))
            .texts("incarnation", new.iter().map(|(_, beat)| beat.request.incarnation.to_string()))
            .integers("behind", new.iter().map(|(life, _)| poll_number(settled(life))))
            .integers("last_poll", new.iter().map(|(_, beat)| poll_number(beat.request.last_poll)))
            .integers("heard_at", new.iter().map(|(_, beat)| beat.now));
        // The jobs of settled polls are left out: the node received these jobs, or they were queued again.
        let sql = format!(
            "SELECT jobs.id AS id FROM {} JOIN jobs ON jobs.state = 'running' AND jobs.node_id = x.node_id \
             AND jobs.poll > x.behind AND jobs.poll <= x.last_poll AND jobs.incarnation = x.incarnation",
            rows.table(self.dialect, 1, "x")
        );
        let given = query(sql).bind_rows(rows, self.dialect)?.fetch_all(&mut *connection).await?;
        let held: HashSet<JobId> =
            new.iter().flat_map(|(_, beat)| &beat.request.held).map(|held| held.job_id).collect();
        let mut ids = Vec::new();
        for row in &given {
            let id: JobId = parsed(row, "id")?;
            if !held.contains(&id) {
                ids.push(id.to_string());
            }
        }
        let mut lost: HashMap<Life, Vec<ReadyJob>> = HashMap::new();
        if !ids.is_empty() {
            let now = new.iter().map(|(_, beat)| beat.now).max().unwrap_or(0);
            let condition = format!("{} AND state = 'running'", self.dialect.among("id", "$1"));
            let sql = format!(
                "UPDATE jobs SET state = 'queued', leased_until = NULL, lease = NULL, not_before = $2 WHERE {} \
                 RETURNING {QUEUED_AGAIN}, node_id, incarnation",
                self.dialect.all("jobs", &condition)
            );
            let rows = query(sql).bind(ids).bind(now).fetch_all(connection).await?;
            for row in &rows {
                let life = (text(row, "node_id")?, parsed(row, "incarnation")?);
                lost.entry(life).or_default().push(read_queued(row)?);
            }
        }
        let mut settled = self.settled.lock();
        if settled.len() + new.len() > NODES {
            settled.clear();
        }
        for (life, beat) in new {
            settled.insert(life.clone(), beat.request.last_poll);
        }
        Ok(lost)
    }
}

fn poll_number(poll: u64) -> i64 {
    i64::try_from(poll).unwrap_or(i64::MAX)
}

fn life(beat: &Beat) -> Life {
    (beat.node_id.clone(), beat.request.incarnation)
}

/// Returns the number of milliseconds by which a clock that shows `shown` is ahead of `now`.
pub(crate) fn clock_offset(shown: DateTime<Utc>, now: i64) -> i64 {
    shown.timestamp_millis().saturating_sub(now)
}
