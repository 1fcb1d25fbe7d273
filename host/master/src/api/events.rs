//! Server-sent events.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    response::sse::{Event as Sent, KeepAlive, Sse},
};
use easysight_protocol::{Event, Problem};
use futures::{Stream, stream};
use tokio::sync::broadcast::error::RecvError;

use crate::master::Shared;

/// Sends what happens while it happens: runs, findings that are not normal, nodes. The type of a server-sent
/// event (`event:`) is the `kind` of its data (`data:`), which is JSON.
#[utoipa::path(get, path = "/api/v1/events", tag = "events",
    responses((status = 200, content_type = "text/event-stream", body = Event,
            description = "A stream of server-sent events, each with an `Event` as its data"),
        (status = "default", body = Problem)))]
pub(super) async fn listen(
    State(master): State<Shared>,
) -> Sse<impl Stream<Item = Result<Sent, Infallible>>> {
    let (events, stopping) = (master.events.listen(), master.stopping.clone());
    let told = stream::unfold((events, stopping), |(mut events, stopping)| async move {
        let event = tokio::select! {
            event = events.recv() => event,
            () = stopping.cancelled() => Err(RecvError::Closed),
        };
        let sent = match event {
            Ok(event) => event,
            Err(RecvError::Lagged(events)) => Event::Missed { events },
            Err(RecvError::Closed) => return None,
        };
        let sent = Sent::default().event(event.kind()).json_data(&event).unwrap_or_default();
        Some((Ok(sent), (events, stopping)))
    });
    Sse::new(told).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}
