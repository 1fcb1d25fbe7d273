//! News: messages between masters that share a database. One message collects several events of one master.

mod carrier;
pub(crate) mod exchange;

use easysight_protocol::{Event, NodeChange, RunChange, RunId};
use easysight_store::Store;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use carrier::{Carrier, carrier_of};

/// The largest number of events in one message. The ids of this many events fit into a message.
const MAX_EVENTS: usize = 60;
/// The largest number of events that wait to be sent. Further events are dropped, because no follower could keep up
/// with them.
const MAX_WAITING: usize = 2_000;

/// An event, reduced to its ids.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Notice {
    Run(RunId, RunChange),
    Node(String, NodeChange),
    /// A finding's id.
    Finding(String),
}

impl Notice {
    /// Makes the notice of an event. None if the event concerns one client only, or has a field of its own in [`News`].
    fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Run { run_id, change } => Some(Self::Run(*run_id, *change)),
            Event::Node { node_id, change: change @ (NodeChange::Registered | NodeChange::Unregistered) } => {
                Some(Self::Node(node_id.clone(), *change))
            }
            Event::Finding { finding } => Some(Self::Finding(finding.id.clone())),
            Event::Node { change: NodeChange::Drained | NodeChange::Resumed, .. }
            | Event::Missed { .. }
            | Event::Position => None,
        }
    }
}

/// One message.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct News {
    /// The id of the master that sent the message.
    pub(crate) from: String,
    /// The number of jobs that were queued.
    pub(crate) queued: usize,
    /// True if cameras, tasks or plugins changed.
    pub(crate) changed: bool,
    pub(crate) events: Vec<Notice>,
    /// Nodes that were drained or resumed. Older masters cannot read these changes among the events, and ignore this
    /// field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) drains: Vec<(String, NodeChange)>,
}

/// The news that is waiting to be sent to other masters, and its carrier.
pub(crate) struct Relay {
    carrier: Box<dyn Carrier>,
    news: Mutex<News>,
    /// Notified when there is something to send.
    bell: Notify,
}

impl Relay {
    /// Makes the relay of the masters that share this database, or None if no other master can share it.
    pub(crate) fn of(store: &Store) -> Option<Self> {
        Some(Self::new(carrier_of(store)?))
    }

    fn new(carrier: Box<dyn Carrier>) -> Self {
        Self { carrier, news: Mutex::default(), bell: Notify::new() }
    }

    /// Adds queued jobs.
    pub(crate) fn note_queued(&self, jobs: usize) {
        self.note(|news| news.queued = news.queued.saturating_add(jobs));
    }

    /// Adds a change of cameras, tasks or plugins.
    pub(crate) fn note_change(&self) {
        self.note(|news| news.changed = true);
    }

    /// Adds an event, unless too many are waiting already.
    pub(crate) fn note_event(&self, event: &Event) {
        if let Event::Node { node_id, change: change @ (NodeChange::Drained | NodeChange::Resumed) } = event {
            self.note(|news| {
                if news.drains.len() < MAX_WAITING {
                    news.drains.push((node_id.clone(), *change));
                }
            });
            return;
        }
        let Some(notice) = Notice::of(event) else { return };
        self.note(|news| {
            if news.events.len() < MAX_WAITING {
                news.events.push(notice);
            }
        });
    }

    fn note(&self, note: impl FnOnce(&mut News)) {
        note(&mut self.news.lock());
        self.bell.notify_one();
    }

    /// Takes the next message out. Returns `None` if there is nothing to send.
    fn take(&self, from: &str) -> Option<News> {
        let mut waiting = self.news.lock();
        let count = waiting.events.len().min(MAX_EVENTS);
        let drains = waiting.drains.len().min(MAX_EVENTS - count);
        let news = News {
            from: from.to_owned(),
            queued: std::mem::take(&mut waiting.queued),
            changed: std::mem::take(&mut waiting.changed),
            events: waiting.events.drain(..count).collect(),
            drains: waiting.drains.drain(..drains).collect(),
        };
        let is_empty = news.events.is_empty() && news.drains.is_empty();
        (news.queued > 0 || news.changed || !is_empty).then_some(news)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use easysight_store::MAX_NEWS_BYTES;
    use futures::future::BoxFuture;

    use super::*;

    /// Stores the messages, and fails while the test demands it.
    #[derive(Clone, Default)]
    struct Kept {
        messages: Arc<Mutex<Vec<String>>>,
        failures: Arc<Mutex<usize>>,
        sent: Arc<Notify>,
    }

    impl Carrier for Kept {
        fn max_bytes(&self) -> usize {
            MAX_NEWS_BYTES
        }

        fn send<'a>(&'a self, message: &'a str) -> BoxFuture<'a, anyhow::Result<()>> {
            Box::pin(async move {
                self.sent.notify_one();
                let mut failures = self.failures.lock();
                if *failures > 0 {
                    *failures -= 1;
                    anyhow::bail!("the broker is unavailable");
                }
                self.messages.lock().push(message.to_owned());
                Ok(())
            })
        }

        fn subscribe(&self) -> BoxFuture<'_, anyhow::Result<Box<dyn carrier::Subscription>>> {
            Box::pin(async { anyhow::bail!("nothing is received") })
        }
    }

    #[test]
    fn a_message_of_the_longest_names_fits_and_the_rest_follows() {
        let relay = Relay::new(Box::new(Kept::default()));
        for _ in 0..MAX_EVENTS + 1 {
            relay.note_event(&Event::Node { node_id: "n".repeat(100), change: NodeChange::Unregistered });
        }
        relay.note_event(&Event::Run { run_id: RunId::fresh(), change: RunChange::Cancelled });
        let first = relay.take("m").unwrap();
        assert_eq!(first.events.len(), MAX_EVENTS);
        assert!(serde_json::to_string(&first).unwrap().len() <= MAX_NEWS_BYTES);
        assert_eq!(relay.take("m").unwrap().events.len(), 2);
        assert!(relay.take("m").is_none());
    }

    #[tokio::test]
    async fn news_goes_on_after_a_message_that_could_not_be_sent() {
        let kept = Kept { failures: Arc::new(Mutex::new(1)), ..Kept::default() };
        let relay = Relay::new(Box::new(kept.clone()));
        let follow = async {
            relay.note_queued(3);
            kept.sent.notified().await;
            relay.note_queued(5);
            relay.note_queued(2);
            kept.sent.notified().await;
        };
        tokio::select! {
            () = exchange::send(&relay, "m") => {}
            () = follow => {}
        }
        let news: News = serde_json::from_str(&kept.messages.lock().pop().unwrap()).unwrap();
        assert_eq!((news.from.as_str(), news.queued, news.changed), ("m", 7, false));
        assert!(kept.messages.lock().is_empty());
    }
}
