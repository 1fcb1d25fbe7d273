//! Findings: the result of one diagnosis for one clip.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, Unexpected},
};
use utoipa::ToSchema;

/// A text in the users' languages. At least one of the two fields is not empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Text {
    /// Simplified Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// The status of a finding or a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// No action is needed.
    Normal,
    /// The camera is worth checking.
    Warning,
    /// The picture is hardly usable.
    Error,
    /// There is no usable picture.
    Critical,
}

impl Status {
    /// Returns the word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }

    /// Returns the status with this word, or None if the word is not a status.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Normal, Self::Warning, Self::Error, Self::Critical].into_iter().find(|s| s.as_str() == word)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One measured value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Metric {
    /// The value. It is finite.
    pub value: f64,
    /// The value's unit; empty for a plain number.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
}

/// A box in the picture. Coordinates are shares (0 to 1) of the picture's width and height.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Region {
    /// The distance from the picture's left edge.
    #[serde(deserialize_with = "share")]
    pub left: f32,
    /// The distance from the picture's top edge.
    #[serde(deserialize_with = "share")]
    pub top: f32,
    /// Width of the box.
    #[serde(deserialize_with = "share")]
    pub width: f32,
    /// Height of the box.
    #[serde(deserialize_with = "share")]
    pub height: f32,
    /// What the box shows.
    pub caption: Text,
}

/// Reads a share of the picture. JSON has numbers that are too large for single precision: they would become infinite,
/// and could not be read again, because JSON has no infinity.
fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    let share = f32::deserialize(deserializer)?;
    if share.is_finite() {
        return Ok(share);
    }
    Err(D::Error::invalid_value(Unexpected::Other("infinity"), &"a share of the picture"))
}

/// The metric that decided the verdict, and its threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    /// Name of one of the finding's metrics.
    pub metric: String,
    /// The threshold, in the metric's unit.
    pub threshold: f64,
}

/// The evidence pictures of a finding, for `GET /api/v1/diagnosis/pictures/{digest}`. All findings of one clip have
/// the same pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    /// blake3 digest of the picture: the frame that decided the verdict, with the affected places marked.
    pub picture: String,
    /// blake3 digest of a small version of the picture.
    pub thumbnail: String,
}

/// Why a diagnosis has no verdict, or why a job has no findings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// A stable word: `inconclusive`, `unsupported-clip`, `invalid-config`, `fuel-exhausted`, …
    pub kind: String,
    /// A sentence for the person who must act.
    pub detail: String,
}

impl Failure {
    /// The kind of failure that means "the picture allows no verdict". Nothing is broken.
    pub const INCONCLUSIVE: &'static str = "inconclusive";
    /// The kind of failure that means "the diagnosis cannot judge this kind of clip". For example, `freeze` cannot
    /// judge a single picture.
    pub const UNSUPPORTED_CLIP: &'static str = "unsupported-clip";

    /// Returns true if the clip allowed no verdict although nothing went wrong.
    #[must_use]
    pub fn is_harmless(&self) -> bool {
        self.kind == Self::INCONCLUSIVE || self.kind == Self::UNSUPPORTED_CLIP
    }
}

/// How much of the camera's video a check captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Look {
    /// Everything that the diagnoses need.
    Full,
    /// One second. Its findings agreed with the findings of the last full check.
    Short,
    /// Nothing: the check only tested whether the camera accepts a connection. The camera gave no picture at earlier
    /// checks, and is therefore rarely asked for one.
    Connect,
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "full",
            Self::Short => "short",
            Self::Connect => "connect",
        })
    }
}

