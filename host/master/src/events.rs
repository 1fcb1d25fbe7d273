//! Events for followers, for example for clients that read the stream of events. Sending never waits. A follower that
//! is too slow misses events, and is sent the number of missed events instead.

use easysight_protocol::Event;
use tokio::sync::broadcast;

/// The number of events by which a follower may be behind.
const BACKLOG: usize = 1_024;

/// Sends events to followers.
pub(crate) struct Events {
    sender: broadcast::Sender<Event>,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self { sender: broadcast::channel(BACKLOG).0 }
    }

    /// Sends an event to all followers. An error is ignored, because it only means that there is no follower.
    pub(crate) fn tell(&self, event: Event) {
        self.sender.send(event).ok();
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }
}
