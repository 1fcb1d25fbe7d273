//! Runs, their fan-out into jobs, and what people do to them.

use std::collections::HashMap;

use easysight_protocol::{
    JobId, JobPlan, JobState, Page, Progress, Run, RunId, RunState, TaskRequest, Trigger,
};
use serde::Serialize;
use serde_json::json;
use sqlx::{AnyConnection, AssertSqlSafe, Row, any::AnyRow};
use uuid::Uuid;

use crate::{
    Dialect, PageRequest, Store, StoreError,
    dialect::Column,
    query::{Select, count, json as read_json, maybe_text, maybe_time, page_of, parsed, time_of, word},
};

const COLUMNS: &str = "SELECT id, task_id, started_by, fire_time, state, priority, definition, waits_for, \
                       created_at, finished_at, deadline_at FROM runs";
/// Jobs that one statement makes.
const CHUNK: usize = 2_000;

/// A run that shall be.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// The task; none for an ad-hoc submission.
    pub task_id: Option<String>,
    /// What started it.
    pub trigger: Trigger,
    /// The time in the schedule that it stands for, in milliseconds.
    pub fire_time: Option<i64>,
    /// Of two requests with the same key, the second one makes nothing.
    pub idempotency_key: Option<String>,
    /// The task as it is now, with what the submission overrides.
    pub definition: TaskRequest,
}

/// A run, with what the protocol does not show.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRun {
    /// As the protocol shows it.
    pub run: Run,
    /// The task as it was when the run was made.
    pub definition: TaskRequest,
}

/// Which runs are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Those of this task.
    pub task_id: Option<String>,
    /// Those in this state.
    pub state: Option<RunState>,
}

pub(crate) fn word_of(value: &impl Serialize) -> Result<String, StoreError> {
    match serde_json::to_value(value)? {
        serde_json::Value::String(word) => Ok(word),
        other => Err(StoreError::corrupt(format!("{other} is no word"))),
    }
}

/// Labels as one text: sorted `key=value` lines.
pub(crate) fn label_set(labels: &easysight_protocol::Labels) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("\n")
}

