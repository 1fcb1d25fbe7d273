//! Pictures: workers send them, clients fetch them.

use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    response::Response,
};
use easysight_daemon::{body::gather, problem::Error};
use easysight_protocol::Problem;
use easysight_sandbox::Digest;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    master::Shared,
    pictures::{MAX_PICTURE_BYTES, PutError},
    problems::{missing, store_error},
};

use super::{
    blobs,
    by::Within,
    parameters::{Params, Path},
};

/// The media type of all pictures.
const JPEG: &str = "image/jpeg";

/// Returns a picture. A digest always names the same picture.
#[utoipa::path(get, path = "/api/v1/diagnosis/pictures/{digest}", tag = "pictures",
    responses((status = 200, content_type = "image/jpeg", body = Vec<u8>), (status = 206, description = "A range", content_type = "image/jpeg", body = Vec<u8>),
        (status = 416, description = "The range is not within the file"),
        (status = 304, description = "The client has the picture already"),
        (status = 404, description = "The picture never arrived, or is no longer stored", body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn show(
    State(master): State<Shared>,
    Within(area): Within,
    Path(digest): Path<String>,
    request: Request,
) -> Result<Response, Error> {
    let digest: Digest = digest.parse().map_err(|_| missing("picture", &digest))?;
    let is_seen = master.store.may_see_picture(&area, &digest.to_string()).await;
    if !is_seen.map_err(|error| store_error(&error))? {
        return Err(missing("picture", digest));
    }
    let picture = master.pictures.get(digest).await.map_err(|error| {
        tracing::error!(%error, "a picture cannot be read");
        Error::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            format!("the picture cannot be read: {error}"),
        )
    })?;
    let picture = picture.ok_or_else(|| missing("picture", digest))?;
    let cache = "private, max-age=31536000, immutable";
    Ok(blobs::answer(&picture, digest, request.headers(), JPEG, cache))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TakeQuery {
    /// The id of the healthy camera that the picture shows. Absent for evidence pictures.
    good_for: Option<String>,
}

/// Stores a picture that a worker sends. The worker sends the picture after the result that refers to it.
#[utoipa::path(put, path = "/api/v1/diagnosis/pictures/{digest}", tag = "worker protocol", params(TakeQuery),
    request_body(content = Vec<u8>, content_type = "image/jpeg"),
    responses((status = 201, description = "The picture is stored"), (status = 200, description = "The picture was stored already"),
        (status = 404, description = "There is no such camera", body = Problem), (status = 413, body = Problem),
        (status = 422, body = Problem), (status = 507, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn take(
    State(master): State<Shared>,
    Path(name): Path<String>,
    Params(query): Params<TakeQuery>,
    request: Request,
) -> Result<StatusCode, Error> {
    let refused = |detail: String| Error::new(StatusCode::UNPROCESSABLE_ENTITY, "not-that-picture", detail);
    let digest: Digest = name.parse().map_err(|error| refused(format!("{error}")))?;
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if kind != Some(JPEG) {
        let detail = format!("send the picture's bytes with Content-Type: {JPEG}");
        return Err(Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail));
    }
    let bytes = gather(request.into_body(), MAX_PICTURE_BYTES).await?;
    let new = match master.pictures.put(&master.store, digest, bytes.into(), master.now_ms()).await {
        Ok(new) => new,
        Err(PutError::Store(error)) => return Err(store_error(&error)),
        Err(PutError::Disk(error)) => {
            tracing::error!(%error, "a picture cannot be stored");
            let full = error.kind() == std::io::ErrorKind::StorageFull;
            let status =
                if full { StatusCode::INSUFFICIENT_STORAGE } else { StatusCode::INTERNAL_SERVER_ERROR };
            return Err(Error::new(
                status,
                "upload-failed",
                format!("the picture cannot be stored: {error}"),
            ));
        }
        Err(refusal) => return Err(refused(refusal.to_string())),
    };
    if let Some(camera) = query.good_for {
        let noted = master.store.note_good_picture(camera.clone(), digest.to_string(), master.now_ms()).await;
        if !noted.map_err(|error| store_error(&error))? {
            return Err(missing("camera", camera));
        }
    }
    Ok(if new { StatusCode::CREATED } else { StatusCode::OK })
}
