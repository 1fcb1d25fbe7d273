//! Tokens and their scopes.

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
    /// Read cameras, tasks, results and nodes; change cameras, tasks and runs.
    Operator,
    /// Read cameras, tasks, results and nodes.
    Viewer,
    /// Work as a node: register, lease jobs, report results, fetch plugins.
    Worker,
    /// Publish and activate plugins.
    Publisher,
}

impl Scope {
    /// Returns true if a user or token with this scope can be limited to the cameras of some groups. Administrators may see
    /// everything, and the other scopes have nothing to do with cameras.
    #[must_use]
    pub const fn may_be_limited(self) -> bool {
        matches!(self, Self::Operator | Self::Viewer)
    }

    /// Returns the word on the wire and in the store.
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

/// The error for a string that is not a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseScopeError;

impl std::fmt::Display for ParseScopeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("expected admin, operator, viewer, worker or publisher")
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
    /// The token's id.
    pub id: String,
    /// The token's name, for people.
    pub name: String,
    /// What the token's holder may do.
    pub scope: Scope,
    /// When the token was created.
    pub created_at: DateTime<Utc>,
    /// When the token expires; null if the token never expires.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the token was revoked; null if the token is not revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// The token's area: its holder may see and change only the cameras of these groups. Null for all cameras.
    #[serde(default)]
    pub groups: Option<Vec<String>>,
}

/// The body of `POST /api/v1/tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// The token's name, for people, 1 to 200 characters.
    #[schema(value_type = Name)]
    pub name: String,
    /// What the token's holder may do.
    pub scope: Scope,
    /// The date at which the token expires. This date stays the same even if the master's clock is corrected later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// The token's lifetime in seconds, 1 to 3,153,600,000, instead of a date. The lifetime stays the same even if the
    /// master's clock is corrected later. Without `expires_at` and `lifetime_s`, the token never expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 3_153_600_000_u64)]
    pub lifetime_s: Option<u64>,
    /// The token's area: its holder may see and change only the cameras of these groups, at least one and at most 64.
    /// If absent, all cameras. Only tokens of operators and viewers can have an area.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Name>>, min_items = 1, max_items = 64)]
    pub groups: Option<Vec<String>>,
}

/// A token that was just created. The secret is never shown again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewToken {
    /// The secret, for the header `Authorization: Bearer …`.
    pub token: String,
    /// The token without its secret.
    #[serde(flatten)]
    pub info: TokenInfo,
}
