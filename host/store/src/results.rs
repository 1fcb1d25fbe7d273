//! Results of jobs: recorded once, whoever sends them how often.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use easysight_protocol::{
    DiagnosisResult, Finding, JobId, JobOutcome, JobResult, JobState, RunId, Status, Verdict,
};
use serde_json::json;
use sqlx::{AnyConnection, AssertSqlSafe, Row};
use uuid::Uuid;

use crate::{
    Dialect, Store, StoreError,
    baselines::{self, Brought},
    dialect::Column,
    query::{maybe_text, parsed, small, time, word},
    shadows::{self, Compared},
    usage::Usage,
};

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recorded {
    /// One a result, in their order.
    pub verdicts: Vec<Verdict>,
    /// Findings that are new.
    pub findings: Vec<DiagnosisResult>,
    /// Runs that ended with it.
    pub finished_runs: Vec<RunId>,
    /// Jobs that were queued again.
    pub requeued: usize,
}

/// A job that a result was recorded for.
struct Changed {
    run_id: RunId,
    task_id: Option<String>,
    camera_id: Option<String>,
    node_id: Option<String>,
    state: JobState,
    /// When the attempt that counts was leased.
    started_at: i64,
}

/// Results, each recorded once.
pub trait ResultRepository {
    /// Records results. One counts where its job still stands as it was leased: also after the lease
    /// expired, as long as nobody else was given the job.
    ///
    /// # Errors
    ///
    /// Those of the database; nothing is recorded then.
    fn record(
        &self,
        results: Vec<JobResult>,
        now: i64,
    ) -> impl Future<Output = Result<Recorded, StoreError>> + Send;
}

impl ResultRepository for Store {
    async fn record(&self, results: Vec<JobResult>, now: i64) -> Result<Recorded, StoreError> {
        let dialect = self.dialect;
        self.writer.run(move |connection| Box::pin(record(connection, dialect, results, now))).await
    }
}

async fn record(
    connection: &mut AnyConnection,
    dialect: Dialect,
    results: Vec<JobResult>,
    now: i64,
) -> Result<Recorded, StoreError> {
    let changed = change_jobs(connection, dialect, &results, now).await?;
    let mut recorded = Recorded::default();
    let mut judged: BTreeMap<&str, Option<Status>> = BTreeMap::new();
    let (mut brought, mut seen) = (Vec::new(), BTreeSet::new());
    let (mut compared, mut used) = (Vec::new(), Usage::default());
    for result in &results {
        let Some(job) = changed.get(&result.job_id) else { continue };
        let JobOutcome::Finished { findings, shadows, baselines, .. } = &result.outcome else { continue };
        if !seen.insert(result.job_id) {
            continue;
        }
        if let Some(camera) = &job.camera_id {
            let started_at = job.started_at;
            brought.push(Brought { camera_id: camera, started_at, findings, shadows, baselines });
            judged.insert(camera, Finding::overall_status(findings));
        }
        compared.push(Compared {
            job_id: result.job_id,
            camera_id: job.camera_id.as_deref(),
            findings,
            shadows,
        });
        used.add(findings.iter().chain(shadows));
        for finding in findings {
            recorded.findings.push(DiagnosisResult {
                id: Uuid::now_v7().to_string(),
                job_id: result.job_id,
                run_id: job.run_id,
                task_id: job.task_id.clone(),
                camera_id: job.camera_id.clone(),
                node_id: job.node_id.clone(),
                created_at: time(now)?,
                finding: finding.clone(),
            });
        }
    }
    insert_findings(connection, dialect, &recorded.findings, now).await?;
    note_cameras(connection, dialect, &judged, now).await?;
    baselines::keep(connection, dialect, &brought, now).await?;
    shadows::keep(connection, dialect, &compared, now).await?;
    recorded.finished_runs = finish_runs(connection, dialect, &changed, now).await?;
    recorded.requeued = changed.values().filter(|job| job.state == JobState::Queued).count();
    recorded.verdicts = verdicts(connection, dialect, &results, &changed).await?;
    // Last: these rows are all masters' and are held until the batch is written.
    used.note(connection, dialect, now).await?;
    Ok(recorded)
}

