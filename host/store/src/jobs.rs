//! Jobs as people look at them.

use easysight_protocol::{Job, JobId, JobState, Page, RunId, masked_source};
use sqlx::{Row, any::AnyRow};

use crate::{
    PageRequest, Store, StoreError,
    query::{Select, maybe_json, maybe_text, maybe_time, page_of, parsed, small, text, time_of, word},
};

const COLUMNS: &str = "SELECT id, run_id, camera_id, source, state, attempt, failures, max_attempts, node_id, \
                           not_before, created_at, started_at, finished_at, decode_ms, failure FROM jobs";

impl Store {
    /// Lists the jobs of a run in the order of their ids.
    ///
    /// # Errors
    ///
    /// Those of the database.
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

    /// Looks a job up.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        let select = Select::new(COLUMNS).and("id = ?", Some(id.to_string()));
        select.query().fetch_optional(&self.readers).await?.as_ref().map(read).transpose()
    }
}

fn read(row: &AnyRow) -> Result<Job, StoreError> {
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
        decode_ms: row.try_get::<Option<f64>, _>("decode_ms")?,
        failure: maybe_json(row, "failure")?,
    })
}
