//! `plugin check`: checks whether a master would accept the component, what the component costs, and whether it
//! survives the clips and configurations that cameras and operators will produce. Each file in `check/` covers one
//! topic and returns [`Check`]s. A failed check names a remedy.

mod battery;
mod clips;
mod config;
mod costs;
mod descriptor;
mod loading;
mod memory;
mod remedy;
mod schema;
mod texts;

use std::time::Duration;

use easysight_sandbox::{Digest, Limits, Sandbox, SandboxConfig};
use serde::Serialize;

use crate::AuthorError;
use battery::Battery;

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything is correct.
    Pass,
    /// The component works, but could be better.
    Advice,
    /// The component fails, or will fail.
    Fail,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// A stable word: `sizes`, `hostile-config`, …
    pub name: &'static str,
    /// The result.
    pub verdict: Verdict,
    /// What the check found.
    pub found: String,
    /// What to do. Empty if everything is correct.
    pub advice: String,
}

impl Check {
    fn pass(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Pass, found: found.into(), advice: String::new() }
    }

    fn advise(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Advice, found: found.into(), advice: advice.into() }
    }

    fn fail(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Fail, found: found.into(), advice: advice.into() }
    }
}

/// A summary of the plugin's descriptor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Described {
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// The ids of the diagnoses.
    pub diagnoses: Vec<String>,
}

/// The costs of a plugin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Costs {
    /// The time until a new component can run, in milliseconds: vetting, compiling, calling `describe`.
    pub cold_ms: f64,
    /// The same time if the compiled code is in the cache, in milliseconds.
    pub warm_ms: f64,
    /// The size and the number of frames of the clip on which the following values were measured.
    pub clip: String,
    /// The time of one run in milliseconds, including instantiation.
    pub run_ms: f64,
    /// The fuel of that run.
    pub fuel: u64,
    /// The fuel of that run for each frame of the clip.
    pub fuel_per_frame: u64,
    /// The peak of linear memory in that run, in bytes.
    pub memory_bytes: usize,
    /// The bytes of pixels and other data that the host handed over in that run.
    pub bytes_handed_over: u64,
}

/// The results of all checks of a component.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conformance {
    /// The blake3 digest of the component.
    pub digest: String,
    /// The size of the component, in bytes.
    pub size_bytes: usize,
    /// The summary of the descriptor. `None` if the component does not load.
    pub plugin: Option<Described>,
    /// The imports. `None` if the bytes are not a component.
    pub imports: Option<Vec<String>>,
    /// The costs. `None` if the component does not load or the clip for measuring cannot be made.
    pub costs: Option<Costs>,
    /// The checks.
    pub checks: Vec<Check>,
}

impl Conformance {
    /// Returns true if no check failed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.verdict != Verdict::Fail)
    }
}

/// Checks a component. The running program must call [`easysight_sandbox::compiler_main`] at the very beginning.
///
/// # Errors
///
/// [`AuthorError::Sandbox`] or [`AuthorError::Io`] if the checks themselves cannot run. Defects of the component
/// are not errors, but part of the result.
pub fn check(bytes: &[u8]) -> Result<Conformance, AuthorError> {
    let cache = tempfile::tempdir().map_err(AuthorError::io(std::env::temp_dir()))?;
    let sandbox = || {
        let cache_dir = Some(cache.path().to_owned());
        Sandbox::new(SandboxConfig {
            limits: limits(),
            concurrency: 1,
            cache_dir,
            ..SandboxConfig::default()
        })
    };
    let mut result = Conformance {
        digest: Digest::of(bytes).to_string(),
        size_bytes: bytes.len(),
        plugin: None,
        imports: easysight_sandbox::imports(bytes).ok(),
        costs: None,
        checks: Vec::new(),
    };
    let (plugin, cold) = match loading::cold(&sandbox()?, bytes) {
        Ok(loaded) => loaded,
        Err(error) => {
            result.checks.push(loading::refused(&error));
            return Ok(result);
        }
    };
    let warm = loading::warm(&sandbox()?, bytes)?;
    let descriptor = plugin.descriptor();
    result.plugin = Some(Described {
        name: descriptor.name.clone(),
        version: descriptor.version.clone(),
        diagnoses: descriptor.diagnoses.iter().map(|diagnosis| diagnosis.id.clone()).collect(),
    });
    result.checks.extend(loading::accepted(bytes, result.imports.as_deref().unwrap_or_default(), cold, warm));
    let battery = Battery::new(&plugin);
    result.costs = costs::measure(&battery, cold, warm);
    result.checks.extend(costs::checks(&battery, result.costs.as_ref()));
    result.checks.push(descriptor::stays(&plugin));
    result.checks.extend(descriptor::explanations_stay(&plugin));
    result.checks.extend(clips::checks(&battery));
    result.checks.extend(config::checks(&battery));
    result.checks.extend(memory::checks(&battery));
    result.checks.extend(texts::checks(&battery));
    result.checks.extend(schema::checks(plugin.schema().as_json()));
    Ok(result)
}

/// Returns the limits of a worker, but with a longer time limit: a check must not fail because the machine is busy,
/// and fuel limits the run anyway.
fn limits() -> Limits {
    Limits { timeout: Duration::from_secs(30), ..Limits::default() }
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
