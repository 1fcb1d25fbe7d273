//! The principal: who makes a request, and what this caller may do.

use std::fmt;

use axum::http::StatusCode;
use easysight_daemon::problem::Error;
use easysight_protocol::{Scope, UserInfo};
use easysight_store::Area;

/// The right that a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// To read cameras, tasks, results and nodes.
    View,
    /// To change cameras, tasks and runs.
    Operate,
    /// To act as a worker.
    Work,
    /// To fetch a plugin.
    Fetch,
    /// To publish and activate plugins.
    Publish,
    /// To manage tokens and users, to drain nodes, and to read the audit log and the state of the storage.
    Administer,
}

impl Need {
    const fn is_met_by(self, scope: Scope) -> bool {
        match self {
            Self::View => matches!(scope, Scope::Admin | Scope::Operator | Scope::Viewer),
            Self::Operate => matches!(scope, Scope::Admin | Scope::Operator),
            Self::Work => matches!(scope, Scope::Admin | Scope::Worker),
            Self::Fetch => true,
            Self::Publish => matches!(scope, Scope::Admin | Scope::Publisher),
            Self::Administer => matches!(scope, Scope::Admin),
        }
    }
}

/// The caller of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Anybody on this machine: the master is open.
    Anybody,
    /// The holder of a token.
    Token {
        /// The token's id.
        id: String,
        /// The token's name, for people.
        name: String,
    },
    /// A user who has signed in.
    User {
        /// The user's id.
        id: String,
        /// The user's name.
        name: String,
        /// The id of the session.
        session: String,
    },
}

/// The caller of a request, and the caller's scope and area. The guard stores the principal in the request's
/// extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Principal {
    /// The identity of the principal.
    pub(crate) identity: Identity,
    /// The scope, which decides what the principal may do.
    pub(crate) scope: Scope,
    /// The cameras to which the scope applies.
    pub(crate) area: Area,
}

impl Principal {
    /// The principal of an open master: anybody on this machine. This principal may do everything.
    pub(crate) const ANYBODY: Self =
        Self { identity: Identity::Anybody, scope: Scope::Admin, area: Area::ALL };

    /// Checks that the scope meets the need of a request.
    ///
    /// # Errors
    ///
    /// Returns 403 if the scope does not meet the need.
    pub(crate) fn must_meet(&self, need: Need) -> Result<(), Error> {
        if need.is_met_by(self.scope) {
            return Ok(());
        }
        let detail = format!("{self} has the scope {}, which does not allow this", self.scope.as_str());
        Err(Error::new(StatusCode::FORBIDDEN, "forbidden", detail))
    }
}

/// Returns the area of a user or token. An administrator has none, whatever is stored: a version of this program that
/// knows no areas may have changed the scope.
pub(crate) fn area_of(id: &str, scope: Scope, groups: Option<&[String]>) -> Area {
    Area::of(id, groups.filter(|_| scope != Scope::Admin))
}

/// Returns the area of a user.
pub(crate) fn area_of_user(user: &UserInfo) -> Area {
    area_of(&user.id, user.scope, user.groups.as_deref())
}

/// The text in log lines and problem responses.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.identity {
            Identity::Anybody => f.write_str("anybody"),
            Identity::Token { id, name } => write!(f, "the token `{name}` ({id})"),
            Identity::User { id, name, .. } => write!(f, "the user `{name}` ({id})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_allows_what_it_says_and_no_more() {
        let all = [Need::View, Need::Operate, Need::Work, Need::Fetch, Need::Publish, Need::Administer];
        let allowed = |scope| -> Vec<Need> {
            let principal = Principal { identity: Identity::Anybody, scope, area: Area::ALL };
            all.into_iter().filter(|need| principal.must_meet(*need).is_ok()).collect()
        };
        assert_eq!(allowed(Scope::Admin), all);
        assert_eq!(allowed(Scope::Operator), [Need::View, Need::Operate, Need::Fetch]);
        assert_eq!(allowed(Scope::Viewer), [Need::View, Need::Fetch]);
        assert_eq!(allowed(Scope::Worker), [Need::Work, Need::Fetch]);
        assert_eq!(allowed(Scope::Publisher), [Need::Fetch, Need::Publish]);
    }
}
