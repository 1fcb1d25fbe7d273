//! What happens by itself: leases that expire, deadlines, runs that end, history that is pruned, and
//! who of several masters does it.

use easysight_protocol::{Failure, RunId};
use sqlx::{AssertSqlSafe, Row};

use crate::{
    Store, StoreError,
    query::{count, parsed},
};

/// Takes a job from a node that is gone. `$1` is now, `$2` the failure. The first time it is offered
/// again at once: most of the time it is the node's fault, and someone waits for the result.
pub(crate) const EXPIRED: &str = "UPDATE jobs SET failures = failures + 1, failure = $2, leased_until = NULL, \
     state = CASE WHEN failures + 1 >= max_attempts THEN 'dead' ELSE 'queued' END, \
     finished_at = CASE WHEN failures + 1 >= max_attempts THEN $1 ELSE NULL END, \
     not_before = CASE WHEN failures = 0 THEN $1 ELSE $1 + 1000 * \
     (1 << CAST(CASE WHEN failures < 8 THEN failures ELSE 8 END AS INTEGER)) END";

/// Rows that one step of pruning removes.
const PRUNE_STEP: i64 = 500;

/// What the reaper did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reaped {
    /// Leases that had expired.
    pub expired: u64,
    /// Jobs that were given up at their deadline.
    pub overdue: u64,
    /// Runs that ended.
    pub finished_runs: Vec<RunId>,
}

/// The queue at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueState {
    /// Jobs that wait.
    pub queued: u64,
    /// Jobs that nodes hold.
    pub running: u64,
    /// Jobs that were given up.
    pub dead: u64,
    /// Milliseconds that the oldest job waits.
    pub oldest_queued_ms: i64,
    /// Milliseconds that the oldest lease lasts.
    pub oldest_running_ms: i64,
}

/// What happens by itself: expiry, deadlines, pruning, leadership.
pub trait UpkeepRepository {
    /// Takes back expired leases, gives up what is overdue, ends runs without open jobs.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn reap(&self, now: i64) -> impl Future<Output = Result<Reaped, StoreError>> + Send;

    /// The queue at a glance.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn queue_state(&self, now: i64) -> impl Future<Output = Result<QueueState, StoreError>> + Send;

