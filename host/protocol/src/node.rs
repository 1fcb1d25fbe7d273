//! What a node (a worker process) says of itself.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::SubmissionId;

/// How a node gets its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeMode {
    /// Leases jobs from a master.
    Distributed,
    /// Takes submissions over its own HTTP API.
    Standalone,
}

/// Whether a node takes work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// Takes work.
    Online,
    /// Has not been heard of.
    Offline,
    /// Finishes what it has and takes nothing new.
    Draining,
}

/// The executors of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PoolStatus {
    /// Executors: plugins that run at the same time.
    pub size: u32,
    /// Jobs in flight an executor; while one computes, others capture.
    pub max_concurrent_tasks: u32,
    /// Jobs in flight at the most: the product of the two.
    pub capacity: u32,
    /// Jobs in flight now.
    pub running: u32,
    /// Jobs that wait for a place.
    pub queued: u32,
    /// Jobs that may wait before new ones are refused.
    pub queue_capacity: u32,
}

/// Counted since the process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// Jobs accepted.
    pub accepted: u64,
    /// Jobs that ended with findings.
    pub finished: u64,
    /// Jobs that ended without.
    pub failed: u64,
    /// Jobs refused since the queue was full.
    pub refused: u64,
}

/// The machine that the node runs on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SystemInfo {
    /// Host name.
    pub hostname: String,
    /// Operating system and version.
    pub os: String,
    /// Processor architecture, such as `x86_64`.
    pub arch: String,
    /// Logical processors that the node may use.
    pub cpus: u32,
    /// Physical memory.
    pub memory_total_bytes: u64,
    /// Of which in use, by all programs.
    pub memory_used_bytes: u64,
    /// Resident memory of the node itself.
    pub process_memory_bytes: u64,
}

/// A plugin that a node has at hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginSummary {
    /// blake3 digest, 64 hexadecimal digits.
    pub digest: String,
    /// Its name.
    pub name: String,
    /// Its semantic version.
    pub version: String,
    /// Ids of the diagnoses that it implements.
    pub diagnoses: Vec<String>,
}

/// The answer of `GET /api/v1/diagnosis/workers/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NodeStatus {
    /// Identity across restarts.
    pub id: String,
    /// For people.
    pub name: String,
    /// How it gets its work.
    pub mode: NodeMode,
    /// Whether it takes work.
    pub status: NodeState,
    /// Version of the program.
    pub version: String,
    /// When the process started.
    pub started_at: DateTime<Utc>,
    /// Its executors.
    pub pool: PoolStatus,
    /// What runs now.
    pub current_tasks: Vec<SubmissionId>,
    /// Counts since the start.
    pub totals: Totals,
    /// The machine.
    pub system: SystemInfo,
    /// Names the prices by which fuel is counted; fuel is comparable where it is the same.
    pub fuel_prices: String,
    /// The plugins at hand.
    pub plugins: Vec<PluginSummary>,
}

/// The answer of `GET /api/v1/diagnosis/workers/status` on a master: it runs no jobs, so its pool is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MasterStatus {
    /// Identity of this process; another one after a restart.
    pub id: String,
    /// Version of the program.
    pub version: String,
    /// When the process started.
    pub started_at: DateTime<Utc>,
    /// An empty pool.
    pub pool: PoolStatus,
    /// Always empty.
    pub current_tasks: Vec<SubmissionId>,
    /// Path of the list of nodes.
    pub distributed: String,
}
