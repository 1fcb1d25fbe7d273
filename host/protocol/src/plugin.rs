//! Plugins as the master knows them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{Text, schema::DiagnosisId};

/// The media type of a plugin's bytes.
pub const COMPONENT_MEDIA_TYPE: &str = "application/wasm";

/// A diagnosis that a plugin implements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DiagnosisInfo {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub title: Text,
    /// What it checks.
    pub description: Text,
}

/// A published plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PublishedPlugin {
    /// blake3 digest, 64 hexadecimal digits.
    pub digest: String,
    /// Its name.
    pub name: String,
    /// Its semantic version.
    pub version: String,
    /// Bytes of the component.
    pub size_bytes: u64,
    /// What it implements.
    pub diagnoses: Vec<DiagnosisInfo>,
    /// JSON Schema of its configuration.
    #[schema(value_type = Object)]
    pub config_schema: Value,
    /// When it was published.
    pub published_at: DateTime<Utc>,
    /// The host's interfaces that it imports, with their versions, as
    /// `easysight:diagnosis/video@1.0.0`: all that it can reach.
    #[serde(default)]
    pub imports: Vec<String>,
    /// Ids of the diagnoses that it is active for.
    pub active_for: Vec<String>,
    /// Ids of the diagnoses that it stands beside the active plugin for, as a candidate.
    #[serde(default)]
    pub shadow_for: Vec<String>,
    /// Public keys of those who signed it.
    #[serde(default)]
    pub signed_by: Vec<String>,
}

/// Who vouches for a component, and for what it says of itself. Beside a component `NAME.wasm` it is the
/// JSON document `NAME.wasm.sig`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginSignature {
    /// blake3 digest of the component, 64 hexadecimal digits.
    pub digest: String,
    /// One a key.
    pub signatures: Vec<KeySignature>,
}

/// One key's signature of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeySignature {
    /// The public key: `ed25519:` and 32 bytes in base64.
    pub key: String,
    /// What the component said of itself when it was signed, as JSON.
    pub descriptor: String,
    /// The ed25519 signature: 64 bytes in base64.
    pub signature: String,
}

/// Which plugin serves a diagnosis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Activation {
    /// The diagnosis.
    pub diagnosis: String,
    /// The plugin; absent where it was deactivated.
    pub digest: Option<String>,
    /// Since when.
    pub activated_at: DateTime<Utc>,
}

/// What an activation, or a shadow, may be narrowed to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivationRequest {
    /// Ids of diagnoses; all that the plugin implements where empty.
    #[serde(default)]
    #[schema(value_type = Vec<DiagnosisId>)]
    pub diagnoses: Vec<String>,
}
