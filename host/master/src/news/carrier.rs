//! The carrier of messages between masters. Currently, the carrier is the PostgreSQL database that the masters share.
//! A message broker would implement the same trait.

use easysight_store::{Dialect, Listener, MAX_NEWS_BYTES, Store};
use futures::future::BoxFuture;

/// Sends each message to all masters. Messages may be lost, and a master receives its own messages too.
pub(crate) trait Carrier: Send + Sync {
    /// The size of the largest message in bytes.
    fn max_bytes(&self) -> usize;

    /// Sends a message to all masters.
    fn send<'a>(&'a self, message: &'a str) -> BoxFuture<'a, anyhow::Result<()>>;

    /// Connects, and starts to receive messages.
    fn subscribe(&self) -> BoxFuture<'_, anyhow::Result<Box<dyn Subscription>>>;
}

/// The messages of all masters, in order.
pub(crate) trait Subscription: Send {
    /// Waits for the next message. After an error the subscription must be made again.
    fn next(&mut self) -> BoxFuture<'_, anyhow::Result<String>>;
}

/// Returns the carrier of the masters that share this database, or None if no other master can share it.
pub(crate) fn carrier_of(store: &Store) -> Option<Box<dyn Carrier>> {
    match store.dialect() {
        Dialect::Postgres => Some(Box::new(store.clone())),
        Dialect::Sqlite => None,
    }
}

impl Carrier for Store {
    fn max_bytes(&self) -> usize {
        MAX_NEWS_BYTES
    }

    fn send<'a>(&'a self, message: &'a str) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(async move { Ok(self.tell(message).await?) })
    }

    fn subscribe(&self) -> BoxFuture<'_, anyhow::Result<Box<dyn Subscription>>> {
        Box::pin(async move { Ok(Box::new(self.listen().await?) as Box<dyn Subscription>) })
    }
}

impl Subscription for Listener {
    fn next(&mut self) -> BoxFuture<'_, anyhow::Result<String>> {
        Box::pin(async move { Ok(Listener::next(self).await?) })
    }
}
