//! `plugin run --watch`: waits until sources change. Only their content counts: a tool that touches files during a
//! build, or an editor that saves twice, does not cause a change. After each event of the operating system, the
//! contents are compared.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    time::{Duration, SystemTime},
};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher, event::ModifyKind};

use crate::AuthorError;

/// Folders that tools create. They contain no sources.
const PASSED_OVER: &[&str] = &["target", "build", "dist", "node_modules", "__pycache__"];
/// Files that builds write.
const WRITTEN_BY_TOOLS: &[&str] = &["Cargo.lock", "package-lock.json", "bindings.rs"];
/// The time without further events after which a change counts as complete. Editors write several files when a person
/// saves one file.
const QUIET: Duration = Duration::from_millis(150);
/// The maximum depth of folders. No plugin has deeper sources.
const MAX_DEPTH: usize = 16;

/// A watched folder.
#[derive(Debug)]
pub struct Watch {
    dir: PathBuf,
    watcher: RecommendedWatcher,
    events: Receiver<()>,
}

impl Watch {
    /// Starts to watch a folder.
    ///
    /// # Errors
    ///
    /// [`AuthorError::Watch`] if the operating system refuses.
    pub fn begin(dir: &Path) -> Result<Self, AuthorError> {
        // A queue of one event is enough: an event only causes a comparison of all sources.
        let (happened, events) = sync_channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading a file is not a change: builds and this program itself read the sources. An error counts as a
            // change, because events may have been lost.
            let is_change = event.map_or(true, |event| {
                !matches!(event.kind, EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)))
            });
            if is_change {
                happened.try_send(()).ok();
            }
        });
        let watcher = watcher.map_err(|error| watch_error(dir, error))?;
        Ok(Self { dir: dir.to_owned(), watcher, events })
    }

    /// Waits until the fingerprint of the sources differs from `seen`, and returns the new one. A change before
    /// this call counts too.
    ///
    /// # Errors
    ///
    /// [`AuthorError::Watch`] if the operating system refuses, [`AuthorError::Io`] if a source cannot be read.
    pub fn changed_from(&mut self, seen: blake3::Hash) -> Result<blake3::Hash, AuthorError> {
        loop {
            // The folders are watched before the sources are read, so that a change in between causes an event.
            self.watch_folders()?;
            if fingerprint(&self.dir)? == seen {
                self.events.recv().map_err(|_| self.ended())?;
                continue;
            }
            loop {
                match self.events.recv_timeout(QUIET) {
                    Ok(()) => {}
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return Err(self.ended()),
                }
            }
            let now = fingerprint(&self.dir)?;
            if now != seen {
                return Ok(now);
            }
        }
    }

    /// Watches every folder that has sources, including new folders.
    fn watch_folders(&mut self) -> Result<(), AuthorError> {
        let mut folders = vec![self.dir.clone()];
        collect(&self.dir, 0, &mut folders, &mut Vec::new())?;
        for folder in folders {
            match self.watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Err(error) if folder.exists() => return Err(watch_error(&folder, error)),
                // A folder may be removed at any time.
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn ended(&self) -> AuthorError {
        AuthorError::Watch { dir: self.dir.clone(), source: io::Error::other("the watch ended") }
    }
}

fn watch_error(dir: &Path, error: notify::Error) -> AuthorError {
    let source = match error.kind {
        notify::ErrorKind::Io(source) => source,
        _ => io::Error::other(error),
    };
    AuthorError::Watch { dir: dir.to_owned(), source }
}

/// Returns a hash of the names and contents of all sources in a folder.
///
/// # Errors
///
/// [`AuthorError::Io`].
pub fn fingerprint(dir: &Path) -> Result<blake3::Hash, AuthorError> {
    let mut hasher = blake3::Hasher::new();
    for path in sources(dir)? {
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            // Editors delete and rename files while they save.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => return Err(AuthorError::Io { path, source }),
        };
        hasher.update(path.as_os_str().as_encoded_bytes());
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(&bytes);
    }
    Ok(hasher.finalize())
}

/// Returns the time of the last change of a source. `None` if there are no sources.
pub(crate) fn youngest(dir: &Path) -> Result<Option<SystemTime>, AuthorError> {
    let mut youngest = None;
    for path in sources(dir)? {
        // A file that was deleted meanwhile is not a source.
        if let Ok(time) = fs::metadata(&path).and_then(|facts| facts.modified()) {
            youngest = youngest.max(Some(time));
        }
    }
    Ok(youngest)
}

/// Returns all sources below a folder, sorted by name.
fn sources(dir: &Path) -> Result<Vec<PathBuf>, AuthorError> {
    let mut found = Vec::new();
    collect(dir, 0, &mut Vec::new(), &mut found)?;
    found.sort();
    Ok(found)
}

/// Collects the folders and the sources below a folder.
fn collect(
    dir: &Path,
    depth: usize,
    folders: &mut Vec<PathBuf>,
    found: &mut Vec<PathBuf>,
) -> Result<(), AuthorError> {
    if depth > MAX_DEPTH {
        return Ok(());
    }
    for entry in fs::read_dir(dir).map_err(AuthorError::io(dir))? {
        let entry = entry.map_err(AuthorError::io(dir))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().map_err(AuthorError::io(entry.path()))?;
        // Editors keep copies beside files: `.name.swp`, `name~`, `#name#`.
        let is_copy = name.ends_with('~') || name.starts_with('#') || name.ends_with(".tmp");
        if name.starts_with('.') || is_copy || name.ends_with(".wasm") {
            continue;
        }
        if kind.is_dir() && !PASSED_OVER.contains(&name.as_str()) {
            folders.push(entry.path());
            collect(&entry.path(), depth + 1, folders, found)?;
        } else if kind.is_file() && !WRITTEN_BY_TOOLS.contains(&name.as_str()) {
            found.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sources_count() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("src")).unwrap();
        fs::create_dir_all(dir.path().join("target/release")).unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write("src/lib.rs", "one");
        let first = fingerprint(dir.path()).unwrap();
        for other in ["target/release/x", "Cargo.lock", ".hidden", "src/lib.rs~", "x.wasm"] {
            write(other, "x");
        }
        write("src/lib.rs", "one");
        assert_eq!(fingerprint(dir.path()).unwrap(), first);
        write("src/lib.rs", "two");
        assert_ne!(fingerprint(dir.path()).unwrap(), first);
        assert!(youngest(dir.path()).unwrap().is_some());
    }

    #[test]
    fn a_change_ends_the_wait_also_when_it_came_before() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("diagnosis.py");
        fs::write(&file, "one").unwrap();
        let seen = fingerprint(dir.path()).unwrap();
        let mut watch = Watch::begin(dir.path()).unwrap();
        fs::write(&file, "two").unwrap();
        let second = watch.changed_from(seen).unwrap();
        assert_ne!(second, seen);
        let writer = std::thread::spawn(move || {
            // The same content is not a change. The wait continues until the content differs.
            fs::write(&file, "two").unwrap();
            fs::write(&file, "three").unwrap();
        });
        assert_ne!(watch.changed_from(second).unwrap(), second);
        writer.join().unwrap();
    }
}
