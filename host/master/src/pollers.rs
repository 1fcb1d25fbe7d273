//! Nodes that poll for jobs. Their labels are cached, so that a poll without a job costs no SQL statement. The times of
//! their last polls are collected, and written to the database from time to time.

use std::{collections::HashMap, sync::Arc};

use easysight_protocol::{Incarnation, Labels};
use easysight_store::{Store, StoreError};
use parking_lot::Mutex;

/// The largest number of nodes in the cache. A full cache is cleared, and its nodes are looked up again.
const MAX_NODES: usize = 20_000;

type Life = (String, Incarnation);

/// The polling nodes.
#[derive(Default)]
pub(crate) struct Pollers {
    known: Mutex<HashMap<Life, Arc<Labels>>>,
    /// Polls that are not written yet.
    polls: Mutex<HashMap<Life, i64>>,
}

impl Pollers {
    /// Returns the labels of a node. Returns `None` if the node is not registered with this incarnation.
    pub(crate) async fn labels(
        &self,
        store: &Store,
        node: &str,
        life: Incarnation,
    ) -> Result<Option<Arc<Labels>>, StoreError> {
        let key = (node.to_owned(), life);
        if let Some(labels) = self.known.lock().get(&key) {
            return Ok(Some(Arc::clone(labels)));
        }
        let Some(labels) = store.node_labels(node, life).await? else { return Ok(None) };
        let labels = Arc::new(labels);
        let mut known = self.known.lock();
        if known.len() >= MAX_NODES {
            known.clear();
        }
        known.insert(key, Arc::clone(&labels));
        Ok(Some(labels))
    }

    /// Records the time of a node's poll. [`Self::write`] stores it later.
    pub(crate) fn note(&self, node: &str, life: Incarnation, now: i64) {
        self.polls.lock().insert((node.to_owned(), life), now);
    }

    /// Removes the labels of an incarnation that is, or may be, no longer registered.
    pub(crate) fn forget(&self, node: &str, life: Incarnation) {
        self.known.lock().remove(&(node.to_owned(), life));
    }

    /// Stores the times of the polls since the last call. Removes the labels of incarnations that are no longer
    /// registered.
    pub(crate) async fn write(&self, store: &Store) -> Result<(), StoreError> {
        let polls = std::mem::take(&mut *self.polls.lock());
        let polls = polls.into_iter().map(|((node, life), at)| (node, life, at)).collect();
        let gone = store.note_polls(polls).await?;
        let mut known = self.known.lock();
        for life in gone {
            known.remove(&life);
        }
        Ok(())
    }
}
