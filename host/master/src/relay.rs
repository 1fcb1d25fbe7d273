//! Exchanges news between masters that share a database. So a job that is queued at one master wakes a poll that waits
//! at another, and a client can follow the events of all masters.

use std::{sync::Arc, time::Duration};

use easysight_protocol::Event;
use easysight_store::{Listener, MAX_NEWS_BYTES, StoreError};

use crate::{
    master::{Master, Shared},
    news::{News, Notice, Relay},
};

/// How long news is collected for one message.
const GATHER: Duration = Duration::from_millis(3);
/// The pause before a failed connection is opened again.
const RECONNECT: Duration = Duration::from_secs(2);

/// Sends and receives news until the master stops. Returns at once if no other master shares the database.
pub(crate) async fn run(master: Shared) {
    let Some(relay) = &master.relay else { return };
    let told = tell(&master, relay);
    let heard = listen(&master);
    tokio::select! {
        () = told => {}
        () = heard => {}
        () = master.stopping.cancelled() => {}
    }
}

async fn tell(master: &Master, relay: &Relay) {
    let mut troubled = false;
    loop {
        relay.bell.notified().await;
        tokio::time::sleep(GATHER).await;
        while let Some(news) = relay.take(&master.id) {
            let told = match serde_json::to_string(&news) {
                Ok(text) if text.len() <= MAX_NEWS_BYTES => master.store.tell(&text).await,
                Ok(text) => {
                    tracing::error!(
                        bytes = text.len(),
                        "news for other masters is too large for one message"
                    );
                    Ok(())
                }
                Err(error) => Err(error.into()),
            };
            if let Err(error) = &told
                && !troubled
            {
                tracing::warn!(%error, "other masters cannot be notified; they will notice changes later");
            }
            troubled = told.is_err();
        }
    }
}

async fn listen(master: &Shared) {
    loop {
        let ended = match master.store.listen().await {
            Ok(Some(listener)) => hear(master, listener).await,
            Ok(None) => return,
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            tracing::warn!(%error, "news from other masters cannot be received");
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

async fn hear(master: &Arc<Master>, mut listener: Listener) -> Result<(), StoreError> {
    loop {
        let text = listener.next().await?;
        match serde_json::from_str::<News>(&text) {
            Ok(news) if news.from == master.id => {}
            Ok(news) => take_in(master, news).await?,
            // A master of another version may send messages that this version does not understand.
            Err(error) => tracing::debug!(%error, "news from another master was not understood"),
        }
    }
}

async fn take_in(master: &Master, news: News) -> Result<(), StoreError> {
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
            Notice::Run(run_id, change) => master.events.tell(Event::Run { run_id, change }),
            Notice::Node(node_id, change) => master.events.tell(Event::Node { node_id, change }),
            Notice::Finding(id) => findings.push(id),
        }
    }
    if !findings.is_empty() {
        for finding in master.store.findings_named(&findings).await? {
            master.events.tell(Event::Finding { finding: Box::new(finding) });
        }
    }
    Ok(())
}
