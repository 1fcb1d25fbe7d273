//! Ad-hoc submissions: a source or an upload, judged once.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{
        FromRequest, Multipart, Path, Query, Request, State, multipart::Field, rejection::QueryRejection,
    },
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use easysight_capture::Source;
use easysight_daemon::{
    body::{Gathered, MAX_HEARD_BYTES, broken, gather, parse_json},
    problem::Error,
};
use easysight_diagnose::Plan;
use easysight_protocol::{Submission, SubmissionId, SubmissionRequest, SubmissionState};
use easysight_sandbox::Limits;
use serde::Deserialize;
use tempfile::{NamedTempFile, TempPath};
use tokio::io::AsyncWriteExt;

use crate::jobs::Refused;

use super::{Desk, MAX_JSON_BYTES, MAX_WAIT};

/// Submissions that one page of the list has at the most.
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

/// What a body holds.
struct Body {
    request: SubmissionRequest,
    upload: Option<Upload>,
}

struct Upload {
    /// As the client calls it, for showing.
    name: String,
    path: TempPath,
}

pub(super) async fn submit(
    State(node): State<Arc<Desk>>,
    query: Result<Query<WaitQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Error> {
    let wait = wait(query)?;
    if node.jobs.is_draining() {
        return Err(refused(Refused::Draining));
    }
    let Body { request, upload } = read_body(&node, request).await?;
    let invalid = |field: &str, detail: String| {
        Error::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-request", detail).at(field)
    };
    let plan = Plan::new(&node.library.current(), &request.diagnoses, &request.config, Limits::default())
        .map_err(|error| {
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
                    "files of the worker's machine may not be named here (--file-sources); upload the clip";
                return Err(Error::new(StatusCode::FORBIDDEN, "file-sources-denied", detail).at("/source"));
            }
            let shown = source.to_string();
            (source, shown, None)
        }
    };
    let submission = node.jobs.submit(plan, source, shown, upload).map_err(refused)?;
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

/// 200 with what came out once there is something; 202 and where to look again before.
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
            "as many jobs wait as may; try again later or ask another worker",
        )
        .retry_after(after),
        Refused::Draining => Error::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "draining",
            "the worker is about to stop; ask another one",
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

async fn read_body(node: &Desk, request: Request) -> Result<Body, Error> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|text| text.split(';').next()).map(str::trim).unwrap_or_default();
    if essence.eq_ignore_ascii_case("application/json") {
        let json = gather(request.into_body(), MAX_JSON_BYTES).await?;
        return Ok(Body { request: parse_json(&json)?, upload: None });
    }
    if essence.eq_ignore_ascii_case("multipart/form-data") {
        let parts = Multipart::from_request(request, &()).await.map_err(|rejection| broken(&rejection))?;
        return read_parts(node, parts).await;
    }
    let detail = "send application/json, or multipart/form-data with the parts `request` and `clip`";
    Err(Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail))
}

async fn read_parts(node: &Desk, mut parts: Multipart) -> Result<Body, Error> {
    let mut body = Body { request: SubmissionRequest::default(), upload: None };
    loop {
        let Some(mut part) = parts.next_field().await.map_err(|error| broken(&error))? else {
            return Ok(body);
        };
        match part.name() {
            Some("request") => {
                let mut json = Gathered::up_to(MAX_JSON_BYTES);
                while let Some(chunk) = part.chunk().await.map_err(|error| broken(&error))? {
                    json.add(&chunk)?;
                }
                body.request = parse_json(&json.complete()?)?;
            }
            Some("clip") if body.upload.is_none() => body.upload = Some(keep(node, part).await?),
            other => {
                let detail =
                    format!("the part {other:?} is one too many: `request` and `clip` are taken, once each");
                return Err(Error::new(StatusCode::BAD_REQUEST, "invalid-body", detail));
            }
        }
    }
}

/// Writes an upload to disk as it arrives.
async fn keep(node: &Desk, mut part: Field<'_>) -> Result<Upload, Error> {
    let failed = |error: std::io::Error| {
        tracing::error!(%error, "an upload cannot be kept");
        let status = if error.kind() == std::io::ErrorKind::StorageFull {
            StatusCode::INSUFFICIENT_STORAGE
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        };
        Error::new(status, "upload-failed", format!("the upload cannot be kept: {error}"))
    };
    let name = part.file_name().unwrap_or("upload");
    let name = name.chars().filter(|c| !c.is_control()).take(200).collect();
    let dir = node.settings.data_dir.join("uploads");
    let (file, path) =
        tokio::task::spawn_blocking(move || NamedTempFile::new_in(dir).map(NamedTempFile::into_parts))
            .await
            .map_err(|e| failed(std::io::Error::other(e)))?
            .map_err(failed)?;
    let mut file = tokio::fs::File::from_std(file);
    let granted = node.settings.max_upload;
    let mut seen = 0_u64;
    while let Some(chunk) = part.chunk().await.map_err(|error| broken(&error))? {
        seen = seen.saturating_add(chunk.len() as u64);
        if seen <= granted {
            file.write_all(&chunk).await.map_err(failed)?;
        } else if seen > granted.saturating_add(MAX_HEARD_BYTES as u64) {
            break;
        }
    }
    if seen > granted {
        let detail =
            format!("the upload is larger than the {granted} bytes that the worker takes (--max-upload)");
        return Err(Error::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail));
    }
    file.flush().await.map_err(failed)?;
    Ok(Upload { name, path })
}
