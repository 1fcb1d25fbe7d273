//! The protocol between a distributed worker and its master. The worker dials out; the master's
//! clock is the only one that counts.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    Baseline, Failure, Finding, Incarnation, JobId, Labels, LeaseToken, NodeState, SystemInfo, Totals,
    schema::{Id, LabelMap, Name},
};

/// A node introduces itself. The body of `POST /api/v1/diagnosis/workers/register`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RegisterRequest {
    /// Identity across restarts.
    #[schema(value_type = Id)]
    pub id: String,
    /// For people.
    #[schema(value_type = Name)]
    pub name: String,
    /// This life of the process.
    pub incarnation: Incarnation,
    /// The life before, which this process knows to be over; its leases are offered again at once.
    #[serde(default)]
    pub replaces: Option<Incarnation>,
    /// Labels for routing.
    #[serde(default)]
    #[schema(value_type = LabelMap)]
    pub labels: Labels,
    /// Executors.
    pub pool_size: u32,
    /// Jobs in flight at the most.
    pub capacity: u32,
    /// Version of the program.
    pub version: String,
    /// The machine.
    pub system: SystemInfo,
    /// The node's clock, to show how far it is off; never relied on.
    pub clock: DateTime<Utc>,
}

/// How the master wants to be talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegisterAnswer {
    /// Milliseconds that a lease lasts without a heartbeat.
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

/// A node lives. The body of `POST /api/v1/diagnosis/workers/{node_id}/heartbeat`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HeartbeatRequest {
    /// This life of the process.
    pub incarnation: Incarnation,
    /// The last long poll whose answer was taken in or given up: jobs of this or an earlier poll
    /// that are not held were lost on the way and are offered again.
    pub last_poll: u64,
    /// All jobs that the node holds; their leases are renewed.
    pub held: Vec<HeldJob>,
    /// Finishes what it has and takes nothing new.
    #[serde(default)]
    pub draining: bool,
    /// The machine, where it was looked at anew.
    #[serde(default)]
    pub system: Option<SystemInfo>,
    /// Counts since the process started.
    #[serde(default)]
    pub totals: Totals,
    /// The node's clock, to show how far it is off; never relied on.
    pub clock: DateTime<Utc>,
}

/// What the master says to a heartbeat.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeartbeatAnswer {
    /// Milliseconds that a lease lasts without a heartbeat.
    pub lease_ms: u64,
    /// Held jobs that are the node's no longer: cancelled, or leased to another. Stop working on them.
    pub revoked: Vec<JobId>,
}

/// A long poll. The body of `POST /api/v1/diagnosis/workers/{node_id}/leases`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeaseRequest {
    /// This life of the process.
    pub incarnation: Incarnation,
    /// Counts the polls of this life, from 1.
    pub poll: u64,
    /// Jobs wanted at the most, 1 to 1000.
    #[schema(minimum = 1, maximum = 1_000)]
    pub max_jobs: u32,
    /// Milliseconds to wait for the first job; 60000 where more.
    pub wait_ms: u64,
}

/// One plugin of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlannedPlugin {
    /// blake3 digest of the component.
    pub digest: String,
    /// For people: `brightness@1.0.0`.
    pub name: String,
    /// Ids of the diagnoses that are wanted of it.
    pub diagnoses: Vec<String>,
    /// Its configuration, checked against its schema.
    pub config: Value,
}

/// What shall be done with each camera of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobPlan {
    /// The plugins that run on the clip.
    pub plugins: Vec<PlannedPlugin>,
    /// Candidates that run on the same clip after them; what they find is kept apart. Their configuration
    /// is the task's own, which may not be theirs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shadows: Vec<PlannedPlugin>,
    /// Of so many checks of a camera that is well, one looks at all that the plugins ask for; the others may end
    /// where the first second shows nothing else. 0 and 1: all do.
    #[serde(default, skip_serializing_if = "is_at_most_one")]
    pub full_look_every: u32,
    /// Where the run comes from.
    #[serde(default)]
    pub origin: Origin,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_at_most_one(number: &u32) -> bool {
    *number <= 1
}

