//! Names of things that are made by the master: time-ordered (UUID version 7), a type each, so that
//! none is taken for another.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new one, which sorts after those that were made before.
            #[must_use]
            pub fn fresh() -> Self {
                Self(Uuid::now_v7())
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
    /// Names one submission.
    SubmissionId
);
id!(
    /// Names one execution of a task.
    RunId
);
id!(
    /// Names one camera of a run.
    JobId
);
id!(
    /// Names what one long poll was given; whoever reports a job's result must know it.
    LeaseToken
);
id!(
    /// Names one life of a worker process: made anew at every start.
    Incarnation
);
