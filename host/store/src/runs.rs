//! Runs, their fan-out into jobs, and what people do to them.

use std::collections::HashMap;

use easysight_protocol::{
    JobPlan, JobState, Origin, Page, Progress, Run, RunId, RunState, TaskRequest, Trigger,
};
use serde::Serialize;
use sqlx::{AssertSqlSafe, Row, any::AnyRow};

use crate::{
    PageRequest, Store, StoreError,
    jobs::JobsOf,
    query::{Select, count, json as read_json, maybe_text, maybe_time, page_of, parsed, time_of, word},
};

const COLUMNS: &str = "SELECT id, task_id, started_by, fire_time, state, priority, definition, waits_for, \
                       created_at, finished_at, deadline_at, origin FROM runs";

/// A run that shall be.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Its name, where it is made.
    pub id: RunId,
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
    /// Where it comes from.
    pub origin: Origin,
}

/// The jobs that a run consists of.
#[derive(Debug, Clone, PartialEq)]
pub struct FanOut {
    /// What each of them does.
    pub plan: JobPlan,
    /// One job a camera: `(camera id, source)`.
    pub cameras: Vec<(Option<String>, String)>,
    /// Names that nobody has, which the run goes without.
    pub missing: Vec<String>,
}

/// How a run begins.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// With its jobs.
    Now(FanOut),
    /// Without any until it has what it waits for.
    Waits(Vec<String>),
}

/// A run, with what the protocol does not show.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRun {
    /// As the protocol shows it.
    pub run: Run,
    /// The task as it was when the run was made.
    pub definition: TaskRequest,
    /// Where it comes from.
    pub origin: Origin,
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

/// Runs and their fan-out into jobs.
pub trait RunRepository {
    /// Makes a run, and its jobs where it begins at once. Where one with the same fire time or
    /// idempotency key is there already, that one is answered, with false.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn create_run(
        &self,
        new: NewRun,
        start: Start,
        now: i64,
    ) -> impl Future<Output = Result<(RunId, bool), StoreError>> + Send;

    /// Gives a waiting run its jobs. Answers how many; none where the run waits no longer.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn fan_out(
        &self,
        id: RunId,
        jobs: FanOut,
        now: i64,
    ) -> impl Future<Output = Result<Option<usize>, StoreError>> + Send;

    /// Notes why a run waits.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn set_waits_for(
        &self,
        id: RunId,
        reasons: Vec<String>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Looks a run up.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn run(&self, id: RunId) -> impl Future<Output = Result<Option<StoredRun>, StoreError>> + Send;

    /// How far a run is; none where there is none.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn run_state(&self, id: RunId) -> impl Future<Output = Result<Option<RunState>, StoreError>> + Send;

    /// Lists runs, latest first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn runs(
        &self,
        filter: &RunFilter,
        page: &PageRequest,
    ) -> impl Future<Output = Result<Page<Run>, StoreError>> + Send;

    /// Runs that wait for something, oldest first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn waiting_runs(&self, limit: i64) -> impl Future<Output = Result<Vec<StoredRun>, StoreError>> + Send;

    /// Cancels a run and all of its jobs that have not ended, running ones too. False where it has
    /// ended already or never was.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn cancel_run(&self, id: RunId, now: i64) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Queues the dead jobs of a run again, with all their attempts. Answers how many.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn retry_run(&self, id: RunId, now: i64) -> impl Future<Output = Result<u64, StoreError>> + Send;
}

