//! Versions of definitions: of cameras and tasks. A caller who has read a version may make a change on the condition that
//! this version is still the stored one. The change compares it after it has locked the row, so that of several callers
//! who have read the same version exactly one succeeds.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::{Acting, StoreError, db::Row, query::time_of};

/// If a stored time is further ahead of now than this many milliseconds, a wrong clock has written it. The clocks of
/// masters that share a database differ by less.
const AHEAD_MS: i64 = 60_000;

/// A version of a definition. It changes with each change of the definition, and with nothing else: each change gives
/// `updated_at` another value (see [`moved_on`]), and an object that is created again has another `created_at`. The version says
/// nothing about the definition itself, because callers may see it without seeing all of the definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    created_at: i64,
    updated_at: i64,
}

impl Version {
    /// Returns the version of an object with these times.
    #[must_use]
    pub const fn of(created_at: DateTime<Utc>, updated_at: DateTime<Utc>) -> Self {
        Self { created_at: created_at.timestamp_millis(), updated_at: updated_at.timestamp_millis() }
    }

    pub(crate) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self::of(time_of(row, "created_at")?, time_of(row, "updated_at")?))
    }
}

/// The version as the text of an entity tag, without quotation marks.
impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:x}-{:x}", self.created_at, self.updated_at)
    }
}

/// Some versions, as a caller names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Versions {
    /// Every version.
    Any,
    /// Those with these texts.
    These(Vec<String>),
}

impl Versions {
    fn have(&self, version: Version) -> bool {
        match self {
            Self::Any => true,
            Self::These(texts) => texts.contains(&version.to_string()),
        }
    }
}

/// What must hold for the stored version, so that a change is made. The default is no condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Precondition {
    /// The stored version must be one of these.
    pub is_among: Option<Versions>,
    /// The stored version must be none of these.
    pub is_not_among: Option<Versions>,
}

impl Precondition {
    /// The condition that the stored version is this one.
    #[must_use]
    pub fn is(version: Version) -> Self {
        Self { is_among: Some(Versions::These(vec![version.to_string()])), is_not_among: None }
    }

    /// Checks a stored version. The commands of the store check it again after they have locked the row.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Changed`] if the condition does not hold.
    pub fn check(&self, stored: Version) -> Result<(), StoreError> {
        let detail = if self.is_among.as_ref().is_some_and(|versions| !versions.have(stored)) {
            "this was changed after the version that the request names (If-Match): read it again, compare, and repeat \
             the change if it is still wanted"
        } else if self.is_not_among.as_ref().is_some_and(|versions| versions.have(stored)) {
            "this exists already, in a version that the request does not want to change (If-None-Match)"
        } else {
            return Ok(());
        };
        Err(StoreError::Changed { version: stored, detail })
    }
}

impl Acting<'_> {
    /// Adds a condition, which the commands that change or remove one camera or one task check.
    #[must_use]
    pub fn only_if(mut self, precondition: Precondition) -> Self {
        self.precondition = precondition;
        self
    }
}

/// Returns the SQL expression for the new value of `updated_at`, whose stored value is `column`. Two changes never have the
/// same time, even if they happen in the same millisecond, or if masters with different clocks make them.
pub(crate) fn moved_on(column: &str, now: &str) -> String {
    format!("CASE WHEN {column} < {now} OR {column} > {now} + {AHEAD_MS} THEN {now} ELSE {column} + 1 END")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(updated_at: i64) -> Version {
        Version { created_at: 4_096, updated_at }
    }

    fn these(versions: &[Version]) -> Option<Versions> {
        Some(Versions::These(versions.iter().map(ToString::to_string).collect()))
    }

    #[test]
    fn a_condition_holds_for_the_versions_that_it_names() {
        let stored = version(5_000);
        let (none, any) = (Precondition::default(), Some(Versions::Any));
        let other = these(&[version(4_999), version(5_001)]);
        let one_of = these(&[version(4_999), stored]);
        let holds = [
            none.clone(),
            Precondition::is(stored),
            Precondition { is_among: any.clone(), ..none.clone() },
            Precondition { is_among: one_of.clone(), ..none.clone() },
            Precondition { is_not_among: other.clone(), ..none.clone() },
        ];
        let fails = [
            Precondition::is(version(5_001)),
            Precondition { is_among: other, ..none.clone() },
            Precondition { is_among: these(&[]), ..none.clone() },
            Precondition { is_not_among: any.clone(), ..none.clone() },
            Precondition { is_among: any, is_not_among: one_of },
        ];
        for condition in holds {
            assert!(condition.check(stored).is_ok(), "{condition:?}");
        }
        for condition in fails {
            let failed = condition.check(stored);
            let Err(StoreError::Changed { version, .. }) = failed else {
                panic!("{condition:?}: {failed:?}")
            };
            assert_eq!(version, stored);
        }
    }
}
