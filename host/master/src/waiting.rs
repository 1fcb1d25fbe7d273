//! Long polls that wait for a job. Each new job wakes one poll, and only a poll whose node has the labels that the job
//! requires.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use easysight_protocol::Labels;
use easysight_store::satisfies;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// The waiting polls, longest wait first.
#[derive(Default)]
pub(crate) struct Waiting {
    line: Mutex<VecDeque<Waiter>>,
}

struct Waiter {
    labels: Arc<Labels>,
    bell: Arc<Notify>,
}

/// A poll's place in the line. When the place is dropped, the poll leaves the line.
pub(crate) struct Place<'a> {
    waiting: &'a Waiting,
    bell: Arc<Notify>,
}

impl Waiting {
    /// Adds a poll at the end of the line. No later wake-up is lost, even if it comes before [`Place::wait`] is called.
    pub(crate) fn enter(&self, labels: &Arc<Labels>) -> Place<'_> {
        let bell = Arc::new(Notify::new());
        let waiter = Waiter { labels: Arc::clone(labels), bell: Arc::clone(&bell) };
        self.line.lock().push_back(waiter);
        Place { waiting: self, bell }
    }

    /// Wakes one poll for each new job that requires these labels.
    pub(crate) fn wake(&self, required: &str, jobs: usize) {
        let mut line = self.line.lock();
        for _ in 0..jobs {
            let Some(at) = line.iter().position(|waiter| satisfies(&waiter.labels, required)) else { break };
            if let Some(waiter) = line.remove(at) {
                waiter.bell.notify_one();
            }
        }
    }

    /// Returns the sets of labels of the waiting polls, without duplicates.
    pub(crate) fn labels(&self) -> Vec<Labels> {
        let line = self.line.lock();
        let mut labels: Vec<&Labels> = line.iter().map(|waiter| &*waiter.labels).collect();
        labels.sort_unstable();
        labels.dedup();
        labels.into_iter().cloned().collect()
    }

    /// Returns the number of waiting polls.
    pub(crate) fn len(&self) -> usize {
        self.line.lock().len()
    }
}

impl Place<'_> {
    /// Waits at most this time for a wake-up. Returns true if the poll was woken.
    pub(crate) async fn wait(&self, at_most: Duration) -> bool {
        tokio::time::timeout(at_most, self.bell.notified()).await.is_ok()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.line.lock().retain(|waiter| !Arc::ptr_eq(&waiter.bell, &self.bell));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(of: &[(&str, &str)]) -> Arc<Labels> {
        Arc::new(of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    #[tokio::test]
    async fn as_many_are_woken_as_there_are_jobs_and_the_longest_waiting_first() {
        let waiting = Waiting::default();
        let (first, second) = (waiting.enter(&labels(&[])), waiting.enter(&labels(&[])));
        waiting.wake("", 1);
        assert!(first.wait(Duration::from_secs(5)).await);
        assert!(!second.wait(Duration::ZERO).await);
        drop(second);
        assert_eq!(waiting.len(), 0);
        // No poll waits, and the wake-up is not stored.
        waiting.wake("", 5);
        assert!(!waiting.enter(&labels(&[])).wait(Duration::ZERO).await);
    }

    #[tokio::test]
    async fn nobody_is_woken_for_a_job_that_it_may_not_have() {
        let waiting = Waiting::default();
        let (plain, north) = (waiting.enter(&labels(&[])), waiting.enter(&labels(&[("site", "north")])));
        waiting.wake("site=south", 9);
        assert_eq!(waiting.len(), 2);
        waiting.wake("site=north", 9);
        assert!(north.wait(Duration::from_secs(5)).await);
        assert!(!plain.wait(Duration::ZERO).await);
        assert_eq!(waiting.labels(), [Labels::new()]);
    }
}
