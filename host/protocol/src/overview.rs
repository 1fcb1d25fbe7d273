//! The overview: the health of all cameras now and earlier, and the cameras that need action.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Camera, Status};

/// The health of a camera, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CameraHealth {
    /// The camera gives no picture (`lost`).
    Offline,
    /// The camera's status is `critical`.
    Critical,
    /// The camera's status is `error`.
    Error,
    /// The camera's status is `warning`.
    Warning,
    /// The camera was checked, but no diagnosis could judge it.
    Unknown,
    /// The camera was never checked.
    Unchecked,
    /// The camera's status is `normal`.
    Normal,
    /// The camera is disabled, so tasks skip it.
    Muted,
}

impl CameraHealth {
    /// All words, from the most urgent to the least urgent.
    pub const ALL: [Self; 8] = [
        Self::Offline,
        Self::Critical,
        Self::Error,
        Self::Warning,
        Self::Unknown,
        Self::Unchecked,
        Self::Normal,
        Self::Muted,
    ];

    /// Returns the word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Unchecked => "unchecked",
            Self::Normal => "normal",
            Self::Muted => "muted",
        }
    }

    /// Returns the health with this word, or None if there is none.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// Returns true if the camera needs action.
    #[must_use]
    pub const fn is_urgent(self) -> bool {
        matches!(self, Self::Offline | Self::Critical | Self::Error | Self::Warning)
    }
}

impl Camera {
    /// Returns the camera's health. A disabled camera is `muted`, whatever its last check found.
    #[must_use]
    pub const fn health(&self) -> CameraHealth {
        match (self.enabled, &self.lost, self.status, self.checked_at) {
            (false, ..) => CameraHealth::Muted,
            (true, Some(_), ..) => CameraHealth::Offline,
            (true, None, Some(Status::Critical), _) => CameraHealth::Critical,
            (true, None, Some(Status::Error), _) => CameraHealth::Error,
            (true, None, Some(Status::Warning), _) => CameraHealth::Warning,
            (true, None, Some(Status::Normal), _) => CameraHealth::Normal,
            (true, None, None, None) => CameraHealth::Unchecked,
            (true, None, None, Some(_)) => CameraHealth::Unknown,
        }
    }
}

/// The number of cameras by health. Each camera counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct HealthCounts {
    /// Cameras that give no picture.
    pub offline: u64,
    /// Cameras whose status is `critical`.
    pub critical: u64,
    /// Cameras whose status is `error`.
    pub error: u64,
    /// Cameras whose status is `warning`.
    pub warning: u64,
    /// Cameras that were checked, but that no diagnosis could judge.
    pub unknown: u64,
    /// Cameras that were never checked.
    pub unchecked: u64,
    /// Cameras whose status is `normal`.
    pub normal: u64,
    /// Disabled cameras.
    pub muted: u64,
}

impl HealthCounts {
    /// Returns the counts in the order of [`CameraHealth::ALL`].
    #[must_use]
    pub const fn in_order(&self) -> [u64; 8] {
        [
            self.offline,
            self.critical,
            self.error,
            self.warning,
            self.unknown,
            self.unchecked,
            self.normal,
            self.muted,
        ]
    }

    /// Returns counts from their values in the order of [`CameraHealth::ALL`].
    #[must_use]
    pub const fn of(counts: [u64; 8]) -> Self {
        let [offline, critical, error, warning, unknown, unchecked, normal, muted] = counts;
        Self { offline, critical, error, warning, unknown, unchecked, normal, muted }
    }

    /// Adds cameras with this health.
    pub const fn add(&mut self, health: CameraHealth, cameras: u64) {
        let count = match health {
            CameraHealth::Offline => &mut self.offline,
            CameraHealth::Critical => &mut self.critical,
            CameraHealth::Error => &mut self.error,
            CameraHealth::Warning => &mut self.warning,
            CameraHealth::Unknown => &mut self.unknown,
            CameraHealth::Unchecked => &mut self.unchecked,
            CameraHealth::Normal => &mut self.normal,
            CameraHealth::Muted => &mut self.muted,
        };
        *count += cameras;
    }

    /// Returns the number of all cameras.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.in_order().iter().sum()
    }

    /// Returns the number of cameras that are not disabled.
    #[must_use]
    pub fn watched(&self) -> u64 {
        self.total() - self.muted
    }

    /// Returns the number of watched cameras that are not lost.
    #[must_use]
    pub fn online(&self) -> u64 {
        self.watched() - self.offline
    }

    /// Returns the number of watched cameras that have a status or are lost.
    #[must_use]
    pub fn judged(&self) -> u64 {
        self.watched() - self.unknown - self.unchecked
    }
}

