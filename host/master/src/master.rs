//! What all parts of the master share.

use std::sync::{Arc, atomic::AtomicBool};

use chrono::{DateTime, Utc};
use easysight_store::Store;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    access::Access, events::Events, metrics::Metrics, registry::Registry, relay::Relay, uploads::Uploads,
    waiting::Waiting,
};

/// The master.
pub(crate) struct Master {
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    pub(crate) uploads: Uploads,
    pub(crate) access: Access,
    pub(crate) events: Events,
    /// Tells other masters; none where nobody shares the database.
    pub(crate) relay: Option<Relay>,
    pub(crate) metrics: Metrics,
    /// Long polls that wait for a job.
    pub(crate) waiting: Waiting,
    /// Tells the scheduler that something changed which runs may wait for.
    pub(crate) changed: Notify,
    /// Set while the master is about to stop: long polls are answered at once.
    pub(crate) stopping: CancellationToken,
    /// False while the scheduler does not get round.
    pub(crate) scheduler_lives: AtomicBool,
    pub(crate) lease_ms: i64,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) id: String,
}

/// The master, shared.
pub(crate) type Shared = Arc<Master>;

/// Now, as the store counts it.
pub(crate) fn now_ms() -> i64 {
    Utc::now().timestamp_millis()
}
