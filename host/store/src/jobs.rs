//! Jobs: creating, listing and reading them.

use std::collections::HashSet;

use easysight_protocol::{Ids, Job, JobId, JobState, Page, RunId, TaskRequest, masked_source};

use crate::{
    Area, Dialect, PageRequest, Store, StoreError,
    db::{Connection, Row, Rows, query},
    query::{Select, maybe_json, maybe_text, maybe_time, page_of, parsed, small, text, time_of, word},
    ready::ReadyJob,
};

const COLUMNS: &str = "SELECT id, run_id, camera_id, source, state, attempt, failures, max_attempts, node_id, \
                           not_before, created_at, started_at, finished_at, decode_ms, failure FROM jobs";

/// The maximum number of jobs that one statement creates.
pub(crate) const CHUNK: usize = 2_000;

/// Returns labels as one string: sorted `key=value` lines.
pub(crate) fn label_set(labels: &easysight_protocol::Labels) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("\n")
}

/// The jobs of one run that are to be created: one for each camera, given as `(camera id, source)`.
#[derive(Clone, Copy)]
pub(crate) struct JobsOf<'a> {
    pub(crate) run_id: RunId,
    pub(crate) task_id: Option<&'a str>,
    pub(crate) definition: &'a TaskRequest,
    pub(crate) deadline_at: Option<i64>,
    pub(crate) cameras: &'a [(Option<String>, String)],
}

/// A job that is to be created.
pub(crate) struct NewJob<'a> {
    pub(crate) run_id: RunId,
    task_id: Option<&'a str>,
    camera: Option<&'a str>,
    source: &'a str,
    max_attempts: u32,
    deadline_at: Option<i64>,
    /// The job as it is known once it is created.
    pub(crate) ready: ReadyJob,
}

impl<'a> NewJob<'a> {
    /// Makes the jobs of a run.
    pub(crate) fn all(of: &JobsOf<'a>, ids: &Ids, now: i64) -> Vec<Self> {
        let JobsOf { run_id, task_id, definition, deadline_at, cameras } = *of;
        let required = label_set(&definition.required_labels);
        let job = |(camera, source): &'a (Option<String>, String)| Self {
            run_id,
            task_id,
            camera: camera.as_deref(),
            source,
            max_attempts: definition.max_attempts,
            deadline_at,
            ready: ReadyJob {
                required: required.clone(),
                priority: i64::from(definition.priority),
                // The id contains the time that the caller passed, not the time of the machine's clock. Even if the
                // machine's clock is ahead for a moment, the job does not sort behind all others.
                id: JobId(ids.next(now)),
                not_before: now,
            },
        };
        cameras.iter().map(job).collect()
    }

    /// Returns a statement that creates jobs, with its batch of rows. The statement leaves out jobs that do not meet
    /// `condition`. `first` is the number of its first parameter.
    pub(crate) fn statement(
        dialect: Dialect,
        jobs: &[Self],
        condition: &str,
        first: usize,
    ) -> (String, Rows) {
        let rows = Rows::new()
            .texts("id", jobs.iter().map(|job| job.ready.id.to_string()))
            .texts("run_id", jobs.iter().map(|job| job.run_id.to_string()))
            .maybe_texts("task_id", jobs.iter().map(|job| job.task_id))
            .maybe_texts("camera_id", jobs.iter().map(|job| job.camera))
            .texts("source", jobs.iter().map(|job| job.source))
            .integers("priority", jobs.iter().map(|job| job.ready.priority))
            .texts("required", jobs.iter().map(|job| job.ready.required.as_str()))
            .integers("max_attempts", jobs.iter().map(|job| i64::from(job.max_attempts)))
            .integers("not_before", jobs.iter().map(|job| job.ready.not_before))
            .maybe_integers("deadline_at", jobs.iter().map(|job| job.deadline_at));
        let columns = rows.names("");
        let sql = format!(
            "INSERT INTO jobs ({columns}, state, attempt, failures, created_at) \
             SELECT {columns}, 'queued', 0, 0, not_before FROM {} WHERE {condition}",
            rows.table(dialect, first, "y")
        );
        (sql, rows)
    }

    /// Creates jobs. The jobs are ready once the transaction is committed.
    pub(crate) async fn insert(
        connection: &mut Connection,
        dialect: Dialect,
        jobs: &[Self],
    ) -> Result<(), StoreError> {
        for chunk in jobs.chunks(CHUNK) {
            let (sql, rows) = Self::statement(dialect, chunk, "TRUE", 1);
            query(sql).bind_rows(rows, dialect)?.execute(&mut *connection).await?;
        }
        Ok(())
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
    /// Lists the jobs of a run for the cameras of an area, in the order of the jobs' ids.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn jobs(
        &self,
        area: &Area,
        run_id: RunId,
        state: Option<JobState>,
        page: &PageRequest,
    ) -> Result<Page<Job>, StoreError> {
        let rows = Select::new(COLUMNS)
            .and("run_id = ?", Some(run_id.to_string()))
            .and("state = ?", state.map(JobState::as_str))
            .within(self.dialect, area, "camera_id")
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

    /// Returns a job, or None if no camera of the area has this job.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn job(&self, area: &Area, id: JobId) -> Result<Option<Job>, StoreError> {
        let select = Select::new(COLUMNS).and("id = ?", Some(id.to_string()));
        let select = select.within(self.dialect, area, "camera_id");
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
