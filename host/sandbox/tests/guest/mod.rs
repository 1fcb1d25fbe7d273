//! Guests written by hand, and functions that run them.

pub(crate) mod clip;
pub(crate) mod component;

use std::{path::Path, time::Duration};

use easysight_sandbox::{Compiler, Limits, Plugin, RunInput, RunOutcome, Sandbox, SandboxConfig};

use clip::clip;
pub(crate) use component::HONEST;
use component::guest_named;

/// The path of the contract, relative to this crate.
const CONTRACT: &str = "../../wit";

/// Returns a guest with an honest `describe` and this `diagnose`.
pub(crate) fn guest(world: &str, extra: &str, body: &str) -> Vec<u8> {
    guest_named("mischief", world, extra, "", body)
}

/// Returns a sandbox with these limits. Compiled code is kept in `cache`.
pub(crate) fn sandbox_in(limits: Limits, cache: Option<&Path>) -> Sandbox {
    Sandbox::new(SandboxConfig {
        limits,
        concurrency: 2,
        cache_dir: cache.map(Path::to_owned),
        compiler: Some(compiler()),
    })
    .unwrap()
}

pub(crate) fn sandbox(limits: Limits) -> Sandbox {
    sandbox_in(limits, None)
}

pub(crate) fn compiler() -> Compiler {
    Compiler {
        program: env!("CARGO_BIN_EXE_easysight-compile").into(),
        memory_bytes: 4 << 30,
        timeout: Duration::from_secs(60),
    }
}

pub(crate) fn run(plugin: &Plugin, limits: Limits) -> RunOutcome {
    let config = plugin.resolve_config(None).unwrap();
    plugin.run(RunInput { clip: clip(), config, limits, baseline: None })
}
