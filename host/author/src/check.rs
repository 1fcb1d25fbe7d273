//! `plugin check`: would a master take the component, what does it cost, and does it bear what cameras and
//! operators will do to it? A file a concern in `check/`; each answers with [`Check`]s, and a failing one says
//! what to do.

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

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// All is well.
    Pass,
    /// It works and could be better.
    Advice,
    /// It breaks, or will.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// A stable word: `sizes`, `hostile-config`, …
    pub name: &'static str,
    /// What came of it.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do; empty where all is well.
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

/// What a plugin says of itself, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Described {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Ids of its diagnoses.
    pub diagnoses: Vec<String>,
}

/// What a plugin costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Costs {
    /// Until it can run where it was never seen: vetted, compiled, asked what it is. Milliseconds.
    pub cold_ms: f64,
    /// The same from the cache of compiled code.
    pub warm_ms: f64,
    /// The clip that the rest was measured on: its size and number of frames.
    pub clip: String,
    /// One run, instantiation included. Milliseconds.
    pub run_ms: f64,
    /// Fuel of that run.
    pub fuel: u64,
    /// The same for each frame of the clip.
    pub fuel_per_frame: u64,
    /// Linear memory of that run at its highest.
    pub memory_bytes: usize,
    /// Pixels and other data that the host handed over.
    pub bytes_handed_over: u64,
}

/// All that was found out about a component.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conformance {
    /// Its blake3 digest.
    pub digest: String,
    /// Its bytes.
    pub size_bytes: usize,
    /// What it says of itself; absent where it does not load.
    pub plugin: Option<Described>,
    /// What it imports; absent where it is no component.
    pub imports: Option<Vec<String>>,
    /// What it costs; absent where it does not load, or does not run on an ordinary clip.
    pub costs: Option<Costs>,
    /// What was looked at.
    pub checks: Vec<Check>,
}

impl Conformance {
    /// True where nothing failed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.verdict != Verdict::Fail)
    }
}

/// Checks a component. The running program must call [`easysight_sandbox::compiler_main`] first thing.
///
/// # Errors
///
/// Where checking itself is not possible: [`AuthorError::Sandbox`], [`AuthorError::Io`]. What is wrong with
/// the component is in the answer.
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

/// What a worker grants, but for the clock: a busy machine is no fault of the plugin's. Fuel bounds it.
fn limits() -> Limits {
    Limits { timeout: Duration::from_secs(30), ..Limits::default() }
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
