//! Areas: the cameras that a caller may see and change. Every query that reads cameras, or data about cameras, takes
//! the caller's area as a parameter, so that none can forget it. The area of a caller without a limit adds nothing to
//! the SQL.
//!
//! A camera is in an area if one of its groups is. Its other groups stay hidden.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use easysight_protocol::{Camera, RunId, TaskRequest};

use crate::{
    Dialect, StoreError,
    db::{Query, Target, Value, query},
    query::{Select, text},
    reports::list,
};

/// The cameras that a caller may see and change: all, or those of some groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area(Option<Arc<Limit>>);

#[derive(Debug, PartialEq, Eq)]
struct Limit {
    /// The id of the user. Submissions have no camera: their submitters see them.
    user: String,
    groups: BTreeSet<String>,
}

impl Area {
    /// All cameras.
    pub const ALL: Self = Self(None);

    /// The area of a user: the cameras of these groups, or all cameras.
    #[must_use]
    pub fn of(user: &str, groups: Option<&[String]>) -> Self {
        let limit =
            |groups: &[String]| Limit { user: user.to_owned(), groups: groups.iter().cloned().collect() };
        Self(groups.map(|groups| Arc::new(limit(groups))))
    }

    /// Returns true if the area has all cameras.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the groups, or None if the area has all cameras.
    #[must_use]
    pub fn groups(&self) -> Option<&BTreeSet<String>> {
        self.0.as_ref().map(|limit| &limit.groups)
    }

    /// Returns true if the cameras of this group are in the area.
    #[must_use]
    pub fn has_group(&self, group: &str) -> bool {
        self.groups().is_none_or(|groups| groups.contains(group))
    }

    /// Returns true if a camera with these groups is in the area.
    pub(crate) fn has(&self, groups: &[String]) -> bool {
        self.is_all() || groups.iter().any(|group| self.has_group(group))
    }

    /// Returns the user to whom the area is limited.
    pub(crate) fn user(&self) -> Option<&str> {
        self.0.as_ref().map(|limit| limit.user.as_str())
    }

    /// Returns the condition that the camera whose id is in `column` is in the area, after ` AND `. `parameter` stands
    /// for the value that [`Self::bound_to`] adds.
    pub(crate) fn and(&self, dialect: Dialect, column: &str, parameter: &str) -> String {
        match self.is_all() {
            true => String::new(),
            false => format!(" AND {}", within(dialect, column, parameter)),
        }
    }

    /// Adds the value of the condition to a statement.
    pub(crate) fn bound_to(&self, query: Query) -> Query {
        match self.value() {
            Some(groups) => query.bind(groups),
            None => query,
        }
    }

    /// Returns the groups as a value, or None if the area has all cameras.
    pub(crate) fn value(&self) -> Option<Value> {
        self.groups().map(list)
    }

    /// Hides the groups of a camera that are not in the area.
    pub(crate) fn hide(&self, camera: &mut Camera) {
        if !self.is_all() {
            camera.groups.retain(|group| self.has_group(group));
        }
    }

    /// Returns the cameras that are in the area.
    pub(crate) async fn among(
        &self,
        target: impl Target,
        dialect: Dialect,
        cameras: Vec<String>,
    ) -> Result<HashSet<String>, StoreError> {
        if self.is_all() || cameras.is_empty() {
            return Ok(cameras.into_iter().collect());
        }
        let sql = format!(
            "SELECT DISTINCT camera_id FROM camera_groups WHERE {}{}",
            dialect.among("camera_id", "$1"),
            self.and_group(dialect, "$2")
        );
        let rows = self.bound_to(query(sql).bind(cameras)).fetch_all(target).await?;
        rows.iter().map(|row| text(row, "camera_id")).collect()
    }

    /// Returns true if the groups of the area have more members than `most`. A camera in two groups counts twice.
    pub(crate) async fn has_more_than(
        &self,
        target: impl Target,
        dialect: Dialect,
        most: i64,
    ) -> Result<bool, StoreError> {
        let Some(groups) = self.value() else { return Ok(true) };
        let sql = format!(
            "SELECT COUNT(*) AS members FROM (SELECT camera_id FROM camera_groups WHERE {} LIMIT $2) AS first_ones",
            dialect.among("name", "$1")
        );
        let row = query(sql).bind(groups).bind(most + 1).fetch_one(target).await?;
        Ok(row.try_get::<i64>("members")? > most)
    }

