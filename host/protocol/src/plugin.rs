//! Published plugins, their signatures and their activations.

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
    /// The diagnosis' id.
    pub id: String,
    /// The diagnosis' name, for people.
    pub title: Text,
    /// What the diagnosis checks.
    pub description: Text,
}

/// A published plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PublishedPlugin {
    /// blake3 digest, 64 hexadecimal digits.
    pub digest: String,
    /// The plugin's name.
    pub name: String,
    /// The plugin's semantic version.
    pub version: String,
    /// The component's size in bytes.
    pub size_bytes: u64,
    /// The diagnoses that the plugin implements.
    pub diagnoses: Vec<DiagnosisInfo>,
    /// JSON Schema of the plugin's configuration.
    #[schema(value_type = Object)]
    pub config_schema: Value,
    /// When the plugin was published.
    pub published_at: DateTime<Utc>,
    /// The host's interfaces that the plugin imports, with versions, such as `easysight:diagnosis/video@1.0.0`. The
    /// plugin can reach nothing else.
    #[serde(default)]
    pub imports: Vec<String>,
    /// Ids of the diagnoses that the plugin is active for.
    pub active_for: Vec<String>,
    /// Ids of the diagnoses for which the plugin runs as a candidate beside the active plugin.
    #[serde(default)]
    pub shadow_for: Vec<String>,
    /// Public keys that signed the plugin.
    #[serde(default)]
    pub signed_by: Vec<String>,
}

/// The signatures of a component and of its descriptor. The file `NAME.wasm.sig` beside a component `NAME.wasm`
/// contains them as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginSignature {
    /// blake3 digest of the component, 64 hexadecimal digits.
    pub digest: String,
    /// One signature for each key.
    pub signatures: Vec<KeySignature>,
}

/// One key's signature of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeySignature {
    /// The public key: `ed25519:` and 32 bytes in base64.
    pub key: String,
    /// The component's descriptor at the time of signing, as JSON.
    pub descriptor: String,
    /// The ed25519 signature: 64 bytes in base64.
    pub signature: String,
}

/// Which plugin is active for a diagnosis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Activation {
    /// The diagnosis.
    pub diagnosis: String,
    /// The plugin's digest; null if no plugin is active.
    pub digest: Option<String>,
    /// When this activation or deactivation was made.
    pub activated_at: DateTime<Utc>,
}

/// The diagnoses that an activation, a deactivation or a candidate is limited to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivationRequest {
    /// Ids of diagnoses. An empty list stands for all diagnoses that the plugin implements.
    #[serde(default)]
    #[schema(value_type = Vec<DiagnosisId>)]
    pub diagnoses: Vec<String>,
}
