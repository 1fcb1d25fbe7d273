//! The protocol of distributed workers.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use chrono::TimeDelta;
use easysight_daemon::{body::JsonBody, problem::Error};
use easysight_protocol::{
    DistributedNode, Event, HeartbeatAnswer, HeartbeatRequest, Incarnation, LeaseAnswer, LeaseRequest,
    LeaseToken, NodeChange, NodeState, Problem, RegisterAnswer, RegisterRequest, ResultsAnswer,
    ResultsRequest, RunChange,
};
use easysight_store::{Area, HeartbeatOutcome, Leased, Registration, WantedLease};
use serde::Deserialize;
use tokio::time::Instant;
use utoipa::IntoParams;

use crate::{
    master::{Master, Shared},
    problems::{invalid, missing, store_error},
};

use super::{
    by::{By, Within},
    check,
    parameters::{Params, Path},
};

/// The longest wait of a long poll.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// The largest number of jobs in one lease, and of results in one batch.
const MAX_BATCH: usize = 1_000;

/// Lists the registered nodes, by name.
#[utoipa::path(get, path = "/api/v1/diagnosis/workers/distributed", tag = "workers",
    responses((status = 200, body = Vec<DistributedNode>), (status = "default", body = Problem)))]
pub(super) async fn distributed(
    State(master): State<Shared>,
    Within(area): Within,
) -> Result<Json<Vec<DistributedNode>>, Error> {
    let nodes = master.store.nodes(&area, master.silent_before(master.now_ms())).await;
    let mut nodes = nodes.map_err(|error| store_error(&error))?;
    for node in nodes.iter_mut().filter(|node| node.status != NodeState::Offline) {
        let lease = TimeDelta::milliseconds(master.lease_ms);
        node.lease_expires_at = node.last_heartbeat.checked_add_signed(lease);
    }
    Ok(Json(nodes))
}

