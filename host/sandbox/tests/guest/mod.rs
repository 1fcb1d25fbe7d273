//! Guests written by hand, and what it takes to run them here.

pub(crate) mod component;

use std::{path::Path, sync::Arc, time::Duration};

use easysight_capture::{Clip, ClipInfo, DecoderEvidence, Frame, SampleRange};
use easysight_sandbox::{Compiler, Limits, Plugin, RunInput, RunOutcome, Sandbox, SandboxConfig};

pub(crate) use component::HONEST;
use component::guest_named;

/// Where the contract is, seen from this crate.
const CONTRACT: &str = "../../wit";

/// An honest `describe`, and this `diagnose`.
pub(crate) fn guest(world: &str, extra: &str, body: &str) -> Vec<u8> {
    guest_named("mischief", world, extra, "", body)
}

/// A sandbox with these limits; compiled code is kept in `cache`.
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

/// A small grey clip of two frames.
pub(crate) fn clip() -> Arc<Clip> {
    let (width, height) = (320, 180);
    let samples = vec![100; Frame::bytes_of((width, height)).unwrap()].into();
    let frame = |ms| Frame::new(Duration::from_millis(ms), ms == 0, (width, height), &samples).unwrap();
    let info = ClipInfo {
        width,
        height,
        range: SampleRange::Full,
        frame_rate: Some(25.0),
        codec: Some("h264".into()),
        live: false,
    };
    Arc::new(Clip::new(info, DecoderEvidence::default(), vec![frame(0), frame(40)]).unwrap())
}

pub(crate) fn run(plugin: &Plugin, limits: Limits) -> RunOutcome {
    let config = plugin.resolve_config(None).unwrap();
    plugin.run(RunInput { clip: clip(), config, limits, baseline: None })
}
