//! Events about runs, findings and nodes. `GET /api/v1/events` streams them as server-sent events.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{DiagnosisResult, RunId};

/// One event. In a server-sent event, the type (`event:`) is the `kind`, and the data (`data:`) is the whole event in
/// JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// A run was created or changed its state.
    Run {
        /// The run.
        run_id: RunId,
        /// What happened to the run.
        change: RunChange,
    },
    /// A finding that is not normal was stored.
    Finding {
        /// The finding.
        finding: Box<DiagnosisResult>,
    },
    /// A node registered or unregistered, or a person removed, drained or resumed it.
    Node {
        /// The node.
        node_id: String,
        /// What happened to the node.
        change: NodeChange,
    },
    /// The client missed some events: it read too slowly, or it connected again and the events since then are not kept
    /// any more.
    Missed {
        /// The number of events that the client missed, including those that it may not see. Zero if the number is
        /// unknown, because the client continues after an event of another master, or of an earlier start of this one.
        events: u64,
    },
    /// The client has got every event that it may see, up to this one. Only clients that send `last_event_id` get it.
    Position,
}

/// What happened to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunChange {
    /// The run was created.
    Created,
    /// The run's jobs were queued, for the first time or by a retry.
    Started,
    /// All jobs of the run have ended.
    Finished,
    /// A person cancelled the run.
    Cancelled,
}

/// What happened to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeChange {
    /// The node registered.
    Registered,
    /// The node unregistered, or a person removed it.
    Unregistered,
    /// A person drained the node: it gets no new jobs.
    Drained,
    /// A person resumed the node: it gets jobs again.
    Resumed,
}

impl Event {
    /// Returns the event's kind, which is the type of the server-sent event.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Run { .. } => "run",
            Self::Finding { .. } => "finding",
            Self::Node { .. } => "node",
            Self::Missed { .. } => "missed",
            Self::Position => "position",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_the_word_on_the_wire() {
        let events = [
            Event::Run { run_id: RunId::fresh(), change: RunChange::Finished },
            Event::Node { node_id: "n".into(), change: NodeChange::Registered },
            Event::Missed { events: 3 },
            Event::Position,
        ];
        for event in events {
            let json = serde_json::to_value(&event).unwrap();
            assert_eq!(json["kind"], event.kind());
            assert_eq!(serde_json::from_value::<Event>(json).unwrap(), event);
        }
    }
}
