//! Keeps compiled code between starts. The name of an entry contains the plugin's digest and the engine's
//! compatibility hash, so an upgraded engine never loads old code. An entry carries a keyed hash, because native code
//! runs without further checks. An entry is written under a temporary name and then renamed, so two processes can
//! share the directory. If the entry of a plugin is missing, damaged or foreign, the plugin is compiled again.
//!
//! Code runs from the file: the pages of the code and of the initial memory contents are mapped, not copied. So
//! the processes of a machine share these pages, and a Python plugin of 50 MB costs each further process almost
//! nothing.

use std::{
    fs::{self, File},
    hash::{Hash, Hasher},
    io::{self, Read, Write},
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    time::SystemTime,
};

use tempfile::NamedTempFile;
use wasmtime::{Engine, component::Component};

use crate::{Digest, SandboxError};

const MAC_BYTES: usize = blake3::OUT_LEN;
const KEY_FILE: &str = "key";
const SUFFIX: &str = "cwasm";
/// The maximum size of the directory, not counting the latest entry. The oldest entries are removed first.
const MAX_CACHE_BYTES: u64 = 2 << 30;

/// A directory of compiled plugins.
#[derive(Debug)]
pub(crate) struct CompiledCache {
    dir: PathBuf,
    key: [u8; blake3::KEY_LEN],
    engine: String,
}

impl CompiledCache {
    /// Opens the directory. Creates the directory and its key if they do not exist.
    pub(crate) fn open(dir: &Path, engine: &Engine) -> Result<Self, SandboxError> {
        let failed = |source| SandboxError::Io { path: dir.to_owned(), source };
        fs::create_dir_all(dir).map_err(failed)?;
        Ok(Self {
            dir: dir.to_owned(),
            key: read_or_make_key(dir).map_err(failed)?,
            engine: engine_name(engine),
        })
    }

    /// Returns the compiled plugin if an intact entry of this engine exists.
    pub(crate) fn load(&self, engine: &Engine, digest: Digest) -> Option<Component> {
        let path = self.entry(digest);
        let opened = File::open(&path).and_then(|file| Ok((self.is_intact(digest, &file)?, file)));
        let (intact, file) = match opened {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "compiled plugin cannot be read; compiling it again");
                return None;
            }
        };
        if !intact {
            tracing::warn!(path = %path.display(), "compiled plugin is damaged; compiling it again");
            return None;
        }
        map_code(engine, &file)
            .inspect_err(|error| {
                tracing::warn!(path = %path.display(), %error, "compiled plugin does not load; compiling it again");
            })
            .ok()
    }

    /// Stores compiled code. A failure is only logged, because the next start can compile the plugin again.
    pub(crate) fn store(&self, digest: Digest, code: &[u8]) {
        let path = self.entry(digest);
        if let Err(error) = self.try_store(&path, digest, code) {
            tracing::warn!(path = %path.display(), %error, "compiled plugin cannot be stored");
        }
    }

    fn try_store(&self, path: &Path, digest: Digest, code: &[u8]) -> io::Result<()> {
        let mut file = NamedTempFile::new_in(&self.dir)?;
        file.write_all(code)?;
        file.write_all(self.mac(digest, code).as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        self.prune(path)
    }

    /// Removes the oldest entries while all entries except `keep` have more than [`MAX_CACHE_BYTES`] in total.
    fn prune(&self, keep: &Path) -> io::Result<()> {
        let mut entries: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|suffix| suffix == SUFFIX) && path != keep {
                // Another process may have pruned this entry meanwhile.
                let Ok(facts) = fs::metadata(&path) else { continue };
                entries.push((facts.modified()?, facts.len(), path));
            }
        }
        entries.sort();
        let mut held: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, path) in entries {
            if held <= MAX_CACHE_BYTES {
                break;
            }
            fs::remove_file(path)?;
            held -= bytes;
        }
        Ok(())
    }

    fn entry(&self, digest: Digest) -> PathBuf {
        self.dir.join(format!("{digest}-{}.{SUFFIX}", self.engine))
    }

    /// Returns a keyed hasher with the digest and the engine's name as its first input, so that an intact entry under
    /// another plugin's name is refused.
    fn hasher(&self, digest: Digest) -> blake3::Hasher {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(digest.to_string().as_bytes());
        hasher.update(self.engine.as_bytes());
        hasher
    }

    fn mac(&self, digest: Digest, code: &[u8]) -> blake3::Hash {
        self.hasher(digest).update(code).finalize()
    }

    fn is_intact(&self, digest: Digest, mut file: &File) -> io::Result<bool> {
        let Some(code_bytes) = file.metadata()?.len().checked_sub(MAC_BYTES as u64) else {
            return Ok(false);
        };
        let mut hasher = self.hasher(digest);
        hasher.update_reader(file.take(code_bytes))?;
        let mut mac = [0; MAC_BYTES];
        file.read_exact(&mut mac)?;
        // blake3::Hash compares in constant time.
        Ok(hasher.finalize() == blake3::Hash::from(mac))
    }
}

/// Loads native code into the engine from an entry that was verified.
#[expect(unsafe_code, reason = "native code is trusted by its origin; see SAFETY")]
fn map_code(engine: &Engine, file: &File) -> wasmtime::Result<Component> {
    // This path opens the file that was verified, not the file that may have the entry's name by now.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    // SAFETY: the keyed hash of the entry proves that a process with this directory's key wrote the entry. Nobody
    // writes into an existing entry: entries are replaced and removed by name, which leaves a mapped file unchanged.
    // Only the owner of the entry can read and write it, and the owner could also write into this process directly.
    unsafe { Component::deserialize_file(engine, path) }
}

/// Loads native code into the engine from a compiling child.
#[expect(unsafe_code, reason = "native code is trusted by its origin; see SAFETY")]
pub(crate) fn load_code(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes come directly from this program's own compiling child, and no bytes from outside get here.
    // The engine also checks its own version and settings, and copies the bytes.
    unsafe { Component::deserialize(engine, code) }
}

/// Reads the key that authenticates entries, or creates it. If two processes create the key at the same time, both use
/// the key that was stored first.
fn read_or_make_key(dir: &Path) -> io::Result<[u8; blake3::KEY_LEN]> {
    let path = dir.join(KEY_FILE);
    let read = || -> io::Result<[u8; blake3::KEY_LEN]> {
        let mut key = [0; blake3::KEY_LEN];
        fs::File::open(&path)?.read_exact(&mut key)?;
        Ok(key)
    };
    match read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut key = [0; blake3::KEY_LEN];
            getrandom::fill(&mut key).map_err(|e| io::Error::other(e.to_string()))?;
            // Only the owner can read temporary files.
            let mut file = NamedTempFile::new_in(dir)?;
            file.write_all(&key)?;
            file.as_file().sync_all()?;
            match file.persist_noclobber(&path) {
                Ok(_) => Ok(key),
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => read(),
                Err(error) => Err(error.error),
            }
        }
        // A truncated key cannot authenticate entries. A new key replaces it, which makes all entries stale.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            fs::remove_file(&path)?;
            read_or_make_key(dir)
        }
        other => other,
    }
}

/// Returns a hash of the engine's version and settings as 16 hexadecimal digits.
fn engine_name(engine: &Engine) -> String {
    struct Through(blake3::Hasher);
    impl Hasher for Through {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            let mut word = [0; 8];
            self.0.finalize_xof().fill(&mut word);
            u64::from_be_bytes(word)
        }
    }
    let mut hasher = Through(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
