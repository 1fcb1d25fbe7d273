//! Pictures of workers: the evidence of findings, and good pictures of healthy cameras. They are files named by
//! digest beside the plugins. Old ones are removed, and the oldest if the limit is exceeded. The last good picture
//! of each camera stays.

use std::{
    collections::HashSet,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use easysight_sandbox::Digest;
use easysight_store::{Store, StoreError};

use crate::clock::now_ms;

/// Largest picture in bytes.
pub(crate) const MAX_PICTURE_BYTES: usize = 2 << 20;
/// The suffix of a picture's file.
const SUFFIX: &str = "jpg";
/// Milliseconds between two clean-ups.
const LOOK_MS: i64 = 600_000;
/// A temporary file of this age is abandoned.
const UNFINISHED_FOR: Duration = Duration::from_secs(3_600);
/// Tenths of the limit that are left after a clean-up, so that not every picture needs one.
const LEFT_TENTHS: u64 = 9;

/// The limits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keep {
    /// Largest age of a picture.
    pub(crate) max_age: Duration,
    /// Largest size of all pictures together in bytes.
    pub(crate) max_bytes: u64,
}

/// Why a picture is not stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PutError {
    /// The bytes do not match the digest in the name.
    #[error("the bytes have the digest {found}")]
    Digest {
        /// The digest of the bytes.
        found: Digest,
    },
    /// The bytes are no JPEG picture.
    #[error("the bytes are not a JPEG picture")]
    NotJpeg,
    /// The picture cannot be written.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// The directory of pictures.
#[derive(Debug)]
pub(crate) struct Pictures {
    dir: PathBuf,
    keep: Keep,
    /// The known size of all pictures in bytes.
    kept: AtomicU64,
    looked_at: AtomicI64,
}

impl Pictures {
    pub(crate) fn open(dir: PathBuf, keep: Keep) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        let (mut kept, mut unfinished) = (0, Vec::new());
        for entry in fs::read_dir(&dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|suffix| suffix == SUFFIX) {
                kept += fs::metadata(&path)?.len();
            } else {
                unfinished.push(path);
            }
        }
        // Old temporary files were left by a killed process. Young ones may belong to another master that shares
        // the directory.
        for path in unfinished {
            let facts = fs::metadata(&path)?;
            let since = SystemTime::now().duration_since(facts.modified()?).unwrap_or_default();
            if facts.is_file() && since > UNFINISHED_FOR {
                fs::remove_file(path)?;
            }
        }
        Ok(Self { dir, keep, kept: kept.into(), looked_at: 0.into() })
    }

    /// Returns the path of a picture, whether it exists or not.
    pub(crate) fn file(&self, digest: Digest) -> PathBuf {
        self.dir.join(format!("{digest}.{SUFFIX}"))
    }

    /// Stores a picture, completely or not at all. Returns false if it existed already. Then its age starts again.
    pub(crate) fn put(&self, digest: Digest, bytes: &[u8]) -> Result<bool, PutError> {
        let found = Digest::of(bytes);
        if found != digest {
            return Err(PutError::Digest { found });
        }
        if !(bytes.starts_with(&[0xFF, 0xD8, 0xFF]) && bytes.ends_with(&[0xFF, 0xD9])) {
            return Err(PutError::NotJpeg);
        }
        let path = self.file(digest);
        if path.is_file() {
            let file = fs::File::options().append(true).open(&path)?;
            file.set_modified(SystemTime::now())?;
            return Ok(false);
        }
        let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
        file.write_all(bytes)?;
        file.persist(&path).map_err(|error| error.error)?;
        self.kept.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(true)
    }

    /// True if a clean-up is due: the last one is long ago, or the size limit is exceeded.
    fn is_due(&self, now: i64) -> bool {
        self.kept.load(Ordering::Relaxed) > self.keep.max_bytes
            || !(0..LOOK_MS).contains(&(now - self.looked_at.load(Ordering::Relaxed)))
    }

    /// Removes pictures that are too old, and the oldest ones if the limit is exceeded. Returns how many. Pinned
    /// pictures stay, whatever their age.
    fn look_round(&self, pinned: &HashSet<String>, now: SystemTime) -> io::Result<u64> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if path.extension().is_none_or(|suffix| suffix != SUFFIX) {
                continue;
            }
            let facts = fs::metadata(&path)?;
            files.push((facts.modified()?, facts.len(), path));
        }
        files.sort();
        let mut kept: u64 = files.iter().map(|(_, size, _)| size).sum();
        let too_much = kept > self.keep.max_bytes;
        let enough = self.keep.max_bytes / 10 * LEFT_TENTHS;
        let mut removed = 0;
        for (written, size, path) in files {
            let old = now.duration_since(written).is_ok_and(|age| age > self.keep.max_age);
            if !(old || too_much && kept > enough) {
                break;
            }
            if is_pinned(&path, pinned) {
                continue;
            }
            fs::remove_file(&path)?;
            kept = kept.saturating_sub(size);
            removed += 1;
        }
        self.kept.store(kept, Ordering::Relaxed);
        Ok(removed)
    }
}

