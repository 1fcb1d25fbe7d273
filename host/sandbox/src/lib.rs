//! Runs diagnosis plugins on clips. Plugins are untrusted WebAssembly components.
//!
//! [`Sandbox::load`] turns a component into a [`Plugin`]. [`Plugin::run`] gives the plugin one clip and returns
//! its report. The contract in `wit/` defines what a plugin may do. [`Limits`] defines how much it may use. An
//! overrun is a [`RunFailure`] of its own kind and affects nothing else. The same clip, digest and configuration
//! give the same finding and use the same fuel on every machine of an architecture.

mod bindings;
mod cache;
mod causes;
mod compile;
mod config;
mod confinement;
mod contract;
mod debt;
mod digest;
mod engine;
mod error;
mod imports;
mod limits;
mod plugin;
mod printed;
mod report;
mod sandbox;
mod stack;
mod stop;
mod store;
mod vet;
mod wasi;
mod watch;

pub use bindings::easysight::diagnosis::types::{
    ClipRequest, Decision, Descriptor, Diagnosis, Finding, Metric, Region, Report, Status, Text,
};
pub use causes::{Consequence, Explanation, Extent};
pub use compile::{COMPILE_SUBCOMMAND, Compiler, compiler_main};
pub use config::{ConfigError, ConfigSchema};
pub use digest::{Digest, ParseDigestError};
pub use error::{LoadError, RunFailure, SandboxError};
pub use imports::LogLine;
pub use limits::{BEAT, Limits};
pub use plugin::{Plugin, RunInput, RunOutcome};
pub use sandbox::{Sandbox, SandboxConfig};
pub use stack::StackFrame;
pub use stop::{Stop, StopWhenDropped};
pub use store::PluginStore;
pub use vet::{MAX_COMPONENT_BYTES, imports, vet};
