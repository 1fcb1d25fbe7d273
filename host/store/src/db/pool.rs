//! The connections that read. Waiting for a connection has a time limit, and so has every read from PostgreSQL: if
//! the database cannot be reached, the request fails within seconds and does not hang.

use std::{
    io::ErrorKind,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::{
    PgPool, SqlitePool,
    pool::{PoolConnection, PoolOptions},
};

use crate::{Dialect, StoreError};

use super::{Done, Options, Query, Row, Server, Target, is_closed, nodelay};

/// The maximum number of connections that read at the same time.
const READERS: u32 = 4;
/// The time limit for waiting for a connection.
const ACQUIRE: Duration = Duration::from_secs(5);
/// The time limit of a read from PostgreSQL. The database's own limit is shorter, so this limit matters only if the
/// database does not respond.
const LIMIT: Duration = Duration::from_secs(12);

/// A pool of connections that read.
#[derive(Clone)]
pub(crate) struct Pool {
    driver: Driver,
    statements: Arc<AtomicU64>,
}

#[derive(Clone)]
enum Driver {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Pool {
    pub(crate) fn new(options: Options) -> Self {
        let driver = match options.server {
            Server::Sqlite(options) => {
                let pool = PoolOptions::new().max_connections(READERS).acquire_timeout(ACQUIRE);
                let pool = pool.after_connect(|connection, _| {
                    Box::pin(async move {
                        sqlx::raw_sql(Dialect::Sqlite.reading_session()).execute(connection).await?;
                        Ok(())
                    })
                });
                Driver::Sqlite(pool.test_before_acquire(false).connect_lazy_with(*options))
            }
            Server::Postgres(options) => {
                let pool = PoolOptions::new().max_connections(READERS).acquire_timeout(ACQUIRE);
                let port = options.get_port();
                let pool = pool.after_connect(move |connection, _| {
                    Box::pin(async move {
                        nodelay::set_on_connections_to(port);
                        sqlx::raw_sql(Dialect::Postgres.reading_session()).execute(connection).await?;
                        Ok(())
                    })
                });
                // Connections are not tested before use, because a read on a broken connection is tried again.
                Driver::Postgres(pool.test_before_acquire(false).connect_lazy_with(*options))
            }
        };
        Self { driver, statements: options.statements }
    }

    /// Returns the number of statements that all connections of the store have sent.
    pub(crate) fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }
}

impl Target for &Pool {
    async fn all(self, query: Query) -> Result<Vec<Row>, StoreError> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        match &self.driver {
            Driver::Sqlite(pool) => {
                let mut connection = pool.acquire().await?;
                let rows = query.for_sqlite()?.fetch_all(&mut *connection).await?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            Driver::Postgres(pool) => {
                let mut read = on_postgres(pool, &query).await;
                // If the connection was closed after its last use, the others of the pool may be closed too.
                for _ in 0..READERS {
                    match &read {
                        Err(error) if is_closed(error) => read = on_postgres(pool, &query).await,
                        _ => break,
                    }
                }
                Ok(read?.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    async fn change(self, query: Query) -> Result<Done, StoreError> {
        self.all(query).await?;
        Ok(Done(0))
    }
}

async fn on_postgres(pool: &PgPool, query: &Query) -> Result<Vec<sqlx::postgres::PgRow>, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let reading = query.for_postgres().fetch_all(&mut *connection);
    let read = match tokio::time::timeout(LIMIT, reading).await {
        Ok(read) => read,
        Err(_) => Err(sqlx::Error::Io(std::io::Error::new(
            ErrorKind::TimedOut,
            format!("it did not respond within {} s", LIMIT.as_secs()),
        ))),
    };
    if matches!(read, Err(sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::Tls(_))) {
        discard(connection);
    }
    read
}

/// Drops a connection from which only a part of a result was read, because the next reader cannot use the connection.
fn discard(connection: PoolConnection<sqlx::Postgres>) {
    drop(connection.detach());
}
