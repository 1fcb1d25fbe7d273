//! Compiled code, kept between starts. An entry is named by the plugin's digest and the engine's
//! compatibility hash, so an upgraded engine never sees old code; it carries a keyed hash, since
//! native code is run as it is; it is written under another name and renamed, so two processes can
//! share the directory. What is missing, damaged or foreign is compiled anew.

use std::{
    fs,
    hash::{Hash, Hasher},
    io::{self, Read, Write},
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
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "compiled plugin cannot be read; compiling it anew");
                return None;
            }
        };
        let Some(code) = self.verified(digest, &bytes) else {
            tracing::warn!(path = %path.display(), "compiled plugin is damaged; compiling it anew");
            return None;
        };
        load_code(engine, code)
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
    fn mac(&self, digest: Digest, code: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(digest.to_string().as_bytes());
        hasher.update(self.engine.as_bytes());
        hasher.update(code);
        hasher.finalize()
    }

    fn verified<'a>(&self, digest: Digest, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (code, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
        let mac: [u8; MAC_BYTES] = mac.try_into().ok()?;
        // blake3::Hash compares in constant time.
        (self.mac(digest, code) == blake3::Hash::from(mac)).then_some(code)
    }
}

/// Takes native code into the engine.
#[expect(unsafe_code, reason = "native code is trusted by its origin; see SAFETY")]
pub(crate) fn load_code(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes come either straight from this program's own compiling child or from a
    // cache entry whose keyed hash proves that a process with this directory's key wrote them;
    // nothing from outside gets here. The engine checks its own version and settings besides. The
    // bytes are a private copy in memory, so nobody changes them afterwards.
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
