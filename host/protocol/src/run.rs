//! Runs and their jobs: one execution of a task, one camera of it.

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
    /// The task's schedule.
    Schedule,
    /// An ad-hoc submission, without a task.
    Submission,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Lacks a plugin or a camera; see `waits_for`.
    Waiting,
    /// Its jobs are queued or run.
    Running,
    /// All its jobs have ended.
    Finished,
    /// Was cancelled.
    Cancelled,
}

/// Jobs of a run by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// All of them.
    pub total: u64,
    /// Wait for a node.
    pub queued: u64,
    /// Are leased by a node.
    pub running: u64,
    /// Have findings.
    pub finished: u64,
    /// Were given up after their last attempt; can be retried.
    pub dead: u64,
    /// Were cancelled.
    pub cancelled: u64,
}

/// One execution of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// Its name.
    pub id: RunId,
    /// The task; absent for an ad-hoc submission.
    pub task_id: Option<String>,
    /// What started it.
    pub trigger: Trigger,
    /// The time in the schedule that it stands for.
    pub fire_time: Option<DateTime<Utc>>,
    /// Id of the request that made it (`x-request-id`); log lines of its jobs show it, at the nodes too.
    #[serde(default)]
    pub request_id: Option<String>,
    /// How far it is.
    pub state: RunState,
    /// Higher ones first.
    pub priority: i32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When its last job ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// After this time its jobs are given up.
    pub deadline_at: Option<DateTime<Utc>>,
    /// Its jobs.
    pub progress: Progress,
    /// What it lacks to go on: a plugin, a camera, a node with the labels. Empty where nothing.
    #[serde(default)]
    pub waits_for: Vec<String>,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for a node.
    Queued,
    /// Is leased by a node.
    Running,
    /// Has findings.
    Finished,
    /// Was given up; can be retried.
    Dead,
    /// Was cancelled.
    Cancelled,
}

impl JobState {
    /// The word on the wire and in the store.
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
    /// Its name.
    pub id: JobId,
    /// The run that it belongs to.
    pub run_id: RunId,
    /// The camera; absent for an ad-hoc submission.
    pub camera_id: Option<String>,
    /// Where the picture comes from, credentials masked.
    pub source: String,
    /// How far it is.
    pub state: JobState,
    /// How often it was leased.
    pub attempt: u32,
    /// Of these, how often it failed.
    pub failures: u32,
    /// Failures after which it is given up.
    pub max_attempts: u32,
    /// The node that has or had it last.
    pub node_id: Option<String>,
    /// Not leased before this time.
    pub not_before: DateTime<Utc>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was leased last.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Wall-clock time of capturing the clip, in milliseconds.
    pub decode_ms: Option<f64>,
    /// Why its last attempt failed.
    pub failure: Option<Failure>,
}

/// A finding that was stored: what one diagnosis said of one camera in one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DiagnosisResult {
    /// Its name; results are listed latest first.
    pub id: String,
    /// The job.
    pub job_id: JobId,
    /// The run.
    pub run_id: RunId,
    /// The task; absent for an ad-hoc submission.
    pub task_id: Option<String>,
    /// The camera; absent for an ad-hoc submission.
    pub camera_id: Option<String>,
    /// The node that judged.
    pub node_id: Option<String>,
    /// When the clip was captured: by the node's clock, corrected by what is known of how far it is off.
    pub captured_at: DateTime<Utc>,
    /// When it was recorded; later than captured by as long as the result was under way.
    #[serde(alias = "created_at")]
    pub recorded_at: DateTime<Utc>,
    /// What was found.
    #[serde(flatten)]
    pub finding: Finding,
}
