//! Cameras and their groups.

mod import;
mod offered;
mod sheet;

use axum::{Json, extract::State, http::StatusCode};
use easysight_daemon::{body::JsonBody, problem::Error};
use easysight_protocol::{Camera, CameraGroup, CameraRequest, ChangedCamera, Page, Problem, Status};
use easysight_store::CameraFilter;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    master::Shared,
    problems::{invalid, missing, store_error},
};

use super::{
    check,
    parameters::{PageQuery, Params, Path},
};

use offered::{KEPT, check_camera, resolve};

pub(super) use import::{__path_import, import};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CameraQuery {
    /// Only cameras in this group.
    group: Option<String>,
    /// Only cameras with this status.
    status: Option<Status>,
    /// Only cameras that give no picture (`true`), or only cameras that give one (`false`).
    lost: Option<bool>,
    /// The value of `next` on the previous page.
    after: Option<String>,
    /// The largest number of items on the page, 1 to 1000. If absent, 100.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<u32>,
}

/// Lists cameras in the order of their ids.
#[utoipa::path(get, path = "/api/v1/diagnosis/cameras", tag = "cameras", params(CameraQuery),
    responses((status = 200, body = Page<Camera>), (status = "default", body = Problem)))]
pub(super) async fn list(
    State(master): State<Shared>,
    Params(query): Params<CameraQuery>,
) -> Result<Json<Page<Camera>>, Error> {
    let filter = CameraFilter { group: query.group, status: query.status, lost: query.lost };
    let page = PageQuery { after: query.after, limit: query.limit }.page()?;
    Ok(Json(master.store.cameras(&filter, &page).await.map_err(|error| store_error(&error))?))
}

/// Creates a camera.
#[utoipa::path(post, path = "/api/v1/diagnosis/cameras", tag = "cameras", request_body = CameraRequest,
    responses((status = 201, body = Camera), (status = 409, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn create(
    State(master): State<Shared>,
    JsonBody(request): JsonBody<CameraRequest>,
) -> Result<(StatusCode, Json<Camera>), Error> {
    check_camera(&request)?;
    let id = check::id_or_new(request.id.clone())?;
    let made = master.store.create_camera(id, request, master.now_ms()).await.map_err(|e| store_error(&e))?;
    // A run may wait for this camera.
    master.note_change();
    Ok((StatusCode::CREATED, Json(made.camera)))
}

/// Returns a camera.
#[utoipa::path(get, path = "/api/v1/diagnosis/cameras/{id}", tag = "cameras",
    responses((status = 200, body = Camera), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn look_up(
    State(master): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Camera>, Error> {
    let found = master.store.camera(&id).await.map_err(|error| store_error(&error))?;
    Ok(Json(found.ok_or_else(|| missing("camera", &id))?.camera))
}

/// Changes a camera. Absent fields get their defaults. `***` in the source stands for the stored user and password, and
/// for other stored secrets, if the host is the same.
#[utoipa::path(put, path = "/api/v1/diagnosis/cameras/{id}", tag = "cameras", request_body = CameraRequest,
    responses((status = 200, body = ChangedCamera), (status = 404, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn update(
    State(master): State<Shared>,
    Path(id): Path<String>,
    JsonBody(mut request): JsonBody<CameraRequest>,
) -> Result<Json<ChangedCamera>, Error> {
    if request.id.as_ref().is_some_and(|given| *given != id) {
        return Err(invalid("/id", "the id of a camera cannot be changed"));
    }
    let known = master.store.camera(&id).await.map_err(|error| store_error(&error))?;
    let known = known.ok_or_else(|| missing("camera", &id))?;
    let note = resolve(&mut request, &known)?.then(|| KEPT.to_owned());
    let updated = master.store.update_camera(id.clone(), request, master.now_ms()).await;
    if !updated.map_err(|error| store_error(&error))? {
        return Err(missing("camera", &id));
    }
    master.note_change();
    let Json(camera) = look_up(State(master), Path(id)).await?;
    Ok(Json(ChangedCamera { camera, note }))
}

/// Deletes a camera. Its findings stay until retention removes them.
#[utoipa::path(delete, path = "/api/v1/diagnosis/cameras/{id}", tag = "cameras",
    responses((status = 204), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn remove(
    State(master): State<Shared>,
    Path(id): Path<String>,
) -> Result<StatusCode, Error> {
    let gone = master.store.delete_camera(id.clone()).await.map_err(|error| store_error(&error))?;
    if gone { Ok(StatusCode::NO_CONTENT) } else { Err(missing("camera", id)) }
}

/// Lists the groups of cameras.
#[utoipa::path(get, path = "/api/v1/diagnosis/camera-groups", tag = "cameras",
    responses((status = 200, body = Vec<CameraGroup>), (status = "default", body = Problem)))]
pub(super) async fn groups(State(master): State<Shared>) -> Result<Json<Vec<CameraGroup>>, Error> {
    Ok(Json(master.store.camera_groups().await.map_err(|error| store_error(&error))?))
}
