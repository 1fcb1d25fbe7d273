//! The lane of rare commands. Each has a transaction of its own.
//!
//! A caller waits for a command only for a limited time. Whether a command is carried out or given up is decided once: the
//! lane takes its answer at the beginning of the transaction, or the caller takes it first. So a caller who is told that
//! the database was busy may rely on it that the command changes nothing later.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use crate::{StoreError, db::Connection};

use super::{Frame, PATIENCE, QUEUE, RECONNECT, Seat, Work, stopped};

/// A single command with its own transaction. Returns false if the database was unavailable.
type Command = Box<dyn FnOnce(Seat) -> BoxFuture<'static, bool> + Send>;
/// The function that is called if the command is not tried at all.
type Refuse = Box<dyn FnOnce(StoreError) + Send>;
type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// The queue for rare commands.
#[derive(Clone)]
pub(crate) struct Commands {
    queue: mpsc::Sender<(Command, Refuse)>,
    /// The time limit of a command, from its sending to the beginning of its transaction.
    patience: Duration,
}

/// The answer to a command that has not begun. Whoever takes it decides what becomes of the command.
struct Pending<T>(Arc<Mutex<Option<Answer<T>>>>);

impl<T> Clone for Pending<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Pending<T> {
    fn new(answer: Answer<T>) -> Self {
        Self(Arc::new(Mutex::new(Some(answer))))
    }

    /// Takes the answer. Returns None if the command has begun or was given up, or if nobody waits for its answer.
    fn take(&self) -> Option<Answer<T>> {
        self.0.lock().take().filter(|answer| !answer.is_closed())
    }

    fn is_over(&self) -> bool {
        self.0.lock().as_ref().is_none_or(oneshot::Sender::is_closed)
    }
}

/// A command at the beginning of its transaction.
struct Beginning<'a, T, F> {
    command: F,
    pending: &'a Pending<T>,
    /// The answer, after the command has begun.
    answer: &'a mut Option<Answer<T>>,
}

impl<T, F> Work<T> for Beginning<'_, T, F>
where
    T: Send,
    F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, StoreError>> + Send,
{
    async fn run(self, connection: &mut Connection) -> Result<T, StoreError> {
        *self.answer = self.pending.take();
        match self.answer {
            Some(_) => (self.command)(connection).await,
            // Nobody gets this error.
            None => Err(stopped()),
        }
    }
}

