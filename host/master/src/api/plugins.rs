//! Plugins: publishing, activating, fetching.

use std::io::ErrorKind;

use axum::{
    Json,
    extract::{FromRequest, Multipart, Request, State},
    http::{StatusCode, header},
    response::Response,
};
use easysight_daemon::{
    body::{JsonBody, broken, gather, gather_part},
    problem::Error,
};
use easysight_protocol::{
    Activation, ActivationRequest, COMPONENT_MEDIA_TYPE, PluginSignature, Problem, PublishedPlugin,
};
use easysight_sandbox::{Digest, LoadError, MAX_COMPONENT_BYTES};
use easysight_store::Actor;
use easysight_trust::{MAX_SIGNATURE_BYTES, read_signature};
use utoipa::ToSchema;

use crate::{
    master::Shared,
    problems::{invalid, missing, store_error},
    registry::PublishError,
};

use super::{blobs, by::By, parameters::Path};

/// A component and its signature.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it documents the form, which is read part by part")]
struct PluginForm {
    /// The component's bytes.
    #[schema(value_type = String, format = Binary)]
    component: Vec<u8>,
    /// The signature, as `easysight plugin sign` writes it.
    #[schema(nullable = false)]
    signature: Option<PluginSignature>,
}

/// Lists all plugins.
#[utoipa::path(get, path = "/api/v1/plugins", tag = "plugins",
    responses((status = 200, body = Vec<PublishedPlugin>), (status = "default", body = Problem)))]
pub(super) async fn list(State(master): State<Shared>) -> Result<Json<Vec<PublishedPlugin>>, Error> {
    Ok(Json(master.store.plugins().await.map_err(|error| store_error(&error))?))
}

/// Publishes a plugin: the component's bytes, or a form with the bytes (`component`) and the signature (`signature`, as
/// `easysight plugin sign` writes it). A signature can be added later in the same way. The master vets the component
/// and stores it by its digest. The plugin is used only after it is activated.
#[utoipa::path(post, path = "/api/v1/plugins", tag = "plugins",
    request_body(content((Vec<u8> = "application/wasm"), (PluginForm = "multipart/form-data"))),
    responses((status = 201, body = PublishedPlugin), (status = 200, description = "The plugin was published already", body = PublishedPlugin),
        (status = 409, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem),
        (status = 507, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn publish(
    State(master): State<Shared>,
    By(actor): By,
    request: Request,
) -> Result<(StatusCode, Json<PublishedPlugin>), Error> {
    let (bytes, signed) = parts(request).await?;
    let published = master.registry.publish(bytes, signed, actor, master.clock.now()).await;
    let (plugin, new) = published.map_err(|error| refusal(&error))?;
    if new {
        tracing::info!(name = plugin.name, version = plugin.version, digest = plugin.digest, "published");
    }
    Ok((if new { StatusCode::CREATED } else { StatusCode::OK }, Json(plugin)))
}

/// Reads the component, and the signature if the request has one.
async fn parts(request: Request) -> Result<(Vec<u8>, Option<PluginSignature>), Error> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).map(str::trim).unwrap_or_default();
    if essence.eq_ignore_ascii_case(COMPONENT_MEDIA_TYPE) {
        return Ok((gather(request.into_body(), MAX_COMPONENT_BYTES).await?, None));
    }
    if !essence.eq_ignore_ascii_case("multipart/form-data") {
        let detail = format!(
            "send the component's bytes with Content-Type: {COMPONENT_MEDIA_TYPE}, or multipart/form-data with \
             the parts `component` and `signature`"
        );
        return Err(Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail));
    }
    let mut form = Multipart::from_request(request, &()).await.map_err(|rejection| broken(&rejection))?;
    let (mut component, mut signed) = (None, None);
    while let Some(mut part) = form.next_field().await.map_err(|error| broken(&error))? {
        match part.name() {
            Some("component") if component.is_none() => {
                component = Some(gather_part(&mut part, MAX_COMPONENT_BYTES).await?);
            }
            Some("signature") if signed.is_none() => {
                let text = gather_part(&mut part, MAX_SIGNATURE_BYTES).await?;
                signed =
                    Some(read_signature(&text).map_err(|error| invalid("/signature", error.to_string()))?);
            }
            other => {
                let detail =
                    format!("unexpected part {other:?}: expected `component` and `signature`, once each");
                return Err(Error::new(StatusCode::BAD_REQUEST, "invalid-body", detail));
            }
        }
    }
    let component = component.ok_or_else(|| invalid("/component", "the part `component` is missing"))?;
    Ok((component, signed))
}

