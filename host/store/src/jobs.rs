//! Jobs: creating, listing and reading them.

use std::collections::HashSet;

use easysight_protocol::{Ids, Job, JobId, JobState, Page, RunId, TaskRequest, masked_source};

use crate::{
    Dialect, PageRequest, Store, StoreError,
    db::{Connection, Row, Rows, query},
    query::{Select, maybe_json, maybe_text, maybe_time, page_of, parsed, small, text, time_of, word},
    ready::ReadyJob,
};

const COLUMNS: &str = "SELECT id, run_id, camera_id, source, state, attempt, failures, max_attempts, node_id, \
                           not_before, created_at, started_at, finished_at, decode_ms, failure FROM jobs";

/// The maximum number of jobs that one statement creates.
const CHUNK: usize = 2_000;

/// Returns labels as one string: sorted `key=value` lines.
pub(crate) fn label_set(labels: &easysight_protocol::Labels) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("\n")
}

/// The data that all jobs of one run have in common.
pub(crate) struct JobsOf {
    pub(crate) run_id: RunId,
    pub(crate) task_id: Option<String>,
    pub(crate) definition: TaskRequest,
    pub(crate) deadline_at: Option<i64>,
}

impl JobsOf {
    /// Creates one job for each camera, given as `(camera id, source)`. Returns the jobs; they are ready once the
    /// transaction is committed.
    pub(crate) async fn insert(
        &self,
        connection: &mut Connection,
        dialect: Dialect,
        ids: &Ids,
        cameras: &[(Option<String>, String)],
        now: i64,
    ) -> Result<Vec<ReadyJob>, StoreError> {
        let required = label_set(&self.definition.required_labels);
        let priority = i64::from(self.definition.priority);
        let mut ready = Vec::with_capacity(cameras.len());
        for chunk in cameras.chunks(CHUNK) {
            // The ids contain the time that the caller passed, not the time of the machine's clock. Even if the
            // machine's clock is ahead for a moment, the jobs do not sort behind all others.
            let ids: Vec<JobId> = chunk.iter().map(|_| JobId(ids.next(now))).collect();
            let rows = Rows::new()
                .texts("id", ids.iter().map(JobId::to_string))
                .maybe_texts("camera_id", chunk.iter().map(|(camera, _)| camera.as_deref()))
                .texts("source", chunk.iter().map(|(_, source)| source.as_str()));
            let sql = format!(
                "INSERT INTO jobs (id, run_id, task_id, camera_id, source, state, priority, required, attempt, failures, \
                 max_attempts, not_before, deadline_at, created_at) \
                 SELECT x.id, $1, $2, x.camera_id, x.source, 'queued', $3, $4, 0, 0, $5, $6, $7, $6 FROM {}",
                rows.table(dialect, 8, "x")
            );
            query(sql)
                .bind(self.run_id.to_string())
                .bind(&self.task_id)
                .bind(priority)
                .bind(&required)
                .bind(i64::from(self.definition.max_attempts))
                .bind(now)
                .bind(self.deadline_at)
                .bind_rows(rows, dialect)?
                .execute(&mut *connection)
                .await?;
            ready.extend(ids.into_iter().map(|id| ReadyJob {
                required: required.clone(),
                priority,
                id,
                not_before: now,
            }));
        }
        if cameras.is_empty() {
            query("UPDATE runs SET state = 'finished', finished_at = $2 WHERE id = $1")
                .bind(self.run_id.to_string())
                .bind(now)
                .execute(connection)
                .await?;
        }
        Ok(ready)
    }
}

/// The columns that statements return for jobs that they queue again, so that the jobs can be added to the ready
/// jobs.
pub(crate) const QUEUED_AGAIN: &str = "id, required, priority, not_before";

pub(crate) fn read_queued(row: &Row) -> Result<ReadyJob, StoreError> {
    Ok(ReadyJob {
        required: text(row, "required")?,
        priority: row.try_get("priority")?,
        id: parsed(row, "id")?,
        not_before: row.try_get("not_before")?,
    })
}

impl Store {
    /// Lists the jobs of a run in the order of their ids.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn jobs(
        &self,
        run_id: RunId,
        state: Option<JobState>,
        page: &PageRequest,
    ) -> Result<Page<Job>, StoreError> {
        let rows = Select::new(COLUMNS)
            .and("run_id = ?", Some(run_id.to_string()))
            .and("state = ?", state.map(JobState::as_str))
            .page(&self.readers, "id", "id > ?", page)
            .await?;
        page_of(&rows, page.limit, read, |job| job.id.to_string())
    }

    /// Returns the cameras for which a task has jobs that have not ended.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn cameras_under_way(&self, task_id: &str) -> Result<HashSet<String>, StoreError> {
        // The search goes through the open runs, because a task has many more runs that have ended.
        let sql = "SELECT DISTINCT camera_id FROM jobs WHERE camera_id IS NOT NULL AND state IN ('queued', 'running') \
                   AND run_id IN (SELECT id FROM runs WHERE state IN ('waiting', 'running') AND task_id || '' = $1)";
        let rows = query(sql).bind(task_id).fetch_all(&self.readers).await?;
        rows.iter().map(|row| text(row, "camera_id")).collect()
    }

    /// Returns a job, or None if it does not exist.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        let select = Select::new(COLUMNS).and("id = ?", Some(id.to_string()));
        select.query().fetch_optional(&self.readers).await?.as_ref().map(read).transpose()
    }
}

fn read(row: &Row) -> Result<Job, StoreError> {
    Ok(Job {
        id: parsed(row, "id")?,
        run_id: parsed(row, "run_id")?,
        camera_id: maybe_text(row, "camera_id")?,
        source: masked_source(&text(row, "source")?),
        state: word(row, "state")?,
        attempt: small(row, "attempt")?,
        failures: small(row, "failures")?,
        max_attempts: small(row, "max_attempts")?,
        node_id: maybe_text(row, "node_id")?,
        not_before: time_of(row, "not_before")?,
        created_at: time_of(row, "created_at")?,
        started_at: maybe_time(row, "started_at")?,
        finished_at: maybe_time(row, "finished_at")?,
        decode_ms: row.try_get::<Option<f64>>("decode_ms")?,
        failure: maybe_json(row, "failure")?,
    })
}
