//! Masters that share a database hear of each other's doings at once: a job that is queued at one wakes
//! a poll that waits at another, and whoever looks on sees what happens at all of them. Many doings
//! make one message.

use std::{sync::Arc, time::Duration};

use easysight_protocol::{Event, NodeChange, RunChange, RunId};
use easysight_store::{FindingRepository, LeaseRepository, Listener, MAX_NEWS_BYTES, StoreError};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::master::{Master, Shared, now_ms};

/// How long doings are gathered for one message.
const GATHER: Duration = Duration::from_millis(3);
/// Pause before a connection that failed is made anew.
const RECONNECT: Duration = Duration::from_secs(2);
/// Events of one message: their ids fit into it.
const MAX_EVENTS: usize = 60;
/// Events that may wait to be told. More than that nobody could follow.
const MAX_WAITING: usize = 2_000;

/// One event, as it is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Told {
    Run(RunId, RunChange),
    Node(String, NodeChange),
    /// A finding's id.
    Finding(String),
}

/// What is told in one message.
#[derive(Debug, Default, Serialize, Deserialize)]
struct News {
    /// The master that it happened at.
    from: String,
    /// Jobs that were queued.
    queued: usize,
    /// Cameras, tasks or plugins are not what they were.
    changed: bool,
    events: Vec<Told>,
}

/// What waits to be told.
#[derive(Default)]
pub(crate) struct Relay {
    news: Mutex<News>,
    bell: Notify,
}

impl Relay {
    fn note(&self, note: impl FnOnce(&mut News)) {
        note(&mut self.news.lock());
        self.bell.notify_one();
    }

    /// The next message; none where there is nothing to tell.
    fn take(&self, from: &str) -> Option<News> {
        let mut waiting = self.news.lock();
        let count = waiting.events.len().min(MAX_EVENTS);
        let news = News {
            from: from.to_owned(),
            queued: std::mem::take(&mut waiting.queued),
            changed: std::mem::take(&mut waiting.changed),
            events: waiting.events.drain(..count).collect(),
        };
        (news.queued > 0 || news.changed || !news.events.is_empty()).then_some(news)
    }
}

impl Master {
    /// Wakes polls that wait, here and at other masters, for so many jobs that were queued.
    pub(crate) fn queued(&self, jobs: usize) {
        self.wake();
        if let Some(relay) = &self.relay
            && jobs > 0
        {
            relay.note(|news| news.queued = news.queued.saturating_add(jobs));
        }
    }

    /// Wakes as many polls as there are jobs that are known to be ready.
    pub(crate) fn wake(&self) {
        if self.waiting.len() > 0 {
            for (required, jobs) in self.store.known_ready_jobs() {
                self.waiting.wake(&required, jobs);
            }
        }
    }

    /// Looks for jobs that those who wait may have, and wakes them. Costs a statement only where what is known is
    /// old or in doubt.
    pub(crate) async fn look_for_jobs(&self) -> Result<(), StoreError> {
        let labels = self.waiting.labels();
        let now = now_ms();
        if labels.iter().any(|labels| self.store.may_have_work(labels, now)) {
            for (required, jobs) in self.store.ready_jobs(labels, now).await? {
                self.waiting.wake(&required, jobs);
            }
        }
        Ok(())
    }

    /// Lets the schedulers look again at what runs may wait for.
    pub(crate) fn note_change(&self) {
        self.changed.notify_one();
        if let Some(relay) = &self.relay {
            relay.note(|news| news.changed = true);
        }
    }

    /// Tells everyone who looks on, at other masters too.
    pub(crate) fn tell(&self, event: Event) {
        if let Some(relay) = &self.relay {
            let told = match &event {
                Event::Run { run_id, change } => Some(Told::Run(*run_id, *change)),
                Event::Node { node_id, change } => Some(Told::Node(node_id.clone(), *change)),
                Event::Finding { finding } => Some(Told::Finding(finding.id.clone())),
                // Of one listener only.
                Event::Missed { .. } => None,
            };
            relay.note(|news| {
                if news.events.len() < MAX_WAITING {
                    news.events.extend(told);
                }
            });
        }
        self.events.tell(event);
    }

    /// Tells what became of a run.
    pub(crate) fn tell_run(&self, run_id: RunId, change: RunChange) {
        self.tell(Event::Run { run_id, change });
    }
}

/// Tells and listens until the master stops. Ends at once where nobody shares its database.
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
                    tracing::error!(bytes = text.len(), "news for other masters do not fit into a message");
                    Ok(())
                }
                Err(error) => Err(error.into()),
            };
            if let Err(error) = &told
                && !troubled
            {
                tracing::warn!(%error, "other masters cannot be told and find out by themselves, later");
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
            tracing::warn!(%error, "other masters cannot be heard");
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
            // A master of another version may say more than this one understands.
            Err(error) => tracing::debug!(%error, "news that are not understood"),
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
    for told in news.events {
        match told {
            Told::Run(run_id, change) => master.events.tell(Event::Run { run_id, change }),
            Told::Node(node_id, change) => master.events.tell(Event::Node { node_id, change }),
            Told::Finding(id) => findings.push(id),
        }
    }
    if !findings.is_empty() {
        for finding in master.store.findings_named(&findings).await? {
            master.events.tell(Event::Finding { finding: Box::new(finding) });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_the_longest_names_fits_and_the_rest_follows() {
        let relay = Relay::default();
        for _ in 0..MAX_EVENTS + 1 {
            relay.note(|news| news.events.push(Told::Node("n".repeat(100), NodeChange::Unregistered)));
        }
        relay.note(|news| news.events.push(Told::Run(RunId::fresh(), RunChange::Cancelled)));
        let first = relay.take("m").unwrap();
        assert_eq!(first.events.len(), MAX_EVENTS);
        assert!(serde_json::to_string(&first).unwrap().len() <= MAX_NEWS_BYTES);
        assert_eq!(relay.take("m").unwrap().events.len(), 2);
        assert!(relay.take("m").is_none());
    }
}
