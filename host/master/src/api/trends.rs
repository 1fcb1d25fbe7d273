//! The history of a camera: its metrics, and the results of its diagnoses.

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use easysight_daemon::problem::Error;
use easysight_protocol::{CameraSeries, CameraTimeline, Problem};
use easysight_store::{MAX_SERIES, Span};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    master::Shared,
    problems::{missing, store_error},
};

use super::{
    by::Within,
    parameters::{Params, Path},
};

/// The number of buckets if a request does not state one.
const POINTS: u32 = 500;
const FEWEST_POINTS: u32 = 10;
const MOST_POINTS: u32 = 2_000;
/// The period that an answer covers if a request does not state one, in milliseconds: 30 days.
const USUAL_MS: i64 = 30 * 86_400_000;
/// The maximum length of a diagnosis's id, in characters.
const LONGEST_ID: usize = 200;
/// The maximum length of a list of metrics, in characters.
const LONGEST_LIST: usize = 4_096;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SeriesQuery {
    /// The id of the diagnosis.
    #[param(min_length = 1, max_length = 200)]
    diagnosis: String,
    /// The names of up to 32 metrics, separated by commas. If absent, the answer has the first 32 metrics of the
    /// diagnosis in the order of their names; `omitted` is the number of the others.
    #[param(min_length = 1, max_length = 4_096)]
    metric: Option<String>,
    /// Only clips that were captured at this time or later. If absent, 30 days before `until`.
    since: Option<DateTime<Utc>>,
    /// Only clips that were captured before this time. If absent, now. If it is not after `since`, the answer is empty.
    until: Option<DateTime<Utc>>,
    /// The largest number of buckets, 10 to 2000. If absent, 500.
    #[param(minimum = 10, maximum = 2_000)]
    points: Option<u32>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TimelineQuery {
    /// Only clips that were captured at this time or later. If absent, 30 days before `until`.
    since: Option<DateTime<Utc>>,
    /// Only clips that were captured before this time. If absent, now. If it is not after `since`, the answer is empty.
    until: Option<DateTime<Utc>>,
    /// The largest number of cells in a row, 10 to 2000. If absent, 500.
    #[param(minimum = 10, maximum = 2_000)]
    points: Option<u32>,
}

/// Returns the metrics of a diagnosis of a camera over time. The time is divided into buckets of equal duration. A
/// bucket has the lowest, the highest and the last value, so that no spike is lost. Measurements are kept for
/// `--measurements-days`, usually longer than findings, so the job with an old `job_id` may no longer exist.
#[utoipa::path(get, path = "/api/v1/diagnosis/cameras/{id}/series", tag = "cameras", operation_id = "camera_series",
    params(SeriesQuery),
    responses((status = 200, body = CameraSeries), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn series(
    State(master): State<Shared>,
    Within(area): Within,
    Path(id): Path<String>,
    Params(query): Params<SeriesQuery>,
) -> Result<Json<CameraSeries>, Error> {
    let is_named = |text: &str, longest: usize| (1..=longest).contains(&text.chars().count());
    if !is_named(&query.diagnosis, LONGEST_ID) {
        return Err(refused(format!("diagnosis: expected an id of 1 to {LONGEST_ID} characters")));
    }
    let metrics: Vec<String> = match &query.metric {
        Some(list) if !is_named(list, LONGEST_LIST) => {
            return Err(refused(format!("metric: expected names in 1 to {LONGEST_LIST} characters")));
        }
        Some(list) => list.split(',').map(str::to_owned).collect(),
        None => Vec::new(),
    };
    if metrics.len() > MAX_SERIES {
        return Err(refused(format!("metric: expected at most {MAX_SERIES} names")));
    }
    let now = master.now_ms();
    let span = span_of(query.since, query.until, query.points, now)?;
    let found = master.store.series(&area, &id, &query.diagnosis, &metrics, span, now).await;
    Ok(Json(found.map_err(|error| store_error(&error))?.ok_or_else(|| missing("camera", &id))?))
}

/// Returns the results of a camera's diagnoses over time. The time is divided into cells of equal duration. A cell has
/// the worst finding of its checks, and the job of this finding. Cells without a check are absent. Measurements are
/// kept for `--measurements-days`, usually longer than findings, so the job with an old `job_id` may no longer exist.
#[utoipa::path(get, path = "/api/v1/diagnosis/cameras/{id}/timeline", tag = "cameras",
    operation_id = "camera_timeline", params(TimelineQuery),
    responses((status = 200, body = CameraTimeline), (status = 404, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn timeline(
    State(master): State<Shared>,
    Within(area): Within,
    Path(id): Path<String>,
    Params(query): Params<TimelineQuery>,
) -> Result<Json<CameraTimeline>, Error> {
    let now = master.now_ms();
    let span = span_of(query.since, query.until, query.points, now)?;
    let found = master.store.timeline(&area, &id, span, now).await;
    Ok(Json(found.map_err(|error| store_error(&error))?.ok_or_else(|| missing("camera", &id))?))
}

fn span_of(
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    points: Option<u32>,
    now: i64,
) -> Result<Span, Error> {
    let points = points.unwrap_or(POINTS);
    if !(FEWEST_POINTS..=MOST_POINTS).contains(&points) {
        return Err(refused(format!("points: expected a number from {FEWEST_POINTS} to {MOST_POINTS}")));
    }
    let until = until.map_or(now.saturating_add(1), |until| until.timestamp_millis());
    let since = since.map_or(until.saturating_sub(USUAL_MS), |since| since.timestamp_millis());
    Ok(Span { since, until, points })
}

fn refused(detail: String) -> Error {
    Error::new(StatusCode::BAD_REQUEST, "invalid-query", detail)
}
