//! Replays: which stored verdicts another limit of a metric would have changed. Nothing is run or stored.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use easysight_daemon::problem::Error;
use easysight_protocol::{LimitSide, MetricLimit, Problem, Replay, ReplayChecks, ReplayLimits, UntoldLimit};
use easysight_store::{Area, OtherLimit, ReplayCameras, ReplayScope, Replayed};
use serde::Deserialize;
use tokio::{sync::MutexGuard, time::timeout};
use utoipa::IntoParams;

use crate::{
    declared,
    master::{Master, Shared},
    problems::{missing, store_error},
};

use super::{
    by::Within,
    parameters::{Params, bounded, plain},
};

const DAY_MS: i64 = 86_400_000;
/// The number of days if a request does not state one.
const DAYS: u32 = 30;
const MOST_DAYS: u32 = 90;
/// The number of cameras in an answer if a request does not state one.
const CAMERAS: u32 = 100;
const MOST_CAMERAS: u32 = 1_000;
/// The maximum length of an id or a name, in characters.
const LONGEST_ID: usize = 200;
/// The maximum length of a list of cameras, in characters.
const LONGEST_LIST: usize = 4_096;
/// How long a replay waits for the one before it.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ScopeQuery {
    /// The id of the diagnosis.
    #[param(min_length = 1, max_length = 200)]
    diagnosis: String,
    /// The ids of cameras, separated by commas. If `camera`, `group` and `task` are absent, all cameras; otherwise all
    /// cameras that at least one of them names.
    #[param(min_length = 1, max_length = 4_096)]
    camera: Option<String>,
    /// The cameras of this group.
    #[param(min_length = 1, max_length = 200)]
    group: Option<String>,
    /// The cameras of this task.
    #[param(min_length = 1, max_length = 200)]
    task: Option<String>,
    /// Leaves out cameras without this label: `key=value`, or `key` for any value.
    label: Option<String>,
    /// The number of days before now, 1 to 90. If absent, 30.
    #[param(minimum = 1, maximum = 90)]
    days: Option<u32>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OtherQuery {
    /// The name of the metric whose limit is replaced. The metric must have decided verdicts.
    #[param(min_length = 1, max_length = 200)]
    metric: String,
    /// The limit that replaces the present ones, in the unit of the metric.
    threshold: f64,
    /// The side on which values raise an alarm, if the metric has limits on both sides. If absent, the side that
    /// decided more verdicts.
    #[param(inline)]
    side: Option<LimitSide>,
    /// The only present limit to replace, if there are several. It is one of `thresholds` of the limit. If absent, all
    /// are replaced.
    from: Option<f64>,
    /// The largest number of cameras in `changes`, 1 to 1000. If absent, 100.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<u32>,
}

