//! Leases: who works on which job, until when, and which attempt it is. State, lease and attempt are
//! checked again inside every statement that changes a job, so that nobody acts on what was.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use easysight_protocol::{
    HeartbeatRequest, Incarnation, JobId, JobPlan, Labels, LeaseToken, LeasedJob, RunId,
};
use sqlx::{AnyConnection, AssertSqlSafe, Row};
use uuid::Uuid;

use crate::{
    Dialect, Store, StoreError, baselines,
    dialect::Column,
    nodes::{self, HeartbeatOutcome},
    query::{maybe_json, maybe_text, parsed, small, text},
};

/// Sets of labels that one lease looks at.
const MAX_LABEL_SETS: usize = 64;

/// What a node asks for.
#[derive(Debug, Clone)]
pub struct WantedLease {
    /// The node.
    pub node_id: String,
    /// Its life.
    pub incarnation: Incarnation,
    /// Which of its polls this is.
    pub poll: u64,
    /// What it has.
    pub labels: Labels,
    /// Jobs at the most.
    pub max_jobs: u32,
    /// Of cameras whose last good picture is older than this, or that have none, one is asked for; of
    /// none where absent.
    pub good_pictures_before: Option<i64>,
}

/// What a node is given.
#[derive(Debug, Clone, PartialEq)]
pub struct Leased {
    /// Proves the right to report.
    pub lease: LeaseToken,
    /// What the jobs refer to.
    pub plans: Vec<JobPlan>,
    /// The jobs.
    pub jobs: Vec<LeasedJob>,
}

/// Leases: who works on which job, until when.
pub trait LeaseRepository {
    /// Leases queued jobs, highest priority first, oldest first. None where the node's life is not
    /// the one that is registered.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn lease(
        &self,
        wanted: WantedLease,
        now: i64,
        lease_ms: i64,
    ) -> impl Future<Output = Result<Option<Leased>, StoreError>> + Send;

    /// True where a job is queued that a node with these labels may have now. Reads only.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn has_work(&self, labels: &Labels, now: i64) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// How many jobs could be leased now, counted up to `limit`.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn ready_jobs(&self, now: i64, limit: i64) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Notes that a node lives, renews the leases of what it holds, and offers again what was lost
    /// on the way to it.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn heartbeat(
        &self,
        node_id: String,
        request: HeartbeatRequest,
        now: i64,
        lease_ms: i64,
    ) -> impl Future<Output = Result<HeartbeatOutcome, StoreError>> + Send;
}

impl LeaseRepository for Store {
    async fn lease(
        &self,
        wanted: WantedLease,
        now: i64,
        lease_ms: i64,
    ) -> Result<Option<Leased>, StoreError> {
        let dialect = self.dialect;
        self.writer
            .run_relaxed(move |connection| Box::pin(lease(connection, dialect, wanted, now, now + lease_ms)))
            .await
    }

