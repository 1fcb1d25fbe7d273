//! What can go wrong in the store, told apart by who must act.

use std::sync::Arc;

/// Why a command was not carried out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// More commands wait than may; try again.
    #[error("the database is slow: {waiting} commands wait already; try again in a moment")]
    Busy {
        /// Commands that wait.
        waiting: usize,
    },
    /// Another transaction stood in the way, of another master or another program. Nothing was changed; try again.
    #[error("the database is busy with other changes: {0}")]
    Contended(Arc<str>),
    /// The database cannot be reached, is locked, or its disk is full. Nothing was changed, unless it fell silent
    /// in the very moment of a commit.
    #[error("the database is unavailable: {0}")]
    Unavailable(Arc<str>),
    /// What is in the database is not what this program writes.
    #[error("the database holds something unexpected: {0}")]
    Corrupt(Arc<str>),
    /// The same name exists already.
    #[error("{0}")]
    Conflict(Arc<str>),
}

impl StoreError {
    pub(crate) fn corrupt(what: impl std::fmt::Display) -> Self {
        Self::Corrupt(what.to_string().into())
    }

    pub(crate) fn unavailable(what: impl std::fmt::Display) -> Self {
        Self::Unavailable(what.to_string().into())
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) | sqlx::Error::Decode(_) => {
                Self::corrupt(&error)
            }
            sqlx::Error::Database(database) if database.is_unique_violation() => {
                Self::Conflict(database.message().into())
            }
            // Serialization failure, deadlock, lock timeout.
            sqlx::Error::Database(database)
                if database.code().is_some_and(|code| matches!(&*code, "40001" | "40P01" | "55P03")) =>
            {
                Self::Contended(database.message().into())
            }
            _ => Self::unavailable(&error),
        }
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::corrupt(error)
    }
}

/// Why a database cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL names none.
    #[error("{0}")]
    Url(String),
    /// It cannot be opened, reached or written.
    #[error("the database {url} cannot be used: {reason}")]
    Database {
        /// Its URL, the password masked.
        url: String,
        /// What is wrong and what to do about it.
        reason: String,
    },
}
