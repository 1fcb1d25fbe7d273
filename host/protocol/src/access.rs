//! Who may do what.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::schema::Name;

/// What the holder of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything.
    Admin,
    /// See everything, and change cameras, tasks and runs.
    Operator,
    /// See cameras, tasks, results and nodes.
    Viewer,
    /// Be a worker: register, lease, report, fetch plugins.
    Worker,
    /// Publish and activate plugins.
    Publisher,
}

impl Scope {
    /// The word on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Viewer => "viewer",
            Self::Worker => "worker",
            Self::Publisher => "publisher",
        }
    }
}

/// A text that is no scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseScopeError;

impl std::fmt::Display for ParseScopeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("admin, operator, viewer, worker or publisher is wanted")
    }
}

impl std::error::Error for ParseScopeError {}

impl FromStr for Scope {
    type Err = ParseScopeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Admin, Self::Operator, Self::Viewer, Self::Worker, Self::Publisher];
        all.into_iter().find(|scope| scope.as_str() == text).ok_or(ParseScopeError)
    }
}

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenInfo {
    /// Names it, for revoking.
    pub id: String,
    /// For people.
    pub name: String,
    /// What its holder may do.
    pub scope: Scope,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// What a token shall be. The body of `POST /api/v1/tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// For people, 1 to 200 characters.
    #[schema(value_type = Name)]
    pub name: String,
    /// What its holder may do.
    pub scope: Scope,
    /// When it ends by itself; never where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
}

/// A token that was just made. Its secret is never shown again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewToken {
    /// What `Authorization: Bearer …` takes.
    pub token: String,
    /// The rest.
    #[serde(flatten)]
    pub info: TokenInfo,
}
