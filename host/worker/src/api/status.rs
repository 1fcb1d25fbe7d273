//! The state of the node: for people, load balancers and Prometheus.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use easysight_protocol::{NodeState, NodeStatus};
use easysight_sandbox::Sandbox;

use crate::system::system_info;

use easysight_daemon::problem::Error;

use super::Node;

/// Reports that the process runs.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Reports whether the node is ready for new work. A load balancer sends no requests to a node that is not ready.
pub(super) async fn readyz(State(node): State<Arc<Node>>) -> Result<&'static str, Error> {
    if let Some((slug, detail)) = node.pool.not_ready() {
        return Err(Error::new(StatusCode::SERVICE_UNAVAILABLE, slug, detail));
    }
    Ok("ready\n")
}

pub(super) async fn metrics(State(node): State<Arc<Node>>) -> impl IntoResponse {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], node.metrics.render())
}

pub(super) async fn workers_status(State(node): State<Arc<Node>>) -> Result<Json<NodeStatus>, Error> {
    let system = tokio::task::spawn_blocking(system_info).await.map_err(|error| {
        Error::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            format!("the facts about the machine cannot be read: {error}"),
        )
    })?;
    Ok(Json(NodeStatus {
        id: node.id.clone(),
        name: node.settings.node_name.clone(),
        mode: node.settings.mode,
        status: if node.pool.is_draining() { NodeState::Draining } else { NodeState::Online },
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: node.started_at,
        pool: node.pool.status(),
        current_tasks: node.pool.running(),
        totals: node.pool.totals(),
        system,
        fuel_prices: Sandbox::fuel_prices(),
        plugins: node.pool.plugins(),
    }))
}
