//! Errors of the store, separated by who must act.

use std::sync::Arc;

use crate::Version;

/// Why a command failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The command was not answered in time, because too many commands wait. Try again.
    #[error("the database is slow: {waiting} commands are waiting already; try again in a moment")]
    Busy {
        /// The number of commands that wait.
        waiting: usize,
    },
    /// A transaction of another master or another program conflicted with this one. Nothing was changed. Try again.
    #[error("the database is busy with other changes: {0}")]
    Contended(Arc<str>),
    /// The database cannot be reached, is locked, or its disk is full. Nothing was changed, unless the database
    /// stopped responding during a commit.
    #[error("the database is unavailable: {0}")]
    Unavailable(Arc<str>),
    /// The database holds data that this program does not write.
    #[error("the database contains unexpected data: {0}")]
    Corrupt(Arc<str>),
    /// The caller may not make this change, because the object is not in the caller's area, or would leave it. Nothing
    /// was changed.
    #[error("{detail}")]
    Outside {
        /// A JSON pointer to the field that leads outside. Empty if the object itself is not completely in the area.
        field: String,
        /// What is outside, and what is allowed.
        detail: Arc<str>,
    },
    /// The caller's condition does not hold for the stored version. Nothing was changed.
    #[error("{detail}")]
    Changed {
        /// The stored version.
        version: Version,
        /// Which condition does not hold, and what to do.
        detail: &'static str,
    },
    /// The change conflicts with stored data, such as a name that exists already.
    #[error("{0}")]
    Conflict(Arc<str>),
}

impl StoreError {
    pub(crate) fn corrupt(what: impl std::fmt::Display) -> Self {
        Self::Corrupt(what.to_string().into())
    }

    /// Makes the error for an id that is taken. The text is the same wherever the id is taken: by something that the caller
    /// sees, by something outside of the caller's area, or by the history of a camera that was removed.
    pub(crate) fn taken(what: &str, id: &str) -> Self {
        Self::Conflict(format!("the id `{id}` of a {what} is taken already: choose another one").into())
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
    /// The URL does not name a database.
    #[error("{0}")]
    Url(String),
    /// The database cannot be opened, reached or written.
    #[error("the database {url} cannot be used: {reason}")]
    Database {
        /// The URL, with the password masked.
        url: String,
        /// What is wrong, and what to do about it.
        reason: String,
    },
}
