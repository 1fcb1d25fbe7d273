//! What several benchmarks share: the table of figures, a master with a database of its own, real findings, and
//! percentiles.

use std::time::Duration;

pub mod findings;
pub mod server;
pub mod table;

/// Returns the value that this percentage of the times does not exceed.
pub fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(at).copied().unwrap_or_default()
}
