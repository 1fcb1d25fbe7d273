//! Schedules that need not belong to a task: when they would start something.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use easysight_daemon::problem::Error;
use easysight_protocol::{MissedRuns, NextStarts, Problem, Schedule};
use serde::Deserialize;
use tokio::{sync::OwnedMutexGuard, task::spawn_blocking, time::timeout};
use utoipa::{IntoParams, ToSchema};

use crate::{
    master::{Master, Shared},
    problems::invalid,
    schedule,
};

use super::{
    parameters::{Params, bounded},
    tasks::ill_scheduled,
};

/// The number of starts if a request does not state one.
const STARTS: u32 = 10;
const MOST_STARTS: u32 = 100;
/// How long a request waits for the one before it.
const PATIENCE: Duration = Duration::from_secs(10);

/// A kind of schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Manual,
    Once,
    Interval,
    Cron,
}

/// A schedule as a query: the fields of the schedule of a task.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ScheduleQuery {
    /// The kind of the schedule.
    #[param(inline)]
    kind: Kind,
    /// The time of a schedule of the kind `once`.
    at: Option<DateTime<Utc>>,
    /// Seconds from one start to the next, 1 to 31,536,000, of a schedule of the kind `interval`.
    #[param(minimum = 1, maximum = 31_536_000)]
    every_s: Option<u64>,
    /// The first start of a schedule of the kind `interval`. If absent, the first start is now.
    starts_at: Option<DateTime<Utc>>,
    /// The cron expression of a schedule of the kind `cron`.
    expression: Option<String>,
    /// The IANA name of the expression's time zone. If absent, UTC.
    time_zone: Option<String>,
    /// The largest number of starts in the answer, 1 to 100. If absent, 10.
    #[param(minimum = 1, maximum = 100)]
    count: Option<u32>,
}

/// Returns the next starts of a schedule, which need not belong to a task. Nothing is stored. The schedule must follow
/// the rules for the schedule of a task; problems name the same fields. A time of the kind `once` in the past is no next
/// start, although a task that is saved with it runs at once. The starts of one schedule are computed at a time; a
/// request that waits for its turn for more than 10 seconds gets 503.
#[utoipa::path(get, path = "/api/v1/diagnosis/schedules/next", tag = "tasks", params(ScheduleQuery),
    responses((status = 200, body = NextStarts), (status = 422, body = Problem), (status = 503, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn next(
    State(master): State<Shared>,
    Params(query): Params<ScheduleQuery>,
) -> Result<Json<NextStarts>, Error> {
    let count = bounded("count", query.count, STARTS, MOST_STARTS)? as usize;
    let schedule = query.schedule()?;
    let turn = turn(&master).await?;
    let now = master.clock.now();
    // The turn ends with the computation, even if the client has gone before.
    let found = spawn_blocking(move || {
        let _turn = turn;
        schedule::next_starts(&schedule, now, count)
    });
    let found = found.await.map_err(|error| {
        Error::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            format!("the starts were not computed: {error}"),
        )
    })?;
    Ok(Json(found.map_err(ill_scheduled)?))
}

/// Waits for the turn of a schedule. An expression may take 60 ms, so that one is computed at a time: however many are
/// sent, they keep one processor busy at most.
async fn turn(master: &Master) -> Result<OwnedMutexGuard<()>, Error> {
    timeout(PATIENCE, Arc::clone(&master.schedule_turn).lock_owned()).await.map_err(|_| {
        let detail = "the starts of other schedules are being computed; try again in a moment";
        Error::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).retry_after(Duration::from_secs(2))
    })
}

impl ScheduleQuery {
    fn schedule(self) -> Result<Schedule, Error> {
        let given = [
            ("at", Kind::Once, self.at.is_some()),
            ("every_s", Kind::Interval, self.every_s.is_some()),
            ("starts_at", Kind::Interval, self.starts_at.is_some()),
            ("expression", Kind::Cron, self.expression.is_some()),
            ("time_zone", Kind::Cron, self.time_zone.is_some()),
        ];
        if let Some((field, ..)) = given.into_iter().find(|(_, kind, given)| *given && *kind != self.kind) {
            return Err(invalid(format!("/schedule/{field}"), "a schedule of this kind has no such field"));
        }
        let absent =
            |field: &str, what: &str| invalid(format!("/schedule/{field}"), format!("expected {what}"));
        let missed_runs = MissedRuns::default();
        Ok(match self.kind {
            Kind::Manual => Schedule::Manual,
            Kind::Once => Schedule::Once { at: self.at.ok_or_else(|| absent("at", "a time"))? },
            Kind::Interval => Schedule::Interval {
                every_s: self.every_s.ok_or_else(|| absent("every_s", "a number of seconds"))?,
                starts_at: self.starts_at,
                missed_runs,
            },
            Kind::Cron => Schedule::Cron {
                expression: self.expression.ok_or_else(|| absent("expression", "a cron expression"))?,
                time_zone: self.time_zone.unwrap_or_else(|| "UTC".to_owned()),
                missed_runs,
            },
        })
    }
}
