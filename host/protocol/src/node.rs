//! Nodes (worker processes) and their state.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::SubmissionId;

/// How a node gets work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeMode {
    /// Leases jobs from a master.
    Distributed,
    /// Accepts submissions over the node's own HTTP API.
    Standalone,
}

/// Whether a node accepts work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// The node accepts work.
    Online,
    /// The master has not heard from the node for longer than a lease.
    Offline,
    /// The node finishes its jobs and accepts no new ones.
    Draining,
}

/// The executors of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PoolStatus {
    /// The number of executors. Each executor runs one plugin at a time.
    pub size: u32,
    /// The maximum number of jobs in flight for each executor: while one job computes, others capture.
    pub max_concurrent_tasks: u32,
    /// The maximum number of jobs in flight: `size` times `max_concurrent_tasks`.
    pub capacity: u32,
    /// The number of jobs in flight now.
    pub running: u32,
    /// The number of captures that wait for data from their cameras. Such a capture does not count as a job in flight
    /// until there is something to decode.
    #[serde(default)]
    pub waiting: u32,
    /// The number of jobs that wait to start.
    pub queued: u32,
    /// The maximum number of jobs that may wait. The node refuses further ones.
    pub queue_capacity: u32,
}

/// Counts since the process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// The number of accepted jobs.
    pub accepted: u64,
    /// The number of jobs that ended with findings.
    pub finished: u64,
    /// The number of jobs that ended without findings.
    pub failed: u64,
    /// The number of jobs refused because the queue was full.
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
    /// Physical memory, in bytes.
    pub memory_total_bytes: u64,
    /// Memory in use by all programs, in bytes.
    pub memory_used_bytes: u64,
    /// Resident memory of the node's process, in bytes.
    pub process_memory_bytes: u64,
}

/// A plugin that a node has loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginSummary {
    /// blake3 digest, 64 hexadecimal digits.
    pub digest: String,
    /// The plugin's name.
    pub name: String,
    /// The plugin's semantic version.
    pub version: String,
    /// Ids of the diagnoses that the plugin implements.
    pub diagnoses: Vec<String>,
}

/// The answer of `GET /api/v1/diagnosis/workers/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NodeStatus {
    /// The node's id, the same after a restart.
    pub id: String,
    /// The node's name, for people.
    pub name: String,
    /// How the node gets work.
    pub mode: NodeMode,
    /// Whether the node accepts work.
    pub status: NodeState,
    /// Version of the program.
    pub version: String,
    /// When the process started.
    pub started_at: DateTime<Utc>,
    /// The node's executors.
    pub pool: PoolStatus,
    /// Ids of the submissions or jobs that run now.
    pub current_tasks: Vec<SubmissionId>,
    /// Counts since the start.
    pub totals: Totals,
    /// The machine.
    pub system: SystemInfo,
    /// A hash of the fuel prices, such as the fuel for an instruction or for a call of the host. The fuel counts of two
    /// nodes are comparable if both nodes have the same hash.
    pub fuel_prices: String,
    /// The plugins that the node has loaded.
    pub plugins: Vec<PluginSummary>,
}

/// The answer of `GET /api/v1/diagnosis/workers/status` on a master: it runs no jobs, so its pool is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MasterStatus {
    /// The id of this process; a new one after a restart.
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
