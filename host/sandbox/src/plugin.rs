//! One plugin, ready to run: each call in an instance of its own, under limits.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use easysight_capture::Clip;
use serde_json::Value;
use wasmtime::{
    Store,
    component::{Component, Resource, ResourceTable, types::ComponentItem},
};

use crate::{
    ConfigError, ConfigSchema, Digest, Explanation, Limits, LoadError, RunFailure, Stop,
    bindings::{
        PluginPre,
        easysight::diagnosis::types::{Descriptor, Failure, Report},
    },
    causes,
    debt::Debt,
    imports::{Instance, LogLine},
    limits::{Overrun, Quota},
    report::{check_descriptor, check_report},
    sandbox::Shared,
    stack::{self, StackFrame},
    wasi, watch,
};

/// What a run is given.
#[derive(Debug, Clone)]
pub struct RunInput {
    /// The clip to judge.
    pub clip: Arc<Clip>,
    /// A configuration that [`Plugin::resolve_config`] gave.
    pub config: Arc<str>,
    /// What the run may use; never more than the sandbox grants.
    pub limits: Limits,
    /// What the plugin stored in its last run on this camera.
    pub baseline: Option<Bytes>,
}

/// What a run gave and what it used.
#[derive(Debug)]
pub struct RunOutcome {
    /// The report, or why there is none.
    pub result: Result<Report, RunFailure>,
    /// Fuel used, also by a run that failed.
    pub fuel: u64,
    /// Wall clock, instantiation included.
    pub elapsed: Duration,
    /// Bytes of pixels and other data handed to the plugin.
    pub bytes_handed_over: u64,
    /// Linear memory that the plugin held in the end.
    pub memory_bytes: usize,
    /// What the plugin logged.
    pub log: Vec<LogLine>,
    /// Log lines beyond the limit.
    pub dropped_log_lines: u64,
    /// What the plugin wants to remember; set only where the run succeeded.
    pub baseline: Option<Bytes>,
    /// Where the engine stopped the plugin, innermost first; empty where the plugin answered.
    pub stack: Vec<StackFrame>,
}

/// A loaded plugin. Cheap to share; every run has an instance of its own and leaves nothing behind.
pub struct Plugin {
    digest: Digest,
    version: semver::Version,
    descriptor: Descriptor,
    explanations: Vec<Explanation>,
    /// The export that was asked for them.
    causes: Option<String>,
    schema: ConfigSchema,
    pre: PluginPre<Instance>,
    shared: Arc<Shared>,
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("digest", &self.digest)
            .field("name", &self.descriptor.name)
            .field("version", &self.descriptor.version)
            .finish_non_exhaustive()
    }
}

impl Plugin {
    /// Links compiled code to the contract, asks it what it is, and checks the answer.
    pub(crate) fn new(shared: Arc<Shared>, digest: Digest, component: &Component) -> Result<Self, LoadError> {
        // Also of code from the cache, which a host that knew another contract may have put there.
        for (name, import) in component.component_type().imports(&shared.engine) {
            if !matches!(import.ty, ComponentItem::Type(_) | ComponentItem::Resource(_)) {
                shared.contract.check(name)?;
            }
        }
        let wrong = |error: wasmtime::Error| LoadError::WrongWorld(format!("{error:#}"));
        let pre = PluginPre::new(shared.linker.instantiate_pre(component).map_err(wrong)?).map_err(wrong)?;
        let limits = shared.limits;
        let call = run(&shared, None, limits, None, &Stop::new(), async |store| {
            pre.instantiate_async(&mut *store).await?.call_describe(store).await
        });
        let descriptor = call.result.map_err(LoadError::Describe)?;
        let version = check_descriptor(&descriptor).map_err(LoadError::Descriptor)?;
        let schema = ConfigSchema::parse(&descriptor.config_schema).map_err(LoadError::Descriptor)?;
        let causes = causes::export_of(&shared.contract, component)?;
        let explanations = match &causes {
            None => Vec::new(),
            Some(export) => run(&shared, None, limits, None, &Stop::new(), async |store| {
                let linked = pre.instance_pre().instantiate_async(&mut *store).await?;
                causes::ask(export, &linked, store).await
            })
            .result
            .map_err(LoadError::Explanations)?,
        };
        causes::check(&descriptor, &explanations).map_err(LoadError::Descriptor)?;
        Ok(Self { digest, version, descriptor, explanations, causes, schema, pre, shared })
    }