    /// Removes a little of what is older than `max_age_ms`; answers how many rows. Call it until it says
    /// none. Each step looks at the oldest rows only, however many there are.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn prune(&self, max_age_ms: i64, now: i64) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Counts all findings, which takes long where there are many.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn count_findings(&self) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Removes up to `excess` of the oldest findings; answers how many, a step's worth at the most.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn prune_oldest(&self, excess: u64) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Becomes or stays the one of several masters that does `role`, for so long, by the database's
    /// clock. False where another one is.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn lead(
        &self,
        role: &'static str,
        holder: String,
        hold_ms: i64,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

impl UpkeepRepository for Store {
    async fn reap(&self, now: i64) -> Result<Reaped, StoreError> {
        let (lost, late) = (
            failure("lease-expired", "The node that had the job was not heard of in time.")?,
            failure("deadline-exceeded", "The job was not done before the deadline of its run.")?,
        );
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = format!("{EXPIRED} WHERE state = 'running' AND leased_until < $1");
                    let expired = sqlx::query(AssertSqlSafe(sql))
                        .bind(now)
                        .bind(lost)
                        .execute(&mut *connection)
                        .await?;
                    let sql = "UPDATE jobs SET state = 'dead', failure = $2, finished_at = $1, leased_until = NULL \
                               WHERE deadline_at IS NOT NULL AND deadline_at < $1 AND state IN ('queued', 'running')";
                    let overdue =
                        sqlx::query(sql).bind(now).bind(late).execute(&mut *connection).await?;
                    // Also those whose last jobs were recorded by two masters at the same moment.
                    let sql = "UPDATE runs SET state = 'finished', finished_at = $1 WHERE state = 'running' AND NOT EXISTS \
                               (SELECT 1 FROM jobs WHERE jobs.run_id = runs.id AND jobs.state IN ('queued', 'running')) \
                               RETURNING id";
                    let finished = sqlx::query(sql).bind(now).fetch_all(&mut *connection).await?;
                    let sql = "UPDATE runs SET state = 'cancelled', finished_at = $1 \
                               WHERE state = 'waiting' AND deadline_at IS NOT NULL AND deadline_at < $1";
                    sqlx::query(sql).bind(now).execute(connection).await?;
                    Ok(Reaped {
                        expired: expired.rows_affected(),
                        overdue: overdue.rows_affected(),
                        finished_runs: finished.iter().map(|row| parsed(row, "id")).collect::<Result<_, _>>()?,
                    })
                })
            })
            .await
    }

    async fn queue_state(&self, now: i64) -> Result<QueueState, StoreError> {
        let sql = "SELECT (SELECT COUNT(*) FROM jobs WHERE state = 'queued') AS queued, \
                   (SELECT COUNT(*) FROM jobs WHERE state = 'running') AS running, \
                   (SELECT COUNT(*) FROM jobs WHERE state = 'dead') AS dead, \
                   (SELECT MIN(created_at) FROM jobs WHERE state = 'queued') AS oldest_queued, \
                   (SELECT MIN(started_at) FROM jobs WHERE state = 'running') AS oldest_running";
        let row = sqlx::query(sql).fetch_one(&self.readers).await?;
        let age = |column| -> Result<i64, StoreError> {
            Ok(row.try_get::<Option<i64>, _>(column)?.map_or(0, |since| (now - since).max(0)))
        };
        Ok(QueueState {
            queued: count(&row, "queued")?,
            running: count(&row, "running")?,
            dead: count(&row, "dead")?,
            oldest_queued_ms: age("oldest_queued")?,
            oldest_running_ms: age("oldest_running")?,
        })
    }

    async fn prune(&self, max_age_ms: i64, now: i64) -> Result<u64, StoreError> {
        let before = now - max_age_ms;
        self.writer
            .run_relaxed(move |connection| {
                Box::pin(async move {
                    let statements = [
                        "DELETE FROM findings WHERE id IN (SELECT id FROM \
                         (SELECT id, created_at FROM findings ORDER BY id LIMIT $2) AS oldest WHERE created_at < $1)",
                        "DELETE FROM jobs WHERE id IN (SELECT jobs.id FROM jobs JOIN (SELECT id FROM runs \
                         WHERE state IN ('finished', 'cancelled') AND finished_at < $1 ORDER BY id LIMIT 20) AS ended \
                         ON ended.id = jobs.run_id LIMIT $2)",
                        "DELETE FROM runs WHERE id IN (SELECT id FROM runs WHERE state IN ('finished', 'cancelled') \
                         AND finished_at < $1 AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.run_id = runs.id) ORDER BY id LIMIT $2)",
                        "DELETE FROM shadow_findings WHERE id IN (SELECT id FROM \
                         (SELECT id, created_at FROM shadow_findings ORDER BY id LIMIT $2) AS oldest WHERE created_at < $1)",
                        "DELETE FROM plugin_usage WHERE (digest, day) IN \
                         (SELECT digest, day FROM plugin_usage WHERE (day + 1) * 86400000 < $1 LIMIT $2)",
                    ];
                    let mut pruned = 0;
                    for sql in statements {
                        let gone =
                            sqlx::query(sql).bind(before).bind(PRUNE_STEP).execute(&mut *connection).await?;
                        pruned += gone.rows_affected();
                    }
                    Ok(pruned)
                })
            })
            .await
    }

    async fn count_findings(&self) -> Result<u64, StoreError> {
        let sql = "SELECT COUNT(*) AS findings FROM findings";
        count(&sqlx::query(sql).fetch_one(&self.readers).await?, "findings")
    }

    async fn prune_oldest(&self, excess: u64) -> Result<u64, StoreError> {
        let step = i64::try_from(excess).unwrap_or(i64::MAX).min(PRUNE_STEP);
        self.writer
            .run_relaxed(move |connection| {
                Box::pin(async move {
                    let sql =
                        "DELETE FROM findings WHERE id IN (SELECT id FROM findings ORDER BY id LIMIT $1)";
                    let pruned = sqlx::query(sql).bind(step).execute(&mut *connection).await?.rows_affected();
                    // What candidates found is of use beside the findings that count, and goes with them.
                    let sql = "DELETE FROM shadow_findings WHERE id < (SELECT MIN(id) FROM findings)";
                    sqlx::query(sql).execute(connection).await?;
                    Ok(pruned)
                })
            })
            .await
    }

    async fn lead(&self, role: &'static str, holder: String, hold_ms: i64) -> Result<bool, StoreError> {
        let now = self.dialect.now();
        let sql = format!(
            "INSERT INTO leaders (role, holder, held_until) VALUES ($1, $2, {now} + $3) \
             ON CONFLICT (role) DO UPDATE SET holder = $2, held_until = {now} + $3 \
             WHERE leaders.holder = $2 OR leaders.held_until < {now}"
        );
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let led = sqlx::query(AssertSqlSafe(sql))
                        .bind(role)
                        .bind(holder)
                        .bind(hold_ms)
                        .execute(connection)
                        .await?;
                    Ok(led.rows_affected() > 0)
                })
            })
            .await
    }
}

/// A failure as the store keeps it.
pub(crate) fn failure(kind: &str, detail: &str) -> Result<String, StoreError> {
    Ok(serde_json::to_string(&Failure { kind: kind.into(), detail: detail.into() })?)
}
