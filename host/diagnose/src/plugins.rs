//! The plugins at hand, by the diagnoses that they implement.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use easysight_protocol::PluginSummary;
use easysight_sandbox::{Digest, LoadError, Plugin, PluginStore, Sandbox};
use easysight_trust::{RefusedPlugin, TrustedKeys, load, signature_beside};

/// Loaded plugins. Of several that implement the same diagnosis, the highest version counts.
#[derive(Debug, Clone, Default)]
pub struct PluginSet {
    plugins: Vec<Arc<Plugin>>,
    by_diagnosis: BTreeMap<String, Arc<Plugin>>,
    /// What each file of the directory held when it could be used last.
    files: BTreeMap<PathBuf, Arc<Plugin>>,
}

/// A file that looks like a plugin and is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The file.
    pub path: PathBuf,
    /// Why, for a person.
    pub reason: String,
}

impl PluginSet {
    /// Loads every `.wasm` component of a directory, which is made where there is none; where keys are
    /// demanded, those that one of them vouches for in a `.wasm.sig` beside it. Blocks: what is not in the
    /// sandbox's cache is compiled.
    ///
    /// # Errors
    ///
    /// [`LoadError::Io`] where the directory cannot be read. A file that is no usable plugin is
    /// told of in the second part of the answer and keeps nobody else from being used.
    pub fn load(
        sandbox: &Sandbox,
        dir: &Path,
        keys: Option<&TrustedKeys>,
    ) -> Result<(Self, Vec<Rejected>), LoadError> {
        Self::default().reload(sandbox, dir, keys)
    }

    /// Loads a directory again. A file that changed counts once it can be used: one that is being written, or
    /// is broken, leaves the plugin that it held before in its place, and is told of. A file that is gone takes
    /// its plugin with it, and so does one that did not change but is no longer vouched for.
    ///
    /// # Errors
    ///
    /// As [`PluginSet::load`].
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
                        let stays = format!("{reason}; {} {} stays in its place", own.name, own.version);
                        found.push((path.clone(), Arc::clone(former)));
                        rejected.push(Rejected { path, reason: stays });
                    }
                    _ => rejected.push(Rejected { path, reason }),
                },
            }
        }
        let files = found.iter().cloned().collect();
        // Highest version first; of equal ones the order is that of the digests, everywhere. One component
        // under two names is one plugin.
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

    /// Adds a plugin; answers why not, where another one implements what it does.
    fn add(&mut self, plugin: &Arc<Plugin>) -> Option<String> {
        let diagnoses = &plugin.descriptor().diagnoses;
        let taken = diagnoses.iter().find_map(|d| self.by_diagnosis.get(&d.id).map(|other| (&d.id, other)));
        if let Some((id, other)) = taken {
            let other = other.descriptor();
            return Some(format!("`{id}` is implemented by {} {} already", other.name, other.version));
        }
        for diagnosis in diagnoses {
            self.by_diagnosis.insert(diagnosis.id.clone(), Arc::clone(plugin));
        }
        self.plugins.push(Arc::clone(plugin));
        None
    }

    /// All plugins, in the order of their names.
    #[must_use]
    pub fn plugins(&self) -> &[Arc<Plugin>] {
        &self.plugins
    }

    /// The plugin that implements a diagnosis.
    #[must_use]
    pub fn for_diagnosis(&self, id: &str) -> Option<&Arc<Plugin>> {
        self.by_diagnosis.get(id)
    }

    /// Ids of all diagnoses, sorted.
    pub fn diagnoses(&self) -> impl Iterator<Item = &str> {
        self.by_diagnosis.keys().map(String::as_str)
    }

    /// True where there is no plugin.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.plugins.is_empty()
    }

    /// What is at hand, in the order of the names.
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

/// Why a file is not used, and what it holds, where that is known.
struct Unusable {
    reason: String,
    digest: Option<Digest>,
}

/// One plugin of a directory, or why it is not used; `known` has what was loaded from another file already.
fn load_file(
    sandbox: &Sandbox,
    path: &Path,
    keys: Option<&TrustedKeys>,
    known: impl FnOnce(Digest) -> Option<Arc<Plugin>>,
) -> Result<Arc<Plugin>, Unusable> {
    let unread = |error: LoadError| Unusable { reason: error.to_string(), digest: None };
    let (digest, bytes) = PluginStore::read_file(path).map_err(unread)?;
    let refused = |reason: String| Unusable { reason, digest: Some(digest) };
    // Where nobody asks for it, nothing that is wrong with a signature matters.
    let signed =
        keys.map_or(Ok(None), |_| signature_beside(path)).map_err(|error| refused(error.to_string()))?;
    if let Some(plugin) = known(digest) {
        return Ok(plugin);
    }
    let loaded = load(sandbox, &bytes, keys, signed.as_ref());
    loaded.map_err(|error: RefusedPlugin| refused(error.to_string()))
}
