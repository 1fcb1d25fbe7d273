//! Plugins by digest: loaded, else on disk, else downloaded, once for all jobs that want it. Bytes are
//! hashed while they come in; a download that breaks off goes on where it stopped.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use easysight_protocol::PluginSummary;
use easysight_sandbox::{Digest, LoadError, MAX_COMPONENT_BYTES, Plugin, PluginStore, Sandbox};
use parking_lot::Mutex;
use reqwest::{StatusCode, header};
use tokio::{
    fs::{self, File, OpenOptions},
    io::{AsyncReadExt, AsyncWriteExt},
    sync::OnceCell,
    time::Instant,
};

use super::client::{CallError, MasterClient};

/// Loaded plugins that are kept.
const MAX_LOADED: usize = 64;
/// Tries of one download, and the pause between them.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(300);

/// Why a plugin cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// The master does not give it.
    #[error(transparent)]
    Call(#[from] CallError),
    /// What came is something else.
    #[error("the master served bytes with the digest {found} for {wanted}")]
    WrongBytes {
        /// What was asked for.
        wanted: Digest,
        /// What came.
        found: String,
    },
    /// What came is too much.
    #[error("the master serves more than {MAX_COMPONENT_BYTES} bytes for it")]
    TooLarge,
    /// The connection broke off.
    #[error("the download broke off: {0}")]
    Broken(String),
    /// It cannot be kept.
    #[error("{path}: {source}", path = path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It is no usable plugin.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A defect of this program.
    #[error("loading broke off: {0}")]
    Defect(String),
}

struct Slot {
    plugin: Arc<OnceCell<Arc<Plugin>>>,
    used: Instant,
}

/// The plugins of a node.
pub(crate) struct PluginCache {
    client: MasterClient,
    sandbox: Sandbox,
    store: PluginStore,
    dir: PathBuf,
    loaded: Mutex<HashMap<Digest, Slot>>,
}

impl PluginCache {
    pub(crate) fn open(client: MasterClient, sandbox: Sandbox, dir: PathBuf) -> Result<Self, LoadError> {
        let store = PluginStore::open(&dir)?;
        Ok(Self { client, sandbox, store, dir, loaded: Mutex::default() })
    }

    /// A plugin, ready to run. Those who want the same one at the same time wait for one another; a
    /// failure is told to them, and the next one tries anew.
    pub(crate) async fn get(&self, digest: Digest) -> Result<Arc<Plugin>, FetchError> {
        let cell = {
            let mut loaded = self.loaded.lock();
            if !loaded.contains_key(&digest) && loaded.len() >= MAX_LOADED {
                let oldest = loaded.iter().min_by_key(|(_, slot)| slot.used).map(|(digest, _)| *digest);
                oldest.and_then(|digest| loaded.remove(&digest));
            }
            let slot =
                loaded.entry(digest).or_insert_with(|| Slot { plugin: Arc::default(), used: Instant::now() });
            slot.used = Instant::now();
            Arc::clone(&slot.plugin)
        };
        cell.get_or_try_init(|| self.load(digest)).await.cloned()
    }

