//! Ad-hoc submissions: a source or an upload is judged once.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Path, Query, Request, State, rejection::QueryRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use easysight_capture::Source;
use easysight_daemon::{
    problem::Error,
    requests::RequestOrigin,
    upload::{SubmissionBody, read_submission},
};
use easysight_diagnose::Plan;
use easysight_protocol::{Submission, SubmissionId, SubmissionState};
use serde::Deserialize;

use crate::jobs::Refused;

use super::{Desk, MAX_WAIT};

/// The maximum number of submissions in one list.
const MAX_LISTED: usize = 1_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WaitQuery {
    #[serde(default)]
    wait_ms: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    state: Option<SubmissionState>,
    limit: Option<usize>,
}

pub(super) async fn submit(
    State(node): State<Arc<Desk>>,
    query: Result<Query<WaitQuery>, QueryRejection>,
    RequestOrigin(origin): RequestOrigin,
    request: Request,
) -> Result<Response, Error> {
    let wait = wait(query)?;
    if node.jobs.is_draining() {
        return Err(refused(Refused::Draining));
    }
    let dir = node.settings.uploads_dir();
    let SubmissionBody { request, upload } = read_submission(request, &dir, node.settings.max_upload).await?;
    let invalid = |field: &str, detail: String| {
        Error::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-request", detail).at(field)
    };
    // A submission sets no limits, so the node's ceilings apply.
    let limits = node.library.limits();
    let plan = Plan::new(&node.library.current(), &request.diagnoses, &request.config, limits);
    let plan = plan.map_err(|error| {
        if error.field.is_empty() {
            Error::new(StatusCode::SERVICE_UNAVAILABLE, "no-plugins", error.detail)
        } else {
            invalid(&error.field, error.detail)
        }
    })?;
    let (source, shown, upload) = match (request.source, upload) {
        (Some(_), Some(_)) => {
            return Err(invalid("/source", "give a source or upload a clip, not both".into()));
        }
        (None, None) => {
            let detail = "give a source, or upload a picture or a clip as the part `clip`";
            return Err(invalid("/source", detail.into()));
        }
        (None, Some(upload)) => (Source::from(&*upload.path), upload.name, Some(upload.path)),
        (Some(source), None) => {
            let source: Source = source.parse().map_err(|e| invalid("/source", format!("{e}")))?;
            if matches!(source, Source::File(_)) && !node.settings.takes_files() {
                let detail =
                    "this worker accepts no files on its own machine (--file-sources); upload the clip";
                return Err(Error::new(StatusCode::FORBIDDEN, "file-sources-denied", detail).at("/source"));
            }
            let shown = source.to_string();
            (source, shown, None)
        }
    };
    let submission = node.jobs.submit(plan, source, shown, upload, &origin).map_err(refused)?;
    let id = submission.id;
    let submission = node.jobs.look_up(id, wait).await.unwrap_or(submission);
    Ok(answer(&submission, true))
}

pub(super) async fn look_up(
    State(node): State<Arc<Desk>>,
    id: Path<String>,
    query: Result<Query<WaitQuery>, QueryRejection>,
) -> Result<Response, Error> {
    let wait = wait(query)?;
    let missing = || {
        let detail = "there is no such submission, or it ended so long ago that it is no longer kept";
        Error::new(StatusCode::NOT_FOUND, "no-such-submission", detail)
    };
    let id: SubmissionId = id.parse().map_err(|_| missing())?;
    let submission = node.jobs.look_up(id, wait).await.ok_or_else(missing)?;
    Ok(answer(&submission, false))
}

/// Returns the evidence picture of a submission's findings.
pub(super) async fn picture(State(node): State<Arc<Desk>>, id: Path<String>) -> Result<Response, Error> {
    let missing = || {
        let detail =
            "there is no picture: nothing is abnormal, the submission has not ended, or it is no longer kept";
        Error::new(StatusCode::NOT_FOUND, "no-such-picture", detail)
    };
    let id: SubmissionId = id.parse().map_err(|_| missing())?;
    let picture = node.jobs.picture(id).ok_or_else(missing)?;
    let headers = [
        (header::CONTENT_TYPE, "image/jpeg".to_owned()),
        (header::CACHE_CONTROL, "private, max-age=31536000, immutable".to_owned()),
        (header::ETAG, format!("\"{}\"", picture.digest)),
    ];
    Ok((headers, picture.jpeg).into_response())
}

pub(super) async fn list(
    State(node): State<Arc<Desk>>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Vec<Submission>>, Error> {
    let Query(query) = query.map_err(|rejection| bad_query(&rejection))?;
    let limit = query.limit.unwrap_or(100);
    if limit > MAX_LISTED {
        return Err(Error::new(
            StatusCode::BAD_REQUEST,
            "invalid-query",
            format!("limit is at most {MAX_LISTED}"),
        ));
    }
    Ok(Json(node.jobs.list(query.state, limit)))
}

/// Answers with a submission. The status is 202 if the submission was just created and has not ended, else 200. For a
/// new submission, the header `Location` names the path of later requests.
fn answer(submission: &Submission, created: bool) -> Response {
    let ended = matches!(submission.state, SubmissionState::Finished | SubmissionState::Failed);
    let status = if ended || !created { StatusCode::OK } else { StatusCode::ACCEPTED };
    let mut response = (status, Json(submission)).into_response();
    let location = format!("/api/v1/diagnosis/submissions/{}", submission.id);
    if created && let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn refused(refused: Refused) -> Error {
    match refused {
        Refused::Full(after) => Error::new(
            StatusCode::TOO_MANY_REQUESTS,
            "queue-full",
            "the queue is full; try again later or use another worker",
        )
        .retry_after(after),
        Refused::Draining => Error::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "draining",
            "the worker is about to stop; use another one",
        )
        .retry_after(Duration::from_secs(5)),
    }
}

fn wait(query: Result<Query<WaitQuery>, QueryRejection>) -> Result<Duration, Error> {
    let Query(query) = query.map_err(|rejection| bad_query(&rejection))?;
    let wait = Duration::from_millis(query.wait_ms);
    if wait > MAX_WAIT {
        let detail = format!("wait_ms is at most {}", MAX_WAIT.as_millis());
        return Err(Error::new(StatusCode::BAD_REQUEST, "invalid-query", detail));
    }
    Ok(wait)
}

fn bad_query(rejection: &QueryRejection) -> Error {
    Error::new(StatusCode::BAD_REQUEST, "invalid-query", rejection.body_text())
}
