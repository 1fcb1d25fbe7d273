//! The baselines of cameras, which plugins store.

use axum::{Json, extract::State};
use easysight_daemon::problem::Error;
use easysight_protocol::{BaselineInfo, BaselineReset, Problem};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    master::Shared,
    problems::{missing, store_error},
};

use super::{
    by::{By, Within},
    check,
    parameters::{Params, Path},
};

/// Lists the stored baselines of a camera, by plugin.
#[utoipa::path(get, path = "/api/v1/diagnosis/cameras/{id}/baseline", tag = "cameras", operation_id = "list_baselines",
    responses((status = 200, body = Vec<BaselineInfo>), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn list(
    State(master): State<Shared>,
    Within(area): Within,
    Path(id): Path<String>,
) -> Result<Json<Vec<BaselineInfo>>, Error> {
    let camera = master.store.camera(&area, &id).await.map_err(|error| store_error(&error))?;
    camera.ok_or_else(|| missing("camera", &id))?;
    Ok(Json(master.store.baselines(&area, &id).await.map_err(|error| store_error(&error))?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ResetQuery {
    /// The plugin's name, without its version. If absent, the baselines of all plugins are removed.
    #[param(min_length = 1, max_length = 128, pattern = "^[A-Za-z0-9_-][A-Za-z0-9._-]*$")]
    plugin: Option<String>,
}

/// Removes the baselines of a camera. This is needed after the camera was turned, moved, cleaned or given another lens.
/// The plugins then learn the camera again. Baselines from jobs that are still running are not stored.
#[utoipa::path(post, path = "/api/v1/diagnosis/cameras/{id}/baseline/reset", tag = "cameras", params(ResetQuery),
    responses((status = 200, body = BaselineReset), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn reset(
    State(master): State<Shared>,
    Path(id): Path<String>,
    Params(query): Params<ResetQuery>,
    By(actor): By,
) -> Result<Json<BaselineReset>, Error> {
    if let Some(plugin) = &query.plugin {
        check::id_text("/plugin", plugin)?;
    }
    let by = master.store.by(actor);
    let removed = by.reset_baselines(id.clone(), query.plugin.clone(), master.now_ms()).await;
    let removed = removed.map_err(|error| store_error(&error))?.ok_or_else(|| missing("camera", &id))?;
    tracing::info!(camera = id, plugin = query.plugin, removed, "baselines were reset");
    Ok(Json(BaselineReset { removed }))
}
