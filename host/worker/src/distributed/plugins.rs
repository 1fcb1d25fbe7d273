//! Plugins by digest. A plugin is taken from memory, else from disk, else from the master. One download serves all jobs
//! that need the plugin. If a job is cancelled while it waits for a plugin, the other jobs still get the plugin.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use easysight_protocol::{PluginSignature, PluginSummary};
use easysight_sandbox::{Digest, LoadError, Plugin, PluginStore, Sandbox};
use easysight_trust::{RefusedPlugin, TrustedKeys, load, signature_beside};
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::{
    client::{CallError, MasterClient},
    download::{Downloads, FetchError},
};

/// The maximum number of plugins that stay loaded.
const MAX_LOADED: usize = 64;
/// The time for which an unusable component is not compiled again.
const UNUSABLE: Duration = Duration::from_secs(60);

/// The reason why a plugin is not available, and the time until which further jobs get the same error.
#[derive(Debug)]
struct Unavailable {
    error: Arc<FetchError>,
    until: Instant,
}

/// The loading of a plugin, shared by all jobs that wait for it. It stops when its last clone is dropped.
type Loading = Shared<BoxFuture<'static, Result<Arc<Plugin>, Arc<Unavailable>>>>;

struct Slot {
    loading: Loading,
    used: Instant,
}

/// Loads plugins by their digests.
struct Loader {
    downloads: Downloads,
    sandbox: Sandbox,
    /// The trusted keys: only plugins that one of them has signed may run. `None` if all plugins may run.
    keys: Option<TrustedKeys>,
    store: PluginStore,
}

/// The plugins of a node.
pub(crate) struct PluginCache {
    loader: Arc<Loader>,
    slots: Mutex<HashMap<Digest, Slot>>,
}

impl PluginCache {
    pub(crate) fn open(
        client: MasterClient,
        sandbox: Sandbox,
        keys: Option<TrustedKeys>,
        dir: PathBuf,
    ) -> Result<Self, LoadError> {
        let store = PluginStore::open(&dir)?;
        Ok(Self::with(Loader { downloads: Downloads::new(client, dir), sandbox, keys, store }))
    }

    fn with(loader: Loader) -> Self {
        Self { loader: Arc::new(loader), slots: Mutex::default() }
    }

    /// Returns a plugin that is ready to run. Callers that need the same plugin at the same time wait for the same
    /// download, and get the same error. A later call tries again, but an unusable component is not tried again
    /// before [`UNUSABLE`] has passed.
    pub(crate) async fn get(&self, digest: Digest) -> Result<Arc<Plugin>, Arc<FetchError>> {
        let asked = Instant::now();
        loop {
            let loading = self.loading(digest);
            match loading.clone().await {
                Ok(plugin) => return Ok(plugin),
                Err(unavailable) if unavailable.until < asked => self.forget(digest, &loading),
                Err(unavailable) => return Err(Arc::clone(&unavailable.error)),
            }
        }
    }

    fn loading(&self, digest: Digest) -> Loading {
        let mut slots = self.slots.lock();
        if !slots.contains_key(&digest) {
            make_room(&mut slots);
        }
        let slot = slots.entry(digest).or_insert_with(|| Slot {
            loading: start(Arc::clone(&self.loader), digest),
            used: Instant::now(),
        });
        slot.used = Instant::now();
        slot.loading.clone()
    }

    /// Removes a failed loading, unless another loading of the plugin has started meanwhile.
    fn forget(&self, digest: Digest, loading: &Loading) {
        let mut slots = self.slots.lock();
        if slots.get(&digest).is_some_and(|slot| slot.loading.ptr_eq(loading)) {
            slots.remove(&digest);
        }
    }

    /// Lists the loaded plugins by name.
    pub(crate) fn summaries(&self) -> Vec<PluginSummary> {
        let slots = self.slots.lock();
        let loaded = slots.values().filter_map(|slot| slot.loading.peek()?.as_ref().ok());
        let mut all: Vec<PluginSummary> = loaded
            .map(|plugin| PluginSummary {
                digest: plugin.digest().to_string(),
                name: plugin.descriptor().name.clone(),
                version: plugin.descriptor().version.clone(),
                diagnoses: plugin.descriptor().diagnoses.iter().map(|one| one.id.clone()).collect(),
            })
            .collect();
        all.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        all
    }
}

