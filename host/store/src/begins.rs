//! Creates runs, in a lane of its own (see [`lanes`](crate::lanes)). Runs that are submitted at the same moment are
//! written together.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use easysight_protocol::{JobPlan, Origin, Progress, Run, RunId, RunState, TaskRequest, Trigger};
use futures::future::BoxFuture;

use crate::{
    Dialect, FanOut, Known, NewRun, Start, StoreError,
    audit::Entry,
    db::{Connection, Row, Rows, query},
    jobs::{CHUNK, JobsOf, NewJob},
    lanes::Kind,
    query::{parsed, time},
    ready::ReadyJob,
    runs::{FAN_OUT, word_of},
};

/// The commands that create runs.
pub(crate) struct Begins {
    dialect: Dialect,
    known: Arc<Known>,
}

/// The outcome of a request for a run.
pub(crate) enum Begun {
    /// The run was created. These are its jobs.
    New(Vec<ReadyJob>),
    /// A run with the same fire time or idempotency key exists already.
    Existing,
}

/// Selects the jobs and audit entries of the runs that the same statement creates.
const OF_MADE: &str = "run_id IN (SELECT id FROM made)";

/// A new run, ready to be written.
pub(crate) struct Begin {
    id: RunId,
    task_id: Option<String>,
    definition: TaskRequest,
    fire_time: Option<i64>,
    idempotency_key: Option<String>,
    trigger: Trigger,
    state: RunState,
    plan: Option<JobPlan>,
    waits_for: Vec<String>,
    origin: Origin,
    /// The cameras of the run's jobs. A run that waits has no jobs yet.
    cameras: Vec<(Option<String>, String)>,
    now: i64,
    finished_at: Option<i64>,
    deadline_at: Option<i64>,
    /// The entry in the audit log. A run that a schedule starts has none.
    entry: Option<Entry>,
}

impl Begin {
    pub(crate) fn new(new: NewRun, start: Start, entry: Option<Entry>, now: i64) -> Self {
        let (state, plan, waits_for, cameras) = match start {
            Start::Now(FanOut { plan, cameras, missing }) => {
                let state = if cameras.is_empty() { RunState::Finished } else { RunState::Running };
                (state, Some(plan), missing, cameras)
            }
            Start::Waits(reasons) => (RunState::Waiting, None, reasons, Vec::new()),
        };
        let deadline_ms = new.definition.deadline_ms.and_then(|ms| i64::try_from(ms).ok());
        Self {
            id: new.id,
            task_id: new.task_id,
            fire_time: new.fire_time,
            idempotency_key: new.idempotency_key,
            trigger: new.trigger,
            finished_at: (state == RunState::Finished).then_some(now),
            state,
            plan,
            waits_for,
            origin: new.origin,
            cameras,
            now,
            deadline_at: deadline_ms.map(|ms| now.saturating_add(ms)),
            definition: new.definition,
            entry,
        }
    }

    /// Returns the run as it is once it is created.
    pub(crate) fn run(&self) -> Result<Run, StoreError> {
        let jobs = self.cameras.len() as u64;
        Ok(Run {
            id: self.id,
            task_id: self.task_id.clone(),
            trigger: self.trigger,
            fire_time: self.fire_time.map(time).transpose()?,
            request_id: self.origin.request_id.clone(),
            state: self.state,
            priority: self.definition.priority,
            created_at: time(self.now)?,
            finished_at: self.finished_at.map(time).transpose()?,
            deadline_at: self.deadline_at.map(time).transpose()?,
            progress: Progress { total: jobs, queued: jobs, ..Progress::default() },
            waits_for: self.waits_for.clone(),
        })
    }

    fn jobs(&self) -> JobsOf<'_> {
        JobsOf {
            run_id: self.id,
            task_id: self.task_id.as_deref(),
            definition: &self.definition,
            deadline_at: self.deadline_at,
            cameras: &self.cameras,
        }
    }

    /// Returns the key by which runs are sorted before they are written. All masters use the same order, so
    /// that their transactions do not deadlock.
    fn order(&self) -> (&Option<String>, Option<i64>, &Option<String>) {
        (&self.task_id, self.fire_time, &self.idempotency_key)
    }

    /// Returns a statement and its rows. The statement creates runs in the given order and returns their ids. It leaves
    /// out runs that already exist.
    fn statement(dialect: Dialect, begins: &[&Self]) -> Result<(String, Rows), StoreError> {
        let each = |value: fn(&Self) -> Result<String, StoreError>| -> Result<Vec<String>, StoreError> {
            begins.iter().map(|begin| value(begin)).collect()
        };
        let plans = begins.iter().map(|begin| begin.plan.as_ref().map(serde_json::to_string).transpose());
        let rows = Rows::new()
            .integers("place", (0..).take(begins.len()))
            .texts("id", begins.iter().map(|begin| begin.id.to_string()))
            .maybe_texts("task_id", begins.iter().map(|begin| begin.task_id.as_deref()))
            .texts("started_by", each(|begin| word_of(&begin.trigger))?)
            .maybe_integers("fire_time", begins.iter().map(|begin| begin.fire_time))
            .maybe_texts("idempotency_key", begins.iter().map(|begin| begin.idempotency_key.as_deref()))
            .texts("state", each(|begin| word_of(&begin.state))?)
            .integers("priority", begins.iter().map(|begin| i64::from(begin.definition.priority)))
            .texts("definition", each(|begin| Ok(serde_json::to_string(&begin.definition)?))?)
            .maybe_texts("plan", plans.collect::<Result<Vec<_>, _>>()?)
            .texts("waits_for", each(|begin| Ok(serde_json::to_string(&begin.waits_for)?))?)
            .integers("created_at", begins.iter().map(|begin| begin.now))
            .maybe_integers("finished_at", begins.iter().map(|begin| begin.finished_at))
            .maybe_integers("deadline_at", begins.iter().map(|begin| begin.deadline_at))
            .texts("origin", each(|begin| Ok(serde_json::to_string(&begin.origin)?))?);
        let columns = "id, task_id, started_by, fire_time, idempotency_key, state, priority, definition, plan, \
                       waits_for, created_at, finished_at, deadline_at, origin";
        // Without a `WHERE`, SQLite would read `ON CONFLICT` as the condition of a join.
        let sql = format!(
            "INSERT INTO runs ({columns}) SELECT {columns} FROM {} WHERE TRUE ORDER BY place \
             ON CONFLICT DO NOTHING RETURNING id",
            rows.table(dialect, 1, "x")
        );
        Ok((sql, rows))
    }
}

