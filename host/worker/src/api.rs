//! The HTTP API of a standalone worker. Every error is a problem document.

mod guard;
mod problem;
mod status;
mod submissions;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    middleware,
    routing::{get, post},
};
use chrono::{DateTime, Utc};
use tower_http::{timeout::TimeoutLayer, trace::TraceLayer};

use crate::{jobs::Jobs, library::Library, metrics::Metrics, settings::WorkerSettings};

use problem::Error;

/// Longest time that a request may wait for a job's end.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// Longest time that a request may take; uploads over slow links are what takes longest.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(300);
/// Bytes of a JSON request.
const MAX_JSON_BYTES: usize = 256 << 10;

/// What all handlers share.
pub(crate) struct Node {
    pub(crate) settings: WorkerSettings,
    pub(crate) id: String,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) library: Arc<Library>,
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) metrics: Arc<Metrics>,
}

/// The routes.
pub(crate) fn router(node: Arc<Node>) -> Router {
    let api = Router::new()
        .route(
            "/api/v1/diagnosis/submissions",
            // The handler counts bytes itself, so that it can hear a client out before it refuses.
            post(submissions::submit).layer(DefaultBodyLimit::disable()).get(submissions::list),
        )
        .route("/api/v1/diagnosis/submissions/{id}", get(submissions::look_up))
        .route("/api/v1/diagnosis/tasks/{id}", get(submissions::look_up))
        .route("/api/v1/diagnosis/workers/status", get(status::workers_status))
        .layer(middleware::from_fn_with_state(Arc::clone(&node), guard::check));
    Router::new()
        .merge(api)
        .route("/healthz", get(status::healthz))
        .route("/readyz", get(status::readyz))
        .route("/metrics", get(status::metrics))
        .fallback(|| async {
            Error::new(StatusCode::NOT_FOUND, "not-found", "there is nothing at this path")
        })
        .method_not_allowed_fallback(|| async {
            Error::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "this path has no such method")
        })
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT))
        .layer(TraceLayer::new_for_http())
        .with_state(node)
}
