//! Importing a list of cameras.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The answer of `POST /api/v1/diagnosis/cameras/import`: what the import changed or, in a dry run, would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportAnswer {
    /// True if this was a dry run: nothing was written.
    pub dry_run: bool,
    /// The number of new cameras.
    pub created: u64,
    /// The number of existing cameras that the list changed.
    pub updated: u64,
    /// The number of refused lines. The other lines were accepted.
    pub refused: u64,
    /// What is wrong with the first 1000 refused lines.
    pub problems: Vec<LineProblem>,
    /// The encoding of the file: `UTF-8`, `UTF-16LE`, `UTF-16BE` or `gb18030`.
    pub encoding: String,
    /// The character between two columns.
    #[schema(value_type = String, min_length = 1, max_length = 1)]
    pub separator: char,
    /// What would be done with the first 1000 lines that are not refused; absent unless `dry_run` is true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<PlannedLine>,
}

/// A line that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineProblem {
    /// The line's number, counted from 1, including the header.
    pub line: u64,
    /// What is wrong with the line, as a code for programs: `id-invalid`, `id-taken`, `name-missing`, `name-too-long`,
    /// `name-invalid`, `source-missing`, `source-too-long`, `source-invalid`, `source-reserved`, `source-scheme`,
    /// `source-not-encoded`, `source-masked`, `source-secret`, `group-invalid`, `group-outside`, `group-missing`,
    /// `groups-too-many`, `label-form`, `label-key`, `label-value`, `labels-too-many`, `enabled-invalid`. Other codes may
    /// follow.
    #[serde(default)]
    pub code: String,
    /// The values of the code: `most`, the largest number of characters or items; `at`, the number of the label, counted
    /// from 1; `key`, the label's key; `group`, the group.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub values: BTreeMap<String, Value>,
    /// What is wrong with the line, in English.
    pub detail: String,
}

/// What would be done with a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedLine {
    /// The line's number, counted from 1, including the header.
    pub line: u64,
    /// What would be done with the camera.
    pub action: ImportAction,
    /// The camera's id; absent if the master would generate one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The camera's name.
    pub name: String,
    /// The camera's source, with its secrets masked.
    pub source: String,
    /// A note that the camera's stored secrets, which are masked in the line, would be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What an import does with a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportAction {
    /// The camera is new.
    Create,
    /// The camera exists, and the list changes it.
    Update,
    /// The camera exists, and the list does not change it.
    Keep,
}
