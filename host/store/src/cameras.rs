//! Cameras and their groups.

use easysight_protocol::{Camera, CameraGroup, CameraRequest, Page, Status, masked_source, same_place};
use sqlx::{AnyConnection, AssertSqlSafe, Row, any::AnyRow};

use crate::{
    PageRequest, Store, StoreError, baselines, pictures,
    query::{Select, count, json, maybe_text, maybe_time, page_of, text, time_of},
};

const COLUMNS: &str = "SELECT id, name, source, enabled, labels, group_names, created_at, updated_at, status, \
                       checked_at, good_picture, good_picture_at FROM cameras";

/// A camera, and its source with the credentials in it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredCamera {
    /// As the protocol shows it.
    pub camera: Camera,
    /// Its source as it is.
    pub source: String,
}

/// Which cameras are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CameraFilter {
    /// Those in this group.
    pub group: Option<String>,
    /// Those whose last status was this.
    pub status: Option<Status>,
}

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// Cameras that are new.
    pub created: u64,
    /// Cameras that were there.
    pub updated: u64,
}

/// Cameras and their groups.
pub trait CameraRepository {
    /// Makes a camera.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] where its id is taken.
    fn create_camera(
        &self,
        id: String,
        camera: CameraRequest,
        now: i64,
    ) -> impl Future<Output = Result<StoredCamera, StoreError>> + Send;

    /// Changes a camera; false where there is none.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn update_camera(
        &self,
        id: String,
        camera: CameraRequest,
        now: i64,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Makes or changes many cameras, all or none.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn import_cameras(
        &self,
        cameras: Vec<(String, CameraRequest)>,
        now: i64,
    ) -> impl Future<Output = Result<Imported, StoreError>> + Send;

    /// Removes a camera; its findings stay until they are pruned. False where there was none.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn delete_camera(&self, id: String) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Looks a camera up.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn camera(&self, id: &str) -> impl Future<Output = Result<Option<StoredCamera>, StoreError>> + Send;

    /// Lists cameras in the order of their ids.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn cameras(
        &self,
        filter: &CameraFilter,
        page: &PageRequest,
    ) -> impl Future<Output = Result<Page<Camera>, StoreError>> + Send;

    /// All groups, by name.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn camera_groups(&self) -> impl Future<Output = Result<Vec<CameraGroup>, StoreError>> + Send;

    /// Of the cameras that a task names, those that are there and enabled, by id; and the names that
    /// nobody has.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn cameras_of_task(
        &self,
        ids: &[String],
        groups: &[String],
    ) -> impl Future<Output = Result<(Vec<StoredCamera>, Vec<String>), StoreError>> + Send;
}

