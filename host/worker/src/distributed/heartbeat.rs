//! Sends heartbeats. They have their own thread and their own runtime, so that they continue while every core
//! computes and while the lease loop waits.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::Context;
use easysight_protocol::{HeartbeatAnswer, HeartbeatRequest, PluginSummary, SystemInfo};
use tokio::time::Instant;

use crate::system::system_info;

use super::{
    Distributed,
    client::{CallError, MasterClient},
};

/// The interval at which the facts about the machine are read.
const LOOK: Duration = Duration::from_secs(30);
/// The minimum timeout of a heartbeat. A heartbeat times out after a quarter of the lease, but not before this time.
const MIN_PATIENCE: Duration = Duration::from_millis(500);

/// Starts the thread. It ends when the node ends.
pub(crate) fn spawn(node: &Arc<Distributed>, client: MasterClient) -> anyhow::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the heartbeat's runtime does not start")?;
    let node = Arc::clone(node);
    thread::Builder::new()
        .name("heartbeat".into())
        .spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = beat(&node, &client) => {}
                    () = node.ended.cancelled() => {}
                }
            });
        })
        .context("the heartbeat's thread does not start")
}

async fn beat(node: &Distributed, client: &MasterClient) {
    let mut looked = Instant::now();
    let mut troubled = false;
    let mut known: Option<Vec<PluginSummary>> = None;
    loop {
        node.book.note_heartbeat();
        tokio::select! {
            () = tokio::time::sleep(pause(node, troubled)) => {}
            // The heartbeat does not wait for the end of the pause. If the node has just registered, its new lease may
            // be shorter than this pause, which was computed from the old lease. If the node is about to stop, the
            // master must learn this at once.
            () = node.book.news() => {}
        }
        if !node.book.is_registered() {
            continue;
        }
        let system = if looked.elapsed() >= LOOK {
            looked = Instant::now();
            Some(system_info())
        } else {
            None
        };
        // The plugins are repeated with the facts, because the master forgets them when the node registers again.
        let loaded = node.plugins.summaries();
        let news = system.is_some() || known.as_ref() != Some(&loaded);
        let request = request(node, system, news.then(|| loaded.clone()));
        let patience = (node.book.lease() / 4).max(MIN_PATIENCE);
        match client.heartbeat(&request, patience).await {
            Ok(answer) => {
                take_in(node, &request, &answer);
                known = Some(loaded);
                if troubled {
                    tracing::info!("heartbeats reach the master again");
                    troubled = false;
                }
            }
            Err(error) if error.wants_registration() => {
                known = None;
                forgotten(node, &error);
            }
            Err(error) => {
                node.metrics.heartbeat_failures.inc();
                if !troubled {
                    tracing::warn!(%error, "a heartbeat did not reach the master");
                    troubled = true;
                }
            }
        }
    }
}

/// Returns the pause before the next heartbeat. The pause is at most half of the lease, so that one heartbeat may be
/// lost. While heartbeats fail, the pause is at most a quarter of the lease.
fn pause(node: &Distributed, troubled: bool) -> Duration {
    let lease = node.book.lease();
    node.settings.heartbeat_interval.min(if troubled { lease / 4 } else { lease / 2 })
}

fn take_in(node: &Distributed, request: &HeartbeatRequest, answer: &HeartbeatAnswer) {
    node.book.set_lease(answer.lease_ms);
    let stopped = node.book.revoke(&request.held, &answer.revoked);
    if stopped > 0 {
        tracing::info!(jobs = stopped, "the master revoked jobs; stopping them");
    }
}

/// Makes the node register again.
pub(crate) fn forgotten(node: &Distributed, error: &CallError) {
    tracing::warn!(%error, "the node registers again");
    node.book.set_registered(false);
}

fn request(
    node: &Distributed,
    system: Option<SystemInfo>,
    plugins: Option<Vec<PluginSummary>>,
) -> HeartbeatRequest {
    let (held, last_poll) = node.book.held();
    HeartbeatRequest {
        incarnation: node.incarnation,
        last_poll,
        held,
        draining: node.stopping.is_cancelled(),
        system,
        plugins,
        totals: node.metrics.totals(),
        clock: easysight_protocol::now(),
    }
}
