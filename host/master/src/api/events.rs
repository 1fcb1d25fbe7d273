//! Server-sent events. A client whose area is limited gets only the events of its area, and of nodes.

use std::{
    collections::{HashSet, VecDeque},
    convert::Infallible,
    time::Duration,
};

use axum::{
    Extension,
    extract::State,
    response::sse::{Event as Sent, KeepAlive, Sse},
};
use easysight_protocol::{Event, Problem, RunId};
use easysight_store::StoreError;
use futures::{Stream, stream};
use tokio::{
    sync::{
        broadcast::{
            Receiver,
            error::{RecvError, TryRecvError},
        },
        watch,
    },
    time::{Instant, Interval, interval_at},
};

use crate::{access::FRESH, master::Shared, principal::Principal};

/// The pause after which an empty comment is sent, so that no proxy closes the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The largest number of events that are compared with an area at a time.
const BATCH: usize = 256;

/// Streams events as they happen: changes of runs and nodes, and findings that are not normal. The type of a
/// server-sent event (`event:`) is the `kind` of its data (`data:`), which is JSON. The stream ends within seconds
/// after the token is revoked or expires, after the session of the user ends, or after the scope or the area of the
/// user changes.
#[utoipa::path(get, path = "/api/v1/events", tag = "events",
    responses((status = 200, content_type = "text/event-stream", body = Event,
            description = "A stream of server-sent events, each with an `Event` as its data"),
        (status = "default", body = Problem)))]
pub(super) async fn listen(
    State(master): State<Shared>,
    Extension(principal): Extension<Principal>,
) -> Sse<impl Stream<Item = Result<Sent, Infallible>>> {
    let follower = Follower {
        events: master.events.listen(),
        ready: VecDeque::new(),
        changes: master.access.changes(),
        looks: interval_at(Instant::now() + FRESH, FRESH),
        master,
        principal,
    };
    let sent = stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        let sent = Sent::default().event(event.kind()).json_data(&event).unwrap_or_default();
        Some((Ok(sent), follower))
    });
    Sse::new(sent).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

/// One client that follows the events.
struct Follower {
    events: Receiver<Event>,
    /// Events that the client may see, and that were not sent yet.
    ready: VecDeque<Event>,
    /// The times at which the client's access is checked again.
    looks: Interval,
    /// Notified when tokens or users have changed through this master.
    changes: watch::Receiver<()>,
    master: Shared,
    principal: Principal,
}

impl Follower {
    /// Returns the next event, or `None` if the master stops or the client has lost its access.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if self.changes.has_changed().ok()? {
                self.changes.mark_unchanged();
                self.check().await?;
            }
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            tokio::select! {
                event = self.events.recv() => match event {
                    Ok(event) => self.take(event).await,
                    Err(RecvError::Lagged(events)) => return Some(Event::Missed { events }),
                    Err(RecvError::Closed) => return None,
                },
                changed = self.changes.changed() => {
                    changed.ok()?;
                    self.check().await?;
                }
                _ = self.looks.tick() => self.check().await?,
                () = self.master.stopping.cancelled() => return None,
            }
        }
    }

    /// Returns `None` if the client has lost its access. If the database is unavailable, the client keeps it.
    async fn check(&self) -> Option<()> {
        (!matches!(self.master.access.still_knows(&self.principal).await, Ok(false))).then_some(())
    }

    /// Takes an event, and those that came after it, as far as the client may see them.
    async fn take(&mut self, event: Event) {
        if self.principal.area.is_all() {
            self.ready.push_back(event);
            return;
        }
        let mut batch = vec![event];
        while batch.len() < BATCH {
            match self.events.try_recv() {
                Ok(event) => batch.push(event),
                Err(TryRecvError::Lagged(events)) => batch.push(Event::Missed { events }),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        let events = batch.len() as u64;
        match self.within(batch).await {
            Ok(seen) => self.ready.extend(seen),
            Err(error) => {
                tracing::warn!(%error, "events cannot be compared with an area");
                self.ready.push_back(Event::Missed { events });
            }
        }
    }

    /// Returns the events that concern the client's area, or no camera at all.
    async fn within(&self, events: Vec<Event>) -> Result<Vec<Event>, StoreError> {
        let (mut cameras, mut runs) = (HashSet::new(), HashSet::new());
        for event in &events {
            match event {
                Event::Finding { finding } => {
                    cameras.extend(finding.camera_id.clone());
                    runs.insert(finding.run_id);
                }
                Event::Run { run_id, .. } => {
                    runs.insert(*run_id);
                }
                Event::Node { .. } | Event::Missed { .. } => {}
            }
        }
        let (store, area) = (&self.master.store, &self.principal.area);
        let cameras: HashSet<String> = store.cameras_within(area, cameras.into_iter().collect()).await?;
        let runs: HashSet<RunId> = store.runs_within(area, runs.into_iter().collect()).await?;
        let is_seen = |event: &Event| match event {
            Event::Finding { finding } => finding.camera_id.as_ref().is_some_and(|id| cameras.contains(id)),
            Event::Run { run_id, .. } => runs.contains(run_id),
            Event::Node { .. } | Event::Missed { .. } => true,
        };
        let mut seen: Vec<Event> = events.into_iter().filter(is_seen).collect();
        for event in &mut seen {
            // A task that names nothing of the area may check a camera of the area.
            if let Event::Finding { finding } = event
                && !runs.contains(&finding.run_id)
            {
                finding.task_id = None;
            }
        }
        Ok(seen)
    }
}
