//! Events for followers, for example for clients that read the stream of events. The latest events are kept in memory,
//! and a follower is a place in them. So a follower that was away continues where it was, and no event is lost or
//! repeated. Sending never waits: a follower that is too slow, or was away for too long, gets the number of the events
//! that it has missed.

use std::{collections::VecDeque, sync::Arc};

use easysight_protocol::{Event, RunId};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// The largest number of events that are kept.
const MOST_EVENTS: usize = 4_096;
/// The largest size of the kept events, in bytes of their JSON. Findings are much larger than other events.
const MOST_BYTES: usize = 8 << 20;

/// Sends events to followers.
pub(crate) struct Events {
    shared: Arc<Shared>,
}

struct Shared {
    /// A random word of this start of this master: places of other starts and of other masters mean nothing here.
    start: String,
    kept: Mutex<Kept>,
    /// Wakes followers that wait for an event.
    news: Notify,
}

/// The latest events. Events are numbered from zero.
#[derive(Default)]
struct Kept {
    /// The number of the first event that is kept.
    first: u64,
    events: VecDeque<Arc<Sent>>,
    bytes: usize,
}

impl Kept {
    /// Returns the number that the next event will get.
    fn end(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    fn push(&mut self, subject: Subject, kind: &'static str, json: String) {
        let number = self.end();
        self.bytes += json.len();
        self.events.push_back(Arc::new(Sent { number, subject, kind, json }));
        while self.events.len() > MOST_EVENTS || self.bytes > MOST_BYTES {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= oldest.json.len();
            self.first += 1;
        }
    }

    /// Returns the event with this number, or None if it is not kept.
    fn event(&self, number: u64) -> Option<&Arc<Sent>> {
        self.events.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }
}

/// An event that was sent.
pub(crate) struct Sent {
    number: u64,
    pub(crate) subject: Subject,
    pub(crate) kind: &'static str,
    /// The event in JSON.
    pub(crate) json: String,
}

/// What an event is about. It decides which callers may see the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A finding of a run, about a camera or a source without a camera.
    Finding {
        camera: Option<String>,
        run: RunId,
    },
    Run(RunId),
    /// Nothing that belongs to an area.
    Other,
}

impl Subject {
    fn of(event: &Event) -> Self {
        match event {
            Event::Finding { finding } => {
                Self::Finding { camera: finding.camera_id.clone(), run: finding.run_id }
            }
            Event::Run { run_id, .. } => Self::Run(*run_id),
            Event::Node { .. } | Event::Missed { .. } | Event::Position => Self::Other,
        }
    }
}

/// The place of a follower: the number of the first event that it has not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(u64);

impl Sent {
    /// Returns the place after this event.
    pub(crate) const fn place(&self) -> Place {
        Place(self.number + 1)
    }

    /// Returns the same event without the task of its finding, for a client that may not see the task.
    pub(crate) fn without_task(&self) -> serde_json::Result<Self> {
        let mut event: Event = serde_json::from_str(&self.json)?;
        if let Event::Finding { finding } = &mut event {
            finding.task_id = None;
        }
        let json = serde_json::to_string(&event)?;
        Ok(Self { number: self.number, subject: self.subject.clone(), kind: self.kind, json })
    }
}

/// What a follower hears.
pub(crate) enum Heard {
    Event(Arc<Sent>),
    /// The number of events that are no longer kept.
    Missed(u64),
}

impl Events {
    /// `start` is a random word, without `-`.
    pub(crate) fn new(start: String) -> Self {
        Self { shared: Arc::new(Shared { start, kept: Mutex::default(), news: Notify::new() }) }
    }

    /// Sends an event to all followers.
    pub(crate) fn tell(&self, event: &Event) {
        match serde_json::to_string(event) {
            Ok(json) => self.shared.kept.lock().push(Subject::of(event), event.kind(), json),
            Err(error) => return tracing::error!(%error, "an event cannot be sent"),
        }
        self.shared.news.notify_waiters();
    }

    /// Follows the events from now on.
    pub(crate) fn listen(&self) -> Listener {
        let next = self.shared.kept.lock().end();
        Listener { shared: self.shared.clone(), next }
    }

    /// Follows the events from the place with this id. None if it is not a place of this start of this master, so that
    /// nobody knows which events came after it.
    pub(crate) fn listen_from(&self, id: &str) -> Option<Listener> {
        let (start, place) = id.split_once('-')?;
        let next = u64::from_str_radix(place, 16).ok()?;
        let is_here = start == self.shared.start && next <= self.shared.kept.lock().end();
        is_here.then(|| Listener { shared: self.shared.clone(), next })
    }
}

/// A follower of the events.
pub(crate) struct Listener {
    shared: Arc<Shared>,
    /// The number of the first event that the follower has not heard.
    next: u64,
}

impl Listener {
    /// Returns the place of the follower.
    pub(crate) const fn place(&self) -> Place {
        Place(self.next)
    }

    /// Returns the id of a place, with which a client can continue there.
    pub(crate) fn id(&self, place: Place) -> String {
        format!("{}-{:x}", self.shared.start, place.0)
    }

    /// Waits for the next event. If the caller stops waiting, no event is lost.
    pub(crate) async fn next(&mut self) -> Heard {
        let shared = self.shared.clone();
        loop {
            // Created before the kept events are read, so that no event in between is overlooked.
            let news = shared.news.notified();
            if let Some(heard) = self.try_next() {
                return heard;
            }
            news.await;
        }
    }

    /// Returns the next event, or None if all events were heard.
    pub(crate) fn try_next(&mut self) -> Option<Heard> {
        let kept = self.shared.kept.lock();
        if self.next < kept.first {
            let missed = kept.first - self.next;
            self.next = kept.first;
            return Some(Heard::Missed(missed));
        }
        let event = kept.event(self.next)?.clone();
        self.next += 1;
        Some(Heard::Event(event))
    }
}

#[cfg(test)]
mod tests;
