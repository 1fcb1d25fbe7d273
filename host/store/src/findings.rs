//! Findings of the past.

use easysight_protocol::{DiagnosisResult, JobId, Page, RunId};
use sqlx::{AssertSqlSafe, any::AnyRow};

use crate::{
    PageRequest, Store, StoreError,
    query::{Select, json, maybe_text, page_of, parsed, text, time_of},
};

const COLUMNS: &str =
    "SELECT id, job_id, run_id, task_id, camera_id, node_id, created_at, document FROM findings";

/// Which findings are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindingFilter {
    /// Those of this run.
    pub run_id: Option<RunId>,
    /// Those of this job.
    pub job_id: Option<JobId>,
    /// Those of this task.
    pub task_id: Option<String>,
    /// Those of this camera.
    pub camera_id: Option<String>,
    /// Those of this diagnosis.
    pub diagnosis: Option<String>,
    /// Those of this status, or with this kind of failure in place of one.
    pub status: Option<String>,
    /// Those stored at this time or later, in milliseconds.
    pub since: Option<i64>,
    /// Those stored before this time, in milliseconds.
    pub until: Option<i64>,
}

/// Findings of the past.
pub trait FindingRepository {
    /// Lists findings, latest first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn findings(
        &self,
        filter: &FindingFilter,
        page: &PageRequest,
    ) -> impl Future<Output = Result<Page<DiagnosisResult>, StoreError>> + Send;

    /// Findings by their ids, oldest first; those that are gone are left out.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn findings_named(
        &self,
        ids: &[String],
    ) -> impl Future<Output = Result<Vec<DiagnosisResult>, StoreError>> + Send;
}

impl FindingRepository for Store {
    async fn findings(
        &self,
        filter: &FindingFilter,
        page: &PageRequest,
    ) -> Result<Page<DiagnosisResult>, StoreError> {
        let rows = Select::new(COLUMNS)
            .and("run_id = ?", filter.run_id.map(|id| id.to_string()))
            .and("job_id = ?", filter.job_id.map(|id| id.to_string()))
            .and("task_id = ?", filter.task_id.clone())
            .and("camera_id = ?", filter.camera_id.clone())
            .and("diagnosis = ?", filter.diagnosis.clone())
            .and("status = ?", filter.status.clone())
            .and_integer("created_at >= ?", filter.since)
            .and_integer("created_at < ?", filter.until)
            .page(&self.readers, "id DESC", "id < ?", page)
            .await?;
        page_of(&rows, page.limit, read, |finding| finding.id.clone())
    }

    async fn findings_named(&self, ids: &[String]) -> Result<Vec<DiagnosisResult>, StoreError> {
        let among = self.dialect.among("id", "$1");
        let sql = format!("{COLUMNS} WHERE {among} ORDER BY id");
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(serde_json::to_string(ids)?)
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &AnyRow) -> Result<DiagnosisResult, StoreError> {
    Ok(DiagnosisResult {
        id: text(row, "id")?,
        job_id: parsed(row, "job_id")?,
        run_id: parsed(row, "run_id")?,
        task_id: maybe_text(row, "task_id")?,
        camera_id: maybe_text(row, "camera_id")?,
        node_id: maybe_text(row, "node_id")?,
        created_at: time_of(row, "created_at")?,
        finding: json(row, "document")?,
    })
}
