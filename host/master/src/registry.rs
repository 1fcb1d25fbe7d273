//! The plugins that may run: vetted when they are published, kept on disk by digest, active for
//! diagnoses. A task becomes a plan here.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use easysight_protocol::{DiagnosisInfo, JobPlan, PlannedPlugin, PluginSignature, PublishedPlugin, Text};
use easysight_sandbox::{ConfigSchema, Digest, LoadError, Plugin, PluginStore, Sandbox};
use easysight_store::{Store, StoreError};
use easysight_trust::{RefusedPlugin, TrustedKeys, Untrusted, genuine, load};
use parking_lot::RwLock;
use serde_json::{Map, Value};

/// What was wrong with a configuration, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ConfigProblem {
    /// JSON Pointer: `/config/brightness/dark_p95`.
    pub(crate) field: String,
    pub(crate) detail: String,
}

/// Why a task has no plan now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoPlan {
    /// It lacks these plugins; with them it can run.
    Waits(Vec<String>),
    /// It can never run like this.
    Invalid(ConfigProblem),
}

impl NoPlan {
    /// What the task waits for. A configuration that is invalid now was valid when the task was made: another
    /// version of the plugin has become active since.
    pub(crate) fn reasons(self) -> Vec<String> {
        match self {
            Self::Waits(reasons) => reasons,
            Self::Invalid(problem) => {
                vec![format!("a configuration that its plugin takes: {}: {}", problem.field, problem.detail)]
            }
        }
    }
}

/// Why a component was not published.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    /// It breaks a rule.
    #[error("{0}")]
    Refused(LoadError),
    /// Nobody whom we trust vouches for it, or a signature does not fit.
    #[error("{0}")]
    Untrusted(#[from] Untrusted),
    /// It cannot be kept.
    #[error("{0}")]
    Disk(LoadError),
    /// It cannot be noted.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A defect of this program.
    #[error("vetting broke off: {0}")]
    Broken(String),
}

/// A plugin that serves diagnoses.
struct Active {
    plugin: PublishedPlugin,
    schema: ConfigSchema,
}

/// Active plugins by diagnosis.
#[derive(Default)]
pub(crate) struct ActiveSet {
    by_diagnosis: BTreeMap<String, Arc<Active>>,
    /// Candidates that stand beside them.
    shadows: BTreeMap<String, Arc<PublishedPlugin>>,
}

/// All plugins of the master.
pub(crate) struct Registry {
    store: Store,
    blobs: PluginStore,
    dir: PathBuf,
    sandbox: Sandbox,
    /// Whose plugins are used; everybody's where none is named.
    keys: Option<TrustedKeys>,
    active: RwLock<Arc<ActiveSet>>,
    /// One upload is vetted at a time: each may take a processor and much memory.
    vetting: tokio::sync::Semaphore,
}

impl Registry {
    pub(crate) async fn open(
        store: Store,
        sandbox: Sandbox,
        dir: PathBuf,
        keys: Option<TrustedKeys>,
    ) -> anyhow::Result<Self> {
        let registry = Self {
            store,
            blobs: PluginStore::open(&dir)?,
            dir,
            sandbox,
            keys,
            active: RwLock::default(),
            vetting: tokio::sync::Semaphore::new(1),
        };
        registry.refresh().await?;
        Ok(registry)
    }

    /// What is active now.
    pub(crate) fn active(&self) -> Arc<ActiveSet> {
        Arc::clone(&self.active.read())
    }

    /// Reads again what is active, after a change here or by another master.
    pub(crate) async fn refresh(&self) -> Result<(), StoreError> {
        let mut active = ActiveSet::default();
        for plugin in self.store.plugins().await? {
            if plugin.active_for.is_empty() && plugin.shadow_for.is_empty() {
                continue;
            }
            if let Err(reason) = self.trusts(&plugin).await? {
                tracing::error!(name = plugin.name, digest = plugin.digest, %reason, "plugin is not used");
                continue;
            }
            let candidate = Arc::new(plugin.clone());
            for diagnosis in &plugin.shadow_for {
                active.shadows.insert(diagnosis.clone(), Arc::clone(&candidate));
            }
            match ConfigSchema::parse(&plugin.config_schema.to_string()) {
                Ok(schema) => {
                    let one = Arc::new(Active { plugin, schema });
                    for diagnosis in &one.plugin.active_for {
                        active.by_diagnosis.insert(diagnosis.clone(), Arc::clone(&one));
                    }
                }
                // It was good when it was published; a master of another version may think otherwise.
                Err(reason) => tracing::error!(digest = plugin.digest, reason, "plugin is not used"),
            }
        }
        *self.active.write() = Arc::new(active);
        Ok(())
    }

