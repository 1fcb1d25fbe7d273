//! `plugin run --watch`: waits until sources change. What counts is their content: a tool that touches files
//! while it builds, or an editor that saves twice, is no change. The system says when to look.

use std::{
    fs, io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify::{self, CreateFlags, WatchFlags},
};

use crate::AuthorError;

/// What tools make or fetch; sources are none of these.
const PASSED_OVER: &[&str] = &["target", "build", "dist", "node_modules", "__pycache__"];
/// Written by builds.
const WRITTEN_BY_TOOLS: &[&str] = &["Cargo.lock", "package-lock.json", "bindings.rs"];
/// Editors write several files when they save one; this long after the last of it a change counts.
const QUIET: Duration = Duration::from_millis(150);
/// Sources deeper than this are no plugin's.
const MAX_DEPTH: usize = 16;

/// A folder that is watched.
#[derive(Debug)]
pub struct Watch {
    dir: PathBuf,
    events: OwnedFd,
}

impl Watch {
    /// Begins to watch a folder.
    ///
    /// # Errors
    ///
    /// [`AuthorError::Watch`] where the system does not let it.
    pub fn begin(dir: &Path) -> Result<Self, AuthorError> {
        let events = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC);
        let events = events.map_err(|e| AuthorError::Watch { dir: dir.to_owned(), source: e.into() })?;
        Ok(Self { dir: dir.to_owned(), events })
    }

    /// Waits until the sources are others than those of this fingerprint, and gives their new one. A change
    /// that came before the call counts too.
    ///
    /// # Errors
    ///
    /// [`AuthorError::Watch`] where the system does not let it, [`AuthorError::Io`] where a source cannot be
    /// read.
    pub fn changed_from(&self, seen: blake3::Hash) -> Result<blake3::Hash, AuthorError> {
        loop {
            // Watched first and looked at then: what comes in between is told as an event.
            self.watch_folders()?;
            let failed = |source| AuthorError::Watch { dir: self.dir.clone(), source };
            if fingerprint(&self.dir)? == seen {
                self.wait(None).map_err(failed)?;
                continue;
            }
            while self.wait(Some(QUIET)).map_err(failed)? {}
            let now = fingerprint(&self.dir)?;
            if now != seen {
                return Ok(now);
            }
        }
    }

    /// Watches every folder that holds sources, also those that are new.
    fn watch_folders(&self) -> Result<(), AuthorError> {
        let changes = WatchFlags::CLOSE_WRITE
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MODIFY
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO;
        let mut folders = vec![self.dir.clone()];
        collect(&self.dir, 0, &mut folders, &mut Vec::new())?;
        for folder in folders {
            match inotify::add_watch(&self.events, &folder, changes) {
                Ok(_) | Err(rustix::io::Errno::NOENT) => {}
                Err(error) => return Err(AuthorError::Watch { dir: folder, source: error.into() }),
            }
        }
        Ok(())
    }

    /// Waits for an event, no longer than this, and forgets all that are there. False where none came.
    fn wait(&self, longest: Option<Duration>) -> io::Result<bool> {
        let longest = longest.map(|time| Timespec {
            tv_sec: time.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        });
        if poll(&mut [PollFd::new(&self.events, PollFlags::IN)], longest.as_ref())? == 0 {
            return Ok(false);
        }
        let mut told = [0_u8; 16 << 10];
        loop {
            match rustix::io::read(&self.events, &mut told) {
                Ok(0) | Err(rustix::io::Errno::AGAIN) => return Ok(true),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Names and content of all sources of a folder.
///
/// # Errors
///
/// [`AuthorError::Io`].
pub fn fingerprint(dir: &Path) -> Result<blake3::Hash, AuthorError> {
    let mut hasher = blake3::Hasher::new();
    for path in sources(dir)? {
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            // Editors remove and rename while they save.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => return Err(AuthorError::Io { path, source }),
        };
        hasher.update(path.as_os_str().as_encoded_bytes());
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(&bytes);
    }
    Ok(hasher.finalize())
}

/// When the last of the sources was written; none where there is no source.
pub(crate) fn youngest(dir: &Path) -> Result<Option<SystemTime>, AuthorError> {
    let mut youngest = None;
    for path in sources(dir)? {
        // A file that is gone by now is no source.
        if let Ok(time) = fs::metadata(&path).and_then(|facts| facts.modified()) {
            youngest = youngest.max(Some(time));
        }
    }
    Ok(youngest)
}

/// All sources below a folder, in the order of their names.
fn sources(dir: &Path) -> Result<Vec<PathBuf>, AuthorError> {
    let mut found = Vec::new();
    collect(dir, 0, &mut Vec::new(), &mut found)?;
    found.sort();
    Ok(found)
}

/// Folders and files below a folder.
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
        // Editors keep copies beside files: .name.swp, name~, #name#.
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
        let watch = Watch::begin(dir.path()).unwrap();
        fs::write(&file, "two").unwrap();
        let second = watch.changed_from(seen).unwrap();
        assert_ne!(second, seen);
        let writer = std::thread::spawn(move || {
            // The same again is no change; the wait goes on until the content is another one.
            fs::write(&file, "two").unwrap();
            fs::write(&file, "three").unwrap();
        });
        assert_ne!(watch.changed_from(second).unwrap(), second);
        writer.join().unwrap();
    }
}