    /// What is loaded, by name.
    pub(crate) fn summaries(&self) -> Vec<PluginSummary> {
        let loaded = self.loaded.lock();
        let mut all: Vec<PluginSummary> = loaded
            .values()
            .filter_map(|slot| slot.plugin.get())
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

    async fn load(&self, digest: Digest) -> Result<Arc<Plugin>, FetchError> {
        let store = self.store.clone();
        let found = blocking(move || Ok(find(&store, digest))).await?;
        let bytes = match found {
            Some(bytes) => bytes,
            None => {
                self.download(digest).await?;
                let store = self.store.clone();
                blocking(move || store.get(digest)).await?
            }
        };
        let sandbox = self.sandbox.clone();
        let plugin = blocking(move || sandbox.load(&bytes)).await?;
        let descriptor = plugin.descriptor();
        tracing::info!(name = descriptor.name, version = descriptor.version, %digest, "plugin is at hand");
        Ok(plugin)
    }

    /// Fetches a component into the directory.
    async fn download(&self, digest: Digest) -> Result<(), FetchError> {
        let part = self.dir.join(format!("{digest}.part"));
        let mut last = None;
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(PAUSE * 2_u32.pow(attempt - 1)).await;
            }
            match self.fetch(digest, &part).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    tracing::warn!(%digest, %error, attempt = attempt + 1, "a plugin could not be fetched");
                    let hopeless = match &error {
                        FetchError::Call(error) => !error.may_pass(),
                        FetchError::Disk { .. } | FetchError::TooLarge => true,
                        _ => false,
                    };
                    last = Some(error);
                    if hopeless {
                        break;
                    }
                }
            }
        }
        Err(last.unwrap_or_else(|| FetchError::Defect("no try was made".into())))
    }

    /// One try, from where the last one stopped.
    async fn fetch(&self, digest: Digest, part: &Path) -> Result<(), FetchError> {
        let disk = |source| FetchError::Disk { path: part.to_owned(), source };
        let (mut hasher, mut have) = hash_of(part).await.map_err(disk)?;
        let mut answer = match self.client.component(digest, have).await {
            // What is there is all there is, or more: judge it as it is.
            Err(CallError::Refused { status: 416, .. }) => {
                return self.complete(digest, part, &hasher).await;
            }
            answer => answer?,
        };
        let begins = if answer.status() == StatusCode::PARTIAL_CONTENT {
            let range = answer.headers().get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
            range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse::<u64>().ok())
        } else {
            Some(0)
        };
        if begins != Some(have) {
            // The whole again, or something that was not asked for.
            hasher = blake3::Hasher::new();
            have = 0;
            fs::remove_file(part).await.or_else(ignore_missing).map_err(disk)?;
            if begins != Some(0) {
                return Err(FetchError::Broken(
                    "the master answers with a range that was not asked for".into(),
                ));
            }
        }
        let mut file = OpenOptions::new().create(true).append(true).open(part).await.map_err(disk)?;
        loop {
            let chunk = answer.chunk().await.map_err(|error| FetchError::Broken(error.to_string()))?;
            let Some(chunk) = chunk else { break };
            have += chunk.len() as u64;
            if have > MAX_COMPONENT_BYTES as u64 {
                drop(file);
                fs::remove_file(part).await.map_err(disk)?;
                return Err(FetchError::TooLarge);
            }
            hasher.update(&chunk);
            file.write_all(&chunk).await.map_err(disk)?;
        }
        file.flush().await.map_err(disk)?;
        file.sync_all().await.map_err(disk)?;
        drop(file);
        self.complete(digest, part, &hasher).await
    }

    /// Gives a download its name, where it is what was asked for.
    async fn complete(&self, digest: Digest, part: &Path, hasher: &blake3::Hasher) -> Result<(), FetchError> {
        let disk = |source| FetchError::Disk { path: part.to_owned(), source };
        let found = hasher.finalize().to_hex().to_string();
        if found != digest.to_string() {
            fs::remove_file(part).await.or_else(ignore_missing).map_err(disk)?;
            return Err(FetchError::WrongBytes { wanted: digest, found });
        }
        fs::rename(part, self.dir.join(format!("{digest}.wasm"))).await.map_err(disk)
    }
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

async fn blocking<T: Send + 'static>(
    step: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, FetchError> {
    let done = tokio::task::spawn_blocking(step).await;
    Ok(done.map_err(|error| FetchError::Defect(error.to_string()))??)
}

/// A component on disk: under its digest, or under a name that a person gave it.
fn find(store: &PluginStore, digest: Digest) -> Option<Vec<u8>> {
    match store.get(digest) {
        Ok(bytes) => return Some(bytes),
        Err(LoadError::NotFound(_)) => {}
        Err(error) => tracing::warn!(%digest, %error, "a plugin on disk is of no use and is fetched again"),
    }
    let files = store.files().ok()?;
    files.iter().find_map(|path| {
        let (found, bytes) = PluginStore::read_file(path).ok()?;
        (found == digest).then_some(bytes)
    })
}

/// The hash and the length of what a broken download left.
async fn hash_of(part: &Path) -> io::Result<(blake3::Hasher, u64)> {
    let mut hasher = blake3::Hasher::new();
    let mut file = match File::open(part).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((hasher, 0)),
        Err(error) => return Err(error),
    };
    let (mut have, mut buffer) = (0, vec![0; 256 << 10]);
    loop {
        let count = file.read(&mut buffer).await?;
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
        hasher.update(bytes);
        have += count as u64;
    }
    Ok((hasher, have))
}
