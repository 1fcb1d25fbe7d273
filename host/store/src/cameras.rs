//! Cameras and their groups.

mod changes;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use easysight_protocol::{Camera, CameraGroup, CameraRequest, Status, masked_source, same_place};
use serde_json::Value;

use crate::{
    Acting, Area, Dialect, Store, StoreError,
    audit::{Fields, Tally},
    baselines,
    db::{Connection, Row, Rows, query},
    lost, pictures,
    query::{Select, count, json, maybe_json, maybe_text, maybe_time, text, time_of},
    reports::list,
    versions::{Version, moved_on},
    words,
};

use changes::{change, confined, defined, fields_of, foreign, is_within, masked, note};

pub(crate) use changes::Change;

/// The maximum number of cameras that one transaction of an import writes.
const PORTION: usize = 500;

pub(crate) const COLUMNS: &str = "SELECT id, name, source, enabled, labels, group_names, created_at, updated_at, status, \
                       checked_at, good_picture, good_picture_at, lost_since, lost_reason, lost_connects, \
                       lost_looks, lost_looked_at, next_full_look_at, cause, status_since, evidence FROM cameras";

/// A camera and its source with the credentials.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredCamera {
    /// The camera as the protocol shows it.
    pub camera: Camera,
    /// The source with the credentials.
    pub source: String,
}

/// The result of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// The number of new cameras.
    pub created: u64,
    /// The number of cameras that existed already.
    pub updated: u64,
}

impl Acting<'_> {
    /// Creates a camera.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Conflict`] if the id exists already, [`StoreError::Outside`] if the camera would not be in
    /// the caller's area, or another error if the database fails.
    pub async fn create_camera(
        &self,
        id: String,
        camera: CameraRequest,
        now: i64,
    ) -> Result<StoredCamera, StoreError> {
        let entry = self.entry("camera.create", "camera", &id, now);
        let found = id.clone();
        let (dialect, area) = (self.store.dialect, self.area().clone());
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    if lock(connection, dialect, &Area::ALL, &id).await?.is_some() {
                        return Err(StoreError::taken("camera", &id));
                    }
                    let new = [(id, camera)];
                    let (_, changes) = put(connection, dialect, &area, Existing::Known, &new, now).await?;
                    note(connection, &entry, changes).await
                })
            })
            .await?;
        self.store
            .camera(self.area(), &found)
            .await?
            .ok_or_else(|| StoreError::corrupt("a new camera is missing"))
    }

    /// Changes a camera. Returns false if it does not exist. Groups that are not in the caller's area stay.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Outside`] if the camera would leave the caller's area or enter a group outside of it,
    /// [`StoreError::Changed`] if the caller's condition does not hold, or another error if the database fails.
    pub async fn update_camera(
        &self,
        id: String,
        camera: CameraRequest,
        now: i64,
    ) -> Result<bool, StoreError> {
        let entry = self.entry("camera.update", "camera", &id, now);
        let (dialect, area) = (self.store.dialect, self.area().clone());
        let precondition = self.precondition.clone();
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let Some(known) = lock(connection, dialect, &area, &id).await? else { return Ok(false) };
                    let changed = [(id, camera)];
                    let (_, changes) =
                        put(connection, dialect, &area, Existing::Known, &changed, now).await?;
                    // An error undoes the transaction.
                    precondition.check(known)?;
                    note(connection, &entry, changes).await?;
                    Ok(true)
                })
            })
            .await
    }

    /// Creates or changes many cameras, in portions. Other commands run between the portions.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails. Portions that are already written stay. Repeat the import to write the
    /// rest.
    pub async fn import_cameras(
        &self,
        cameras: Vec<(String, CameraRequest)>,
        now: i64,
    ) -> Result<Imported, StoreError> {
        let dialect = self.store.dialect;
        let mut imported = Imported::default();
        let mut tally = Tally::new(self.entry_of_many("camera.import", "camera", now));
        let mut cameras = cameras.into_iter();
        loop {
            let portion: Vec<_> = cameras.by_ref().take(PORTION).collect();
            if portion.is_empty() {
                return Ok(imported);
            }
            let (so_far, area) = (tally, self.area().clone());
            let (of_portion, counted) = self
                .store
                .writer
                .run(move |connection| {
                    Box::pin(async move {
                        let existing = if area.is_all() { Existing::All } else { Existing::Known };
                        let (of_portion, changes) =
                            put(connection, dialect, &area, existing, &portion, now).await?;
                        Ok((of_portion, so_far.add(connection, changes).await?))
                    })
                })
                .await?;
            tally = counted;
            imported.created += of_portion.created;
            imported.updated += of_portion.updated;
        }
    }

    /// Removes a camera and its measurements. Its findings stay until they are pruned. Returns false if the camera did
    /// not exist.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Changed`] if the caller's condition does not hold, or another error if the database fails.
    pub async fn delete_camera(&self, id: String, now: i64) -> Result<bool, StoreError> {
        let entry = self.entry("camera.delete", "camera", &id, now);
        let (dialect, area) = (self.store.dialect, self.area().clone());
        let precondition = self.precondition.clone();
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    // The camera's row is locked first, as in every change of data that belongs to a camera.
                    let Some(version) = lock(connection, dialect, &area, &id).await? else {
                        return Ok(false);
                    };
                    let known = defined(connection, dialect, vec![id.clone()]).await?;
                    let known = known.into_values().find(|known| is_within(&area, known));
                    let Some(known) = known else { return Ok(false) };
                    precondition.check(version)?;
                    query("DELETE FROM camera_groups WHERE camera_id = $1")
                        .bind(&id)
                        .execute(&mut *connection)
                        .await?;
                    baselines::remove(connection, &id).await?;
                    words::remove(connection, &id).await?;
                    query("DELETE FROM measurements WHERE camera_id = $1")
                        .bind(&id)
                        .execute(&mut *connection)
                        .await?;
                    query("DELETE FROM cameras WHERE id = $1").bind(&id).execute(&mut *connection).await?;
                    entry.before(masked(known)).write(connection).await?;
                    Ok(true)
                })
            })
            .await
    }
}

