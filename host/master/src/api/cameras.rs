//! Cameras and their groups.

mod import;
mod offered;
mod sheet;

use axum::{
    Json,
    extract::{RawQuery, State},
    http::StatusCode,
};
use chrono::{DateTime, Utc};
use easysight_daemon::{body::JsonBody, problem::Error};
use easysight_protocol::{
    Camera, CameraGroup, CameraHealth, CameraPage, CameraRequest, ChangedCamera, Problem, Status,
};
use easysight_store::{CameraFilter, CameraOrder};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    master::Shared,
    problems::{invalid, missing, store_error},
};

use super::{
    by::{By, Within},
    check,
    parameters::{PageQuery, Params, Path, plain, repeated},
    versions::{Conditions, OnlyIf, Tagged},
};

use offered::{KEPT, check_camera, resolve};

pub(super) use import::{__path_import, import};

/// The largest number of characters of a search, which is the length of the longest source.
const MAX_SEARCH: usize = 4_096;
/// All words of `health`.
const HEALTHS: &str = "offline, critical, error, warning, unknown, unchecked, normal, muted";

/// The value by which cameras are sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum CameraSort {
    #[default]
    Id,
    Name,
    Health,
    CheckedAt,
    Since,
}

/// The direction of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Direction {
    #[default]
    Ascending,
    Descending,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CameraQuery {
    /// Only cameras in whose id, name, address (without its secrets), groups or labels (`key=value`) this text occurs,
    /// in upper or lower case. No character has a special meaning. At most 4096 characters.
    #[param(max_length = 4_096, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    q: Option<String>,
    /// Only cameras in this group.
    group: Option<String>,
    /// Only cameras with this status.
    status: Option<Status>,
    /// Only cameras that give no picture (`true`), or only cameras that give one (`false`).
    lost: Option<bool>,
    /// Only cameras that have their status from this diagnosis (`cause` of the camera).
    cause: Option<String>,
    /// Only cameras that were last checked before this time. Cameras that were never checked are left out.
    checked_before: Option<DateTime<Utc>>,
    /// The order: by `id`, by `name` (the case of the letters A to Z does not matter), by `health` (the most urgent
    /// first), by `checked_at` (never checked cameras first), or by `since` (cameras without `since` first). If absent,
    /// `id`. Equal cameras are sorted by id.
    #[param(inline)]
    sort: Option<CameraSort>,
    /// The direction of the order. If absent, `ascending`.
    #[param(inline)]
    direction: Option<Direction>,
    /// If true, the answer contains the number of all matching cameras (`total`).
    count: Option<bool>,
    /// The value of `next` on the previous page of the same order.
    after: Option<String>,
    /// The largest number of items on the page, 1 to 1000. If absent, 100.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<u32>,
}

impl CameraQuery {
    /// Returns the filter. `query` is the text of the query, because `health` may occur in it several times.
    fn filter(&self, query: Option<&str>) -> Result<CameraFilter, Error> {
        let words = self.q.as_deref().map(str::trim).filter(|words| !words.is_empty());
        for (name, value) in
            [("q", self.q.as_deref()), ("group", self.group.as_deref()), ("cause", self.cause.as_deref())]
        {
            plain(name, value)?;
        }
        if self.q.as_ref().is_some_and(|words| words.chars().count() > MAX_SEARCH) {
            let detail = format!("q: at most {MAX_SEARCH} characters are allowed");
            return Err(Error::new(StatusCode::BAD_REQUEST, "invalid-query", detail));
        }
        let order = match self.sort.unwrap_or_default() {
            CameraSort::Id => CameraOrder::Id,
            CameraSort::Name => CameraOrder::Name,
            CameraSort::Health => CameraOrder::Health,
            CameraSort::CheckedAt => CameraOrder::CheckedAt,
            CameraSort::Since => CameraOrder::Since,
        };
        if self.after.as_deref().is_some_and(|mark| !order.knows(mark)) {
            return Err(invalid(
                "/after",
                "this is not the `next` of a page in this order; begin without `after`",
            ));
        }
        plain("after", self.after.as_deref())?;
        Ok(CameraFilter {
            group: self.group.clone(),
            status: self.status,
            lost: self.lost,
            words: words.map(str::to_owned),
            health: repeated(query, "health", CameraHealth::of_word, HEALTHS)?,
            cause: self.cause.clone(),
            checked_before: self.checked_before.map(|at| at.timestamp_millis()),
            order,
            descending: self.direction == Some(Direction::Descending),
        })
    }
}

