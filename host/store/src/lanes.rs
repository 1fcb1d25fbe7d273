//! The connections that write. Each kind of command has a lane. The commands that wait in a lane are executed
//! together, in one transaction, and are answered once the transaction is committed. A transaction contains commands
//! of one kind only, and all kinds lock the rows that they change in the same order: first nodes, then runs, jobs,
//! cameras and the data that belongs to a camera, each sorted by id. Therefore, transactions cannot deadlock, not even
//! transactions of different masters.
//!
//! PostgreSQL gives each lane its own connection. SQLite has one connection that writes, and the lanes take turns.

mod commands;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use tokio::{
    sync::{Mutex, MutexGuard, mpsc, oneshot},
    time::timeout,
};

use crate::{
    Dialect, StoreError,
    db::{Connection, Options, is_closed},
};

pub(crate) use commands::Commands;

/// The maximum number of commands that wait in a lane.
const QUEUE: usize = 1_024;
/// The maximum number of commands in one transaction.
const BATCH: usize = 128;
/// Once the commands of a transaction have this total weight, no further command is added to it. [`Kind::weight`] gives
/// the weight of one command.
const BATCH_WEIGHT: usize = 2_000;
/// The time limit of a command, from its sending to its answer.
const PATIENCE: Duration = Duration::from_secs(12);
/// The time limit of a transaction. The database's own limits are shorter, so this limit matters only if the database
/// does not respond.
const TRANSACTION: Duration = Duration::from_secs(9);
/// The time limit for connecting.
const CONNECT: Duration = Duration::from_secs(3);
/// The pause before a lost connection is opened again.
const RECONNECT: Duration = Duration::from_millis(500);

/// A kind of command. Commands of one kind are executed together.
pub(crate) trait Kind: Send + Sync + 'static {
    type Ask: Send + Sync + 'static;
    type Answer: Send + 'static;
    /// True if a failure of the database's machine may undo commands that were already answered. For example, a job
    /// whose lease is lost is leased again, and a result with the lost lease is refused. If commands may be lost, their
    /// commit does not wait for the disk.
    const MAY_BE_LOST: bool;

    /// Returns the number of rows that a command adds to its transaction.
    fn weight(_ask: &Self::Ask) -> usize {
        1
    }

    /// Returns the time by which a command may exceed the usual time limit.
    fn extra(_ask: &Self::Ask) -> Duration {
        Duration::ZERO
    }

    /// Returns true if these commands are carried out by one statement. Such a statement is a transaction by itself, so
    /// no statements that begin and commit are sent. If the connection is lost, the statement is sent once more, so a
    /// second execution must do no harm.
    fn is_one_statement(&self, _asks: &[Self::Ask]) -> bool {
        false
    }

    /// Executes commands. Returns one answer for each command, in the order of the commands. An error undoes all
    /// commands.
    fn carry_out<'c>(
        &'c self,
        connection: &'c mut Connection,
        asks: &'c [Self::Ask],
    ) -> BoxFuture<'c, Result<Vec<Self::Answer>, StoreError>>;
}

/// The work of one transaction.
trait Work<T> {
    fn run(self, connection: &mut Connection) -> impl Future<Output = Result<T, StoreError>> + Send;
}

/// How a transaction begins and ends.
#[derive(Clone, Copy)]
enum Frame {
    /// The work changes data by one statement only, which is a transaction by itself.
    None,
    /// The transaction is begun and committed explicitly. With `may_be_lost`, its commit does not wait for the disk,
    /// even if the other commits of the connection do.
    Explicit { may_be_lost: bool },
}

/// Commands of one kind.
struct Together<'a, K: Kind> {
    kind: &'a K,
    asks: &'a [K::Ask],
}

impl<K: Kind> Work<Vec<K::Answer>> for Together<'_, K> {
    async fn run(self, connection: &mut Connection) -> Result<Vec<K::Answer>, StoreError> {
        self.kind.carry_out(connection, self.asks).await
    }
}

/// A connection that writes. If the connection is lost, it is opened again.
#[derive(Clone)]
pub(crate) struct Seat {
    connection: Arc<Mutex<Option<Connection>>>,
    options: Arc<Options>,
    /// The statement with which a new connection begins, after those of [`Dialect::session`].
    first: Option<&'static str>,
}

/// The time in which a lane uses its connection. With SQLite, the other lanes wait meanwhile.
struct Turn<'a> {
    seat: &'a Seat,
    connection: MutexGuard<'a, Option<Connection>>,
}

