//! Tokens. Only their hashes are stored.
//!
//! The stored hash of a token with an area has a prefix, so that a master of an earlier version, which does not know the
//! area, refuses the token. It still lists and revokes the token, and still counts it as a credential.

use easysight_protocol::TokenInfo;
use serde_json::json;

use crate::{
    Acting, FilterOwner, Store, StoreError,
    audit::{Fields, fields},
    db::{Row, query},
    filters,
    query::{Select, maybe_json, maybe_time, text, time_of, word},
    runs::word_of,
    users::{self, sorted},
};

const COLUMNS: &str =
    "SELECT id, name, scope, hash, created_at, expires_at, revoked_at, lifetime_ms, area FROM tokens";

/// The prefix of the stored hash of a token with an area.
const LIMITED: &str = "area:";

/// The maximum number of ids in the list of tokens that were created through this store.
const REMEMBERED: usize = 1_000;

/// A token and the hash of its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// The details that may be shown.
    pub info: TokenInfo,
    /// blake3 of the secret, 64 hexadecimal digits.
    pub hash: String,
    /// The token's lifetime in milliseconds. None if the token has an expiry date or never expires.
    pub lifetime_ms: Option<i64>,
}

impl Acting<'_> {
    /// Stores a token.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn create_token(&self, mut token: StoredToken) -> Result<(), StoreError> {
        token.info.groups = token.info.groups.map(sorted);
        let scope = word_of(&token.info.scope)?;
        let created_at = token.info.created_at.timestamp_millis();
        let entry = self.entry("token.create", "token", &token.info.id, created_at).after(shown(&token.info));
        if token.lifetime_ms.is_some() {
            let mut made_here = self.store.known.tokens.lock();
            // The oldest token is dropped, because it is least likely to be moved when the clock is corrected.
            if made_here.len() >= REMEMBERED {
                made_here.remove(0);
            }
            made_here.push(token.info.id.clone());
        }
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let info = token.info;
                    let sql = "INSERT INTO tokens (id, name, scope, hash, created_at, expires_at, lifetime_ms, area) \
                               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
                    let hash = match info.groups {
                        Some(_) => format!("{LIMITED}{}", token.hash),
                        None => token.hash,
                    };
                    query(sql)
                        .bind(info.id)
                        .bind(info.name)
                        .bind(scope)
                        .bind(hash)
                        .bind(created_at)
                        .bind(info.expires_at.map(|at| at.timestamp_millis()))
                        .bind(token.lifetime_ms)
                        .bind(info.groups.as_ref().map(serde_json::to_string).transpose()?)
                        .execute(&mut *connection)
                        .await?;
                    entry.write(connection).await
                })
            })
            .await
    }

    /// Revokes a token and removes the filters that its holder has saved. Returns false if the token does not exist or was revoked before.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Conflict`] if users exist and this is the last credential with the scope `admin`, or
    /// another error if the database fails.
    pub async fn revoke_token(&self, id: String, now: i64) -> Result<bool, StoreError> {
        let entry = self.entry("token.revoke", "token", &id, now);
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    users::lock_administrators(connection).await?;
                    let sql = "UPDATE tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL \
                               RETURNING name, scope";
                    let revoked = query(sql).bind(&id).bind(now).fetch_optional(&mut *connection).await?;
                    let Some(revoked) = revoked else { return Ok(false) };
                    let is_admin = text(&revoked, "scope")? == "admin";
                    if is_admin && users::needs_token(connection, &id, now).await? {
                        let why = "nobody would be left who may administer the master: make a user an administrator first";
                        return Err(StoreError::Conflict(why.into()));
                    }
                    filters::remove_all(connection, &FilterOwner::Token(id)).await?;
                    let before = fields([
                        ("name", json!(text(&revoked, "name")?)),
                        ("scope", json!(text(&revoked, "scope")?)),
                    ]);
                    entry.before(before).write(connection).await?;
                    Ok(true)
                })
            })
            .await
    }
}

impl Store {
    /// Returns a token, or None if it does not exist.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn token(&self, id: &str) -> Result<Option<StoredToken>, StoreError> {
        let row = Select::new(COLUMNS).and("id = ?", Some(id)).query().fetch_optional(&self.readers).await?;
        row.as_ref().map(read).transpose()
    }

    /// Returns all tokens, oldest first.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn tokens(&self) -> Result<Vec<StoredToken>, StoreError> {
        query(format!("{COLUMNS} ORDER BY created_at, id"))
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(read)
            .collect()
    }
}

/// Returns the fields of a token that the audit log shows.
fn shown(token: &TokenInfo) -> Fields {
    let mut shown = fields([
        ("name", json!(token.name)),
        ("scope", json!(token.scope)),
        ("expires_at", json!(token.expires_at)),
    ]);
    if let Some(groups) = &token.groups {
        shown.insert("groups".into(), json!(groups));
    }
    shown
}

fn read(row: &Row) -> Result<StoredToken, StoreError> {
    let (hash, groups) = (text(row, "hash")?, maybe_json::<Vec<String>>(row, "area")?);
    let hash = match (hash.strip_prefix(LIMITED), &groups) {
        (Some(hash), Some(_)) => hash.to_owned(),
        (None, None) => hash,
        _ => return Err(StoreError::corrupt("a token has an area, but its hash does not show it")),
    };
    Ok(StoredToken {
        info: TokenInfo {
            id: text(row, "id")?,
            name: text(row, "name")?,
            scope: word(row, "scope")?,
            created_at: time_of(row, "created_at")?,
            expires_at: maybe_time(row, "expires_at")?,
            revoked_at: maybe_time(row, "revoked_at")?,
            groups,
        },
        hash,
        lifetime_ms: row.try_get("lifetime_ms")?,
    })
}