    /// Returns the condition that the column `name` of `camera_groups` is a group of the area, after ` AND `.
    pub(crate) fn and_group(&self, dialect: Dialect, parameter: &str) -> String {
        match self.is_all() {
            true => String::new(),
            false => format!(" AND {}", dialect.among("name", parameter)),
        }
    }

    /// Checks that all cameras of a new definition are in the area: it names groups of the area only, and cameras that
    /// are in the area now. Names that `before` has already are not checked.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Outside`] for the first name that is not in the area, whether it exists or not.
    pub(crate) async fn must_cover(
        &self,
        target: impl Target,
        dialect: Dialect,
        definition: &TaskRequest,
        before: Option<&TaskRequest>,
    ) -> Result<(), StoreError> {
        if self.is_all() {
            return Ok(());
        }
        let is_kept = |names: fn(&TaskRequest) -> &Vec<String>, name: &String| {
            before.is_some_and(|before| names(before).contains(name))
        };
        let leads_out = |group: &String| !self.has_group(group) && !is_kept(|task| &task.groups, group);
        if let Some(at) = definition.groups.iter().position(leads_out) {
            return Err(outside(format!("/groups/{at}"), "this group is not in your area"));
        }
        let within = self.among(target, dialect, definition.cameras.clone()).await?;
        let leads_out = |camera: &String| !within.contains(camera) && !is_kept(|task| &task.cameras, camera);
        match definition.cameras.iter().position(leads_out) {
            Some(at) => Err(outside(format!("/cameras/{at}"), "there is no such camera in your area")),
            None => Ok(()),
        }
    }

    /// Checks that a caller who sees something of a task or run may also change it: it names no group outside of the
    /// area, and no camera that is outside of the area now. Cameras that were removed do not count.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Outside`] if the task or run also concerns cameras that are not in the area.
    pub(crate) async fn must_own(
        &self,
        target: impl Target,
        dialect: Dialect,
        definition: &TaskRequest,
        what: &str,
    ) -> Result<(), StoreError> {
        let Some(groups) = self.value() else { return Ok(()) };
        let leads_out = !definition.groups.iter().all(|group| self.has_group(group)) || {
            let sql = format!(
                "SELECT id FROM cameras WHERE {} AND NOT ({}) LIMIT 1",
                dialect.among("id", "$1"),
                within(dialect, "id", "$2")
            );
            let others = query(sql).bind(definition.cameras.clone()).bind(groups);
            others.fetch_optional(target).await?.is_some()
        };
        if leads_out {
            let detail = format!(
                "the {what} also checks cameras that are not in your area, so you may see its part of your area, but \
                 not change or start it"
            );
            return Err(outside(String::new(), &detail));
        }
        Ok(())
    }

    /// Returns the condition that a definition names a group or a camera of the area, after ` AND `. `column` has the
    /// definition as JSON, and `parameter` stands for the value that [`Self::bound_to`] adds.
    pub(crate) fn and_named(&self, dialect: Dialect, column: &str, parameter: &str) -> String {
        match self.is_all() {
            true => String::new(),
            false => format!(" AND {}", named(dialect, column, parameter)),
        }
    }
}

impl Select {
    /// Adds the condition that the camera whose id is in `column` is in the area.
    pub(crate) fn within(self, dialect: Dialect, area: &Area, column: &str) -> Self {
        match area.value() {
            Some(groups) => self.and_value(&within(dialect, column, "?"), groups),
            None => self,
        }
    }

    /// Adds the condition that the definition in `column` names a group or a camera of the area.
    pub(crate) fn naming(self, dialect: Dialect, area: &Area, column: &str) -> Self {
        match area.value() {
            Some(groups) => self.and_value(&named(dialect, column, "?"), groups),
            None => self,
        }
    }
}

/// The error for a change that would touch, or lead, outside of an area.
pub(crate) fn outside(field: String, detail: &str) -> StoreError {
    StoreError::Outside { field, detail: detail.into() }
}

