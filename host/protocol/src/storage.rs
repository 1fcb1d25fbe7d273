//! What a master stores, how much space that takes, and how long it is kept.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a master stores and how long it keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StorageStatus {
    /// The database.
    pub database: DatabaseStorage,
    /// The size of all evidence pictures and good pictures, in bytes.
    pub picture_bytes: u64,
    /// The size of all plugins, in bytes.
    pub plugin_bytes: u64,
    /// The file system that holds pictures, plugins and uploads. Absent if its size cannot be read; the master's log
    /// says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskStorage>,
    /// What is removed, and when.
    pub retention: StorageRetention,
}

/// The size of the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatabaseStorage {
    /// `SQLite` or `PostgreSQL`.
    pub engine: String,
    /// The size of the whole database on disk, in bytes. Space of removed rows is part of it until the database uses it
    /// again.
    pub bytes: u64,
    /// The number of findings. With very many findings on PostgreSQL, this is an estimate.
    pub findings: u64,
    /// The largest tables with their indexes, largest first. Only on PostgreSQL.
    pub tables: Vec<TableStorage>,
}

/// The size of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TableStorage {
    /// The table's name.
    pub name: String,
    /// The size of the table and its indexes, in bytes.
    pub bytes: u64,
}

/// The size of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DiskStorage {
    /// The space that the master may still use, in bytes.
    pub free_bytes: u64,
    /// The size of the file system, in bytes.
    pub total_bytes: u64,
}

/// What is removed, and when. These are the settings of the master.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StorageRetention {
    /// Findings and ended runs are removed after this many days.
    pub finding_days: u64,
    /// The oldest findings are removed if there are more than this.
    pub max_findings: u64,
    /// Measurements are removed after this many days.
    pub measurement_days: u64,
    /// Entries of the audit log are removed after this many days.
    pub audit_days: u64,
    /// The oldest pictures are removed if all pictures together are larger than this, in bytes.
    pub max_picture_bytes: u64,
}
