//! The executors of a node. The number of executors limits how many plugins compute at the same time. Each executor has
//! a thread of its own. If the caller stops waiting for a run, the run is requested to stop. Its executor becomes free
//! only when the run has really ended.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use easysight_sandbox::Stop;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

/// A run of an executor.
#[derive(Debug, Clone, Copy)]
struct AtWork {
    since: Instant,
    /// The time limit of the run.
    within: Duration,
}

#[derive(Debug, Default)]
struct Board {
    begun: u64,
    at_work: BTreeMap<u64, AtWork>,
}

/// The executors of a node.
#[derive(Debug)]
pub(crate) struct Executors {
    places: Arc<Semaphore>,
    board: Mutex<Board>,
}

/// The entry of a run on the board, which lists the runs that have begun and not ended. The entry is removed when this
/// value is dropped.
struct Entry(Arc<Executors>, u64);

impl Drop for Entry {
    fn drop(&mut self) {
        self.0.board.lock().at_work.remove(&self.1);
    }
}

impl Executors {
    pub(crate) fn new(size: u32) -> Arc<Self> {
        Arc::new(Self { places: Arc::new(Semaphore::new(size as usize)), board: Mutex::default() })
    }

    /// Waits for a free executor and runs `work` on it. `within` is the time limit of the work. If the future is
    /// dropped before the work ends, the [`Stop`] that `work` received is set.
    ///
    /// An error describes a defect of this program.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        within: Duration,
        work: impl FnOnce(&Stop) -> T + Send + 'static,
    ) -> Result<T, String> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|error| error.to_string())?;
        let stop = Stop::new();
        let _stopped = stop.when_dropped();
        let entry = self.enter(within);
        let working = tokio::task::spawn_blocking(move || {
            // The entry and the place are held until the work ends, not until the caller stops waiting.
            let _held = (entry, place);
            work(&stop)
        });
        working.await.map_err(|error| format!("a defect ended the judging: {error}"))
    }

    fn enter(self: &Arc<Self>, within: Duration) -> Entry {
        let mut board = self.board.lock();
        board.begun += 1;
        let number = board.begun;
        board.at_work.insert(number, AtWork { since: Instant::now(), within });
        Entry(Arc::clone(self), number)
    }

    /// False if a run exceeds its time limit by more than `slack`.
    pub(crate) fn is_alive(&self, now: Instant, slack: Duration) -> bool {
        let board = self.board.lock();
        let in_time = |one: &AtWork| now.saturating_duration_since(one.since) < one.within + slack;
        board.at_work.values().all(in_time)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    #[tokio::test(flavor = "multi_thread")]
    async fn one_that_hangs_is_noticed_and_keeps_its_place() {
        let executors = Executors::new(1);
        let (begin, begun) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let hung = Arc::clone(&executors);
        let hanging = tokio::spawn(async move {
            let work = move |_: &Stop| {
                begin.send(()).unwrap();
                ended.recv().ok();
            };
            hung.run(SOON, work).await
        });
        begun.recv_timeout(SOON).unwrap();
        let now = Instant::now();
        assert!(executors.is_alive(now + SOON / 2, Duration::ZERO));
        assert!(executors.is_alive(now + SOON, SOON));
        assert!(!executors.is_alive(now + SOON, Duration::ZERO));
        // No caller waits for the run now, but the run still hangs.
        hanging.abort();
        assert!(hanging.await.unwrap_err().is_cancelled());
        assert!(!executors.is_alive(now + SOON, Duration::ZERO));
        let next = executors.run(SOON, |_| ());
        assert!(tokio::time::timeout(Duration::from_millis(100), next).await.is_err());
        drop(end);
        executors.run(SOON, |_| ()).await.unwrap();
        assert!(executors.is_alive(now + 10 * SOON, Duration::ZERO));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn work_that_nobody_waits_for_is_told_to_stop() {
        let executors = Executors::new(1);
        let (begin, begun) = mpsc::channel();
        let working = Arc::clone(&executors);
        let working = tokio::spawn(async move {
            let until_stopped = move |stop: &Stop| {
                begin.send(()).unwrap();
                while !stop.is_stopped() {
                    std::thread::yield_now();
                }
            };
            working.run(SOON, until_stopped).await
        });
        begun.recv_timeout(SOON).unwrap();
        working.abort();
        assert!(working.await.unwrap_err().is_cancelled());
        tokio::time::timeout(SOON, executors.run(SOON, |_| ())).await.expect("its place is free").unwrap();
    }
}