/// Returns the limits by which a diagnosis decided its verdicts: the present limits of each metric, the side on which
/// values raised an alarm, and how many verdicts follow from that. One replay is computed at a time; a request that
/// waits for its turn for more than 10 seconds gets 503.
#[utoipa::path(get, path = "/api/v1/diagnosis/replay/limits", tag = "replay",
    params(ScopeQuery),
    responses((status = 200, body = ReplayLimits), (status = 404, body = Problem), (status = 503, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn limits(
    State(master): State<Shared>,
    Within(area): Within,
    Params(query): Params<ScopeQuery>,
) -> Result<Json<ReplayLimits>, Error> {
    let now = master.now_ms();
    let scope = query.scope(&master, &area, now).await?;
    let _turn = turn(&master).await?;
    let mut found =
        master.store.replay_limits(&area, &scope, now).await.map_err(|error| store_error(&error))?;
    for limit in &mut found.limits {
        name_settings(&master, &scope.diagnosis, limit);
    }
    Ok(Json(found))
}

/// Replays the checks of the last days with another limit of a metric: returns which verdicts would become alarms,
/// which would no longer be alarms, and of which cameras. The stored measurements are evaluated; no plugin is run, and
/// nothing is changed. The rule is: a verdict is an alarm if the metric that decided it is beyond its limit.
/// `checks.explained` is the number of stored verdicts that this rule reproduces with the present limits. A verdict is
/// counted as undetermined if the stored data do not show whether it would change. The replay does not know what
/// plugins would have learnt with the other limit. If no verdict or no such limit is stored, the answer is 404. One
/// replay is computed at a time; a request that waits for its turn for more than 10 seconds gets 503.
#[utoipa::path(get, path = "/api/v1/diagnosis/replay", tag = "replay",
    params(ScopeQuery, OtherQuery),
    responses((status = 200, body = Replay), (status = 404, body = Problem),
        (status = 503, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn replay(
    State(master): State<Shared>,
    Within(area): Within,
    Params(query): Params<ScopeQuery>,
    Params(other): Params<OtherQuery>,
) -> Result<Json<Replay>, Error> {
    let now = master.now_ms();
    let other = other.other()?;
    let scope = query.scope(&master, &area, now).await?;
    let _turn = turn(&master).await?;
    let found = master.store.replay(&area, &scope, &other, now).await.map_err(|error| store_error(&error))?;
    match found {
        Replayed::Done(mut replay) => {
            name_settings(&master, &scope.diagnosis, &mut replay.limit);
            Ok(Json(*replay))
        }
        Replayed::NoVerdicts(checks) => Err(nothing(&scope, &checks)),
        Replayed::NoSuchLimit { limits, untold } => Err(no_limit(&scope, &other, &limits, &untold)),
    }
}

/// Waits for the turn of a replay. One is computed at a time, so that it takes at most one connection and one
/// processor.
async fn turn(master: &Master) -> Result<MutexGuard<'_, ()>, Error> {
    timeout(PATIENCE, master.replay_turn.lock()).await.map_err(|_| {
        let detail = "another replay is being computed; try again in a moment";
        Error::new(StatusCode::SERVICE_UNAVAILABLE, "replay-busy", detail).retry_after(Duration::from_secs(5))
    })
}

fn name_settings(master: &Master, diagnosis: &str, limit: &mut MetricLimit) {
    if let Some(schema) = master.registry.active().schema_of(diagnosis) {
        limit.settings = declared::settings_of(schema, diagnosis, &limit.metric, limit.side);
    }
}

impl ScopeQuery {
    async fn scope(self, master: &Master, area: &Area, now: i64) -> Result<ReplayScope, Error> {
        let days = bounded("days", self.days, DAYS, MOST_DAYS)?;
        named("diagnosis", &self.diagnosis)?;
        let mut cameras = ReplayCameras::default();
        if let Some(list) = &self.camera {
            if !(1..=LONGEST_LIST).contains(&list.chars().count()) {
                return Err(refused(format!("camera: expected ids in 1 to {LONGEST_LIST} characters")));
            }
            plain("camera", Some(list))?;
            for id in list.split(',') {
                let found = master.store.camera(area, id).await.map_err(|error| store_error(&error))?;
                cameras.ids.push(found.ok_or_else(|| missing("camera", id))?.camera.id);
            }
        }
        if let Some(group) = self.group {
            named("group", &group)?;
            cameras.groups.push(group);
        }
        if let Some(id) = &self.task {
            named("task", id)?;
            let task = master.store.task(area, id).await.map_err(|error| store_error(&error))?;
            let definition = task.ok_or_else(|| missing("task", id))?.definition;
            cameras.ids.extend(definition.cameras);
            cameras.groups.extend(definition.groups);
        }
        if let Some(label) = &self.label {
            plain("label", Some(label))?;
            let (key, value) =
                label.split_once('=').map_or((label.as_str(), None), |(key, value)| (key, Some(value)));
            cameras.label = Some((key.to_owned(), value.map(str::to_owned)));
        }
        Ok(ReplayScope {
            diagnosis: self.diagnosis,
            cameras,
            since: now.saturating_sub(i64::from(days) * DAY_MS),
            until: now.saturating_add(1),
        })
    }
}

impl OtherQuery {
    fn other(self) -> Result<OtherLimit, Error> {
        named("metric", &self.metric)?;
        for (name, number) in [("threshold", Some(self.threshold)), ("from", self.from)] {
            if number.is_some_and(|number| !number.is_finite()) {
                return Err(refused(format!("{name}: expected a finite number")));
            }
        }
        let limit = bounded("limit", self.limit, CAMERAS, MOST_CAMERAS)? as usize;
        Ok(OtherLimit {
            metric: self.metric,
            side: self.side,
            from: self.from,
            threshold: self.threshold,
            limit,
        })
    }
}

fn named(name: &str, value: &str) -> Result<(), Error> {
    if !(1..=LONGEST_ID).contains(&value.chars().count()) {
        return Err(refused(format!("{name}: expected 1 to {LONGEST_ID} characters")));
    }
    plain(name, Some(value))
}

fn nothing(scope: &ReplayScope, checks: &ReplayChecks) -> Error {
    let without = match checks.without_verdict {
        0 => String::new(),
        some => format!("; {some} checks gave no verdict, such as inconclusive"),
    };
    let detail = format!(
        "the measured checks of these cameras and days have no verdict of `{}`{without}. Choose more cameras or more days",
        scope.diagnosis
    );
    Error::new(StatusCode::NOT_FOUND, "nothing-to-replay", detail)
}

fn no_limit(
    scope: &ReplayScope,
    other: &OtherLimit,
    limits: &[MetricLimit],
    untold: &[UntoldLimit],
) -> Error {
    let is_limit = limits.iter().any(|one| one.metric == other.metric);
    if let (false, Some(one)) = (is_limit, untold.iter().find(|one| one.metric == other.metric)) {
        let detail = format!(
            "the {} verdicts that `{}` decided do not show on which side of its limit it raises an alarm; the verdicts \
             of more cameras or more days may show it",
            one.verdicts, one.metric
        );
        return Error::new(StatusCode::NOT_FOUND, "no-such-limit", detail);
    }
    let side =
        other.side.map_or_else(String::new, |side| format!(" by a limit with alarms {} it", side.as_str()));
    let from = other.from.map_or_else(String::new, |from| format!(" by the limit {from}"));
    let known: Vec<String> = limits
        .iter()
        .map(|one| {
            let least =
                one.thresholds.iter().map(|one| one.threshold.to_string()).collect::<Vec<_>>().join(" or ");
            format!("{} (alarms {} {least})", one.metric, one.side.as_str())
        })
        .collect();
    let known = if known.is_empty() {
        "no metric did, so there is nothing to replay".to_owned()
    } else {
        format!("these metrics did: {}", known.join(", "))
    };
    let detail =
        format!("`{}` decided no verdict of `{}`{side}{from}; {known}", other.metric, scope.diagnosis);
    Error::new(StatusCode::NOT_FOUND, "no-such-limit", detail)
}

fn refused(detail: String) -> Error {
    Error::new(StatusCode::BAD_REQUEST, "invalid-query", detail)
}
