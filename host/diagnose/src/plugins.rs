//! The loaded plugins, by the diagnoses that they implement.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use easysight_protocol::PluginSummary;
use easysight_sandbox::{Digest, LoadError, Plugin, PluginStore, Sandbox};
use easysight_trust::{RefusedPlugin, TrustedKeys, load, signature_beside};

/// A set of loaded plugins. If several plugins implement the same diagnosis, the highest version is used.
#[derive(Debug, Clone, Default)]
pub struct PluginSet {
    plugins: Vec<Arc<Plugin>>,
    by_diagnosis: BTreeMap<String, Arc<Plugin>>,
    /// For each file of the directory, the plugin that it contained when the file was last usable.
    files: BTreeMap<PathBuf, Arc<Plugin>>,
}

/// A file that has the name of a plugin but is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The file.
    pub path: PathBuf,
    /// The reason, for a person.
    pub reason: String,
}

impl PluginSet {
    /// Loads every `.wasm` component of a directory. Creates the directory if it does not exist. If `keys` are
    /// given, loads only components that have a valid signature by one of these keys in a `.wasm.sig` file beside
    /// the component. This call blocks: components that are not in the sandbox's cache are compiled.
    ///
    /// # Errors
    ///
    /// [`LoadError::Io`] if the directory cannot be read. Files that are not usable plugins are reported in the
    /// second part of the result, and do not prevent the use of other files.
    pub fn load(
        sandbox: &Sandbox,
        dir: &Path,
        keys: Option<&TrustedKeys>,
    ) -> Result<(Self, Vec<Rejected>), LoadError> {
        Self::default().reload(sandbox, dir, keys)
    }

    /// Loads a directory again. A changed file replaces its former plugin as soon as the file is usable. If the
    /// file is broken or still being written, the former plugin stays in use and the file is reported. A plugin is
    /// removed if its file was deleted, or if its file is unchanged but no longer has a valid signature.
    ///
    /// # Errors
    ///
    /// The errors of [`PluginSet::load`].
    pub fn reload(
        &self,
        sandbox: &Sandbox,
        dir: &Path,
        keys: Option<&TrustedKeys>,
    ) -> Result<(Self, Vec<Rejected>), LoadError> {
        let mut rejected = Vec::new();
        let mut found: Vec<(PathBuf, Arc<Plugin>)> = Vec::new();
        for path in PluginStore::open(dir)?.files()? {
            let former = self.files.get(&path);
            let known = |digest: Digest| {
                let same = |(_, plugin): &&(PathBuf, Arc<Plugin>)| plugin.digest() == digest;
                found.iter().find(same).map(|(_, plugin)| Arc::clone(plugin))
            };
            match load_file(sandbox, &path, keys, known) {
                Ok(plugin) => found.push((path, plugin)),
                Err(Unusable { reason, digest }) => match former {
                    Some(former) if digest != Some(former.digest()) => {
                        let own = former.descriptor();
                        let stays = format!("{reason}; {} {} stays in use instead", own.name, own.version);
                        found.push((path.clone(), Arc::clone(former)));
                        rejected.push(Rejected { path, reason: stays });
                    }
                    _ => rejected.push(Rejected { path, reason }),
                },
            }
        }
        let files = found.iter().cloned().collect();
        // The highest version comes first. Equal versions are sorted by digest, so that the order is the same
        // everywhere. One component under two names is one plugin.
        found.sort_by(|(_, a), (_, b)| b.version().cmp(a.version()).then(a.digest().cmp(&b.digest())));
        found.dedup_by_key(|(_, plugin)| plugin.digest());
        let mut set = Self { files, ..Self::default() };
        for (path, plugin) in found {
            if let Some(reason) = set.add(&plugin) {
                rejected.push(Rejected { path, reason });
            }
        }
        set.plugins.sort_by(|a, b| a.descriptor().name.cmp(&b.descriptor().name));
        Ok((set, rejected))
    }

    /// Adds a plugin. Returns the reason if another plugin already implements one of its diagnoses.
    fn add(&mut self, plugin: &Arc<Plugin>) -> Option<String> {
        let diagnoses = &plugin.descriptor().diagnoses;
        let taken = diagnoses.iter().find_map(|d| self.by_diagnosis.get(&d.id).map(|other| (&d.id, other)));
        if let Some((id, other)) = taken {
            let other = other.descriptor();
            return Some(format!("`{id}` is already implemented by {} {}", other.name, other.version));
        }
        for diagnosis in diagnoses {
            self.by_diagnosis.insert(diagnosis.id.clone(), Arc::clone(plugin));
        }
        self.plugins.push(Arc::clone(plugin));
        None
    }

    /// Returns all plugins, sorted by name.
    #[must_use]
    pub fn plugins(&self) -> &[Arc<Plugin>] {
        &self.plugins
    }

    /// Returns the plugin that implements a diagnosis.
    #[must_use]
    pub fn for_diagnosis(&self, id: &str) -> Option<&Arc<Plugin>> {
        self.by_diagnosis.get(id)
    }

    /// Returns the ids of all diagnoses, sorted.
    pub fn diagnoses(&self) -> impl Iterator<Item = &str> {
        self.by_diagnosis.keys().map(String::as_str)
    }

    /// Returns true if the set contains no plugin.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.plugins.is_empty()
    }

    /// Returns the summaries of all plugins, sorted by name.
    #[must_use]
    pub fn summaries(&self) -> Vec<PluginSummary> {
        let summary = |plugin: &Arc<Plugin>| PluginSummary {
            digest: plugin.digest().to_string(),
            name: plugin.descriptor().name.clone(),
            version: plugin.descriptor().version.clone(),
            diagnoses: plugin.descriptor().diagnoses.iter().map(|d| d.id.clone()).collect(),
        };
        self.plugins.iter().map(summary).collect()
    }
}

/// Why a file is not used, and its digest if it is known.
struct Unusable {
    reason: String,
    digest: Option<Digest>,
}

/// Loads one plugin of a directory, or returns why it is not used. `known` returns a plugin that was already
/// loaded from another file.
fn load_file(
    sandbox: &Sandbox,
    path: &Path,
    keys: Option<&TrustedKeys>,
    known: impl FnOnce(Digest) -> Option<Arc<Plugin>>,
) -> Result<Arc<Plugin>, Unusable> {
    let unread = |error: LoadError| Unusable { reason: error.to_string(), digest: None };
    let (digest, bytes) = PluginStore::read_file(path).map_err(unread)?;
    let refused = |reason: String| Unusable { reason, digest: Some(digest) };
    // If no keys are given, signatures are not read.
    let signed =
        keys.map_or(Ok(None), |_| signature_beside(path)).map_err(|error| refused(error.to_string()))?;
    if let Some(plugin) = known(digest) {
        return Ok(plugin);
    }
    let loaded = load(sandbox, &bytes, keys, signed.as_ref());
    loaded.map_err(|error: RefusedPlugin| refused(error.to_string()))
}
