//! Blobs: bytes that are named by their digest, such as plugins and pictures. A blob never changes. Other facts about a
//! blob, such as its age, are in the database.

use std::{
    fmt, fs, io,
    io::Write,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use easysight_sandbox::Digest;

/// The age at which a temporary file counts as abandoned.
const UNFINISHED_FOR: Duration = Duration::from_secs(3_600);

/// A storage of blobs. Several masters may share it. All methods block.
pub(crate) trait Blobs: fmt::Debug + Send + Sync {
    /// Stores a blob, completely and durably, or not at all. Returns false if it existed already.
    ///
    /// # Errors
    ///
    /// Returns an error if the blob cannot be written.
    fn put(&self, digest: Digest, bytes: &[u8]) -> io::Result<bool>;

    /// Returns a blob, or None if it does not exist.
    ///
    /// # Errors
    ///
    /// Returns an error if the blob cannot be read.
    fn get(&self, digest: Digest) -> io::Result<Option<Bytes>>;

    /// Removes a blob. Returns false if it did not exist.
    ///
    /// # Errors
    ///
    /// Returns an error if the blob cannot be removed.
    fn remove(&self, digest: Digest) -> io::Result<bool>;

    /// Lists all blobs and their sizes in bytes.
    ///
    /// # Errors
    ///
    /// Returns an error if the storage cannot be read.
    fn list(&self) -> io::Result<Vec<(Digest, u64)>>;
}

/// Blobs as files of a directory, `<digest>.<suffix>`.
#[derive(Debug)]
pub(crate) struct Directory {
    dir: PathBuf,
    suffix: &'static str,
}

impl Directory {
    /// Opens a directory. Creates it if it does not exist, and removes abandoned temporary files.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory cannot be created or read.
    pub(crate) fn open(dir: PathBuf, suffix: &'static str) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        let directory = Self { dir, suffix };
        for entry in fs::read_dir(&directory.dir)? {
            let path = entry?.path();
            // A young temporary file may belong to another master that shares the directory. Files with other names may
            // belong to other programs.
            let is_temporary =
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".tmp"));
            if is_temporary {
                let facts = fs::metadata(&path)?;
                let since = SystemTime::now().duration_since(facts.modified()?).unwrap_or_default();
                if facts.is_file() && since > UNFINISHED_FOR {
                    fs::remove_file(path)?;
                }
            }
        }
        Ok(directory)
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.dir.join(format!("{digest}.{}", self.suffix))
    }
}

impl Blobs for Directory {
    fn put(&self, digest: Digest, bytes: &[u8]) -> io::Result<bool> {
        let path = self.path(digest);
        if fs::metadata(&path).is_ok_and(|facts| facts.is_file() && facts.len() == bytes.len() as u64) {
            return Ok(false);
        }
        let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        fs::File::open(&self.dir)?.sync_all()?;
        Ok(true)
    }

    fn get(&self, digest: Digest) -> io::Result<Option<Bytes>> {
        match fs::read(self.path(digest)) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn remove(&self, digest: Digest) -> io::Result<bool> {
        match fs::remove_file(self.path(digest)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn list(&self) -> io::Result<Vec<(Digest, u64)>> {
        let mut blobs = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let path = entry.path();
            let digest = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
            if let Some(digest) =
                digest.filter(|_| path.extension().is_some_and(|suffix| suffix == self.suffix))
            {
                match entry.metadata() {
                    Ok(facts) => blobs.push((digest, facts.len())),
                    // Another master removed the blob in the meantime.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(blobs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_there_whole_until_it_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Directory::open(dir.path().join("blobs"), "bin").unwrap();
        let digest = Digest::of(b"one");
        assert_eq!(blobs.get(digest).unwrap(), None);
        assert!(blobs.put(digest, b"one").unwrap());
        assert!(!blobs.put(digest, b"one").unwrap());
        assert_eq!(blobs.get(digest).unwrap().unwrap(), &b"one"[..]);
        assert_eq!(blobs.list().unwrap(), [(digest, 3)]);
        // A truncated file is written again.
        fs::write(blobs.path(digest), b"o").unwrap();
        assert!(blobs.put(digest, b"one").unwrap());
        assert_eq!(blobs.get(digest).unwrap().unwrap(), &b"one"[..]);
        assert!(blobs.remove(digest).unwrap());
        assert!(!blobs.remove(digest).unwrap());
        assert_eq!(blobs.list().unwrap(), []);
    }

    #[test]
    fn abandoned_temporary_files_go_and_the_files_of_others_stay() {
        let dir = tempfile::tempdir().unwrap();
        for (name, seconds) in [(".tmpAbC", 7_200), (".tmpNew", 1), ("notes.txt", 7_200)] {
            let file = fs::File::create(dir.path().join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
        }
        let blobs = Directory::open(dir.path().into(), "bin").unwrap();
        let exists = |name| dir.path().join(name).exists();
        assert_eq!([".tmpAbC", ".tmpNew", "notes.txt"].map(exists), [false, true, true]);
        assert_eq!(blobs.list().unwrap(), []);
    }
}
