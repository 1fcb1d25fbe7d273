//! Facts about a plugin before its activation: the resources that it may use and has used, and a comparison with the
//! active plugin.

use axum::{Json, extract::State, http::StatusCode};
use easysight_daemon::{body::JsonBody, problem::Error};
use easysight_protocol::{
    ActivationRequest, PluginUsage, Problem, PublishedPlugin, RunLimits, ShadowReport, Used,
};
use easysight_sandbox::Limits;

use crate::{master::Shared, problems::store_error};

use super::{
    by::By,
    parameters::Path,
    plugins::{chosen, find, look_up, take_in},
};

/// Makes a plugin the candidate for all its diagnoses, or for some. From the next run on, the candidate judges the same
/// clips as the active plugin, and its findings are stored apart. Runs that have started do not change.
#[utoipa::path(post, path = "/api/v1/plugins/{digest}/shadow", tag = "plugins", request_body = Option<ActivationRequest>,
    responses((status = 200, body = PublishedPlugin), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn begin(
    State(master): State<Shared>,
    Path(digest): Path<String>,
    By(actor): By,
    JsonBody(request): JsonBody<ActivationRequest>,
) -> Result<Json<PublishedPlugin>, Error> {
    let (_, plugin) = find(&master, &digest).await?;
    let diagnoses = chosen(&plugin, request)?;
    let active = master.store.activations().await.map_err(|error| store_error(&error))?;
    for id in &diagnoses {
        let serves = active.iter().find(|one| one.diagnosis == *id).and_then(|one| one.digest.as_ref());
        let reason = match serves {
            None => "no plugin is active for it, so there is nothing to compare with",
            Some(digest) if *digest == plugin.digest => "this plugin is the active plugin",
            Some(_) => continue,
        };
        return Err(Error::new(StatusCode::CONFLICT, "nothing-to-compare", format!("`{id}`: {reason}")));
    }
    tracing::info!(diagnoses = diagnoses.join(", "), digest, "a plugin becomes a candidate");
    master
        .store
        .by(actor)
        .shadow(plugin.digest, diagnoses, master.now_ms())
        .await
        .map_err(|error| store_error(&error))?;
    take_in(&master).await?;
    look_up(State(master), Path(digest)).await
}

/// Ends a plugin's candidacy for all diagnoses. The comparisons stay until retention removes them.
#[utoipa::path(delete, path = "/api/v1/plugins/{digest}/shadow", tag = "plugins",
    responses((status = 200, body = PublishedPlugin), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn end(
    State(master): State<Shared>,
    Path(digest): Path<String>,
    By(actor): By,
) -> Result<Json<PublishedPlugin>, Error> {
    let (_, plugin) = find(&master, &digest).await?;
    tracing::info!(diagnoses = plugin.shadow_for.join(", "), digest, "a plugin is no longer a candidate");
    let by = master.store.by(actor);
    let ended = by.end_shadow(plugin.digest, plugin.shadow_for, master.now_ms()).await;
    ended.map_err(|error| store_error(&error))?;
    take_in(&master).await?;
    look_up(State(master), Path(digest)).await
}

/// Compares a candidate with the active plugin, on the same clips.
#[utoipa::path(get, path = "/api/v1/plugins/{digest}/shadow", tag = "plugins",
    responses((status = 200, body = ShadowReport), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn report(
    State(master): State<Shared>,
    Path(digest): Path<String>,
) -> Result<Json<ShadowReport>, Error> {
    let (_, plugin) = find(&master, &digest).await?;
    let report = master.store.shadow_report(&plugin.digest).await;
    Ok(Json(report.map_err(|error| store_error(&error))?))
}

/// Returns what a plugin imports, the limits of one run, and the largest amounts that its runs in jobs have used.
#[utoipa::path(get, path = "/api/v1/plugins/{digest}/usage", tag = "plugins",
    responses((status = 200, body = PluginUsage), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn usage(
    State(master): State<Shared>,
    Path(digest): Path<String>,
) -> Result<Json<PluginUsage>, Error> {
    let (_, plugin) = find(&master, &digest).await?;
    let days = master.store.usage(&plugin.digest).await.map_err(|error| store_error(&error))?;
    let limits = Limits::default();
    Ok(Json(PluginUsage {
        digest: plugin.digest,
        imports: plugin.imports,
        limits: RunLimits {
            fuel: limits.fuel,
            memory_bytes: limits.memory_bytes as u64,
            timeout_ms: u64::try_from(limits.timeout.as_millis()).unwrap_or(u64::MAX),
        },
        used: days.iter().map(|day| day.used).reduce(Used::and),
        days,
    }))
}
