//! Server-sent events. A client whose area is limited gets only the events of its area, and of nodes. A client that lost
//! the connection continues after the last event that it got.

use std::{
    collections::{HashSet, VecDeque},
    convert::Infallible,
    sync::Arc,
    time::Duration,
};

use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderName},
    response::sse::{Event as Message, KeepAlive, Sse},
};
use easysight_protocol::{Event, Problem, RunId};
use easysight_store::StoreError;
use futures::{Stream, stream};
use serde::Deserialize;
use tokio::{
    sync::watch,
    time::{Instant, Interval, MissedTickBehavior, interval_at},
};
use utoipa::IntoParams;

use crate::{
    access::FRESH,
    events::{Heard, Listener, Place, Sent, Subject},
    master::Shared,
    principal::Principal,
};

use super::parameters::Params;

/// The pause after which an empty comment is sent, so that no proxy closes the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The pause after which a client gets its place, if it has got no event that it may see.
const PLACE_EVERY: Duration = Duration::from_secs(10);
/// The largest number of events that are compared with an area at a time.
const BATCH: usize = 256;
/// The header in which a browser sends the id of the last event, when it connects again by itself.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsQuery {
    /// The same as the header `Last-Event-ID`, for clients that cannot send it, such as a script in a browser that opens a
    /// new `EventSource`. The header counts if both are sent. A client that sends this parameter, even an empty one,
    /// gets events of the kind `position` too: one at the beginning, from which it can continue although nothing has
    /// happened yet, and others while nothing happens that it may see.
    last_event_id: Option<String>,
}

/// Streams events as they happen: changes of runs and nodes, and findings that are not normal. The type of a
/// server-sent event (`event:`) is the `kind` of its data (`data:`), which is JSON. The stream ends within seconds
/// after the token is revoked or expires, after the session of the user ends, or after the scope or the area of the user
/// changes.
///
/// Each event has an `id:`. A client that connects again with the id of the last event that it got, in the header
/// `Last-Event-ID` or the parameter `last_event_id`, first gets the events since then. The master keeps the latest events
/// for this: at most 4096 of them, and at most 8 MiB. If some of the events since then are not kept any more, or if the id
/// is of another master or of an earlier start of this one, the stream begins with an event of the kind `missed`, and the
/// client should read again what it shows.
#[utoipa::path(get, path = "/api/v1/events", tag = "events",
    params(EventsQuery, ("Last-Event-ID" = Option<String>, Header,
        description = "The id of the last event that the client got. The stream continues after this event.")),
    responses((status = 200, content_type = "text/event-stream", body = Event,
            description = "A stream of server-sent events, each with an `Event` as its data"),
        (status = "default", body = Problem)))]
