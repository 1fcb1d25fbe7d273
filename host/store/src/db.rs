//! One interface to both databases, over their native drivers. A statement is written once, and only this module
//! distinguishes the databases when it executes statements.

mod nodelay;
mod pool;
mod rows;

use std::{
    borrow::Cow,
    io::ErrorKind,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use sqlx::{
    AssertSqlSafe, Connection as _, Decode, PgConnection, Postgres, Row as _, Sqlite, SqliteConnection, Type,
    migrate::Migrator,
    postgres::{PgArguments, PgConnectOptions, PgRow},
    sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow},
};

use crate::{Dialect, StoreError};

pub(crate) use pool::Pool;
pub(crate) use rows::Rows;

/// The connection options of the database.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) server: Server,
    /// The number of statements that all connections have sent.
    pub(crate) statements: Arc<AtomicU64>,
}

/// The database and its location.
#[derive(Debug, Clone)]
pub(crate) enum Server {
    Sqlite(Box<SqliteConnectOptions>),
    Postgres(Box<PgConnectOptions>),
}

/// One connection.
pub(crate) struct Connection {
    driver: Driver,
    statements: Arc<AtomicU64>,
}

enum Driver {
    Sqlite(Box<SqliteConnection>),
    Postgres(Box<PgConnection>),
}

/// One row of a result.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// A value that is bound to a statement. Lists are arrays in PostgreSQL and JSON arrays in SQLite.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(Option<String>),
    Integer(Option<i64>),
    Real(Option<f64>),
    Bytes(Option<Vec<u8>>),
    Texts(Vec<Option<String>>),
    Integers(Vec<Option<i64>>),
    Reals(Vec<Option<f64>>),
    /// A list of byte strings, for PostgreSQL only.
    Blobs(Vec<Vec<u8>>),
}

/// A statement with its values.
pub(crate) struct Query {
    sql: Cow<'static, str>,
    values: Vec<Value>,
}

/// The number of rows that a statement changed.
pub(crate) struct Done(u64);

/// Returns true if the error shows that PostgreSQL's side has closed the connection, for example because the server
/// restarted.
pub(crate) fn is_closed(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() != ErrorKind::TimedOut,
        // The server shut down or crashed, or an administrator ended the session, or it was idle for too long.
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| matches!(&*code, "57P01" | "57P02" | "57P05"))
        }
        _ => false,
    }
}

/// Something that executes statements.
pub(crate) trait Target {
    fn all(self, query: Query) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;
    fn change(self, query: Query) -> impl Future<Output = Result<Done, StoreError>> + Send;
}

/// Makes a statement. Its SQL comes only from the source code; values are bound.
pub(crate) fn query(sql: impl Into<Cow<'static, str>>) -> Query {
    Query { sql: sql.into(), values: Vec::new() }
}

impl Options {
    pub(crate) fn new(server: Server) -> Self {
        Self { server, statements: Arc::default() }
    }

    pub(crate) const fn dialect(&self) -> Dialect {
        match self.server {
            Server::Sqlite(_) => Dialect::Sqlite,
            Server::Postgres(_) => Dialect::Postgres,
        }
    }

    pub(crate) async fn connect(&self) -> Result<Connection, sqlx::Error> {
        let driver = match &self.server {
            Server::Sqlite(options) => {
                Driver::Sqlite(Box::new(SqliteConnection::connect_with(options).await?))
            }
            Server::Postgres(options) => {
                let connection = PgConnection::connect_with(options).await?;
                nodelay::set_on_connections_to(options.get_port());
                Driver::Postgres(Box::new(connection))
            }
        };
        Ok(Connection { driver, statements: Arc::clone(&self.statements) })
    }
}

impl Connection {
    pub(crate) const fn dialect(&self) -> Dialect {
        match self.driver {
            Driver::Sqlite(_) => Dialect::Sqlite,
            Driver::Postgres(_) => Dialect::Postgres,
        }
    }

    fn count(&self) {
        self.statements.fetch_add(1, Ordering::Relaxed);
    }

    /// Executes one or more statements that have no parameters.
    pub(crate) async fn raw(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        self.count();
        match &mut self.driver {
            Driver::Sqlite(connection) => sqlx::raw_sql(sql).execute(&mut **connection).await.map(|_| ()),
            Driver::Postgres(connection) => sqlx::raw_sql(sql).execute(&mut **connection).await.map(|_| ()),
        }
    }

    pub(crate) async fn migrate(
        &mut self,
        sqlite: &Migrator,
        postgres: &Migrator,
    ) -> Result<(), sqlx::migrate::MigrateError> {
        match &mut self.driver {
            Driver::Sqlite(connection) => sqlite.run(&mut **connection).await,
            Driver::Postgres(connection) => postgres.run(&mut **connection).await,
        }
    }

    pub(crate) async fn close(self) -> Result<(), sqlx::Error> {
        match self.driver {
            Driver::Sqlite(connection) => connection.close().await,
            Driver::Postgres(connection) => connection.close().await,
        }
    }
}

impl Query {
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Binds a batch of rows; see [`Rows::table`].
    pub(crate) fn bind_rows(mut self, rows: Rows, dialect: Dialect) -> Result<Self, StoreError> {
        self.values.extend(rows.values(dialect)?);
        Ok(self)
    }

