//! The clock of this machine. Programs read it here and nowhere else, and hand on what it says.

use chrono::{DateTime, Utc};

/// Now, by the clock of this machine.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place")]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}