fn is_pinned(path: &Path, pinned: &HashSet<String>) -> bool {
    path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|digest| pinned.contains(digest))
}

/// Removes pictures if a clean-up is due. While ages cannot be trusted, only pictures beyond the size limit are
/// removed. Failures of the disk are logged, and a later clean-up tries again.
pub(crate) async fn upkeep(
    pictures: &Arc<Pictures>,
    store: &Store,
    trusts_ages: bool,
) -> Result<(), StoreError> {
    let pictures = Arc::clone(pictures);
    let now = now_ms();
    if !pictures.is_due(now) {
        return Ok(());
    }
    let pinned = store.good_pictures().await?;
    // Files carry the time of the machine's clock. If ages cannot be trusted, no file is older than the epoch.
    let measured = u64::try_from(now)
        .map_or(SystemTime::UNIX_EPOCH, |ms| SystemTime::UNIX_EPOCH + Duration::from_millis(ms));
    let as_of = if trusts_ages { measured.min(SystemTime::now()) } else { SystemTime::UNIX_EPOCH };
    pictures.looked_at.store(now, Ordering::Relaxed);
    let looked = tokio::task::spawn_blocking(move || pictures.look_round(&pinned, as_of)).await;
    match looked.map_err(io::Error::other).flatten() {
        Ok(0) => {}
        Ok(removed) => tracing::info!(removed, "old pictures were removed"),
        Err(error) => tracing::error!(%error, "old pictures cannot be removed"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg(content: &[u8]) -> (Digest, Vec<u8>) {
        let bytes = [&[0xFF, 0xD8, 0xFF][..], content, &[0xFF, 0xD9]].concat();
        (Digest::of(&bytes), bytes)
    }

    fn open(dir: &Path, max_bytes: u64) -> Pictures {
        let keep = Keep { max_age: Duration::from_secs(1_000), max_bytes };
        Pictures::open(dir.into(), keep).unwrap()
    }

    fn age(pictures: &Pictures, digest: Digest, seconds: u64) {
        let file = fs::File::options().append(true).open(pictures.file(digest)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
    }

    #[test]
    fn a_picture_is_what_its_name_says_and_a_picture() {
        let dir = tempfile::tempdir().unwrap();
        for (name, seconds) in [(".tmpAbC", 7_200), (".tmpNew", 1)] {
            let file = fs::File::create(dir.path().join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
        }
        let pictures = open(dir.path(), 1 << 20);
        assert!(!dir.path().join(".tmpAbC").exists() && dir.path().join(".tmpNew").exists());
        let (digest, bytes) = jpeg(b"a");
        assert!(pictures.put(digest, &bytes).unwrap());
        assert!(!pictures.put(digest, &bytes).unwrap());
        assert_eq!(fs::read(pictures.file(digest)).unwrap(), bytes);
        assert!(matches!(pictures.put(digest, &jpeg(b"b").1), Err(PutError::Digest { .. })));
        let page = b"<html>";
        assert!(matches!(pictures.put(Digest::of(page), page), Err(PutError::NotJpeg)));
        assert_eq!(open(dir.path(), 1 << 20).kept.load(Ordering::Relaxed), bytes.len() as u64);
    }

    #[test]
    fn old_ones_go_but_for_the_last_good_ones() {
        let dir = tempfile::tempdir().unwrap();
        let pictures = open(dir.path(), 1 << 20);
        let made: Vec<_> = [&b"old"[..], b"good", b"new"].into_iter().map(jpeg).collect();
        for ((digest, bytes), seconds) in made.iter().zip([2_000, 3_000, 10]) {
            pictures.put(*digest, bytes).unwrap();
            age(&pictures, *digest, seconds);
        }
        let pinned = HashSet::from([made[1].0.to_string()]);
        assert_eq!(pictures.look_round(&pinned, SystemTime::now()).unwrap(), 1);
        let left: Vec<_> = made.iter().map(|(digest, _)| pictures.file(*digest).exists()).collect();
        assert_eq!(left, [false, true, true]);
        // A picture that is sent again is new again.
        age(&pictures, made[2].0, 2_000);
        pictures.put(made[2].0, &made[2].1).unwrap();
        assert_eq!(pictures.look_round(&pinned, SystemTime::now()).unwrap(), 0);
    }

    #[test]
    fn the_oldest_go_where_it_becomes_too_much() {
        let dir = tempfile::tempdir().unwrap();
        let pictures = open(dir.path(), 100);
        let made: Vec<_> = (0..4_u8).map(|n| jpeg(&[n; 25])).collect();
        for ((digest, bytes), seconds) in made.iter().zip([40, 30, 20, 10]) {
            pictures.put(*digest, bytes).unwrap();
            age(&pictures, *digest, seconds);
        }
        assert!(pictures.is_due(now_ms()));
        assert_eq!(pictures.look_round(&HashSet::new(), SystemTime::now()).unwrap(), 1);
        assert!(!pictures.file(made[0].0).exists() && pictures.file(made[1].0).exists());
        pictures.looked_at.store(now_ms(), Ordering::Relaxed);
        assert!(!pictures.is_due(now_ms()));
    }
}
