//! The registry of plugins. A plugin is vetted when it is published, stored on disk by its digest, and can then be
//! active for diagnoses. The registry also makes the plan of a task.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use easysight_protocol::{DiagnosisInfo, JobPlan, PlannedPlugin, PluginSignature, PublishedPlugin, Text};
use easysight_sandbox::{ConfigSchema, Digest, LoadError, Plugin, Sandbox};
use easysight_store::{Actor, Store, StoreError};
use easysight_trust::{RefusedPlugin, TrustedKeys, Untrusted, genuine, load};
use parking_lot::RwLock;
use serde_json::{Map, Value};

use crate::blobs::Blobs;

/// An error of a configuration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ConfigProblem {
    /// The place of the error as a JSON Pointer: `/config/brightness/dark_p95`.
    pub(crate) field: String,
    pub(crate) detail: String,
}

/// Why a task has no plan now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoPlan {
    /// The listed plugins are missing. The task can run once they are active.
    Waits(Vec<String>),
    /// The task can never run with this configuration.
    Invalid(ConfigProblem),
}

impl NoPlan {
    /// Returns what the task waits for. An invalid configuration counts too: it was valid when the task was created,
    /// but another version of the plugin has become active since.
    pub(crate) fn reasons(self) -> Vec<String> {
        match self {
            Self::Waits(reasons) => reasons,
            Self::Invalid(problem) => {
                vec![format!(
                    "a configuration that its plugin accepts: {}: {}",
                    problem.field, problem.detail
                )]
            }
        }
    }
}

/// Why a component was not published.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    /// The component breaks a rule.
    #[error("{0}")]
    Refused(LoadError),
    /// No trusted key has signed the component, or a signature does not match.
    #[error("{0}")]
    Untrusted(#[from] Untrusted),
    /// The component cannot be stored.
    #[error("{0}")]
    Disk(io::Error),
    /// The database cannot record the component.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A defect of this program.
    #[error("vetting was interrupted: {0}")]
    Broken(String),
}

/// A plugin that is active for diagnoses.
struct Active {
    plugin: PublishedPlugin,
    schema: ConfigSchema,
}

/// Active plugins by diagnosis.
#[derive(Default)]
pub(crate) struct ActiveSet {
    by_diagnosis: BTreeMap<String, Arc<Active>>,
    /// Candidates that run in shadow, by diagnosis.
    shadows: BTreeMap<String, Arc<PublishedPlugin>>,
}

/// All plugins of the master.
pub(crate) struct Registry {
    store: Store,
    blobs: Arc<dyn Blobs>,
    sandbox: Sandbox,
    /// Trusted keys. None if plugins need no signature.
    keys: Option<TrustedKeys>,
    active: RwLock<Arc<ActiveSet>>,
    /// Allows one upload to be vetted at a time, because vetting may need a whole processor and much memory.
    vetting: tokio::sync::Semaphore,
}

impl Registry {
    /// Returns the size of all stored plugins in bytes.
    pub(crate) async fn bytes(&self) -> io::Result<u64> {
        let blobs = Arc::clone(&self.blobs);
        let listed = tokio::task::spawn_blocking(move || blobs.list()).await.map_err(io::Error::other)??;
        Ok(listed.iter().map(|(_, bytes)| bytes).sum())
    }

    pub(crate) async fn open(
        store: Store,
        sandbox: Sandbox,
        blobs: Arc<dyn Blobs>,
        keys: Option<TrustedKeys>,
    ) -> anyhow::Result<Self> {
        let registry = Self {
            store,
            blobs,
            sandbox,
            keys,
            active: RwLock::default(),
            vetting: tokio::sync::Semaphore::new(1),
        };
        registry.refresh().await?;
        Ok(registry)
    }

    /// Returns the plugins that are active now.
    pub(crate) fn active(&self) -> Arc<ActiveSet> {
        Arc::clone(&self.active.read())
    }