impl Store {
    /// Returns a camera, or None if it does not exist in the area.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn camera(&self, area: &Area, id: &str) -> Result<Option<StoredCamera>, StoreError> {
        let select = Select::new(COLUMNS).and("id = ?", Some(id)).within(self.dialect, area, "id");
        let row = select.query().fetch_optional(&self.readers).await?;
        row.as_ref().map(|row| read(row, area)).transpose()
    }

    /// Returns the cameras with these ids that exist in the area, in no particular order.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn cameras_named(&self, area: &Area, ids: &[String]) -> Result<Vec<StoredCamera>, StoreError> {
        let mut named = Vec::new();
        for portion in ids.chunks(PORTION) {
            let among = self.dialect.among("id", "$1");
            let sql = format!("{COLUMNS} WHERE {among}{}", area.and(self.dialect, "id", "$2"));
            let rows = area.bound_to(query(sql).bind(portion)).fetch_all(&self.readers).await?;
            named.extend(rows.iter().map(|row| read(row, area)).collect::<Result<Vec<_>, _>>()?);
        }
        Ok(named)
    }

    /// Returns the ids that a caller with this area cannot give to a camera, because they belong, or belonged, to
    /// cameras that are not in the area.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn foreign_ids(&self, area: &Area, ids: &[String]) -> Result<HashSet<String>, StoreError> {
        let mut all = HashSet::new();
        for portion in ids.chunks(PORTION) {
            all.extend(foreign(&self.readers, self.dialect, area, portion.to_vec()).await?);
        }
        Ok(all)
    }

    /// Counts the cameras that give no picture.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn lost_cameras(&self) -> Result<u64, StoreError> {
        let sql = "SELECT COUNT(*) AS lost FROM cameras WHERE lost_since IS NOT NULL";
        count(&query(sql).fetch_one(&self.readers).await?, "lost")
    }

    /// Lists the groups of an area, by name: also those without a camera, if the area is limited.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn camera_groups(&self, area: &Area) -> Result<Vec<CameraGroup>, StoreError> {
        let sql = match area.is_all() {
            true => {
                "SELECT name, COUNT(*) AS cameras FROM camera_groups GROUP BY name ORDER BY name".to_owned()
            }
            false => format!(
                "SELECT name, COUNT(*) AS cameras FROM camera_groups WHERE {} GROUP BY name ORDER BY name",
                self.dialect.among("name", "$1")
            ),
        };
        let rows = area.bound_to(query(sql)).fetch_all(&self.readers).await?;
        let mut groups = BTreeMap::new();
        for row in &rows {
            groups.insert(text(row, "name")?, count(row, "cameras")?);
        }
        for name in area.groups().into_iter().flatten() {
            groups.entry(name.clone()).or_default();
        }
        Ok(groups.into_iter().map(|(name, cameras)| CameraGroup { name, cameras }).collect())
    }

    /// Returns the id and source of the enabled cameras that a task names, in the order of their ids, and the names of
    /// cameras and groups that do not exist. Nothing else about the cameras is read, because there may be very many
    /// cameras.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn cameras_of_task(
        &self,
        ids: &[String],
        groups: &[String],
    ) -> Result<(Vec<(String, String)>, Vec<String>), StoreError> {
        // The ids are collected first, because PostgreSQL would read all cameras for a condition with `OR`.
        let groups_are = self.dialect.among("name", "$2");
        let in_groups = format!("SELECT camera_id FROM camera_groups WHERE {groups_are}");
        let meant = match self.dialect {
            Dialect::Sqlite => format!("id IN (SELECT value FROM json_each($1) UNION {in_groups})"),
            Dialect::Postgres => {
                format!("id = ANY(ARRAY(SELECT unnest(CAST($1 AS text[])) UNION {in_groups}))")
            }
        };
        // The groups that have a camera are rows of the same result, because each statement costs time before the run
        // begins.
        let sql = format!(
            "SELECT id, source, enabled, CAST(NULL AS TEXT) AS filled FROM cameras WHERE {meant} \
             UNION ALL SELECT '', '', 0, name FROM camera_groups WHERE {groups_are} GROUP BY name ORDER BY id"
        );
        let rows = query(sql).bind(ids).bind(groups).fetch_all(&self.readers).await?;
        let mut unknown: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
        let mut filled = HashSet::new();
        let mut cameras = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Some(group) = maybe_text(row, "filled")? {
                filled.insert(group);
                continue;
            }
            let id = text(row, "id")?;
            unknown.remove(id.as_str());
            if row.try_get::<i64>("enabled")? != 0 {
                cameras.push((id, text(row, "source")?));
            }
        }
        let empty = groups.iter().filter(|group| !filled.contains(*group));
        let unknown = unknown.into_iter().map(|id| format!("camera `{id}`"));
        let missing = unknown.chain(empty.map(|group| format!("a camera in the group `{group}`"))).collect();
        Ok((cameras, missing))
    }
}

