//! Replays: which stored verdicts another limit of a metric would have changed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Evidence, JobId};

/// The side of a limit on which values raise an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitSide {
    /// Values above the limit.
    Above,
    /// Values below the limit.
    Below,
}

impl LimitSide {
    /// Returns the word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Above => "above",
            Self::Below => "below",
        }
    }
}

/// The limits by which a diagnosis decided its verdicts, as the stored checks show them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReplayLimits {
    /// The id of the diagnosis.
    pub diagnosis: String,
    /// The start of the period.
    pub since: DateTime<Utc>,
    /// The end of the period, which is not part of it.
    pub until: DateTime<Utc>,
    /// The checks on which the answer is based.
    pub checks: ReplayChecks,
    /// The limits, the one that decided most verdicts first.
    pub limits: Vec<MetricLimit>,
    /// The metrics with verdicts that do not show on which side of their limit values raise an alarm.
    #[serde(default)]
    pub untold: Vec<UntoldLimit>,
}

/// A metric that decided verdicts which do not show on which side of its limit values raise an alarm: mostly because they
/// are few, and none of them is an alarm that shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UntoldLimit {
    /// The name of the metric.
    pub metric: String,
    /// Its unit; empty for a plain number.
    pub unit: String,
    /// The number of these verdicts.
    pub verdicts: u64,
}

/// Counts of the checks that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct ReplayChecks {
    /// The number of cameras that have at least one verdict of the diagnosis.
    pub cameras: u64,
    /// The number of verdicts of the diagnosis.
    pub verdicts: u64,
    /// The number of verdicts that were an alarm: `warning`, `error` or `critical`.
    pub alarms: u64,
    /// The number of checks in which the diagnosis gave no verdict, such as `inconclusive`. They never change.
    pub without_verdict: u64,
    /// The number of verdicts that the rule "an alarm if the deciding metric exceeds its limit" reproduces with the
    /// stored limits.
    pub explained: u64,
    /// The number of stored days, each of one camera, that are damaged and were not read. The master's log names them.
    pub damaged_days: u64,
}

/// One limit of a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricLimit {
    /// The name of the metric.
    pub metric: String,
    /// The unit of all its values; empty for a plain number.
    pub unit: String,
    /// The side on which values raise an alarm.
    pub side: LimitSide,
    /// The number of verdicts that this limit decided.
    pub verdicts: u64,
    /// The number of alarms among them.
    pub alarms: u64,
    /// The number of verdicts among them that the rule reproduces.
    pub explained: u64,
    /// The present limits, the one with most verdicts first. There are several if tasks have different settings, or if
    /// the plugin adapts the limit to the camera.
    pub thresholds: Vec<LimitThreshold>,
    /// The number of verdicts by further present limits that are not in `thresholds`.
    pub other_verdicts: u64,
    /// The lowest measured value.
    pub lowest: f64,
    /// The highest measured value.
    pub highest: f64,
    /// 1 % of the measured values are below this value (approximately).
    pub usually_from: f64,
    /// 1 % of the measured values are above this value (approximately).
    pub usually_to: f64,
    /// The settings of the active plugin that set this limit, by the plugin's own schema. Empty if it declares none.
    pub settings: Vec<String>,
}

/// One present limit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LimitThreshold {
    /// The limit, in the unit of the metric.
    pub threshold: f64,
    /// The number of verdicts that were decided by it.
    pub verdicts: u64,
    /// The number of cameras with such a verdict.
    pub cameras: u64,
}

/// The verdicts that another limit would have changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Replay {
    /// The id of the diagnosis.
    pub diagnosis: String,
    /// The start of the period.
    pub since: DateTime<Utc>,
    /// The end of the period, which is not part of it.
    pub until: DateTime<Utc>,
    /// The present limit that was replaced.
    pub limit: MetricLimit,
    /// The limit that replaced it.
    pub threshold: f64,
    /// The only present limit that was replaced. Absent if all were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<f64>,
    /// The checks on which the answer is based.
    pub checks: ReplayChecks,
    /// The numbers of verdicts that would change.
    pub verdicts: ReplayChanges,
    /// The numbers of cameras with at least one such verdict.
    pub cameras: ReplayChanges,
    /// The number of verdicts that raised an alarm because the metric exceeded its present limit.
    pub alarms_beyond: u64,
    /// The number of normal verdicts although the metric exceeded its present limit. For these verdicts, the plugin
    /// considered more than the limit. If there are many of them, some of the new alarms may not occur either.
    pub quiet_beyond: u64,
    /// The cameras that would change, those with most changes first.
    pub changes: Vec<CameraReplay>,
    /// The number of cameras that would change but are not in `changes`.
    pub omitted: u64,
}

/// Numbers of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct ReplayChanges {
    /// Normal before, an alarm after.
    pub raised: u64,
    /// An alarm before, normal after.
    pub cleared: u64,
    /// The stored data do not show whether the verdict would change. Such verdicts count neither as raised nor as
    /// cleared.
    pub undetermined: u64,
}

/// The verdicts on one camera that another limit would have changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CameraReplay {
    /// The id of the camera.
    pub camera_id: String,
    /// The name of the camera.
    pub name: String,
    /// The number of verdicts.
    pub verdicts: u64,
    /// The number of alarms with the present limit.
    pub alarms_before: u64,
    /// The number of alarms with the other limit. Undetermined verdicts count as they were.
    pub alarms_after: u64,
    /// The numbers of verdicts that would change.
    pub changes: ReplayChanges,
    /// The first verdict that would change.
    pub first: CheckReplay,
    /// The last verdict that would change.
    pub last: CheckReplay,
}

/// One verdict that would change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CheckReplay {
    /// When the clip was captured.
    pub at: DateTime<Utc>,
    /// The job of the check. Measurements are kept for longer than findings, so an old job may no longer exist.
    pub job_id: JobId,
    /// The measured value.
    pub value: f64,
    /// True if the check would raise an alarm, false if it would raise none.
    pub becomes_alarm: bool,
    /// The pictures of the check, if they are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}