/// Registers a node.
#[utoipa::path(post, path = "/api/v1/diagnosis/workers/register", tag = "worker protocol", request_body = RegisterRequest,
    responses((status = 200, body = RegisterAnswer), (status = 409, description = "Another live process has this id", body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn register(
    State(master): State<Shared>,
    JsonBody(request): JsonBody<RegisterRequest>,
) -> Result<Json<RegisterAnswer>, Error> {
    check::id_text("/id", &request.id)?;
    check::name("/name", &request.name)?;
    check::labels("/labels", &request.labels)?;
    let (id, name) = (request.id.clone(), request.name.clone());
    let now = master.now_ms();
    let registered = master.store.register_node(request, now, master.silent_before(now)).await;
    match registered.map_err(|error| store_error(&error))? {
        Registration::Accepted { requeued } => {
            tracing::info!(node = id, name, requeued, "node registered");
            if requeued > 0 {
                master.metrics.lost("node-restarted", requeued);
                master.announce_jobs(usize::try_from(requeued).unwrap_or(usize::MAX));
            }
            master.tell(&Event::Node { node_id: id, change: NodeChange::Registered });
            Ok(Json(RegisterAnswer { lease_ms: lease_ms(&master) }))
        }
        Registration::InUse { hostname, heard_ms_ago } => {
            let detail = format!(
                "another worker on {hostname} has the node id `{id}` and was last heard from {heard_ms_ago} ms ago; \
                 give this worker another --node-id or its own --data-dir"
            );
            Err(Error::new(StatusCode::CONFLICT, "node-id-in-use", detail).at("/id"))
        }
    }
}

/// Receives a node's heartbeat and renews the leases of the jobs that the node holds.
#[utoipa::path(post, path = "/api/v1/diagnosis/workers/{node_id}/heartbeat", tag = "worker protocol",
    request_body = HeartbeatRequest,
    responses((status = 200, body = HeartbeatAnswer), (status = 404, description = "The node must register again", body = Problem),
        (status = 409, description = "Another process with this id has registered since", body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn heartbeat(
    State(master): State<Shared>,
    Path(node_id): Path<String>,
    JsonBody(request): JsonBody<HeartbeatRequest, { 1 << 20 }>,
) -> Result<Json<HeartbeatAnswer>, Error> {
    let outcome = master.store.heartbeat(node_id.clone(), request, master.now_ms(), master.lease_ms).await;
    let outcome = outcome.map_err(|error| {
        // The node is alive, although its heartbeat could not be recorded. This failure must not make any node count as
        // silent.
        master.hearing.note_break(master.now_ms());
        store_error(&error)
    });
    match outcome? {
        HeartbeatOutcome::Noted { revoked, lost } => {
            if lost > 0 {
                tracing::warn!(
                    node = node_id,
                    jobs = lost,
                    "jobs never reached their node and are offered again"
                );
                master.metrics.lost("undelivered", lost);
                master.announce_jobs(usize::try_from(lost).unwrap_or(usize::MAX));
            }
            Ok(Json(HeartbeatAnswer { lease_ms: lease_ms(&master), revoked }))
        }
        HeartbeatOutcome::Unknown => Err(missing("node", node_id)),
        HeartbeatOutcome::Superseded => Err(superseded(&node_id)),
    }
}

fn superseded(node_id: &str) -> Error {
    let detail = format!("another process has registered as node `{node_id}` since");
    Error::new(StatusCode::CONFLICT, "superseded", detail)
}

fn lease_ms(master: &Master) -> u64 {
    u64::try_from(master.lease_ms).unwrap_or(0)
}

/// Leases jobs to a node. The request waits until a job is ready, for at most `wait_ms` and at most 60 seconds.
#[utoipa::path(post, path = "/api/v1/diagnosis/workers/{node_id}/leases", tag = "worker protocol",
    request_body = LeaseRequest,
    responses((status = 200, body = LeaseAnswer), (status = 404, description = "The node must register again", body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn lease(
    State(master): State<Shared>,
    Path(node_id): Path<String>,
    JsonBody(request): JsonBody<LeaseRequest>,
) -> Result<Json<LeaseAnswer>, Error> {
    if !(1..=MAX_BATCH as u32).contains(&request.max_jobs) {
        return Err(invalid("/max_jobs", format!("expected a number from 1 to {MAX_BATCH}")));
    }
    let until = Instant::now() + Duration::from_millis(request.wait_ms).min(MAX_WAIT);
    let labels = master.pollers.labels(&master.store, &node_id, request.incarnation).await;
    let labels = labels.map_err(|error| store_error(&error))?.ok_or_else(|| missing("node", &node_id))?;
    loop {
        // The poll enters the line before it searches for jobs, so that a job that is queued in between wakes the poll.
        let place = master.waiting.enter(&labels);
        let now = master.now_ms();
        // From here on, no wake-up is missed.
        let resumed = master.resumed.notified();
        let leased = if master.store.may_have_work(&labels, now) {
            let wanted = WantedLease {
                node_id: node_id.clone(),
                incarnation: request.incarnation,
                poll: request.poll,
                labels: (*labels).clone(),
                max_jobs: request.max_jobs,
                good_pictures_before: master.good_picture_ms.map(|age| now - age),
            };
            let leased = master.store.lease(wanted, now, master.lease_ms).await;
            leased.map_err(|error| store_error(&error))?.ok_or_else(|| {
                master.pollers.forget(&node_id, request.incarnation);
                missing("node", &node_id)
            })?
        } else {
            master.pollers.note(&node_id, request.incarnation, now);
            Leased::nothing(LeaseToken::fresh())
        };
        if leased.drained {
            // The node waits outside the line. A job for which its place was woken goes to another node.
            drop(place);
            master.announce_jobs(0);
            tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                () = resumed => {}
                () = master.stopping.cancelled() => {}
            }
            let Leased { lease, plans, jobs, .. } = leased;
            return Ok(Json(LeaseAnswer { lease, lease_ms: lease_ms(&master), plans, jobs }));
        }
        let woken = if leased.jobs.is_empty() {
            tokio::select! {
                woken = place.wait(until.saturating_duration_since(Instant::now())) => woken,
                () = master.stopping.cancelled() => false,
            }
        } else {
            false
        };
        if !woken {
            master.metrics.leased.inc_by(leased.jobs.len() as u64);
            let Leased { lease, plans, jobs, .. } = leased;
            for job in &jobs {
                let request = plans.get(job.plan).and_then(|plan| plan.origin.request_id.as_deref());
                tracing::debug!(job = %job.id, attempt = job.attempt, of = request, node = node_id, "leased");
            }
            return Ok(Json(LeaseAnswer { lease, lease_ms: lease_ms(&master), plans, jobs }));
        }
    }
}

/// Records results of a node. Each result is recorded once, even if it is sent several times.
#[utoipa::path(post, path = "/api/v1/diagnosis/workers/{node_id}/results", tag = "worker protocol",
    request_body = ResultsRequest,
    responses((status = 200, body = ResultsAnswer), (status = "default", body = Problem)))]
pub(super) async fn results(
    State(master): State<Shared>,
    Path(node_id): Path<String>,
    JsonBody(request): JsonBody<ResultsRequest, { 32 << 20 }>,
) -> Result<Json<ResultsAnswer>, Error> {
    if !(1..=MAX_BATCH).contains(&request.results.len()) {
        return Err(invalid("/results", format!("expected 1 to {MAX_BATCH} results")));
    }
    let recorded =
        master.store.record(request.results, master.now_ms()).await.map_err(|error| store_error(&error))?;
    for verdict in &recorded.verdicts {
        master.metrics.verdict(*verdict);
    }
    tracing::debug!(node = node_id, results = recorded.verdicts.len(), "results");
    master.metrics.findings(&recorded.findings);
    for finding in recorded.findings {
        if finding.finding.is_abnormal() {
            master.tell(&Event::Finding { finding: Box::new(finding) });
        }
    }
    for run in recorded.finished_runs {
        master.tell_run(run, RunChange::Finished);
    }
    if recorded.requeued > 0 {
        // Jobs that were handed back are ready now. Failed jobs are ready only after a pause. The scheduler announces
        // them after that pause.
        master.announce_jobs(recorded.requeued);
    }
    Ok(Json(ResultsAnswer { verdicts: recorded.verdicts }))
}

/// Drains a node: it finishes its jobs and gets no new ones, also after it was restarted. Drain a node before you
/// update or stop its machine.
#[utoipa::path(post, path = "/api/v1/diagnosis/workers/{node_id}/drain", tag = "workers",
    responses((status = 204), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn drain(master: State<Shared>, node_id: Path<String>, by: By) -> Result<StatusCode, Error> {
    set_drained(master, node_id, by, true).await
}

/// Resumes a node that was drained: it gets jobs again.
#[utoipa::path(post, path = "/api/v1/diagnosis/workers/{node_id}/resume", tag = "workers",
    responses((status = 204), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn resume(
    master: State<Shared>,
    node_id: Path<String>,
    by: By,
) -> Result<StatusCode, Error> {
    set_drained(master, node_id, by, false).await
}

async fn set_drained(
    State(master): State<Shared>,
    Path(node_id): Path<String>,
    By(actor): By,
    drained: bool,
) -> Result<StatusCode, Error> {
    let known = master.store.by(actor).drain_node(node_id.clone(), drained, master.now_ms()).await;
    if !known.map_err(|error| store_error(&error))? {
        return Err(missing("node", node_id));
    }
    tracing::info!(node = node_id, drained, "node drained or resumed");
    let change = if drained { NodeChange::Drained } else { NodeChange::Resumed };
    if !drained {
        master.resumed.notify_waiters();
    }
    master.tell(&Event::Node { node_id, change });
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct UnregisterQuery {
    /// The id of the process that ends. If absent, the node is removed, but only if it is offline.
    #[param(value_type = Option<Uuid>)]
    incarnation: Option<Incarnation>,
}

/// Unregisters a node and queues its jobs again, or removes a node that is offline.
#[utoipa::path(delete, path = "/api/v1/diagnosis/workers/{node_id}", tag = "worker protocol", params(UnregisterQuery),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn unregister(
    State(master): State<Shared>,
    Path(node_id): Path<String>,
    Params(query): Params<UnregisterQuery>,
    By(actor): By,
) -> Result<StatusCode, Error> {
    let now = master.now_ms();
    let gone = match query.incarnation {
        Some(incarnation) => {
            master.pollers.forget(&node_id, incarnation);
            master.store.unregister_node(node_id.clone(), incarnation, now).await
        }
        None => {
            let silent_before = master.silent_before(now);
            master.store.by(actor).forget_node(node_id.clone(), silent_before, now).await
        }
    };
    if gone.map_err(|error| store_error(&error))? {
        tracing::info!(node = node_id, "node unregistered");
        // The jobs of the node are offered again.
        master.announce_jobs(1);
        master.note_change();
        master.tell(&Event::Node { node_id, change: NodeChange::Unregistered });
        return Ok(StatusCode::NO_CONTENT);
    }
    let nodes = master.store.nodes(&Area::ALL, master.silent_before(now)).await;
    let nodes = nodes.map_err(|error| store_error(&error))?;
    match nodes.iter().find(|node| node.id == node_id) {
        Some(node) if node.status != NodeState::Offline => {
            let detail = "the node is online; stop it before you remove it";
            Err(Error::new(StatusCode::CONFLICT, "node-online", detail))
        }
        _ => Err(missing("node", node_id)),
    }
}