async fn change_jobs(
    connection: &mut AnyConnection,
    dialect: Dialect,
    results: &[JobResult],
    now: i64,
) -> Result<HashMap<JobId, Changed>, StoreError> {
    let mut rows = Vec::with_capacity(results.len());
    let mut seen = BTreeSet::new();
    for result in results {
        // Of two results of one job in one batch the first one counts.
        if !seen.insert(result.job_id) {
            continue;
        }
        let (kind, decode_ms, failure) = match &result.outcome {
            JobOutcome::Finished { decode_ms, .. } => ("finished", Some(*decode_ms), None),
            JobOutcome::Failed { failure } => ("failed", None, Some(serde_json::to_string(failure)?)),
            JobOutcome::Returned => ("returned", None, None),
        };
        rows.push(json!({
            "job_id": result.job_id,
            "lease": result.lease,
            "attempt": result.attempt,
            "kind": kind,
            "decode_ms": decode_ms,
            "failure": failure,
            // A second, doubled with every failure, give or take a quarter.
            "backoff_ms": 750 + i64::from(result.job_id.0.as_bytes().iter().map(|b| u32::from(*b)).sum::<u32>() % 501),
        }));
    }
    let columns = [
        Column::Text("job_id"),
        Column::Text("lease"),
        Column::Integer("attempt"),
        Column::Text("kind"),
        Column::Real("decode_ms"),
        Column::Text("failure"),
        Column::Integer("backoff_ms"),
    ];
    // As in a lease: by their ids, not through the indexes of what is queued and runs.
    let gives_up = "x.kind = 'failed' AND jobs.failures + 1 >= jobs.max_attempts";
    let sql = format!(
        "UPDATE jobs SET \
         state = CASE WHEN x.kind = 'finished' THEN 'finished' WHEN {gives_up} THEN 'dead' ELSE 'queued' END, \
         failures = jobs.failures + CASE WHEN x.kind = 'failed' THEN 1 ELSE 0 END, \
         lease = CASE WHEN x.kind = 'finished' THEN jobs.lease ELSE NULL END, \
         not_before = CASE WHEN x.kind = 'failed' THEN $2 + x.backoff_ms * \
         (1 << CAST(CASE WHEN jobs.failures < 8 THEN jobs.failures ELSE 8 END AS INTEGER)) ELSE jobs.not_before END, \
         finished_at = CASE WHEN x.kind = 'finished' OR ({gives_up}) THEN $2 ELSE NULL END, \
         decode_ms = x.decode_ms, failure = x.failure, leased_until = NULL \
         FROM {} WHERE jobs.id = x.job_id AND jobs.lease = x.lease AND jobs.attempt = x.attempt \
         AND (jobs.state || '' = 'running' OR (jobs.state || '' = 'queued' AND x.kind = 'finished')) \
         RETURNING jobs.id AS id, jobs.run_id AS run_id, jobs.task_id AS task_id, jobs.camera_id AS camera_id, \
         jobs.node_id AS node_id, jobs.state AS state, jobs.started_at AS started_at",
        dialect.rows("$1", "x", &columns)
    );
    let changed = sqlx::query(AssertSqlSafe(sql))
        .bind(serde_json::to_string(&rows)?)
        .bind(now)
        .fetch_all(connection)
        .await?;
    changed
        .iter()
        .map(|row| {
            let job = Changed {
                run_id: parsed(row, "run_id")?,
                task_id: maybe_text(row, "task_id")?,
                camera_id: maybe_text(row, "camera_id")?,
                node_id: maybe_text(row, "node_id")?,
                state: word(row, "state")?,
                started_at: row.try_get("started_at")?,
            };
            Ok((parsed(row, "id")?, job))
        })
        .collect()
}

