//! Results of jobs. Each result is recorded at most once, no matter who sends it or how often.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use easysight_protocol::{DiagnosisResult, JobId, JobOutcome, JobResult, JobState, RunId, Verdict};
use futures::future::BoxFuture;
use parking_lot::Mutex;
use uuid::Uuid;

use crate::{
    Dialect, Known, Store, StoreError,
    baselines::{self, Brought},
    db::{Connection, Rows, query},
    dialect::Update,
    endings::Ended,
    health::Health,
    jobs::read_queued,
    lanes::Kind,
    lost,
    pictures::Subjects,
    query::{maybe_json, maybe_text, parsed, small, text, time, word},
    ready::ReadyJob,
    reports::{self, Document, Report, list},
    shadows::{self, Compared},
    standing::{self, Standing},
    usage::Usage,
};

/// The outcome of a batch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recorded {
    /// One verdict for each result, in the order of the results.
    pub verdicts: Vec<Verdict>,
    /// The new findings.
    pub findings: Vec<DiagnosisResult>,
    /// The runs that ended with the batch.
    pub finished_runs: Vec<RunId>,
    /// The number of jobs that were queued again.
    pub requeued: usize,
}

impl Store {
    /// Records results. A result counts if its lease and attempt are still those of its job. Findings also count
    /// after the lease expired, unless another node has leased the job since, and even if the expiry used up the last
    /// attempt.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails. In this case, nothing is recorded.
    pub async fn record(&self, results: Vec<JobResult>, now: i64) -> Result<Recorded, StoreError> {
        // The slow work is done here, before the lane, so that other commands do not wait for it.
        let document = |result: &JobResult| match &result.outcome {
            JobOutcome::Finished { findings, .. } => Document::of(findings).map(Some),
            JobOutcome::Failed { .. } | JobOutcome::Returned => Ok(None),
        };
        let documents = results.iter().map(document).collect::<Result<Vec<_>, _>>()?;
        let results = Arc::new(results);
        let batch = Batch { results: Arc::clone(&results), documents, now };
        let Done { verdicts, reports, ended, queued } = self.results.send(batch).await?;
        let ended = ended.into_iter().map(|(run, jobs)| (run, Ended::Jobs(jobs)));
        let requeued = queued.len();
        self.known.ready.add(queued, now);
        Ok(Recorded {
            verdicts,
            // The lane no longer uses the results, so nothing needs to be copied.
            findings: findings_of(Arc::unwrap_or_clone(results), &reports, now)?,
            finished_runs: self.finish_runs(ended, now).await?,
            requeued,
        })
    }
}

/// The lane of results.
pub(crate) struct Results {
    dialect: Dialect,
    known: Arc<Known>,
    /// The kinds of reports that the database already has; see `Document::kind`.
    kinds: Mutex<HashSet<i64>>,
}

/// Results that were sent together.
pub(crate) struct Batch {
    results: Arc<Vec<JobResult>>,
    /// The findings of each result, as they are stored.
    documents: Vec<Option<Document>>,
    now: i64,
}

/// The outcome of a batch within its transaction.
#[derive(Default)]
pub(crate) struct Done {
    /// One verdict for each result, in the order of the results.
    verdicts: Vec<Verdict>,
    /// The reports of finished jobs, by the position of their results.
    reports: HashMap<usize, Kept>,
    /// The jobs that ended, by run.
    ended: BTreeMap<RunId, Vec<JobId>>,
    /// The jobs that are queued again.
    queued: Vec<ReadyJob>,
}

/// A report that was written, without its findings.
struct Kept {
    id: Uuid,
    run_id: RunId,
    task_id: Option<String>,
    camera_id: Option<String>,
    node_id: Option<String>,
    captured_at: i64,
}

