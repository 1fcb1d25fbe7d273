//! What happened is announced: jobs to the polls that wait for them, changes to the schedulers, events to those who
//! follow them; here and, where masters share a database, at the others.

use easysight_protocol::{Event, RunChange, RunId};
use easysight_store::StoreError;

use crate::master::{Master, now_ms};

impl Master {
    /// Wakes polls that wait, here and at other masters, for so many jobs that were queued.
    pub(crate) fn announce_jobs(&self, jobs: usize) {
        self.wake_polls();
        if let Some(relay) = &self.relay
            && jobs > 0
        {
            relay.note_queued(jobs);
        }
    }

    /// Wakes as many polls as there are jobs that are known to be ready.
    fn wake_polls(&self) {
        if self.waiting.len() > 0 {
            for (required, jobs) in self.store.known_ready_jobs() {
                self.waiting.wake(&required, jobs);
            }
        }
    }

    /// Looks for jobs that those who wait may have, and wakes them. Costs a statement only where what is known is
    /// old or in doubt.
    pub(crate) async fn look_for_jobs(&self) -> Result<(), StoreError> {
        let labels = self.waiting.labels();
        let now = now_ms();
        if labels.iter().any(|labels| self.store.may_have_work(labels, now)) {
            for (required, jobs) in self.store.ready_jobs(labels, now).await? {
                self.waiting.wake(&required, jobs);
            }
        }
        Ok(())
    }

    /// Lets the schedulers look again at what runs may wait for.
    pub(crate) fn note_change(&self) {
        self.changed.notify_one();
        if let Some(relay) = &self.relay {
            relay.note_change();
        }
    }

    /// Tells everyone who looks on, at other masters too.
    pub(crate) fn tell(&self, event: Event) {
        if let Some(relay) = &self.relay {
            relay.note_event(&event);
        }
        self.events.tell(event);
    }

    /// Tells what became of a run.
    pub(crate) fn tell_run(&self, run_id: RunId, change: RunChange) {
        self.tell(Event::Run { run_id, change });
    }
}