impl Store {
    /// Makes a run that waits. Where one with the same fire time or idempotency key is there already,
    /// that one is answered, with false.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn create_run(&self, new: NewRun, now: i64) -> Result<(RunId, bool), StoreError> {
        let id = RunId(Uuid::now_v7());
        let (trigger, definition) = (word_of(&new.trigger)?, serde_json::to_string(&new.definition)?);
        let deadline = new.definition.deadline_ms.and_then(|ms| i64::try_from(ms).ok()).map(|ms| now + ms);
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let made = sqlx::query(
                        "INSERT INTO runs (id, task_id, started_by, fire_time, idempotency_key, state, priority, \
                         definition, waits_for, created_at, deadline_at) \
                         VALUES ($1, $2, $3, $4, $5, 'waiting', $6, $7, '[]', $8, $9) ON CONFLICT DO NOTHING",
                    )
                    .bind(id.to_string())
                    .bind(&new.task_id)
                    .bind(trigger)
                    .bind(new.fire_time)
                    .bind(&new.idempotency_key)
                    .bind(i64::from(new.definition.priority))
                    .bind(definition)
                    .bind(now)
                    .bind(deadline)
                    .execute(&mut *connection)
                    .await?;
                    if made.rows_affected() > 0 {
                        return Ok((id, true));
                    }
                    let sql = "SELECT id FROM runs WHERE task_id = $1 AND (fire_time = $2 OR idempotency_key = $3)";
                    let row = sqlx::query(sql)
                        .bind(new.task_id)
                        .bind(new.fire_time)
                        .bind(new.idempotency_key)
                        .fetch_one(connection)
                        .await?;
                    Ok((parsed(&row, "id")?, false))
                })
            })
            .await
    }

    /// Gives a waiting run its jobs: one a camera, `(camera id, source)`. Answers how many; none
    /// where the run waits no longer.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn fan_out(
        &self,
        id: RunId,
        plan: JobPlan,
        cameras: Vec<(Option<String>, String)>,
        missing: Vec<String>,
        now: i64,
    ) -> Result<Option<usize>, StoreError> {
        let dialect = self.dialect;
        let (plan, missing) = (serde_json::to_string(&plan)?, serde_json::to_string(&missing)?);
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "UPDATE runs SET state = 'running', plan = $2, waits_for = $3 \
                               WHERE id = $1 AND state = 'waiting' \
                               RETURNING task_id, priority, definition, deadline_at";
                    let row = sqlx::query(sql)
                        .bind(id.to_string())
                        .bind(plan)
                        .bind(missing)
                        .fetch_optional(&mut *connection)
                        .await?;
                    let Some(row) = row else { return Ok(None) };
                    let count = cameras.len();
                    insert_jobs(connection, dialect, id, &row, cameras, now).await?;
                    Ok(Some(count))
                })
            })
            .await
    }

    /// Notes why a run waits.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn set_waits_for(&self, id: RunId, reasons: Vec<String>) -> Result<(), StoreError> {
        let reasons = serde_json::to_string(&reasons)?;
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query("UPDATE runs SET waits_for = $2 WHERE id = $1 AND state = 'waiting' AND waits_for <> $2")
                        .bind(id.to_string())
                        .bind(reasons)
                        .execute(connection)
                        .await?;
                    Ok(())
                })
            })
            .await
    }

    /// Looks a run up.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn run(&self, id: RunId) -> Result<Option<StoredRun>, StoreError> {
        let select = Select::new(COLUMNS).and("id = ?", Some(id.to_string()));
        let Some(row) = select.query().fetch_optional(&self.readers).await? else { return Ok(None) };
        let mut run = read(&row)?;
        if let Some(progress) = self.progress(&[id]).await?.remove(&id) {
            run.run.progress = progress;
        }
        Ok(Some(run))
    }

    /// Lists runs, latest first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn runs(&self, filter: &RunFilter, page: &PageRequest) -> Result<Page<Run>, StoreError> {
        let rows = Select::new(COLUMNS)
            .and("task_id = ?", filter.task_id.clone())
            .and("state = ?", filter.state.as_ref().map(word_of).transpose()?)
            .page(&self.readers, "id DESC", "id < ?", page)
            .await?;
        let mut page = page_of(&rows, page.limit, |row| Ok(read(row)?.run), |run| run.id.to_string())?;
        let ids: Vec<RunId> = page.items.iter().map(|run| run.id).collect();
        let mut progress = self.progress(&ids).await?;
        for run in &mut page.items {
            run.progress = progress.remove(&run.id).unwrap_or_default();
        }
        Ok(page)
    }

    /// Runs that wait for something, oldest first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn waiting_runs(&self, limit: i64) -> Result<Vec<StoredRun>, StoreError> {
        let sql = format!("{COLUMNS} WHERE state = 'waiting' ORDER BY id LIMIT $1");
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(limit).fetch_all(&self.readers).await?;
        rows.iter().map(read).collect()
    }

    async fn progress(&self, ids: &[RunId]) -> Result<HashMap<RunId, Progress>, StoreError> {
        let ids = serde_json::to_string(ids)?;
        let among = self.dialect.among("run_id", "$1");
        let sql =
            format!("SELECT run_id, state, COUNT(*) AS jobs FROM jobs WHERE {among} GROUP BY run_id, state");
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(ids).fetch_all(&self.readers).await?;
        let mut all: HashMap<RunId, Progress> = HashMap::new();
        for row in &rows {
            let progress = all.entry(parsed(row, "run_id")?).or_default();
            let jobs = count(row, "jobs")?;
            progress.total += jobs;
            match word::<JobState>(row, "state")? {
                JobState::Queued => progress.queued += jobs,
                JobState::Running => progress.running += jobs,
                JobState::Finished => progress.finished += jobs,
                JobState::Dead => progress.dead += jobs,
                JobState::Cancelled => progress.cancelled += jobs,
            }
        }
        Ok(all)
    }

    /// Cancels a run and all of its jobs that have not ended, running ones too. False where it has
    /// ended already or never was.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn cancel_run(&self, id: RunId, now: i64) -> Result<bool, StoreError> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "UPDATE runs SET state = 'cancelled', finished_at = $2 \
                               WHERE id = $1 AND state IN ('waiting', 'running')";
                    let run =
                        sqlx::query(sql).bind(id.to_string()).bind(now).execute(&mut *connection).await?;
                    let sql = "UPDATE jobs SET state = 'cancelled', finished_at = $2, leased_until = NULL \
                               WHERE run_id = $1 AND state IN ('queued', 'running')";
                    sqlx::query(sql).bind(id.to_string()).bind(now).execute(connection).await?;
                    Ok(run.rows_affected() > 0)
                })
            })
            .await
    }

    /// Queues the dead jobs of a run again, with all their attempts. Answers how many.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn retry_run(&self, id: RunId, now: i64) -> Result<u64, StoreError> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    // The deadline of what a person retries has had its effect already.
                    let sql = "UPDATE jobs SET state = 'queued', failures = 0, not_before = $2, lease = NULL, \
                               finished_at = NULL, deadline_at = NULL WHERE run_id = $1 AND state = 'dead'";
                    let jobs =
                        sqlx::query(sql).bind(id.to_string()).bind(now).execute(&mut *connection).await?;
                    if jobs.rows_affected() > 0 {
                        sqlx::query("UPDATE runs SET state = 'running', finished_at = NULL WHERE id = $1 AND state = 'finished'")
                            .bind(id.to_string())
                            .execute(connection)
                            .await?;
                    }
                    Ok(jobs.rows_affected())
                })
            })
            .await
    }
}

