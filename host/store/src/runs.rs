//! Runs, their fan-out into jobs, and what people do to them.

use std::{collections::HashMap, time::Duration};

use easysight_protocol::{
    JobPlan, JobState, Origin, Page, Progress, Run, RunId, RunState, TaskRequest, Trigger,
};
use serde::Serialize;

use crate::{
    Dialect, PageRequest, Store, StoreError,
    begins::Begin,
    db::{Connection, Row, Rows, Target, query},
    dialect::Update,
    jobs::{JobsOf, QUEUED_AGAIN, label_set, read_queued},
    query::{
        Select, count, json as read_json, maybe_json, maybe_text, maybe_time, page_of, parsed, time_of, word,
    },
};

/// How long it is remembered that a set of labels was noted, in milliseconds.
const LABEL_SET_NOTED_MS: i64 = 600_000;
/// How much longer a command may take for each job that it makes.
pub(crate) const FAN_OUT: Duration = Duration::from_millis(1);
/// True of a run that has ended.
pub(crate) const ENDED: &str = "state = 'running' AND NOT EXISTS \
                     (SELECT 1 FROM jobs WHERE jobs.run_id = runs.id AND jobs.state IN ('queued', 'running'))";

const COLUMNS: &str = "SELECT id, task_id, started_by, fire_time, state, priority, definition, waits_for, \
                       created_at, finished_at, deadline_at, origin, progress FROM runs";

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

/// What became of a wish to try the dead jobs of a run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retried {
    /// So many jobs are queued again.
    Queued(u64),
    /// The run was cancelled, which is final.
    Cancelled,
    /// There is no such run.
    Unknown,
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

