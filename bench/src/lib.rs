//! What several benchmarks share: their start, the table of figures, a master with a database of its own, real
//! findings, and percentiles.

use std::{process::ExitCode, time::Duration};

pub mod findings;
pub mod server;
pub mod table;

/// Runs a benchmark that loads plugins and sends requests.
///
/// # Errors
///
/// Returns the error of the benchmark.
pub fn start<F>(benchmark: impl FnOnce() -> F) -> anyhow::Result<ExitCode>
where
    F: Future<Output = anyhow::Result<ExitCode>>,
{
    // The sandbox compiles plugins in a child process, which runs this program too.
    if let Some(code) = easysight_sandbox::compiler_main() {
        return Ok(code);
    }
    // An error means that a provider is installed already.
    rustls::crypto::ring::default_provider().install_default().ok();
    tokio::runtime::Runtime::new()?.block_on(benchmark())
}

/// Returns the value that this percentage of the times does not exceed.
pub fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(at).copied().unwrap_or_default()
}
