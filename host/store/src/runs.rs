//! Runs: creating them with their jobs, and listing them.

mod progress;
mod recent;
mod steering;

use std::{sync::Arc, time::Duration};

use easysight_protocol::{
    JobPlan, Origin, Page, Progress, Run, RunId, RunState, TaskRequest, Trigger, masked_source, uploaded_name,
};
use serde::Serialize;
use serde_json::json;

use crate::{
    Acting, Area, Dialect, PageRequest, Store, StoreError,
    audit::{Entry, fields},
    begins::{Begin, Begun},
    db::{Row, query},
    jobs::{JobsOf, NewJob, label_set},
    query::{
        MAX_LOOKED_THROUGH, Select, json as read_json, maybe_json, maybe_text, maybe_time, page_of, parsed,
        time_of, word,
    },
};

pub(crate) use progress::keep_progress;
pub(crate) use recent::{ENDED_STATES, FAILED, OPEN_STATES, failed_in};
pub(crate) use steering::reopen;

/// The time for which a recorded set of labels is not recorded again, in milliseconds.
const LABEL_SET_NOTED_MS: i64 = 600_000;
/// The additional time that a command may take for each job that it creates.
pub(crate) const FAN_OUT: Duration = Duration::from_millis(1);
/// A condition that is true for a run that has ended but is still marked as running.
pub(crate) const ENDED: &str = "state = 'running' AND NOT EXISTS \
                     (SELECT 1 FROM jobs WHERE jobs.run_id = runs.id AND jobs.state IN ('queued', 'running'))";

const COLUMNS: &str = "SELECT id, task_id, started_by, fire_time, state, priority, definition, waits_for, \
                       created_at, finished_at, deadline_at, origin, progress FROM runs";

/// A run that is to be created.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// The run's id. The id is used only if the run is created.
    pub id: RunId,
    /// The task. None for an ad-hoc submission.
    pub task_id: Option<String>,
    /// The trigger that started the run.
    pub trigger: Trigger,
    /// The scheduled time of the run, in milliseconds since 1970. None if no schedule started it.
    pub fire_time: Option<i64>,
    /// The key of the request. A second request with the same key creates nothing.
    pub idempotency_key: Option<String>,
    /// The task as it is now, with the overrides of the submission.
    pub definition: TaskRequest,
    /// The origin of the run.
    pub origin: Origin,
}

/// The jobs of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct FanOut {
    /// The plan of each job.
    pub plan: JobPlan,
    /// One job for each camera: `(camera id, source)`.
    pub cameras: Vec<(Option<String>, String)>,
    /// The cameras and groups that were not found, as descriptions for people. The run leaves them out.
    pub missing: Vec<String>,
}

/// How a run begins.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// At once, with its jobs.
    Now(FanOut),
    /// Without jobs, until the missing cameras and plugins exist. The strings name what is missing.
    Waits(Vec<String>),
}

/// The outcome of a request to retry the dead jobs of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retried {
    /// The number of jobs that are queued again.
    Queued(u64),
    /// The run was cancelled, which is final.
    Cancelled,
    /// There is no such run.
    Unknown,
}

/// A run, with details that the protocol does not show.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRun {
    /// The run as the protocol shows it.
    pub run: Run,
    /// The task as it was when the run was created.
    pub definition: TaskRequest,
    /// The origin of the run.
    pub origin: Origin,
}

/// Which runs to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Runs of this task.
    pub task_id: Option<String>,
    /// Runs in this state.
    pub state: Option<RunState>,
    /// True for only those runs that have ended with dead jobs; for a caller with an area, with dead jobs of the area's
    /// cameras.
    pub failed: bool,
    /// Runs that have not ended, or ended at this time or later, in milliseconds since 1970.
    pub since: Option<i64>,
}

pub(crate) fn word_of(value: &impl Serialize) -> Result<String, StoreError> {
    match serde_json::to_value(value)? {
        serde_json::Value::String(word) => Ok(word),
        other => Err(StoreError::corrupt(format!("expected a string, not {other}"))),
    }
}

impl Acting<'_> {
    /// Does the same as [`Store::create_run`], for a caller who starts a run, and records the caller in the audit log.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn create_run(&self, new: NewRun, start: Start, now: i64) -> Result<(Run, bool), StoreError> {
        let entry = match &new.task_id {
            Some(task) => self.entry("task.submit", "task", task, now).after(fields([
                ("run", json!(new.id)),
                ("priority", json!(new.definition.priority)),
                ("config", json!(new.definition.config)),
            ])),
            None => {
                // A submission has a source instead of cameras.
                let source = new.definition.cameras.first().map_or("", String::as_str);
                let source = uploaded_name(source).map_or_else(|| masked_source(source), str::to_owned);
                let after = [("source", json!(source)), ("diagnoses", json!(new.definition.diagnoses))];
                self.entry("submission.create", "run", new.id.to_string(), now).after(fields(after))
            }
        };
        let entry = entry.with_run(new.id);
        if let (Some(user), None) = (self.area().user(), &new.task_id) {
            self.store.note_submitter(new.id, user.to_owned()).await?;
        }
        self.store.begin_run(new, start, Some(entry), now).await
    }
}