impl PlannedPlugin {
    /// The name under which a shadow remembers cameras: its digest, so that it never meets the memory of
    /// the version that it stands beside.
    #[must_use]
    pub fn shadow_memory(&self) -> &str {
        &self.digest
    }
}

/// Where a run comes from, so that what all programs say of it can be brought together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Origin {
    /// Id of the request that made the run; one of its own where the schedule did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// W3C trace context of what made it; absent where no traces are exported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// One job of a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeasedJob {
    /// The job.
    pub id: JobId,
    /// Which attempt at it this is.
    pub attempt: u32,
    /// Index into the answer's plans.
    pub plan: usize,
    /// The camera; absent for an ad-hoc submission.
    pub camera_id: Option<String>,
    /// Where the picture comes from, credentials included.
    pub source: String,
    /// Milliseconds after which the job is given up.
    pub deadline_ms: Option<u64>,
    /// What the plan's plugins remember of the camera.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baselines: Vec<Baseline>,
    /// True where a picture of the camera is wanted in case that all is well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub good_picture: bool,
}

/// What a long poll is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LeaseAnswer {
    /// Proves the right to report results of these jobs.
    pub lease: LeaseToken,
    /// Milliseconds that the lease lasts without a heartbeat.
    pub lease_ms: u64,
    /// Plans that the jobs refer to.
    pub plans: Vec<JobPlan>,
    /// The jobs; empty where none came up in time.
    pub jobs: Vec<LeasedJob>,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobOutcome {
    /// With findings.
    Finished {
        /// One a diagnosis.
        findings: Vec<Finding>,
        /// What the plan's shadows found, one a diagnosis of each; says nothing of the camera.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        shadows: Vec<Finding>,
        /// Milliseconds that the capture took.
        decode_ms: f64,
        /// When the capture began, by the node's clock; the master corrects it by how far that is off. Absent where
        /// the node does not say: then the time of the recording stands for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        captured_at: Option<DateTime<Utc>>,
        /// What plugins remember from now on, of those that remember anything else than before. One
        /// that is damaged or too large is passed over; the findings count all the same.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        baselines: Vec<Baseline>,
    },
    /// Without; another attempt may do better.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// The node hands it back untouched or unfinished; this counts as no attempt.
    Returned,
}

/// The result of one job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobResult {
    /// The job.
    pub job_id: JobId,
    /// The lease that it came with.
    pub lease: LeaseToken,
    /// The attempt that it came with.
    pub attempt: u32,
    /// How it ended.
    pub outcome: JobOutcome,
}

/// A batch of results. The body of `POST /api/v1/diagnosis/workers/{node_id}/results`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ResultsRequest {
    /// 1 to 1000 of them.
    #[schema(min_items = 1, max_items = 1_000)]
    pub results: Vec<JobResult>,
}

/// What became of one result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Stored.
    Recorded,
    /// Stored before; nothing was changed.
    Duplicate,
    /// The job was leased again, has ended or was cancelled meanwhile: refused.
    Stale,
    /// There is no such job.
    Unknown,
}

/// The answer to a batch of results, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResultsAnswer {
    /// One a result.
    pub verdicts: Vec<Verdict>,
}

/// A node as the master knows it. `GET /api/v1/diagnosis/workers/distributed` lists them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DistributedNode {
    /// Identity across restarts.
    pub id: String,
    /// For people.
    pub name: String,
    /// Online, offline, or finishing what it has.
    pub status: NodeState,
    /// Jobs that it holds.
    pub current_tasks: Vec<JobId>,
    /// Jobs in flight at the most.
    pub capacity: u32,
    /// Executors.
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
    /// When this life of the process introduced itself.
    pub registered_at: DateTime<Utc>,
    /// When it was heard of last.
    pub last_heartbeat: DateTime<Utc>,
    /// When it asked for jobs last; a node with heartbeats but without polls is stuck.
    pub last_poll_at: Option<DateTime<Utc>>,
    /// Milliseconds that the node's clock is ahead of the master's.
    pub clock_offset_ms: i64,
}