    async fn has_work(&self, labels: &Labels, now: i64) -> Result<bool, StoreError> {
        let rows = sqlx::query("SELECT required FROM label_sets").fetch_all(&self.readers).await?;
        for row in rows {
            let required = text(&row, "required")?;
            if !satisfies(labels, &required) {
                continue;
            }
            let sql =
                "SELECT id FROM jobs WHERE state = 'queued' AND required = $1 AND not_before <= $2 LIMIT 1";
            let found = sqlx::query(sql).bind(required).bind(now).fetch_optional(&self.readers).await?;
            if found.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn ready_jobs(&self, now: i64, limit: i64) -> Result<usize, StoreError> {
        let sql = "SELECT id FROM jobs WHERE state = 'queued' AND not_before <= $1 LIMIT $2";
        Ok(sqlx::query(sql).bind(now).bind(limit).fetch_all(&self.readers).await?.len())
    }

    async fn heartbeat(
        &self,
        node_id: String,
        request: HeartbeatRequest,
        now: i64,
        lease_ms: i64,
    ) -> Result<HeartbeatOutcome, StoreError> {
        let dialect = self.dialect;
        self.writer
            .run_relaxed(move |connection| {
                Box::pin(async move {
                    // Liveness first: whatever else is wrong, the node was heard of.
                    if let Some(refused) = nodes::note_heartbeat(connection, &node_id, &request, now).await? {
                        return Ok(refused);
                    }
                    let renewed = renew(connection, dialect, &node_id, &request, now + lease_ms).await?;
                    let lost = requeue_lost(connection, dialect, &node_id, &request, now).await?;
                    let held: BTreeSet<JobId> = request.held.iter().map(|held| held.job_id).collect();
                    let revoked = held.into_iter().filter(|id| !renewed.contains(id)).collect();
                    Ok(HeartbeatOutcome::Noted { revoked, lost })
                })
            })
            .await
    }
}

/// True where a node with these labels may have jobs that require those.
pub(crate) fn satisfies(labels: &Labels, required: &str) -> bool {
    required.lines().all(|line| match line.split_once('=') {
        Some((key, value)) => labels.get(key).is_some_and(|has| has == value),
        None => false,
    })
}

async fn lease(
    connection: &mut AnyConnection,
    dialect: Dialect,
    wanted: WantedLease,
    now: i64,
    until: i64,
) -> Result<Option<Leased>, StoreError> {
    let sql = "UPDATE nodes SET last_poll_at = $3 WHERE id = $1 AND incarnation = $2 AND registered = 1";
    let known = sqlx::query(sql)
        .bind(&wanted.node_id)
        .bind(wanted.incarnation.to_string())
        .bind(now)
        .execute(&mut *connection)
        .await?;
    if known.rows_affected() == 0 {
        return Ok(None);
    }
    let lease = LeaseToken(Uuid::now_v7());
    let candidates = candidates(connection, dialect, &wanted, now).await?;
    if candidates.is_empty() {
        return Ok(Some(Leased { lease, plans: Vec::new(), jobs: Vec::new() }));
    }
    let among = dialect.among("id", "$1");
    // The state is checked again, but not so that the index of queued jobs fits: PostgreSQL would
    // read all of it, and hold each against the candidates, instead of looking up their ids.
    let sql = format!(
        "UPDATE jobs SET state = 'running', attempt = attempt + 1, lease = $2, node_id = $3, incarnation = $4, \
         poll = $5, leased_until = $6, started_at = $7 WHERE {among} AND state || '' = 'queued' \
         RETURNING id, run_id, attempt, camera_id, source, deadline_at"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(serde_json::to_string(&candidates)?)
        .bind(lease.to_string())
        .bind(&wanted.node_id)
        .bind(wanted.incarnation.to_string())
        .bind(i64::try_from(wanted.poll).map_err(StoreError::corrupt)?)
        .bind(until)
        .bind(now)
        .fetch_all(&mut *connection)
        .await?;
    let mut runs: Vec<RunId> = Vec::new();
    let mut jobs = Vec::with_capacity(rows.len());
    for row in &rows {
        let run: RunId = parsed(row, "run_id")?;
        let plan = runs.iter().position(|one| *one == run).unwrap_or_else(|| {
            runs.push(run);
            runs.len() - 1
        });
        let deadline: Option<i64> = row.try_get("deadline_at")?;
        jobs.push(LeasedJob {
            id: parsed(row, "id")?,
            attempt: small(row, "attempt")?,
            plan,
            camera_id: maybe_text(row, "camera_id")?,
            source: text(row, "source")?,
            deadline_ms: deadline.map(|at| u64::try_from(at - now).unwrap_or(0)),
            baselines: Vec::new(),
            good_picture: false,
        });
    }
    // The order of the candidates is that of urgency; what an UPDATE returns has none.
    let order: HashMap<JobId, usize> = candidates.iter().enumerate().map(|(at, id)| (*id, at)).collect();
    jobs.sort_by_key(|job| order.get(&job.id).copied());
    let plans = plans(connection, dialect, &runs).await?;
    baselines::attach(connection, dialect, &plans, wanted.good_pictures_before, &mut jobs).await?;
    Ok(Some(Leased { lease, plans, jobs }))
}

/// Jobs that the node may have, most urgent first. A look for each set of labels follows the index;
/// one for all of them would sort the whole queue.
async fn candidates(
    connection: &mut AnyConnection,
    dialect: Dialect,
    wanted: &WantedLease,
    now: i64,
) -> Result<Vec<JobId>, StoreError> {
    let sets = sqlx::query("SELECT required FROM label_sets").fetch_all(&mut *connection).await?;
    let sql = format!(
        "SELECT id, priority FROM jobs WHERE state = 'queued' AND required = $1 AND not_before <= $2 \
         ORDER BY priority DESC, id LIMIT $3{}",
        dialect.skip_locked()
    );
    let mut found: Vec<(i64, JobId)> = Vec::new();
    let mut looked = 0;
    for set in sets {
        let required = text(&set, "required")?;
        if looked == MAX_LABEL_SETS || !satisfies(&wanted.labels, &required) {
            continue;
        }
        looked += 1;
        let rows = sqlx::query(AssertSqlSafe(sql.clone()))
            .bind(required)
            .bind(now)
            .bind(i64::from(wanted.max_jobs))
            .fetch_all(&mut *connection)
            .await?;
        for row in rows {
            found.push((row.try_get::<i64, _>("priority")?, parsed(&row, "id")?));
        }
    }
    found.sort_by(|(a, a_id), (b, b_id)| b.cmp(a).then(a_id.cmp(b_id)));
    Ok(found.into_iter().take(wanted.max_jobs as usize).map(|(_, id)| id).collect())
}

async fn plans(
    connection: &mut AnyConnection,
    dialect: Dialect,
    runs: &[RunId],
) -> Result<Vec<JobPlan>, StoreError> {
    let sql = format!("SELECT id, plan FROM runs WHERE {}", dialect.among("id", "$1"));
    let rows =
        sqlx::query(AssertSqlSafe(sql)).bind(serde_json::to_string(runs)?).fetch_all(connection).await?;
    let mut by_run: HashMap<RunId, JobPlan> = HashMap::new();
    for row in &rows {
        by_run.insert(parsed(row, "id")?, maybe_json(row, "plan")?.unwrap_or_default());
    }
    Ok(runs.iter().map(|run| by_run.remove(run).unwrap_or_default()).collect())
}

async fn renew(
    connection: &mut AnyConnection,
    dialect: Dialect,
    node_id: &str,
    request: &HeartbeatRequest,
    until: i64,
) -> Result<BTreeSet<JobId>, StoreError> {
    if request.held.is_empty() {
        return Ok(BTreeSet::new());
    }
    let columns = [Column::Text("job_id"), Column::Integer("attempt")];
    let sql = format!(
        "UPDATE jobs SET leased_until = $2 FROM {} WHERE jobs.id = x.job_id AND jobs.attempt = x.attempt \
         AND jobs.state = 'running' AND jobs.node_id = $3 AND jobs.incarnation = $4 RETURNING jobs.id AS id",
        dialect.rows("$1", "x", &columns)
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(serde_json::to_string(&request.held)?)
        .bind(until)
        .bind(node_id)
        .bind(request.incarnation.to_string())
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| parsed(row, "id")).collect()
}

/// Jobs that the node was given in a poll which is over, and does not hold: the answer was lost. They
/// are offered again at once, and this counts as no failure.
async fn requeue_lost(
    connection: &mut AnyConnection,
    dialect: Dialect,
    node_id: &str,
    request: &HeartbeatRequest,
    now: i64,
) -> Result<u64, StoreError> {
    let held: Vec<JobId> = request.held.iter().map(|held| held.job_id).collect();
    let sql = format!(
        "UPDATE jobs SET state = 'queued', leased_until = NULL, not_before = $5 WHERE state = 'running' \
         AND node_id = $2 AND incarnation = $3 AND poll <= $4 AND NOT ({})",
        dialect.among("id", "$1")
    );
    let lost = sqlx::query(AssertSqlSafe(sql))
        .bind(serde_json::to_string(&held)?)
        .bind(node_id)
        .bind(request.incarnation.to_string())
        .bind(i64::try_from(request.last_poll).map_err(StoreError::corrupt)?)
        .bind(now)
        .execute(connection)
        .await?;
    Ok(lost.rows_affected())
}

/// Milliseconds that a clock which shows `shown` is ahead of `now`.
pub(crate) fn clock_offset(shown: DateTime<Utc>, now: i64) -> i64 {
    shown.timestamp_millis().saturating_sub(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_must_have_every_label() {
        let labels: Labels = [("site".into(), "north".into()), ("gpu".into(), "no".into())].into();
        assert!(satisfies(&labels, ""));
        assert!(satisfies(&labels, "site=north"));
        assert!(satisfies(&labels, "gpu=no\nsite=north"));
        assert!(!satisfies(&labels, "site=south"));
        assert!(!satisfies(&labels, "gpu=no\nzone=a"));
    }
}
