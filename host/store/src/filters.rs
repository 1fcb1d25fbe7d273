//! Filters of the list of cameras that people save. The audit log has no entries for them: they change nothing but what
//! their owner sees in a menu.

use easysight_protocol::{SavedFilter, SavedFilterRequest};

use crate::{
    Store, StoreError,
    db::{Connection, Row, query},
    query::{Select, count, json, text, time_of},
};

/// The largest number of filters of one owner.
pub const MAX_FILTERS: u64 = 50;

const COLUMNS: &str = "SELECT id, name, filter, created_at, updated_at FROM camera_filters";
/// The condition for filters whose owner is gone. A master of a version without filters leaves them when it removes the
/// owner.
pub(crate) const ORPHANED: &str = "(owner_kind = 'user' AND NOT EXISTS (SELECT 1 FROM users WHERE users.id = camera_filters.owner)) \
     OR (owner_kind = 'token' AND NOT EXISTS (SELECT 1 FROM tokens \
     WHERE tokens.id = camera_filters.owner AND tokens.revoked_at IS NULL))";

/// The owner of filters. Nobody else sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterOwner {
    /// Everybody who uses a master without users and tokens.
    Anybody,
    /// The user with this id.
    User(String),
    /// The holder of the token with this id.
    Token(String),
}

impl FilterOwner {
    /// Returns the columns `owner_kind` and `owner`.
    fn key(&self) -> (&'static str, &str) {
        match self {
            Self::Anybody => ("anybody", ""),
            Self::User(id) => ("user", id),
            Self::Token(id) => ("token", id),
        }
    }
}

impl Store {
    /// Returns the filters of an owner, in the order of their names.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn camera_filters(&self, owner: &FilterOwner) -> Result<Vec<SavedFilter>, StoreError> {
        let sql = format!("{COLUMNS} WHERE owner_kind = $1 AND owner = $2 ORDER BY name");
        let (kind, owner) = owner.key();
        query(sql).bind(kind).bind(owner).fetch_all(&self.readers).await?.iter().map(read).collect()
    }

    /// Saves a new filter.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Conflict`] if the owner has [`MAX_FILTERS`] filters already, or another error if the
    /// database fails. Returns Ok(None) if the owner has a filter with this name.
    pub async fn save_camera_filter(
        &self,
        owner: FilterOwner,
        id: String,
        request: SavedFilterRequest,
        now: i64,
    ) -> Result<Option<SavedFilter>, StoreError> {
        let filter = serde_json::to_string(&request.filter)?;
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    must_have_room(connection, &owner).await?;
                    let sql = "INSERT INTO camera_filters \
                               (id, owner_kind, owner, name, filter, created_at, updated_at) \
                               VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (owner_kind, owner, name) DO NOTHING";
                    let (kind, key) = owner.key();
                    let made = query(sql)
                        .bind(&id)
                        .bind(kind)
                        .bind(key)
                        .bind(request.name)
                        .bind(filter)
                        .bind(now)
                        .execute(&mut *connection)
                        .await?;
                    if made.rows_affected() == 0 {
                        return Ok(None);
                    }
                    find(connection, &owner, &id).await
                })
            })
            .await
    }

    /// Changes the name of a filter, and what it shows.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn change_camera_filter(
        &self,
        owner: FilterOwner,
        id: String,
        request: SavedFilterRequest,
        now: i64,
    ) -> Result<FilterChanged, StoreError> {
        let filter = serde_json::to_string(&request.filter)?;
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let (kind, key) = owner.key();
                    let sql = "SELECT 1 AS found FROM camera_filters \
                               WHERE owner_kind = $1 AND owner = $2 AND name = $3 AND id <> $4";
                    let taken = query(sql).bind(kind).bind(key).bind(&request.name).bind(&id);
                    if taken.fetch_optional(&mut *connection).await?.is_some() {
                        return Ok(FilterChanged::NameTaken);
                    }
                    let sql = "UPDATE camera_filters SET name = $4, filter = $5, updated_at = $6 \
                               WHERE owner_kind = $1 AND owner = $2 AND id = $3";
                    query(sql)
                        .bind(kind)
                        .bind(key)
                        .bind(&id)
                        .bind(request.name)
                        .bind(filter)
                        .bind(now)
                        .execute(&mut *connection)
                        .await?;
                    let changed = find(connection, &owner, &id).await?;
                    Ok(changed.map_or(FilterChanged::Missing, |filter| FilterChanged::Done(Box::new(filter))))
                })
            })
            .await
    }

    /// Removes a filter. Returns false if the owner has no filter with this id.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn remove_camera_filter(&self, owner: FilterOwner, id: String) -> Result<bool, StoreError> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let (kind, key) = owner.key();
                    let sql = "DELETE FROM camera_filters WHERE owner_kind = $1 AND owner = $2 AND id = $3";
                    let removed = query(sql).bind(kind).bind(key).bind(id).execute(connection).await?;
                    Ok(removed.rows_affected() > 0)
                })
            })
            .await
    }
}

/// The outcome of a change of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterChanged {
    /// The filter as it is now.
    Done(Box<SavedFilter>),
    /// The owner has no such filter.
    Missing,
    /// Nothing was changed, because another filter of the owner has this name.
    NameTaken,
}

/// Removes all filters of an owner.
pub(crate) async fn remove_all(connection: &mut Connection, owner: &FilterOwner) -> Result<(), StoreError> {
    let (kind, key) = owner.key();
    let sql = "DELETE FROM camera_filters WHERE owner_kind = $1 AND owner = $2";
    query(sql).bind(kind).bind(key).execute(connection).await?;
    Ok(())
}

/// Checks that the owner may save one more filter. The rows are locked before they are counted, so that two masters do not
/// both save the last one.
async fn must_have_room(connection: &mut Connection, owner: &FilterOwner) -> Result<(), StoreError> {
    const OF_OWNER: &str = "FROM camera_filters WHERE owner_kind = $1 AND owner = $2";
    let (kind, key) = owner.key();
    let end = connection.dialect().to_change();
    let sql = format!("SELECT id {OF_OWNER} ORDER BY id{end}");
    query(sql).bind(kind).bind(key).fetch_all(&mut *connection).await?;
    let sql = format!("SELECT COUNT(*) AS known {OF_OWNER}");
    let row = query(sql).bind(kind).bind(key).fetch_one(connection).await?;
    if count(&row, "known")? < MAX_FILTERS {
        return Ok(());
    }
    let why = format!("{MAX_FILTERS} filters are saved already: delete one first");
    Err(StoreError::Conflict(why.into()))
}

async fn find(
    connection: &mut Connection,
    owner: &FilterOwner,
    id: &str,
) -> Result<Option<SavedFilter>, StoreError> {
    let (kind, key) = owner.key();
    let select = Select::new(COLUMNS).and("owner_kind = ?", Some(kind)).and("owner = ?", Some(key));
    select.and("id = ?", Some(id)).query().fetch_optional(connection).await?.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<SavedFilter, StoreError> {
    Ok(SavedFilter {
        id: text(row, "id")?,
        name: text(row, "name")?,
        filter: json(row, "filter")?,
        created_at: time_of(row, "created_at")?,
        updated_at: time_of(row, "updated_at")?,
    })
}
