//! A queue of pictures between the network, from which they arrive at any time, and ffmpeg, which is fed only when
//! it needs pictures. The queue is limited by bytes.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::{MAX_UNIT_BYTES, Unit};

/// The number of bytes for which one permit of the semaphore stands.
const GRAIN: usize = 1 << 10;
/// The largest number of bytes that wait in the queue. While the queue is full, nothing is read from the network.
const MAX_BYTES: usize = 2 * MAX_UNIT_BYTES;

/// The sending end, for the network.
#[derive(Debug)]
pub(crate) struct Sender {
    units: mpsc::UnboundedSender<(Unit, OwnedSemaphorePermit)>,
    room: Arc<Semaphore>,
}

/// The receiving end.
#[derive(Debug)]
pub(crate) struct Receiver(mpsc::UnboundedReceiver<(Unit, OwnedSemaphorePermit)>);

/// Makes a queue. Returns both ends.
pub(crate) fn queue() -> (Sender, Receiver) {
    let (units, received) = mpsc::unbounded_channel();
    (Sender { units, room: Arc::new(Semaphore::new(MAX_BYTES / GRAIN)) }, Receiver(received))
}

impl Sender {
    /// Waits for room and sends. Returns false if the receiver is gone.
    pub(crate) async fn send(&self, unit: Unit) -> bool {
        let grains = (unit.data.len() / GRAIN + 1).min(MAX_BYTES / GRAIN);
        let grains = u32::try_from(grains).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(grains).await;
        room.is_ok_and(|room| self.units.send((unit, room)).is_ok())
    }
}

impl Receiver {
    /// Returns the next picture. None after the last picture.
    pub(crate) async fn recv(&mut self) -> Option<Unit> {
        self.0.recv().await.map(|(unit, _)| unit)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[tokio::test]
    async fn no_more_waits_than_there_is_room_for() {
        let unit = || Unit {
            data: vec![0; MAX_UNIT_BYTES].into(),
            arrival: Instant::now(),
            stamp: None,
            entry: None,
            has_sets: false,
            disposable: false,
            reordered: false,
        };
        let (sender, mut receiver) = queue();
        assert!(sender.send(unit()).await);
        let second = sender.send(unit());
        assert!(tokio::time::timeout(Duration::from_millis(20), second).await.is_err());
        assert!(receiver.recv().await.is_some());
        assert!(sender.send(unit()).await);
        drop(receiver);
        assert!(!sender.send(unit()).await);
    }
}
