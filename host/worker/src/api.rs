//! The HTTP API of a worker: submissions if the worker is standalone, health and metrics in both modes. Every
//! error is a problem document.

mod guard;
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
use tower_http::timeout::TimeoutLayer;

use easysight_daemon::{problem::Error, requests};
use easysight_protocol::{PluginSummary, PoolStatus, SubmissionId, Totals};

use crate::{jobs::Jobs, library::Library, metrics::Metrics, settings::WorkerSettings};

/// The longest time that a request may wait for the end of a job.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// The longest time that a request may take. Uploads over slow links take the longest.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(300);

/// Reports the state of a node's work, in either mode.
pub(crate) trait Pool: Send + Sync {
    /// The state of the executors.
    fn status(&self) -> PoolStatus;
    /// The jobs that run now.
    fn running(&self) -> Vec<SubmissionId>;
    /// The counts since the start.
    fn totals(&self) -> Totals;
    /// The plugins that are loaded.
    fn plugins(&self) -> Vec<PluginSummary>;
    /// True if no new work is accepted.
    fn is_draining(&self) -> bool;
    /// Why the node is not ready for new work: the slug and the detail of a problem document. `None` if it is ready.
    fn not_ready(&self) -> Option<(&'static str, &'static str)>;
}

/// The state that all handlers share.
pub(crate) struct Node {
    pub(crate) settings: Arc<WorkerSettings>,
    pub(crate) id: String,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) pool: Arc<dyn Pool>,
    pub(crate) metrics: Arc<Metrics>,
}

/// The state that the handlers of submissions share.
pub(crate) struct Desk {
    pub(crate) settings: Arc<WorkerSettings>,
    pub(crate) library: Arc<Library>,
    pub(crate) jobs: Arc<Jobs>,
}

impl Pool for Desk {
    fn status(&self) -> PoolStatus {
        self.jobs.status()
    }

    fn running(&self) -> Vec<SubmissionId> {
        self.jobs.running()
    }

    fn totals(&self) -> Totals {
        self.jobs.totals()
    }

    fn plugins(&self) -> Vec<PluginSummary> {
        self.library.current().summaries()
    }

    fn is_draining(&self) -> bool {
        self.jobs.is_draining()
    }

    fn not_ready(&self) -> Option<(&'static str, &'static str)> {
        if self.jobs.is_draining() {
            Some(("draining", "the worker is about to stop"))
        } else if self.library.current().is_empty() {
            Some(("no-plugins", "the worker has no plugin"))
        } else if self.jobs.is_saturated() {
            Some(("saturated", "the queue of jobs is full"))
        } else {
            None
        }
    }
}

/// Makes the routes. The routes of submissions exist only if `desk` is given.
pub(crate) fn router(node: Arc<Node>, desk: Option<Arc<Desk>>) -> Router {
    let mut api = Router::new()
        .route("/api/v1/diagnosis/workers/status", get(status::workers_status))
        .with_state(Arc::clone(&node));
    if let Some(desk) = desk {
        let submissions = Router::new()
            .route(
                "/api/v1/diagnosis/submissions",
                // The handler limits the size itself: it reads the rest of a body that is too large, so that the
                // client receives the refusal.
                post(submissions::submit).layer(DefaultBodyLimit::disable()).get(submissions::list),
            )
            .route("/api/v1/diagnosis/submissions/{id}", get(submissions::look_up))
            .route("/api/v1/diagnosis/submissions/{id}/picture", get(submissions::picture))
            .route("/api/v1/diagnosis/tasks/{id}", get(submissions::look_up))
            .with_state(desk);
        api = api.merge(submissions);
    }
    let api = api.layer(middleware::from_fn_with_state(Arc::clone(&node), guard::check));
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
        .layer(middleware::from_fn(requests::name))
        .with_state(node)
}