impl CameraRepository for Store {
    async fn create_camera(
        &self,
        id: String,
        camera: CameraRequest,
        now: i64,
    ) -> Result<StoredCamera, StoreError> {
        let found = id.clone();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    if exists(connection, &id).await? {
                        return Err(StoreError::Conflict(format!("there is a camera `{id}` already").into()));
                    }
                    put(connection, &id, &camera, now).await
                })
            })
            .await?;
        self.camera(&found).await?.ok_or_else(|| StoreError::corrupt("a new camera is not there"))
    }

    async fn update_camera(&self, id: String, camera: CameraRequest, now: i64) -> Result<bool, StoreError> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let known = exists(connection, &id).await?;
                    if known {
                        put(connection, &id, &camera, now).await?;
                    }
                    Ok(known)
                })
            })
            .await
    }

    async fn import_cameras(
        &self,
        cameras: Vec<(String, CameraRequest)>,
        now: i64,
    ) -> Result<Imported, StoreError> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let mut imported = Imported::default();
                    for (id, camera) in cameras {
                        if exists(connection, &id).await? {
                            imported.updated += 1;
                        } else {
                            imported.created += 1;
                        }
                        put(connection, &id, &camera, now).await?;
                    }
                    Ok(imported)
                })
            })
            .await
    }

    async fn delete_camera(&self, id: String) -> Result<bool, StoreError> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query("DELETE FROM camera_groups WHERE camera_id = $1")
                        .bind(&id)
                        .execute(&mut *connection)
                        .await?;
                    baselines::remove(connection, &id).await?;
                    let deleted = sqlx::query("DELETE FROM cameras WHERE id = $1")
                        .bind(&id)
                        .execute(connection)
                        .await?;
                    Ok(deleted.rows_affected() > 0)
                })
            })
            .await
    }

    async fn camera(&self, id: &str) -> Result<Option<StoredCamera>, StoreError> {
        let row = Select::new(COLUMNS).and("id = ?", Some(id)).query().fetch_optional(&self.readers).await?;
        row.as_ref().map(read).transpose()
    }

    async fn cameras(&self, filter: &CameraFilter, page: &PageRequest) -> Result<Page<Camera>, StoreError> {
        let rows = Select::new(COLUMNS)
            .and("id IN (SELECT camera_id FROM camera_groups WHERE name = ?)", filter.group.clone())
            .and("status = ?", filter.status.map(Status::as_str))
            .page(&self.readers, "id", "id > ?", page)
            .await?;
        page_of(&rows, page.limit, |row| Ok(read(row)?.camera), |camera| camera.id.clone())
    }

    async fn camera_groups(&self) -> Result<Vec<CameraGroup>, StoreError> {
        let rows =
            sqlx::query("SELECT name, COUNT(*) AS cameras FROM camera_groups GROUP BY name ORDER BY name")
                .fetch_all(&self.readers)
                .await?;
        rows.iter()
            .map(|row| Ok(CameraGroup { name: text(row, "name")?, cameras: count(row, "cameras")? }))
            .collect()
    }

    async fn cameras_of_task(
        &self,
        ids: &[String],
        groups: &[String],
    ) -> Result<(Vec<StoredCamera>, Vec<String>), StoreError> {
        let (ids_json, groups_json) = (serde_json::to_string(ids)?, serde_json::to_string(groups)?);
        let among_ids = self.dialect.among("id", "$1");
        let among_groups = self.dialect.among("name", "$2");
        let sql = format!(
            "{COLUMNS} WHERE {among_ids} OR id IN (SELECT camera_id FROM camera_groups WHERE {among_groups}) \
             ORDER BY id"
        );
        let rows =
            sqlx::query(AssertSqlSafe(sql)).bind(ids_json).bind(groups_json).fetch_all(&self.readers).await?;
        let cameras = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let has = |id: &String| cameras.iter().any(|one| one.camera.id == *id);
        let mut missing: Vec<String> =
            ids.iter().filter(|id| !has(id)).map(|id| format!("camera `{id}`")).collect();
        let filled = |group: &String| cameras.iter().any(|one| one.camera.groups.contains(group));
        let empty = groups.iter().filter(|group| !filled(group));
        missing.extend(empty.map(|group| format!("a camera in the group `{group}`")));
        let cameras = cameras.into_iter().filter(|one| one.camera.enabled).collect();
        Ok((cameras, missing))
    }
}

async fn exists(connection: &mut AnyConnection, id: &str) -> Result<bool, StoreError> {
    let found =
        sqlx::query("SELECT id FROM cameras WHERE id = $1").bind(id).fetch_optional(connection).await?;
    Ok(found.is_some())
}

async fn put(
    connection: &mut AnyConnection,
    id: &str,
    camera: &CameraRequest,
    now: i64,
) -> Result<(), StoreError> {
    let mut groups = camera.groups.clone();
    groups.sort();
    groups.dedup();
    let before = sqlx::query("SELECT source FROM cameras WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut *connection)
        .await?;
    // What plugins remember of another place is of no use here, though the camera keeps its name.
    if let Some(before) = before
        && !same_place(&text(&before, "source")?, &camera.source)
    {
        baselines::forget_all(connection, id, now).await?;
        pictures::forget(connection, id).await?;
    }
    sqlx::query(
        "INSERT INTO cameras (id, name, source, enabled, labels, group_names, created_at, updated_at, \
         baselines_since) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7) \
         ON CONFLICT (id) DO UPDATE SET name = $2, source = $3, enabled = $4, labels = $5, group_names = $6, \
         updated_at = $7",
    )
    .bind(id)
    .bind(&camera.name)
    .bind(&camera.source)
    .bind(i64::from(camera.enabled))
    .bind(serde_json::to_string(&camera.labels)?)
    .bind(serde_json::to_string(&groups)?)
    .bind(now)
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM camera_groups WHERE camera_id = $1").bind(id).execute(&mut *connection).await?;
    for group in groups {
        sqlx::query("INSERT INTO camera_groups (name, camera_id) VALUES ($1, $2)")
            .bind(group)
            .bind(id)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

fn read(row: &AnyRow) -> Result<StoredCamera, StoreError> {
    let source = text(row, "source")?;
    let camera = Camera {
        id: text(row, "id")?,
        name: text(row, "name")?,
        source: masked_source(&source),
        enabled: row.try_get::<i64, _>("enabled")? != 0,
        labels: json(row, "labels")?,
        groups: json(row, "group_names")?,
        created_at: time_of(row, "created_at")?,
        updated_at: time_of(row, "updated_at")?,
        status: maybe_text(row, "status")?.as_deref().and_then(Status::of_word),
        checked_at: maybe_time(row, "checked_at")?,
        last_good_picture: pictures::read(row)?,
    };
    Ok(StoredCamera { camera, source })
}
