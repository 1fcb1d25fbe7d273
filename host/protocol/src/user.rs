//! Users, who sign in with a name and a password, and their sessions.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Scope, schema};

/// The smallest number of characters in a password.
pub const MIN_PASSWORD_CHARS: usize = 10;
/// The largest size of a password in bytes.
pub const MAX_PASSWORD_BYTES: usize = 1_024;

/// A password. Its `Debug` text does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    /// Makes a password of a text.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// Returns the text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A user, without the password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserInfo {
    /// The user's id.
    pub id: String,
    /// The name with which the user signs in. Capital and small letters make no difference.
    pub name: String,
    /// What the user may do.
    pub scope: Scope,
    /// True if the user may not sign in.
    pub disabled: bool,
    /// When the user was created.
    pub created_at: DateTime<Utc>,
    /// When the user signed in last; null if the user has not signed in yet.
    pub last_signed_in_at: Option<DateTime<Utc>>,
    /// The user's area: the user may see and change only the cameras of these groups. Null for all cameras.
    #[serde(default)]
    pub groups: Option<Vec<String>>,
}

/// The body of `POST /api/v1/users`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserRequest {
    /// The name with which the user signs in, 1 to 200 characters. No two users have the same name; capital and small
    /// letters, and white space around the name, make no difference.
    #[schema(value_type = schema::Name)]
    pub name: String,
    /// What the user may do. A user cannot have the scope `worker`.
    #[schema(value_type = schema::UserScope)]
    pub scope: Scope,
    /// The password, 10 characters to 1,024 bytes.
    #[schema(value_type = schema::NewPassword)]
    pub password: Password,
    /// The user's area: the user may see and change only the cameras of these groups, at least one and at most 64. If
    /// absent, all cameras. Only operators and viewers can have an area.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<schema::Name>>, min_items = 1, max_items = 64)]
    pub groups: Option<Vec<String>>,
}

/// The body of `PATCH /api/v1/users/{id}`. Fields that are absent or null stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// The new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Name>)]
    pub name: Option<String>,
    /// The new scope. A user cannot have the scope `worker`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::UserScope>)]
    pub scope: Option<Scope>,
    /// True: the user may no longer sign in, and the user's sessions end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// A new password. The user's sessions end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::NewPassword>)]
    pub password: Option<Password>,
    /// A new area: from now on, the user may see and change only the cameras of these groups, at least one and at most
    /// 64. Only operators and viewers can have an area.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<schema::Name>>, min_items = 1, max_items = 64)]
    pub groups: Option<Vec<String>>,
    /// True: the user has no area any more, and may see all cameras.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub everywhere: Option<bool>,
}

/// The body of `POST /api/v1/session`: a name and a password, or nothing if the request has a token.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionRequest {
    /// The user's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Name>)]
    pub name: Option<String>,
    /// The user's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::AnyPassword>)]
    pub password: Option<Password>,
}

/// How the master identified the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Identified {
    /// Anybody on the machine of an open master.
    Anybody,
    /// The holder of a token.
    Token,
    /// A user.
    User,
}

/// Who makes the request, and what this client may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionInfo {
    /// The kind of client.
    pub identity: Identified,
    /// The id of the token or user; null for anybody.
    pub id: Option<String>,
    /// The name of the token or user; null for anybody.
    pub name: Option<String>,
    /// What the client may do.
    pub scope: Scope,
    /// The area of the client: it may see and change only the cameras of these groups. Null for all cameras.
    #[serde(default)]
    pub groups: Option<Vec<String>>,
    /// True if the master has neither tokens nor users: everybody on its machine may do everything.
    pub open: bool,
    /// When the user's session ends or the token expires; null if there is no such time.
    pub ends_at: Option<DateTime<Utc>>,
    /// The number of seconds without a request after which the user's session ends; null if the client is not a user.
    pub idle_s: Option<u64>,
}

/// The body of `PUT /api/v1/session/password`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The current password.
    #[schema(value_type = schema::AnyPassword)]
    pub old_password: Password,
    /// The new password, 10 characters to 1,024 bytes.
    #[schema(value_type = schema::NewPassword)]
    pub new_password: Password,
}

/// The body of `POST /api/v1/welcome`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WelcomeRequest {
    /// The secret in the link that the master logged.
    #[schema(value_type = schema::Secret)]
    pub secret: Password,
    /// The name of the first administrator.
    #[schema(value_type = schema::Name)]
    pub name: String,
    /// The password of the first administrator, 10 characters to 1,024 bytes.
    #[schema(value_type = schema::NewPassword)]
    pub password: Password,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown_where_a_request_is_logged() {
        let json = r#"{"name": "ada", "password": "correct horse battery"}"#;
        let request: SessionRequest = serde_json::from_str(json).unwrap();
        let shown = format!("{request:?}");
        assert!(shown.contains("***") && !shown.contains("horse"), "{shown}");
        assert_eq!(request.password.unwrap().reveal(), "correct horse battery");
    }
}
