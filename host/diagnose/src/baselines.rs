//! Stores the baselines of plugins for programs without a master: a directory with one file for each source and
//! plugin. A file is written completely or not at all, and survives the process.

use std::{
    collections::BTreeMap,
    fs, io,
    io::{Read, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use bytes::Bytes;
use easysight_capture::Source;
use easysight_protocol::{Finding, MAX_BASELINE_BYTES};
use easysight_sandbox::Digest;
use parking_lot::Mutex;

use crate::{Examination, Plan};

/// The baselines of one camera, by the plugin's name.
pub type Baselines = BTreeMap<String, Bytes>;

/// The extension of a baseline file.
const SUFFIX: &str = "baseline";
/// The extension of a file that is being written.
const UNFINISHED: &str = "tmp";

/// A directory of baselines.
#[derive(Debug)]
pub struct BaselineStore {
    dir: PathBuf,
    /// The maximum size of all baselines together, in bytes.
    limit: u64,
    /// The current size of all baselines, in bytes. The lock also serialises writers.
    kept: Mutex<u64>,
}

impl BaselineStore {
    /// Opens a directory and creates it if it does not exist. The directory keeps at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// Returns an error if the file system fails.
    pub fn open(dir: PathBuf, limit: u64) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        // Files that a killed process left half-written are removed.
        for unfinished in list(&dir, UNFINISHED)? {
            fs::remove_file(unfinished.path)?;
        }
        let kept = list(&dir, SUFFIX)?.iter().map(|file| file.size).sum();
        Ok(Self { dir, limit, kept: Mutex::new(kept) })
    }

    /// Returns the stored baselines of the plan's plugins for this source.
    ///
    /// # Errors
    ///
    /// Returns an error if the file system fails. A missing baseline is not an error.
    pub fn load(&self, source: &Source, plan: &Plan) -> io::Result<Baselines> {
        let mut baselines = Baselines::new();
        for selected in plan.selected() {
            let name = &selected.plugin.descriptor().name;
            self.take_over(source, name)?;
            match read(&self.file(source, name)) {
                // A file that is larger than a plugin may store was not written by this store.
                Ok(bytes) if bytes.len() <= MAX_BASELINE_BYTES => {
                    baselines.insert(name.clone(), bytes.into());
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(baselines)
    }

    /// Stores the new baselines of the plugins. If a plugin found that the camera's view has changed, the baselines
    /// of all other plugins for this source are deleted, because they describe the former view. If the directory
    /// exceeds its limit, the oldest files are deleted.
    ///
    /// # Errors
    ///
    /// Returns an error if the file system fails. In this case the former baseline is kept.
    pub fn store(&self, source: &Source, examination: &Examination) -> io::Result<()> {
        let mut kept = self.kept.lock();
        let moved = Finding::moved(&examination.findings);
        if let Some(finder) = moved {
            let (prefix, own) = (prefix(source), self.file(source, finder));
            for file in list(&self.dir, SUFFIX)? {
                if file.path != own && file.is_of(&prefix) {
                    remove(&file.path)?;
                    *kept = kept.saturating_sub(file.size);
                }
            }
        }
        for (plugin, bytes) in &examination.baselines {
            // `finder` found that the view has changed. The new baseline of any other plugin mixes both views, so it is
            // not stored.
            if moved.is_some_and(|finder| finder != plugin) {
                continue;
            }
            let path = self.file(source, plugin);
            let before = size(&path);
            self.write(&path, bytes)?;
            *kept = kept.saturating_sub(before) + bytes.len() as u64;
        }
        if *kept > self.limit {
            *kept = self.make_room()?;
        }
        Ok(())
    }

    /// Renames a plugin's file, if its name still contains the identity that earlier versions of this program gave to
    /// the source.
    fn take_over(&self, source: &Source, plugin: &str) -> io::Result<()> {
        let now = self.file(source, plugin);
        let Some(former) = source.former_identity().filter(|_| !now.exists()) else { return Ok(()) };
        let former = self.dir.join(format!("{}-{plugin}.{SUFFIX}", Digest::of(&former)));
        let _turn = self.kept.lock();
        match fs::rename(former, now) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new().suffix(&format!(".{UNFINISHED}")).tempfile_in(&self.dir)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }

    /// Deletes the oldest files until the directory is within its limit. Returns the size of the remaining files, in
    /// bytes.
    fn make_room(&self) -> io::Result<u64> {
        let mut files = list(&self.dir, SUFFIX)?;
        files.sort_by_key(|file| file.modified);
        let mut kept = files.iter().map(|file| file.size).sum::<u64>();
        for oldest in files {
            if kept <= self.limit {
                break;
            }
            remove(&oldest.path)?;
            kept = kept.saturating_sub(oldest.size);
        }
        Ok(kept)
    }

    fn file(&self, source: &Source, plugin: &str) -> PathBuf {
        self.dir.join(format!("{}{plugin}.{SUFFIX}", prefix(source)))
    }
}

/// Returns the prefix of the names of a source's files. The prefix does not depend on the credentials, because the
/// camera stays the same.
fn prefix(source: &Source) -> String {
    format!("{}-", Digest::of(&source.identity()))
}

struct File {
    path: PathBuf,
    size: u64,
    modified: SystemTime,
}

impl File {
    fn is_of(&self, prefix: &str) -> bool {
        self.path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
    }
}

fn list(dir: &Path, suffix: &str) -> io::Result<Vec<File>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_none_or(|found| found != suffix) {
            continue;
        }
        match fs::metadata(&path) {
            Ok(facts) => {
                let modified = facts.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                files.push(File { path, size: facts.len(), modified });
            }
            // Another process deleted this file meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(files)
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |facts| facts.len())
}

/// Reads at most one byte more than the limit, so that the caller detects a file that is too large.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAX_BASELINE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use easysight_protocol::Status;

    use super::*;

    fn store(dir: &Path, limit: u64) -> BaselineStore {
        BaselineStore::open(dir.into(), limit).unwrap()
    }

    fn source(text: &str) -> Source {
        text.parse().unwrap()
    }

    fn remembers(entries: &[(&str, &[u8])]) -> Examination {
        let baselines =
            entries.iter().map(|(name, bytes)| ((*name).to_owned(), Bytes::copy_from_slice(bytes)));
        Examination { baselines: baselines.collect(), ..Examination::default() }
    }

    fn kept(store: &BaselineStore, source: &Source, plugin: &str) -> Option<Vec<u8>> {
        fs::read(store.file(source, plugin)).ok()
    }

    #[test]
    fn each_source_and_plugin_has_its_own_whoever_is_let_in() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (source("rtsp://u:p@camera/a"), source("rtsp://u:p@camera/b"));
        let first = store(dir.path(), 1 << 20);
        first.store(&a, &remembers(&[("tint", b"a1"), ("dirt", b"a2")])).unwrap();
        first.store(&b, &remembers(&[("tint", b"b1")])).unwrap();
        first.store(&a, &remembers(&[("tint", b"a3")])).unwrap();
        // This is another process, after a change of the password.
        let (next, a) = (store(dir.path(), 1 << 20), source("rtsp://u:new@camera/a"));
        assert_eq!(kept(&next, &a, "tint").unwrap(), b"a3");
        assert_eq!(kept(&next, &a, "dirt").unwrap(), b"a2");
        assert_eq!(kept(&next, &b, "tint").unwrap(), b"b1");
        assert_eq!(*next.kept.lock(), 6);
    }

    #[test]
    fn cameras_that_differ_in_a_token_alone_have_a_memory_each() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), 1 << 20);
        let (a, b) = (source("http://relay/?token=AAA"), source("http://relay/?token=BBB"));
        store.store(&a, &remembers(&[("tint", b"a")])).unwrap();
        assert_eq!(kept(&store, &b, "tint"), None);
        store.store(&b, &remembers(&[("tint", b"b")])).unwrap();
        assert_eq!(kept(&store, &a, "tint").unwrap(), b"a");
    }

    #[test]
    fn what_is_kept_under_a_former_name_is_taken_over_where_it_is_of_this_camera_for_sure() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), 1 << 20);
        for former in ["http://camera/snap?user=***&pwd=***", "http://relay/?token=***"] {
            let name = format!("{}-tint.{SUFFIX}", Digest::of(former.as_bytes()));
            fs::write(dir.path().join(name), "old").unwrap();
        }
        let (camera, relay) = (source("http://camera/snap?user=a&pwd=b"), source("http://relay/?token=AAA"));
        for one in [&camera, &relay] {
            store.take_over(one, "tint").unwrap();
        }
        assert_eq!(kept(&store, &camera, "tint").unwrap(), b"old");
        assert_eq!(kept(&store, &relay, "tint"), None);
    }

    #[test]
    fn what_a_killed_process_left_half_written_is_no_baseline() {
        let dir = tempfile::tempdir().unwrap();
        let a = source("rtsp://camera/a");
        store(dir.path(), 1 << 20).store(&a, &remembers(&[("tint", b"whole")])).unwrap();
        fs::write(dir.path().join("half.tmp"), "ha").unwrap();
        let next = store(dir.path(), 1 << 20);
        assert!(!dir.path().join("half.tmp").exists());
        assert_eq!(kept(&next, &a, "tint").unwrap(), b"whole");
    }

    #[test]
    fn the_oldest_go_where_it_becomes_too_much() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), 25);
        let sources: Vec<_> = (0..4).map(|n| source(&format!("rtsp://camera/{n}"))).collect();
        for (age, one) in sources.iter().enumerate() {
            store.store(one, &remembers(&[("tint", &[7; 10])])).unwrap();
            let written = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(age as u64);
            if let Ok(file) = fs::File::options().write(true).open(store.file(one, "tint")) {
                file.set_modified(written).unwrap();
            }
        }
        let left: Vec<_> = sources.iter().map(|one| kept(&store, one, "tint").is_some()).collect();
        assert_eq!(left, [false, false, true, true]);
        assert_eq!(*store.kept.lock(), 20);
    }

    #[test]
    fn all_but_the_finder_forget_a_camera_that_moved() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), 1 << 20);
        let (a, b) = (source("rtsp://camera/a"), source("rtsp://camera/b"));
        for one in [&a, &b] {
            store.store(one, &remembers(&[("tint", b"old"), ("view", b"old")])).unwrap();
        }
        let mut moved = remembers(&[("dirt", b"mixed"), ("tint", b"mixed"), ("view", b"new")]);
        moved.findings = vec![Finding {
            status: Some(Status::Error),
            plugin: Some("view@1.0.0".into()),
            ..Finding::blank("scene_change")
        }];
        store.store(&a, &moved).unwrap();
        assert_eq!(kept(&store, &a, "tint"), None);
        assert_eq!(kept(&store, &a, "dirt"), None);
        assert_eq!(kept(&store, &a, "view").unwrap(), b"new");
        assert_eq!(kept(&store, &b, "tint").unwrap(), b"old");
        assert_eq!(*store.kept.lock(), 9);
    }
}