fn within(dialect: Dialect, column: &str, parameter: &str) -> String {
    format!(
        "{column} IN (SELECT camera_id FROM camera_groups WHERE {})",
        dialect.among("camera_groups.name", parameter)
    )
}

fn named(dialect: Dialect, column: &str, parameter: &str) -> String {
    let items = |field: &str| match dialect {
        Dialect::Sqlite => format!("json_each({column}, '$.{field}') AS named"),
        // PostgreSQL refuses JSON with the character U+0000, which a task's settings may contain. Names cannot contain
        // it.
        Dialect::Postgres => format!(
            "jsonb_array_elements_text(COALESCE(CAST(replace({column}, '\\u0000', '\\u0020') AS jsonb) -> '{field}', CAST('[]' AS jsonb))) AS named(value)"
        ),
    };
    format!(
        "(EXISTS (SELECT 1 FROM {} WHERE {}) OR EXISTS (SELECT 1 FROM {} JOIN camera_groups \
         ON camera_groups.camera_id = named.value WHERE {}))",
        items("groups"),
        dialect.among("named.value", parameter),
        items("cameras"),
        dialect.among("camera_groups.name", parameter)
    )
}

/// The definition of a task as a caller with an area sees it: reduced to what is in the area.
pub(crate) struct Part {
    pub(crate) definition: TaskRequest,
    /// True if nothing was left out.
    pub(crate) is_whole: bool,
}

impl Area {
    /// Reduces definitions to the groups and cameras of the area.
    pub(crate) async fn parts_of(
        &self,
        target: impl Target,
        dialect: Dialect,
        definitions: Vec<TaskRequest>,
    ) -> Result<Vec<Part>, StoreError> {
        if self.is_all() {
            let whole = |definition| Part { definition, is_whole: true };
            return Ok(definitions.into_iter().map(whole).collect());
        }
        let named: BTreeSet<String> =
            definitions.iter().flat_map(|one| one.cameras.iter().cloned()).collect();
        let within = self.among(target, dialect, named.into_iter().collect()).await?;
        let part = |mut definition: TaskRequest| {
            let before = definition.groups.len() + definition.cameras.len();
            definition.groups.retain(|group| self.has_group(group));
            definition.cameras.retain(|camera| within.contains(camera));
            let is_whole = before == definition.groups.len() + definition.cameras.len();
            Part { definition, is_whole }
        };
        Ok(definitions.into_iter().map(part).collect())
    }
}

impl crate::Store {
    /// Returns the cameras that are in an area.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn cameras_within(
        &self,
        area: &Area,
        cameras: Vec<String>,
    ) -> Result<HashSet<String>, StoreError> {
        area.among(&self.readers, self.dialect, cameras).await
    }

    /// Returns the runs of which at least a part is in an area.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn runs_within(&self, area: &Area, runs: Vec<RunId>) -> Result<HashSet<RunId>, StoreError> {
        if area.is_all() || runs.is_empty() {
            return Ok(runs.into_iter().collect());
        }
        let sql = format!(
            "SELECT id FROM runs WHERE {} AND task_id IS NOT NULL{}",
            self.dialect.among("id", "$1"),
            area.and_named(self.dialect, "definition", "$2")
        );
        let rows = area.bound_to(query(sql).bind(list(runs))).fetch_all(&self.readers).await?;
        rows.iter().map(|row| crate::query::parsed(row, "id")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_area_has_its_groups_and_nothing_else() {
        let area = Area::of("ada", Some(&["hall".to_owned(), "north".to_owned()]));
        let groups = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert!(area.has(&groups(&["south", "hall"])) && !area.has(&groups(&["south"])) && !area.has(&[]));
        assert!(!Area::of("ada", Some(&[])).has(&groups(&["hall"])));
        assert!(Area::of("ada", None) == Area::ALL && Area::ALL.has(&[]));
        assert_ne!(area, Area::of("ada", Some(&groups(&["hall"]))));
    }

    #[test]
    fn without_a_limit_nothing_is_added_to_a_statement() {
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            assert_eq!(Area::ALL.and(dialect, "id", "$1"), "");
            assert_eq!(Area::ALL.and_named(dialect, "definition", "$1"), "");
            assert_eq!(Area::ALL.and_group(dialect, "$1"), "");
        }
    }
}
