//! Cameras and their groups.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::StatusCode,
};
use easysight_daemon::{
    body::{JsonBody, gather},
    problem::Error,
};
use easysight_protocol::{Camera, CameraGroup, CameraRequest, Labels, Page, Problem, Status, masked_source};
use easysight_store::{CameraFilter, CameraRepository};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::master::{Shared, now_ms};

use super::{PageQuery, Params, check, invalid, missing, store_error};

/// Bytes of an import, and lines of it.
const MAX_IMPORT_BYTES: usize = 16 << 20;
const MAX_IMPORT_LINES: usize = 50_000;
/// Problems of an import that are told.
const MAX_PROBLEMS: usize = 100;
/// Groups of one camera.
const MAX_GROUPS: usize = 64;

#[derive(Debug, Deserialize, IntoParams)]
pub(super) struct CameraQuery {
    /// Only those in this group.
    group: Option<String>,
    /// Only those whose last job had this status.
    status: Option<Status>,
    after: Option<String>,
    limit: Option<u32>,
}

/// Lists cameras in the order of their ids.
#[utoipa::path(get, path = "/api/v1/diagnosis/cameras", tag = "cameras", params(CameraQuery),
    responses((status = 200, body = Page<Camera>), (status = "default", body = Problem)))]
pub(super) async fn list(
    State(master): State<Shared>,
    Params(query): Params<CameraQuery>,
) -> Result<Json<Page<Camera>>, Error> {
    let filter = CameraFilter { group: query.group, status: query.status };
    let page = PageQuery { after: query.after, limit: query.limit }.page()?;
    Ok(Json(master.store.cameras(&filter, &page).await.map_err(|error| store_error(&error))?))
}

/// Makes a camera.
#[utoipa::path(post, path = "/api/v1/diagnosis/cameras", tag = "cameras", request_body = CameraRequest,
    responses((status = 201, body = Camera), (status = 409, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn create(
    State(master): State<Shared>,
    JsonBody(request): JsonBody<CameraRequest>,
) -> Result<(StatusCode, Json<Camera>), Error> {
    check_camera(&request, "")?;
    let id = check::id_or_new(request.id.clone())?;
    let made = master.store.create_camera(id, request, now_ms()).await.map_err(|e| store_error(&e))?;
    // A run may wait for exactly this camera.
    master.note_change();
    Ok((StatusCode::CREATED, Json(made.camera)))
}

/// Looks a camera up.
#[utoipa::path(get, path = "/api/v1/diagnosis/cameras/{id}", tag = "cameras",
    responses((status = 200, body = Camera), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn look_up(
    State(master): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Camera>, Error> {
    let found = master.store.camera(&id).await.map_err(|error| store_error(&error))?;
    Ok(Json(found.ok_or_else(|| missing("camera", &id))?.camera))
}

/// Changes a camera; what is absent takes its default again.
#[utoipa::path(put, path = "/api/v1/diagnosis/cameras/{id}", tag = "cameras", request_body = CameraRequest,
    responses((status = 200, body = Camera), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn update(
    State(master): State<Shared>,
    Path(id): Path<String>,
    JsonBody(mut request): JsonBody<CameraRequest>,
) -> Result<Json<Camera>, Error> {
    if request.id.as_ref().is_some_and(|given| *given != id) {
        return Err(invalid("/id", "a camera keeps its id"));
    }
    let known = master.store.camera(&id).await.map_err(|error| store_error(&error))?;
    let known = known.ok_or_else(|| missing("camera", &id))?;
    // What was shown masked and comes back so, was not changed.
    if request.source == masked_source(&known.source) {
        request.source = known.source;
    }
    check_camera(&request, "")?;
    let updated = master.store.update_camera(id.clone(), request, now_ms()).await;
    if !updated.map_err(|error| store_error(&error))? {
        return Err(missing("camera", &id));
    }
    master.note_change();
    look_up(State(master), Path(id)).await
}

/// Removes a camera. Its findings stay until they are pruned.
#[utoipa::path(delete, path = "/api/v1/diagnosis/cameras/{id}", tag = "cameras",
    responses((status = 204), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn remove(
    State(master): State<Shared>,
    Path(id): Path<String>,
) -> Result<StatusCode, Error> {
    let gone = master.store.delete_camera(id.clone()).await.map_err(|error| store_error(&error))?;
    if gone { Ok(StatusCode::NO_CONTENT) } else { Err(missing("camera", id)) }
}

/// Lists the groups that cameras are in.
#[utoipa::path(get, path = "/api/v1/diagnosis/camera-groups", tag = "cameras",
    responses((status = 200, body = Vec<CameraGroup>), (status = "default", body = Problem)))]
pub(super) async fn groups(State(master): State<Shared>) -> Result<Json<Vec<CameraGroup>>, Error> {
    Ok(Json(master.store.camera_groups().await.map_err(|error| store_error(&error))?))
}

/// A line of an import.
#[derive(Debug, Deserialize)]
struct Line {
    id: Option<String>,
    name: String,
    source: String,
    #[serde(default)]
    groups: String,
    #[serde(default)]
    labels: String,
    #[serde(default)]
    enabled: Option<String>,
}

/// What an import did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImportAnswer {
    /// Cameras that are new.
    created: u64,
    /// Cameras that were changed.
    updated: u64,
    /// Lines that were refused; the others were taken.
    problems: Vec<LineProblem>,
}

/// A line that was refused.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LineProblem {
    /// Counted from 1, the header included.
    line: u64,
    /// What is wrong with it.
    detail: String,
}

/// Makes or changes many cameras: CSV (UTF-8) with a header line and the columns `id`, `name`,
/// `source`, `groups` (separated by `;`), `labels` (`key=value` separated by `;`), `enabled`; only
/// `name` and `source` must be there.
#[utoipa::path(post, path = "/api/v1/diagnosis/cameras/import", tag = "cameras",
    request_body(content = String, content_type = "text/csv"),
    responses((status = 200, body = ImportAnswer), (status = "default", body = Problem)))]