/// Returns the findings of the results that were recorded.
fn findings_of(
    results: Vec<JobResult>,
    reports: &HashMap<usize, Kept>,
    now: i64,
) -> Result<Vec<DiagnosisResult>, StoreError> {
    let mut all = Vec::new();
    for (place, result) in results.into_iter().enumerate() {
        let (Some(kept), JobOutcome::Finished { findings, .. }) = (reports.get(&place), result.outcome)
        else {
            continue;
        };
        let report = kept.id.to_string();
        for (position, finding) in findings.into_iter().enumerate() {
            all.push(DiagnosisResult {
                id: reports::finding_name(&report, position),
                job_id: result.job_id,
                run_id: kept.run_id,
                task_id: kept.task_id.clone(),
                camera_id: kept.camera_id.clone(),
                node_id: kept.node_id.clone(),
                captured_at: time(kept.captured_at)?,
                recorded_at: time(now)?,
                finding,
            });
        }
    }
    Ok(all)
}

impl Kind for Results {
    type Ask = Batch;
    type Answer = Done;
    const MAY_BE_LOST: bool = false;

    fn weight(batch: &Batch) -> usize {
        batch.results.len()
    }

    fn carry_out<'c>(
        &'c self,
        connection: &'c mut Connection,
        asks: &'c [Batch],
    ) -> BoxFuture<'c, Result<Vec<Self::Answer>, StoreError>> {
        Box::pin(self.record(connection, asks))
    }
}

/// A result, and its place in the batches.
#[derive(Clone, Copy)]
struct Sent<'a> {
    batch: usize,
    place: usize,
    result: &'a JobResult,
    document: Option<&'a Document>,
}

/// A job for which a result was recorded.
struct Changed {
    run_id: RunId,
    task_id: Option<String>,
    camera_id: Option<String>,
    node_id: Option<String>,
    /// The job, if it is queued again.
    queued: Option<ReadyJob>,
    /// When the recorded attempt was leased.
    started_at: i64,
}

/// A job and the number of its attempt.
type Attempt = (JobId, u32);

const fn attempt_of(result: &JobResult) -> Attempt {
    (result.job_id, result.attempt)
}

impl Results {
    pub(crate) fn new(dialect: Dialect, known: Arc<Known>) -> Self {
        Self { dialect, known, kinds: Mutex::default() }
    }