impl Begins {
    pub(crate) const fn new(dialect: Dialect, known: Arc<Known>) -> Self {
        Self { dialect, known }
    }
}

impl Kind for Begins {
    type Ask = Begin;
    type Answer = Begun;
    /// A run may start before it is on disk. [`Store::settle`](crate::Store::settle) waits for the disk.
    const MAY_BE_LOST: bool = true;

    fn weight(begin: &Begin) -> usize {
        1 + begin.cameras.len()
    }

    fn extra(begin: &Begin) -> Duration {
        FAN_OUT * u32::try_from(begin.cameras.len()).unwrap_or(u32::MAX)
    }

    /// Runs and their jobs are one statement in PostgreSQL, unless the runs have very many jobs together.
    fn is_one_statement(&self, begins: &[Begin]) -> bool {
        self.dialect == Dialect::Postgres
            && begins.iter().map(|begin| begin.cameras.len()).sum::<usize>() <= CHUNK
    }

    fn carry_out<'c>(
        &'c self,
        connection: &'c mut Connection,
        asks: &'c [Begin],
    ) -> BoxFuture<'c, Result<Vec<Self::Answer>, StoreError>> {
        Box::pin(async move {
            let mut order: Vec<&Begin> = asks.iter().collect();
            order.sort_by(|a, b| a.order().cmp(&b.order()));
            let mut jobs: Vec<NewJob<'_>> = order
                .iter()
                .flat_map(|begin| NewJob::all(&begin.jobs(), &self.known.ids, begin.now))
                .collect();
            let mut entries: Vec<&Entry> = order.iter().filter_map(|begin| begin.entry.as_ref()).collect();
            let (runs, rows) = Begin::statement(self.dialect, &order)?;
            let made = if self.is_one_statement(asks) {
                let first = 1 + rows.parameters(self.dialect);
                let (insert, of_jobs) = NewJob::statement(self.dialect, &jobs, OF_MADE, first);
                let first = first + of_jobs.parameters(self.dialect);
                let mut sql = format!("WITH made AS ({runs}), added AS ({insert})");
                let mut noted = None;
                if !entries.is_empty() {
                    let (insert, of_entries) = Entry::statement(self.dialect, &entries, OF_MADE, first)?;
                    sql = format!("{sql}, noted AS ({insert})");
                    noted = Some(of_entries);
                }
                sql.push_str(" SELECT id FROM made");
                let mut all = query(sql).bind_rows(rows, self.dialect)?.bind_rows(of_jobs, self.dialect)?;
                if let Some(of_entries) = noted {
                    all = all.bind_rows(of_entries, self.dialect)?;
                }
                ids(&all.fetch_all(&mut *connection).await?)?
            } else {
                let made =
                    ids(&query(runs).bind_rows(rows, self.dialect)?.fetch_all(&mut *connection).await?)?;
                jobs.retain(|job| made.contains(&job.run_id));
                NewJob::insert(connection, self.dialect, &jobs).await?;
                entries.retain(|entry| entry.run().is_some_and(|run| made.contains(&run)));
                Entry::write_all(&entries, connection).await?;
                made
            };
            let mut ready: HashMap<RunId, Vec<ReadyJob>> = HashMap::new();
            for job in jobs {
                ready.entry(job.run_id).or_default().push(job.ready);
            }
            let mut answers = Vec::with_capacity(asks.len());
            for begin in asks {
                answers.push(match made.contains(&begin.id) {
                    true => Begun::New(ready.remove(&begin.id).unwrap_or_default()),
                    false => Begun::Existing,
                });
            }
            Ok(answers)
        })
    }
}

fn ids(rows: &[Row]) -> Result<HashSet<RunId>, StoreError> {
    rows.iter().map(|row| parsed(row, "id")).collect()
}
