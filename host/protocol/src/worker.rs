//! The protocol between a distributed worker and its master. The worker opens all connections. Leases follow the
//! master's clock only.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    Baseline, Failure, Finding, Incarnation, JobId, Labels, LeaseToken, Lost, NodeState, PluginSummary,
    RunId, SystemInfo, Totals,
    schema::{Id, LabelMap, Name},
};

/// The registration of a node. The body of `POST /api/v1/diagnosis/workers/register`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RegisterRequest {
    /// The node's id, the same after a restart.
    #[schema(value_type = Id)]
    pub id: String,
    /// The node's name, for people.
    #[schema(value_type = Name)]
    pub name: String,
    /// The id of this process.
    pub incarnation: Incarnation,
    /// The id of the node's previous process, if it is certain that the previous process has ended. The previous
    /// process's jobs are queued again at once.
    #[serde(default)]
    pub replaces: Option<Incarnation>,
    /// Labels for routing.
    #[serde(default)]
    #[schema(value_type = LabelMap)]
    pub labels: Labels,
    /// Number of executors.
    pub pool_size: u32,
    /// The maximum number of jobs in flight.
    pub capacity: u32,
    /// Version of the program.
    pub version: String,
    /// The machine.
    pub system: SystemInfo,
    /// The node's time. The master computes the offset of the node's clock from it.
    pub clock: DateTime<Utc>,
}

/// The answer to a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegisterAnswer {
    /// The time after which a lease expires without a heartbeat, in milliseconds.
    pub lease_ms: u64,
}

/// A job that a node holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct HeldJob {
    /// The job.
    pub job_id: JobId,
    /// The attempt that the node works on.
    pub attempt: u32,
}

/// A heartbeat of a node. The body of `POST /api/v1/diagnosis/workers/{node_id}/heartbeat`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HeartbeatRequest {
    /// The id of this process.
    pub incarnation: Incarnation,
    /// The number of the last long poll whose answer the node received or no longer waits for. If the master leased a
    /// job in this poll or an earlier one and `held` does not list the job, the job was lost in transit and is queued
    /// again.
    pub last_poll: u64,
    /// All jobs that the node holds. The master renews the leases of these jobs.
    pub held: Vec<HeldJob>,
    /// True if the node finishes its jobs and accepts no new ones.
    #[serde(default)]
    pub draining: bool,
    /// The state of the machine, if the node has read it again.
    #[serde(default)]
    pub system: Option<SystemInfo>,
    /// The plugins that the node has loaded, if they have changed since it last reported them. The master stores the
    /// first 256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugins: Option<Vec<PluginSummary>>,
    /// Counts since the process started.
    #[serde(default)]
    pub totals: Totals,
    /// The node's time. The master computes the offset of the node's clock from it.
    pub clock: DateTime<Utc>,
}

/// The answer to a heartbeat.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeartbeatAnswer {
    /// The time after which a lease expires without a heartbeat, in milliseconds.
    pub lease_ms: u64,
    /// Held jobs that were cancelled or leased to another node. The node stops these jobs.
    pub revoked: Vec<JobId>,
}

/// A long poll. The body of `POST /api/v1/diagnosis/workers/{node_id}/leases`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeaseRequest {
    /// The id of this process.
    pub incarnation: Incarnation,
    /// The number of this poll, counted from 1 for each process.
    pub poll: u64,
    /// The maximum number of jobs to lease, 1 to 1000.
    #[schema(minimum = 1, maximum = 1_000)]
    pub max_jobs: u32,
    /// Milliseconds to wait for the first job. Values above 60000 count as 60000.
    pub wait_ms: u64,
}

/// One plugin of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlannedPlugin {
    /// blake3 digest of the component.
    pub digest: String,
    /// Name and version, for people: `brightness@1.0.0`.
    pub name: String,
    /// Ids of the diagnoses to run.
    pub diagnoses: Vec<String>,
    /// The plugin's configuration. For an active plugin, the master checked it against the plugin's schema.
    pub config: Value,
}

/// What a node does with each camera of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobPlan {
    /// The plugins that run on the clip.
    pub plugins: Vec<PlannedPlugin>,
    /// Candidates that run on the same clip after the plugins. Their findings are stored separately. They get the
    /// task's configuration, which was not checked against their schemas.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shadows: Vec<PlannedPlugin>,
    /// How many checks of a healthy camera include one full check: with 4, one of four checks is full, and the others
    /// may end after one second. With 0 or 1, all checks are full.
    #[serde(default, skip_serializing_if = "is_at_most_one")]
    pub full_look_every: u32,
    /// True if most checks of a camera that gives no picture only test whether the camera accepts a connection. This
    /// is the case for scheduled runs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spares_lost: bool,
    /// What started the run.
    #[serde(default)]
    pub origin: Origin,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_at_most_one(number: &u32) -> bool {
    *number <= 1
}

impl PlannedPlugin {
    /// Returns the name under which a candidate's baselines are stored: the candidate's digest. Under this name, they
    /// never replace the baselines of the version that the candidate runs beside.
    #[must_use]
    pub fn shadow_memory(&self) -> &str {
        &self.digest
    }
}