    /// Its name among programs.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> &semver::Version {
        &self.version
    }

    /// What it says of itself; checked.
    #[must_use]
    pub const fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// What it says that its findings explain of others'; checked. Empty where it says nothing.
    #[must_use]
    pub fn explanations(&self) -> &[Explanation] {
        &self.explanations
    }

    /// The schema of its configuration.
    #[must_use]
    pub const fn schema(&self) -> &ConfigSchema {
        &self.schema
    }

    /// Checks a configuration and fills the defaults in.
    ///
    /// # Errors
    ///
    /// The first offence against the schema.
    pub fn resolve_config(&self, given: Option<&Value>) -> Result<Arc<str>, ConfigError> {
        self.schema.resolve(given).map(|config| config.to_string().into())
    }

    /// The ceilings of its runs: what a run has where nobody asks for less.
    #[must_use]
    pub fn ceilings(&self) -> Limits {
        self.shared.limits
    }

    /// Judges a clip. Blocks: computes on the calling thread, and waits first where as many plugins
    /// run already as the sandbox allows at a time.
    #[must_use]
    pub fn run(&self, input: RunInput) -> RunOutcome {
        self.run_until(input, &Stop::new())
    }

    /// The same, with a switch by which the run can be stopped.
    #[must_use]
    pub fn run_until(&self, input: RunInput, stop: &Stop) -> RunOutcome {
        let RunInput { clip, config, limits, baseline } = input;
        let limits = limits.at_most(self.shared.limits);
        let mut call = run(&self.shared, Some(clip), limits, baseline, stop, async |store| {
            self.pre
                .instantiate_async(&mut *store)
                .await?
                .call_diagnose(store, Resource::new_own(0), &config)
                .await
        });
        let result = match call.result {
            Ok(Ok(report)) => match check_report(&self.descriptor, &report) {
                Ok(()) => Ok(report),
                Err(rule) => Err(RunFailure::InvalidReport(rule)),
            },
            Ok(Err(failure)) => Err(stated_failure(failure)),
            Err(failure) => Err(failure),
        };
        if result.is_err() {
            call.baseline = None;
        }
        RunOutcome {
            result,
            fuel: call.fuel,
            elapsed: call.elapsed,
            bytes_handed_over: call.bytes_handed_over,
            memory_bytes: call.memory_bytes,
            log: call.log,
            dropped_log_lines: call.dropped_lines,
            baseline: call.baseline,
            stack: call.stack,
        }
    }

    /// Instantiates it and calls `describe` again: the least that a call can cost. For measuring.
    ///
    /// # Errors
    ///
    /// Those of a run.
    pub fn probe(&self) -> Result<Descriptor, RunFailure> {
        run(&self.shared, None, self.shared.limits, None, &Stop::new(), async |store| {
            self.pre.instantiate_async(&mut *store).await?.call_describe(store).await
        })
        .result
    }

    /// Calls `describe` as often as this in one instance, which the host itself never does: what a
    /// plugin says of itself must not depend on what it did before.
    ///
    /// # Errors
    ///
    /// Those of a run.
    pub fn describe_repeatedly(&self, times: usize) -> Result<Vec<Descriptor>, RunFailure> {
        run(&self.shared, None, self.shared.limits, None, &Stop::new(), async |store| {
            let bound = self.pre.instantiate_async(&mut *store).await?;
            let mut answers = Vec::new();
            for _ in 0..times {
                answers.push(bound.call_describe(&mut *store).await?);
            }
            Ok(answers)
        })
        .result
    }

    /// Asks for its explanations again, several times in one fresh instance. Nothing where it has none to
    /// give.
    ///
    /// # Errors
    ///
    /// [`RunFailure`] where it fails.
    pub fn explain_repeatedly(&self, times: usize) -> Result<Vec<Vec<Explanation>>, RunFailure> {
        let Some(export) = &self.causes else { return Ok(Vec::new()) };
        run(&self.shared, None, self.shared.limits, None, &Stop::new(), async |store| {
            let linked = self.pre.instance_pre().instantiate_async(&mut *store).await?;
            let mut answers = Vec::new();
            for _ in 0..times {
                answers.push(causes::ask(export, &linked, &mut *store).await?);
            }
            Ok(answers)
        })
        .result
    }
}

