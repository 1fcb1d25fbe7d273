//! Stores plugins on disk, named by their digest. A person may put components into the directory under any name
//! that ends in `.wasm`. Files that the store itself writes are named `<digest>.wasm`.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::{Digest, LoadError, vet::MAX_COMPONENT_BYTES};

/// A directory of components.
#[derive(Debug, Clone)]
pub struct PluginStore {
    dir: PathBuf,
}

impl PluginStore {
    /// Opens a directory. Creates the directory if it does not exist.
    ///
    /// # Errors
    ///
    /// [`LoadError::Io`] if the path cannot be created or is not a directory.
    pub fn open(dir: &Path) -> Result<Self, LoadError> {
        fs::create_dir_all(dir).map_err(|source| LoadError::Io { path: dir.to_owned(), source })?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// Stores a component under its digest, durably and atomically.
    ///
    /// # Errors
    ///
    /// [`LoadError::Io`] if the component cannot be written. In this case no partial file is left.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, LoadError> {
        let digest = Digest::of(bytes);
        let path = self.path(digest);
        let write = || -> io::Result<()> {
            let mut file = NamedTempFile::new_in(&self.dir)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            fs::File::open(&self.dir)?.sync_all()
        };
        write().map_err(|source| LoadError::Io { path: path.clone(), source })?;
        Ok(digest)
    }

    /// Returns the verified bytes of a plugin that [`Self::put`] wrote.
    ///
    /// # Errors
    ///
    /// [`LoadError::NotFound`], [`LoadError::DigestMismatch`] if the file was changed, or [`LoadError::Io`].
    pub fn get(&self, digest: Digest) -> Result<Vec<u8>, LoadError> {
        match read(&self.path(digest)) {
            Ok((found, bytes)) if found == digest => Ok(bytes),
            Ok((found, _)) => Err(LoadError::DigestMismatch { wanted: digest, found }),
            Err(LoadError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Err(LoadError::NotFound(digest))
            }
            Err(error) => Err(error),
        }
    }

    /// Returns every file that ends in `.wasm`, sorted by name.
    ///
    /// # Errors
    ///
    /// [`LoadError::Io`] if the directory cannot be read.
    pub fn files(&self) -> Result<Vec<PathBuf>, LoadError> {
        let list = || -> io::Result<Vec<PathBuf>> {
            let mut files = Vec::new();
            for entry in fs::read_dir(&self.dir)? {
                let path = entry?.path();
                if path.extension().is_some_and(|suffix| suffix == "wasm") {
                    files.push(path);
                }
            }
            files.sort();
            Ok(files)
        };
        list().map_err(|source| LoadError::Io { path: self.dir.clone(), source })
    }

    /// Reads one of [`Self::files`]. A file whose name is a digest must have that digest.
    ///
    /// # Errors
    ///
    /// [`LoadError::DigestMismatch`], [`LoadError::TooLarge`] or [`LoadError::Io`].
    pub fn read_file(path: &Path) -> Result<(Digest, Vec<u8>), LoadError> {
        let (found, bytes) = read(path)?;
        let named = path.file_stem().and_then(|stem| stem.to_str()?.parse::<Digest>().ok());
        match named {
            Some(wanted) if wanted != found => Err(LoadError::DigestMismatch { wanted, found }),
            _ => Ok((found, bytes)),
        }
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.dir.join(format!("{digest}.wasm"))
    }
}

fn read(path: &Path) -> Result<(Digest, Vec<u8>), LoadError> {
    let failed = |source| LoadError::Io { path: path.to_owned(), source };
    let size = fs::metadata(path).map_err(failed)?.len();
    if size > MAX_COMPONENT_BYTES as u64 {
        return Err(LoadError::TooLarge {
            what: "bytes of the component",
            found: size,
            granted: MAX_COMPONENT_BYTES as u64,
        });
    }
    let bytes = fs::read(path).map_err(failed)?;
    Ok((Digest::of(&bytes), bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_it_was_given_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let store = PluginStore::open(dir.path()).unwrap();
        let digest = store.put(b"component").unwrap();
        assert_eq!(store.get(digest).unwrap(), b"component");
        assert!(matches!(store.get(Digest::of(b"other")), Err(LoadError::NotFound(_))));
        fs::write(store.path(digest), b"componenT").unwrap();
        assert!(matches!(store.get(digest), Err(LoadError::DigestMismatch { .. })));
        let file = store.files().unwrap().pop().unwrap();
        assert!(matches!(PluginStore::read_file(&file), Err(LoadError::DigestMismatch { .. })));
    }

    #[test]
    fn takes_components_under_any_name_and_passes_over_other_files() {
        let dir = tempfile::tempdir().unwrap();
        let store = PluginStore::open(dir.path()).unwrap();
        fs::write(dir.path().join("mine.wasm"), b"x").unwrap();
        fs::write(dir.path().join("notes.txt"), b"x").unwrap();
        assert_eq!(store.files().unwrap(), [dir.path().join("mine.wasm")]);
    }
}
