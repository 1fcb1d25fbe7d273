//! Tasks: cameras × diagnoses × schedule.

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
    /// Only when a person or a program submits it.
    #[default]
    Manual,
    /// At one time.
    Once {
        /// That time; in the past it runs at once.
        at: DateTime<Utc>,
    },
    /// Again and again.
    Interval {
        /// Seconds from one start to the next, 1 to 31,536,000.
        #[schema(minimum = 1, maximum = 31_536_000)]
        every_s: u64,
        /// The first start; now where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        starts_at: Option<DateTime<Utc>>,
        /// What to do about starts that fell due while no master ran.
        #[serde(default)]
        missed_runs: MissedRuns,
    },
    /// By a cron line.
    Cron {
        /// Five fields (minute, hour, day of month, month, day of week), or six with seconds first.
        #[schema(examples("*/15 * * * *", "0 30 8 * * MON-FRI"))]
        expression: String,
        /// IANA name of the time zone that the line is meant in, such as `Asia/Shanghai`.
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
    /// One run makes up for all of them.
    #[default]
    RunOnce,
    /// They are passed over.
    Skip,
}

/// What a task shall be. The body of `POST /api/v1/diagnosis/tasks` and of `PUT …/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskRequest {
    /// 1 to 128 letters, digits, `.`, `_`, `-`; made by the master where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Id>)]
    pub id: Option<String>,
    /// For people, 1 to 200 characters.
    #[schema(value_type = Name)]
    pub name: String,
    /// Ids of cameras, 10,000 at the most. A task names at least one camera or one group.
    #[serde(default)]
    #[schema(value_type = Vec<CameraId>, max_items = 10_000)]
    pub cameras: Vec<String>,
    /// Groups of cameras; who is in them counts when the task runs.
    #[serde(default)]
    #[schema(value_type = Vec<Name>, max_items = 10_000)]
    pub groups: Vec<String>,
    /// Ids of the diagnoses; all that are active when the task runs where empty.
    #[serde(default)]
    #[schema(value_type = Vec<DiagnosisId>, max_items = 10_000)]
    pub diagnoses: Vec<String>,
    /// Configuration, thresholds above all, by diagnosis id; what is absent takes its default.
    #[serde(default, alias = "thresholds")]
    #[schema(value_type = BTreeMap<String, BTreeMap<String, Value>>, inline)]
    pub config: BTreeMap<String, Value>,
    /// When it runs.
    #[serde(default)]
    pub schedule: Schedule,
    /// Higher ones first, -100 to 100.
    #[serde(default)]
    #[schema(minimum = -100, maximum = 100)]
    pub priority: i32,
    /// Labels that a node must have to be given its jobs.
    #[serde(default)]
    #[schema(value_type = LabelMap)]
    pub required_labels: Labels,
    /// Attempts a job, 1 to 20.
    #[serde(default = "three")]
    #[schema(minimum = 1, maximum = 20)]
    pub max_attempts: u32,
    /// Of so many checks of a camera that is well, one looks at all that the diagnoses ask for, 1 to 100. The
    /// others look at the first second, and go on where it shows anything else than the last full look did.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 100)]
    pub full_look_every: u32,
    /// Milliseconds from a run's start after which its jobs are given up, 1000 to 604800000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1_000, maximum = 604_800_000)]
    pub deadline_ms: Option<u64>,
    /// False: paused; it runs only when it is submitted.
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
    /// Its name among programs.
    pub id: String,
    /// What it is.
    #[serde(flatten)]
    pub definition: TaskRequest,
    /// When it runs next by its schedule.
    pub next_run_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
    /// What it lacks to run: cameras, plugins or nodes that are not there. Empty where nothing.
    #[serde(default)]
    pub waits_for: Vec<String>,
}

/// What a submission of a task overrides. The body, if any, of `POST …/tasks/{id}/submit`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitRequest {
    /// Instead of the task's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -100, maximum = 100)]
    pub priority: Option<i32>,
    /// Over the task's configuration, field by field.
    #[serde(default, alias = "thresholds", skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, BTreeMap<String, Value>>, inline)]
    pub config: BTreeMap<String, Value>,
}
