//! Compiled code, kept between starts. An entry is named by the plugin's digest and the engine's
//! compatibility hash, so an upgraded engine never sees old code; it carries a keyed hash, since
//! native code is run as it is; it is written under another name and renamed, so two processes can
//! share the directory. What is missing, damaged or foreign is compiled anew.
//!
//! Code runs from the file: its pages, and those of memories' first contents, are mapped, not copied. So
//! the processes of a machine share them, and a Python plugin's 50 MB cost each of them next to nothing.

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
/// What the directory may hold; the entries that were stored first go first.
const MAX_CACHE_BYTES: u64 = 2 << 30;

/// A directory of compiled plugins.
#[derive(Debug)]
pub(crate) struct CompiledCache {
    dir: PathBuf,
    key: [u8; blake3::KEY_LEN],
    engine: String,
}

impl CompiledCache {
    /// Opens the directory, and makes it and its key where there is none.
    pub(crate) fn open(dir: &Path, engine: &Engine) -> Result<Self, SandboxError> {
        let failed = |source| SandboxError::Io { path: dir.to_owned(), source };
        fs::create_dir_all(dir).map_err(failed)?;
        Ok(Self {
            dir: dir.to_owned(),
            key: read_or_make_key(dir).map_err(failed)?,
            engine: engine_name(engine),
        })
    }

    /// The compiled plugin, where an intact entry of this engine is there.
    pub(crate) fn load(&self, engine: &Engine, digest: Digest) -> Option<Component> {
        let path = self.entry(digest);
        let opened = File::open(&path).and_then(|file| Ok((self.is_intact(digest, &file)?, file)));
        let (intact, file) = match opened {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "compiled plugin cannot be read; compiling it anew");
                return None;
            }
        };
        if !intact {
            tracing::warn!(path = %path.display(), "compiled plugin is damaged; compiling it anew");
            return None;
        }
        map_code(engine, &file)
            .inspect_err(|error| {
                tracing::warn!(path = %path.display(), %error, "compiled plugin does not load; compiling it anew");
            })
            .ok()
    }

    /// Keeps compiled code. That it cannot be kept is no failure: the next start compiles again.
    pub(crate) fn store(&self, digest: Digest, code: &[u8]) {
        let path = self.entry(digest);
        if let Err(error) = self.try_store(&path, digest, code) {
            tracing::warn!(path = %path.display(), %error, "compiled plugin cannot be kept");
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

    /// Removes the oldest entries while the directory holds more than it may.
    fn prune(&self, keep: &Path) -> io::Result<()> {
        let mut entries: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|suffix| suffix == SUFFIX) && path != keep {
                // Another process may have pruned it meanwhile.
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

    /// Over the name too: an intact entry under another plugin's name is no entry.
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

/// Takes native code into the engine from an entry that was found intact.
#[expect(unsafe_code, reason = "native code is trusted by its origin; see SAFETY")]
fn map_code(engine: &Engine, file: &File) -> wasmtime::Result<Component> {
    // The file that was verified, not whatever has its name by now.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    // SAFETY: the keyed hash of the entry proves that a process with this directory's key wrote it. Nobody
    // writes into an entry: it is replaced and removed by name, which leaves a mapped file as it is, and it
    // is readable and writable by its owner alone, who could write into this process as well.
    unsafe { Component::deserialize_file(engine, path) }
}

/// Takes native code into the engine from a compiling child.
#[expect(unsafe_code, reason = "native code is trusted by its origin; see SAFETY")]
pub(crate) fn load_code(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes come straight from this program's own compiling child; nothing from outside
    // gets here. The engine checks its own version and settings besides, and copies the bytes.
    unsafe { Component::deserialize(engine, code) }
}

/// The key that authenticates entries. Of two processes that make it at the same time, the first
/// one wins and the second reads it.
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
            // Temporary files are made readable by their owner alone.
            let mut file = NamedTempFile::new_in(dir)?;
            file.write_all(&key)?;
            file.as_file().sync_all()?;
            match file.persist_noclobber(&path) {
                Ok(_) => Ok(key),
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => read(),
                Err(error) => Err(error.error),
            }
        }
        // A truncated key can authenticate nothing; make a new one, which turns all entries stale.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            fs::remove_file(&path)?;
            read_or_make_key(dir)
        }
        other => other,
    }
}

/// The engine's version and settings in 16 hexadecimal digits.
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
