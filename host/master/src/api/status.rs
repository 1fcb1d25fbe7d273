//! The status of the master: for people, load balancers and Prometheus.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use easysight_daemon::problem::Error;
use easysight_protocol::{MasterStatus, PoolStatus, Problem, StorageStatus};

use crate::{
    master::Shared,
    problems::store_error,
    storage::{self, StorageError},
};

/// Reports that the process is alive.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Reports whether the master can handle requests.
pub(super) async fn readyz(State(master): State<Shared>) -> Result<&'static str, Error> {
    let refuse = |slug: &str, detail: &str| Err(Error::new(StatusCode::SERVICE_UNAVAILABLE, slug, detail));
    if master.stopping.is_cancelled() {
        return refuse("draining", "the master is stopping");
    }
    if !master.scheduler_is_alive() {
        return refuse("stuck", "the scheduler is stuck");
    }
    Ok("ready\n")
}

pub(super) async fn metrics(State(master): State<Shared>) -> impl IntoResponse {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], master.metrics.render())
}

/// Returns the master's own pool, which is empty: a master runs no jobs.
#[utoipa::path(get, path = "/api/v1/diagnosis/workers/status", tag = "workers",
    responses((status = 200, body = MasterStatus), (status = "default", body = Problem)))]
pub(super) async fn workers_status(State(master): State<Shared>) -> Json<MasterStatus> {
    Json(MasterStatus {
        id: master.id.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: master.started_at,
        pool: PoolStatus {
            size: 0,
            max_concurrent_tasks: 0,
            capacity: 0,
            running: 0,
            queued: 0,
            waiting: 0,
            queue_capacity: 0,
        },
        current_tasks: Vec::new(),
        distributed: "/api/v1/diagnosis/workers/distributed".to_owned(),
    })
}

/// Returns how much the master stores, how much space is left, and how long everything is kept.
#[utoipa::path(get, path = "/api/v1/status/storage", tag = "status",
    responses((status = 200, body = StorageStatus), (status = "default", body = Problem)))]
pub(super) async fn storage(State(master): State<Shared>) -> Result<Json<StorageStatus>, Error> {
    storage::describe(&master).await.map(Json).map_err(|error| match error {
        StorageError::Store(error) => store_error(&error),
        StorageError::Plugins(_) => {
            tracing::error!(%error, "the storage cannot be described");
            Error::new(StatusCode::INTERNAL_SERVER_ERROR, "storage", "the storage of plugins cannot be read")
        }
    })
}
