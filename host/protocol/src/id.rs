//! Ids that the programs create. They are time-ordered (UUID version 7). Each kind has its own type, so that the
//! compiler rejects an id of another kind.

use std::{
    fmt,
    str::FromStr,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::{ContextV7, Timestamp, Uuid};

/// Returns a new id. It sorts after all ids that this process created before.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place")]
pub fn fresh_id() -> Uuid {
    Uuid::now_v7()
}

/// A generator of ids for the time that the caller passes. Each id sorts after the earlier ids of the same generator.
#[derive(Debug, Default)]
pub struct Ids(Mutex<ContextV7>);

impl Ids {
    /// Makes an id for the time `now`, in milliseconds since 1970. If `now` is before the time of an earlier id, the
    /// new id has the time of the earlier one.
    #[must_use]
    pub fn next(&self, now: i64) -> Uuid {
        let seconds = u64::try_from(now.div_euclid(1_000)).unwrap_or(0);
        let nanoseconds = u32::try_from(now.rem_euclid(1_000)).unwrap_or(0) * 1_000_000;
        let context = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Uuid::new_v7(Timestamp::from_unix(&*context, seconds, nanoseconds))
    }

    /// Makes the next id have the time that the caller passes, even if earlier ids are later. This is needed after a
    /// clock was ahead.
    pub fn restart(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ContextV7::default();
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Returns a new id. It sorts after all ids that this process created before.
            #[must_use]
            pub fn fresh() -> Self {
                Self(fresh_id())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id!(
    /// The id of a submission.
    SubmissionId
);
id!(
    /// The id of a run.
    RunId
);
id!(
    /// The id of a job.
    JobId
);
id!(
    /// The token of a lease. A node sends it with the results of leased jobs.
    LeaseToken
);
id!(
    /// The id of an entry in the audit log.
    AuditId
);
id!(
    /// The id of one process of a node: a new one at every start.
    Incarnation
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_their_order_while_the_clock_is_behind_until_they_are_restarted() {
        let ids = Ids::default();
        let late = ids.next(90_000);
        assert!(ids.next(5_000) > late);
        ids.restart();
        let again = ids.next(5_000);
        assert!(again < late);
        assert_eq!(again.get_timestamp().map(|at| at.to_unix()), Some((5, 0)));
    }
}
