//! What masters that share a database tell each other: what happened at one of them, gathered for one message.

use easysight_protocol::{Event, NodeChange, RunChange, RunId};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// Events of one message: their ids fit into it.
const MAX_EVENTS: usize = 60;
/// Events that may wait to be sent. More than that nobody could follow.
const MAX_WAITING: usize = 2_000;

/// One event, by its ids.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Notice {
    Run(RunId, RunChange),
    Node(String, NodeChange),
    /// A finding's id.
    Finding(String),
}

impl Notice {
    /// None where the event is of one client only.
    fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Run { run_id, change } => Some(Self::Run(*run_id, *change)),
            Event::Node { node_id, change } => Some(Self::Node(node_id.clone(), *change)),
            Event::Finding { finding } => Some(Self::Finding(finding.id.clone())),
            Event::Missed { .. } => None,
        }
    }
}

/// One message.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct News {
    /// The master that it happened at.
    pub(crate) from: String,
    /// Jobs that were queued.
    pub(crate) queued: usize,
    /// Cameras, tasks or plugins are not what they were.
    pub(crate) changed: bool,
    pub(crate) events: Vec<Notice>,
}

/// What waits to be sent to other masters.
#[derive(Default)]
pub(crate) struct Relay {
    news: Mutex<News>,
    /// Rung where there is something to send.
    pub(crate) bell: Notify,
}

impl Relay {
    /// Jobs were queued.
    pub(crate) fn note_queued(&self, jobs: usize) {
        self.note(|news| news.queued = news.queued.saturating_add(jobs));
    }

    /// Cameras, tasks or plugins changed.
    pub(crate) fn note_change(&self) {
        self.note(|news| news.changed = true);
    }

    /// Something happened that clients follow.
    pub(crate) fn note_event(&self, event: &Event) {
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

    /// The next message; none where there is nothing to send.
    pub(crate) fn take(&self, from: &str) -> Option<News> {
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

#[cfg(test)]
mod tests {
    use easysight_store::MAX_NEWS_BYTES;

    use super::*;

    #[test]
    fn a_message_of_the_longest_names_fits_and_the_rest_follows() {
        let relay = Relay::default();
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
}