/// The result of one diagnosis for one clip: a verdict (`status` and its details), or the `failure` that prevented a
/// verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Id of the diagnosis: `brightness`, `freeze`, `signal_loss`, …
    pub diagnosis: String,
    /// The verdict; null if there is none, see `failure`.
    pub status: Option<Status>,
    /// Id of the diagnosis whose finding, of the same clip, explains this one: the root cause. Absent if no other
    /// finding explains this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consequence_of: Option<String>,
    /// 0 to 100; 100 is healthy. Null if there is no verdict.
    pub score: Option<f64>,
    /// The metric that decided the verdict. Null if nothing was measured.
    pub decision: Option<Decision>,
    /// One sentence for the person who drives out to the camera.
    pub message: Text,
    /// What to do about the fault. The most promising suggestion comes first.
    #[serde(default)]
    pub suggestions: Vec<Text>,
    /// All measured values by name.
    #[serde(default)]
    pub metrics: BTreeMap<String, Metric>,
    /// The regions of the picture that show the fault. Empty if the fault has no particular place.
    #[serde(default)]
    pub regions: Vec<Region>,
    /// The evidence pictures. Absent if every diagnosis is normal, or if the pictures were not delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Why there is no verdict.
    pub failure: Option<Failure>,
    /// Why there is no picture, as a stable word: `unauthorized`, `connect-timed-out`, … Only findings of
    /// `signal_loss` have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<String>,
    /// Whether the camera accepted a connection. Only findings with a `loss` have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connects: Option<bool>,
    /// How much of the camera's video the check captured. Absent for a full check if the task has full checks
    /// only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<Look>,
    /// Fuel that the plugin used: wasm instructions and bytes passed to it. 0 if no plugin ran.
    pub fuel: u64,
    /// Wall-clock time of the plugin's run, in milliseconds. All findings of one run have the same value.
    pub compute_ms: f64,
    /// Linear memory of the plugin at the end of its run, in bytes. 0 if no plugin ran or the node did not report
    /// it.
    #[serde(default)]
    pub memory_bytes: u64,
    /// Name and version of the plugin, such as `brightness@1.0.0`. Null if no plugin ran.
    pub plugin: Option<String>,
    /// blake3 digest of the plugin, 64 hexadecimal digits. Null if no plugin ran.
    pub digest: Option<String>,
}

impl Finding {
    /// Returns a finding without a verdict and without a failure.
    #[must_use]
    pub fn blank(diagnosis: &str) -> Self {
        Self {
            diagnosis: diagnosis.to_owned(),
            status: None,
            consequence_of: None,
            score: None,
            decision: None,
            message: Text::default(),
            suggestions: Vec::new(),
            metrics: BTreeMap::new(),
            regions: Vec::new(),
            evidence: None,
            failure: None,
            loss: None,
            connects: None,
            look: None,
            fuel: 0,
            compute_ms: 0.0,
            memory_bytes: 0,
            plugin: None,
            digest: None,
        }
    }

    /// Returns the word by which findings are counted and filtered: the status, or the kind of the failure.
    #[must_use]
    pub fn word(&self) -> &str {
        match (self.status, &self.failure) {
            (Some(status), _) => status.as_str(),
            (None, Some(failure)) => &failure.kind,
            (None, None) => "none",
        }
    }

    /// Returns true if the status is worse than normal, so that a person should look.
    #[must_use]
    pub fn is_abnormal(&self) -> bool {
        self.status.is_some_and(|status| status > Status::Normal)
    }

    /// Returns the status of a camera from the findings of one clip: the worst status of the findings that no other
    /// finding explains. Returns None if none of these findings has a status.
    #[must_use]
    pub fn overall_status(findings: &[Self]) -> Option<Status> {
        findings.iter().filter(|one| one.consequence_of.is_none()).filter_map(|one| one.status).max()
    }

    /// Returns true if the finding has a failure whose cause is a plugin or a configuration, not the camera.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.failure.as_ref().is_some_and(|failure| !failure.is_harmless())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_region_that_is_read_can_be_written_and_read_again() {
        let region = |left: f64| {
            let region =
                json!({"left": left, "top": 0, "width": 0.5, "height": 1, "caption": {"zh": "", "en": "x"}});
            serde_json::from_value::<Region>(region)
        };
        let read = region(0.25).unwrap();
        assert_eq!(serde_json::from_value::<Region>(json!(read)).unwrap(), read);
        assert!(region(f64::from(f32::MAX)).is_ok());
        for too_large in [1e39, -1e39, f64::MAX] {
            let error = region(too_large).unwrap_err().to_string();
            assert!(error.contains("a share of the picture"), "{error}");
        }
    }
}