    /// Reads the active plugins again, after a change here or by another master.
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
                // The schema was valid for the master that published the plugin. A master of another version may reject
                // it.
                Err(reason) => tracing::error!(digest = plugin.digest, reason, "plugin is not used"),
            }
        }
        *self.active.write() = Arc::new(active);
        Ok(())
    }

    /// Checks that a trusted key signed a published plugin, because the plugin may have been published before keys were
    /// required.
    async fn trusts(&self, plugin: &PublishedPlugin) -> Result<Result<(), Untrusted>, StoreError> {
        let (Some(keys), Ok(digest)) = (&self.keys, plugin.digest.parse()) else { return Ok(Ok(())) };
        let signed = self.store.signatures(&plugin.digest).await?;
        Ok(keys.check(digest, Some(&signed)).map(|_| ()))
    }

    /// Vets a component, and stores it with its signatures. `now` is the time of publication of a new plugin. The
    /// second value is true if the plugin is new.
    pub(crate) async fn publish(
        &self,
        bytes: Vec<u8>,
        signed: Option<PluginSignature>,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Result<(PublishedPlugin, bool), PublishError> {
        let digest = Digest::of(&bytes);
        let known = self.find(digest).await?;
        if let (Some(known), None) = (&known, &signed) {
            self.trusts(known).await??;
            // The bytes may have been lost since the first publication. Publishing the component again restores them.
            self.keep(digest, bytes).await?;
            return Ok((known.clone(), false));
        }
        let (plugin, bytes, signed) = self.vet(bytes, signed).await?;
        let size_bytes = bytes.len() as u64;
        let imports = easysight_sandbox::imports(&bytes).map_err(PublishError::Refused)?;
        self.keep(digest, bytes).await?;
        let published = known.unwrap_or_else(|| describe(&plugin, size_bytes, imports, now));
        let by = self.store.by(actor);
        let new = by.publish(published.clone()).await?;
        if let Some(signed) = signed {
            by.add_signatures(signed, now.timestamp_millis()).await?;
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
            // Only genuine signatures are passed on to workers, even if this master requires no keys.
            signed.as_ref().map_or(Ok(()), |signed| genuine(signed, &plugin))?;
            Ok((plugin, bytes, signed))
        });
        let vetted = vetted.await.map_err(|error| PublishError::Broken(error.to_string()))?;
        vetted.map_err(|refused: RefusedPlugin| match refused {
            RefusedPlugin::Untrusted(reason) => PublishError::Untrusted(reason),
            RefusedPlugin::Load(reason) => PublishError::Refused(reason),
        })
    }

    async fn keep(&self, digest: Digest, bytes: Vec<u8>) -> Result<(), PublishError> {
        let blobs = Arc::clone(&self.blobs);
        tokio::task::spawn_blocking(move || blobs.put(digest, &bytes))
            .await
            .map_err(|error| PublishError::Broken(error.to_string()))?
            .map_err(PublishError::Disk)?;
        Ok(())
    }

    /// Returns a published plugin.
    pub(crate) async fn find(&self, digest: Digest) -> Result<Option<PublishedPlugin>, StoreError> {
        let digest = digest.to_string();
        Ok(self.store.plugins().await?.into_iter().find(|plugin| plugin.digest == digest))
    }

    /// Returns the bytes of a plugin, or None if they do not exist.
    pub(crate) async fn component(&self, digest: Digest) -> io::Result<Option<Bytes>> {
        let blobs = Arc::clone(&self.blobs);
        tokio::task::spawn_blocking(move || blobs.get(digest)).await?
    }
}

fn describe(
    plugin: &Plugin,
    size_bytes: u64,
    imports: Vec<String>,
    published_at: DateTime<Utc>,
) -> PublishedPlugin {
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
        published_at,
        imports,
        active_for: Vec::new(),
        shadow_for: Vec::new(),
        signed_by: Vec::new(),
    }
}

impl ActiveSet {
    /// Returns the ids of all diagnoses that have an active plugin.
    pub(crate) fn diagnoses(&self) -> impl Iterator<Item = &str> {
        self.by_diagnosis.keys().map(String::as_str)
    }

    /// Returns the schema of the settings of a diagnosis, if a plugin is active for it.
    pub(crate) fn schema_of(&self, diagnosis: &str) -> Option<&Value> {
        self.by_diagnosis.get(diagnosis).map(|one| &one.plugin.config_schema)
    }

    /// Makes the plan for these diagnoses with this configuration. An empty list means all diagnoses that have an
    /// active plugin.
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
            // An invalid configuration is reported even if plugins are missing too.
            self.check_config(wanted, config)?;
            return Err(NoPlan::Waits(reasons));
        }
        let plugins = self.check_config(wanted, config)?;
        Ok(JobPlan { shadows: self.candidates(&plugins, config), plugins, ..JobPlan::default() })
    }

    /// Returns the candidates for the diagnoses of these plugins. The candidates get the configuration unchanged.
    /// Whether they accept the configuration is part of the trial.
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
                let detail = format!("`{id}` is configured but is not among the requested diagnoses");
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

/// Makes the plan of a plugin for one diagnosis, without a configuration.
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