/// Removes the least recently used plugins until there is room for one. Plugins that are still loading are never
/// removed, because jobs wait for them.
fn make_room(slots: &mut HashMap<Digest, Slot>) {
    while slots.len() >= MAX_LOADED {
        let ended = slots.iter().filter(|(_, slot)| slot.loading.peek().is_some());
        let Some(oldest) = ended.min_by_key(|(_, slot)| slot.used).map(|(digest, _)| *digest) else { return };
        slots.remove(&oldest);
    }
}

/// Starts loading in a task of its own, so that the end of a single job does not stop the loading.
fn start(loader: Arc<Loader>, digest: Digest) -> Loading {
    let task = AbortOnDropHandle::new(tokio::spawn(async move { loader.load(digest).await }));
    async move {
        let loaded = task.await.unwrap_or_else(|error| Err(FetchError::Defect(error.to_string())));
        loaded.map_err(|error| {
            let ended = Instant::now();
            // A component does not change. Any other cause may be gone at the next attempt.
            let until = if error.blames_component() { ended + UNUSABLE } else { ended };
            Arc::new(Unavailable { error: Arc::new(error), until })
        })
    }
    .boxed()
    .shared()
}

impl Loader {
    async fn load(&self, digest: Digest) -> Result<Arc<Plugin>, FetchError> {
        let store = self.store.clone();
        let found = blocking(move || Ok(find(&store, digest))).await?;
        let bytes = match found {
            Some(bytes) => bytes,
            None => {
                self.downloads.fetch(digest).await?;
                let store = self.store.clone();
                blocking(move || store.get(digest)).await?
            }
        };
        let signed = match self.keys {
            Some(_) => self.signed(digest).await?,
            None => None,
        };
        let (sandbox, keys) = (self.sandbox.clone(), self.keys.clone());
        let loaded = blocking(move || Ok(load(&sandbox, &bytes, keys.as_ref(), signed.as_ref()))).await?;
        let plugin = loaded.map_err(|refused| match refused {
            RefusedPlugin::Untrusted(reason) => FetchError::Untrusted(reason),
            RefusedPlugin::Load(reason) => FetchError::Load(reason),
        })?;
        let descriptor = plugin.descriptor();
        tracing::info!(name = descriptor.name, version = descriptor.version, %digest, "plugin is ready");
        Ok(plugin)
    }
}

impl Loader {
    /// Returns a plugin's signatures from the master. If the master has none, returns those beside a file that a
    /// person put into the directory.
    async fn signed(&self, digest: Digest) -> Result<Option<PluginSignature>, FetchError> {
        let error = match self.downloads.signature(digest).await {
            Ok(signed) if !signed.signatures.is_empty() => return Ok(Some(signed)),
            Ok(_) => None,
            Err(error) => Some(error),
        };
        let store = self.store.clone();
        let beside = blocking(move || Ok(beside(&store, digest))).await?;
        match (beside, error) {
            (Some(signed), _) => Ok(Some(signed)),
            (None, Some(error)) if !matches!(error, CallError::Refused { status: 404, .. }) => {
                Err(error.into())
            }
            (None, _) => Ok(None),
        }
    }
}

/// Returns the signature beside the file of a component that a person put into the directory.
fn beside(store: &PluginStore, digest: Digest) -> Option<PluginSignature> {
    let files = store.files().ok()?;
    let signed = files.iter().filter_map(|path| match signature_beside(path) {
        Ok(signed) => signed,
        Err(error) => {
            tracing::warn!(%error, "a signature cannot be read");
            None
        }
    });
    signed.into_iter().find(|signed| signed.digest == digest.to_string())
}

async fn blocking<T: Send + 'static>(
    step: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, FetchError> {
    let done = tokio::task::spawn_blocking(step).await;
    Ok(done.map_err(|error| FetchError::Defect(error.to_string()))??)
}

/// Returns a component from disk. The file is named by its digest, or has any name that a person gave it.
fn find(store: &PluginStore, digest: Digest) -> Option<Vec<u8>> {
    match store.get(digest) {
        Ok(bytes) => return Some(bytes),
        Err(LoadError::NotFound(_)) => {}
        Err(error) => tracing::warn!(%digest, %error, "a plugin on disk is unusable; fetching it again"),
    }
    // Files that are named by a digest are skipped: the one with this digest would have been found above.
    let named = |path: &PathBuf| {
        path.file_stem().is_some_and(|stem| stem.to_str().is_some_and(|stem| stem.parse::<Digest>().is_ok()))
    };
    let files = store.files().ok()?;
    files.iter().filter(|path| !named(path)).find_map(|path| {
        let (found, bytes) = PluginStore::read_file(path).ok()?;
        (found == digest).then_some(bytes)
    })
}

#[cfg(test)]
mod tests;