impl Store {
    /// Makes a run, and its jobs where it begins at once. Where one with the same fire time or
    /// idempotency key is there already, that one is answered, with false.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn create_run(&self, new: NewRun, start: Start, now: i64) -> Result<(RunId, bool), StoreError> {
        if matches!(start, Start::Now(_)) {
            self.note_label_set(&label_set(&new.definition.required_labels), now).await?;
        }
        let (id, made, ready) = self.begins.send(Begin::new(new, start, now)?).await?;
        self.known.ready.add(ready, now);
        Ok((id, made))
    }

    /// Gives a waiting run its jobs. Answers how many; none where the run waits no longer.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn fan_out(&self, id: RunId, jobs: FanOut, now: i64) -> Result<Option<usize>, StoreError> {
        let dialect = self.dialect;
        let FanOut { plan, cameras, missing } = jobs;
        let (plan, missing) = (serde_json::to_string(&plan)?, serde_json::to_string(&missing)?);
        let Some(waiting) = self.run(id).await? else { return Ok(None) };
        self.note_label_set(&label_set(&waiting.definition.required_labels), now).await?;
        let extra = FAN_OUT * u32::try_from(cameras.len()).unwrap_or(u32::MAX);
        let ready = self
            .writer
            .run_long(extra, move |connection| {
                Box::pin(async move {
                    let sql = "UPDATE runs SET state = 'running', plan = $2, waits_for = $3 \
                               WHERE id = $1 AND state = 'waiting' RETURNING task_id, definition, deadline_at";
                    let row = query(sql)
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
                    jobs.insert(connection, dialect, &cameras, now).await.map(Some)
                })
            })
            .await?;
        Ok(ready.map(|ready| {
            let count = ready.len();
            self.known.ready.add(ready, now);
            count
        }))
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
                    query("UPDATE runs SET waits_for = $2 WHERE id = $1 AND state = 'waiting' AND waits_for <> $2")
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
        self.add_progress(std::slice::from_mut(&mut run)).await?;
        Ok(Some(run.0))
    }

    /// How far a run is; none where there is none.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn run_state(&self, id: RunId) -> Result<Option<RunState>, StoreError> {
        let row = query("SELECT state FROM runs WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(|row| word(row, "state")).transpose()
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
        let mut page = page_of(&rows, page.limit, read, |(run, _)| run.run.id.to_string())?;
        self.add_progress(&mut page.items).await?;
        Ok(Page { items: page.items.into_iter().map(|(run, _)| run.run).collect(), next: page.next })
    }

    /// Runs that wait for something, oldest first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn waiting_runs(&self, limit: i64) -> Result<Vec<StoredRun>, StoreError> {
        let sql = format!("{COLUMNS} WHERE state = 'waiting' ORDER BY id LIMIT $1");
        let rows = query(sql).bind(limit).fetch_all(&self.readers).await?;
        rows.iter().map(|row| Ok(read(row)?.0)).collect()
    }

    /// Cancels a run and all of its jobs that have not ended, running ones too. False where it has
    /// ended already or never was.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn cancel_run(&self, id: RunId, now: i64) -> Result<bool, StoreError> {
        let dialect = self.dialect;
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "UPDATE runs SET state = 'cancelled', finished_at = $2 \
                               WHERE id = $1 AND state IN ('waiting', 'running')";
                    let run = query(sql).bind(id.to_string()).bind(now).execute(&mut *connection).await?;
                    let open = dialect.all("jobs", "run_id = $1 AND state IN ('queued', 'running')");
                    let sql = format!(
                        "UPDATE jobs SET state = 'cancelled', finished_at = $2, leased_until = NULL WHERE {open}"
                    );
                    query(sql).bind(id.to_string()).bind(now).execute(&mut *connection).await?;
                    keep_progress(connection, dialect, vec![id.to_string()]).await?;
                    Ok(run.rows_affected() > 0)
                })
            })
            .await
    }

    /// Queues the dead jobs of a run again, with all their attempts.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn retry_run(&self, id: RunId, now: i64) -> Result<Retried, StoreError> {
        let dialect = self.dialect;
        let Some(run) = self.run(id).await? else { return Ok(Retried::Unknown) };
        self.note_label_set(&label_set(&run.definition.required_labels), now).await?;
        let retried = self
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = format!("SELECT state FROM runs WHERE id = $1{}", dialect.to_change());
                    let run = query(sql).bind(id.to_string()).fetch_optional(&mut *connection).await?;
                    let state = run.as_ref().map(|row| word::<RunState>(row, "state")).transpose()?;
                    match state {
                        None => return Ok(Err(Retried::Unknown)),
                        Some(RunState::Cancelled) => return Ok(Err(Retried::Cancelled)),
                        Some(RunState::Waiting | RunState::Running | RunState::Finished) => {}
                    }
                    // The deadline of what a person retries has had its effect already.
                    let dead = dialect.all("jobs", "run_id = $1 AND state = 'dead'");
                    let sql = format!(
                        "UPDATE jobs SET state = 'queued', failures = 0, not_before = $2, lease = NULL, \
                         finished_at = NULL, deadline_at = NULL WHERE {dead} RETURNING {QUEUED_AGAIN}"
                    );
                    let rows = query(sql).bind(id.to_string()).bind(now).fetch_all(&mut *connection).await?;
                    if !rows.is_empty() {
                        reopen(connection, vec![id]).await?;
                    }
                    Ok(Ok(rows.iter().map(read_queued).collect::<Result<Vec<_>, _>>()?))
                })
            })
            .await?;
        Ok(match retried {
            Err(refused) => refused,
            Ok(ready) => {
                let jobs = ready.len() as u64;
                self.known.ending.forget(id);
                self.known.ready.add(ready, now);
                Retried::Queued(jobs)
            }
        })
    }
}

