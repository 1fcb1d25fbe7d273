//! The sandbox: one engine, one linker and one cache for all plugins of a process.

use std::{fmt, path::PathBuf, sync::Arc};

use parking_lot::{Condvar, Mutex};
use wasmtime::{Engine, component::Linker};

use crate::{
    Digest, Limits, LoadError, Plugin, SandboxError,
    cache::{CompiledCache, load_code},
    compile::Compiler,
    contract::Contract,
    engine,
    imports::{self, Instance},
    vet, wasi,
};

/// The settings of a sandbox.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// The ceilings of every run.
    pub limits: Limits,
    /// The maximum number of plugins that run at the same time. Further runs wait.
    pub concurrency: u32,
    /// The directory for compiled code. If this is `None`, plugins are compiled again at each start.
    pub cache_dir: Option<PathBuf>,
    /// The compiler. If this is `None`, the running program is started again as the compiler: the program must call
    /// [`crate::compiler_main`] at the very beginning.
    pub compiler: Option<Compiler>,
}

impl Default for SandboxConfig {
    /// Returns settings with default limits, without a cache, and with one concurrent run for each processor.
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            limits: Limits::default(),
            concurrency: u32::try_from(processors).unwrap_or(1),
            cache_dir: None,
            compiler: None,
        }
    }
}

/// The state that all plugins of a sandbox share.
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<Instance>,
    pub(crate) contract: Contract,
    pub(crate) limits: Limits,
    pub(crate) slots: Slots,
    cache: Option<CompiledCache>,
    compiler: Compiler,
}

/// Runs plugins. One sandbox for each process is enough, because its plugins share the engine's pool.
#[derive(Clone)]
pub struct Sandbox {
    shared: Arc<Shared>,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("limits", &self.shared.limits).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Starts an engine and its cache.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] if the engine does not start on this machine or the cache directory cannot be used.
    pub fn new(config: SandboxConfig) -> Result<Self, SandboxError> {
        Self::serving(config, Contract::CURRENT, |_| Ok(()))
    }

    /// Does the same as [`Self::new`] for a given version of the contract. `link_more` links the interfaces that this
    /// version has in addition to the current one.
    pub(crate) fn serving(
        config: SandboxConfig,
        contract: Contract,
        link_more: impl FnOnce(&mut Linker<Instance>) -> wasmtime::Result<()>,
    ) -> Result<Self, SandboxError> {
        let engine = engine::running(&config.limits, config.concurrency)?;
        let mut linker = Linker::new(&engine);
        imports::link(&mut linker, &contract)
            .and_then(|()| wasi::link(&mut linker))
            .and_then(|()| link_more(&mut linker))
            .map_err(SandboxError::Engine)?;
        let cache = match &config.cache_dir {
            Some(dir) => Some(CompiledCache::open(dir, &engine)?),
            None => None,
        };
        let compiler = match config.compiler {
            Some(compiler) => compiler,
            None => Compiler::this_program()?,
        };
        Ok(Self {
            shared: Arc::new(Shared {
                engine,
                linker,
                contract,
                limits: config.limits,
                slots: Slots::new(config.concurrency),
                cache,
                compiler,
            }),
        })
    }

    /// Returns the ceilings of every run.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.shared.limits
    }

    /// Returns a hash of the fuel prices in force. The fuel of two runs, on two nodes or years apart, is comparable
    /// if the hashes are equal.
    #[must_use]
    pub fn fuel_prices() -> String {
        engine::fuel_prices()
    }

    /// Makes a plugin of a component's bytes: checks the structure, compiles the component in a child process or
    /// loads the cached code, links it, and calls `describe`. This call blocks. The first time may take seconds.
    ///
    /// # Errors
    ///
    /// [`LoadError`], with the rule that the component breaks.
    pub fn load(&self, bytes: &[u8]) -> Result<Arc<Plugin>, LoadError> {
        let digest = Digest::of(bytes);
        let shared = &self.shared;
        let cached = shared.cache.as_ref().and_then(|cache| cache.load(&shared.engine, digest));
        let component = match cached {
            Some(component) => component,
            None => {
                vet::vet_for(&shared.contract, bytes)?;
                let code = shared.compiler.compile(bytes)?;
                // A component that compiles but cannot be loaded needs more than the engine grants.
                let component = load_code(&shared.engine, &code)
                    .map_err(|error| LoadError::Compile(format!("{error:#}")))?;
                let kept = shared.cache.as_ref().and_then(|cache| {
                    cache.store(digest, &code);
                    cache.load(&shared.engine, digest)
                });
                // The code is loaded from the cache if possible, because the pages of the cached file are shared with
                // other processes.
                kept.unwrap_or(component)
            }
        };
        Plugin::new(Arc::clone(shared), digest, &component).map(Arc::new)
    }
}

/// The slots for runs. Their number is the number of slots in the engine's pool. A run waits until a slot is free.
pub(crate) struct Slots {
    free: Mutex<u32>,
    freed: Condvar,
}

/// One slot. It becomes free again when this value is dropped.
pub(crate) struct Slot<'a>(&'a Slots);

impl Slots {
    fn new(count: u32) -> Self {
        Self { free: Mutex::new(count.max(1)), freed: Condvar::new() }
    }

    pub(crate) fn take(&self) -> Slot<'_> {
        let mut free = self.free.lock();
        self.freed.wait_while(&mut free, |free| *free == 0);
        *free -= 1;
        Slot(self)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.0.free.lock() += 1;
        self.0.freed.notify_one();
    }
}