async fn insert_jobs(
    connection: &mut AnyConnection,
    dialect: Dialect,
    run_id: RunId,
    run: &AnyRow,
    cameras: Vec<(Option<String>, String)>,
    now: i64,
) -> Result<(), StoreError> {
    let definition: TaskRequest = read_json(run, "definition")?;
    let required = label_set(&definition.required_labels);
    sqlx::query("INSERT INTO label_sets (required) VALUES ($1) ON CONFLICT DO NOTHING")
        .bind(&required)
        .execute(&mut *connection)
        .await?;
    let columns = [Column::Text("id"), Column::Text("camera_id"), Column::Text("source")];
    let sql = format!(
        "INSERT INTO jobs (id, run_id, task_id, camera_id, source, state, priority, required, attempt, failures, \
         max_attempts, not_before, deadline_at, created_at) \
         SELECT x.id, $2, $3, x.camera_id, x.source, 'queued', $4, $5, 0, 0, $6, $7, $8, $7 FROM {}",
        dialect.rows("$1", "x", &columns)
    );
    for chunk in cameras.chunks(CHUNK) {
        let rows: Vec<_> = chunk
            .iter()
            .map(|(camera_id, source)| {
                json!({"id": JobId(Uuid::now_v7()), "camera_id": camera_id, "source": source})
            })
            .collect();
        sqlx::query(AssertSqlSafe(sql.clone()))
            .bind(serde_json::to_string(&rows)?)
            .bind(run_id.to_string())
            .bind(maybe_text(run, "task_id")?)
            .bind(run.try_get::<i64, _>("priority")?)
            .bind(&required)
            .bind(i64::from(definition.max_attempts))
            .bind(now)
            .bind(run.try_get::<Option<i64>, _>("deadline_at")?)
            .execute(&mut *connection)
            .await?;
    }
    if cameras.is_empty() {
        sqlx::query("UPDATE runs SET state = 'finished', finished_at = $2 WHERE id = $1")
            .bind(run_id.to_string())
            .bind(now)
            .execute(connection)
            .await?;
    }
    Ok(())
}

fn read(row: &AnyRow) -> Result<StoredRun, StoreError> {
    let run = Run {
        id: parsed(row, "id")?,
        task_id: maybe_text(row, "task_id")?,
        trigger: word(row, "started_by")?,
        fire_time: maybe_time(row, "fire_time")?,
        state: word(row, "state")?,
        priority: i32::try_from(row.try_get::<i64, _>("priority")?).map_err(StoreError::corrupt)?,
        created_at: time_of(row, "created_at")?,
        finished_at: maybe_time(row, "finished_at")?,
        deadline_at: maybe_time(row, "deadline_at")?,
        progress: Progress::default(),
        waits_for: read_json(row, "waits_for")?,
    };
    Ok(StoredRun { run, definition: read_json(row, "definition")? })
}
