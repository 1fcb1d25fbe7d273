//! Where the two databases want other words. Everything else is written once.

/// The database's language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Embedded: one file.
    Sqlite,
    /// A server, which several masters may share.
    Postgres,
}

/// A column of [`Dialect::rows`].
#[derive(Debug, Clone, Copy)]
pub(crate) enum Column {
    Text(&'static str),
    Integer(&'static str),
    Real(&'static str),
}

impl Dialect {
    /// A table expression `alias` whose rows are the objects of the JSON array in `parameter`: one
    /// statement carries a whole batch.
    pub(crate) fn rows(self, parameter: &str, alias: &str, columns: &[Column]) -> String {
        match self {
            Self::Sqlite => {
                let columns: Vec<_> = columns
                    .iter()
                    .map(|column| {
                        let name = column.name();
                        format!("json_extract(value, '$.{name}') AS {name}")
                    })
                    .collect();
                format!("(SELECT {} FROM json_each({parameter})) AS {alias}", columns.join(", "))
            }
            Self::Postgres => {
                let columns: Vec<_> = columns
                    .iter()
                    .map(|column| {
                        let kind = match column {
                            Column::Text(_) => "text",
                            Column::Integer(_) => "bigint",
                            Column::Real(_) => "double precision",
                        };
                        format!("{} {kind}", column.name())
                    })
                    .collect();
                format!("jsonb_to_recordset(CAST({parameter} AS jsonb)) AS {alias}({})", columns.join(", "))
            }
        }
    }

    /// A condition that is true where `column` is among the texts of the JSON array in `parameter`.
    pub(crate) fn among(self, column: &str, parameter: &str) -> String {
        match self {
            Self::Sqlite => format!("{column} IN (SELECT value FROM json_each({parameter}))"),
            // A prepared plan for `IN (SELECT …)` reads the whole table; for an array it does not.
            Self::Postgres => {
                format!("{column} = ANY(ARRAY(SELECT jsonb_array_elements_text(CAST({parameter} AS jsonb))))")
            }
        }
    }

    /// What a `SELECT` says that takes rows which another master may want at the same time.
    pub(crate) const fn skip_locked(self) -> &'static str {
        match self {
            // There is one writer.
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// Begins a transaction that writes, and its first command. One that may be lost with the database's
    /// machine does not wait for its disk.
    pub(crate) const fn begin(self, may_be_lost: bool) -> &'static str {
        match (self, may_be_lost) {
            // In WAL mode with `synchronous = NORMAL` no transaction waits for the disk.
            (Self::Sqlite, _) => "BEGIN IMMEDIATE; SAVEPOINT command",
            (Self::Postgres, false) => "BEGIN; SAVEPOINT command",
            (Self::Postgres, true) => "BEGIN; SET LOCAL synchronous_commit = off; SAVEPOINT command",
        }
    }

    /// What a connection that writes says first.
    pub(crate) const fn session(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = 1; \
                 PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000"
            }
            // A plan that was made while the tables were empty reads all of them once they are full.
            Self::Postgres => "SET plan_cache_mode = force_custom_plan; SET jit = off",
        }
    }

    /// What a connection that only reads says first.
    pub(crate) const fn reading_session(self) -> &'static str {
        match self {
            Self::Sqlite => "PRAGMA busy_timeout = 5000; PRAGMA query_only = 1",
            Self::Postgres => {
                "SET plan_cache_mode = force_custom_plan; SET jit = off; SET default_transaction_read_only = on"
            }
        }
    }

    /// The database's clock in milliseconds.
    pub(crate) const fn now(self) -> &'static str {
        match self {
            Self::Sqlite => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
            Self::Postgres => "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
        }
    }
}

impl Column {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Text(name) | Self::Integer(name) | Self::Real(name) => name,
        }
    }
}
