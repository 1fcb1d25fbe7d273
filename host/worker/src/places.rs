//! The places for jobs that a master leased to this node. A place stands for the resources that decode and judge a
//! clip. A capture that waits for its camera needs almost none of these resources. After a second, it therefore steps
//! aside: it releases its place for another job, and acquires a place again once there is something to decode. So a
//! camera that does not answer does not delay other cameras.
//!
//! The number of captures that may wait aside is limited, since each has an open connection. If the limit is
//! reached, a capture keeps its place.

use std::{convert::Infallible, sync::Arc, time::Duration};

use easysight_capture::Admission;
use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// The time for which a capture waits for its camera before the capture steps aside. Most cameras begin to send within
/// this time.
const MOMENT: Duration = Duration::from_secs(1);
/// The number of captures that may wait aside, per place.
const ASIDE: usize = 4;
/// The maximum time for which the data of a camera is kept while no place is free to decode the data. After this time
/// the capture is dropped. It starts again once a place is free.
const KEPT: Duration = Duration::from_secs(5);

/// The places of a node.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    working: Arc<Semaphore>,
    aside: Arc<Semaphore>,
    waiting: Gauge,
    size: usize,
}

/// The permit of a capture that waits aside.
#[derive(Debug)]
struct Room {
    _permit: OwnedSemaphorePermit,
    waiting: Gauge,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.waiting.dec();
    }
}

impl Places {
    /// Makes `size` places. The gauge `waiting` counts the captures that wait aside.
    pub(crate) fn new(size: u32, waiting: Gauge) -> Self {
        let size = size as usize;
        let (working, aside) = (Semaphore::new(size), Semaphore::new(size * ASIDE));
        Self { working: Arc::new(working), aside: Arc::new(aside), waiting, size }
    }

    /// Waits for a free place.
    pub(crate) async fn free(&self) -> Place {
        // The semaphore is never closed.
        Place::held(self, Arc::clone(&self.working).acquire_owned().await.ok())
    }

    /// Returns a place if one is free now.
    pub(crate) fn try_free(&self) -> Option<Place> {
        Arc::clone(&self.working).try_acquire_owned().ok().map(|permit| Place::held(self, Some(permit)))
    }

    /// The number of captures that wait aside for their cameras.
    pub(crate) fn aside(&self) -> u32 {
        count((self.size * ASIDE).saturating_sub(self.aside.available_permits()))
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[derive(Debug)]
enum State {
    /// The job has a place. It may still wait for a camera.
    Held(Option<OwnedSemaphorePermit>),
    /// The job has a place, and keeps it until the job ends.
    Needed { _permit: Option<OwnedSemaphorePermit> },
    /// The job has no place.
    Aside { _room: Room },
}

/// The place of one job. It becomes free when its last clone is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    places: Places,
    state: Arc<Mutex<State>>,
    /// Cancelled if the job waited too long for a place while its camera was sending.
    crowded: CancellationToken,
}

impl Place {
    fn held(places: &Places, permit: Option<OwnedSemaphorePermit>) -> Self {
        let state = Arc::new(Mutex::new(State::Held(permit)));
        Self { places: places.clone(), state, crowded: CancellationToken::new() }
    }

    /// Releases the place if the job does not need it yet and the limit of captures aside is not reached.
    pub(crate) fn step_aside(&self) {
        let mut state = self.state.lock();
        if let State::Held(_) = &*state
            && let Ok(aside) = Arc::clone(&self.places.aside).try_acquire_owned()
        {
            self.places.waiting.inc();
            *state = State::Aside { _room: Room { _permit: aside, waiting: self.places.waiting.clone() } };
        }
    }

    /// Acquires a place if the job has stepped aside. The job keeps its place from now on.
    async fn take(&self) {
        {
            let mut state = self.state.lock();
            match &mut *state {
                State::Needed { .. } => return,
                State::Held(permit) => {
                    *state = State::Needed { _permit: permit.take() };
                    return;
                }
                State::Aside { .. } => {}
            }
        }
        let permit = Arc::clone(&self.places.working).acquire_owned().await.ok();
        *self.state.lock() = State::Needed { _permit: permit };
    }