impl RunRepository for Store {
    async fn create_run(&self, new: NewRun, start: Start, now: i64) -> Result<(RunId, bool), StoreError> {
        let dialect = self.dialect;
        let id = new.id;
        let jobs = JobsOf {
            run_id: id,
            deadline_at: new.definition.deadline_ms.and_then(|ms| i64::try_from(ms).ok()).map(|ms| now + ms),
            task_id: new.task_id,
            definition: new.definition,
        };
        let (trigger, definition) = (word_of(&new.trigger)?, serde_json::to_string(&jobs.definition)?);
        let (state, plan, waits_for, cameras) = match start {
            Start::Now(FanOut { plan, cameras, missing }) => {
                (RunState::Running, Some(serde_json::to_string(&plan)?), missing, Some(cameras))
            }
            Start::Waits(reasons) => (RunState::Waiting, None, reasons, None),
        };
        let (state, waits_for) = (word_of(&state)?, serde_json::to_string(&waits_for)?);
        let origin = serde_json::to_string(&new.origin)?;
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let made = sqlx::query(
                        "INSERT INTO runs (id, task_id, started_by, fire_time, idempotency_key, state, priority, \
                         definition, plan, waits_for, created_at, deadline_at, origin) \
                         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING",
                    )
                    .bind(id.to_string())
                    .bind(&jobs.task_id)
                    .bind(trigger)
                    .bind(new.fire_time)
                    .bind(&new.idempotency_key)
                    .bind(state)
                    .bind(i64::from(jobs.definition.priority))
                    .bind(definition)
                    .bind(plan)
                    .bind(waits_for)
                    .bind(now)
                    .bind(jobs.deadline_at)
                    .bind(origin)
                    .execute(&mut *connection)
                    .await?;
                    if made.rows_affected() > 0 {
                        if let Some(cameras) = cameras {
                            jobs.insert(connection, dialect, &cameras, now).await?;
                        }
                        return Ok((id, true));
                    }
                    let sql = "SELECT id FROM runs WHERE task_id = $1 AND (fire_time = $2 OR idempotency_key = $3)";
                    let row = sqlx::query(sql)
                        .bind(jobs.task_id)
                        .bind(new.fire_time)
                        .bind(new.idempotency_key)
                        .fetch_one(connection)
                        .await?;
                    Ok((parsed(&row, "id")?, false))
                })
            })
            .await
    }

    async fn fan_out(&self, id: RunId, jobs: FanOut, now: i64) -> Result<Option<usize>, StoreError> {
        let dialect = self.dialect;
        let FanOut { plan, cameras, missing } = jobs;
        let (plan, missing) = (serde_json::to_string(&plan)?, serde_json::to_string(&missing)?);
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "UPDATE runs SET state = 'running', plan = $2, waits_for = $3 \
                               WHERE id = $1 AND state = 'waiting' RETURNING task_id, definition, deadline_at";
                    let row = sqlx::query(sql)
                        .bind(id.to_string())
                        .bind(plan)
                        .bind(missing)
                        .fetch_optional(&mut *connection)
                        .await?;
                    let Some(row) = row else { return Ok(None) };
                    let jobs = JobsOf {
                        run_id: id,
                        task_id: maybe_text(&row, "task_id")?,
                        definition: read_json(&row, "definition")?,
                        deadline_at: row.try_get("deadline_at")?,
                    };
                    jobs.insert(connection, dialect, &cameras, now).await?;
                    Ok(Some(cameras.len()))
                })
            })
            .await
    }

    async fn set_waits_for(&self, id: RunId, reasons: Vec<String>) -> Result<(), StoreError> {
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

    async fn run(&self, id: RunId) -> Result<Option<StoredRun>, StoreError> {
        let select = Select::new(COLUMNS).and("id = ?", Some(id.to_string()));
        let Some(row) = select.query().fetch_optional(&self.readers).await? else { return Ok(None) };
        let mut run = read(&row)?;
        self.add_progress(std::slice::from_mut(&mut run.run)).await?;
        Ok(Some(run))
    }

    async fn run_state(&self, id: RunId) -> Result<Option<RunState>, StoreError> {
        let row = sqlx::query("SELECT state FROM runs WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(|row| word(row, "state")).transpose()
    }

    async fn runs(&self, filter: &RunFilter, page: &PageRequest) -> Result<Page<Run>, StoreError> {
        let rows = Select::new(COLUMNS)
            .and("task_id = ?", filter.task_id.clone())
            .and("state = ?", filter.state.as_ref().map(word_of).transpose()?)
            .page(&self.readers, "id DESC", "id < ?", page)
            .await?;
        let mut page = page_of(&rows, page.limit, |row| Ok(read(row)?.run), |run| run.id.to_string())?;
        self.add_progress(&mut page.items).await?;
        Ok(page)
    }

    async fn waiting_runs(&self, limit: i64) -> Result<Vec<StoredRun>, StoreError> {
        let sql = format!("{COLUMNS} WHERE state = 'waiting' ORDER BY id LIMIT $1");
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(limit).fetch_all(&self.readers).await?;
        rows.iter().map(read).collect()
    }

    async fn cancel_run(&self, id: RunId, now: i64) -> Result<bool, StoreError> {
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

    async fn retry_run(&self, id: RunId, now: i64) -> Result<u64, StoreError> {
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

impl Store {
    async fn add_progress(&self, runs: &mut [Run]) -> Result<(), StoreError> {
        // One that waits has no jobs; those that it may have got since it was read belong to its next state.
        let with_jobs = runs.iter().filter(|run| run.state != RunState::Waiting);
        let ids: Vec<RunId> = with_jobs.map(|run| run.id).collect();
        let mut progress = self.progress(&ids).await?;
        for run in runs {
            run.progress = progress.remove(&run.id).unwrap_or_default();
        }
        Ok(())
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
}

fn read(row: &AnyRow) -> Result<StoredRun, StoreError> {
    let origin: Origin = read_json(row, "origin")?;
    let run = Run {
        id: parsed(row, "id")?,
        task_id: maybe_text(row, "task_id")?,
        trigger: word(row, "started_by")?,
        fire_time: maybe_time(row, "fire_time")?,
        request_id: origin.request_id.clone(),
        state: word(row, "state")?,
        priority: i32::try_from(row.try_get::<i64, _>("priority")?).map_err(StoreError::corrupt)?,
        created_at: time_of(row, "created_at")?,
        finished_at: maybe_time(row, "finished_at")?,
        deadline_at: maybe_time(row, "deadline_at")?,
        progress: Progress::default(),
        waits_for: read_json(row, "waits_for")?,
    };
    Ok(StoredRun { run, definition: read_json(row, "definition")?, origin })
}
