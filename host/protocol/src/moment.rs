//! The clock of this machine. Programs read the clock only here, and pass the time on.

use chrono::{DateTime, Utc};

/// Returns the current time of this machine's clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place")]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}
