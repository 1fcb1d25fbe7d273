//! Nodes that ask for jobs: what they have, so that a poll for which there is nothing costs the database nothing,
//! and when they asked last, which is written now and then.

use std::{collections::HashMap, sync::Arc};

use easysight_protocol::{Incarnation, Labels};
use easysight_store::{Store, StoreError};
use parking_lot::Mutex;

/// Nodes that are remembered. There may be more; they are looked up again.
const MAX_NODES: usize = 20_000;

type Life = (String, Incarnation);

/// The nodes.
#[derive(Default)]
pub(crate) struct Pollers {
    known: Mutex<HashMap<Life, Arc<Labels>>>,
    /// Polls that are not written yet.
    polls: Mutex<HashMap<Life, i64>>,
}

impl Pollers {
    /// The labels of a node that is registered with this life; none where it is not.
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

    /// Remembers that a node asked for jobs, until [`Self::write`] stores it.
    pub(crate) fn note(&self, node: &str, life: Incarnation, now: i64) {
        self.polls.lock().insert((node.to_owned(), life), now);
    }

    /// The node's life is not the one that is registered, or may not be.
    pub(crate) fn forget(&self, node: &str, life: Incarnation) {
        self.known.lock().remove(&(node.to_owned(), life));
    }

    /// Writes who asked since the last time. Lives that are not registered any more are forgotten.
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