fn refusal(error: &PublishError) -> Error {
    match error {
        PublishError::Untrusted(reason) => {
            Error::new(StatusCode::UNPROCESSABLE_ENTITY, "plugin-untrusted", reason.to_string())
        }
        PublishError::Refused(reason) => {
            let slug = match reason {
                LoadError::NotAComponent(_) => "not-a-component",
                LoadError::Precompiled => "precompiled",
                LoadError::CoreModule => "core-module",
                LoadError::TooLarge { .. } => "component-too-large",
                LoadError::ForeignImport(_) => "foreign-import",
                LoadError::OtherContract { .. } => "other-contract",
                LoadError::WrongWorld(_) => "wrong-world",
                LoadError::Compile(_) | LoadError::CompileTimeout(_) => "does-not-compile",
                LoadError::Describe(_) | LoadError::Explanations(_) => "describe-failed",
                LoadError::Descriptor(_) => "invalid-descriptor",
                _ => "plugin-refused",
            };
            Error::new(StatusCode::UNPROCESSABLE_ENTITY, slug, reason.to_string())
        }
        PublishError::Disk(reason) => {
            tracing::error!(%reason, "a plugin cannot be stored");
            let (status, slug) = if is_full(reason.kind()) {
                (StatusCode::INSUFFICIENT_STORAGE, "storage-full")
            } else {
                (StatusCode::INTERNAL_SERVER_ERROR, "upload-failed")
            };
            Error::new(status, slug, format!("the plugin cannot be stored: {reason}"))
        }
        PublishError::Store(error) => store_error(error),
        PublishError::Broken(_) => {
            tracing::error!(%error, "vetting failed");
            Error::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string())
        }
    }
}

