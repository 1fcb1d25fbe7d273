//! The errors of the sandbox. Errors of loading a plugin are separate from failures of running it.

use std::{io, path::PathBuf, time::Duration};

use semver::Version;

use crate::{Digest, contract::Contract, limits::Overrun};

/// Why the sandbox itself could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The engine refused its configuration, or this machine does not have something that the engine needs.
    #[error("the WebAssembly engine does not start: {0:#}")]
    Engine(wasmtime::Error),
    /// One of the sandbox's own directories or files could not be used.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The directory or file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

/// Why a component is not a usable plugin. Each message names the rule and how the component breaks it.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The bytes are not a WebAssembly component.
    #[error("not a WebAssembly component: {0}")]
    NotAComponent(String),
    /// The bytes are precompiled code. Compiled code from elsewhere is never run.
    #[error("this is precompiled native code, which is never accepted; publish the component itself")]
    Precompiled,
    /// The bytes are a core module that was not turned into a component.
    #[error(
        "a core WebAssembly module, not a component: build it with the linker `wasm-component-ld`, \
         `cargo component build`, or turn it into one with `wasm-tools component new`"
    )]
    CoreModule,
    /// The component is larger than allowed.
    #[error("{what}: {found}; the limit is {granted}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The actual size.
        found: u64,
        /// The maximum size.
        granted: u64,
    },
    /// An import that the contract does not grant.
    #[error("it imports `{0}`, which the contract does not grant")]
    ForeignImport(String),
    /// The component was built for a version of the contract that this host does not serve.
    #[error(
        "it was built for version {needed} of the contract `easysight:diagnosis`, and this host serves version \
         {known}: {remedy}",
        remedy = remedy(needed, known)
    )]
    OtherContract {
        /// The version that the component was built for.
        needed: Version,
        /// The version that this host serves.
        known: Version,
    },
    /// The exports do not match the contract.
    #[error("it does not fit the world `{world}`: {0}", world = Contract::CURRENT.interface("plugin"))]
    WrongWorld(String),
    /// Compiling failed or exceeded its limits.
    #[error("it does not compile: {0}")]
    Compile(String),
    /// Compiling took longer than allowed.
    #[error("compiling it took longer than {} s", .0.as_secs())]
    CompileTimeout(Duration),
    /// `describe` failed.
    #[error("its `describe` failed: {0}")]
    Describe(RunFailure),
    /// `explanations` failed.
    #[error("its `explanations` failed: {0}")]
    Explanations(RunFailure),
    /// The descriptor or the explanations of the plugin break a rule.
    #[error("its descriptor is refused: {0}")]
    Descriptor(String),
    /// The bytes do not have the expected digest.
    #[error("its bytes have the digest {found}, not {wanted}; the file was changed or damaged")]
    DigestMismatch {
        /// The requested digest.
        wanted: Digest,
        /// The actual digest of the bytes.
        found: Digest,
    },
    /// The plugin does not exist in the store.
    #[error("there is no plugin {0} here")]
    NotFound(Digest),
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

/// Returns the remedy for a plugin of another version of the contract.
fn remedy(needed: &Version, known: &Version) -> String {
    let anew = format!("build the plugin for version {}.{}", known.major, known.minor);
    if needed > known { format!("update EasySight here, or {anew}") } else { anew }
}

