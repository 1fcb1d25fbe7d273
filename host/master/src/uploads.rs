//! Pictures and clips that came with a submission: on disk until their run has ended, for the worker
//! that judges them.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::Context;
use easysight_protocol::{RunId, RunState};
use easysight_store::{Store, StoreError};
use tempfile::TempPath;

/// How long a file may be there before its run is: the request that brought it may still be under way.
const GRACE: Duration = Duration::from_secs(600);

/// Uploads by the run that judges them.
pub(crate) struct Uploads {
    dir: PathBuf,
    /// Bytes of one at the most.
    pub(crate) max_bytes: u64,
}

impl Uploads {
    pub(crate) fn open(dir: PathBuf, max_bytes: u64) -> anyhow::Result<Self> {
        fs::create_dir_all(&dir).with_context(|| format!("--blob-url: {}", dir.display()))?;
        Ok(Self { dir, max_bytes })
    }

    /// Where they are written while they arrive.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where a run's upload is.
    pub(crate) fn file(&self, run: RunId) -> PathBuf {
        self.dir.join(run.to_string())
    }

    /// Keeps an upload until its run has ended.
    pub(crate) fn keep(&self, upload: TempPath, run: RunId) -> io::Result<()> {
        upload.persist(self.file(run)).map_err(|error| error.error)
    }

    /// Removes those whose runs have ended, and what broken uploads left.
    ///
    /// While ages cannot be trusted, uploads without a run are kept.
    pub(crate) async fn sweep(&self, store: &Store, trusts_ages: bool) -> Result<(), StoreError> {
        for path in self.files() {
            let run = path.file_name().and_then(|name| name.to_str()?.parse::<RunId>().ok());
            let ended = match run {
                Some(run) => store.run_state(run).await?.map(is_ended),
                None => None,
            };
            // A file without a run may still become one.
            if ended.unwrap_or_else(|| trusts_ages && is_old(&path))
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

/// The time that is measured: a clock that stands ahead for a moment makes nothing old.
fn now() -> SystemTime {
    let ms = u64::try_from(crate::clock::now_ms()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_millis(ms)
}

fn is_old(path: &Path) -> bool {
    let written = fs::metadata(path).and_then(|facts| facts.modified());
    written.is_ok_and(|at| now().duration_since(at).is_ok_and(|age| age > GRACE))
}
