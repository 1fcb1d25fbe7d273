//! How commands change the definitions of cameras, for the audit log.

use std::collections::{BTreeMap, BTreeSet};

use easysight_protocol::{CameraRequest, masked_source};
use serde_json::{Value, json};

use crate::{
    Dialect, StoreError,
    audit::{Entry, Fields, difference, fields},
    db::{Connection, query},
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
