//! Users: people who sign in with a name and a password. Only hashes of their passwords are stored. Their sessions are
//! in `sessions.rs`.

use easysight_protocol::{Scope, UserChange, UserInfo};
use serde_json::json;

use crate::{
    Acting, FilterOwner, Store, StoreError,
    audit::{Fields, difference, fields},
    db::{Connection, Row, query},
    filters,
    query::{Select, count, maybe_json, maybe_time, text, time_of, word},
    runs::word_of,
    welcomes,
};

pub(crate) const COLUMNS: &str = "SELECT users.id, users.name, users.scope, users.password, users.disabled, \
                                  users.created_at, users.last_signed_in_at, users.area FROM users";

/// A user, and the hash of the user's password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredUser {
    /// The details that may be shown.
    pub info: UserInfo,
    /// The hash of the password, with its salt and its parameters (a PHC string).
    pub password: String,
}

/// The outcome of a change of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// The user as it is now. For a removal: as it was.
    Done(UserInfo),
    /// There is no such user.
    Missing,
    /// Nothing was changed, because this user is the last one who may administer the master.
    LastAdministrator,
    /// Nothing was changed: a user with this scope sees everything, or no camera, and cannot be limited to groups.
    Unlimitable(Scope),
}

/// Returns a name in the form in which names are compared: in lower case, without white space around it.
#[must_use]
pub fn login_of(name: &str) -> String {
    name.trim().to_lowercase()
}

impl Acting<'_> {
    /// Stores a new user. If the user is an administrator, links for the first administrator become invalid.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Conflict`] if a user has this name already, or another error if the database fails.
    pub async fn create_user(&self, mut user: StoredUser) -> Result<(), StoreError> {
        user.info.groups = user.info.groups.map(sorted);
        let created_at = user.info.created_at.timestamp_millis();
        let entry = self.entry("user.create", "user", &user.info.id, created_at).after(shown(&user.info));
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    welcomes::lock(connection).await?;
                    insert(connection, user).await?;
                    entry.write(connection).await
                })
            })
            .await
    }

    /// Changes a user. `password` is the hash of a new password. A new password, and `disabled`, end the user's
    /// sessions.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Conflict`] if another user has the new name, or another error if the database fails.
    pub async fn change_user(
        &self,
        id: String,
        change: UserChange,
        password: Option<String>,
        now: i64,
    ) -> Result<Changed, StoreError> {
        let scope = change.scope.as_ref().map(word_of).transpose()?;
        let entry = self.entry("user.update", "user", &id, now);
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    welcomes::lock(connection).await?;
                    let Some(user) = locked(connection, &id).await? else { return Ok(Changed::Missing) };
                    let administers = |scope: Scope, disabled: bool| scope == Scope::Admin && !disabled;
                    let before = administers(user.info.scope, user.info.disabled);
                    let after = administers(
                        change.scope.unwrap_or(user.info.scope),
                        change.disabled.unwrap_or(user.info.disabled),
                    );
                    let scope_after = change.scope.unwrap_or(user.info.scope);
                    let groups = match change.everywhere {
                        Some(true) => None,
                        _ => change.groups.map(sorted).or_else(|| user.info.groups.clone()),
                    };
                    if groups.is_some() && !scope_after.may_be_limited() {
                        return Ok(Changed::Unlimitable(scope_after));
                    }
                    if before && !after && !is_administered_without(connection, &id, now).await? {
                        return Ok(Changed::LastAdministrator);
                    }
                    if change.disabled == Some(true) || password.is_some() {
                        end_sessions(connection, &id, None).await?;
                    }
                    let is_new_password = password.is_some();
                    let login = change.name.as_deref().map(login_of);
                    if let Some(login) = &login {
                        must_be_free(connection, login, Some(id.as_str())).await?;
                    }
                    let sql = "UPDATE users SET name = COALESCE($2, name), login = COALESCE($3, login), \
                               scope = COALESCE($4, scope), disabled = COALESCE($5, disabled), \
                               password = COALESCE($6, password), area = $7 WHERE id = $1";
                    query(sql)
                        .bind(&id)
                        .bind(change.name)
                        .bind(login)
                        .bind(scope)
                        .bind(change.disabled.map(i64::from))
                        .bind(password)
                        .bind(groups.as_ref().map(serde_json::to_string).transpose()?)
                        .execute(&mut *connection)
                        .await?;
                    if after {
                        query("DELETE FROM welcomes").execute(&mut *connection).await?;
                    }
                    let Some(changed) = locked(connection, &id).await? else { return Ok(Changed::Missing) };
                    let mut after = shown(&changed.info);
                    if is_new_password {
                        after.insert("secrets".into(), json!("changed"));
                    }
                    if let Some((before, after)) = difference(&shown(&user.info), &after) {
                        entry.before(before).after(after).write(connection).await?;
                    }
                    Ok(Changed::Done(changed.info))
                })
            })
            .await
    }

    /// Removes a user, and the user's sessions and saved filters.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn delete_user(&self, id: String, now: i64) -> Result<Changed, StoreError> {
        let entry = self.entry("user.delete", "user", &id, now);
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let Some(user) = locked(connection, &id).await? else { return Ok(Changed::Missing) };
                    let administers = user.info.scope == Scope::Admin && !user.info.disabled;
                    if administers && !is_administered_without(connection, &id, now).await? {
                        return Ok(Changed::LastAdministrator);
                    }
                    end_sessions(connection, &id, None).await?;
                    filters::remove_all(connection, &FilterOwner::User(id.clone())).await?;
                    query("DELETE FROM users WHERE id = $1").bind(&id).execute(&mut *connection).await?;
                    entry.before(shown(&user.info)).write(connection).await?;
                    Ok(Changed::Done(user.info))
                })
            })
            .await
    }

    /// Replaces the hash of a user's password, and ends the user's sessions except `session`. Returns false if the
    /// password is no longer `before`.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn replace_password(
        &self,
        id: String,
        before: String,
        after: String,
        session: String,
        now: i64,
    ) -> Result<bool, StoreError> {
        let entry = self.entry("user.password", "user", &id, now);
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "UPDATE users SET password = $3 WHERE id = $1 AND password = $2";
                    let done =
                        query(sql).bind(&id).bind(before).bind(after).execute(&mut *connection).await?;
                    if done.rows_affected() == 0 {
                        return Ok(false);
                    }
                    end_sessions(connection, &id, Some(session)).await?;
                    entry.after(fields([("secrets", json!("changed"))])).write(connection).await?;
                    Ok(true)
                })
            })
            .await
    }
}

