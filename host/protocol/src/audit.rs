//! The audit log: what people changed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::AuditId;

/// What kind of caller made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// Anybody on the master's machine, because the master had neither tokens nor users.
    Anybody,
    /// The holder of a token.
    Token,
    /// A user who signed in.
    User,
    /// A user of the operating system who ran `easysight-master` on the master's machine.
    CommandLine,
}

/// The program through which a change was made. A client could pretend to be another program, so this says nothing
/// about rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditWay {
    /// A client of the API that is neither the web console nor a command-line program.
    Api,
    /// The web console, or another page that the master serves.
    Console,
    /// `easysight` or `easysight-master`.
    Cli,
}

/// Whether a change was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    /// The change was made.
    Done,
    /// The caller was not allowed to make the change. Nothing was changed.
    Refused,
}

/// Who made a change, as this caller was named at that time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditActor {
    /// What kind of caller it was.
    pub kind: ActorKind,
    /// The id of the token or user; null if the caller has no id.
    pub id: Option<String>,
    /// The name of the token or user; null if the caller has no name.
    pub name: Option<String>,
}

/// What was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditObject {
    /// The kind of object, such as `camera`.
    pub kind: String,
    /// The object's id; null if the change concerns many objects.
    pub id: Option<String>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// The entry's id. Ids sort by time.
    pub id: AuditId,
    /// When the change was made, by the master's clock.
    pub at: DateTime<Utc>,
    /// Who made the change.
    pub actor: AuditActor,
    /// The program through which the change was made.
    pub way: AuditWay,
    /// The network address from which the request came. Behind a reverse proxy, this is the proxy's address. Null for
    /// changes on the master's machine by `easysight-master`.
    pub address: Option<String>,
    /// The header `X-Forwarded-For` of the request. Any client can send any value, unless a proxy in front of the
    /// master overwrites it.
    pub forwarded_for: Option<String>,
    /// The id of the request (`x-request-id`). Log lines of the request contain this id.
    pub request_id: Option<String>,
    /// What was done, such as `camera.update`.
    pub action: String,
    /// What was changed.
    pub object: AuditObject,
    /// Whether the change was made.
    pub outcome: AuditOutcome,
    /// The fields that differ, as they were before. Null if there was nothing before. Secrets are masked.
    pub before: Option<BTreeMap<String, Value>>,
    /// The fields that differ, as they were after the change. Null if there is nothing after. Secrets are masked.
    pub after: Option<BTreeMap<String, Value>>,
}
