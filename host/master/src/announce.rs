//! Announcements: waiting polls are woken for new jobs, the scheduler is notified of changes, and events are sent to
//! the clients that follow them. If masters share a database, announcements reach the other masters too.

use easysight_protocol::{Event, RunChange, RunId};
use easysight_store::StoreError;

use crate::master::Master;

impl Master {
    /// Announces queued jobs: wakes waiting polls here and at other masters. `jobs` is the number of jobs that were
    /// queued.
    pub(crate) fn announce_jobs(&self, jobs: usize) {
        self.wake_polls();
        if let Some(relay) = &self.relay
            && jobs > 0
        {
            relay.note_queued(jobs);
        }
    }

    /// Wakes a waiting poll for each job that is known to be ready.
    fn wake_polls(&self) {
        if self.waiting.len() > 0 {
            for (required, jobs) in self.store.known_ready_jobs() {
                self.waiting.wake(&required, jobs);
            }
        }
    }

    /// Looks for jobs that waiting polls may lease, and wakes these polls. The database is queried only if it may have
    /// such jobs.
    pub(crate) async fn look_for_jobs(&self) -> Result<(), StoreError> {
        let labels = self.waiting.labels();
        let now = self.now_ms();
        if labels.iter().any(|labels| self.store.may_have_work(labels, now)) {
            for (required, jobs) in self.store.ready_jobs(labels, now).await? {
                self.waiting.wake(&required, jobs);
            }
        }
        Ok(())
    }

    /// Makes the schedulers of all masters check again whether waiting runs can begin.
    pub(crate) fn note_change(&self) {
        self.changed.notify_one();
        if let Some(relay) = &self.relay {
            relay.note_change();
        }
    }

    /// Sends an event to all clients that follow events, including the clients of other masters.
    pub(crate) fn tell(&self, event: &Event) {
        if let Some(relay) = &self.relay {
            relay.note_event(event);
        }
        self.events.tell(event);
    }

    /// Announces a change of a run.
    pub(crate) fn tell_run(&self, run_id: RunId, change: RunChange) {
        self.tell(&Event::Run { run_id, change });
    }
}
