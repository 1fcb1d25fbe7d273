//! The SQL in which the two databases differ. All other SQL is written once.

use crate::db::Rows;

/// The database's dialect of SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite: embedded, in one file.
    Sqlite,
    /// PostgreSQL: a server, which several masters may share.
    Postgres,
}

/// The parts of the statement that [`Dialect::update`] builds.
pub(crate) struct Update<'a> {
    /// The table.
    pub(crate) table: &'a str,
    /// The column of the batch that contains the table's ids.
    pub(crate) key: &'a str,
    /// The batch of rows. Its values are bound last.
    pub(crate) rows: &'a Rows,
    /// The number of the batch's first parameter.
    pub(crate) first: usize,
    /// The new values.
    pub(crate) set: &'a str,
    /// The condition, on columns of the table and of the batch `x`.
    pub(crate) condition: &'a str,
    /// The values that the statement returns.
    pub(crate) returning: &'a str,
    /// True to leave out rows that another transaction is changing.
    pub(crate) skip: bool,
}

impl Dialect {
    /// Returns a condition that is true if `column` is in the list of strings that `parameter` stands for.
    pub(crate) fn among(self, column: &str, parameter: &str) -> String {
        match self {
            Self::Sqlite => format!("{column} IN (SELECT value FROM json_each({parameter}))"),
            Self::Postgres => format!("{column} = ANY(CAST({parameter} AS text[]))"),
        }
    }

    /// Returns a condition that is true if the text that `parameter` stands for occurs in `column`. No character of the
    /// text has a special meaning.
    pub(crate) fn contains(self, column: &str, parameter: &str) -> String {
        match self {
            Self::Sqlite => format!("instr({column}, {parameter}) > 0"),
            Self::Postgres => format!("strpos({column}, {parameter}) > 0"),
        }
    }

    /// Returns the letters A to Z of a text in lower case. All other letters stay.
    pub(crate) fn ascii_lower(self, text: &str) -> String {
        match self {
            Self::Sqlite => format!("lower({text})"),
            // Without the collation, other letters change too, as far as the database's locale knows them.
            Self::Postgres => format!("lower(({text}) COLLATE \"C\")"),
        }
    }

    /// Returns the first two lines of a text that has at least three.
    pub(crate) fn first_two_lines(self, column: &str) -> String {
        match self {
            Self::Sqlite => format!(
                "substr({column}, 1, instr({column}, char(10)) + instr(substr({column}, instr({column}, char(10)) + 1), char(10)))"
            ),
            Self::Postgres => {
                format!("split_part({column}, chr(10), 1) || chr(10) || split_part({column}, chr(10), 2)")
            }
        }
    }

    /// Returns an `UPDATE` of those rows of a table that are in a batch and meet `condition`. In the SQL, the batch
    /// is named `x`; its column `key` contains the ids of the table's rows. The statement locks the rows in the order
    /// of their ids. With `skip`, it leaves out rows that another transaction is changing.
    pub(crate) fn update(self, update: &Update<'_>) -> String {
        let Update { table, key, rows, first, set, condition, returning, skip } = update;
        let x = rows.table(self, *first, "x");
        match self {
            // SQLite has only one writer.
            Self::Sqlite => format!(
                "UPDATE {table} SET {set} FROM {x} WHERE {table}.id = x.{key} AND {condition} RETURNING {returning}"
            ),
            Self::Postgres => {
                let skip = if *skip { " SKIP LOCKED" } else { "" };
                let names = rows.names("");
                format!(
                    "WITH x AS MATERIALIZED (SELECT {names} FROM {x}), held AS MATERIALIZED (SELECT {table}.id FROM {table} JOIN x \
                     ON {table}.id = x.{key} WHERE {condition} ORDER BY {table}.id FOR NO KEY UPDATE OF {table}{skip}) \
                     UPDATE {table} SET {set} FROM x JOIN held ON held.id = x.{key} \
                     WHERE {table}.id = x.{key} AND {condition} RETURNING {returning}"
                )
            }
        }
    }

    /// Returns a condition that selects at most `limit` of the rows of a table that meet `condition`. The statement
    /// locks the rows in the order of their ids, and leaves out rows that another transaction is changing.
    pub(crate) fn free(self, table: &str, condition: &str, limit: i64) -> String {
        match self {
            Self::Sqlite => format!("id IN (SELECT id FROM {table} WHERE {condition} LIMIT {limit})"),
            Self::Postgres => format!(
                "id = ANY(ARRAY(SELECT id FROM {table} WHERE id = ANY(ARRAY(SELECT id FROM {table} \
                 WHERE {condition} LIMIT {limit})) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)) AND {condition}"
            ),
        }
    }

    /// Does the same as [`Self::free`], but selects all rows that meet `condition`. The statement waits for rows that
    /// another transaction is changing.
    pub(crate) fn all(self, table: &str, condition: &str) -> String {
        match self {
            Self::Sqlite => condition.to_owned(),
            Self::Postgres => format!(
                "id = ANY(ARRAY(SELECT id FROM {table} WHERE {condition} ORDER BY id FOR NO KEY UPDATE)) AND {condition}"
            ),
        }
    }

    /// Returns the end of a `SELECT` that locks the rows that it reads.
    pub(crate) const fn to_change(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR NO KEY UPDATE",
        }
    }

    /// Returns the statements that begin a transaction that writes. With `may_be_lost`, the commit does not wait for
    /// the disk, so the transaction may be lost if the database's machine fails.
    pub(crate) const fn begin(self, may_be_lost: bool) -> &'static str {
        match (self, may_be_lost) {
            // In WAL mode with `synchronous = NORMAL` no transaction waits for the disk.
            (Self::Sqlite, _) => "BEGIN IMMEDIATE",
            (Self::Postgres, false) => "BEGIN",
            (Self::Postgres, true) => "BEGIN; SET LOCAL synchronous_commit = off",
        }
    }

    /// Returns the first statements of a connection that writes.
    pub(crate) const fn session(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = 1; \
                 PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000"
            }
            // Each execution is planned anew, because a plan that was made for empty tables reads whole tables once
            // the tables are full. The limits end statements that wait for another transaction, and transactions of a
            // master that died.
            Self::Postgres => {
                "SET plan_cache_mode = force_custom_plan; SET jit = off; SET statement_timeout = 7000; \
                 SET lock_timeout = 3000; SET idle_in_transaction_session_timeout = 10000; \
                 SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"
            }
        }
    }

    /// Returns the statements that lift the limits of a connection that writes.
    pub(crate) const fn unlimited(self) -> &'static str {
        match self {
            Self::Sqlite => "PRAGMA foreign_keys = 1",
            Self::Postgres => "SET statement_timeout = 0; SET lock_timeout = 0",
        }
    }

    /// Returns the first statements of a connection that only reads.
    pub(crate) const fn reading_session(self) -> &'static str {
        match self {
            Self::Sqlite => "PRAGMA busy_timeout = 5000; PRAGMA query_only = 1",
            Self::Postgres => {
                "SET plan_cache_mode = force_custom_plan; SET jit = off; SET default_transaction_read_only = on; \
                 SET statement_timeout = 10000; SET idle_in_transaction_session_timeout = 10000; \
                 SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"
            }
        }
    }

    /// Returns an expression for the time of the database's clock, in milliseconds since 1970.
    pub(crate) const fn now(self) -> &'static str {
        match self {
            Self::Sqlite => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
            Self::Postgres => "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
        }
    }
}
