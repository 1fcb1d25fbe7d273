//! Tasks: which cameras are checked by which diagnoses, and when.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    Labels,
    schema::{CameraId, DiagnosisId, Id, LabelMap, Name},
};

/// When a task runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// Only when a client submits the task.
    #[default]
    Manual,
    /// Once, at a given time.
    Once {
        /// The time. If it is in the past, the task runs at once.
        at: DateTime<Utc>,
    },
    /// At regular intervals.
    Interval {
        /// Seconds from one start to the next, 1 to 31,536,000.
        #[schema(minimum = 1, maximum = 31_536_000)]
        every_s: u64,
        /// The first start. If absent, the first start is now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        starts_at: Option<DateTime<Utc>>,
        /// What to do about starts that fell due while no master ran.
        #[serde(default)]
        missed_runs: MissedRuns,
    },
    /// By a cron expression.
    Cron {
        /// Five fields (minute, hour, day of month, month, day of week), or six with seconds first.
        #[schema(examples("*/15 * * * *", "0 30 8 * * MON-FRI"))]
        expression: String,
        /// IANA name of the expression's time zone, such as `Asia/Shanghai`.
        #[serde(default = "utc")]
        #[schema(examples("Asia/Shanghai", "UTC"))]
        time_zone: String,
        /// What to do about starts that fell due while no master ran.
        #[serde(default)]
        missed_runs: MissedRuns,
    },
}

fn utc() -> String {
    "UTC".into()
}

/// What to do about starts that fell due while no master ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissedRuns {
    /// One run replaces all missed starts.
    #[default]
    RunOnce,
    /// Missed starts are skipped.
    Skip,
}

/// The body of `POST /api/v1/diagnosis/tasks` and of `PUT …/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskRequest {
    /// The task's id: 1 to 128 letters, digits, `.`, `_`, `-`. If absent, the master generates one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Id>)]
    pub id: Option<String>,
    /// The task's name, for people, 1 to 200 characters.
    #[schema(value_type = Name)]
    pub name: String,
    /// Ids of cameras, at most 10,000. A task names at least one camera or one group.
    #[serde(default)]
    #[schema(value_type = Vec<CameraId>, max_items = 10_000)]
    pub cameras: Vec<String>,
    /// Groups of cameras. A run checks the cameras that are in these groups when it starts.
    #[serde(default)]
    #[schema(value_type = Vec<Name>, max_items = 10_000)]
    pub groups: Vec<String>,
    /// Ids of diagnoses. An empty list stands for all diagnoses that are active when the task runs.
    #[serde(default)]
    #[schema(value_type = Vec<DiagnosisId>, max_items = 10_000)]
    pub diagnoses: Vec<String>,
    /// Configuration by diagnosis id, such as thresholds. Absent fields have their defaults.
    #[serde(default, alias = "thresholds")]
    #[schema(value_type = BTreeMap<String, BTreeMap<String, Value>>, inline)]
    pub config: BTreeMap<String, Value>,
    /// When the task runs.
    #[serde(default)]
    pub schedule: Schedule,
    /// The priority, -100 to 100. Jobs with a higher priority are leased first.
    #[serde(default)]
    #[schema(minimum = -100, maximum = 100)]
    pub priority: i32,
    /// Labels that a node must have to lease the task's jobs.
    #[serde(default)]
    #[schema(value_type = LabelMap)]
    pub required_labels: Labels,
    /// The maximum number of attempts for each job, 1 to 20.
    #[serde(default = "three")]
    #[schema(minimum = 1, maximum = 20)]
    pub max_attempts: u32,
    /// How many checks of a healthy camera include one full check, 1 to 100: with 4, one of four checks is full; with
    /// 1, every check is. A full check captures everything that the diagnoses need. The other checks capture one
    /// second, and continue only if that second differs from the last full check.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 100)]
    pub full_look_every: u32,
    /// The time limit of a run, in milliseconds from its creation, 1000 to 604800000. Jobs that are still open at this
    /// limit are given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1_000, maximum = 604_800_000)]
    pub deadline_ms: Option<u64>,
    /// If false, the task is paused: it runs only when a client submits it.
    #[serde(default = "yes")]
    pub enabled: bool,
}

const fn three() -> u32 {
    3
}

const fn one() -> u32 {
    1
}

const fn yes() -> bool {
    true
}

/// A task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Task {
    /// The task's id.
    pub id: String,
    /// The task's definition.
    #[serde(flatten)]
    pub definition: TaskRequest,
    /// When the task's schedule starts the next run; null if the schedule starts no further run.
    pub next_run_at: Option<DateTime<Utc>>,
    /// When the task was created.
    pub created_at: DateTime<Utc>,
    /// When the task was last changed.
    pub updated_at: DateTime<Utc>,
    /// What the task waits for: cameras, plugins or nodes that are missing. Empty if it waits for nothing.
    #[serde(default)]
    pub waits_for: Vec<String>,
}

/// The next starts of a schedule. The schedule need not belong to a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NextStarts {
    /// The times of the next starts, earliest first. Empty if the schedule starts nothing from now on.
    pub starts: Vec<DateTime<Utc>>,
    /// True if the schedule starts nothing after the last of these times.
    pub ends: bool,
    /// The number of starts a day, on average over the next 365 days. 0 for the schedules `manual` and `once`.
    pub per_day: f64,
}

/// The optional body of `POST …/tasks/{id}/submit`. For one run, its fields override the fields of the task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitRequest {
    /// The priority, in place of the task's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -100, maximum = 100)]
    pub priority: Option<i32>,
    /// Configuration that replaces fields of the task's configuration.
    #[serde(default, alias = "thresholds", skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, BTreeMap<String, Value>>, inline)]
    pub config: BTreeMap<String, Value>,
}