/// A failure that the plugin states itself; its sentence is cut and cleaned like any other text.
fn stated_failure(failure: Failure) -> RunFailure {
    let clean = |text: String| -> String {
        text.chars().take(1_000).map(|c| if c.is_control() { ' ' } else { c }).collect()
    };
    match failure {
        Failure::InvalidConfig(text) => RunFailure::InvalidConfig(clean(text)),
        Failure::UnsupportedClip(text) => RunFailure::UnsupportedClip(clean(text)),
        Failure::Inconclusive(text) => RunFailure::Inconclusive(clean(text)),
        Failure::Internal(text) => RunFailure::Internal(clean(text)),
    }
}

struct Call<T> {
    result: Result<T, RunFailure>,
    fuel: u64,
    elapsed: Duration,
    bytes_handed_over: u64,
    memory_bytes: usize,
    log: Vec<LogLine>,
    dropped_lines: u64,
    baseline: Option<Bytes>,
    stack: Vec<StackFrame>,
}

/// One call in a fresh store.
fn run<T>(
    shared: &Shared,
    clip: Option<Arc<Clip>>,
    limits: Limits,
    baseline: Option<Bytes>,
    stop: &Stop,
    call: impl AsyncFnOnce(&mut Store<Instance>) -> wasmtime::Result<T>,
) -> Call<T> {
    let _slot = shared.slots.take();
    let started = Instant::now();
    let debt = Debt::default();
    let (wasi, output) = wasi::empty_context(&debt);
    let mut table = ResourceTable::new();
    table.set_max_capacity(limits.handles);
    let mut store = Store::new(
        &shared.engine,
        Instance {
            clip,
            quota: Quota::new(&limits),
            limits,
            deadline: started + limits.timeout,
            stop: stop.clone(),
            debt: debt.clone(),
            log: Vec::new(),
            dropped_lines: 0,
            baseline,
            new_baseline: None,
            bytes_handed_over: 0,
            wasi,
            table,
        },
    );
    store.limiter(|instance| &mut instance.quota);
    store.set_hostcall_fuel(limits.result_bytes);
    store.set_max_component_handles(limits.handles);
    let called = watch::begin(&mut store, limits.fuel).and_then(|()| watch::drive(call(&mut store)));
    let left = store.get_fuel().unwrap_or(0).checked_sub(debt.owed());
    let result = match called {
        // Whatever else came of it: a run that cannot pay what it owes went beyond its fuel, on every machine.
        Ok(_) if left.is_none() => Err(Overrun::Fuel.into()),
        Err(error) if left.is_none() && !error.is::<Overrun>() => Err(error.context(Overrun::Fuel)),
        called => called,
    };
    let mut stack = Vec::new();
    let result = result.map_err(|error| {
        stack = stack::of(&error);
        let printed = output.text();
        if !printed.is_empty() {
            store.data_mut().write_log(tracing::Level::ERROR, &printed);
        }
        let last_words = store.data().log.last().map(|line| line.text.trim().to_owned());
        RunFailure::from_engine(&error, &limits, last_words)
    });
    let instance = store.into_data();
    Call {
        result,
        fuel: limits.fuel.saturating_sub(left.unwrap_or(0)),
        elapsed: started.elapsed(),
        bytes_handed_over: instance.bytes_handed_over,
        memory_bytes: instance.quota.memory_used(),
        log: instance.log,
        dropped_lines: instance.dropped_lines,
        baseline: instance.new_baseline,
        stack,
    }
}