    async fn record(&self, connection: &mut Connection, batches: &[Batch]) -> Result<Vec<Done>, StoreError> {
        let now = batches.iter().map(|batch| batch.now).max().unwrap_or(0);
        let mut first: BTreeMap<Attempt, Sent<'_>> = BTreeMap::new();
        for (at, batch) in batches.iter().enumerate() {
            for (place, (result, document)) in batch.results.iter().zip(&batch.documents).enumerate() {
                // If there are two results of one attempt, the first one counts. Results of other attempts stay apart:
                // a late result must not displace the result of the attempt that counts.
                let sent = Sent { batch: at, place, result, document: document.as_ref() };
                first.entry(attempt_of(result)).or_insert(sent);
            }
        }
        let changed = self.change_jobs(connection, &first, now).await?;
        let counts: Vec<(Sent<'_>, &Changed)> =
            first.iter().filter_map(|(id, sent)| Some((*sent, changed.get(id)?))).collect();
        let captured = self.capture_times(connection, &counts, now).await?;
        let mut answers: Vec<Done> = batches.iter().map(|_| Done::default()).collect();
        let mut kept = Vec::new();
        let mut judged: BTreeMap<&str, Vec<(&JobResult, i64)>> = BTreeMap::new();
        let (mut brought, mut compared, mut used) = (Vec::new(), Vec::new(), Usage::default());
        let mut subjects = Subjects::default();
        for ((sent, job), captured_at) in counts.iter().zip(&captured) {
            if let Some(done) = answers.get_mut(sent.batch) {
                match &job.queued {
                    Some(queued) => done.queued.push(queued.clone()),
                    None => done.ended.entry(job.run_id).or_default().push(sent.result.job_id),
                }
            }
            let JobOutcome::Finished { findings, shadows, baselines, .. } = &sent.result.outcome else {
                continue;
            };
            let Some(document) = sent.document else { continue };
            let report = Report {
                id: self.known.ids.next(now),
                job_id: sent.result.job_id,
                run_id: job.run_id,
                task_id: job.task_id.as_deref(),
                camera_id: job.camera_id.as_deref(),
                node_id: job.node_id.as_deref(),
                captured_at: *captured_at,
                document,
            };
            if let Some(done) = answers.get_mut(sent.batch) {
                let kept = Kept {
                    id: report.id,
                    run_id: job.run_id,
                    task_id: job.task_id.clone(),
                    camera_id: job.camera_id.clone(),
                    node_id: job.node_id.clone(),
                    captured_at: *captured_at,
                };
                done.reports.insert(sent.place, kept);
            }
            let (job_id, camera_id) = (report.job_id, report.camera_id);
            subjects.add(findings, camera_id, job.run_id);
            kept.push(report);
            if let Some(camera) = job.camera_id.as_deref() {
                let started_at = job.started_at;
                brought.push(Brought { camera_id: camera, started_at, findings, shadows, baselines });
                judged.entry(camera).or_default().push((sent.result, *captured_at));
            }
            compared.push(Compared { job_id, camera_id, findings, shadows });
            used.add(findings.iter().chain(shadows));
        }
        // Cameras come first: a transaction must lock a camera's row before it changes data that belongs to the
        // camera.
        note_cameras(connection, self.dialect, &judged, now).await?;
        brought.sort_by(|a, b| (a.camera_id, a.started_at).cmp(&(b.camera_id, b.started_at)));
        baselines::keep(connection, self.dialect, &brought, now).await?;
        reports::keep(connection, self.dialect, &self.kinds, &kept, now).await?;
        shadows::keep(connection, self.dialect, &self.known.ids, &compared, now).await?;
        subjects.keep(connection, self.dialect, now).await?;
        let verdicts = verdicts(connection, self.dialect, batches, &changed).await?;
        for (done, verdicts) in answers.iter_mut().zip(verdicts) {
            done.verdicts = verdicts;
        }
        self.known.usage.lock().add(used, now);
        Ok(answers)
    }

    async fn change_jobs(
        &self,
        connection: &mut Connection,
        results: &BTreeMap<Attempt, Sent<'_>>,
        now: i64,
    ) -> Result<HashMap<Attempt, Changed>, StoreError> {
        let results: Vec<&JobResult> = results.values().map(|sent| sent.result).collect();
        let mut failures = Vec::with_capacity(results.len());
        for result in &results {
            failures.push(match &result.outcome {
                JobOutcome::Failed { failure } => Some(serde_json::to_string(failure)?),
                JobOutcome::Finished { .. } | JobOutcome::Returned => None,
            });
        }
        let kind = |result: &&JobResult| match &result.outcome {
            JobOutcome::Finished { .. } => "finished",
            JobOutcome::Failed { .. } => "failed",
            JobOutcome::Returned => "returned",
        };
        let decode_ms = |result: &&JobResult| match &result.outcome {
            JobOutcome::Finished { decode_ms, .. } => Some(*decode_ms),
            JobOutcome::Failed { .. } | JobOutcome::Returned => None,
        };
        // The pause after the first failure is one second, plus or minus a quarter. The statement doubles this pause
        // with every further failure.
        let backoff_ms = |result: &&JobResult| {
            750 + i64::from(result.job_id.0.as_bytes().iter().map(|byte| u32::from(*byte)).sum::<u32>() % 501)
        };
        let rows = Rows::new()
            .texts("job_id", results.iter().map(|result| result.job_id.to_string()))
            .texts("lease", results.iter().map(|result| result.lease.to_string()))
            .integers("attempt", results.iter().map(|result| i64::from(result.attempt)))
            .texts("kind", results.iter().map(kind))
            .maybe_reals("decode_ms", results.iter().map(decode_ms))
            .maybe_texts("failure", failures)
            .integers("backoff_ms", results.iter().map(backoff_ms));
        // The form `state || ''` keeps PostgreSQL from using the indexes of queued and running jobs, so that it finds
        // the jobs by their ids, as in a lease. Among queued and dead jobs, only those that were taken from a node that
        // was gone still have a value in the column `lease`. So a late result counts for these jobs only.
        let gives_up = "x.kind = 'failed' AND jobs.failures + 1 >= jobs.max_attempts";
        let set = format!(
            "state = CASE WHEN x.kind = 'finished' THEN 'finished' WHEN {gives_up} THEN 'dead' ELSE 'queued' END, \
             failures = jobs.failures + CASE WHEN x.kind = 'failed' THEN 1 ELSE 0 END, \
             lease = CASE WHEN x.kind = 'finished' THEN jobs.lease ELSE NULL END, \
             not_before = CASE WHEN x.kind = 'failed' THEN $1 + x.backoff_ms * \
             (1 << CAST(CASE WHEN jobs.failures < 8 THEN jobs.failures ELSE 8 END AS INTEGER)) ELSE jobs.not_before END, \
             finished_at = CASE WHEN x.kind = 'finished' OR ({gives_up}) THEN $1 ELSE NULL END, \
             decode_ms = x.decode_ms, failure = x.failure, leased_until = NULL"
        );
        let sql = self.dialect.update(&Update {
            table: "jobs",
            key: "job_id",
            rows: &rows,
            first: 2,
            set: &set,
            condition: "jobs.lease = x.lease AND jobs.attempt = x.attempt AND (jobs.state || '' = 'running' \
                        OR (jobs.state || '' IN ('queued', 'dead') AND x.kind = 'finished'))",
            returning: "jobs.id AS id, jobs.attempt AS attempt, jobs.run_id AS run_id, jobs.task_id AS task_id, \
                        jobs.camera_id AS camera_id, jobs.node_id AS node_id, jobs.state AS state, jobs.started_at AS started_at, \
                        jobs.required AS required, jobs.priority AS priority, jobs.not_before AS not_before",
            skip: false,
        });
        let rows = query(sql).bind(now).bind_rows(rows, self.dialect)?.fetch_all(connection).await?;
        let mut changed = HashMap::with_capacity(rows.len());
        for row in &rows {
            let job = Changed {
                run_id: parsed(row, "run_id")?,
                task_id: maybe_text(row, "task_id")?,
                camera_id: maybe_text(row, "camera_id")?,
                node_id: maybe_text(row, "node_id")?,
                queued: match word(row, "state")? {
                    JobState::Queued => Some(read_queued(row)?),
                    _ => None,
                },
                started_at: row.try_get("started_at")?,
            };
            changed.insert((parsed(row, "id")?, small(row, "attempt")?), job);
        }
        Ok(changed)
    }

    /// Returns when each clip was captured: the node's time, corrected by the clock offset from the node's last
    /// heartbeat, and limited to the time between the lease and now.
    async fn capture_times(
        &self,
        connection: &mut Connection,
        counts: &[(Sent<'_>, &Changed)],
        now: i64,
    ) -> Result<Vec<i64>, StoreError> {
        let nodes: BTreeSet<&str> = counts.iter().filter_map(|(_, job)| job.node_id.as_deref()).collect();
        let sql = format!("SELECT id, clock_offset_ms FROM nodes WHERE {}", self.dialect.among("id", "$1"));
        let mut offsets: HashMap<String, i64> = HashMap::new();
        if !nodes.is_empty() {
            for row in &query(sql).bind(list(nodes)).fetch_all(connection).await? {
                offsets.insert(text(row, "id")?, row.try_get("clock_offset_ms")?);
            }
        }
        let captured = |(sent, job): &(Sent<'_>, &Changed)| {
            let JobOutcome::Finished { captured_at: Some(shown), .. } = &sent.result.outcome else {
                return now;
            };
            let offset = job.node_id.as_ref().and_then(|node| offsets.get(node)).copied().unwrap_or(0);
            let at = shown.timestamp_millis().saturating_sub(offset);
            at.max(job.started_at).min(now)
        };
        Ok(counts.iter().map(captured).collect())
    }
}

async fn note_cameras(
    connection: &mut Connection,
    dialect: Dialect,
    judged: &BTreeMap<&str, Vec<(&JobResult, i64)>>,
    now: i64,
) -> Result<(), StoreError> {
    if judged.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "SELECT id, health, checked_at, {}, {} FROM cameras WHERE {} ORDER BY id{}",
        standing::COLUMNS,
        lost::COLUMNS,
        dialect.among("id", "$1"),
        dialect.to_change()
    );
    let rows = query(sql).bind(list(judged.keys())).fetch_all(&mut *connection).await?;
    let (mut ids, mut healths, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let (mut standings, mut all_lost) = (Vec::new(), Vec::new());
    for row in &rows {
        let id = text(row, "id")?;
        let mut health: Health = maybe_json(row, "health")?.unwrap_or_default();
        let mut checked_at = row.try_get::<Option<i64>>("checked_at")?;
        let mut standing = Standing::read(row)?;
        let mut lost = lost::read(row)?;
        for (result, captured_at) in judged.get(id.as_str()).into_iter().flatten() {
            if let JobOutcome::Finished { findings, .. } = &result.outcome {
                health.note(findings, *captured_at);
                standing = standing.after(&health, findings, *captured_at, checked_at)?;
                // A clip that was captured before the last check does not show the present state.
                if checked_at.is_none_or(|before| *captured_at >= before) {
                    lost = lost::after(&id, lost, findings, *captured_at)?;
                }
                checked_at = checked_at.max(Some(*captured_at));
            }
        }
        ids.push(id);
        healths.push(serde_json::to_string(&health)?);
        times.push(checked_at.map(|at| at.min(now)));
        standings.push(standing);
        all_lost.push(lost);
    }
    let rows =
        Rows::new().texts("camera_id", ids).texts("health", healths).maybe_integers("checked_at", times);
    let rows = lost::add(standing::add(rows, &standings)?, &all_lost);
    let set = format!("health = x.health, checked_at = x.checked_at, {}, {}", standing::SET, lost::SET);
    let sql = dialect.update(&Update {
        table: "cameras",
        key: "camera_id",
        rows: &rows,
        first: 1,
        set: &set,
        condition: "1 = 1",
        returning: "cameras.id AS id",
        skip: false,
    });
    query(sql).bind_rows(rows, dialect)?.fetch_all(connection).await?;
    Ok(())
}

async fn verdicts(
    connection: &mut Connection,
    dialect: Dialect,
    batches: &[Batch],
    changed: &HashMap<Attempt, Changed>,
) -> Result<Vec<Vec<Verdict>>, StoreError> {
    let results = batches.iter().flat_map(|batch| batch.results.iter());
    let others: BTreeSet<JobId> = results
        .filter(|result| !changed.contains_key(&attempt_of(result)))
        .map(|result| result.job_id)
        .collect();
    let mut known: HashMap<JobId, (JobState, u32, Option<String>)> = HashMap::new();
    if !others.is_empty() {
        let sql = format!("SELECT id, state, attempt, lease FROM jobs WHERE {}", dialect.among("id", "$1"));
        for row in &query(sql).bind(list(others)).fetch_all(connection).await? {
            let job = (word(row, "state")?, small(row, "attempt")?, maybe_text(row, "lease")?);
            known.insert(parsed(row, "id")?, job);
        }
    }
    let mut seen = BTreeSet::new();
    let mut verdict = |result: &JobResult| {
        if changed.contains_key(&attempt_of(result)) {
            return if seen.insert(attempt_of(result)) { Verdict::Recorded } else { Verdict::Duplicate };
        }
        match known.get(&result.job_id) {
            None => Verdict::Unknown,
            // A finished job keeps the lease that finished it. Other jobs keep only the attempt.
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
    Ok(batches.iter().map(|batch| batch.results.iter().map(&mut verdict).collect()).collect())
}