/// Returns true if the disk is full, or the user's quota is used up.
const fn is_full(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// Returns a plugin.
#[utoipa::path(get, path = "/api/v1/plugins/{digest}", tag = "plugins",
    responses((status = 200, body = PublishedPlugin), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn look_up(
    State(master): State<Shared>,
    Path(digest): Path<String>,
) -> Result<Json<PublishedPlugin>, Error> {
    Ok(Json(find(&master, &digest).await?.1))
}

pub(super) async fn find(master: &Shared, digest: &str) -> Result<(Digest, PublishedPlugin), Error> {
    let parsed: Digest = digest.parse().map_err(|_| missing("plugin", digest))?;
    let found = master.registry.find(parsed).await.map_err(|error| store_error(&error))?;
    Ok((parsed, found.ok_or_else(|| missing("plugin", digest))?))
}

/// Returns the component's bytes. They never change. Range requests are supported.
#[utoipa::path(get, path = "/api/v1/plugins/{digest}/component", tag = "plugins",
    responses((status = 200, content_type = "application/wasm", body = Vec<u8>), (status = 206, description = "A range", content_type = "application/wasm", body = Vec<u8>),
        (status = 416, description = "The range is not within the file"),
        (status = 304, description = "The client has the component already"), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn component(
    State(master): State<Shared>,
    Path(digest): Path<String>,
    request: Request,
) -> Result<Response, Error> {
    let digest: Digest = digest.parse().map_err(|_| missing("plugin", &digest))?;
    let component = master.registry.component(digest).await.map_err(|error| {
        tracing::error!(%error, "a component cannot be read");
        Error::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            format!("the component cannot be read: {error}"),
        )
    })?;
    let component = component.ok_or_else(|| missing("plugin", digest))?;
    let cache = "public, max-age=31536000, immutable";
    Ok(blobs::answer(&component, digest, request.headers(), COMPONENT_MEDIA_TYPE, cache))
}

/// Returns the signatures of a plugin.
#[utoipa::path(get, path = "/api/v1/plugins/{digest}/signature", tag = "plugins",
    responses((status = 200, body = PluginSignature), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn signature(
    State(master): State<Shared>,
    Path(digest): Path<String>,
) -> Result<Json<PluginSignature>, Error> {
    let (_, plugin) = find(&master, &digest).await?;
    Ok(Json(master.store.signatures(&plugin.digest).await.map_err(|error| store_error(&error))?))
}

/// Lists the active plugin of each diagnosis.
#[utoipa::path(get, path = "/api/v1/plugins/diagnoses", tag = "plugins",
    responses((status = 200, body = Vec<Activation>), (status = "default", body = Problem)))]
pub(super) async fn activations(State(master): State<Shared>) -> Result<Json<Vec<Activation>>, Error> {
    Ok(Json(master.store.activations().await.map_err(|error| store_error(&error))?))
}

/// Activates a plugin for all its diagnoses, or for some. Runs that have started keep their plugins.
#[utoipa::path(post, path = "/api/v1/plugins/{digest}/activate", tag = "plugins", request_body = Option<ActivationRequest>,
    responses((status = 200, body = PublishedPlugin), (status = 404, body = Problem), (status = 422, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn activate(
    State(master): State<Shared>,
    Path(digest): Path<String>,
    By(actor): By,
    JsonBody(request): JsonBody<ActivationRequest>,
) -> Result<Json<PublishedPlugin>, Error> {
    let (_, plugin) = find(&master, &digest).await?;
    let diagnoses = chosen(&plugin, request)?;
    switch(&master, actor, diagnoses, Some(plugin.digest)).await?;
    look_up(State(master), Path(digest)).await
}

/// Deactivates a plugin for all its diagnoses, or for some.
#[utoipa::path(post, path = "/api/v1/plugins/{digest}/deactivate", tag = "plugins", request_body = Option<ActivationRequest>,
    responses((status = 200, body = PublishedPlugin), (status = 404, body = Problem), (status = 422, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn deactivate(
    State(master): State<Shared>,
    Path(digest): Path<String>,
    By(actor): By,
    JsonBody(request): JsonBody<ActivationRequest>,
) -> Result<Json<PublishedPlugin>, Error> {
    let (_, plugin) = find(&master, &digest).await?;
    let chosen = chosen(&plugin, request)?;
    let diagnoses = plugin.active_for.into_iter().filter(|id| chosen.contains(id)).collect();
    switch(&master, actor, diagnoses, None).await?;
    look_up(State(master), Path(digest)).await
}

/// Activates the plugin that was previously active for a diagnosis. Repeated calls go further back.
#[utoipa::path(post, path = "/api/v1/plugins/diagnoses/{diagnosis}/rollback", tag = "plugins",
    responses((status = 200, body = Activation), (status = 409, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn roll_back(
    State(master): State<Shared>,
    Path(diagnosis): Path<String>,
    By(actor): By,
) -> Result<Json<Activation>, Error> {
    let rolled = master.store.by(actor).roll_back(diagnosis.clone(), master.now_ms()).await;
    let rolled = rolled.map_err(|error| store_error(&error))?.ok_or_else(|| {
        let detail = format!("no other plugin was active for `{diagnosis}` before");
        Error::new(StatusCode::CONFLICT, "nothing-to-roll-back", detail)
    })?;
    master.registry.refresh().await.map_err(|error| store_error(&error))?;
    tracing::info!(diagnosis, digest = rolled.digest, "rolled back");
    Ok(Json(rolled))
}

/// Returns the requested diagnoses of a plugin. An empty request means all of them.
pub(super) fn chosen(plugin: &PublishedPlugin, request: ActivationRequest) -> Result<Vec<String>, Error> {
    let own: Vec<String> = plugin.diagnoses.iter().map(|one| one.id.clone()).collect();
    if request.diagnoses.is_empty() {
        return Ok(own);
    }
    if let Some(at) = request.diagnoses.iter().position(|id| !own.contains(id)) {
        let detail = format!("the plugin has no such diagnosis; it implements {}", own.join(", "));
        return Err(invalid(format!("/diagnoses/{at}"), detail));
    }
    Ok(request.diagnoses)
}

async fn switch(
    master: &Shared,
    actor: Actor,
    diagnoses: Vec<String>,
    digest: Option<String>,
) -> Result<(), Error> {
    tracing::info!(diagnoses = diagnoses.join(", "), digest, "activation");
    let activated = master.store.by(actor).activate(diagnoses, digest, master.now_ms()).await;
    activated.map_err(|error| store_error(&error))?;
    take_in(master).await
}

/// Reads the active plugins and candidates again, and announces the change.
pub(super) async fn take_in(master: &Shared) -> Result<(), Error> {
    master.registry.refresh().await.map_err(|error| store_error(&error))?;
    // A run may wait for this change.
    master.note_change();
    Ok(())
}
