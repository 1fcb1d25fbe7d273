//! Submissions: one source is checked once, without a stored task.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Failure, Finding, SubmissionId,
    schema::{CameraSource, DiagnosisId},
};

/// The body of `POST /api/v1/diagnosis/submissions`. In an upload, this is the part `request` of the form, and the
/// part `clip` is the file.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmissionRequest {
    /// The address of the picture: `rtsp://`, `http(s)://`, or the path of a file that the worker can read. Absent
    /// with an upload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<CameraSource>)]
    pub source: Option<String>,
    /// Ids of the diagnoses to run. If absent or empty, all active diagnoses run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<DiagnosisId>)]
    pub diagnoses: Vec<String>,
    /// Configuration by diagnosis id. Absent fields have their defaults.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, BTreeMap<String, serde_json::Value>>, inline)]
    pub config: BTreeMap<String, serde_json::Value>,
}

/// The prefix of a source that is an uploaded clip. The name of the file follows the prefix.
const UPLOADED: &str = "upload:";

/// Returns the source of a job whose clip was uploaded under this name. `GET …/jobs/{id}/upload` returns the clip.
#[must_use]
pub fn uploaded_source(name: &str) -> String {
    format!("{UPLOADED}{name}")
}

/// Returns the name under which a job's clip was uploaded, or None if the source is of another kind.
#[must_use]
pub fn uploaded_name(source: &str) -> Option<&str> {
    source.strip_prefix(UPLOADED)
}

/// The state of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubmissionState {
    /// The submission waits for a free executor.
    Queued,
    /// The source is being captured or judged.
    Running,
    /// The submission has findings.
    Finished,
    /// The submission ended without findings; `failure` gives the reason.
    Failed,
}

/// A submission and, once it is finished, its findings.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Submission {
    /// The submission's id.
    pub id: SubmissionId,
    /// The submission's state.
    pub state: SubmissionState,
    /// The source, secrets masked, or the name of the uploaded file.
    pub source: String,
    /// When the submission was accepted.
    pub created_at: DateTime<Utc>,
    /// When an executor began to work on the submission.
    pub started_at: Option<DateTime<Utc>>,
    /// When the submission ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Milliseconds that the capture took; null until the capture has ended.
    pub decode_ms: Option<f64>,
    /// One finding for each diagnosis, once the submission is finished.
    pub findings: Vec<Finding>,
    /// Why the submission ended without findings.
    pub failure: Option<Failure>,
    /// Path of the evidence picture. Absent if every diagnosis is normal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}
