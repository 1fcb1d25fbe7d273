//! Exchanges news between masters that share a database. So a job that is queued at one master wakes a poll that waits
//! at another master, and a client can follow the events of all masters.

use std::{sync::Arc, time::Duration};

use easysight_protocol::{Event, NodeChange};
use easysight_store::StoreError;

use crate::master::{Master, Shared};

use super::{News, Notice, Relay, carrier::Carrier};

/// The time for which news is collected for one message.
const GATHER: Duration = Duration::from_millis(3);
/// The pause before a failed connection is opened again.
const RECONNECT: Duration = Duration::from_secs(2);

/// Sends and receives news until the master stops. Returns at once if no other master shares the database.
pub(crate) async fn run(master: Shared) {
    let Some(relay) = &master.relay else { return };
    tokio::select! {
        () = send(relay, &master.id) => {}
        () = receive(&master, &*relay.carrier) => {}
        () = master.stopping.cancelled() => {}
    }
}

pub(super) async fn send(relay: &Relay, from: &str) {
    let mut failing = false;
    loop {
        relay.bell.notified().await;
        tokio::time::sleep(GATHER).await;
        while let Some(news) = relay.take(from) {
            let sent = match serde_json::to_string(&news) {
                Ok(text) if text.len() <= relay.carrier.max_bytes() => relay.carrier.send(&text).await,
                Ok(text) => {
                    tracing::error!(bytes = text.len(), "a message to other masters is too large");
                    Ok(())
                }
                Err(error) => Err(error.into()),
            };
            if let Err(error) = &sent
                && !failing
            {
                tracing::warn!(%error, "other masters cannot be notified; they will notice changes later");
            }
            failing = sent.is_err();
        }
    }
}

async fn receive(master: &Shared, carrier: &dyn Carrier) {
    loop {
        if let Err(error) = follow(master, carrier).await {
            tracing::warn!(%error, "messages from other masters cannot be received");
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

async fn follow(master: &Arc<Master>, carrier: &dyn Carrier) -> anyhow::Result<()> {
    let mut messages = carrier.subscribe().await?;
    loop {
        let text = messages.next().await?;
        match serde_json::from_str::<News>(&text) {
            Ok(news) if news.from == master.id => {}
            Ok(news) => apply(master, news).await?,
            // A master of another version may send messages that this version does not understand.
            Err(error) => tracing::debug!(%error, "a message from another master cannot be read"),
        }
    }
}

async fn apply(master: &Master, news: News) -> Result<(), StoreError> {
    if news.changed {
        master.registry.refresh().await?;
        master.changed.notify_one();
    }
    if news.queued > 0 {
        master.store.doubt_ready_jobs();
        master.look_for_jobs().await?;
    }
    let mut findings = Vec::new();
    for notice in news.events {
        match notice {
            Notice::Run(run_id, change) => master.events.tell(&Event::Run { run_id, change }),
            Notice::Node(node_id, change) => master.events.tell(&Event::Node { node_id, change }),
            Notice::Finding(id) => findings.push(id),
        }
    }
    for (node_id, change) in news.drains {
        if change == NodeChange::Resumed {
            master.resumed.notify_waiters();
        }
        master.events.tell(&Event::Node { node_id, change });
    }
    if !findings.is_empty() {
        for finding in master.store.findings_named(&findings).await? {
            master.events.tell(&Event::Finding { finding: Box::new(finding) });
        }
    }
    Ok(())
}