/// Returns the fields of a user that the audit log shows.
pub(crate) fn shown(user: &UserInfo) -> Fields {
    let mut shown = fields([
        ("name", json!(user.name)),
        ("scope", json!(user.scope)),
        ("disabled", json!(user.disabled)),
    ]);
    if let Some(groups) = &user.groups {
        shown.insert("groups".into(), json!(groups));
    }
    shown
}

impl Store {
    /// Returns the user with this id, or None if there is none.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn user(&self, id: &str) -> Result<Option<StoredUser>, StoreError> {
        let row = Select::new(COLUMNS).and("id = ?", Some(id)).query().fetch_optional(&self.readers).await?;
        row.as_ref().map(read).transpose()
    }

    /// Returns the user with this name, or None if there is none.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn user_named(&self, name: &str) -> Result<Option<StoredUser>, StoreError> {
        let login = login_of(name);
        let row =
            Select::new(COLUMNS).and("login = ?", Some(login)).query().fetch_optional(&self.readers).await?;
        row.as_ref().map(read).transpose()
    }

    /// Returns the number of users, and the number of those who are not disabled.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn count_users(&self) -> Result<(u64, u64), StoreError> {
        let sql = "SELECT COUNT(*) AS known, COUNT(CASE WHEN disabled = 0 THEN 1 END) AS enabled FROM users";
        let row = query(sql).fetch_one(&self.readers).await?;
        Ok((count(&row, "known")?, count(&row, "enabled")?))
    }

    /// Returns true if there is a user, even a disabled one, or a token that was not revoked.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn has_credentials(&self) -> Result<bool, StoreError> {
        let sql = "SELECT (SELECT COUNT(*) FROM users) + (SELECT COUNT(*) FROM tokens WHERE revoked_at IS NULL) AS known";
        Ok(count(&query(sql).fetch_one(&self.readers).await?, "known")? > 0)
    }

    /// Returns all users, oldest first.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn users(&self) -> Result<Vec<StoredUser>, StoreError> {
        let sql = format!("{COLUMNS} ORDER BY created_at, id");
        query(sql).fetch_all(&self.readers).await?.iter().map(read).collect()
    }
}

