//! What went wrong, for a client: failures of the store, and what many handlers refuse alike.

use std::time::Duration;

use axum::http::StatusCode;
use easysight_daemon::problem::Error;
use easysight_store::StoreError;

/// What went wrong in the store, for a client.
pub(crate) fn store_error(error: &StoreError) -> Error {
    let unavailable = |slug: &str| {
        Error::new(StatusCode::SERVICE_UNAVAILABLE, slug, error.to_string())
            .retry_after(Duration::from_secs(2))
    };
    match error {
        StoreError::Busy { .. } | StoreError::Contended(_) => unavailable("busy"),
        StoreError::Unavailable(_) => {
            tracing::error!(%error, "the store");
            unavailable("store-unavailable")
        }
        StoreError::Conflict(_) => Error::new(StatusCode::CONFLICT, "conflict", error.to_string()),
        StoreError::Corrupt(_) => {
            tracing::error!(%error, "the store");
            Error::new(StatusCode::INTERNAL_SERVER_ERROR, "store-corrupt", error.to_string())
        }
    }
}

/// 404.
pub(crate) fn missing(what: &str, id: impl std::fmt::Display) -> Error {
    let slug = format!("no-such-{what}");
    Error::new(StatusCode::NOT_FOUND, &slug, format!("there is no {what} `{id}`"))
}

/// 422 with the offending field.
pub(crate) fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Error {
    Error::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-request", detail).at(field)
}
