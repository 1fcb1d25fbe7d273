//! Results on disk that no master has accepted yet. Each batch is a file. The order of the file names is the order in
//! time. A file is written completely or not at all, and survives the process.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use easysight_protocol::ResultsRequest;
use tempfile::NamedTempFile;

/// The spool directory.
#[derive(Debug)]
pub(crate) struct Spool {
    dir: PathBuf,
    limit: u64,
}

impl Spool {
    /// Opens a directory that keeps at most `limit` bytes.
    pub(crate) fn open(dir: PathBuf, limit: u64) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        // Removes files that a killed process did not finish writing.
        for file in fs::read_dir(&dir)? {
            let path = file?.path();
            if path.extension().is_some_and(|suffix| suffix == "tmp") {
                fs::remove_file(path)?;
            }
        }
        Ok(Self { dir, limit })
    }

    /// Stores a batch durably. If the spool becomes too large, files are removed: first the batches that no master will
    /// ever accept (see [`Self::put_aside`]), then the oldest batches. Returns the number of removed batches that a
    /// master might have accepted.
    pub(crate) fn put(&self, batch: &ResultsRequest) -> io::Result<usize> {
        let bytes = serde_json::to_vec(batch)?;
        let mut victims = self.list("bad")?;
        let aside = victims.len();
        victims.extend(self.list("json")?);
        let mut kept: u64 = victims.iter().map(size).sum();
        let mut dropped = 0;
        for (index, oldest) in victims.iter().enumerate() {
            if kept + bytes.len() as u64 <= self.limit {
                break;
            }
            kept = kept.saturating_sub(size(oldest));
            self.remove(oldest)?;
            dropped += usize::from(index >= aside);
        }
        let mut file = tempfile::Builder::new().suffix(".tmp").tempfile_in(&self.dir)?;
        file.write_all(&bytes)?;
        file.as_file().sync_all()?;
        self.persist(file)?;
        Ok(dropped)
    }

    /// Splits a batch that was refused as a whole, so that one bad result does not prevent the delivery of the other
    /// results. Returns the number of batches that were lost.
    pub(crate) fn split(&self, path: &Path, mut batch: ResultsRequest) -> io::Result<usize> {
        let rest = ResultsRequest { results: batch.results.split_off(batch.results.len() / 2) };
        let dropped = self.put(&batch)? + self.put(&rest)?;
        // If the whole batch was removed to make room for its halves, nothing is lost.
        let made_room = usize::from(!path.exists());
        self.remove(path)?;
        Ok(dropped.saturating_sub(made_room))
    }

    fn persist(&self, file: NamedTempFile) -> io::Result<()> {
        file.persist(self.dir.join(format!("{}.json", easysight_protocol::fresh_id())))?;
        fs::File::open(&self.dir)?.sync_all()
    }

    /// Lists the batches, oldest first.
    pub(crate) fn files(&self) -> io::Result<Vec<PathBuf>> {
        self.list("json")
    }

    fn list(&self, suffix: &str) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for file in fs::read_dir(&self.dir)? {
            let path = file?.path();
            if path.extension().is_some_and(|found| found == suffix) {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }

    /// Returns the oldest batch that can be read. A batch that cannot be read is put aside. A batch that was
    /// removed meanwhile to make room is skipped.
    pub(crate) fn oldest(&self) -> io::Result<Option<(PathBuf, ResultsRequest)>> {
        for path in self.files()? {
            let bytes = match fs::read(&path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            match serde_json::from_slice(&bytes) {
                Ok(batch) => return Ok(Some((path, batch))),
                Err(error) => {
                    tracing::error!(path = %path.display(), %error, "a spooled batch is damaged; setting it aside");
                    self.put_aside(&path)?;
                }
            }
        }
        Ok(None)
    }

    /// Puts aside a batch that no master will ever accept.
    pub(crate) fn put_aside(&self, path: &Path) -> io::Result<()> {
        fs::rename(path, path.with_extension("bad"))
    }

    /// Removes a batch.
    pub(crate) fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            // The batch was already removed to make room.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }
}

fn size(path: &PathBuf) -> u64 {
    fs::metadata(path).map_or(0, |facts| facts.len())
}

#[cfg(test)]
mod tests {
    use easysight_protocol::{JobId, JobOutcome, JobResult, LeaseToken};
    use uuid::Uuid;

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

    /// Reads and removes batches until none is left. Returns their attempts.
    fn attempts(spool: &Spool) -> Vec<u32> {
        let next = || {
            let (path, batch) = spool.oldest().unwrap()?;
            spool.remove(&path).unwrap();
            Some(batch.results.iter().map(|result| result.attempt).collect::<Vec<_>>())
        };
        std::iter::from_fn(next).flatten().collect()
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
        assert!(!dir.path().join("half.tmp").exists());
        assert_eq!(attempts(&next), [1, 2, 3]);
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
    fn what_was_put_aside_counts_and_makes_room_first() {
        let dir = tempfile::tempdir().unwrap();
        let one = serde_json::to_vec(&batch(1)).unwrap().len() as u64;
        let spool = Spool::open(dir.path().into(), 2 * one).unwrap();
        spool.put(&batch(1)).unwrap();
        spool.put_aside(&spool.files().unwrap()[0]).unwrap();
        assert_eq!([2, 3].map(|attempt| spool.put(&batch(attempt)).unwrap()), [0, 0]);
        assert_eq!(spool.list("bad").unwrap(), [] as [PathBuf; 0]);
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
        assert_eq!(spool.list("bad").unwrap().len(), 1);
    }

    #[test]
    fn a_batch_is_taken_apart_without_loss() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path().into(), 1 << 20).unwrap();
        let whole = ResultsRequest { results: (1..=3).flat_map(|n| batch(n).results).collect() };
        spool.put(&whole).unwrap();
        let (path, read) = spool.oldest().unwrap().unwrap();
        spool.split(&path, read).unwrap();
        assert_eq!(spool.files().unwrap().len(), 2);
        assert_eq!(attempts(&spool), [1, 2, 3]);
    }
}