    /// Acquires a place as [`Self::take`] does, for a capture whose camera is sending. If no place becomes free
    /// within [`KEPT`], this future never completes, and [`Self::hold`] drops the capture.
    async fn admit(&self) {
        if timeout(KEPT, self.take()).await.is_err() {
            self.crowded.cancel();
            std::future::pending::<()>().await;
        }
    }

    /// Runs a capture. The job steps aside if the camera does not start to send within [`MOMENT`]. Returns `None` if
    /// the capture must start again; the job then has a place.
    pub(crate) async fn hold<T>(&self, capture: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            captured = capture => return Some(captured),
            () = self.crowded.cancelled() => {}
            never = self.be_polite() => match never {},
        }
        self.take().await;
        None
    }

    /// Returns an [`Admission`] that lets a capture decode once the job has a place.
    pub(crate) fn admission(&self) -> Admission {
        let place = self.clone();
        Admission::new(move || {
            let place = place.clone();
            async move { place.admit().await }
        })
    }

    async fn be_polite(&self) -> Infallible {
        tokio::time::sleep(MOMENT).await;
        self.step_aside();
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    impl Places {
        fn taken(&self) -> usize {
            self.size - self.working.available_permits()
        }
    }

    #[tokio::test]
    async fn who_waits_for_a_camera_steps_aside_and_has_a_place_before_it_decodes() {
        let places = Places::new(1, Gauge::default());
        let first = places.free().await;
        assert!(places.taken() == 1 && places.try_free().is_none());
        first.step_aside();
        assert_eq!((places.taken(), places.aside()), (0, 1));
        let second = places.try_free().unwrap();
        // The camera of the first job answers while the second job works.
        let mut taking = Box::pin(first.take());
        assert!((&mut taking).now_or_never().is_none());
        drop(second);
        taking.await;
        assert_eq!((places.taken(), places.aside()), (1, 0));
        first.step_aside();
        assert_eq!((places.taken(), places.aside()), (1, 0), "a place that is needed is kept");
        drop(first);
        assert_eq!((places.taken(), places.aside()), (0, 0));
    }

    #[tokio::test]
    async fn aside_there_is_room_for_some() {
        let places = Places::new(1, Gauge::default());
        let mut waiting = Vec::new();
        for _ in 0..ASIDE {
            let one = places.try_free().unwrap();
            one.step_aside();
            waiting.push(one);
        }
        let one = places.try_free().unwrap();
        one.step_aside();
        assert_eq!(places.taken(), 1);
        drop(waiting.pop());
        one.step_aside();
        assert_eq!(places.taken(), 0);
    }

    #[tokio::test]
    async fn whose_camera_sends_and_finds_no_place_begins_anew_in_one() {
        let places = Places::new(1, Gauge::default());
        let first = places.free().await;
        first.step_aside();
        let second = places.free().await;
        let mut capturing = Box::pin(first.hold(first.admit()));
        assert!((&mut capturing).now_or_never().is_none());
        first.crowded.cancel();
        assert!((&mut capturing).now_or_never().is_none());
        drop(second);
        assert_eq!(capturing.await, None);
        assert_eq!((places.taken(), places.aside()), (1, 0));
    }

    #[tokio::test]
    async fn a_capture_steps_aside_after_a_moment_and_others_have_its_place() {
        let places = Places::new(1, Gauge::default());
        let silent = places.free().await;
        let next = tokio::select! {
            _ = silent.hold(std::future::pending::<()>()) => panic!("it ends"),
            next = places.free() => next,
        };
        assert_eq!((places.taken(), places.aside(), places.waiting.get()), (1, 1, 1));
        drop((silent, next));
        assert_eq!((places.taken(), places.aside(), places.waiting.get()), (0, 0, 0));
    }
}
