//! The one connection that writes. Commands wait in a bounded queue; as many as wait are carried out
//! in one transaction, each behind a savepoint, and answered after it is committed.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use sqlx::{AnyConnection, Connection, any::AnyConnectOptions};
use tokio::sync::{mpsc, oneshot};

use crate::{Dialect, StoreError, connect};

/// Commands that may wait.
const QUEUE: usize = 1_024;
/// Commands of one transaction.
const BATCH: usize = 128;
/// How long a command may wait for its place in the queue.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause before a lost connection is made anew.
const RECONNECT: Duration = Duration::from_millis(500);

/// Called with how the transaction ended.
type Settle = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
/// Says whether it succeeded, and how to answer.
type Work = Box<dyn for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, (bool, Settle)> + Send>;

/// Called where the database could not even be tried.
type Refuse = Box<dyn FnOnce(StoreError) + Send>;

struct Item {
    work: Work,
    refuse: Refuse,
    may_be_lost: bool,
}

/// Sends commands to the task that writes.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Item>,
}

impl Writer {
    /// Starts the task. It ends, with everything committed, when the last sender is gone.
    pub(crate) fn start(
        connection: AnyConnection,
        options: AnyConnectOptions,
        dialect: Dialect,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        (Self { queue }, write(Some(connection), options, dialect, waiting))
    }

    /// Carries a command out; answers once it is durable. An error undoes what the command did, and
    /// nothing of what others did.
    pub(crate) async fn run<T, F>(&self, command: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T, StoreError>> + Send + 'static,
    {
        self.enqueue(command, false).await
    }

    /// The same for what does no harm where it is undone although it was answered, because the
    /// machine of the database died: a lease that never was is worked on again, and its result refused.
    pub(crate) async fn run_relaxed<T, F>(&self, command: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T, StoreError>> + Send + 'static,
    {
        self.enqueue(command, true).await
    }

    async fn enqueue<T, F>(&self, command: F, may_be_lost: bool) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T, StoreError>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let answer = Arc::new(parking_lot::Mutex::new(Some(answer)));
        let late = Arc::clone(&answer);
        let work: Work = Box::new(move |connection| {
            Box::pin(async move {
                let outcome = command(connection).await;
                let succeeded = outcome.is_ok();
                let settle: Settle = Box::new(move |committed| {
                    let outcome = committed.and(outcome);
                    if let Some(answer) = answer.lock().take() {
                        // Nobody hears it where the request was given up meanwhile.
                        answer.send(outcome).ok();
                    }
                });
                (succeeded, settle)
            })
        });
        let refuse: Refuse = Box::new(move |error| {
            if let Some(answer) = late.lock().take() {
                answer.send(Err(error)).ok();
            }
        });
        let item = Item { work, refuse, may_be_lost };
        match tokio::time::timeout(PATIENCE, self.queue.send(item)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(stopped()),
            Err(_) => return Err(StoreError::Busy { waiting: QUEUE }),
        }
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Commands that wait now.
    pub(crate) fn depth(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }
}

fn stopped() -> StoreError {
    StoreError::unavailable("the store was closed before the command was carried out")
}

async fn write(
    mut connection: Option<AnyConnection>,
    options: AnyConnectOptions,
    dialect: Dialect,
    mut waiting: mpsc::Receiver<Item>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        batch.clear();
        if waiting.recv_many(&mut batch, BATCH).await == 0 {
            break;
        }
        let mut open = match connection.take() {
            Some(open) => open,
            None => match connect(&options, dialect).await {
                Ok(open) => open,
                Err(error) => {
                    tracing::error!(%error, "the database cannot be reached");
                    refuse(&mut batch, &error);
                    tokio::time::sleep(RECONNECT).await;
                    continue;
                }
            },
        };
        if transaction(&mut open, dialect, &mut batch).await {
            connection = Some(open);
        }
    }
    if let Some(connection) = connection
        && let Err(error) = connection.close().await
    {
        tracing::warn!(%error, "the database was not closed in order");
    }
}

fn refuse(batch: &mut Vec<Item>, error: &StoreError) {
    for item in batch.drain(..) {
        (item.refuse)(error.clone());
    }
}

/// One batch. False where the connection is of no use any more.
async fn transaction(connection: &mut AnyConnection, dialect: Dialect, batch: &mut Vec<Item>) -> bool {
    let may_be_lost = batch.iter().all(|item| item.may_be_lost);
    if let Err(error) = execute(connection, dialect.begin(may_be_lost)).await {
        tracing::error!(%error, "the database takes no transaction");
        refuse(batch, &error);
        return false;
    }
    let mut settled: Vec<Settle> = Vec::with_capacity(batch.len());
    let mut left: Vec<Item> = batch.drain(..).rev().collect();
    let committed = loop {
        let Some(item) = left.pop() else { break Ok(()) };
        let (succeeded, settle) = (item.work)(connection).await;
        settled.push(settle);
        // What ends one command begins the next one, or ends all: a way to the server less.
        let step = match (succeeded, left.is_empty()) {
            (true, false) => "RELEASE SAVEPOINT command; SAVEPOINT command",
            (true, true) => "COMMIT",
            (false, false) => "ROLLBACK TO SAVEPOINT command",
            (false, true) => "ROLLBACK TO SAVEPOINT command; COMMIT",
        };
        if let Err(error) = execute(connection, step).await {
            break Err(error);
        }
    };
    if let Err(error) = &committed {
        tracing::error!(%error, commands = settled.len() + left.len(), "a transaction was lost");
        refuse(&mut left, error);
        // Where this fails too, the connection is closed, which undoes it.
        execute(connection, "ROLLBACK").await.ok();
    }
    let usable = committed.is_ok();
    for settle in settled {
        settle(committed.clone());
    }
    usable
}

async fn execute(connection: &mut AnyConnection, sql: &'static str) -> Result<(), StoreError> {
    sqlx::raw_sql(sql).execute(connection).await.map(|_| ()).map_err(StoreError::from)
}
