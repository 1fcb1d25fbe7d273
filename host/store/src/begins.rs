//! The lane that creates runs. Runs that are submitted at the same moment are written together.

use std::{sync::Arc, time::Duration};

use easysight_protocol::{Ids, RunId, RunState};
use futures::future::BoxFuture;

use crate::{
    Dialect, FanOut, Known, NewRun, Start, StoreError,
    db::{Connection, query},
    jobs::JobsOf,
    lanes::Kind,
    query::parsed,
    ready::ReadyJob,
    runs::{FAN_OUT, word_of},
};

/// The lane that creates runs.
pub(crate) struct Begins {
    dialect: Dialect,
    known: Arc<Known>,
}

/// A new run, ready to be written.
pub(crate) struct Begin {
    jobs: JobsOf,
    fire_time: Option<i64>,
    idempotency_key: Option<String>,
    trigger: String,
    definition: String,
    state: String,
    plan: Option<String>,
    waits_for: String,
    origin: String,
    cameras: Option<Vec<(Option<String>, String)>>,
    now: i64,
}

impl Begin {
    pub(crate) fn new(new: NewRun, start: Start, now: i64) -> Result<Self, StoreError> {
        let (state, plan, waits_for, cameras) = match start {
            Start::Now(FanOut { plan, cameras, missing }) => {
                (RunState::Running, Some(serde_json::to_string(&plan)?), missing, Some(cameras))
            }
            Start::Waits(reasons) => (RunState::Waiting, None, reasons, None),
        };
        let deadline_ms = new.definition.deadline_ms.and_then(|ms| i64::try_from(ms).ok());
        Ok(Self {
            fire_time: new.fire_time,
            idempotency_key: new.idempotency_key,
            trigger: word_of(&new.trigger)?,
            definition: serde_json::to_string(&new.definition)?,
            state: word_of(&state)?,
            plan,
            waits_for: serde_json::to_string(&waits_for)?,
            origin: serde_json::to_string(&new.origin)?,
            cameras,
            now,
            jobs: JobsOf {
                run_id: new.id,
                deadline_at: deadline_ms.map(|ms| now + ms),
                task_id: new.task_id,
                definition: new.definition,
            },
        })
    }

    /// Returns the key by which runs are sorted before they are written. All masters use the same order, because
    /// another master may write the same runs at this moment.
    fn order(&self) -> (&Option<String>, Option<i64>, &Option<String>) {
        (&self.jobs.task_id, self.fire_time, &self.idempotency_key)
    }

    async fn write(
        &self,
        connection: &mut Connection,
        dialect: Dialect,
        ids: &Ids,
    ) -> Result<(RunId, bool, Vec<ReadyJob>), StoreError> {
        let id = self.jobs.run_id;
        let made = query(
            "INSERT INTO runs (id, task_id, started_by, fire_time, idempotency_key, state, priority, \
             definition, plan, waits_for, created_at, deadline_at, origin) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING",
        )
        .bind(id.to_string())
        .bind(&self.jobs.task_id)
        .bind(&self.trigger)
        .bind(self.fire_time)
        .bind(&self.idempotency_key)
        .bind(&self.state)
        .bind(i64::from(self.jobs.definition.priority))
        .bind(&self.definition)
        .bind(&self.plan)
        .bind(&self.waits_for)
        .bind(self.now)
        .bind(self.jobs.deadline_at)
        .bind(&self.origin)
        .execute(&mut *connection)
        .await?;
        if made.rows_affected() > 0 {
            let ready = match &self.cameras {
                Some(cameras) => self.jobs.insert(connection, dialect, ids, cameras, self.now).await?,
                None => Vec::new(),
            };
            return Ok((id, true, ready));
        }
        let sql = "SELECT id FROM runs WHERE task_id = $1 AND (fire_time = $2 OR idempotency_key = $3)";
        let row = query(sql)
            .bind(&self.jobs.task_id)
            .bind(self.fire_time)
            .bind(&self.idempotency_key)
            .fetch_one(connection)
            .await?;
        Ok((parsed(&row, "id")?, false, Vec::new()))
    }
}

impl Begins {
    pub(crate) const fn new(dialect: Dialect, known: Arc<Known>) -> Self {
        Self { dialect, known }
    }
}

impl Kind for Begins {
    type Ask = Begin;
    /// The id of the run, true if the run was created now, and the jobs of the run.
    type Answer = (RunId, bool, Vec<ReadyJob>);
    const MAY_BE_LOST: bool = false;

    fn weight(begin: &Begin) -> usize {
        1 + begin.cameras.as_ref().map_or(0, Vec::len)
    }

    fn extra(begin: &Begin) -> Duration {
        begin
            .cameras
            .as_ref()
            .map_or(Duration::ZERO, |cameras| FAN_OUT * u32::try_from(cameras.len()).unwrap_or(u32::MAX))
    }

    fn carry_out<'c>(
        &'c self,
        connection: &'c mut Connection,
        asks: &'c [Begin],
    ) -> BoxFuture<'c, Result<Vec<Self::Answer>, StoreError>> {
        Box::pin(async move {
            let mut order: Vec<(usize, &Begin)> = asks.iter().enumerate().collect();
            order.sort_by(|(_, a), (_, b)| a.order().cmp(&b.order()));
            let mut answers = Vec::with_capacity(asks.len());
            for (at, begin) in order {
                answers.push((at, begin.write(connection, self.dialect, &self.known.ids).await?));
            }
            answers.sort_by_key(|(at, _)| *at);
            Ok(answers.into_iter().map(|(_, answer)| answer).collect())
        })
    }
}
