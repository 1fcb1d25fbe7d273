//! Baselines: what a plugin remembers about a camera from one run to the next. Only the plugin understands the bytes.
//! In JSON, the bytes are base64.

use std::{error, fmt};

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Finding, Status};

/// The maximum size of a baseline, in bytes.
pub const MAX_BASELINE_BYTES: usize = 256 << 10;
/// The maximum length of a plugin's name, in characters.
const MAX_NAME: usize = 64;
/// The name of the baseline in which a node itself records its checks of a camera, to decide whether the next check may
/// be short (see [`Look`](crate::Look)). No plugin has this name.
pub const LOOKS_MEMORY: &str = "host.looks";
/// The diagnosis that detects that a camera's view has changed.
const SCENE_CHANGE: &str = "scene_change";

/// What one plugin remembers about one camera.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Baseline {
    /// The plugin's name without its version: a later version continues with the same baseline.
    pub plugin: String,
    /// The bytes, at most 262144, in base64 with padding.
    pub data: String,
}

/// Shows only the plugin and the length, because hundreds of thousands of characters are of no use in a log.
impl fmt::Debug for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Baseline({}, {} letters)", self.plugin, self.data.len())
    }
}

impl Baseline {
    /// Makes a baseline of a plugin from its bytes.
    #[must_use]
    pub fn new(plugin: &str, bytes: &[u8]) -> Self {
        Self { plugin: plugin.to_owned(), data: STANDARD.encode(bytes) }
    }

    /// Checks the plugin's name and decodes the bytes.
    ///
    /// # Errors
    ///
    /// Returns a [`BaselineError`] if the plugin's name or the data are invalid.
    pub fn bytes(&self) -> Result<Vec<u8>, BaselineError> {
        let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let is_plugin = (1..=MAX_NAME).contains(&self.plugin.len()) && self.plugin.chars().all(named);
        if !is_plugin && self.plugin != LOOKS_MEMORY {
            return Err(BaselineError::Name);
        }
        // The length is checked before anything is decoded.
        if self.data.len() > MAX_BASELINE_BYTES.div_ceil(3) * 4 {
            return Err(BaselineError::TooLarge { letters: self.data.len() });
        }
        let bytes = STANDARD.decode(&self.data).map_err(|_| BaselineError::NotBase64)?;
        if bytes.len() > MAX_BASELINE_BYTES {
            return Err(BaselineError::TooLarge { letters: self.data.len() });
        }
        Ok(bytes)
    }
}

/// Why a baseline is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaselineError {
    /// The name is not a plugin's name.
    Name,
    /// The baseline is too large.
    TooLarge {
        /// The number of base64 characters.
        letters: usize,
    },
    /// The data are not base64, for example because they were damaged in transit or in the store.
    NotBase64,
}

impl fmt::Display for BaselineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("this is not a valid plugin name"),
            Self::TooLarge { letters } => {
                write!(f, "{letters} characters of base64 are more than {MAX_BASELINE_BYTES} bytes")
            }
            Self::NotBase64 => f.write_str("the data are not base64"),
        }
    }
}

impl error::Error for BaselineError {}

/// A stored baseline of a camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BaselineInfo {
    /// The plugin's name.
    pub plugin: String,
    /// The baseline's size in bytes.
    pub size_bytes: u64,
    /// When the job that stored the baseline was leased.
    pub stored_at: DateTime<Utc>,
}

/// The answer to a reset of baselines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BaselineReset {
    /// The number of removed baselines.
    pub removed: u64,
}

impl Finding {
    /// Returns the name of the plugin that made this finding, without its version, or None if no plugin ran.
    #[must_use]
    pub fn plugin_name(&self) -> Option<&str> {
        self.plugin.as_deref().map(plugin_name)
    }

    /// Returns the name of the plugin that reported a changed view of the camera, or None if no finding of this clip
    /// reports a changed view. After a changed view, the baselines of all other plugins describe the former view. A
    /// changed view that another finding explains, such as a covered or broken picture, does not count.
    #[must_use]
    pub fn moved(findings: &[Self]) -> Option<&str> {
        findings
            .iter()
            .find(|one| one.diagnosis == SCENE_CHANGE && one.status >= Some(Status::Error))
            .filter(|one| one.consequence_of.is_none())
            .and_then(Self::plugin_name)
    }
}

/// Returns the part of `name@version` before the `@`.
#[must_use]
pub fn plugin_name(with_version: &str) -> &str {
    with_version.split_once('@').map_or(with_version, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_through_json_as_they_were() {
        let bytes: Vec<u8> = (0..=255).cycle().take(MAX_BASELINE_BYTES).collect();
        let json = serde_json::to_string(&Baseline::new("color_cast", &bytes)).unwrap();
        let read: Baseline = serde_json::from_str(&json).unwrap();
        assert_eq!(read.bytes(), Ok(bytes));
    }

    #[test]
    fn what_is_none_is_told_apart() {
        let of = |plugin: &str, data: &str| Baseline { plugin: plugin.into(), data: data.into() }.bytes();
        assert_eq!(of("a", "AA=="), Ok(vec![0]));
        assert_eq!(of("a", "AA"), Err(BaselineError::NotBase64));
        assert_eq!(of("a", "€€€€"), Err(BaselineError::NotBase64));
        for name in ["", "A", "../a", &"a".repeat(65)] {
            assert_eq!(of(name, "AA=="), Err(BaselineError::Name), "{name}");
        }
        let large = Baseline::new("a", &vec![0; MAX_BASELINE_BYTES + 1]);
        assert!(matches!(large.bytes(), Err(BaselineError::TooLarge { .. })));
    }

    fn scene_change(status: &str, consequence_of: Option<&str>) -> Finding {
        serde_json::from_value(serde_json::json!({
            "diagnosis": "scene_change", "status": status, "consequence_of": consequence_of, "score": 1.0,
            "decision": null, "message": {"zh": "", "en": "moved"}, "failure": null, "fuel": 1,
            "compute_ms": 1.0, "plugin": "view@1.2.0", "digest": null,
        }))
        .unwrap()
    }

    #[test]
    fn only_a_camera_that_moved_has_moved() {
        assert_eq!(Finding::moved(&[scene_change("error", None)]), Some("view"));
        assert_eq!(Finding::moved(&[scene_change("critical", None)]), Some("view"));
        assert_eq!(Finding::moved(&[scene_change("warning", None)]), None);
        assert_eq!(Finding::moved(&[scene_change("error", Some("occlusion"))]), None);
        assert_eq!(Finding::moved(&[]), None);
    }
}