async fn insert_findings(
    connection: &mut AnyConnection,
    dialect: Dialect,
    findings: &[DiagnosisResult],
    now: i64,
) -> Result<(), StoreError> {
    if findings.is_empty() {
        return Ok(());
    }
    let mut rows = Vec::with_capacity(findings.len());
    for one in findings {
        rows.push(json!({
            "id": one.id,
            "job_id": one.job_id,
            "run_id": one.run_id,
            "task_id": one.task_id,
            "camera_id": one.camera_id,
            "node_id": one.node_id,
            "diagnosis": one.finding.diagnosis,
            "status": one.finding.word(),
            "document": serde_json::to_string(&one.finding)?,
        }));
    }
    let columns =
        ["id", "job_id", "run_id", "task_id", "camera_id", "node_id", "diagnosis", "status", "document"];
    let sql = format!(
        "INSERT INTO findings ({0}, created_at) SELECT x.{1}, $2 FROM {2} WHERE 1 = 1 \
         ON CONFLICT (job_id, diagnosis) DO NOTHING",
        columns.join(", "),
        columns.join(", x."),
        dialect.rows("$1", "x", &columns.map(Column::Text))
    );
    sqlx::query(AssertSqlSafe(sql)).bind(serde_json::to_string(&rows)?).bind(now).execute(connection).await?;
    Ok(())
}

async fn note_cameras(
    connection: &mut AnyConnection,
    dialect: Dialect,
    judged: &BTreeMap<&str, Option<Status>>,
    now: i64,
) -> Result<(), StoreError> {
    if judged.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = judged
        .iter()
        .map(|(camera, status)| json!({"camera_id": camera, "status": status.map(Status::as_str)}))
        .collect();
    let columns = [Column::Text("camera_id"), Column::Text("status")];
    let sql = format!(
        "UPDATE cameras SET status = COALESCE(x.status, cameras.status), checked_at = $2 FROM {} \
         WHERE cameras.id = x.camera_id",
        dialect.rows("$1", "x", &columns)
    );
    sqlx::query(AssertSqlSafe(sql)).bind(serde_json::to_string(&rows)?).bind(now).execute(connection).await?;
    Ok(())
}

async fn finish_runs(
    connection: &mut AnyConnection,
    dialect: Dialect,
    changed: &HashMap<JobId, Changed>,
    now: i64,
) -> Result<Vec<RunId>, StoreError> {
    let ended = changed.values().filter(|job| job.state != JobState::Queued);
    let runs: BTreeSet<RunId> = ended.map(|job| job.run_id).collect();
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "UPDATE runs SET state = 'finished', finished_at = $2 WHERE {} AND state = 'running' AND NOT EXISTS \
         (SELECT 1 FROM jobs WHERE jobs.run_id = runs.id AND jobs.state IN ('queued', 'running')) RETURNING id",
        dialect.among("id", "$1")
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(serde_json::to_string(&runs)?)
        .bind(now)
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| parsed(row, "id")).collect()
}

async fn verdicts(
    connection: &mut AnyConnection,
    dialect: Dialect,
    results: &[JobResult],
    changed: &HashMap<JobId, Changed>,
) -> Result<Vec<Verdict>, StoreError> {
    let others: Vec<JobId> =
        results.iter().map(|result| result.job_id).filter(|id| !changed.contains_key(id)).collect();
    let mut known: HashMap<JobId, (JobState, u32, Option<String>)> = HashMap::new();
    if !others.is_empty() {
        let sql = format!("SELECT id, state, attempt, lease FROM jobs WHERE {}", dialect.among("id", "$1"));
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(serde_json::to_string(&others)?)
            .fetch_all(connection)
            .await?;
        for row in &rows {
            let job = (word(row, "state")?, small(row, "attempt")?, maybe_text(row, "lease")?);
            known.insert(parsed(row, "id")?, job);
        }
    }
    let mut seen = BTreeSet::new();
    let verdict = |result: &JobResult| {
        if changed.contains_key(&result.job_id) {
            return if seen.insert(result.job_id) { Verdict::Recorded } else { Verdict::Duplicate };
        }
        match known.get(&result.job_id) {
            None => Verdict::Unknown,
            // A lease stays with a job that it finished; of one that it did not, only the attempt does.
            Some((JobState::Finished, attempt, lease))
                if *attempt == result.attempt
                    && lease.as_ref().is_some_and(|lease| *lease == result.lease.to_string()) =>
            {
                Verdict::Duplicate
            }
            Some((JobState::Queued | JobState::Dead, attempt, None))
                if *attempt == result.attempt && !matches!(result.outcome, JobOutcome::Finished { .. }) =>
            {
                Verdict::Duplicate
            }
            Some(_) => Verdict::Stale,
        }
    };
    Ok(results.iter().map(verdict).collect())
}