/// Runs that were finished have open jobs again.
pub(crate) async fn reopen(connection: &mut Connection, mut ids: Vec<RunId>) -> Result<(), StoreError> {
    ids.sort_unstable();
    for id in ids {
        query("UPDATE runs SET state = 'running', finished_at = NULL, progress = NULL WHERE id = $1 AND state = 'finished'")
            .bind(id.to_string())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

impl Store {
    /// Notes that there are jobs which require these labels, so that leases look for them. What is noted is
    /// remembered for much less time than it takes until a set that nobody uses is swept away.
    async fn note_label_set(&self, required: &str, now: i64) -> Result<(), StoreError> {
        let fresh = |noted: &i64| now >= *noted && now - *noted < LABEL_SET_NOTED_MS;
        if self.known.label_sets.lock().get(required).is_some_and(fresh) {
            return Ok(());
        }
        let set = required.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "INSERT INTO label_sets (required, used_at) VALUES ($1, $2) \
                               ON CONFLICT (required) DO UPDATE SET used_at = $2";
                    query(sql).bind(set).bind(now).execute(connection).await?;
                    Ok(())
                })
            })
            .await?;
        self.known.label_sets.lock().insert(required.to_owned(), now);
        Ok(())
    }

    async fn add_progress(&self, runs: &mut [(StoredRun, bool)]) -> Result<(), StoreError> {
        // One that waits has no jobs; those that it may have got since it was read belong to its next state. Of
        // those that have ended it is kept.
        let open = runs.iter().filter(|(run, kept)| !kept && run.run.state != RunState::Waiting);
        let ids: Vec<String> = open.map(|(run, _)| run.run.id.to_string()).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let mut progress = progress(&self.readers, self.dialect, ids).await?;
        for (run, kept) in runs {
            if !*kept {
                run.run.progress = progress.remove(&run.run.id).unwrap_or_default();
            }
        }
        Ok(())
    }
}

/// How far runs are, counted over all of their jobs.
async fn progress(
    target: impl Target,
    dialect: Dialect,
    ids: Vec<String>,
) -> Result<HashMap<RunId, Progress>, StoreError> {
    let among = dialect.among("run_id", "$1");
    let sql =
        format!("SELECT run_id, state, COUNT(*) AS jobs FROM jobs WHERE {among} GROUP BY run_id, state");
    let mut all: HashMap<RunId, Progress> = HashMap::new();
    for row in &query(sql).bind(ids).fetch_all(target).await? {
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

/// Keeps how runs ended, so that nobody counts it again.
pub(crate) async fn keep_progress(
    connection: &mut Connection,
    dialect: Dialect,
    ids: Vec<String>,
) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let counted = progress(&mut *connection, dialect, ids.clone()).await?;
    let of = |id: &String| {
        let progress = id.parse().ok().and_then(|id: RunId| counted.get(&id).copied());
        serde_json::to_string(&progress.unwrap_or_default())
    };
    let rows = Rows::new()
        .texts("run_id", ids.iter().map(String::as_str))
        .texts("progress", ids.iter().map(of).collect::<Result<Vec<_>, _>>()?);
    let sql = dialect.update(&Update {
        table: "runs",
        key: "run_id",
        rows: &rows,
        first: 1,
        set: "progress = x.progress",
        condition: "runs.state IN ('finished', 'cancelled')",
        returning: "runs.id AS id",
        skip: false,
    });
    query(sql).bind_rows(rows, dialect)?.fetch_all(connection).await?;
    Ok(())
}

/// A run, and whether its progress is kept with it.
fn read(row: &Row) -> Result<(StoredRun, bool), StoreError> {
    let kept: Option<Progress> = maybe_json(row, "progress")?;
    let origin: Origin = read_json(row, "origin")?;
    let run = Run {
        id: parsed(row, "id")?,
        task_id: maybe_text(row, "task_id")?,
        trigger: word(row, "started_by")?,
        fire_time: maybe_time(row, "fire_time")?,
        request_id: origin.request_id.clone(),
        state: word(row, "state")?,
        priority: i32::try_from(row.try_get::<i64>("priority")?).map_err(StoreError::corrupt)?,
        created_at: time_of(row, "created_at")?,
        finished_at: maybe_time(row, "finished_at")?,
        deadline_at: maybe_time(row, "deadline_at")?,
        progress: kept.unwrap_or_default(),
        waits_for: read_json(row, "waits_for")?,
    };
    Ok((StoredRun { run, definition: read_json(row, "definition")?, origin }, kept.is_some()))
}
