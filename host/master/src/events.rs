//! What happens, for those who follow it. Nobody waits for them: a listener that is too slow misses events and
//! is told how many.

use easysight_protocol::Event;
use tokio::sync::broadcast;

/// Events that a slow listener may be behind.
const BACKLOG: usize = 1_024;

/// Tells those who listen.
pub(crate) struct Events {
    sender: broadcast::Sender<Event>,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self { sender: broadcast::channel(BACKLOG).0 }
    }

    /// Tells everyone; an error would only mean that nobody listens.
    pub(crate) fn tell(&self, event: Event) {
        self.sender.send(event).ok();
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }
}