pub(super) async fn listen(
    State(master): State<Shared>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
    Params(query): Params<EventsQuery>,
) -> Sse<impl Stream<Item = Result<Message, Infallible>>> {
    let wants_places = query.last_event_id.is_some();
    let header = headers.get(LAST_EVENT_ID).map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
    let last = header.or(query.last_event_id).filter(|id| !id.is_empty());
    let continued = last.as_deref().and_then(|id| master.events.listen_from(id));
    let is_lost = last.is_some() && continued.is_none();
    let listener = continued.unwrap_or_else(|| master.events.listen());
    let place = listener.place();
    let mut follower = Follower {
        listener,
        ready: VecDeque::new(),
        told: place,
        places: wants_places.then(|| every(PLACE_EVERY)),
        changes: master.access.changes(),
        looks: every(FRESH),
        master,
        principal,
        is_over: false,
    };
    if is_lost {
        // Nobody knows how many events the client has missed.
        follower.ready.push_back(Part::Missed(0, place));
    } else if wants_places {
        follower.ready.push_back(Part::Place(place));
    }
    let sent = stream::unfold(follower, |mut follower| async move {
        let part = follower.next().await?;
        Some((Ok(follower.message(&part)), follower))
    });
    Sse::new(sent).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

/// The master stops.
struct Stopping;

/// One part of the stream.
enum Part {
    Event(Arc<Sent>),
    /// The number of events that the client has missed, and the place after them. Zero stands for an unknown number.
    Missed(u64, Place),
    /// A place up to which the client has got everything that it may see.
    Place(Place),
}

/// One client that follows the events.
struct Follower {
    listener: Listener,
    /// What the client may see, and was not sent yet.
    ready: VecDeque<Part>,
    /// The place up to which the client knows that it has got everything.
    told: Place,
    /// The times at which the client gets its place. None if it does not want it.
    places: Option<Interval>,
    /// The times at which the client's access is checked again.
    looks: Interval,
    /// Notified when tokens or users have changed through this master.
    changes: watch::Receiver<()>,
    master: Shared,
    principal: Principal,
    /// True after the last part.
    is_over: bool,
}

impl Follower {
    /// Returns the next part, or `None` if the master stops or the client has lost its access. A client that has lost its
    /// access is told first that it misses events: if it comes back with another area, what it has read before is no longer
    /// right.
    async fn next(&mut self) -> Option<Part> {
        if self.is_over {
            return None;
        }
        let part = self.next_seen().await;
        if matches!(part, Ok(None)) {
            self.is_over = true;
            return Some(Part::Missed(0, self.listener.place()));
        }
        part.ok().flatten()
    }

    /// Returns the next part, `Ok(None)` if the client has lost its access, or an error if the master stops.
    async fn next_seen(&mut self) -> Result<Option<Part>, Stopping> {
        loop {
            if self.changes.has_changed().map_err(|_| Stopping)? {
                self.changes.mark_unchanged();
                if !self.is_known().await {
                    return Ok(None);
                }
            }
            if let Some(part) = self.ready.pop_front() {
                return Ok(Some(part));
            }
            tokio::select! {
                heard = self.listener.next() => self.take(heard).await,
                changed = self.changes.changed() => {
                    changed.map_err(|_| Stopping)?;
                    if !self.is_known().await {
                        return Ok(None);
                    }
                }
                _ = self.looks.tick() => {
                    if !self.is_known().await {
                        return Ok(None);
                    }
                }
                () = due(self.places.as_mut()) => {
                    let place = self.listener.place();
                    if place != self.told {
                        return Ok(Some(Part::Place(place)));
                    }
                }
                () = self.master.stopping.cancelled() => return Err(Stopping),
            }
        }
    }

    /// Makes the message that the client is sent.
    fn message(&mut self, part: &Part) -> Message {
        let (place, kind, json) = match part {
            Part::Event(sent) => (sent.place(), sent.kind, sent.json.clone()),
            Part::Missed(events, place) => written(*place, &Event::Missed { events: *events }),
            Part::Place(place) => written(*place, &Event::Position),
        };
        self.told = place;
        Message::default().id(self.listener.id(place)).event(kind).data(json)
    }

    /// Returns false if the client has lost its access. If the database is unavailable, the client keeps it.
    async fn is_known(&self) -> bool {
        !matches!(self.master.access.still_knows(&self.principal).await, Ok(false))
    }

    /// Takes what the follower has heard, and what comes after it, as far as the client may see it.
    async fn take(&mut self, heard: Heard) {
        let mut batch = vec![self.part(heard)];
        if self.principal.area.is_all() {
            self.ready.extend(batch);
            return;
        }
        while batch.len() < BATCH {
            let Some(heard) = self.listener.try_next() else { break };
            batch.push(self.part(heard));
        }
        let events = batch.iter().map(Part::events).sum();
        match self.within(batch).await {
            Ok(seen) => self.ready.extend(seen),
            Err(error) => {
                tracing::warn!(%error, "events cannot be compared with an area");
                self.ready.push_back(Part::Missed(events, self.listener.place()));
            }
        }
    }

    /// Returns the part for what the listener has just heard.
    fn part(&self, heard: Heard) -> Part {
        match heard {
            Heard::Event(sent) => Part::Event(sent),
            Heard::Missed(events) => Part::Missed(events, self.listener.place()),
        }
    }

    /// Returns the parts that concern the client's area, or no camera at all.
    async fn within(&self, parts: Vec<Part>) -> Result<Vec<Part>, StoreError> {
        let (mut cameras, mut runs) = (HashSet::new(), HashSet::new());
        for part in &parts {
            match part.subject() {
                Subject::Finding { camera, run } => {
                    cameras.extend(camera.clone());
                    runs.insert(*run);
                }
                Subject::Run(run) => {
                    runs.insert(*run);
                }
                Subject::Other => {}
            }
        }
        let (store, area) = (&self.master.store, &self.principal.area);
        let cameras: HashSet<String> = store.cameras_within(area, cameras.into_iter().collect()).await?;
        let runs: HashSet<RunId> = store.runs_within(area, runs.into_iter().collect()).await?;
        let is_seen = |part: &Part| match part.subject() {
            Subject::Finding { camera, .. } => camera.as_ref().is_some_and(|id| cameras.contains(id)),
            Subject::Run(run) => runs.contains(run),
            Subject::Other => true,
        };
        let mut seen: Vec<Part> = parts.into_iter().filter(is_seen).collect();
        for part in &mut seen {
            // A task that names nothing of the area may check a camera of the area.
            if let Part::Event(sent) = part
                && let Subject::Finding { run, .. } = &sent.subject
                && !runs.contains(run)
            {
                *sent = Arc::new(sent.without_task()?);
            }
        }
        Ok(seen)
    }
}

impl Part {
    fn subject(&self) -> &Subject {
        match self {
            Self::Event(sent) => &sent.subject,
            Self::Missed(..) | Self::Place(_) => &Subject::Other,
        }
    }

    /// Returns the number of events for which this part stands.
    const fn events(&self) -> u64 {
        match self {
            Self::Event(_) => 1,
            Self::Missed(events, _) => *events,
            Self::Place(_) => 0,
        }
    }
}

/// Returns times with this distance. Those that pass while a client does not read are left out.
fn every(pause: Duration) -> Interval {
    let mut times = interval_at(Instant::now() + pause, pause);
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    times
}

/// Waits for the next time, or forever.
async fn due(times: Option<&mut Interval>) {
    match times {
        Some(times) => {
            times.tick().await;
        }
        None => std::future::pending().await,
    }
}

fn written(place: Place, event: &Event) -> (Place, &'static str, String) {
    (place, event.kind(), serde_json::to_string(event).unwrap_or_default())
}