struct Item<K: Kind> {
    ask: K::Ask,
    answer: oneshot::Sender<Result<K::Answer, StoreError>>,
}

/// The queue for commands of one kind.
pub(crate) struct Lane<K: Kind> {
    queue: mpsc::Sender<Item<K>>,
}

impl<K: Kind> Clone for Lane<K> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

/// Opens a connection that writes.
pub(crate) async fn connect(options: &Options) -> Result<Connection, StoreError> {
    let connecting = async {
        let mut connection = options.connect().await?;
        connection.raw(options.dialect().session()).await?;
        Ok::<_, sqlx::Error>(connection)
    };
    let connected = timeout(CONNECT, connecting).await;
    Ok(connected.map_err(|_| silent(CONNECT))??)
}

fn silent(limit: Duration) -> StoreError {
    StoreError::unavailable(format!("it did not respond within {} s", limit.as_secs()))
}

fn stopped() -> StoreError {
    StoreError::unavailable("the store was closed before the command was carried out")
}

impl Seat {
    pub(crate) fn new(connection: Connection, options: Arc<Options>) -> Self {
        Self { connection: Arc::new(Mutex::new(Some(connection))), options, first: None }
    }

    /// Returns a seat for another lane, with its own connection if the database allows several connections that
    /// write. With `may_be_lost`, the commits of that connection do not wait for the disk.
    fn another(&self, may_be_lost: bool) -> Self {
        match self.options.dialect() {
            // In WAL mode with `synchronous = NORMAL` no transaction waits for the disk.
            Dialect::Sqlite => self.clone(),
            Dialect::Postgres => Self {
                connection: Arc::default(),
                options: Arc::clone(&self.options),
                first: may_be_lost.then_some("SET synchronous_commit = off"),
            },
        }
    }

    /// Waits until the connection is free, and keeps it until the turn is dropped.
    async fn turn(&self) -> Turn<'_> {
        Turn { seat: self, connection: self.connection.lock().await }
    }

    async fn connect(&self) -> Result<Connection, StoreError> {
        let mut connection = connect(&self.options).await?;
        if let Some(first) = self.first {
            connection.raw(first).await?;
        }
        Ok(connection)
    }

    async fn is_lost(&self) -> bool {
        self.connection.lock().await.is_none()
    }

    async fn close(self) {
        if let Some(connection) = self.connection.lock().await.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the database was not closed cleanly");
        }
    }
}

impl Turn<'_> {
    /// Executes `work` in one transaction. `frame` decides how the transaction begins and ends. An error undoes the
    /// whole transaction.
    async fn transaction<T: Send>(
        &mut self,
        frame: Frame,
        extra: Duration,
        work: impl Work<T> + Send,
    ) -> Result<T, StoreError> {
        // The connection is taken out of the seat. If this call is cancelled half-way, the next caller does not find
        // a connection in the middle of a transaction.
        let kept = self.connection.take();
        let is_new = kept.is_none();
        let mut connection = match kept {
            Some(connection) => connection,
            None => self.seat.connect().await?,
        };
        let dialect = connection.dialect();
        let trying = async {
            if let Frame::Explicit { may_be_lost } = frame {
                let begin = dialect.begin(may_be_lost);
                match connection.raw(begin).await {
                    // The connection was closed after its last use.
                    Err(error) if is_closed(&error) && !is_new => {
                        connection = self.seat.connect().await?;
                        connection.raw(begin).await?;
                    }
                    begun => begun?,
                }
            }
            let outcome = work.run(&mut connection).await;
            let ended = match (&outcome, frame) {
                (Ok(_), Frame::None) => Ok(()),
                (Ok(_), Frame::Explicit { .. }) => connection.raw("COMMIT").await,
                // The failed statement has changed nothing. `SELECT 1` shows whether the connection can still be used.
                (Err(_), Frame::None) => connection.raw("SELECT 1").await,
                (Err(_), Frame::Explicit { .. }) => connection.raw("ROLLBACK").await,
            };
            match (outcome, ended) {
                (outcome, Ok(())) => Ok((outcome, true)),
                (Ok(_), Err(error)) => Err(StoreError::from(error)),
                (Err(error), Err(_)) => Ok((Err(error), false)),
            }
        };
        let limit = TRANSACTION + extra;
        let (outcome, usable) = timeout(limit, trying).await.map_err(|_| silent(limit))??;
        if usable {
            *self.connection = Some(connection);
        }
        outcome
    }
}

