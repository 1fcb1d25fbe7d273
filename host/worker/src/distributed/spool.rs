//! Results on disk that no master has taken yet. A batch is a file, its name sorts by time; it is
//! there whole or not at all, and survives the process.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use easysight_protocol::ResultsRequest;
use tempfile::NamedTempFile;
use uuid::Uuid;

/// The spool directory.
#[derive(Debug)]
pub(crate) struct Spool {
    dir: PathBuf,
    limit: u64,
}

impl Spool {
    /// Opens a directory that keeps so many bytes.
    pub(crate) fn open(dir: PathBuf, limit: u64) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        // What a killed process was in the middle of writing.
        for file in fs::read_dir(&dir)? {
            let path = file?.path();
            if path.extension().is_some_and(|suffix| suffix == "tmp") {
                fs::remove_file(path)?;
            }
        }
        Ok(Self { dir, limit })
    }

    /// Keeps a batch, durably. The oldest go where it becomes too much; answers how many.
    pub(crate) fn put(&self, batch: &ResultsRequest) -> io::Result<usize> {
        let bytes = serde_json::to_vec(batch)?;
        let mut dropped = 0;
        let mut files = self.files()?;
        let size = |path: &PathBuf| fs::metadata(path).map_or(0, |facts| facts.len());
        let mut kept: u64 = files.iter().map(size).sum();
        while kept + bytes.len() as u64 > self.limit && !files.is_empty() {
            let oldest = files.remove(0);
            kept = kept.saturating_sub(size(&oldest));
            fs::remove_file(&oldest)?;
            dropped += 1;
        }
        let mut file = tempfile::Builder::new().suffix(".tmp").tempfile_in(&self.dir)?;
        file.write_all(&bytes)?;
        file.as_file().sync_all()?;
        self.persist(file)?;
        Ok(dropped)
    }

    fn persist(&self, file: NamedTempFile) -> io::Result<()> {
        file.persist(self.dir.join(format!("{}.json", Uuid::now_v7())))?;
        fs::File::open(&self.dir)?.sync_all()
    }

    /// Batches, oldest first.
    pub(crate) fn files(&self) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for file in fs::read_dir(&self.dir)? {
            let path = file?.path();
            if path.extension().is_some_and(|suffix| suffix == "json") {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }

    /// Reads a batch; one that cannot be read is put aside and is none.
    pub(crate) fn read(&self, path: &Path) -> io::Result<Option<ResultsRequest>> {
        let bytes = fs::read(path)?;
        match serde_json::from_slice(&bytes) {
            Ok(batch) => Ok(Some(batch)),
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "a spooled batch is damaged and put aside");
                self.put_aside(path)?;
                Ok(None)
            }
        }
    }

    /// A batch that no master will ever take.
    pub(crate) fn put_aside(&self, path: &Path) -> io::Result<()> {
        fs::rename(path, path.with_extension("bad"))
    }

    /// A batch that was taken.
    pub(crate) fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

#[cfg(test)]
mod tests {
    use easysight_protocol::{JobId, JobOutcome, JobResult, LeaseToken};

    use super::*;

    fn batch(attempt: u32) -> ResultsRequest {
        let result = JobResult {
            job_id: JobId(Uuid::nil()),
            lease: LeaseToken(Uuid::nil()),
            attempt,
            outcome: JobOutcome::Returned,
        };
        ResultsRequest { results: vec![result] }
    }

    fn attempts(spool: &Spool) -> Vec<u32> {
        let read = |path: PathBuf| spool.read(&path).unwrap().map(|batch| batch.results[0].attempt);
        spool.files().unwrap().into_iter().filter_map(read).collect()
    }

    #[test]
    fn batches_come_back_in_order_also_for_the_next_process() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path().into(), 1 << 20).unwrap();
        for attempt in 1..=3 {
            assert_eq!(spool.put(&batch(attempt)).unwrap(), 0);
        }
        fs::write(dir.path().join("half.tmp"), "{").unwrap();
        let next = Spool::open(dir.path().into(), 1 << 20).unwrap();
        assert_eq!(attempts(&next), [1, 2, 3]);
        assert!(!dir.path().join("half.tmp").exists());
    }

    #[test]
    fn the_oldest_go_where_it_becomes_too_much() {
        let dir = tempfile::tempdir().unwrap();
        let one = serde_json::to_vec(&batch(1)).unwrap().len() as u64;
        let spool = Spool::open(dir.path().into(), 2 * one).unwrap();
        assert_eq!([1, 2, 3].map(|attempt| spool.put(&batch(attempt)).unwrap()), [0, 0, 1]);
        assert_eq!(attempts(&spool), [2, 3]);
    }

    #[test]
    fn a_damaged_batch_keeps_nobody_up() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path().into(), 1 << 20).unwrap();
        spool.put(&batch(1)).unwrap();
        fs::write(&spool.files().unwrap()[0], "{\"results\":").unwrap();
        spool.put(&batch(2)).unwrap();
        assert_eq!(attempts(&spool), [2]);
        assert_eq!(spool.files().unwrap().len(), 1);
    }
}
