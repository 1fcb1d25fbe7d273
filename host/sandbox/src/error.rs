//! What can go wrong: loading a plugin apart from running it.

use std::{io, path::PathBuf, time::Duration};

use semver::Version;

use crate::{Digest, contract::Contract, limits::Overrun};

/// Why the sandbox itself could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The engine refused its configuration, or this machine lacks what it needs.
    #[error("the WebAssembly engine does not start: {0:#}")]
    Engine(wasmtime::Error),
    /// A directory or file of its own could not be used.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The directory or file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Why a component is no usable plugin. Each names the rule and what broke it.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Neither a component nor anything near it.
    #[error("not a WebAssembly component: {0}")]
    NotAComponent(String),
    /// Compiled code from elsewhere is never run.
    #[error("this is precompiled native code, which is never accepted; publish the component itself")]
    Precompiled,
    /// A core module that was not made a component.
    #[error(
        "a core WebAssembly module, not a component: build it with the linker `wasm-component-ld`, \
         `cargo component build`, or turn it into one with `wasm-tools component new`"
    )]
    CoreModule,
    /// Larger than is granted.
    #[error("{what}: {found}, at most {granted} are granted")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        found: u64,
        /// How large it may be.
        granted: u64,
    },
    /// An import that the contract does not grant.
    #[error("it imports `{0}`, which the contract does not grant")]
    ForeignImport(String),
    /// It was built for a version of the contract that this host does not serve.
    #[error(
        "it was built for version {needed} of the contract `easysight:diagnosis`, and this host knows version \
         {known}: {remedy}",
        remedy = remedy(needed, known)
    )]
    OtherContract {
        /// The version that it was built for.
        needed: Version,
        /// The version of this host.
        known: Version,
    },
    /// The exports are not those of the contract.
    #[error("it does not fit the world `{world}`: {0}", world = Contract::CURRENT.interface("plugin"))]
    WrongWorld(String),
    /// Compiling failed or went beyond its bounds.
    #[error("it does not compile: {0}")]
    Compile(String),
    /// Compiling took more time than it may.
    #[error("compiling it took longer than {} s", .0.as_secs())]
    CompileTimeout(Duration),
    /// `describe` failed.
    #[error("its `describe` failed: {0}")]
    Describe(RunFailure),
    /// `explanations` failed.
    #[error("its `explanations` failed: {0}")]
    Explanations(RunFailure),
    /// What it says of itself breaks a rule.
    #[error("its descriptor is refused: {0}")]
    Descriptor(String),
    /// The bytes are not those that the digest names.
    #[error("its bytes have the digest {found}, not {wanted}; the file was changed or damaged")]
    DigestMismatch {
        /// The digest that was asked for.
        wanted: Digest,
        /// The digest of what is there.
        found: Digest,
    },
    /// There is no such plugin.
    #[error("there is no plugin {0} here")]
    NotFound(Digest),
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// What to do about a plugin of another version of the contract.
fn remedy(needed: &Version, known: &Version) -> String {
    let anew = format!("build the plugin for {}.{} of it", known.major, known.minor);
    if needed > known { format!("update EasySight here, or {anew}") } else { anew }
}

/// Why a run gave no report. [`RunFailure::kind`] is the stable word for programs; the message is
/// for people.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RunFailure {
    /// The plugin says that the configuration makes no sense, or its schema does.
    #[error("the configuration is refused: {0}")]
    InvalidConfig(String),
    /// The plugin says that the clip lacks what it needs.
    #[error("the clip does not do: {0}")]
    UnsupportedClip(String),
    /// The plugin cannot tell.
    #[error("{0}")]
    Inconclusive(String),
    /// The plugin reports a defect of its own.
    #[error("the plugin reports a defect of its own: {0}")]
    Internal(String),
    /// It used up its fuel.
    #[error("the plugin used up its fuel of {0}")]
    FuelExhausted(u64),
    /// It was still running at its deadline.
    #[error("the plugin was stopped: it ran longer than {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// Nobody waits for its report any more.
    #[error("the plugin was stopped: its job is given up")]
    Stopped,
    /// It wanted more memory than is granted.
    #[error("the plugin wanted {wanted} bytes of memory, {granted} are granted")]
    MemoryExceeded {
        /// What it would have had.
        wanted: usize,
        /// What it may have.
        granted: usize,
    },
    /// It wanted more table elements than are granted.
    #[error("the plugin wanted {wanted} table elements, {granted} are granted")]
    TableExceeded {
        /// What it would have had.
        wanted: usize,
        /// What it may have.
        granted: usize,
    },
    /// It called itself too deeply.
    #[error("the plugin's stack overflowed")]
    StackOverflow,
    /// It handed over more than is granted in one call.
    #[error("the plugin handed over more than {0} bytes in one call")]
    ResultTooLarge(usize),
    /// It held more handles than are granted.
    #[error("the plugin held more than {0} handles")]
    TooManyHandles(usize),
    /// It broke off; a panic of the plugin looks like this.
    #[error("the plugin broke off: {0}")]
    Trap(String),
    /// Its report breaks the contract.
    #[error("the plugin's report breaks the contract: {0}")]
    InvalidReport(String),
}

impl RunFailure {
    /// The stable word for this kind of failure.
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

    /// Tells an engine's error apart. `last_words` is what the plugin printed or logged last.
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
        // These two have no public type of their own in the engine.
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
