//! Long polls that wait for a job. Whoever queues jobs wakes as many as there are jobs; one that is
//! woken and may not have them, for want of a label, passes the wake-up on.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Who waits, the longest first.
#[derive(Default)]
pub(crate) struct Waiting {
    line: Mutex<VecDeque<Arc<Notify>>>,
}

/// A place in the line, given up when dropped.
pub(crate) struct Place<'a> {
    waiting: &'a Waiting,
    bell: Arc<Notify>,
}

impl Waiting {
    /// Takes a place. A wake-up from now on is not lost, whenever it is waited for.
    pub(crate) fn enter(&self) -> Place<'_> {
        let bell = Arc::new(Notify::new());
        self.line.lock().push_back(Arc::clone(&bell));
        Place { waiting: self, bell }
    }

    /// Wakes as many as there are new jobs.
    pub(crate) fn wake(&self, jobs: usize) {
        let mut line = self.line.lock();
        for _ in 0..jobs {
            match line.pop_front() {
                Some(bell) => bell.notify_one(),
                None => break,
            }
        }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.line.lock().len()
    }
}

impl Place<'_> {
    /// Waits to be woken, at most so long. True where it was.
    pub(crate) async fn wait(&self, at_most: Duration) -> bool {
        tokio::time::timeout(at_most, self.bell.notified()).await.is_ok()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.line.lock().retain(|bell| !Arc::ptr_eq(bell, &self.bell));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn as_many_are_woken_as_there_are_jobs_and_the_longest_waiting_first() {
        let waiting = Waiting::default();
        let (first, second) = (waiting.enter(), waiting.enter());
        waiting.wake(1);
        assert!(first.wait(Duration::from_secs(5)).await);
        assert!(!second.wait(Duration::ZERO).await);
        drop(second);
        assert_eq!(waiting.len(), 0);
        // Nobody is there to be woken, and nothing is kept for later.
        waiting.wake(5);
        assert!(!waiting.enter().wait(Duration::ZERO).await);
    }
}
