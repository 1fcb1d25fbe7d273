//! Bodies of submissions: JSON, or a form with the JSON and an upload. The upload is written to disk as it arrives.

use std::path::Path;

use axum::{
    body::Body,
    extract::{FromRequest, Multipart, Request, multipart::Field},
    http::{StatusCode, header},
};
use easysight_protocol::SubmissionRequest;
use tempfile::{NamedTempFile, TempPath};
use tokio::io::AsyncWriteExt;

use crate::{
    body::{MAX_HEARD_BYTES, broken, gather, gather_part, parse_json},
    problem::Error,
};

/// The largest size of the JSON part, in bytes.
const MAX_JSON_BYTES: usize = 256 << 10;
/// The largest number of characters that are stored of an upload's name.
const MAX_NAME_CHARS: usize = 200;

/// The content of a submission's body.
#[derive(Debug, Default)]
pub struct SubmissionBody {
    /// The request.
    pub request: SubmissionRequest,
    /// The picture or clip, if the request has one.
    pub upload: Option<Upload>,
}

/// A picture or clip on disk. The file is removed when this value is dropped.
#[derive(Debug)]
pub struct Upload {
    /// The name that the client gave the file, without control characters. The name is for people.
    pub name: String,
    /// The path of the file.
    pub path: TempPath,
}

/// Reads `application/json`, or `multipart/form-data` with the parts `request` and `clip`. An upload
/// of at most `granted` bytes is written into `dir`.
///
/// # Errors
///
/// 400 if the body is malformed, 413 if a part is too large, 415 for another media type, 507 if the disk is full, 500
/// if the upload cannot be written for another reason.
pub async fn read_submission(request: Request, dir: &Path, granted: u64) -> Result<SubmissionBody, Error> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|text| text.split(';').next()).map(str::trim).unwrap_or_default();
    if essence.eq_ignore_ascii_case("application/json") {
        return read_json(request.into_body()).await;
    }
    if essence.eq_ignore_ascii_case("multipart/form-data") {
        let parts = Multipart::from_request(request, &()).await.map_err(|rejection| broken(&rejection))?;
        return read_parts(parts, dir, granted).await;
    }
    let detail = "send application/json, or multipart/form-data with the parts `request` and `clip`";
    Err(Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail))
}

async fn read_json(body: Body) -> Result<SubmissionBody, Error> {
    let json = gather(body, MAX_JSON_BYTES).await?;
    Ok(SubmissionBody { request: parse_json(&json)?, upload: None })
}

async fn read_parts(mut parts: Multipart, dir: &Path, granted: u64) -> Result<SubmissionBody, Error> {
    let mut body = SubmissionBody::default();
    loop {
        let Some(mut part) = parts.next_field().await.map_err(|error| broken(&error))? else {
            return Ok(body);
        };
        match part.name() {
            Some("request") => {
                body.request = parse_json(&gather_part(&mut part, MAX_JSON_BYTES).await?)?;
            }
            Some("clip") if body.upload.is_none() => body.upload = Some(keep(part, dir, granted).await?),
            other => {
                let detail = format!("unexpected part {other:?}: expected `request` and `clip`, once each");
                return Err(Error::new(StatusCode::BAD_REQUEST, "invalid-body", detail));
            }
        }
    }
}

/// Writes an upload to disk as it arrives.
async fn keep(mut part: Field<'_>, dir: &Path, granted: u64) -> Result<Upload, Error> {
    let name = part.file_name().unwrap_or("upload");
    let name = name.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect();
    let dir = dir.to_owned();
    let (file, path) =
        tokio::task::spawn_blocking(move || NamedTempFile::new_in(dir).map(NamedTempFile::into_parts))
            .await
            .map_err(|error| not_kept(&std::io::Error::other(error)))?
            .map_err(|error| not_kept(&error))?;
    let mut file = tokio::fs::File::from_std(file);
    let mut seen = 0_u64;
    while let Some(chunk) = part.chunk().await.map_err(|error| broken(&error))? {
        seen = seen.saturating_add(chunk.len() as u64);
        if seen <= granted {
            file.write_all(&chunk).await.map_err(|error| not_kept(&error))?;
        } else if seen > granted.saturating_add(MAX_HEARD_BYTES as u64) {
            break;
        }
    }
    if seen > granted {
        let detail = format!("the upload is larger than the limit of {granted} bytes (--max-upload)");
        return Err(Error::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail));
    }
    file.flush().await.map_err(|error| not_kept(&error))?;
    Ok(Upload { name, path })
}

/// Logs an error of writing an upload, and returns the error for the client: 507 if the disk is full, otherwise 500.
pub fn not_kept(error: &std::io::Error) -> Error {
    tracing::error!(%error, "an upload cannot be stored");
    let status = if error.kind() == std::io::ErrorKind::StorageFull {
        StatusCode::INSUFFICIENT_STORAGE
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    };
    Error::new(status, "upload-failed", format!("the upload cannot be stored: {error}"))
}