/// Lists cameras. The parameters search, filter, sort and count them.
#[utoipa::path(get, path = "/api/v1/diagnosis/cameras", tag = "cameras",
    params(CameraQuery, ("health" = Option<Vec<CameraHealth>>, Query,
        description = "Only cameras with this health. Repeat the parameter for several ones: `health=error&health=offline`.")),
    responses((status = 200, body = CameraPage), (status = 422, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn list(
    State(master): State<Shared>,
    Within(area): Within,
    Params(query): Params<CameraQuery>,
    RawQuery(raw): RawQuery,
) -> Result<Json<CameraPage>, Error> {
    let filter = query.filter(raw.as_deref())?;
    let page = PageQuery { after: query.after, limit: query.limit }.page()?;
    let total = async {
        match query.count {
            Some(true) => master.store.count_cameras(&area, &filter).await.map(Some),
            _ => Ok(None),
        }
    };
    let read = futures::try_join!(master.store.cameras(&area, &filter, &page), total);
    let (found, total) = read.map_err(|error| store_error(&error))?;
    Ok(Json(CameraPage { items: found.items, next: found.next, total }))
}

/// Creates a camera.
#[utoipa::path(post, path = "/api/v1/diagnosis/cameras", tag = "cameras", request_body = CameraRequest,
    responses((status = 201, body = Camera, headers(("ETag" = String, description = "The version of the definition. It changes with each change, and with nothing else. Send it as `If-Match`."))),
        (status = 409, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn create(
    State(master): State<Shared>,
    By(actor): By,
    JsonBody(request): JsonBody<CameraRequest>,
) -> Result<(StatusCode, Tagged<Camera>), Error> {
    check_camera(&request)?;
    let id = check::id_or_new(request.id.clone())?;
    let made = master.store.by(actor).create_camera(id, request, master.now_ms()).await;
    let made = made.map_err(|error| store_error(&error))?;
    // A run may wait for this camera.
    master.note_change();
    Ok((StatusCode::CREATED, Tagged(made.camera)))
}

/// Returns a camera.
#[utoipa::path(get, path = "/api/v1/diagnosis/cameras/{id}", tag = "cameras",
    responses((status = 200, body = Camera, headers(("ETag" = String, description = "The version of the definition. It changes with each change, and with nothing else. Send it as `If-Match`."))),
        (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn look_up(
    State(master): State<Shared>,
    Within(area): Within,
    Path(id): Path<String>,
) -> Result<Tagged<Camera>, Error> {
    let found = master.store.camera(&area, &id).await.map_err(|error| store_error(&error))?;
    Ok(Tagged(found.ok_or_else(|| missing("camera", &id))?.camera))
}

/// Changes a camera. Absent fields get their defaults. `***` in the source stands for the stored user and password, and
/// for other stored secrets, if the host is the same.
#[utoipa::path(put, path = "/api/v1/diagnosis/cameras/{id}", tag = "cameras", request_body = CameraRequest,
    params(Conditions),
    responses((status = 200, body = ChangedCamera, headers(("ETag" = String, description = "The version of the definition. It changes with each change, and with nothing else. Send it as `If-Match`."))),
        (status = 404, body = Problem), (status = 412, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn update(
    State(master): State<Shared>,
    within: Within,
    Path(id): Path<String>,
    By(actor): By,
    OnlyIf(condition): OnlyIf,
    JsonBody(mut request): JsonBody<CameraRequest>,
) -> Result<Tagged<ChangedCamera>, Error> {
    if request.id.as_ref().is_some_and(|given| *given != id) {
        return Err(invalid("/id", "the id of a camera cannot be changed"));
    }
    let known = master.store.camera(&within.0, &id).await.map_err(|error| store_error(&error))?;
    let known = known.ok_or_else(|| missing("camera", &id))?;
    let note = resolve(&mut request, &known)?.then(|| KEPT.to_owned());
    let acting = master.store.by(actor).only_if(condition);
    let updated = acting.update_camera(id.clone(), request, master.now_ms()).await;
    if !updated.map_err(|error| store_error(&error))? {
        return Err(missing("camera", &id));
    }
    master.note_change();
    let Tagged(camera) = look_up(State(master), within, Path(id)).await?;
    Ok(Tagged(ChangedCamera { camera, note }))
}

/// Deletes a camera and its measurements. Its findings stay until retention removes them.
#[utoipa::path(delete, path = "/api/v1/diagnosis/cameras/{id}", tag = "cameras", params(Conditions),
    responses((status = 204), (status = 404, body = Problem), (status = 412, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn remove(
    State(master): State<Shared>,
    Path(id): Path<String>,
    By(actor): By,
    OnlyIf(condition): OnlyIf,
) -> Result<StatusCode, Error> {
    let gone = master.store.by(actor).only_if(condition).delete_camera(id.clone(), master.now_ms()).await;
    if gone.map_err(|error| store_error(&error))? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(missing("camera", id))
    }
}

/// Lists the groups of cameras.
#[utoipa::path(get, path = "/api/v1/diagnosis/camera-groups", tag = "cameras",
    responses((status = 200, body = Vec<CameraGroup>), (status = "default", body = Problem)))]
pub(super) async fn groups(
    State(master): State<Shared>,
    Within(area): Within,
) -> Result<Json<Vec<CameraGroup>>, Error> {
    Ok(Json(master.store.camera_groups(&area).await.map_err(|error| store_error(&error))?))
}
