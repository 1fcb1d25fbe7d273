//! Sends pictures to the master, after the results that they belong to. A picture is dropped if there is no room in
//! memory, or if the second attempt to send it fails too.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use easysight_diagnose::Picture;
use futures::{StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::Distributed;

/// The maximum size of all waiting pictures together, in KiB.
const ROOM_KIB: usize = 64 << 10;
/// The maximum number of pictures that are sent at the same time.
const AT_A_TIME: usize = 4;
/// The pause before the second and last attempt.
const PAUSE: Duration = Duration::from_secs(2);

/// A picture that waits to be sent. Its room in memory is released when the parcel is dropped.
pub(crate) struct Parcel {
    picture: Picture,
    /// The camera, if the picture shows the camera's normal view. `None` for an evidence picture.
    good_for: Option<String>,
    _room: OwnedSemaphorePermit,
}

/// Accepts pictures and sends them to [`deliver`].
pub(crate) struct Courier {
    room: Arc<Semaphore>,
    sender: mpsc::UnboundedSender<Parcel>,
    /// True while the master does not accept pictures, so that the error is logged once and not for each picture.
    troubled: AtomicBool,
}

impl Courier {
    /// Makes a courier and the receiver of its pictures, which [`deliver`] reads.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Parcel>) {
        // The channel itself needs no limit, because each parcel holds its share of the limited room.
        let (sender, waiting) = mpsc::unbounded_channel();
        (Self { room: Arc::new(Semaphore::new(ROOM_KIB)), sender, troubled: AtomicBool::new(false) }, waiting)
    }

    /// Reserves room in memory for a picture. Returns `None` if there is not enough room.
    pub(crate) fn pack(&self, picture: Picture, good_for: Option<String>) -> Option<Parcel> {
        let kib = u32::try_from(picture.jpeg.len().div_ceil(1024)).ok()?;
        let room = Arc::clone(&self.room).try_acquire_many_owned(kib).ok()?;
        Some(Parcel { picture, good_for, _room: room })
    }

    /// Sends the pictures of a result that the master has recorded.
    pub(crate) fn send(&self, parcels: Vec<Parcel>) {
        for parcel in parcels {
            // When the node has ended, the receiver is gone and pictures are dropped.
            self.sender.send(parcel).ok();
        }
    }
}

/// Delivers pictures until there are no more, or the node ends.
pub(crate) async fn deliver(node: Arc<Distributed>, waiting: mpsc::UnboundedReceiver<Parcel>) {
    let parcels = stream::unfold((waiting, Arc::clone(&node)), |(mut waiting, node)| async move {
        let parcel = tokio::select! {
            biased;
            parcel = waiting.recv() => parcel,
            // No more pictures enter the channel. Those that are in the channel are still delivered.
            () = node.delivered.cancelled() => waiting.try_recv().ok(),
        };
        Some((parcel?, (waiting, node)))
    });
    let delivering = parcels.for_each_concurrent(AT_A_TIME, |parcel| deliver_one(&node, parcel));
    tokio::select! {
        () = delivering => {}
        () = node.ended.cancelled() => {}
    }
}

async fn deliver_one(node: &Distributed, parcel: Parcel) {
    let Parcel { picture, good_for, _room: room } = parcel;
    let put = || node.client.put_picture(&picture, good_for.as_deref());
    let mut done = put().await;
    if done.as_ref().is_err_and(super::client::CallError::may_pass) {
        tokio::time::sleep(PAUSE).await;
        done = put().await;
    }
    drop(room);
    match done {
        Ok(()) => {
            node.metrics.pictures.inc();
            node.courier.troubled.store(false, Ordering::Relaxed);
        }
        Err(error) => {
            node.metrics.pictures_dropped.inc();
            if !node.courier.troubled.swap(true, Ordering::Relaxed) {
                tracing::warn!(%error, "pictures are dropped: the master does not accept them");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use easysight_sandbox::Digest;

    use super::*;

    #[test]
    fn what_finds_no_room_is_let_go_until_others_are_gone() {
        let (courier, _waiting) = Courier::new();
        let picture = Picture { digest: Digest::of(b""), jpeg: vec![0; ROOM_KIB << 9].into() };
        let held: Vec<_> = std::iter::from_fn(|| courier.pack(picture.clone(), None)).collect();
        assert_eq!(held.len(), 2);
        drop(held);
        assert!(courier.pack(picture, None).is_some());
    }
}
