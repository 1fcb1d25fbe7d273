//! Ad-hoc diagnosis: one source, judged once, without stored definitions.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Failure, Finding, SubmissionId,
    schema::{CameraSource, DiagnosisId},
};

/// What shall be judged. The body of `POST /api/v1/diagnosis/submissions`; with an upload, the part
/// `request` beside the part `clip`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmissionRequest {
    /// `rtsp://`, `http(s)://` or a file the worker may read. Absent with an upload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<CameraSource>)]
    pub source: Option<String>,
    /// Ids of the diagnoses to run; all that the worker has where absent or empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<DiagnosisId>)]
    pub diagnoses: Vec<String>,
    /// Configuration by diagnosis id; what is absent takes its default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, BTreeMap<String, serde_json::Value>>, inline)]
    pub config: BTreeMap<String, serde_json::Value>,
}

/// What a job's source begins with where its clip was uploaded; the name of the file follows.
const UPLOADED: &str = "upload:";

/// The source of a job whose clip was uploaded under this name; `GET …/jobs/{id}/upload` has it.
#[must_use]
pub fn uploaded_source(name: &str) -> String {
    format!("{UPLOADED}{name}")
}

/// The name under which a job's clip was uploaded; none where its source is another.
#[must_use]
pub fn uploaded_name(source: &str) -> Option<&str> {
    source.strip_prefix(UPLOADED)
}

/// How far a submission is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubmissionState {
    /// Waits for a free executor.
    Queued,
    /// Is captured or judged.
    Running,
    /// Has findings.
    Finished,
    /// Ended without findings; `failure` says why.
    Failed,
}

/// A submission and, once finished, its findings.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Submission {
    /// Its name, for looking it up.
    pub id: SubmissionId,
    /// How far it is.
    pub state: SubmissionState,
    /// The source with credentials masked, or the name of the uploaded file.
    pub source: String,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When an executor took it.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Wall-clock time of capturing the clip, in milliseconds, once captured.
    pub decode_ms: Option<f64>,
    /// One finding a diagnosis, once finished.
    pub findings: Vec<Finding>,
    /// Why it ended without findings.
    pub failure: Option<Failure>,
    /// Path of the picture that shows what was found; absent where all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}