pub(super) async fn import(State(master): State<Shared>, body: Body) -> Result<Json<ImportAnswer>, Error> {
    let bytes = gather(body, MAX_IMPORT_BYTES).await?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(text);
    let headers = reader.headers().map_err(|error| invalid("", error.to_string()))?.clone();
    for wanted in ["name", "source"] {
        if !headers.iter().any(|header| header == wanted) {
            return Err(invalid("", format!("the first line must name the columns; `{wanted}` is missing")));
        }
    }
    let (mut cameras, mut problems) = (Vec::new(), Vec::new());
    for (at, line) in reader.deserialize::<Line>().enumerate() {
        if at >= MAX_IMPORT_LINES {
            return Err(invalid("", format!("at most {MAX_IMPORT_LINES} cameras are taken at a time")));
        }
        let number = at as u64 + 2;
        match line.map_err(|error| error.to_string()).and_then(read_line) {
            Ok(camera) => cameras.push(camera),
            Err(detail) if problems.len() < MAX_PROBLEMS => {
                problems.push(LineProblem { line: number, detail });
            }
            Err(_) => {}
        }
    }
    let done = master.store.import_cameras(cameras, now_ms()).await.map_err(|error| store_error(&error))?;
    master.note_change();
    Ok(Json(ImportAnswer { created: done.created, updated: done.updated, problems }))
}

fn read_line(line: Line) -> Result<(String, CameraRequest), String> {
    let parts = |text: &str| -> Vec<String> {
        text.split(';').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    let mut labels = Labels::new();
    for part in parts(&line.labels) {
        let (key, value) = part.split_once('=').ok_or_else(|| format!("labels: {part:?} is no key=value"))?;
        labels.insert(key.trim().to_owned(), value.trim().to_owned());
    }
    let enabled = match line.enabled.as_deref().unwrap_or("") {
        "" | "true" | "yes" | "1" => true,
        "false" | "no" | "0" => false,
        other => return Err(format!("enabled: true or false is wanted, not {other:?}")),
    };
    let request = CameraRequest {
        id: None,
        name: line.name,
        source: line.source,
        enabled,
        labels,
        groups: parts(&line.groups),
    };
    let said = |error: Error| error.detail().to_owned();
    check_camera(&request, "").map_err(said)?;
    let id = check::id_or_new(line.id.filter(|id| !id.is_empty())).map_err(said)?;
    Ok((id, request))
}

fn check_camera(request: &CameraRequest, at: &str) -> Result<(), Error> {
    check::name(&format!("{at}/name"), &request.name)?;
    check::source(&format!("{at}/source"), &request.source)?;
    check::labels(&format!("{at}/labels"), &request.labels)?;
    check::names(&format!("{at}/groups"), &request.groups, MAX_GROUPS)
}