    /// Whether a plugin that is published may be used: it may have been before keys were demanded.
    async fn trusts(&self, plugin: &PublishedPlugin) -> Result<Result<(), Untrusted>, StoreError> {
        let (Some(keys), Ok(digest)) = (&self.keys, plugin.digest.parse()) else { return Ok(Ok(())) };
        let signed = self.store.signatures(&plugin.digest).await?;
        Ok(keys.check(digest, Some(&signed)).map(|_| ()))
    }

    /// Vets a component and keeps it, and who vouches for it. The second part says whether it is new.
    pub(crate) async fn publish(
        &self,
        bytes: Vec<u8>,
        signed: Option<PluginSignature>,
    ) -> Result<(PublishedPlugin, bool), PublishError> {
        let digest = Digest::of(&bytes);
        let known = self.find(digest).await?;
        if let (Some(known), None) = (&known, &signed) {
            self.trusts(known).await??;
            // The file may have been lost since; this is how it comes back.
            if !self.file(digest).is_file() {
                self.keep(bytes).await?;
            }
            return Ok((known.clone(), false));
        }
        let (plugin, bytes, signed) = self.vet(bytes, signed).await?;
        let size_bytes = bytes.len() as u64;
        let imports = easysight_sandbox::imports(&bytes).map_err(PublishError::Refused)?;
        self.keep(bytes).await?;
        let published = known.unwrap_or_else(|| describe(&plugin, size_bytes, imports));
        let new = self.store.publish(published.clone()).await?;
        if let Some(signed) = signed {
            self.store.add_signatures(signed).await?;
        }
        Ok((self.find(digest).await?.unwrap_or(published), new))
    }

    async fn vet(
        &self,
        bytes: Vec<u8>,
        signed: Option<PluginSignature>,
    ) -> Result<(Arc<Plugin>, Vec<u8>, Option<PluginSignature>), PublishError> {
        let _turn = self.vetting.acquire().await.map_err(|error| PublishError::Broken(error.to_string()))?;
        let (sandbox, keys) = (self.sandbox.clone(), self.keys.clone());
        let vetted = tokio::task::spawn_blocking(move || {
            let plugin = load(&sandbox, &bytes, keys.as_ref(), signed.as_ref())?;
            // Whatever is passed on to workers is genuine, also where this master demands no keys.
            signed.as_ref().map_or(Ok(()), |signed| genuine(signed, &plugin))?;
            Ok((plugin, bytes, signed))
        });
        let vetted = vetted.await.map_err(|error| PublishError::Broken(error.to_string()))?;
        vetted.map_err(|refused: RefusedPlugin| match refused {
            RefusedPlugin::Untrusted(reason) => PublishError::Untrusted(reason),
            RefusedPlugin::Load(reason) => PublishError::Refused(reason),
        })
    }

    async fn keep(&self, bytes: Vec<u8>) -> Result<(), PublishError> {
        let blobs = self.blobs.clone();
        tokio::task::spawn_blocking(move || blobs.put(&bytes))
            .await
            .map_err(|error| PublishError::Broken(error.to_string()))?
            .map_err(PublishError::Disk)?;
        Ok(())
    }

    /// A published plugin.
    pub(crate) async fn find(&self, digest: Digest) -> Result<Option<PublishedPlugin>, StoreError> {
        let digest = digest.to_string();
        Ok(self.store.plugins().await?.into_iter().find(|plugin| plugin.digest == digest))
    }

    /// Where a plugin's bytes are.
    pub(crate) fn file(&self, digest: Digest) -> PathBuf {
        self.dir.join(format!("{digest}.wasm"))
    }
}

fn describe(plugin: &Plugin, size_bytes: u64, imports: Vec<String>) -> PublishedPlugin {
    let descriptor = plugin.descriptor();
    let text = |text: &easysight_sandbox::Text| Text { zh: text.zh.clone(), en: text.en.clone() };
    PublishedPlugin {
        digest: plugin.digest().to_string(),
        name: descriptor.name.clone(),
        version: descriptor.version.clone(),
        size_bytes,
        diagnoses: descriptor
            .diagnoses
            .iter()
            .map(|one| DiagnosisInfo {
                id: one.id.clone(),
                title: text(&one.title),
                description: text(&one.description),
            })
            .collect(),
        config_schema: plugin.schema().as_json().clone(),
        published_at: crate::clock::now(),
        imports,
        active_for: Vec::new(),
        shadow_for: Vec::new(),
        signed_by: Vec::new(),
    }
}

impl ActiveSet {
    /// Ids of all diagnoses that a plugin serves.
    pub(crate) fn diagnoses(&self) -> impl Iterator<Item = &str> {
        self.by_diagnosis.keys().map(String::as_str)
    }