pub(crate) async fn insert(connection: &mut Connection, user: StoredUser) -> Result<(), StoreError> {
    let StoredUser { info, password } = user;
    let login = login_of(&info.name);
    must_be_free(connection, &login, None).await?;
    let scope = word_of(&info.scope)?;
    let area = info.groups.as_ref().map(serde_json::to_string).transpose()?;
    let sql = "INSERT INTO users (id, name, login, scope, password, disabled, created_at, area) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    query(sql)
        .bind(info.id)
        .bind(info.name)
        .bind(login)
        .bind(scope)
        .bind(password)
        .bind(i64::from(info.disabled))
        .bind(info.created_at.timestamp_millis())
        .bind(area)
        .execute(&mut *connection)
        .await?;
    if info.scope == Scope::Admin {
        query("DELETE FROM welcomes").execute(connection).await?;
    }
    Ok(())
}

/// Returns groups as they are stored.
pub(crate) fn sorted(mut groups: Vec<String>) -> Vec<String> {
    groups.sort();
    groups.dedup();
    groups
}

/// Checks that no other user has this name. The column is unique as well, so that two masters cannot store the name at
/// the same time.
async fn must_be_free(
    connection: &mut Connection,
    login: &str,
    except: Option<&str>,
) -> Result<(), StoreError> {
    let sql = "SELECT id FROM users WHERE login = $1 AND id <> $2";
    let taken = query(sql).bind(login).bind(except.unwrap_or_default()).fetch_optional(connection).await?;
    match taken {
        Some(_) => Err(StoreError::Conflict(
            "a user has this name already; capital and small letters make no difference".into(),
        )),
        None => Ok(()),
    }
}

/// Locks the rows of all users and tokens with the scope `admin`: first users, then tokens, each by id. Therefore, two
/// masters cannot remove the last two administrators at the same time.
pub(crate) async fn lock_administrators(connection: &mut Connection) -> Result<(), StoreError> {
    let end = connection.dialect().to_change();
    for table in ["users", "tokens"] {
        let sql = format!("SELECT id FROM {table} WHERE scope = 'admin' ORDER BY id{end}");
        query(sql).fetch_all(&mut *connection).await?;
    }
    Ok(())
}

/// Locks the rows of all administrators ([`lock_administrators`]). Returns the user with this id.
async fn locked(connection: &mut Connection, id: &str) -> Result<Option<StoredUser>, StoreError> {
    lock_administrators(connection).await?;
    let row = Select::new(COLUMNS).and("id = ?", Some(id)).query().fetch_optional(connection).await?;
    row.as_ref().map(read).transpose()
}

/// Returns true if users exist and `token` is the last credential with the scope `admin`.
pub(crate) async fn needs_token(
    connection: &mut Connection,
    token: &str,
    now: i64,
) -> Result<bool, StoreError> {
    let sql = "SELECT (SELECT COUNT(*) FROM users) AS known, \
               (SELECT COUNT(*) FROM users WHERE scope = 'admin' AND disabled = 0) + \
               (SELECT COUNT(*) FROM tokens WHERE scope = 'admin' AND revoked_at IS NULL AND id <> $1 \
               AND (expires_at IS NULL OR expires_at > $2)) AS left_over";
    let row = query(sql).bind(token).bind(now).fetch_one(connection).await?;
    Ok(count(&row, "known")? > 0 && count(&row, "left_over")? == 0)
}

/// Returns true if a user other than `id`, or the holder of a token, may administer the master.
async fn is_administered_without(
    connection: &mut Connection,
    id: &str,
    now: i64,
) -> Result<bool, StoreError> {
    let sql = "SELECT (SELECT COUNT(*) FROM users WHERE scope = 'admin' AND disabled = 0 AND id <> $1) + \
               (SELECT COUNT(*) FROM tokens WHERE scope = 'admin' AND revoked_at IS NULL \
               AND (expires_at IS NULL OR expires_at > $2)) AS left_over";
    let row = query(sql).bind(id).bind(now).fetch_one(connection).await?;
    Ok(count(&row, "left_over")? > 0)
}

/// Ends the sessions of a user, except one.
pub(crate) async fn end_sessions(
    connection: &mut Connection,
    user: &str,
    except: Option<String>,
) -> Result<u64, StoreError> {
    let sql = "DELETE FROM sessions WHERE user_id = $1 AND id <> $2";
    let done = query(sql).bind(user).bind(except.unwrap_or_default()).execute(connection).await?;
    Ok(done.rows_affected())
}

pub(crate) fn read(row: &Row) -> Result<StoredUser, StoreError> {
    Ok(StoredUser {
        info: UserInfo {
            id: text(row, "id")?,
            name: text(row, "name")?,
            scope: word(row, "scope")?,
            disabled: row.try_get::<i64>("disabled")? != 0,
            created_at: time_of(row, "created_at")?,
            last_signed_in_at: maybe_time(row, "last_signed_in_at")?,
            groups: maybe_json(row, "area")?,
        },
        password: text(row, "password")?,
    })
}
