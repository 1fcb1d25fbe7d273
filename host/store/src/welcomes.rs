//! The links with which the first administrator of a master is created. A link is valid for a limited time, once, and
//! only while the master has neither an administrator nor a valid token with the scope `admin`. Only the hashes of the
//! links' secrets are stored.

use crate::{
    Acting, Store, StoreError,
    db::{Connection, query},
    query::count,
    sessions::{self, NewSession},
    users::{self, StoredUser},
};

/// The outcome of the use of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Welcomed {
    /// The administrator was created, and the session is open.
    Done,
    /// The link is unknown, was used or has expired, or the master already has an administrator or a token with the
    /// scope `admin`.
    Void,
}

impl Store {
    /// Stores a link by the hash of its secret.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn create_welcome(&self, hash: String, now: i64, expires_at: i64) -> Result<(), StoreError> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "INSERT INTO welcomes (hash, created_at, expires_at) VALUES ($1, $2, $3)";
                    query(sql).bind(hash).bind(now).bind(expires_at).execute(connection).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Returns true if a link with this hash can be used.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn is_welcome(&self, hash: &str, now: i64) -> Result<bool, StoreError> {
        let sql = format!("SELECT COUNT(*) AS valid FROM welcomes WHERE hash = $1 AND {VALID}");
        let row = query(sql).bind(hash).bind(now).fetch_one(&self.readers).await?;
        Ok(count(&row, "valid")? > 0)
    }
}

impl Acting<'_> {
    /// Uses a link: creates the first administrator and opens a session. All links become invalid.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Conflict`] if a user has this name already, or another error if the database fails.
    pub async fn welcome(
        &self,
        hash: String,
        user: StoredUser,
        session: NewSession,
        now: i64,
    ) -> Result<Welcomed, StoreError> {
        let entry = self.entry("user.create", "user", &user.info.id, now).after(users::shown(&user.info));
        let opened = self.entry("session.open", "session", &user.info.id, now);
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    if !take(connection, &hash, now).await? {
                        return Ok(Welcomed::Void);
                    }
                    let id = user.info.id.clone();
                    users::insert(connection, user).await?;
                    let sql = "UPDATE users SET last_signed_in_at = $2 WHERE id = $1";
                    query(sql).bind(&id).bind(now).execute(&mut *connection).await?;
                    sessions::insert(connection, session, &id, now).await?;
                    entry.write(&mut *connection).await?;
                    opened.write(connection).await?;
                    Ok(Welcomed::Done)
                })
            })
            .await
    }
}

/// The condition for links that can be used. `$2` is the current time.
const VALID: &str = "expires_at > $2 AND NOT EXISTS (SELECT 1 FROM users WHERE scope = 'admin' AND disabled = 0) \
                     AND NOT EXISTS (SELECT 1 FROM tokens WHERE scope = 'admin' AND revoked_at IS NULL \
                     AND (tokens.expires_at IS NULL OR tokens.expires_at > $2))";

/// Locks all links before anything else. Therefore, two links cannot be used at the same time, and no link can be used
/// while somebody creates an administrator.
pub(crate) async fn lock(connection: &mut Connection) -> Result<(), StoreError> {
    let sql = format!("SELECT hash FROM welcomes ORDER BY hash{}", connection.dialect().to_change());
    query(sql).fetch_all(connection).await?;
    Ok(())
}

/// Removes a link. Returns false if the link is not valid.
async fn take(connection: &mut Connection, hash: &str, now: i64) -> Result<bool, StoreError> {
    lock(connection).await?;
    let sql = format!("DELETE FROM welcomes WHERE hash = $1 AND {VALID}");
    Ok(query(sql).bind(hash).bind(now).execute(connection).await?.rows_affected() > 0)
}
