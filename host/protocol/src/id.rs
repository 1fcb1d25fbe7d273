//! Ids that the programs create. They are time-ordered (UUID version 7). Each kind has its own type, so that the
//! compiler rejects an id of another kind.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Returns a new id. It sorts after all ids that this process created before.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place")]
pub fn fresh_id() -> Uuid {
    Uuid::now_v7()
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
    /// The id of one process of a node: a new one at every start.
    Incarnation
);
