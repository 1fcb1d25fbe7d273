//! Server-sent events.

use std::{convert::Infallible, time::Duration};

use axum::{
    Extension,
    extract::State,
    response::sse::{Event as Sent, KeepAlive, Sse},
};
use easysight_protocol::{Event, Problem};
use futures::{Stream, stream};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, Interval, interval_at},
};

use crate::{access::FRESH, master::Shared, principal::Principal};

/// The pause after which an empty comment is sent, so that no proxy closes the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Streams events as they happen: changes of runs and nodes, and findings that are not normal. The type of a
/// server-sent event (`event:`) is the `kind` of its data (`data:`), which is JSON. The stream ends within seconds
/// after the token is revoked or expires, or the session of the user ends.
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
    /// The times at which the client's access is checked again.
    looks: Interval,
    master: Shared,
    principal: Principal,
}

impl Follower {
    /// Returns the next event, or `None` if the master stops or the client has lost its access.
    async fn next(&mut self) -> Option<Event> {
        loop {
            tokio::select! {
                event = self.events.recv() => return match event {
                    Ok(event) => Some(event),
                    Err(RecvError::Lagged(events)) => Some(Event::Missed { events }),
                    Err(RecvError::Closed) => None,
                },
                _ = self.looks.tick() => {
                    // If the database is unavailable, the client keeps its access.
                    if let Ok(false) = self.master.access.still_knows(&self.principal).await {
                        return None;
                    }
                }
                () = self.master.stopping.cancelled() => return None,
            }
        }
    }
}
