//! How commands change the definitions of cameras, for the audit log.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashSet},
};

use easysight_protocol::{CameraRequest, masked_source};
use serde_json::{Value, json};

use crate::{
    Area, Dialect, StoreError,
    area::outside,
    audit::{Entry, Fields, difference, fields},
    db::{Connection, Rows, Target, query},
    query::{json as read_json, text},
};

/// How a command has changed a camera. The fields have no secrets.
pub(crate) enum Change {
    /// The camera is new.
    Created(Fields),
    /// These fields were different before, and are different now.
    Updated(Fields, Fields),
    /// Nothing differs.
    Same,
}

/// Locks cameras, and returns the fields by which people define them. The sources have their secrets.
pub(super) async fn defined(
    connection: &mut Connection,
    dialect: Dialect,
    ids: Vec<String>,
) -> Result<BTreeMap<String, Fields>, StoreError> {
    let sql = format!(
        "SELECT id, name, source, enabled, labels, group_names FROM cameras WHERE {} ORDER BY id{}",
        dialect.among("id", "$1"),
        dialect.to_change()
    );
    let rows = query(sql).bind(ids).fetch_all(connection).await?;
    let read = |row| {
        let camera = CameraRequest {
            id: None,
            name: text(row, "name")?,
            source: text(row, "source")?,
            enabled: row.try_get::<i64>("enabled")? != 0,
            labels: read_json(row, "labels")?,
            groups: read_json(row, "group_names")?,
        };
        Ok((text(row, "id")?, fields_of(&camera)))
    };
    rows.iter().map(read).collect()
}

/// Returns the groups of a defined camera.
fn groups_of(fields: &Fields) -> Vec<String> {
    let groups = fields.get("groups").and_then(Value::as_array);
    groups.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Returns true if a defined camera is in the area.
pub(super) fn is_within(area: &Area, fields: &Fields) -> bool {
    area.is_all() || area.has(&groups_of(fields))
}

/// Checks that a caller with this area may write these cameras, of which `known` exist. Groups outside of the area,
/// which the caller does not see, are added, so that the cameras stay in them.
///
/// # Errors
///
/// Returns [`StoreError::Outside`] if a camera would leave the area or enter a group outside of it, and
/// [`StoreError::Conflict`] for an id that belongs, or belonged, to a camera outside of the area.
pub(super) async fn confined<'a>(
    connection: &mut Connection,
    dialect: Dialect,
    area: &Area,
    known: &BTreeMap<String, Fields>,
    cameras: &'a [(String, CameraRequest)],
) -> Result<Cow<'a, [(String, CameraRequest)]>, StoreError> {
    let Some(own) = area.groups() else { return Ok(Cow::Borrowed(cameras)) };
    let ids = cameras.iter().map(|(id, _)| id.clone()).collect();
    let foreign = foreign(connection, dialect, area, ids).await?;
    let mut confined = Vec::with_capacity(cameras.len());
    for (id, camera) in cameras {
        if let Some(at) = camera.groups.iter().position(|group| !own.contains(group)) {
            return Err(outside(format!("/groups/{at}"), "this group is not in your area"));
        }
        if camera.groups.is_empty() {
            let own = own.iter().map(|group| format!("`{group}`")).collect::<Vec<_>>().join(", ");
            let detail = format!("the camera must be in at least one group of your area: {own}");
            return Err(outside("/groups".to_owned(), &detail));
        }
        if foreign.contains(id) {
            return Err(StoreError::taken("camera", id));
        }
        let mut camera = camera.clone();
        let hidden = known.get(id).map(groups_of).unwrap_or_default();
        camera.groups.extend(hidden.into_iter().filter(|group| !own.contains(group)));
        confined.push((id.clone(), camera));
    }
    Ok(Cow::Owned(confined))
}

/// Returns the ids that callers with this area cannot use: ids of cameras outside of the area, and ids of removed
/// cameras of which findings are left. A caller who used such an id again would see these findings.
pub(super) async fn foreign(
    target: impl Target,
    dialect: Dialect,
    area: &Area,
    ids: Vec<String>,
) -> Result<HashSet<String>, StoreError> {
    let Some(groups) = area.value().filter(|_| !ids.is_empty()) else { return Ok(HashSet::new()) };
    let rows = Rows::new().texts("id", ids);
    let sql = format!(
        "SELECT x.id AS id FROM {} WHERE EXISTS (SELECT 1 FROM cameras WHERE cameras.id = x.id AND NOT (1 = 1{})) \
         OR (NOT EXISTS (SELECT 1 FROM cameras WHERE cameras.id = x.id) \
         AND EXISTS (SELECT 1 FROM reports WHERE reports.camera_id = x.id))",
        rows.table(dialect, 2, "x"),
        area.and(dialect, "cameras.id", "$1")
    );
    let rows = query(sql).bind(groups).bind_rows(rows, dialect)?.fetch_all(target).await?;
    rows.iter().map(|row| text(row, "id")).collect()
}

/// Returns the fields by which people define a camera. The source has its secrets.
pub(super) fn fields_of(camera: &CameraRequest) -> Fields {
    let groups: BTreeSet<&String> = camera.groups.iter().collect();
    fields([
        ("name", json!(camera.name)),
        ("source", json!(camera.source)),
        ("enabled", json!(camera.enabled)),
        ("labels", json!(camera.labels)),
        ("groups", json!(groups)),
    ])
}

/// Returns how a camera has changed, without secrets.
pub(super) fn change(before: Option<&Fields>, after: Fields) -> Change {
    let Some(before) = before else { return Change::Created(masked(after)) };
    let Some((before, after)) = difference(before, &after) else { return Change::Same };
    let (before, mut after) = (masked(before), masked(after));
    // If only a password differs, the masked sources are equal.
    if before.get("source").is_some_and(|source| after.get("source") == Some(source)) {
        after.insert("secrets".to_owned(), json!("changed"));
    }
    Change::Updated(before, after)
}

/// Masks the secrets of the source.
pub(super) fn masked(mut fields: Fields) -> Fields {
    if let Some(Value::String(source)) = fields.get_mut("source") {
        *source = masked_source(source);
    }
    fields
}

/// Writes the entry of a command that changes one camera. An update that changes nothing has no entry.
pub(super) async fn note(
    connection: &mut Connection,
    entry: &Entry,
    changes: Vec<(String, Change)>,
) -> Result<(), StoreError> {
    for (_, change) in changes {
        let entry = match change {
            Change::Created(after) => entry.clone().after(after),
            Change::Updated(before, after) => entry.clone().before(before).after(after),
            Change::Same => continue,
        };
        entry.write(connection).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera(source: &str) -> Fields {
        let (labels, groups) = (Default::default(), vec!["hall".to_owned()]);
        let (id, name, source) = (None, "Gate".to_owned(), source.to_owned());
        fields_of(&CameraRequest { id, name, source, enabled: true, labels, groups })
    }

    #[test]
    fn another_password_is_a_change_that_shows_no_password() {
        let old = camera("rtsp://user:first@camera/live");
        let Change::Updated(before, after) = change(Some(&old), camera("rtsp://user:second@camera/live"))
        else {
            panic!("the change is not seen");
        };
        assert_eq!(before, fields([("source", json!("rtsp://***@camera/live"))]));
        assert_eq!(after["secrets"], "changed");
        assert!(matches!(change(Some(&old), old.clone()), Change::Same));
        let Change::Created(new) = change(None, old) else { panic!("the camera is not new") };
        assert!(!format!("{before:?}{after:?}{new:?}").contains("first"), "{new:?}");
    }
}
