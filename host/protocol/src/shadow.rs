//! Candidates that run beside active plugins, and the resources that plugins use.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Finding, JobId};

/// A candidate compared with the active plugin on the same clips.
/// `GET /api/v1/plugins/{digest}/shadow`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShadowReport {
    /// The candidate's digest.
    pub digest: String,
    /// One entry for each diagnosis for which the plugin is or was a candidate.
    pub diagnoses: Vec<ShadowDiagnosis>,
    /// The latest jobs in which the candidate's verdict differed from the active plugin's, latest first.
    pub differences: Vec<ShadowDifference>,
}

/// All stored comparisons of one diagnosis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShadowDiagnosis {
    /// The diagnosis.
    pub diagnosis: String,
    /// When the plugin became a candidate; null if it is no longer one.
    pub since: Option<DateTime<Utc>>,
    /// The number of compared findings.
    pub compared: u64,
    /// The number of compared findings in which both plugins had the same verdict.
    pub agreed: u64,
    /// The differing verdicts, most frequent first.
    pub changes: Vec<ShadowChange>,
    /// Average cost of the active plugin.
    pub active: MeanCost,
    /// Average cost of the candidate.
    pub candidate: MeanCost,
}

/// A pair of differing verdicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShadowChange {
    /// The active plugin's status, or the kind of its failure.
    pub active: String,
    /// The candidate's status, or the kind of its failure.
    pub candidate: String,
    /// The number of jobs with this pair.
    pub count: u64,
}

/// Average cost of one run of a plugin on one clip.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MeanCost {
    /// Fuel.
    pub fuel: f64,
    /// Wall-clock time in milliseconds.
    pub compute_ms: f64,
}

/// A job in which the candidate's verdict differed from the active plugin's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShadowDifference {
    /// The job's id. The active plugin's findings are among the results of this job.
    pub job_id: JobId,
    /// The camera's id; null for a submission without a task.
    pub camera_id: Option<String>,
    /// When the comparison was stored.
    pub created_at: DateTime<Utc>,
    /// The active plugin's status, or the kind of its failure.
    pub active: String,
    /// The candidate's finding.
    pub candidate: Finding,
}

/// The resources that a plugin may use and those that it used in jobs. `GET /api/v1/plugins/{digest}/usage`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PluginUsage {
    /// The plugin's digest.
    pub digest: String,
    /// The host's interfaces that the plugin imports. The plugin can reach nothing else.
    pub imports: Vec<String>,
    /// Limits of one run.
    pub limits: RunLimits,
    /// The maxima and counts over all stored days; null if the plugin never ran.
    pub used: Option<Used>,
    /// The maxima and counts of each day, latest first.
    pub days: Vec<UsedOfDay>,
}

/// Limits of one run of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunLimits {
    /// Fuel.
    pub fuel: u64,
    /// Linear memory in bytes.
    pub memory_bytes: u64,
    /// Wall-clock time in milliseconds.
    pub timeout_ms: u64,
}

/// Counts and maxima of a plugin's runs. Each run judges one clip.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Used {
    /// Number of runs.
    pub runs: u64,
    /// Number of runs that failed: a limit, a trap, or a configuration that the plugin refused.
    pub failed: u64,
    /// The largest amount of fuel that one run used.
    pub max_fuel: u64,
    /// The longest wall-clock time of one run, in milliseconds.
    pub max_compute_ms: f64,
    /// The largest linear memory of one run, in bytes.
    pub max_memory_bytes: u64,
}

/// Counts and maxima of one day's runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsedOfDay {
    /// The day, UTC.
    pub day: NaiveDate,
    /// Counts and maxima.
    #[serde(flatten)]
    pub used: Used,
}

impl Used {
    /// Adds the counts of `self` and `other`, and takes the larger of each two maxima.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            runs: self.runs + other.runs,
            failed: self.failed + other.failed,
            max_fuel: self.max_fuel.max(other.max_fuel),
            max_compute_ms: self.max_compute_ms.max(other.max_compute_ms),
            max_memory_bytes: self.max_memory_bytes.max(other.max_memory_bytes),
        }
    }
}
