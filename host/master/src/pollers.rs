//! Nodes that poll for jobs. Their labels are cached, so that a poll without a job costs no statement. The times of
//! their last polls are written now and then.

use std::{collections::HashMap, sync::Arc};

use easysight_protocol::{Incarnation, Labels};
use easysight_store::{Store, StoreError};
use parking_lot::Mutex;

/// Most nodes in the cache. Further nodes are looked up again.
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
    /// Returns the labels of a node. None if the node is not registered with this life.
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

    /// Forgets a life that is not registered, or may not be.
    pub(crate) fn forget(&self, node: &str, life: Incarnation) {
        self.known.lock().remove(&(node.to_owned(), life));
    }

    /// Writes the polls since the last call. Forgets lives that are no longer registered.
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
