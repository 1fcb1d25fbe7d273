//! Pictures that workers send: the evidence of findings, and good pictures of healthy cameras. Pictures that are too
//! old are removed. If the size limit is exceeded, the oldest pictures are removed too. The last good picture of each
//! camera is always kept.

use std::{
    collections::HashSet,
    io,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use easysight_sandbox::Digest;
use easysight_store::{Store, StoreError};

use crate::blobs::Blobs;

/// The largest size of a picture, in bytes.
pub(crate) const MAX_PICTURE_BYTES: usize = 2 << 20;
/// The number of milliseconds between two clean-ups.
const LOOK_MS: i64 = 600_000;
/// A clean-up because of the size limit removes pictures until the used share of the limit has fallen to this many
/// tenths. Otherwise, each new picture would cause a clean-up.
const LEFT_TENTHS: u64 = 9;
/// The largest number of pictures that one step of a clean-up handles.
const STEP: u32 = 500;

/// The limits of the stored pictures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keep {
    /// The largest age of a picture.
    pub(crate) max_age: Duration,
    /// The largest size of all pictures together, in bytes.
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
    /// The bytes are not a JPEG picture.
    #[error("the bytes are not a JPEG picture")]
    NotJpeg,
    /// The picture cannot be written.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// The database is unavailable.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The pictures.
#[derive(Debug)]
pub(crate) struct Pictures {
    blobs: Arc<dyn Blobs>,
    keep: Keep,
    /// The size in bytes of all pictures after the last clean-up, plus the size of the pictures that were stored
    /// since.
    kept: AtomicU64,
    /// The time of the last clean-up, or 0 before the first one.
    looked_at: AtomicI64,
}

impl Pictures {
    pub(crate) fn new(blobs: Arc<dyn Blobs>, keep: Keep) -> Self {
        Self { blobs, keep, kept: 0.into(), looked_at: 0.into() }
    }

    /// Returns a picture, or None if it does not exist.
    pub(crate) async fn get(&self, digest: Digest) -> io::Result<Option<Bytes>> {
        let blobs = Arc::clone(&self.blobs);
        tokio::task::spawn_blocking(move || blobs.get(digest)).await?
    }

    /// Stores a picture, completely or not at all. Returns false if the picture existed already. In this case, the
    /// picture's age starts again.
    pub(crate) async fn put(
        &self,
        store: &Store,
        digest: Digest,
        bytes: Bytes,
        now: i64,
    ) -> Result<bool, PutError> {
        let found = Digest::of(&bytes);
        if found != digest {
            return Err(PutError::Digest { found });
        }
        if !(bytes.starts_with(&[0xFF, 0xD8, 0xFF]) && bytes.ends_with(&[0xFF, 0xD9])) {
            return Err(PutError::NotJpeg);
        }
        let size = bytes.len() as u64;
        let blobs = Arc::clone(&self.blobs);
        tokio::task::spawn_blocking(move || blobs.put(digest, &bytes)).await.map_err(io::Error::other)??;
        let new = store.keep_pictures(vec![(digest.to_string(), size)], now).await? > 0;
        if new {
            self.kept.fetch_add(size, Ordering::Relaxed);
        }
        Ok(new)
    }

    /// Returns true if a clean-up is due: the last one is too long ago, or the size limit is exceeded.
    fn is_due(&self, now: i64) -> bool {
        self.kept.load(Ordering::Relaxed) > self.keep.max_bytes
            || !(0..LOOK_MS).contains(&(now - self.looked_at.load(Ordering::Relaxed)))
    }

    /// Removes pictures that are too old, and the oldest ones if the limit is exceeded. Returns the number of removed
    /// pictures. If `trusts_ages` is false, no picture counts as too old. The last good picture of each camera is
    /// kept, regardless of its age.
    async fn clean_up(&self, store: &Store, trusts_ages: bool, now: i64) -> Result<u64, PutError> {
        if self.looked_at.swap(now, Ordering::Relaxed) == 0 {
            self.adopt(store, now).await?;
        }
        let mut removed = 0;
        let max_age = i64::try_from(self.keep.max_age.as_millis()).unwrap_or(i64::MAX);
        if trusts_ages {
            let before = now.saturating_sub(max_age);
            while store.forget_subjects(before, STEP).await? > 0 {}
            loop {
                let old = store.oldest_pictures(before, STEP).await?;
                if old.is_empty() {
                    break;
                }
                removed += self.remove(store, old.into_iter().map(|(digest, _)| digest).collect()).await?;
            }
        }
        let mut kept = store.picture_bytes().await?;
        if kept > self.keep.max_bytes {
            let enough = self.keep.max_bytes / 10 * LEFT_TENTHS;
            while kept > enough {
                let mut going = Vec::new();
                for (digest, size) in store.oldest_pictures(i64::MAX, STEP).await? {
                    if kept <= enough {
                        break;
                    }
                    kept = kept.saturating_sub(size);
                    going.push(digest);
                }
                if going.is_empty() {
                    break;
                }
                removed += self.remove(store, going).await?;
            }
        }
        self.kept.store(kept, Ordering::Relaxed);
        Ok(removed)
    }

    /// Records stored pictures that are missing in the database. Another version of this program may have stored such
    /// pictures, or a master that was killed before it could record them. The age of these pictures starts now.
    async fn adopt(&self, store: &Store, now: i64) -> Result<(), PutError> {
        let blobs = Arc::clone(&self.blobs);
        let found = tokio::task::spawn_blocking(move || blobs.list()).await.map_err(io::Error::other)??;
        for some in found.chunks(STEP as usize) {
            let names: Vec<String> = some.iter().map(|(digest, _)| digest.to_string()).collect();
            let known: HashSet<String> = store.known_pictures(names.clone()).await?;
            let sizes = some.iter().map(|(_, size)| *size);
            let strange = names.into_iter().zip(sizes).filter(|(name, _)| !known.contains(name)).collect();
            store.keep_pictures(strange, now).await?;
        }
        Ok(())
    }

    /// Removes pictures. The bytes are removed first, so that no bytes are left without a record in the database.
    async fn remove(&self, store: &Store, digests: Vec<String>) -> Result<u64, PutError> {
        let (blobs, going) = (Arc::clone(&self.blobs), digests.clone());
        let removed = tokio::task::spawn_blocking(move || {
            let mut removed = 0;
            for digest in going.iter().filter_map(|digest| digest.parse().ok()) {
                removed += u64::from(blobs.remove(digest)?);
            }
            Ok::<_, io::Error>(removed)
        });
        let removed = removed.await.map_err(io::Error::other)??;
        store.forget_pictures(digests).await?;
        Ok(removed)
    }
}

/// Removes pictures if a clean-up is due. Failures of the disk are logged, and a later clean-up tries again.
pub(crate) async fn upkeep(
    pictures: &Pictures,
    store: &Store,
    trusts_ages: bool,
    now: i64,
) -> Result<(), StoreError> {
    if !pictures.is_due(now) {
        return Ok(());
    }
    match pictures.clean_up(store, trusts_ages, now).await {
        Ok(0) => Ok(()),
        Ok(removed) => {
            tracing::info!(removed, "removed old pictures");
            Ok(())
        }
        Err(PutError::Store(error)) => Err(error),
        Err(error) => {
            tracing::error!(%error, "old pictures cannot be removed");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use easysight_protocol::ActorKind;
    use easysight_store::Actor;

    use super::*;
    use crate::blobs::Directory;

    fn now_ms() -> i64 {
        easysight_protocol::now().timestamp_millis()
    }

    fn jpeg(content: &[u8]) -> (Digest, Bytes) {
        let bytes = [&[0xFF, 0xD8, 0xFF][..], content, &[0xFF, 0xD9]].concat();
        (Digest::of(&bytes), bytes.into())
    }

    async fn store(dir: &Path) -> Store {
        Store::open(&format!("sqlite://{}/t.db", dir.display())).await.unwrap().0
    }

    fn pictures(dir: &Path, max_bytes: u64) -> Pictures {
        let keep = Keep { max_age: Duration::from_secs(1_000), max_bytes };
        Pictures::new(Arc::new(Directory::open(dir.join("pictures"), "jpg").unwrap()), keep)
    }

    /// Sets the age of a picture to this many seconds.
    async fn age(store: &Store, picture: &(Digest, Bytes), seconds: i64) {
        let row = vec![(picture.0.to_string(), picture.1.len() as u64)];
        store.keep_pictures(row, now_ms() - 1_000 * seconds).await.unwrap();
    }

    async fn exist(pictures: &Pictures, made: &[(Digest, Bytes)]) -> Vec<bool> {
        let mut exist = Vec::new();
        for (digest, _) in made {
            exist.push(pictures.get(*digest).await.unwrap().is_some());
        }
        exist
    }

    #[tokio::test]
    async fn a_picture_is_what_its_name_says_and_a_picture() {
        let dir = tempfile::tempdir().unwrap();
        let (store, pictures) = (store(dir.path()).await, pictures(dir.path(), 1 << 20));
        let (digest, bytes) = jpeg(b"a");
        assert!(pictures.put(&store, digest, bytes.clone(), now_ms()).await.unwrap());
        assert!(!pictures.put(&store, digest, bytes.clone(), now_ms()).await.unwrap());
        assert_eq!(pictures.get(digest).await.unwrap().unwrap(), bytes);
        let other = pictures.put(&store, digest, jpeg(b"b").1, now_ms()).await;
        assert!(matches!(other, Err(PutError::Digest { .. })));
        let page = Bytes::from_static(b"<html>");
        let page = pictures.put(&store, Digest::of(&page), page, now_ms()).await;
        assert!(matches!(page, Err(PutError::NotJpeg)));
        assert_eq!(store.picture_bytes().await.unwrap(), bytes.len() as u64);
    }

    #[tokio::test]
    async fn old_ones_go_but_for_the_last_good_ones() {
        let dir = tempfile::tempdir().unwrap();
        let (store, pictures) = (store(dir.path()).await, pictures(dir.path(), 1 << 20));
        let made: Vec<_> = [&b"old"[..], b"good", b"new"].into_iter().map(jpeg).collect();
        for (picture, seconds) in made.iter().zip([2_000, 3_000, 10]) {
            pictures.put(&store, picture.0, picture.1.clone(), now_ms()).await.unwrap();
            age(&store, picture, seconds).await;
        }
        let camera = serde_json::from_str(r#"{"name": "c", "source": "rtsp://a/b"}"#).unwrap();
        let nobody = Actor::on_this_machine(ActorKind::Anybody, None);
        store.by(nobody).import_cameras(vec![("c".to_owned(), camera)], 1).await.unwrap();
        store.note_good_picture("c".into(), made[1].0.to_string(), 1).await.unwrap();
        assert_eq!(pictures.clean_up(&store, false, now_ms()).await.unwrap(), 0);
        assert_eq!(pictures.clean_up(&store, true, now_ms()).await.unwrap(), 1);
        assert_eq!(exist(&pictures, &made).await, [false, true, true]);
        // A picture that is sent again counts as a new picture.
        age(&store, &made[2], 2_000).await;
        pictures.put(&store, made[2].0, made[2].1.clone(), now_ms()).await.unwrap();
        assert_eq!(pictures.clean_up(&store, true, now_ms()).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn the_oldest_go_where_it_becomes_too_much() {
        let dir = tempfile::tempdir().unwrap();
        let (store, pictures) = (store(dir.path()).await, pictures(dir.path(), 100));
        let made: Vec<_> = (0..4_u8).map(|n| jpeg(&[n; 25])).collect();
        for (picture, seconds) in made.iter().zip([40, 30, 20, 10]) {
            pictures.put(&store, picture.0, picture.1.clone(), now_ms()).await.unwrap();
            age(&store, picture, seconds).await;
        }
        assert!(pictures.is_due(now_ms()));
        assert_eq!(pictures.clean_up(&store, true, now_ms()).await.unwrap(), 1);
        assert_eq!(exist(&pictures, &made).await, [false, true, true, true]);
        assert!(!pictures.is_due(now_ms()));
    }

    #[tokio::test]
    async fn pictures_that_the_database_does_not_know_are_taken_in() {
        let dir = tempfile::tempdir().unwrap();
        let (store, before) = (store(dir.path()).await, pictures(dir.path(), 1 << 20));
        let (digest, bytes) = jpeg(b"a");
        before.blobs.put(digest, &bytes).unwrap();
        let after = pictures(dir.path(), 1 << 20);
        assert_eq!(after.clean_up(&store, true, now_ms()).await.unwrap(), 0);
        assert_eq!(store.picture_bytes().await.unwrap(), bytes.len() as u64);
        // The age of these pictures starts when they are recorded.
        let later = now_ms() + 1_001_000;
        assert_eq!(after.clean_up(&store, true, later).await.unwrap(), 1);
        assert_eq!(after.get(digest).await.unwrap(), None);
    }
}
