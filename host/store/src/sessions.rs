//! The sessions of users in browsers. Only hashes of their secrets are stored.

use chrono::{DateTime, Utc};
use easysight_protocol::UserInfo;
use serde_json::json;

use crate::{
    Acting, Store, StoreError,
    audit::fields,
    db::{Connection, Row, query},
    filters,
    query::{maybe_json, maybe_time, text, time_of, word},
    sign_ins::{self, SignIn},
    users::end_sessions,
};

/// A session and its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// The session's id.
    pub id: String,
    /// blake3 of the secret, 64 hexadecimal digits.
    pub hash: String,
    /// When the session was last used, with a precision of about a minute.
    pub used_at: DateTime<Utc>,
    /// When the session ends even if it is in use.
    pub expires_at: DateTime<Utc>,
    /// The user.
    pub user: UserInfo,
}

/// A session that is to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// The session's id.
    pub id: String,
    /// blake3 of the secret, 64 hexadecimal digits.
    pub hash: String,
    /// When the session ends even if it is in use, in milliseconds since 1970.
    pub expires_at: i64,
}

impl Acting<'_> {
    /// Opens a session of a user, who is the caller, and records the successful sign-in as [`Store::forgive_sign_in`]
    /// does. `password` is the hash with which the password was compared. Returns false if, in the meantime, the user was disabled or
    /// removed or got another password.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn open_session(
        &self,
        session: NewSession,
        user: String,
        password: String,
        sign_in: SignIn,
        now: i64,
    ) -> Result<bool, StoreError> {
        let entry = self.entry("session.open", "session", &user, now);
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "UPDATE users SET last_signed_in_at = $3 \
                               WHERE id = $1 AND password = $2 AND disabled = 0";
                    let signed_in =
                        query(sql).bind(&user).bind(password).bind(now).execute(&mut *connection).await?;
                    if signed_in.rows_affected() == 0 {
                        return Ok(false);
                    }
                    insert(connection, session, &user, now).await?;
                    sign_ins::succeeded(connection, sign_in, now).await?;
                    entry.write(connection).await?;
                    Ok(true)
                })
            })
            .await
    }

    /// Records that the holder of a token, who is the caller, has signed in with it in a browser.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn note_session_of_token(&self, token: &str, now: i64) -> Result<(), StoreError> {
        let entry = self.entry("session.open", "session", token, now);
        self.store.writer.run(move |connection| Box::pin(async move { entry.write(connection).await })).await
    }

    /// Ends a session of a user. Returns false if it does not exist.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn end_session(&self, id: String, user: &str, now: i64) -> Result<bool, StoreError> {
        let entry = self.entry("session.close", "session", user, now);
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "DELETE FROM sessions WHERE id = $1";
                    if query(sql).bind(id).execute(&mut *connection).await?.rows_affected() == 0 {
                        return Ok(false);
                    }
                    entry.write(connection).await?;
                    Ok(true)
                })
            })
            .await
    }

    /// Ends all sessions of a user. Returns their number.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn end_sessions_of(&self, user: String, now: i64) -> Result<u64, StoreError> {
        let entry = self.entry("session.close_all", "session", &user, now);
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let ended = end_sessions(connection, &user, None).await?;
                    if ended > 0 {
                        entry.after(fields([("sessions", json!(ended))])).write(connection).await?;
                    }
                    Ok(ended)
                })
            })
            .await
    }
}

impl Store {
    /// Returns a session, or None if it does not exist.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn session(&self, id: &str) -> Result<Option<StoredSession>, StoreError> {
        let sql = "SELECT sessions.id AS session_id, hash, used_at, expires_at, users.id AS user_id, name, scope, \
                   disabled, users.created_at AS user_created_at, last_signed_in_at, area \
                   FROM sessions JOIN users ON users.id = sessions.user_id WHERE sessions.id = $1";
        let row = query(sql).bind(id).fetch_optional(&self.readers).await?;
        row.as_ref().map(read).transpose()
    }

    /// Records that a session is in use.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn touch_session(&self, id: String, now: i64) -> Result<(), StoreError> {
        self.writer
            .run_relaxed(move |connection| {
                Box::pin(async move {
                    let sql = "UPDATE sessions SET used_at = $2 WHERE id = $1 AND used_at < $2";
                    query(sql).bind(id).bind(now).execute(connection).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Removes sessions that were not used for `idle_ms` or have expired. Also removes expired links for the first
    /// administrator, and records of failed sign-ins that no longer matter.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn prune_sessions(&self, idle_ms: i64, now: i64) -> Result<u64, StoreError> {
        const OVER: &str = "expires_at <= $1 OR used_at <= $2";
        // A query first tests whether there is something to remove, because most of the time there is nothing.
        let sql = format!(
            "SELECT 1 AS found WHERE EXISTS (SELECT 1 FROM sessions WHERE {OVER}) \
             OR EXISTS (SELECT 1 FROM welcomes WHERE expires_at <= $1) \
             OR EXISTS (SELECT 1 FROM camera_filters WHERE {}) \
             OR EXISTS (SELECT 1 FROM sign_ins WHERE {})",
            filters::ORPHANED,
            sign_ins::LONG_AGO
        );
        let (long_ago, unknown) = (now - sign_ins::REMEMBERED_MS, now - sign_ins::KNOWN_MS);
        let found = query(sql).bind(now).bind(now - idle_ms).bind(long_ago).bind(unknown);
        if found.fetch_optional(&self.readers).await?.is_none() {
            return Ok(0);
        }
        self.writer
            .run_relaxed(move |connection| {
                Box::pin(async move {
                    let sql = format!("DELETE FROM sessions WHERE {OVER}");
                    let over = query(sql).bind(now).bind(now - idle_ms).execute(&mut *connection).await?;
                    let sql = "DELETE FROM welcomes WHERE expires_at <= $1";
                    query(sql).bind(now).execute(&mut *connection).await?;
                    let sql = format!("DELETE FROM camera_filters WHERE {}", filters::ORPHANED);
                    query(sql).execute(&mut *connection).await?;
                    sign_ins::prune(connection, now).await?;
                    Ok(over.rows_affected())
                })
            })
            .await
    }
}

pub(crate) async fn insert(
    connection: &mut Connection,
    session: NewSession,
    user: &str,
    now: i64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO sessions (id, hash, user_id, created_at, used_at, expires_at) \
               VALUES ($1, $2, $3, $4, $4, $5)";
    query(sql)
        .bind(session.id)
        .bind(session.hash)
        .bind(user)
        .bind(now)
        .bind(session.expires_at)
        .execute(connection)
        .await?;
    Ok(())
}

fn read(row: &Row) -> Result<StoredSession, StoreError> {
    Ok(StoredSession {
        id: text(row, "session_id")?,
        hash: text(row, "hash")?,
        used_at: time_of(row, "used_at")?,
        expires_at: time_of(row, "expires_at")?,
        user: UserInfo {
            id: text(row, "user_id")?,
            name: text(row, "name")?,
            scope: word(row, "scope")?,
            disabled: row.try_get::<i64>("disabled")? != 0,
            created_at: time_of(row, "user_created_at")?,
            last_signed_in_at: maybe_time(row, "last_signed_in_at")?,
            groups: maybe_json(row, "area")?,
        },
    })
}
