//! The plugins of this node. They are loaded at the start, and again when the directory changes.

use std::{fs, path::PathBuf, sync::Arc, time::SystemTime};

use easysight_diagnose::PluginSet;
use easysight_sandbox::{Limits, LoadError, PluginStore, Sandbox};
use easysight_trust::{TrustedKeys, signature_path};
use parking_lot::{Mutex, RwLock};

/// The path, size and modification time of each component and signature in a directory.
type Fingerprint = Vec<(PathBuf, u64, Option<SystemTime>)>;

/// The loaded plugins of a directory.
pub(crate) struct Library {
    sandbox: Sandbox,
    dir: PathBuf,
    keys: Option<TrustedKeys>,
    current: RwLock<Arc<PluginSet>>,
    seen: Mutex<Fingerprint>,
}

impl Library {
    /// Loads the directory's plugins. This call blocks while plugins that are not in the cache are compiled.
    pub(crate) fn open(sandbox: Sandbox, dir: PathBuf, keys: Option<TrustedKeys>) -> Result<Self, LoadError> {
        let library = Self {
            sandbox,
            dir,
            keys,
            current: RwLock::new(Arc::new(PluginSet::default())),
            seen: Mutex::new(Vec::new()),
        };
        PluginStore::open(&library.dir)?;
        library.load(library.fingerprint()?)?;
        if library.current().is_empty() {
            tracing::warn!(dir = %library.dir.display(), "no plugin found; put .wasm components into the directory");
        }
        Ok(library)
    }

    /// Returns the current plugins. A job keeps the plugins that it started with.
    pub(crate) fn current(&self) -> Arc<PluginSet> {
        Arc::clone(&self.current.read())
    }

    /// Returns the ceilings of every run on this node.
    pub(crate) fn limits(&self) -> Limits {
        self.sandbox.limits()
    }

    /// Loads the directory again if it has changed. A broken or half-written file does not replace the plugin that the
    /// file contained before. This call blocks.
    pub(crate) fn refresh(&self) {
        let changed =
            self.fingerprint().and_then(|now| if *self.seen.lock() == now { Ok(()) } else { self.load(now) });
        if let Err(error) = changed {
            tracing::error!(%error, "the plugins directory cannot be read; the plugins stay as they are");
        }
    }

    fn load(&self, fingerprint: Fingerprint) -> Result<(), LoadError> {
        let former = self.current();
        let (set, rejected) = former.reload(&self.sandbox, &self.dir, self.keys.as_ref())?;
        for rejected in rejected {
            tracing::error!(path = %rejected.path.display(), reason = rejected.reason, "the file is not used");
        }
        for plugin in set.summaries() {
            tracing::info!(
                name = plugin.name,
                version = plugin.version,
                digest = plugin.digest,
                "plugin is ready"
            );
        }
        *self.current.write() = Arc::new(set);
        *self.seen.lock() = fingerprint;
        Ok(())
    }

    fn fingerprint(&self) -> Result<Fingerprint, LoadError> {
        let components = PluginStore::open(&self.dir)?.files()?;
        // Signatures count too, since a person may sign a component that is already in the directory.
        let signatures = components.iter().map(|path| signature_path(path)).collect::<Vec<_>>();
        let files = components.into_iter().chain(signatures);
        let facts = files.filter_map(|path| {
            // Most components have no signature, and a file may have been removed meanwhile.
            let facts = fs::metadata(&path).ok()?;
            Some((path, facts.len(), facts.modified().ok()))
        });
        Ok(facts.collect())
    }
}