/// The origin of a run: ids that connect the log lines and traces of all programs that work on the run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Origin {
    /// The id of the request that started the run, or a generated id if a schedule started the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// W3C trace context of that request. Absent if no traces are exported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// One job of a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeasedJob {
    /// The job.
    pub id: JobId,
    /// The number of this attempt.
    pub attempt: u32,
    /// Index of the job's plan in `plans`.
    pub plan: usize,
    /// The camera's id; null for a submission without a task.
    pub camera_id: Option<String>,
    /// The address of the picture, credentials included.
    pub source: String,
    /// Milliseconds until the job's deadline, at which the master gives the job up; null if the job has no deadline.
    pub deadline_ms: Option<u64>,
    /// The baselines of the plan's plugins for the camera.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baselines: Vec<Baseline>,
    /// True if the node is to send a picture of the camera when every diagnosis is normal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub good_picture: bool,
    /// Present if the camera gave no picture and is not to be asked for one yet. The node then only tests whether the
    /// camera accepts a connection. If the camera accepts a connection now and accepted none before, the node asks for
    /// a picture at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<Lost>,
}

/// The answer to a long poll.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LeaseAnswer {
    /// The lease's token. The node sends it with the results of these jobs.
    pub lease: LeaseToken,
    /// The time after which the lease expires without a heartbeat, in milliseconds.
    pub lease_ms: u64,
    /// The plans of the jobs.
    pub plans: Vec<JobPlan>,
    /// The jobs. Empty if none became ready in time.
    pub jobs: Vec<LeasedJob>,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobOutcome {
    /// The job has findings.
    Finished {
        /// One finding for each diagnosis.
        findings: Vec<Finding>,
        /// Findings of the plan's candidates. They do not count for the camera.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        shadows: Vec<Finding>,
        /// Milliseconds that the capture took.
        decode_ms: f64,
        /// When the capture began, by the node's clock. The master corrects it by the known offset. If absent, the
        /// time of recording is used.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        captured_at: Option<DateTime<Utc>>,
        /// Baselines that changed. A baseline that is damaged or too large is ignored; the findings count anyway.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        baselines: Vec<Baseline>,
    },
    /// The job failed; another attempt may succeed.
    Failed {
        /// Why the job failed.
        failure: Failure,
    },
    /// The node returns the job unfinished. This does not count as a failure.
    Returned,
}

/// The result of one job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobResult {
    /// The job.
    pub job_id: JobId,
    /// The token of the job's lease.
    pub lease: LeaseToken,
    /// The number of the attempt.
    pub attempt: u32,
    /// How the job ended.
    pub outcome: JobOutcome,
}

/// A batch of results. The body of `POST /api/v1/diagnosis/workers/{node_id}/results`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ResultsRequest {
    /// 1 to 1000 results.
    #[schema(min_items = 1, max_items = 1_000)]
    pub results: Vec<JobResult>,
}

/// What the master did with one result. Each result is recorded once, even if it is sent several times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The result was recorded.
    Recorded,
    /// The result had been recorded before; nothing changed.
    Duplicate,
    /// The result was refused: the job was leased again, has ended or was cancelled.
    Stale,
    /// The job does not exist.
    Unknown,
}

/// The answer to a batch of results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResultsAnswer {
    /// One verdict for each result, in the same order.
    pub verdicts: Vec<Verdict>,
}

/// A job that a node has leased, as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeJob {
    /// The job's id.
    pub id: JobId,
    /// The run's id.
    pub run_id: RunId,
    /// The camera's id; null for a submission without a task.
    pub camera_id: Option<String>,
    /// The camera's name; null if there is no such camera.
    pub camera_name: Option<String>,
    /// When the node leased the job.
    pub since: Option<DateTime<Utc>>,
}

/// A node, as `GET /api/v1/diagnosis/workers/distributed` lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DistributedNode {
    /// The node's id, the same after a restart.
    pub id: String,
    /// The node's name, for people.
    pub name: String,
    /// Whether the node accepts work.
    pub status: NodeState,
    /// True if an administrator drains the node: it finishes its jobs and gets no new ones until it is resumed.
    #[serde(default)]
    pub drained: bool,
    /// The ids of the jobs that the node has leased.
    pub current_tasks: Vec<JobId>,
    /// The jobs that the node has leased, in the same order.
    #[serde(default)]
    pub jobs: Vec<NodeJob>,
    /// The plugins that the node has loaded, by name. Null if the node has not reported them, as earlier versions of
    /// the worker.
    #[serde(default)]
    pub cached_plugins: Option<Vec<PluginSummary>>,
    /// The maximum number of jobs in flight.
    pub capacity: u32,
    /// Number of executors.
    pub pool_size: u32,
    /// Labels for routing.
    #[schema(value_type = LabelMap)]
    pub labels: Labels,
    /// Version of the program.
    pub version: String,
    /// The machine.
    pub system: SystemInfo,
    /// Counts since the process started.
    pub totals: Totals,
    /// When this process registered.
    pub registered_at: DateTime<Utc>,
    /// When the master last heard from the node.
    pub last_heartbeat: DateTime<Utc>,
    /// When the node counts as offline and loses its jobs, unless the master hears from it before. Null if the node is
    /// offline already.
    #[serde(default)]
    pub lease_expires_at: Option<DateTime<Utc>>,
    /// When the node last requested jobs. The value lags by up to five seconds. A node that sends heartbeats but does
    /// not poll is stuck.
    pub last_poll_at: Option<DateTime<Utc>>,
    /// Milliseconds by which the node's clock is ahead of the master's.
    pub clock_offset_ms: i64,
}