/// Locks a camera's row, and returns the version of its definition, or None if the camera does not exist in the area.
pub(crate) async fn lock(
    connection: &mut Connection,
    dialect: Dialect,
    area: &Area,
    id: &str,
) -> Result<Option<Version>, StoreError> {
    let within = area.and(dialect, "id", "$2");
    let sql =
        format!("SELECT created_at, updated_at FROM cameras WHERE id = $1{within}{}", dialect.to_change());
    let row = area.bound_to(query(sql).bind(id)).fetch_optional(connection).await?;
    row.as_ref().map(Version::read).transpose()
}

/// Which existing cameras [`put`] may overwrite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Existing {
    /// All.
    All,
    /// Those that this command has locked. If another master creates a camera with the same id at this moment, the
    /// camera is not overwritten, because the caller may not be allowed to change it.
    Known,
}

/// Writes cameras and overwrites those that exist. If two cameras have the same id, the last one counts.
async fn put(
    connection: &mut Connection,
    dialect: Dialect,
    area: &Area,
    existing: Existing,
    cameras: &[(String, CameraRequest)],
    now: i64,
) -> Result<(Imported, Vec<(String, Change)>), StoreError> {
    let ids: BTreeSet<&String> = cameras.iter().map(|(id, _)| id).collect();
    let known = defined(connection, dialect, ids.into_iter().cloned().collect()).await?;
    let cameras = confined(connection, dialect, area, &known, cameras).await?;
    let latest: BTreeMap<&str, &CameraRequest> =
        cameras.iter().map(|(id, camera)| (id.as_str(), camera)).collect();
    // If a source names another place, the data about the former place is removed, although the camera keeps its id.
    let is_moved = |(id, fields): &(&String, &Fields)| {
        let source = fields.get("source").and_then(Value::as_str).unwrap_or_default();
        latest.get(id.as_str()).is_some_and(|camera| !same_place(source, &camera.source))
    };
    let moved: Vec<String> = known.iter().filter(is_moved).map(|(id, _)| id.clone()).collect();
    if !moved.is_empty() {
        let sql = format!("DELETE FROM baselines WHERE {}", dialect.among("camera_id", "$1"));
        query(sql).bind(moved.clone()).execute(&mut *connection).await?;
        let sql = format!(
            "UPDATE cameras SET baselines_since = $1, good_picture = NULL, good_picture_at = NULL, health = NULL, \
             status = NULL, cause = NULL, status_since = NULL, evidence = NULL, checked_at = NULL, lost_since = NULL, lost_reason = NULL, lost_connects = NULL, \
             lost_looks = NULL, lost_looked_at = NULL, next_full_look_at = NULL WHERE {}",
            dialect.among("id", "$2")
        );
        query(sql).bind(now + 1).bind(moved).execute(&mut *connection).await?;
    }
    let mut groups: Vec<(&str, Vec<&String>)> = Vec::with_capacity(latest.len());
    for (id, camera) in &latest {
        let mut names: Vec<&String> = camera.groups.iter().collect();
        names.sort();
        names.dedup();
        groups.push((id, names));
    }
    let words = latest
        .iter()
        .map(|(id, one)| ((*id).to_owned(), words::of(id, &one.name, &one.source, &one.labels, &one.groups)));
    words::keep(connection, dialect, words.collect()).await?;
    let labels = |camera: &&CameraRequest| serde_json::to_string(&camera.labels);
    let labels = latest.values().map(labels).collect::<Result<Vec<_>, _>>()?;
    let names =
        groups.iter().map(|(_, names)| serde_json::to_string(names)).collect::<Result<Vec<_>, _>>()?;
    let rows = Rows::new()
        .texts("id", latest.keys().copied())
        .texts("name", latest.values().map(|camera| camera.name.as_str()))
        .texts("source", latest.values().map(|camera| camera.source.as_str()))
        .integers("enabled", latest.values().map(|camera| i64::from(camera.enabled)))
        .texts("labels", labels)
        .texts("group_names", names);
    // A lost camera is asked for a picture at once if its source (for example the password) or `enabled` has changed.
    let same = "cameras.source = excluded.source AND cameras.enabled = excluded.enabled";
    let written = match existing {
        Existing::All => String::new(),
        Existing::Known => format!(" WHERE {}", dialect.among("cameras.id", "$2")),
    };
    let updated_at = moved_on("cameras.updated_at", "excluded.updated_at");
    let sql = format!(
        "INSERT INTO cameras ({}, created_at, updated_at, baselines_since) SELECT {}, $1, $1, $1 FROM {} \
         WHERE 1 = 1 ORDER BY x.id ON CONFLICT (id) DO UPDATE SET name = excluded.name, source = excluded.source, \
         enabled = excluded.enabled, labels = excluded.labels, group_names = excluded.group_names, \
         updated_at = {updated_at}, \
         next_full_look_at = CASE WHEN {same} THEN cameras.next_full_look_at END, \
         lost_looks = CASE WHEN {same} THEN cameras.lost_looks WHEN cameras.lost_since IS NOT NULL THEN 0 END{written}",
        rows.names(""),
        rows.names("x."),
        rows.table(dialect, if existing == Existing::All { 2 } else { 3 }, "x")
    );
    let statement = query(sql).bind(now);
    let statement = match existing {
        Existing::All => statement,
        Existing::Known => statement.bind(list(known.keys())),
    };
    let put = statement.bind_rows(rows, dialect)?.execute(&mut *connection).await?;
    if put.rows_affected() < latest.len() as u64 {
        let detail = "another request created a camera with the same id at this moment; repeat the request";
        return Err(StoreError::Conflict(detail.into()));
    }
    let sql = format!("DELETE FROM camera_groups WHERE {}", dialect.among("camera_id", "$1"));
    query(sql).bind(list(latest.keys())).execute(&mut *connection).await?;
    let members: Vec<(&String, &str)> =
        groups.iter().flat_map(|(id, names)| names.iter().map(move |name| (*name, *id))).collect();
    if !members.is_empty() {
        let rows = Rows::new()
            .texts("name", members.iter().map(|(name, _)| name.as_str()))
            .texts("camera_id", members.iter().map(|(_, id)| *id));
        let sql = format!(
            "INSERT INTO camera_groups (name, camera_id) SELECT x.name, x.camera_id FROM {}",
            rows.table(dialect, 1, "x")
        );
        query(sql).bind_rows(rows, dialect)?.execute(connection).await?;
    }
    let created = latest.len().saturating_sub(known.len()) as u64;
    let changes =
        latest.iter().map(|(id, camera)| ((*id).to_owned(), change(known.get(*id), fields_of(camera))));
    Ok((Imported { created, updated: cameras.len() as u64 - created }, changes.collect()))
}

/// Reads a camera as a caller with this area sees it.
pub(crate) fn read(row: &Row, area: &Area) -> Result<StoredCamera, StoreError> {
    let source = text(row, "source")?;
    let lost = lost::read(row)?;
    let since = maybe_time(row, "status_since")?;
    let mut camera = Camera {
        id: text(row, "id")?,
        name: text(row, "name")?,
        source: masked_source(&source),
        enabled: row.try_get::<i64>("enabled")? != 0,
        labels: json(row, "labels")?,
        groups: json(row, "group_names")?,
        created_at: time_of(row, "created_at")?,
        updated_at: time_of(row, "updated_at")?,
        status: maybe_text(row, "status")?.as_deref().and_then(Status::of_word),
        checked_at: maybe_time(row, "checked_at")?,
        cause: maybe_text(row, "cause")?,
        since: lost.as_ref().map(|lost| lost.since).or(since),
        evidence: maybe_json(row, "evidence")?,
        last_good_picture: pictures::read(row)?,
        lost,
    };
    area.hide(&mut camera);
    Ok(StoredCamera { camera, source })
}
