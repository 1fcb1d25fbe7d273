//! The history of a camera: its metrics and the results of its diagnoses, summarised in buckets of time.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Failure, JobId, Status};

/// The metrics of one diagnosis of a camera over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CameraSeries {
    /// The id of the camera.
    pub camera_id: String,
    /// The id of the diagnosis.
    pub diagnosis: String,
    /// The start of the first bucket.
    pub since: DateTime<Utc>,
    /// The end of the last bucket, which is not part of it.
    pub until: DateTime<Utc>,
    /// The duration of a bucket in milliseconds. Each bucket starts a multiple of it after `since`.
    #[schema(minimum = 1)]
    pub bucket_ms: i64,
    /// The metrics, in the order of their names.
    pub series: Vec<MetricSeries>,
    /// The number of further metrics that were measured but are not in `series`. Name them in `metric` to get them.
    pub omitted: u32,
    /// The UTC days whose measurements are damaged and therefore not in the answer. The master's log says why.
    #[serde(default)]
    pub damaged_days: Vec<NaiveDate>,
}

/// One metric over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricSeries {
    /// The name of the metric.
    pub metric: String,
    /// The unit of all values; empty for a plain number. If a plugin changed the unit, each unit has a series of its
    /// own.
    pub unit: String,
    /// The number of values in all buckets.
    pub count: u64,
    /// The buckets that have at least one value, the earliest first.
    pub buckets: Vec<SeriesBucket>,
}

/// The values of a metric in one bucket. The lowest and the highest value are always kept, so that no spike is lost.
/// Stored values have a relative precision of 1/131072 (about 5 significant digits); the latest ones are exact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SeriesBucket {
    /// The start of the bucket.
    pub start: DateTime<Utc>,
    /// The number of values.
    #[schema(minimum = 1)]
    pub count: u64,
    /// The lowest value. Absent if the last value is the lowest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<SeriesPoint>,
    /// The highest value. Absent if the last value is the highest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<SeriesPoint>,
    /// The last value.
    pub last: SeriesPoint,
    /// The last threshold in the bucket, in the unit of the values. Absent if the metric decided no verdict in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

/// One value, and the check that measured it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SeriesPoint {
    /// When the clip was captured.
    pub at: DateTime<Utc>,
    /// The value.
    pub value: f64,
    /// The finding's status, or the kind of its failure if it has no status.
    pub word: String,
    /// The job of the check.
    pub job_id: JobId,
}

/// The results of a camera's diagnoses over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CameraTimeline {
    /// The id of the camera.
    pub camera_id: String,
    /// The start of the first cell.
    pub since: DateTime<Utc>,
    /// The end of the last cell, which is not part of it.
    pub until: DateTime<Utc>,
    /// The duration of a cell in milliseconds. Each cell starts a multiple of it after `since`.
    #[schema(minimum = 1)]
    pub bucket_ms: i64,
    /// All diagnoses together: a cell has the worst of those findings that no other finding explains.
    pub checks: Vec<TimelineCell>,
    /// The diagnoses, in the order of their ids.
    pub diagnoses: Vec<TimelineRow>,
    /// The UTC days whose measurements are damaged and therefore not in the answer. The master's log says why.
    #[serde(default)]
    pub damaged_days: Vec<NaiveDate>,
}

/// The results of one diagnosis over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TimelineRow {
    /// The id of the diagnosis.
    pub diagnosis: String,
    /// The cells that have at least one finding, the earliest first.
    pub cells: Vec<TimelineCell>,
}

/// The checks of one period of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TimelineCell {
    /// The start of the cell.
    pub start: DateTime<Utc>,
    /// The worst finding: its status, or the kind of its failure if it has no status (`inconclusive`, `fuel-exhausted`,
    /// …). From the worst: `critical`, `error`, `warning`, a failure of a plugin or of the configuration,
    /// `inconclusive` and `unsupported-clip`, `normal`.
    pub worst: String,
    /// True if another finding of the same clip explains the worst finding.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_consequence: bool,
    /// The number of checks.
    #[schema(minimum = 1)]
    pub count: u64,
    /// When the first clip was captured.
    pub first_at: DateTime<Utc>,
    /// When the last clip was captured.
    pub last_at: DateTime<Utc>,
    /// The job of the worst finding. If several findings are equally bad, the job of the last one.
    pub job_id: JobId,
}

/// How bad a finding is by its word ([`Finding::word`](crate::Finding::word)). A higher rank is worse.
#[must_use]
pub fn rank_of(word: &str) -> u8 {
    match (Status::of_word(word), word) {
        (Some(Status::Critical), _) => 5,
        (Some(Status::Error), _) => 4,
        (Some(Status::Warning), _) => 3,
        (Some(Status::Normal), _) => 0,
        (None, Failure::INCONCLUSIVE | Failure::UNSUPPORTED_CLIP | "none") => 1,
        (None, _) => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_told_is_neither_normal_nor_a_fault() {
        let words = ["normal", "inconclusive", "fuel-exhausted", "warning", "error", "critical"].map(rank_of);
        assert!(words.is_sorted_by(|a, b| a < b), "{words:?}");
        assert_eq!(rank_of("unsupported-clip"), rank_of("inconclusive"));
    }
}
