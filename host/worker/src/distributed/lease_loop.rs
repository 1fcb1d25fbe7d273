//! Registers the node, then leases jobs for all free places, until the node stops.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use easysight_protocol::{LeaseAnswer, LeaseRequest, RegisterAnswer, RegisterRequest};
use tokio::{task::JoinSet, time::Instant};

use crate::{places::Place, system::system_info};

use super::{
    Distributed,
    client::{CallError, MAX_WAIT},
    executor::{self, Assignment},
    heartbeat::forgotten,
};

/// The maximum number of jobs that one poll requests.
const MAX_JOBS: usize = 1_000;
/// The first pause after a failure. It doubles with each failure, up to the poll interval.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The interval at which the loop reports that it is alive while it waits for a free place or for jobs in flight.
pub(super) const STILL_THERE: Duration = Duration::from_secs(1);

/// Leases jobs until the node stops, then waits for the jobs in flight.
pub(crate) async fn run(node: Arc<Distributed>) {
    let mut jobs = JoinSet::new();
    if node.capturer.probe().await.is_err() {
        node.note_ffmpeg_missing();
    }
    while !node.stopping.is_cancelled() {
        tokio::select! {
            () = register(&node) => {}
            () = node.stopping.cancelled() => break,
        }
        while !node.stopping.is_cancelled() && node.book.is_registered() {
            while jobs.try_join_next().is_some() {}
            if can_capture(&node).await {
                poll(&node, &mut jobs).await;
            }
        }
    }
    loop {
        node.book.note_lease_loop();
        tokio::select! {
            job = jobs.join_next() => if job.is_none() { break },
            () = tokio::time::sleep(STILL_THERE) => {}
        }
    }
}

/// Registers the node. Retries until it succeeds.
async fn register(node: &Distributed) {
    let mut pause = FIRST_PAUSE.min(node.settings.task_poll_interval);
    let mut said = None;
    loop {
        node.book.note_lease_loop();
        match introduce(node).await {
            Ok(answer) => {
                tracing::info!(master = node.client.base(), id = node.id, "registered");
                node.book.set_lease(answer.lease_ms);
                node.book.set_registered(true);
                node.keep_incarnation();
                // Results that an earlier process could not deliver are sent first, since they may still be valid.
                node.outbox.flush(node).await;
                return;
            }
            Err(error) => {
                // The error is logged again only if its kind changes. The messages are not compared, since they
                // may contain milliseconds.
                if said != Some(error.kind()) {
                    tracing::warn!(%error, "registering failed; retrying until it succeeds");
                    said = Some(error.kind());
                }
            }
        }
        tokio::time::sleep(jittered(pause)).await;
        pause = (pause * 2).min(node.settings.task_poll_interval);
    }
}

async fn introduce(node: &Distributed) -> Result<RegisterAnswer, CallError> {
    let system = tokio::task::spawn_blocking(system_info).await;
    let system = system.map_err(|error| CallError::Defect(error.to_string()))?;
    let request = RegisterRequest {
        id: node.id.clone(),
        name: node.settings.node_name.clone(),
        incarnation: node.incarnation,
        replaces: node.replaces,
        labels: node.settings.labels.clone(),
        pool_size: node.settings.pool_size,
        capacity: node.capacity(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        system,
        clock: easysight_protocol::now(),
    };
    node.client.register(&request).await
}

/// Returns true if ffmpeg is available. Otherwise returns false after a pause.
async fn can_capture(node: &Distributed) -> bool {
    if !node.lacks_ffmpeg.load(Ordering::Relaxed) {
        return true;
    }
    node.book.note_lease_loop();
    if node.capturer.probe().await.is_ok() {
        tracing::info!("ffmpeg was found; leasing jobs");
        node.lacks_ffmpeg.store(false, Ordering::Relaxed);
        return true;
    }
    tokio::select! {
        () = tokio::time::sleep(node.settings.task_poll_interval.min(MAX_WAIT)) => {}
        () = node.stopping.cancelled() => {}
        () = node.book.forgotten() => {}
    }
    false
}

/// Makes one long poll for all free places.
async fn poll(node: &Arc<Distributed>, jobs: &mut JoinSet<()>) {
    node.book.note_lease_loop();
    let first = tokio::select! {
        first = node.places.free() => first,
        () = node.stopping.cancelled() => return,
        () = node.book.forgotten() => return,
        // All places may be occupied for a long time. After this time the caller reports again that the loop is
        // alive.
        () = tokio::time::sleep(STILL_THERE) => return,
    };
    let mut places = vec![first];
    while places.len() < MAX_JOBS
        && let Some(place) = node.places.try_free()
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
    let began = Instant::now();
    let answer = tokio::select! {
        answer = node.client.lease(&request) => Some(answer),
        () = node.stopping.cancelled() => None,
        () = node.book.forgotten() => None,
    };
    // The poll has ended, with or without success. From now on, heartbeats report the jobs that its answer contained,
    // if any.
    let pause = match answer {
        Some(Ok(answer)) => {
            if node.note_master(true) {
                tracing::info!(master = node.client.base(), "the master answers again");
            }
            // If the master answers early without jobs, the node pauses, so that it does not poll continuously.
            let early = answer.jobs.is_empty() && began.elapsed() < wait / 2;
            begin(node, poll, answer, places, jobs);
            if early { FIRST_PAUSE.min(wait) } else { Duration::ZERO }
        }
        Some(Err(error)) if error.wants_registration() => {
            node.book.end_poll(poll, &[]);
            forgotten(node, &error);
            Duration::ZERO
        }
        Some(Err(error)) => {
            node.book.end_poll(poll, &[]);
            if node.note_master(false) {
                tracing::warn!(%error, "leasing jobs failed; retrying");
            }
            jittered(node.settings.task_poll_interval)
        }
        None => {
            node.book.end_poll(poll, &[]);
            Duration::ZERO
        }
    };
    if !pause.is_zero() {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = node.stopping.cancelled() => {}
        }
    }
}

fn begin(
    node: &Arc<Distributed>,
    poll: u64,
    answer: LeaseAnswer,
    places: Vec<Place>,
    jobs: &mut JoinSet<()>,
) {
    let LeaseAnswer { lease, lease_ms, plans, jobs: mut leased } = answer;
    node.book.set_lease(lease_ms);
    if leased.len() > places.len() {
        // The next heartbeat does not report the surplus jobs as held, so the master offers them again.
        tracing::warn!(
            wanted = places.len(),
            given = leased.len(),
            "the master sent more jobs than requested"
        );
        leased.truncate(places.len());
    }
    let revoked = node.book.end_poll(poll, &leased);
    let plans: Vec<_> = plans.into_iter().map(Arc::new).collect();
    for ((job, revoked), place) in leased.into_iter().zip(revoked).zip(places) {
        node.metrics.accepted.inc();
        let plan = plans.get(job.plan).cloned();
        let assignment = Assignment { job, lease, plan, revoked };
        jobs.spawn(executor::work(Arc::clone(node), assignment, place));
    }
}

/// Shortens a pause by up to a quarter, so that the nodes of a fleet do not all retry at the same time.
pub(crate) fn jittered(pause: Duration) -> Duration {
    let mut byte = [0];
    // Without random bytes the pause is not shortened.
    getrandom::fill(&mut byte).ok();
    let [byte] = byte;
    pause.mul_f64(1.0 - f64::from(byte) / 1020.0)
}
