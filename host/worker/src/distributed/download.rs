//! Downloads of components from the master. Bytes are hashed as they arrive. An interrupted download is resumed where
//! it stopped, even after a restart. The caller must not download the same component twice at the same time.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use easysight_protocol::PluginSignature;
use easysight_sandbox::{Digest, LoadError, MAX_COMPONENT_BYTES};
use easysight_trust::Untrusted;
use reqwest::{Response, StatusCode, header};
use tokio::{
    fs::{self, File, OpenOptions},
    io::{AsyncReadExt, AsyncWriteExt},
};

use super::client::{CallError, MasterClient};

/// The maximum number of attempts of one download.
const TRIES: u32 = 5;
/// The pause before the second attempt. It doubles before each further attempt.
const PAUSE: Duration = Duration::from_millis(300);

/// Why a plugin is not available.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// The request for the plugin failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The received bytes do not have the requested digest.
    #[error("plugin-digest-mismatch: the bytes received for {wanted} have the digest {found}")]
    WrongBytes {
        /// The digest that was requested.
        wanted: Digest,
        /// The digest of the received bytes.
        found: String,
    },
    /// The answer has too many bytes.
    #[error("the component has more than {MAX_COMPONENT_BYTES} bytes")]
    TooLarge,
    /// The connection was interrupted, or the answer has a range that was not requested.
    #[error("the download was interrupted: {0}")]
    Broken(String),
    /// The file cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The component is not a usable plugin.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// No key that this node trusts has signed the component.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    /// This program has a defect.
    #[error("a defect of this program ended the loading of the plugin: {0}")]
    Defect(String),
}

impl FetchError {
    /// Returns true if the component itself is the cause. A file that is missing, changed or unreadable is not a fault
    /// of the component.
    pub(crate) const fn blames_component(&self) -> bool {
        match self {
            Self::Load(reason) => !matches!(
                reason,
                LoadError::Io { .. } | LoadError::DigestMismatch { .. } | LoadError::NotFound(_)
            ),
            _ => false,
        }
    }

    /// True if another attempt may succeed.
    const fn may_pass(&self) -> bool {
        match self {
            Self::Call(error) => error.may_pass(),
            Self::WrongBytes { .. } | Self::Broken(_) => true,
            Self::TooLarge | Self::Disk { .. } | Self::Load(_) | Self::Untrusted(_) | Self::Defect(_) => {
                false
            }
        }
    }
}

/// Downloads components into a directory.
pub(crate) struct Downloads {
    client: MasterClient,
    dir: PathBuf,
    pause: Duration,
}

impl Downloads {
    pub(crate) const fn new(client: MasterClient, dir: PathBuf) -> Self {
        Self { client, dir, pause: PAUSE }
    }

    /// Sets another pause before the second attempt.
    #[cfg(test)]
    pub(crate) fn with_pause(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// Downloads a component to the file `<digest>.wasm`.
    pub(crate) async fn fetch(&self, digest: Digest) -> Result<(), FetchError> {
        let mut pause = self.pause;
        let mut attempt = 1;
        loop {
            let error = match self.attempt(digest).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            tracing::warn!(%digest, %error, attempt, "a plugin could not be fetched");
            if attempt == TRIES || !error.may_pass() {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
            attempt += 1;
        }
    }

    /// Requests the signatures of a component from the master.
    pub(crate) async fn signature(&self, digest: Digest) -> Result<PluginSignature, CallError> {
        self.client.signature(digest).await
    }

    /// Makes one attempt, which continues where the last one stopped.
    async fn attempt(&self, digest: Digest) -> Result<(), FetchError> {
        let part = self.dir.join(format!("{digest}.part"));
        let disk = |source| FetchError::Disk { path: part.clone(), source };
        let (mut hasher, mut have) = hash_of(&part).await.map_err(disk)?;
        let answer = match self.client.component(digest, have).await {
            // The master has no bytes from this offset on, so the file is at least as long as the component. The digest
            // of the file shows whether the file is the component.
            Err(CallError::Refused { status: 416, .. }) => {
                return self.complete(digest, &part, &hasher).await;
            }
            answer => answer?,
        };
        let begins = begin_of(&answer);
        if begins != Some(have) {
            // The answer is the whole component again, or a range that was not requested.
            hasher = blake3::Hasher::new();
            have = 0;
            remove(&part).await.map_err(disk)?;
            if begins != Some(0) {
                return Err(FetchError::Broken("the answer is a range that was not requested".into()));
            }
        }
        let file = OpenOptions::new().create(true).append(true).open(&part).await.map_err(disk)?;
        match receive(answer, file, &mut hasher, have).await {
            Ok(()) => self.complete(digest, &part, &hasher).await,
            Err(Cut::Broken(reason)) => Err(FetchError::Broken(reason)),
            Err(Cut::Disk(source)) => Err(disk(source)),
            Err(Cut::TooLarge) => {
                remove(&part).await.map_err(disk)?;
                Err(FetchError::TooLarge)
            }
        }
    }

    /// Renames a download to its final name, if it has the requested digest.
    async fn complete(&self, digest: Digest, part: &Path, hasher: &blake3::Hasher) -> Result<(), FetchError> {
        let disk = |source| FetchError::Disk { path: part.to_owned(), source };
        let found = hasher.finalize().to_hex().to_string();
        if found != digest.to_string() {
            remove(part).await.map_err(disk)?;
            return Err(FetchError::WrongBytes { wanted: digest, found });
        }
        fs::rename(part, self.dir.join(format!("{digest}.wasm"))).await.map_err(disk)
    }
}

/// Returns the offset of an answer's first byte. `None` if the headers do not contain the offset.
fn begin_of(answer: &Response) -> Option<u64> {
    if answer.status() != StatusCode::PARTIAL_CONTENT {
        return Some(0);
    }
    let range = answer.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

/// Why an answer was not received completely.
enum Cut {
    Broken(String),
    TooLarge,
    Disk(io::Error),
}

/// Appends an answer to the file, which already has `have` bytes. Even if the connection breaks, the received bytes
/// are on disk afterwards, so that the next attempt can continue.
async fn receive(
    mut answer: Response,
    mut file: File,
    hasher: &mut blake3::Hasher,
    mut have: u64,
) -> Result<(), Cut> {
    let too_large = |bytes: u64| bytes > MAX_COMPONENT_BYTES as u64;
    if answer.content_length().is_some_and(|more| too_large(have.saturating_add(more))) {
        return Err(Cut::TooLarge);
    }
    let cut = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => {
                have += chunk.len() as u64;
                if too_large(have) {
                    break Some(Cut::TooLarge);
                }
                hasher.update(&chunk);
                file.write_all(&chunk).await.map_err(Cut::Disk)?;
            }
            Ok(None) => break None,
            Err(error) => break Some(Cut::Broken(error.to_string())),
        }
    };
    file.flush().await.map_err(Cut::Disk)?;
    file.sync_all().await.map_err(Cut::Disk)?;
    cut.map_or(Ok(()), Err)
}

async fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Hashes the bytes that an interrupted download left behind. Returns the hasher and the number of bytes.
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

#[cfg(test)]
pub(super) mod tests;
