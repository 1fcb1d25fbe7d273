//! Runs and their jobs. A run is one execution of a task; a job is one camera of a run.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Failure, Finding, JobId, RunId};

/// What started a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A person or a program submitted the task.
    Manual,
    /// The task's schedule started the run.
    Schedule,
    /// An ad-hoc submission, without a task.
    Submission,
}

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// The run waits for a plugin or a camera; see `waits_for`.
    Waiting,
    /// The run has jobs that have not ended.
    Running,
    /// All jobs of the run have ended.
    Finished,
    /// A person cancelled the run, or its deadline passed while it waited.
    Cancelled,
}

/// The number of a run's jobs in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// The number of all jobs.
    pub total: u64,
    /// The number of jobs that wait for a node.
    pub queued: u64,
    /// The number of jobs that a node has leased.
    pub running: u64,
    /// The number of jobs that have findings.
    pub finished: u64,
    /// The number of jobs that failed at their last attempt. These jobs can be retried.
    pub dead: u64,
    /// The number of cancelled jobs.
    pub cancelled: u64,
}

/// One execution of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// The run's id.
    pub id: RunId,
    /// The task's id; null for a submission without a task.
    pub task_id: Option<String>,
    /// What started the run.
    pub trigger: Trigger,
    /// The scheduled time of the run; null if no schedule started it.
    pub fire_time: Option<DateTime<Utc>>,
    /// The id of the request that started the run (`x-request-id`). Log lines of the run's jobs contain this id, on
    /// the nodes too.
    #[serde(default)]
    pub request_id: Option<String>,
    /// The run's state.
    pub state: RunState,
    /// Jobs with a higher priority are leased first.
    pub priority: i32,
    /// When the run was created.
    pub created_at: DateTime<Utc>,
    /// When the run's last job ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// When the run's open jobs are given up.
    pub deadline_at: Option<DateTime<Utc>>,
    /// The number of the run's jobs in each state.
    pub progress: Progress,
    /// What is missing: plugins, cameras, or a node with the required labels. A run that has started leaves missing
    /// cameras out.
    #[serde(default)]
    pub waits_for: Vec<String>,
}

/// The state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// The job waits for a node.
    Queued,
    /// A node has leased the job.
    Running,
    /// The job has findings.
    Finished,
    /// The job failed at its last attempt. A person can retry it.
    Dead,
    /// The job was cancelled.
    Cancelled,
}

impl JobState {
    /// Returns the word on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One camera of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// The job's id.
    pub id: JobId,
    /// The run's id.
    pub run_id: RunId,
    /// The camera's id; null for a submission without a task.
    pub camera_id: Option<String>,
    /// The address of the source. Secrets are masked.
    pub source: String,
    /// The job's state.
    pub state: JobState,
    /// The number of times that the job was leased.
    pub attempt: u32,
    /// The number of failed attempts.
    pub failures: u32,
    /// The number of failures after which the job is dead.
    pub max_attempts: u32,
    /// The node that leased the job last.
    pub node_id: Option<String>,
    /// The job is not leased before this time.
    pub not_before: DateTime<Utc>,
    /// When the job was created.
    pub created_at: DateTime<Utc>,
    /// When the job was last leased.
    pub started_at: Option<DateTime<Utc>>,
    /// When the job ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Wall-clock time of capturing the clip, in milliseconds.
    pub decode_ms: Option<f64>,
    /// Why the last attempt failed.
    pub failure: Option<Failure>,
}

/// A stored finding: what one diagnosis found in one job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DiagnosisResult {
    /// The finding's id.
    pub id: String,
    /// The job's id.
    pub job_id: JobId,
    /// The run's id.
    pub run_id: RunId,
    /// The task's id; null for a submission without a task, and for a caller with an area of which the task names nothing.
    pub task_id: Option<String>,
    /// The camera's id; null for a submission without a task.
    pub camera_id: Option<String>,
    /// The node that ran the job.
    pub node_id: Option<String>,
    /// When the clip was captured: the node's time, corrected by the known offset of the node's clock.
    pub captured_at: DateTime<Utc>,
    /// When the master recorded the finding.
    #[serde(alias = "created_at")]
    pub recorded_at: DateTime<Utc>,
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
}