impl Store {
    /// Creates a run, and its jobs if it begins at once. Returns the run and true. If a run with the same fire time or
    /// idempotency key already exists, returns that run and false.
    ///
    /// The run may be lost if PostgreSQL's machine fails before [`settle`](Self::settle) returns.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn create_run(&self, new: NewRun, start: Start, now: i64) -> Result<(Run, bool), StoreError> {
        self.begin_run(new, start, None, now).await
    }

    async fn begin_run(
        &self,
        new: NewRun,
        start: Start,
        entry: Option<Entry>,
        now: i64,
    ) -> Result<(Run, bool), StoreError> {
        if matches!(start, Start::Now(_)) {
            self.note_label_set(&label_set(&new.definition.required_labels), now).await?;
        }
        let plan = match &start {
            Start::Now(jobs) => Some(jobs.plan.clone()),
            Start::Waits(_) => None,
        };
        let (fire_time, key) = (new.fire_time, new.idempotency_key.clone());
        let begin = Begin::new(new, start, entry, now);
        let run = begin.run()?;
        match self.begins.send(begin).await? {
            Begun::New(ready) => {
                if let Some(plan) = plan {
                    self.known.plans.keep(run.id, plan);
                }
                self.known.ready.add(ready, now);
                Ok((run, true))
            }
            Begun::Existing => {
                let existing = self.existing(&run, fire_time, key).await?;
                // If the existing run is this one, the database created it, but its first answer was lost.
                let made = existing.id == run.id;
                if made {
                    self.known.ready.doubt();
                }
                Ok((existing, made))
            }
        }
    }

    /// Returns the run that exists in place of a new one.
    async fn existing(
        &self,
        new: &Run,
        fire_time: Option<i64>,
        key: Option<String>,
    ) -> Result<Run, StoreError> {
        let by_key = "SELECT id FROM runs WHERE task_id = $1 AND (fire_time = $2 OR idempotency_key = $3)";
        let by_key = query(by_key).bind(&new.task_id).bind(fire_time).bind(key);
        let id = match by_key.fetch_optional(&self.readers).await? {
            Some(row) => parsed(&row, "id")?,
            None => new.id,
        };
        let existing = self.run(&Area::ALL, id).await?.map(|stored| stored.run);
        existing.ok_or_else(|| StoreError::unavailable("the existing run was removed at this moment"))
    }

    /// Creates the jobs of a waiting run. Returns the number of jobs, or None if the run no longer waits.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn fan_out(&self, id: RunId, jobs: FanOut, now: i64) -> Result<Option<usize>, StoreError> {
        let dialect = self.dialect;
        let FanOut { plan, cameras, missing } = jobs;
        let (plan, missing) = (serde_json::to_string(&plan)?, serde_json::to_string(&missing)?);
        let Some(waiting) = self.run(&Area::ALL, id).await? else { return Ok(None) };
        self.note_label_set(&label_set(&waiting.definition.required_labels), now).await?;
        let extra = FAN_OUT * u32::try_from(cameras.len()).unwrap_or(u32::MAX);
        let known = Arc::clone(&self.known);
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
                    let definition: TaskRequest = read_json(&row, "definition")?;
                    let task_id = maybe_text(&row, "task_id")?;
                    let of = JobsOf {
                        run_id: id,
                        task_id: task_id.as_deref(),
                        definition: &definition,
                        deadline_at: row.try_get("deadline_at")?,
                        cameras: &cameras,
                    };
                    let jobs = NewJob::all(&of, &known.ids, now);
                    NewJob::insert(connection, dialect, &jobs).await?;
                    if jobs.is_empty() {
                        query("UPDATE runs SET state = 'finished', finished_at = $2 WHERE id = $1")
                            .bind(id.to_string())
                            .bind(now)
                            .execute(connection)
                            .await?;
                    }
                    Ok(Some(jobs.into_iter().map(|job| job.ready).collect::<Vec<_>>()))
                })
            })
            .await?;
        Ok(ready.map(|ready| {
            let count = ready.len();
            self.known.ready.add(ready, now);
            count
        }))
    }

    /// Records why a run waits.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
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

    /// Returns a run, or None if its task names nothing in the area. The run is shown as far as it is in the area; its
    /// definition is complete.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn run(&self, area: &Area, id: RunId) -> Result<Option<StoredRun>, StoreError> {
        let select = of_tasks(Select::new(COLUMNS).and("id = ?", Some(id.to_string())), self.dialect, area);
        let Some(row) = select.query().fetch_optional(&self.readers).await? else { return Ok(None) };
        let mut run = read(&row)?;
        self.complete(area, std::slice::from_mut(&mut run)).await?;
        Ok(Some(run.0))
    }

    /// Returns a submission's run, or None if there is none, or if the caller's area is limited and the caller did not
    /// make it.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn submission(&self, area: &Area, id: RunId) -> Result<Option<StoredRun>, StoreError> {
        let select = Select::new(COLUMNS).and("id = ?", Some(id.to_string()));
        let mine = "id IN (SELECT run_id FROM submitters WHERE user_id = ?)";
        let select = select.and_fixed("task_id IS NULL").and(mine, area.user());
        let Some(row) = select.query().fetch_optional(&self.readers).await? else { return Ok(None) };
        let mut run = read(&row)?;
        self.complete(&Area::ALL, std::slice::from_mut(&mut run)).await?;
        Ok(Some(run.0))
    }

    /// Records which user made a submission. This is needed for users whose area is limited.
    async fn note_submitter(&self, id: RunId, user: String) -> Result<(), StoreError> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "INSERT INTO submitters (run_id, user_id) VALUES ($1, $2) ON CONFLICT (run_id) DO NOTHING";
                    query(sql).bind(id.to_string()).bind(user).execute(connection).await.map(drop)
                })
            })
            .await
    }

    /// Checks that a caller with this area may change a run. Returns false if the caller does not see it.
    async fn may_change(&self, area: &Area, id: RunId) -> Result<bool, StoreError> {
        if area.is_all() {
            return Ok(true);
        }
        let Some(run) = self.run(area, id).await? else { return Ok(false) };
        area.must_own(&self.readers, self.dialect, &run.definition, "run").await?;
        Ok(true)
    }

    /// Returns the state of a run, or None if the run does not exist.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn run_state(&self, id: RunId) -> Result<Option<RunState>, StoreError> {
        let row = query("SELECT state FROM runs WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(|row| word(row, "state")).transpose()
    }

    /// Lists the runs whose tasks name something in the area, latest first. Runs without a task are listed only if the
    /// area has no limit. If the area has only few of very many runs, a page may have fewer runs than requested,
    /// although there is a next page.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn runs(
        &self,
        area: &Area,
        filter: &RunFilter,
        page: &PageRequest,
    ) -> Result<Page<Run>, StoreError> {
        let select = Select::new(COLUMNS)
            .and("task_id = ?", filter.task_id.clone())
            .and("state = ?", filter.state.as_ref().map(word_of).transpose()?);
        let select = recent::only(select, self.dialect, area, filter);
        // Each definition has to be read to know whether it names something of the area. Only few runs are open.
        let is_open = matches!(filter.state, Some(RunState::Waiting | RunState::Running));
        let floor = match area.is_all() || filter.task_id.is_some() || is_open {
            true => None,
            false => self.floor("runs", page.after.as_deref(), MAX_LOOKED_THROUGH).await?,
        };
        let select = of_tasks(select, self.dialect, area).and("id >= ?", floor.clone());
        let (order, after) = recent::order(filter);
        let rows = select.page(&self.readers, order, after, page).await?;
        let mut page = page_of(&rows, page.limit, read, |(run, _)| run.run.id.to_string())?;
        page.next = page.next.or(floor);
        self.complete(area, &mut page.items).await?;
        Ok(Page { items: page.items.into_iter().map(|(run, _)| run.run).collect(), next: page.next })
    }

    /// Returns the runs that wait for something, oldest first.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn waiting_runs(&self, limit: i64) -> Result<Vec<StoredRun>, StoreError> {
        let sql = format!("{COLUMNS} WHERE state = 'waiting' ORDER BY id LIMIT $1");
        let rows = query(sql).bind(limit).fetch_all(&self.readers).await?;
        rows.iter().map(|row| Ok(read(row)?.0)).collect()
    }
}

impl Store {
    /// Records that there are jobs that require these labels, so that leases search for such jobs. The record is
    /// renewed at most every ten minutes, and is removed only after a day without use.
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
}

/// Returns a `SELECT` of only those runs whose task names something in the area. A submission has no task.
fn of_tasks(select: Select, dialect: Dialect, area: &Area) -> Select {
    match area.is_all() {
        true => select,
        false => select.and_fixed("task_id IS NOT NULL").naming(dialect, area, "definition"),
    }
}

/// Reads a run. Also returns whether the run's progress is stored.
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