    /// What shall be done for these diagnoses (all that are active where empty) with this
    /// configuration.
    pub(crate) fn plan(
        &self,
        diagnoses: &[String],
        config: &BTreeMap<String, Value>,
    ) -> Result<JobPlan, NoPlan> {
        let all: Vec<String>;
        let wanted = if diagnoses.is_empty() {
            all = self.diagnoses().map(str::to_owned).collect();
            &all
        } else {
            diagnoses
        };
        let missing: BTreeSet<&String> =
            wanted.iter().filter(|id| !self.by_diagnosis.contains_key(*id)).collect();
        if !missing.is_empty() || wanted.is_empty() {
            let mut reasons: Vec<String> =
                missing.iter().map(|id| format!("an active plugin for `{id}`")).collect();
            if reasons.is_empty() {
                reasons.push("an active plugin".into());
            }
            // What is configured wrongly is wrong whoever else is missing.
            self.check_config(wanted, config)?;
            return Err(NoPlan::Waits(reasons));
        }
        let plugins = self.check_config(wanted, config)?;
        Ok(JobPlan { shadows: self.candidates(&plugins, config), plugins, ..JobPlan::default() })
    }

    /// The candidates for what these plugins are asked for. What is configured for a diagnosis is handed to
    /// them as it is: whether they take it is one of the things that are tried.
    fn candidates(&self, plugins: &[PlannedPlugin], config: &BTreeMap<String, Value>) -> Vec<PlannedPlugin> {
        let mut candidates: Vec<PlannedPlugin> = Vec::new();
        for (plugin, id) in plugins.iter().flat_map(|one| one.diagnoses.iter().map(move |id| (one, id))) {
            let Some(candidate) = self.shadows.get(id).filter(|one| one.digest != plugin.digest) else {
                continue;
            };
            match candidates.iter_mut().find(|one| one.digest == candidate.digest) {
                Some(one) => one.diagnoses.push(id.clone()),
                None => candidates.push(planned(candidate, id)),
            }
        }
        for one in &mut candidates {
            let given = one.diagnoses.iter().filter_map(|id| config.get(id)?.as_object());
            one.config = Value::Object(given.flat_map(Clone::clone).collect());
        }
        candidates
    }

    fn check_config(
        &self,
        wanted: &[String],
        config: &BTreeMap<String, Value>,
    ) -> Result<Vec<PlannedPlugin>, NoPlan> {
        for id in config.keys() {
            if !wanted.contains(id) {
                let detail = format!("`{id}` is configured but not among the diagnoses that are asked for");
                return Err(NoPlan::Invalid(ConfigProblem { field: pointer(id, ""), detail }));
            }
        }
        let mut chosen: Vec<(PlannedPlugin, Arc<Active>)> = Vec::new();
        for id in wanted {
            let Some(active) = self.by_diagnosis.get(id) else { continue };
            match chosen.iter_mut().find(|(plan, _)| plan.digest == active.plugin.digest) {
                Some((plan, _)) if plan.diagnoses.contains(id) => {}
                Some((plan, _)) => plan.diagnoses.push(id.clone()),
                None => chosen.push((planned(&active.plugin, id), Arc::clone(active))),
            }
        }
        let configured = |(mut plan, active): (PlannedPlugin, Arc<Active>)| {
            let mut whole = Map::new();
            let mut given_for = plan.diagnoses.first().cloned().unwrap_or_default();
            for id in &plan.diagnoses {
                match config.get(id) {
                    None => {}
                    Some(Value::Object(fields)) => {
                        given_for.clone_from(id);
                        whole.extend(fields.clone());
                    }
                    Some(_) => {
                        let detail = "the configuration must be a JSON object".into();
                        return Err(NoPlan::Invalid(ConfigProblem { field: pointer(id, ""), detail }));
                    }
                }
            }
            plan.config = active.schema.resolve(Some(&Value::Object(whole))).map_err(|error| {
                NoPlan::Invalid(ConfigProblem {
                    field: pointer(&given_for, &error.field),
                    detail: error.detail,
                })
            })?;
            Ok(plan)
        };
        chosen.into_iter().map(configured).collect()
    }
}

/// A plugin that is asked for one diagnosis so far, and not configured.
fn planned(plugin: &PublishedPlugin, diagnosis: &str) -> PlannedPlugin {
    PlannedPlugin {
        digest: plugin.digest.clone(),
        name: format!("{}@{}", plugin.name, plugin.version),
        diagnoses: vec![diagnosis.to_owned()],
        config: Value::Null,
    }
}

fn pointer(id: &str, rest: &str) -> String {
    format!("/config/{}{rest}", id.replace('~', "~0").replace('/', "~1"))
}
