//! What happens, for those who look on. Nobody waits for them: who is too slow misses events and is
//! told so.

use easysight_protocol::{DiagnosisResult, RunId};
use serde::{Deserialize, Serialize};
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
        /// What became of it.
        change: RunChange,
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
        /// What became of it.
        change: NodeChange,
    },
}

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunChange {
    /// It was made.
    Created,
    /// It has its jobs.
    Started,
    /// All of its jobs have ended.
    Finished,
    /// A person ended it.
    Cancelled,
}

/// What became of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NodeChange {
    /// It introduced itself.
    Registered,
    /// It said farewell, or was removed.
    Unregistered,
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

    pub(crate) fn listen(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }
}
