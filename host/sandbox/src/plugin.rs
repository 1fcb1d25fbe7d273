//! A loaded plugin. Each call runs in an instance of its own, under limits.

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

/// The input of a run.
#[derive(Debug, Clone)]
pub struct RunInput {
    /// The clip to judge.
    pub clip: Arc<Clip>,
    /// A configuration that [`Plugin::resolve_config`] returned.
    pub config: Arc<str>,
    /// The limits of the run. The sandbox's own limits apply too.
    pub limits: Limits,
    /// The baseline that the plugin stored in its last run on this camera.
    pub baseline: Option<Bytes>,
}

/// The result of a run, and the resources that the run used.
#[derive(Debug)]
pub struct RunOutcome {
    /// The report, or why there is no report.
    pub result: Result<Report, RunFailure>,
    /// The fuel used. Failed runs count too.
    pub fuel: u64,
    /// The elapsed time, including instantiation.
    pub elapsed: Duration,
    /// The bytes of pixels and other data handed to the plugin.
    pub bytes_handed_over: u64,
    /// The linear memory that the plugin held at its end, in bytes.
    pub memory_bytes: usize,
    /// The lines that the plugin logged.
    pub log: Vec<LogLine>,
    /// The number of log lines dropped because of the limit.
    pub dropped_log_lines: u64,
    /// The new baseline, if the plugin stored one and the run succeeded.
    pub baseline: Option<Bytes>,
    /// The stack where the engine stopped the plugin, innermost function first. Empty if the plugin answered.
    pub stack: Vec<StackFrame>,
}

/// A loaded plugin. It is cheap to share. Every run has an instance of its own and leaves nothing behind.
pub struct Plugin {
    digest: Digest,
    version: semver::Version,
    descriptor: Descriptor,
    explanations: Vec<Explanation>,
    /// The name of the export that returned the explanations.
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
    /// Links compiled code to the contract, calls `describe` and checks the answer.
    pub(crate) fn new(shared: Arc<Shared>, digest: Digest, component: &Component) -> Result<Self, LoadError> {
        // Code from the cache is checked too, because a host of another contract version may have stored it.
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

    /// Returns the digest, which identifies the plugin.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the version.
    #[must_use]
    pub const fn version(&self) -> &semver::Version {
        &self.version
    }

    /// Returns the descriptor, already checked.
    #[must_use]
    pub const fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Returns the checked declarations of which findings of other diagnoses this plugin's findings explain. Empty if
    /// the plugin declares none.
    #[must_use]
    pub fn explanations(&self) -> &[Explanation] {
        &self.explanations
    }

    /// Returns the schema of the configuration.
    #[must_use]
    pub const fn schema(&self) -> &ConfigSchema {
        &self.schema
    }

    /// Checks a configuration and fills in the defaults.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with the first violation of the schema.
    pub fn resolve_config(&self, given: Option<&Value>) -> Result<Arc<str>, ConfigError> {
        self.schema.resolve(given).map(|config| config.to_string().into())
    }

    /// Returns the ceilings of the plugin's runs. A run has these limits unless it requests less.
    #[must_use]
    pub fn ceilings(&self) -> Limits {
        self.shared.limits
    }

    /// Judges a clip. This call blocks: it computes on the calling thread, and first waits if the maximum number
    /// of plugins is already running in the sandbox.
    #[must_use]
    pub fn run(&self, input: RunInput) -> RunOutcome {
        self.run_until(input, &Stop::new())
    }

    /// Judges a clip as [`Self::run`] does. `stop` can stop the run.
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

    /// Instantiates the plugin and calls `describe` again, which is the cheapest possible call. This function is for
    /// measurements.
    ///
    /// # Errors
    ///
    /// [`RunFailure`] if the call fails.
    pub fn probe(&self) -> Result<Descriptor, RunFailure> {
        run(&self.shared, None, self.shared.limits, None, &Stop::new(), async |store| {
            self.pre.instantiate_async(&mut *store).await?.call_describe(store).await
        })
        .result
    }

    /// Calls `describe` several times in one instance, which the host itself never does. The answers show whether a
    /// plugin's descriptor depends on earlier calls, which is not allowed.
    ///
    /// # Errors
    ///
    /// [`RunFailure`] if the call fails.
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

    /// Calls `explanations` again, several times in one fresh instance. Returns an empty list if the plugin does not
    /// export `explanations`.
    ///
    /// # Errors
    ///
    /// [`RunFailure`] if the call fails.
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

/// Converts a failure that the plugin reports itself. Its text is cut to 1,000 characters, and each control character
/// becomes a space.
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

/// Makes one call in a fresh store.
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
        // A run that owes more fuel than it has left has exceeded its fuel, regardless of its result. This rule gives
        // the same outcome on every machine.
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
