//! Pictures and clips that were uploaded with a submission. A file stays on disk for the worker until its run has
//! ended.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::Context;
use easysight_protocol::{RunId, RunState};
use easysight_store::{Store, StoreError};
use tempfile::TempPath;

/// The time for which a file may exist without a run, because the request that sent the file may still be in progress.
const GRACE: Duration = Duration::from_secs(600);

/// Uploads by their run.
pub(crate) struct Uploads {
    dir: PathBuf,
    /// The largest size of an upload, in bytes.
    pub(crate) max_bytes: u64,
}

impl Uploads {
    pub(crate) fn open(dir: PathBuf, max_bytes: u64) -> anyhow::Result<Self> {
        fs::create_dir_all(&dir).with_context(|| format!("--blob-url: {}", dir.display()))?;
        Ok(Self { dir, max_bytes })
    }

    /// Returns the directory to which uploads are written while they arrive.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the path of a run's upload.
    pub(crate) fn file(&self, run: RunId) -> PathBuf {
        self.dir.join(run.to_string())
    }

    /// Stores an upload until its run has ended.
    pub(crate) fn keep(&self, upload: TempPath, run: RunId) -> io::Result<()> {
        upload.persist(self.file(run)).map_err(|error| error.error)
    }

    /// Removes uploads whose runs have ended. Also removes old files without a run, which interrupted uploads have
    /// left.
    ///
    /// If `trusts_ages` is false, files without a run are kept. `now` is the measured time, in milliseconds since 1970,
    /// so that files do not seem old while the machine's clock is ahead for a moment.
    pub(crate) async fn sweep(&self, store: &Store, trusts_ages: bool, now: i64) -> Result<(), StoreError> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(now).unwrap_or_default());
        for path in self.files() {
            let run = path.file_name().and_then(|name| name.to_str()?.parse::<RunId>().ok());
            let ended = match run {
                Some(run) => store.run_state(run).await?.map(is_ended),
                None => None,
            };
            // The run of a new file may not exist yet.
            if ended.unwrap_or_else(|| trusts_ages && is_old(&path, now))
                && let Err(error) = fs::remove_file(&path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(path = %path.display(), %error, "an upload cannot be removed");
            }
        }
        Ok(())
    }

    fn files(&self) -> Vec<PathBuf> {
        match fs::read_dir(&self.dir) {
            Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
            Err(error) => {
                tracing::warn!(path = %self.dir.display(), %error, "uploads cannot be listed");
                Vec::new()
            }
        }
    }
}

const fn is_ended(state: RunState) -> bool {
    matches!(state, RunState::Finished | RunState::Cancelled)
}

fn is_old(path: &Path, now: SystemTime) -> bool {
    let written = fs::metadata(path).and_then(|facts| facts.modified());
    written.is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age > GRACE))
}