impl Commands {
    /// Opens the lane of rare commands.
    pub(crate) fn open(seat: Seat) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (queue, mut waiting) = mpsc::channel::<(Command, Refuse)>(QUEUE);
        let driving = async move {
            while let Some((work, refuse)) = waiting.recv().await {
                drop(refuse);
                if !work(seat.clone()).await && seat.is_lost().await {
                    let error = StoreError::unavailable("it cannot be reached");
                    while let Ok((_, refuse)) = waiting.try_recv() {
                        refuse(error.clone());
                    }
                    tokio::time::sleep(RECONNECT).await;
                }
            }
            seat.close().await;
        };
        (Self { queue, patience: PATIENCE }, driving)
    }

    /// Executes a command. Returns the answer once the transaction is committed. An error undoes the changes of the
    /// command. A command that does not begin in time, or whose caller no longer waits when it begins, is not executed.
    pub(crate) async fn run<T, F>(&self, command: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, StoreError>> + Send + 'static,
    {
        self.enqueue(command, false, Duration::ZERO).await
    }

    /// Does the same as [`Self::run`], for a command that may take `extra` longer than usual.
    pub(crate) async fn run_long<T, F>(&self, extra: Duration, command: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, StoreError>> + Send + 'static,
    {
        self.enqueue(command, false, extra).await
    }

    /// Does the same as [`Self::run`], for a command that may be lost after it was answered; see
    /// [`Kind::MAY_BE_LOST`](super::Kind::MAY_BE_LOST).
    pub(crate) async fn run_relaxed<T, F>(&self, command: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, StoreError>> + Send + 'static,
    {
        self.enqueue(command, true, Duration::ZERO).await
    }

    async fn enqueue<T, F>(&self, command: F, may_be_lost: bool, extra: Duration) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, StoreError>> + Send + 'static,
    {
        let (answer, mut answered) = oneshot::channel();
        let pending = Pending::new(answer);
        let (begins, refused) = (pending.clone(), pending.clone());
        let work: Command = Box::new(move |seat| {
            Box::pin(async move {
                if begins.is_over() {
                    return true;
                }
                let frame = Frame::Explicit { may_be_lost };
                let mut answer = None;
                let beginning = Beginning { command, pending: &begins, answer: &mut answer };
                let outcome = seat.turn().await.transaction(frame, extra, beginning).await;
                let reached = !matches!(outcome, Err(StoreError::Unavailable(_)));
                // The command has not begun if the transaction could not begin.
                if let Some(answer) = answer.or_else(|| begins.take()) {
                    // The answer has no receiver if the request was cancelled meanwhile.
                    answer.send(outcome).ok();
                    return reached;
                }
                // The command was given up.
                reached || !seat.is_lost().await
            })
        });
        let refuse: Refuse = Box::new(move |error| {
            if let Some(answer) = refused.take() {
                answer.send(Err(error)).ok();
            }
        });
        let busy = || StoreError::Busy { waiting: self.depth() };
        let end = Instant::now() + self.patience + extra;
        timeout_at(end, self.queue.send((work, refuse))).await.map_err(|_| busy())?.map_err(|_| stopped())?;
        let answer = match timeout_at(end, &mut answered).await {
            Ok(answer) => answer,
            Err(_) if pending.take().is_some() => return Err(busy()),
            // The command has begun. Its transaction has a time limit.
            Err(_) => answered.await,
        };
        answer.unwrap_or_else(|_| Err(stopped()))
    }

    /// Returns the number of commands that wait now.
    pub(crate) fn depth(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }
}

#[cfg(test)]
mod tests {
    use crate::{db::query, lanes::connect, query::count};

    use super::*;

    /// Makes a lane on a database with an empty table.
    async fn lane(dir: &tempfile::TempDir) -> (Commands, Seat) {
        let url = format!("sqlite://{}/t.db", dir.path().display());
        let options = crate::options(&url).unwrap();
        let mut connection = connect(&options).await.unwrap();
        connection.raw("CREATE TABLE done (name TEXT)").await.unwrap();
        let seat = Seat::new(connection, Arc::new(options));
        let (commands, driving) = Commands::open(seat.clone());
        tokio::spawn(driving);
        (commands, seat)
    }

    async fn insert(commands: &Commands, name: &'static str) -> Result<(), StoreError> {
        commands
            .run(move |connection| {
                Box::pin(async move {
                    query("INSERT INTO done (name) VALUES ($1)")
                        .bind(name)
                        .execute(connection)
                        .await
                        .map(drop)
                })
            })
            .await
    }

    async fn inserted(commands: &Commands) -> u64 {
        commands
            .run(|connection| {
                Box::pin(async move {
                    let row = query("SELECT COUNT(*) AS done FROM done").fetch_one(connection).await?;
                    count(&row, "done")
                })
            })
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_command_that_was_given_up_is_not_carried_out() {
        let dir = tempfile::tempdir().unwrap();
        let (commands, seat) = lane(&dir).await;
        let impatient = Commands { patience: Duration::ZERO, ..commands.clone() };
        // Another lane has the connection, so no command can begin.
        let occupied = seat.connection.lock().await;
        for name in ["first", "second"] {
            let given_up = insert(&impatient, name).await;
            assert!(matches!(given_up, Err(StoreError::Busy { .. })), "{given_up:?}");
        }
        // The request of this caller is cancelled.
        let mut cancelled = Box::pin(insert(&commands, "third"));
        assert!(futures::poll!(&mut cancelled).is_pending());
        drop(cancelled);
        drop(occupied);
        assert_eq!(inserted(&commands).await, 0);
        insert(&commands, "fourth").await.unwrap();
        assert_eq!(inserted(&commands).await, 1);
    }

    #[test]
    fn what_was_taken_is_no_longer_pending() {
        let (answer, mut answered) = oneshot::channel();
        let pending = Pending::new(answer);
        let begun = pending.take();
        assert!(begun.is_some() && pending.is_over() && pending.take().is_none());
        begun.unwrap().send(Ok(7)).unwrap();
        assert!(matches!(answered.try_recv(), Ok(Ok(7))));
    }
}
