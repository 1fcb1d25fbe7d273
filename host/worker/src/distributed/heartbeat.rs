//! Heartbeats, from a thread of their own with a runtime of its own: they go on while every core
//! computes, and while the lease loop waits.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::Context;
use chrono::Utc;
use easysight_protocol::{HeartbeatRequest, SystemInfo};
use tokio::time::Instant;

use crate::system::system_info;

use super::{
    Distributed,
    client::{CallError, MasterClient},
};

/// How often the machine is looked at anew.
const LOOK: Duration = Duration::from_secs(30);

/// Starts the thread. It ends when the node stops.
pub(crate) fn spawn(node: &Arc<Distributed>, client: MasterClient) -> anyhow::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the heartbeat's runtime does not start")?;
    let node = Arc::clone(node);
    thread::Builder::new()
        .name("heartbeat".into())
        .spawn(move || runtime.block_on(beat(&node, &client)))
        .context("the heartbeat's thread does not start")
}

async fn beat(node: &Distributed, client: &MasterClient) {
    let mut looked = Instant::now();
    let mut troubled = false;
    loop {
        node.book.note_heartbeat();
        // Half of the lease, so that one heartbeat may be lost.
        let pause = node.settings.heartbeat_interval.min(node.book.lease() / 2);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = node.ended.cancelled() => return,
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
        match client.heartbeat(&request(node, system)).await {
            Ok(answer) => {
                node.book.set_lease(answer.lease_ms);
                let stopped = node.book.revoke(&answer.revoked);
                if stopped > 0 {
                    tracing::info!(jobs = stopped, "jobs were taken back by the master and are stopped");
                }
                if troubled {
                    tracing::info!("heartbeats arrive again");
                    troubled = false;
                }
            }
            Err(CallError::Forgotten(detail)) => {
                tracing::warn!(detail, "the master forgot this node, which registers again");
                node.book.set_registered(false);
            }
            Err(error) => {
                node.metrics.heartbeat_failures.inc();
                if !troubled {
                    tracing::warn!(%error, "a heartbeat did not arrive");
                    troubled = true;
                }
            }
        }
    }
}

fn request(node: &Distributed, system: Option<SystemInfo>) -> HeartbeatRequest {
    let (held, last_poll) = node.book.held();
    HeartbeatRequest {
        incarnation: node.incarnation,
        last_poll,
        held,
        draining: node.stopping.is_cancelled(),
        system,
        totals: node.metrics.totals(),
        clock: Utc::now(),
    }
}