/// Why a run gave no report. [`RunFailure::kind`] is the stable word for programs. The message is for people.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RunFailure {
    /// The plugin or its schema refuses the configuration.
    #[error("the configuration is refused: {0}")]
    InvalidConfig(String),
    /// The plugin reports that the clip does not contain something that the plugin needs.
    #[error("the clip is not suitable: {0}")]
    UnsupportedClip(String),
    /// The plugin cannot decide from this clip.
    #[error("{0}")]
    Inconclusive(String),
    /// The plugin reports a defect of its own.
    #[error("the plugin reports a defect of its own: {0}")]
    Internal(String),
    /// The plugin used up its fuel.
    #[error("the plugin used up its fuel of {0}")]
    FuelExhausted(u64),
    /// The plugin was still running at its deadline.
    #[error("the plugin was stopped: it ran longer than {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The run was stopped because its report is no longer needed.
    #[error("the plugin was stopped: its job was abandoned")]
    Stopped,
    /// The plugin requested more memory than the limit.
    #[error("the plugin requested {wanted} bytes of memory; the limit is {granted}")]
    MemoryExceeded {
        /// The total that the plugin requested.
        wanted: usize,
        /// The limit.
        granted: usize,
    },
    /// The plugin requested more table elements than the limit.
    #[error("the plugin requested {wanted} table elements; the limit is {granted}")]
    TableExceeded {
        /// The total that the plugin requested.
        wanted: usize,
        /// The limit.
        granted: usize,
    },
    /// The function calls within the plugin were nested too deeply.
    #[error("the plugin's stack overflowed")]
    StackOverflow,
    /// The plugin handed over more bytes in one call than the limit.
    #[error("the plugin handed over more than {0} bytes in one call")]
    ResultTooLarge(usize),
    /// The plugin held more handles than the limit.
    #[error("the plugin held more than {0} handles")]
    TooManyHandles(usize),
    /// The plugin trapped. A panic of the plugin appears as a trap.
    #[error("the plugin aborted: {0}")]
    Trap(String),
    /// The plugin's report breaks the contract.
    #[error("the plugin's report breaks the contract: {0}")]
    InvalidReport(String),
}

impl RunFailure {
    /// Returns the stable word for this kind of failure.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::InvalidConfig(_) => "invalid-config",
            Self::UnsupportedClip(_) => "unsupported-clip",
            Self::Inconclusive(_) => "inconclusive",
            Self::Internal(_) => "internal",
            Self::FuelExhausted(_) => "fuel-exhausted",
            Self::TimedOut(_) => "timed-out",
            Self::Stopped => "stopped",
            Self::MemoryExceeded { .. } => "memory-exceeded",
            Self::TableExceeded { .. } => "table-exceeded",
            Self::StackOverflow => "stack-overflow",
            Self::ResultTooLarge(_) => "result-too-large",
            Self::TooManyHandles(_) => "too-many-handles",
            Self::Trap(_) => "trap",
            Self::InvalidReport(_) => "invalid-report",
        }
    }

    /// Converts an error of the engine. `last_words` is the last text that the plugin printed or logged.
    pub(crate) fn from_engine(
        error: &wasmtime::Error,
        limits: &crate::Limits,
        last_words: Option<String>,
    ) -> Self {
        match error.downcast_ref::<Overrun>() {
            Some(Overrun::Fuel) => return Self::FuelExhausted(limits.fuel),
            Some(Overrun::Deadline) => return Self::TimedOut(limits.timeout),
            Some(Overrun::Stopped) => return Self::Stopped,
            Some(&Overrun::Memory { wanted, granted }) => return Self::MemoryExceeded { wanted, granted },
            Some(&Overrun::Table { wanted, granted }) => return Self::TableExceeded { wanted, granted },
            None => {}
        }
        match error.downcast_ref::<wasmtime::Trap>() {
            Some(wasmtime::Trap::OutOfFuel) => return Self::FuelExhausted(limits.fuel),
            Some(wasmtime::Trap::StackOverflow) => return Self::StackOverflow,
            _ => {}
        }
        if matches!(
            error.downcast_ref::<wasmtime::component::ResourceTableError>(),
            Some(wasmtime::component::ResourceTableError::Full)
        ) {
            return Self::TooManyHandles(limits.handles);
        }
        // The engine has no public type for these two errors.
        let root = error.root_cause().to_string();
        if root.contains("fuel allocated for hostcalls") {
            return Self::ResultTooLarge(limits.result_bytes);
        }
        if root.contains("store handle limit exceeded") {
            return Self::TooManyHandles(limits.handles);
        }
        Self::Trap(last_words.map_or_else(|| root.clone(), |words| format!("{root} ({words})")))
    }
}