impl<K: Kind> Lane<K> {
    /// Opens a lane on the database of `seat`. The returned future executes the commands. It ends when the last sender
    /// is dropped and all commands are executed.
    pub(crate) fn open(kind: K, seat: &Seat) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        (Self { queue }, drive(kind, seat.another(K::MAY_BE_LOST), waiting))
    }

    /// Sends a command. Returns the answer once the transaction is committed.
    pub(crate) async fn send(&self, ask: K::Ask) -> Result<K::Answer, StoreError> {
        let (answer, answered) = oneshot::channel();
        let patience = PATIENCE + K::extra(&ask);
        let sending = async {
            self.queue.send(Item { ask, answer }).await.map_err(|_| stopped())?;
            answered.await.unwrap_or_else(|_| Err(stopped()))
        };
        timeout(patience, sending).await.unwrap_or_else(|_| Err(StoreError::Busy { waiting: self.depth() }))
    }

    /// Returns the number of commands that wait now.
    pub(crate) fn depth(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }
}

async fn drive<K: Kind>(kind: K, seat: Seat, mut waiting: mpsc::Receiver<Item<K>>) {
    while let Some(first) = waiting.recv().await {
        // The commands are collected once the connection is free, so that those that were sent in the meantime are part
        // of the same transaction.
        let mut turn = seat.turn().await;
        let mut weight = K::weight(&first.ask);
        let mut batch = vec![first];
        while weight < BATCH_WEIGHT && batch.len() < BATCH {
            let Ok(item) = waiting.try_recv() else { break };
            weight += K::weight(&item.ask);
            batch.push(item);
        }
        // Commands whose callers have stopped waiting are dropped. These callers try again.
        batch.retain(|item| !item.answer.is_closed());
        let (asks, answers): (Vec<_>, Vec<_>) = batch.into_iter().map(|item| (item.ask, item.answer)).unzip();
        let refused = together(&kind, &mut turn, asks, answers).await;
        drop(turn);
        if let Some(error) = refused
            && seat.is_lost().await
        {
            while let Ok(item) = waiting.try_recv() {
                item.answer.send(Err(error.clone())).ok();
            }
            tokio::time::sleep(RECONNECT).await;
        }
    }
    seat.close().await;
}

/// Executes a batch and answers its commands. Returns the error if the whole batch failed.
async fn together<K: Kind>(
    kind: &K,
    turn: &mut Turn<'_>,
    asks: Vec<K::Ask>,
    answers: Vec<oneshot::Sender<Result<K::Answer, StoreError>>>,
) -> Option<StoreError> {
    let error = match attempt(kind, turn, &asks).await {
        Ok(done) => {
            // The commands are dropped first, because a caller may need sole ownership of data that it shares with
            // its command.
            drop(asks);
            for (answer, done) in answers.into_iter().zip(done) {
                // The answer has no receiver if the request was cancelled meanwhile.
                answer.send(Ok(done)).ok();
            }
            return None;
        }
        Err(error) => error,
    };
    if asks.len() < 2 || matches!(error, StoreError::Unavailable(_)) {
        tracing::error!(%error, commands = asks.len(), "a transaction failed");
        for answer in answers {
            answer.send(Err(error.clone())).ok();
        }
        return Some(error);
    }
    // One of the commands caused the error, so each is tried alone.
    for (ask, answer) in asks.iter().zip(answers) {
        let done = attempt(kind, turn, std::slice::from_ref(ask)).await;
        let done = done.map(|mut one| one.pop()).and_then(|one| one.ok_or_else(stopped));
        answer.send(done).ok();
    }
    None
}

async fn attempt<K: Kind>(
    kind: &K,
    turn: &mut Turn<'_>,
    asks: &[K::Ask],
) -> Result<Vec<K::Answer>, StoreError> {
    let extra = asks.iter().map(K::extra).sum();
    let frame = match kind.is_one_statement(asks) {
        true => Frame::None,
        // Whether commits wait for the disk is already set for the whole connection.
        false => Frame::Explicit { may_be_lost: false },
    };
    let began = Instant::now();
    match turn.transaction(frame, extra, Together { kind, asks }).await {
        // The connection was probably closed after its last use. If the database is unavailable, connecting fails too.
        Err(StoreError::Unavailable(_)) if matches!(frame, Frame::None) && began.elapsed() < RECONNECT => {}
        Err(StoreError::Contended(reason)) => {
            tracing::warn!(%reason, "a transaction conflicted with another one; retrying");
        }
        outcome => return outcome,
    }
    turn.transaction(frame, extra, Together { kind, asks }).await
}
