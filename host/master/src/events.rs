//! What happens, for those who look on. Nobody waits for them: who is too slow misses events and is
//! told so.

use easysight_protocol::{DiagnosisResult, RunId};
use serde::Serialize;
use tokio::sync::broadcast;
use utoipa::ToSchema;

/// Events that a slow listener may be behind.
const BACKLOG: usize = 1_024;

/// Something that happened.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Event {
    /// A run was made or changed its state.
    Run {
        /// The run.
        run_id: RunId,
        /// `created`, `started`, `finished`, `cancelled`.
        change: &'static str,
    },
    /// A finding was stored that is not normal.
    Finding {
        /// It.
        finding: Box<DiagnosisResult>,
    },
    /// A node came or went.
    Node {
        /// The node.
        node_id: String,
        /// `registered`, `unregistered`.
        change: &'static str,
    },
}

impl Event {
    /// Its kind, as a server-sent event names it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Run { .. } => "run",
            Self::Finding { .. } => "finding",
            Self::Node { .. } => "node",
        }
    }
}

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

    pub(crate) fn run(&self, run_id: RunId, change: &'static str) {
        self.tell(Event::Run { run_id, change });
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }
}