/// The answer of `GET /api/v1/overview`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Overview {
    /// When the overview was computed.
    pub at: DateTime<Utc>,
    /// The number of cameras by health, now.
    pub now: HealthCounts,
    /// The same numbers about 24 hours ago. Null if the master, which counts the cameras once an hour, did not count
    /// them within an hour of that time.
    pub yesterday: Option<FormerCounts>,
    /// The number of enabled cameras whose last check was more than 24 hours ago. Their state may be out of date.
    pub old: u64,
    /// When the latest clip of any camera was captured. Null if no camera was ever checked.
    pub newest_check: Option<DateTime<Utc>>,
    /// The groups. The group with the smallest share of intact (normal) cameras comes first.
    pub groups: Vec<GroupOverview>,
    /// The numbers of cameras that need action, by root cause. The most frequent cause comes first.
    pub causes: Vec<CauseCount>,
    /// Cameras that need action: offline, critical, error or warning. The most urgent come first. Equally urgent
    /// cameras are sorted by the time at which their status began, latest first. The request limits the length of the
    /// list; `now` counts all cameras.
    pub act: Vec<Camera>,
    /// The jobs.
    pub queue: QueueOverview,
    /// The nodes.
    pub nodes: NodesOverview,
    /// The runs that are open, and those that ended in the last 24 hours.
    pub runs: RunsOverview,
}

/// Earlier numbers of cameras by health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FormerCounts {
    /// When the cameras were counted.
    pub at: DateTime<Utc>,
    /// The counts.
    pub counts: HealthCounts,
}

/// The health of the cameras in a group. A camera in several groups counts in each of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupOverview {
    /// The group's name.
    pub name: String,
    /// The number of cameras in the group.
    pub total: u64,
    /// The number of these that are not disabled.
    pub watched: u64,
    /// The number of watched cameras that are not lost. The share online is `online` / `watched`.
    pub online: u64,
    /// The number of watched cameras that are lost or have a status.
    pub judged: u64,
    /// The number of watched cameras that are normal. The share intact is `intact` / `judged`.
    pub intact: u64,
}

/// The number of cameras with the same root cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CauseCount {
    /// The diagnosis. Null for cameras that were last checked by a version that did not record the cause.
    pub cause: Option<String>,
    /// The number of cameras.
    pub cameras: u64,
}

/// The number of jobs in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct QueueOverview {
    /// Jobs that wait for a node.
    pub queued: u64,
    /// Jobs that nodes work on.
    pub running: u64,
    /// Jobs that failed at their last attempt.
    pub dead: u64,
}

/// The number of nodes in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct NodesOverview {
    /// Nodes that take jobs.
    pub ready: u64,
    /// Nodes that finish their jobs and take no further ones.
    pub draining: u64,
    /// Nodes that unregistered, or that sent no heartbeat for the duration of a lease.
    pub silent: u64,
    /// The number of jobs that the ready nodes take at a time.
    pub places: u64,
    /// The number of jobs that the ready nodes work on.
    pub busy: u64,
}

/// The number of runs in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct RunsOverview {
    /// Runs that wait for a plugin or a camera.
    pub waiting: u64,
    /// Runs with jobs that have not ended.
    pub running: u64,
    /// Runs that finished in the last 24 hours.
    pub finished: u64,
    /// Runs that were cancelled in the last 24 hours.
    pub cancelled: u64,
    /// Runs that ended in the last 24 hours and have dead jobs.
    pub with_failures: u64,
}

/// The health of the cameras on one day. The shares are means over the hours of the day in which the cameras were
/// counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DayOverview {
    /// The day, in the time zone of the request.
    pub day: NaiveDate,
    /// The number of hours in which the cameras were counted. 0 if nothing is known about the day.
    pub hours: u32,
    /// The share of the watched cameras that gave a picture, 0 to 1. Null if it is not known.
    pub online: Option<f64>,
    /// The share of the judged cameras that were normal, 0 to 1. Null if it is not known.
    pub intact: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_kept_in_the_order_of_the_words() {
        let mut counts = HealthCounts::default();
        for (cameras, health) in (1..).zip(CameraHealth::ALL) {
            counts.add(health, cameras);
            assert_eq!(CameraHealth::of_word(health.as_str()), Some(health));
            assert_eq!(serde_json::to_value(health).unwrap(), health.as_str());
        }
        assert_eq!(counts.in_order(), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(HealthCounts::of(counts.in_order()), counts);
        assert_eq!((counts.total(), counts.watched(), counts.online(), counts.judged()), (36, 28, 27, 17));
    }
}
