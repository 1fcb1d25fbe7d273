//! Pictures on their way to the master, after the results that they belong to. They are worth a try,
//! not a wait: what finds no room in memory, or no master that takes it, is let go.

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

/// KiB of pictures that wait, at the most.
const ROOM_KIB: usize = 64 << 10;
/// Pictures under way at a time.
const AT_A_TIME: usize = 4;
/// Pause before the second and last try.
const PAUSE: Duration = Duration::from_secs(2);

/// A picture that waits. Its place in memory becomes free with it.
pub(crate) struct Parcel {
    picture: Picture,
    /// The camera that showed it when all was well; none for what was seen when something was found.
    good_for: Option<String>,
    _room: OwnedSemaphorePermit,
}

/// Takes pictures in.
pub(crate) struct Courier {
    room: Arc<Semaphore>,
    sender: mpsc::UnboundedSender<Parcel>,
    /// True while the master does not take pictures; said once, not once a picture.
    troubled: AtomicBool,
}

impl Courier {
    /// Makes it; what is sent arrives at the receiver, which [`deliver`] takes.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Parcel>) {
        // Bounded by the room.
        let (sender, waiting) = mpsc::unbounded_channel();
        (Self { room: Arc::new(Semaphore::new(ROOM_KIB)), sender, troubled: AtomicBool::new(false) }, waiting)
    }

    /// A picture with a place in memory; none where there is none left.
    pub(crate) fn pack(&self, picture: Picture, good_for: Option<String>) -> Option<Parcel> {
        let kib = u32::try_from(picture.jpeg.len().div_ceil(1024)).ok()?;
        let room = Arc::clone(&self.room).try_acquire_many_owned(kib).ok()?;
        Some(Parcel { picture, good_for, _room: room })
    }

    /// Sends pictures whose result the master has recorded.
    pub(crate) fn send(&self, parcels: Vec<Parcel>) {
        for parcel in parcels {
            // Nobody waits for pictures at the end.
            self.sender.send(parcel).ok();
        }
    }
}

/// Delivers pictures until no more come, or the node gives up.
pub(crate) async fn deliver(node: Arc<Distributed>, waiting: mpsc::UnboundedReceiver<Parcel>) {
    let parcels = stream::unfold((waiting, Arc::clone(&node)), |(mut waiting, node)| async move {
        let parcel = tokio::select! {
            biased;
            parcel = waiting.recv() => parcel,
            // Nothing more comes; what is there already is still sent.
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
                tracing::warn!(%error, "pictures are let go: the master does not take them");
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