    pub(crate) async fn fetch_all(self, target: impl Target) -> Result<Vec<Row>, StoreError> {
        target.all(self).await
    }

    pub(crate) async fn fetch_optional(self, target: impl Target) -> Result<Option<Row>, StoreError> {
        Ok(target.all(self).await?.into_iter().next())
    }

    pub(crate) async fn fetch_one(self, target: impl Target) -> Result<Row, StoreError> {
        let row = self.fetch_optional(target).await?;
        row.ok_or_else(|| StoreError::corrupt("a statement that always returns a row returned none"))
    }

    pub(crate) async fn execute(self, target: impl Target) -> Result<Done, StoreError> {
        target.change(self).await
    }

    fn for_sqlite(&self) -> Result<sqlx::query::Query<'_, Sqlite, SqliteArguments>, StoreError> {
        let mut query = sqlx::query::<Sqlite>(AssertSqlSafe(self.sql.as_ref().to_owned()));
        for value in &self.values {
            query = match value {
                Value::Text(text) => query.bind(text.as_deref()),
                Value::Integer(number) => query.bind(*number),
                Value::Real(number) => query.bind(*number),
                Value::Bytes(bytes) => query.bind(bytes.as_deref()),
                Value::Texts(list) => query.bind(serde_json::to_string(list)?),
                Value::Integers(list) => query.bind(serde_json::to_string(list)?),
                Value::Reals(list) => query.bind(serde_json::to_string(list)?),
                Value::Blobs(_) => return Err(StoreError::corrupt("SQLite has no arrays of bytes")),
            };
        }
        Ok(query)
    }

    fn for_postgres(&self) -> sqlx::query::Query<'_, Postgres, PgArguments> {
        let mut query = sqlx::query::<Postgres>(AssertSqlSafe(self.sql.as_ref().to_owned()));
        for value in &self.values {
            query = match value {
                Value::Text(text) => query.bind(text.as_deref()),
                Value::Integer(number) => query.bind(*number),
                Value::Real(number) => query.bind(*number),
                Value::Bytes(bytes) => query.bind(bytes.as_deref()),
                Value::Texts(list) => query.bind(list),
                Value::Integers(list) => query.bind(list),
                Value::Reals(list) => query.bind(list),
                Value::Blobs(list) => query.bind(list),
            };
        }
        query
    }
}

impl Target for &mut Connection {
    async fn all(self, query: Query) -> Result<Vec<Row>, StoreError> {
        self.count();
        Ok(match &mut self.driver {
            Driver::Sqlite(connection) => {
                let rows = query.for_sqlite()?.fetch_all(&mut **connection).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Driver::Postgres(connection) => {
                let rows = query.for_postgres().fetch_all(&mut **connection).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    async fn change(self, query: Query) -> Result<Done, StoreError> {
        self.count();
        Ok(Done(match &mut self.driver {
            Driver::Sqlite(connection) => {
                query.for_sqlite()?.execute(&mut **connection).await?.rows_affected()
            }
            Driver::Postgres(connection) => {
                query.for_postgres().execute(&mut **connection).await?.rows_affected()
            }
        }))
    }
}

/// Either kind of target, for statements that run inside a transaction or outside of one.
pub(crate) enum Via<'a> {
    Connection(&'a mut Connection),
    Pool(&'a Pool),
}

impl Target for &mut Via<'_> {
    async fn all(self, query: Query) -> Result<Vec<Row>, StoreError> {
        match self {
            Via::Connection(connection) => (&mut **connection).all(query).await,
            Via::Pool(pool) => (*pool).all(query).await,
        }
    }

    async fn change(self, query: Query) -> Result<Done, StoreError> {
        match self {
            Via::Connection(connection) => (&mut **connection).change(query).await,
            Via::Pool(pool) => (*pool).change(query).await,
        }
    }
}

impl Row {
    /// Returns the value of a column. Both drivers must be able to decode the type.
    pub(crate) fn try_get<'r, T>(&'r self, column: &str) -> Result<T, StoreError>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
    {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }
}

impl Done {
    pub(crate) const fn rows_affected(&self) -> u64 {
        self.0
    }
}

macro_rules! values {
    ($($kind:ident: $($from:ty => $to:expr),+;)+) => {
        $($(impl From<$from> for Value {
            fn from(value: $from) -> Self {
                let to: fn($from) -> _ = $to;
                Self::$kind(to(value))
            }
        })+)+
    };
}

values! {
    Text: &str => |text| Some(text.to_owned()), String => Some, &String => |text| Some(text.clone()),
        Option<String> => |text| text, &Option<String> => Clone::clone, Option<&str> => |text| text.map(str::to_owned);
    Integer: i64 => Some, Option<i64> => |number| number;
    Real: f64 => Some, Option<f64> => |number| number;
    Bytes: Vec<u8> => Some, Option<Vec<u8>> => |bytes| bytes;
    Texts: Vec<String> => |list| list.into_iter().map(Some).collect(), &[String] => |list| list.iter().cloned().map(Some).collect();
    Integers: Vec<i64> => |list| list.into_iter().map(Some).collect();
}
