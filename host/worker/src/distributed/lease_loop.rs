//! Registers the node and asks for jobs, as many as there are free places, until the node stops.

use std::{sync::Arc, time::Duration};

use chrono::Utc;
use easysight_protocol::{LeaseAnswer, LeaseRequest, RegisterRequest};
use tokio::{sync::OwnedSemaphorePermit, task::JoinSet};

use crate::system::system_info;

use super::{
    Distributed,
    client::CallError,
    executor::{self, Assignment},
};

/// Longest wait of a poll, whatever the settings say: the master answers by then.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// Jobs that one poll asks for at the most.
const MAX_JOBS: usize = 1_000;
/// First pause after a failure; it doubles up to the poll interval.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Works until the node stops; then waits for the jobs in flight.
pub(crate) async fn run(node: Arc<Distributed>) {
    let mut jobs = JoinSet::new();
    while !node.stopping.is_cancelled() {
        tokio::select! {
            () = register(&node) => {}
            () = node.stopping.cancelled() => break,
        }
        while !node.stopping.is_cancelled() && node.book.is_registered() {
            while jobs.try_join_next().is_some() {}
            poll(&node, &mut jobs).await;
        }
    }
    while jobs.join_next().await.is_some() {}
}

/// Introduces the node, for as long as it takes.
async fn register(node: &Distributed) {
    let mut pause = FIRST_PAUSE;
    let mut said = String::new();
    loop {
        node.book.note_lease_loop();
        let system = tokio::task::spawn_blocking(system_info).await;
        let answer = match system {
            Ok(system) => node.client.register(&introduction(node, system)).await,
            Err(error) => {
                tracing::error!(%error, "no facts on the machine");
                return;
            }
        };
        match answer {
            Ok(answer) => {
                tracing::info!(master = node.client.base(), id = node.id, "registered");
                node.book.set_lease(answer.lease_ms);
                node.book.set_registered(true);
                node.keep_incarnation();
                // What a former life could not deliver comes first: it may still count.
                node.outbox.flush(node).await;
                return;
            }
            Err(error) => {
                // Said once a reason, not once a try.
                let reason = error.to_string();
                if said != reason {
                    tracing::warn!(reason, "not registered, and tried again");
                    said = reason;
                }
            }
        }
        tokio::time::sleep(jittered(pause)).await;
        pause = (pause * 2).min(node.settings.task_poll_interval.max(FIRST_PAUSE));
    }
}

fn introduction(node: &Distributed, system: easysight_protocol::SystemInfo) -> RegisterRequest {
    RegisterRequest {
        id: node.id.clone(),
        name: node.settings.node_name.clone(),
        incarnation: node.incarnation,
        replaces: node.replaces,
        labels: node.settings.labels.clone(),
        pool_size: node.settings.pool_size,
        capacity: node.capacity(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        system,
        clock: Utc::now(),
    }
}

/// One long poll for all places that are free.
async fn poll(node: &Arc<Distributed>, jobs: &mut JoinSet<()>) {
    node.book.note_lease_loop();
    let first = tokio::select! {
        first = Arc::clone(&node.places).acquire_owned() => first,
        () = node.stopping.cancelled() => return,
        // Executors may be busy for long; the loop lives all the same.
        () = tokio::time::sleep(MAX_WAIT) => return,
    };
    let Ok(first) = first else { return };
    let mut places = vec![first];
    while places.len() < MAX_JOBS
        && let Ok(place) = Arc::clone(&node.places).try_acquire_owned()
    {
        places.push(place);
    }
    let poll = node.book.begin_poll();
    node.metrics.polls.inc();
    let wait = node.settings.task_poll_interval.min(MAX_WAIT);
    let request = LeaseRequest {
        incarnation: node.incarnation,
        poll,
        max_jobs: u32::try_from(places.len()).unwrap_or(u32::MAX),
        wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
    };
    let answer = tokio::select! {
        answer = node.client.lease(&request) => answer,
        () = node.stopping.cancelled() => Err(CallError::Forgotten("stopping".into())),
        () = node.book.forgotten() => Err(CallError::Forgotten("a heartbeat was refused".into())),
    };
    match answer {
        Ok(answer) => {
            if node.note_master(true) {
                tracing::info!(master = node.client.base(), "the master answers again");
            }
            begin(node, poll, answer, places, jobs);
        }
        Err(error) => {
            node.book.end_poll(poll, &[]);
            drop(places);
            if node.stopping.is_cancelled() {
                return;
            }
            if let CallError::Forgotten(detail) = &error {
                tracing::warn!(detail, "the master forgot this node, which registers again");
                node.book.set_registered(false);
                return;
            }
            if node.note_master(false) {
                tracing::warn!(%error, "no jobs can be leased, and tried again");
            }
            tokio::select! {
                () = tokio::time::sleep(jittered(node.settings.task_poll_interval)) => {}
                () = node.stopping.cancelled() => {}
            }
        }
    }
}

fn begin(
    node: &Arc<Distributed>,
    poll: u64,
    answer: LeaseAnswer,
    places: Vec<OwnedSemaphorePermit>,
    jobs: &mut JoinSet<()>,
) {
    let LeaseAnswer { lease, lease_ms, plans, jobs: leased } = answer;
    node.book.set_lease(lease_ms);
    let revoked = node.book.end_poll(poll, &leased);
    let plans: Vec<_> = plans.into_iter().map(Arc::new).collect();
    for ((job, revoked), place) in leased.into_iter().zip(revoked).zip(places) {
        node.metrics.accepted.inc();
        let plan = plans.get(job.plan).cloned().unwrap_or_default();
        let assignment = Assignment { job, lease, plan, revoked };
        jobs.spawn(executor::work(Arc::clone(node), assignment, place));
    }
}

/// Give or take a quarter, so that a fleet does not come back all at once.
fn jittered(pause: Duration) -> Duration {
    let mut byte = [0];
    // Without random bytes the pause is as it is.
    getrandom::fill(&mut byte).ok();
    let [byte] = byte;
    pause.mul_f64(0.75 + f64::from(byte) / 510.0)
}
