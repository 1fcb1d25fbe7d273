//! Work that a request begins, and that ends even if the client closes the connection meanwhile.

use std::future::Future;

use axum::http::StatusCode;
use easysight_daemon::problem::Error;
use tracing::Instrument;

/// Carries the work to its end, and returns its result.
///
/// # Errors
///
/// Returns the error of the work, or 500 if the work panics.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(work.in_current_span()).await.unwrap_or_else(|error| {
        tracing::error!(%error, "the work of a request did not end");
        Err(Error::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the master failed: see its log"))
    })
}
