//! Candidates beside the plugins that count, and what plugins use: what is known before an activation.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Finding, JobId};

/// A candidate held against the active plugin on the same clips.
/// `GET /api/v1/plugins/{digest}/shadow`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShadowReport {
    /// The candidate.
    pub digest: String,
    /// One a diagnosis that it stands or stood beside.
    pub diagnoses: Vec<ShadowDiagnosis>,
    /// The latest jobs in which its verdict was another, latest first.
    pub differences: Vec<ShadowDifference>,
}

/// All comparisons of one diagnosis that are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShadowDiagnosis {
    /// The diagnosis.
    pub diagnosis: String,
    /// Since when it stands beside the active plugin; absent where it does no longer.
    pub since: Option<DateTime<Utc>>,
    /// Findings that were held against each other.
    pub compared: u64,
    /// Of these, those with the same verdict.
    pub agreed: u64,
    /// How often which verdict would have been which other, most frequent first.
    pub changes: Vec<ShadowChange>,
    /// What the active plugin used for them.
    pub active: MeanCost,
    /// What the candidate used for them.
    pub candidate: MeanCost,
}

/// A verdict that would have been another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShadowChange {
    /// Status by the active plugin, or the kind of failure in place of one.
    pub active: String,
    /// The same by the candidate.
    pub candidate: String,
    /// How often.
    pub count: u64,
}

/// What runs cost on average.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MeanCost {
    /// Fuel of a run.
    pub fuel: f64,
    /// Wall-clock time of a run, in milliseconds.
    pub compute_ms: f64,
}

/// One job in which the candidate's verdict was another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShadowDifference {
    /// The job; its findings by the active plugin are among the results.
    pub job_id: JobId,
    /// The camera; absent for an ad-hoc submission.
    pub camera_id: Option<String>,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
    /// Status by the active plugin, or the kind of failure in place of one.
    pub active: String,
    /// What the candidate found.
    pub candidate: Finding,
}

/// What a plugin may use and what it used, on live jobs. `GET /api/v1/plugins/{digest}/usage`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PluginUsage {
    /// The plugin.
    pub digest: String,
    /// The host's interfaces that it imports: all that it can reach.
    pub imports: Vec<String>,
    /// What one run may use.
    pub limits: RunLimits,
    /// What it used at the most, and how often it ran, over all days that are kept; absent where it never
    /// ran.
    pub used: Option<Used>,
    /// The same by day, latest first.
    pub days: Vec<UsedOfDay>,
}

/// What one run of a plugin may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunLimits {
    /// Fuel.
    pub fuel: u64,
    /// Linear memory in bytes.
    pub memory_bytes: u64,
    /// Wall-clock time in milliseconds.
    pub timeout_ms: u64,
}

/// What runs used at the most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Used {
    /// Runs.
    pub runs: u64,
    /// Of these, those that broke off: a limit, a trap, a configuration that it refused.
    pub failed: u64,
    /// Fuel of the dearest one.
    pub max_fuel: u64,
    /// Wall-clock time of the longest one, in milliseconds.
    pub max_compute_ms: f64,
    /// Linear memory of the largest one, in bytes.
    pub max_memory_bytes: u64,
}

/// What runs of one day used at the most.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsedOfDay {
    /// The day, UTC.
    pub day: NaiveDate,
    /// What they used.
    #[serde(flatten)]
    pub used: Used,
}

impl Used {
    /// What both used.
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
