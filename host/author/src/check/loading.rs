//! Checks whether a master would accept the component. The checks are the same as for an upload: structure,
//! imports, compiling in a bounded child process, the descriptor.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use easysight_sandbox::{LoadError, MAX_COMPONENT_BYTES, Plugin, Sandbox};

use super::{Check, milliseconds};
use crate::AuthorError;

/// The compile time above which the start counts as slow. Every worker compiles the component once.
const SLOW_COMPILE: Duration = Duration::from_secs(30);
/// The prefix of WASI interfaces. The host's WASI is empty, so these imports have no use.
const WASI: &str = "wasi:";

/// Loads the component without cached code.
pub(super) fn cold(sandbox: &Sandbox, bytes: &[u8]) -> Result<(Arc<Plugin>, Duration), LoadError> {
    let started = Instant::now();
    sandbox.load(bytes).map(|plugin| (plugin, started.elapsed()))
}

/// Loads the component from the cache of compiled code.
pub(super) fn warm(sandbox: &Sandbox, bytes: &[u8]) -> Result<Duration, AuthorError> {
    let started = Instant::now();
    sandbox
        .load(bytes)
        .map_err(|source| AuthorError::Load { file: "the cached component".into(), source })?;
    Ok(started.elapsed())
}

/// Returns the reason why the component is refused, and the remedy.
pub(super) fn refused(error: &LoadError) -> Check {
    let advice = match error {
        LoadError::NotAComponent(_) | LoadError::NotFound(_) | LoadError::DigestMismatch { .. } => {
            "name the .wasm file that `easysight plugin build` made; if the file is truncated, build it again"
        }
        LoadError::Precompiled => "publish the .wasm component; every worker compiles it itself",
        LoadError::CoreModule => {
            "build it with `easysight plugin build`, or turn it into a component with `wasm-tools component new`"
        }
        LoadError::TooLarge { .. } => {
            "leave out what the diagnosis does not need: libraries, models, debug information"
        }
        LoadError::ForeignImport(_) => {
            "a plugin has no network, files or clock: remove the library that needs them; for JavaScript \
             disable all features of the engine, for Python build with --stub-wasi"
        }
        LoadError::OtherContract { .. } => {
            "`easysight plugin new` makes a folder with the contract of this EasySight version in vendor/wit: build \
             against that contract, or update EasySight"
        }
        LoadError::WrongWorld(_) => {
            "build it against the contract of this EasySight version: the files in wit/, world `plugin`"
        }
        LoadError::Compile(_) | LoadError::CompileTimeout(_) => {
            "use no WebAssembly proposals beyond SIMD and bulk memory, and leave out what makes the component large"
        }
        LoadError::Describe(_) | LoadError::Explanations(_) => {
            "`describe` and `explanations` must answer at once, without a clip and without state"
        }
        LoadError::Descriptor(_) => "correct what `describe` returns; the rules are in wit/types.wit",
        LoadError::Io { .. } => "make sure that the file can be read",
    };
    Check::fail("accepted", error.to_string(), advice)
}

/// Returns the checks of an accepted component: its size, its imports, how fast it starts.
pub(super) fn accepted(bytes: &[u8], imports: &[String], cold: Duration, warm: Duration) -> Vec<Check> {
    let mut checks = vec![Check::pass("accepted", "a master would accept it")];
    let kib = bytes.len().div_ceil(1024);
    checks.push(if bytes.len() > MAX_COMPONENT_BYTES / 2 {
        Check::advise(
            "size",
            format!("{kib} KiB, more than half of the limit"),
            "leave out what is not needed",
        )
    } else {
        Check::pass("size", format!("{kib} KiB"))
    });
    let in_vain = imports.iter().filter(|import| import.starts_with(WASI)).count();
    let count = format!("{} interfaces, {in_vain} of them from WASI", imports.len());
    checks.push(if in_vain > 0 {
        let advice = "the host's WASI is empty, so these imports have no use; a component without them starts faster: \
                      for Rust build with --target wasm32-unknown-unknown";
        Check::advise("imports", count, advice)
    } else {
        Check::pass("imports", count)
    });
    let found =
        format!("{:.0} ms the first time, {:.2} ms from the cache", milliseconds(cold), milliseconds(warm));
    checks.push(if cold > SLOW_COMPILE {
        Check::advise("start", found, "make the component smaller: every worker compiles it once")
    } else {
        Check::pass("start", found)
    });
    checks
}
