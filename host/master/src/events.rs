//! Events for followers. Sending never waits: a follower that is too slow misses events and learns how many.

use easysight_protocol::Event;
use tokio::sync::broadcast;

/// How many events a slow follower may be behind.
const BACKLOG: usize = 1_024;

/// Sends events to followers.
pub(crate) struct Events {
    sender: broadcast::Sender<Event>,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self { sender: broadcast::channel(BACKLOG).0 }
    }

    /// Sends an event to all followers. An error would only mean that nobody follows.
    pub(crate) fn tell(&self, event: Event) {
        self.sender.send(event).ok();
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }
}
