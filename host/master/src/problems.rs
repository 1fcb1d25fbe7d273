//! Problem responses that many handlers share: failures of the store, missing resources, invalid fields.

use std::time::Duration;

use axum::http::StatusCode;
use easysight_daemon::problem::Error;
use easysight_store::{StoreError, Version};

/// Makes the problem response for a failure of the store.
pub(crate) fn store_error(error: &StoreError) -> Error {
    let unavailable = |slug: &str| {
        Error::new(StatusCode::SERVICE_UNAVAILABLE, slug, error.to_string())
            .retry_after(Duration::from_secs(2))
    };
    match error {
        StoreError::Busy { .. } | StoreError::Contended(_) => unavailable("busy"),
        StoreError::Unavailable(_) => {
            tracing::error!(%error, "the store failed");
            unavailable("store-unavailable")
        }
        StoreError::Outside { field, .. } => {
            let problem = Error::new(StatusCode::FORBIDDEN, "outside-area", error.to_string());
            if field.is_empty() { problem } else { problem.at(field) }
        }
        StoreError::Changed { version, .. } => {
            Error::new(StatusCode::PRECONDITION_FAILED, "changed-meanwhile", error.to_string())
                .etag(tag_of(*version))
        }
        StoreError::Conflict(_) => Error::new(StatusCode::CONFLICT, "conflict", error.to_string()),
        StoreError::Corrupt(_) => {
            tracing::error!(%error, "the store failed");
            Error::new(StatusCode::INTERNAL_SERVER_ERROR, "store-corrupt", error.to_string())
        }
    }
}

/// Returns the entity tag of a version. It is a strong one, although answers also have parts that change without a new
/// version, such as the health of a camera: only strong tags may be compared before a change (RFC 9110, section 13.1.1).
pub(crate) fn tag_of(version: Version) -> String {
    format!("\"{version}\"")
}

/// Makes a 404 response.
pub(crate) fn missing(what: &str, id: impl std::fmt::Display) -> Error {
    let slug = format!("no-such-{what}");
    Error::new(StatusCode::NOT_FOUND, &slug, format!("there is no {what} `{id}`"))
}

/// Makes a 422 response that names the offending field.
pub(crate) fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Error {
    Error::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-request", detail).at(field)
}
