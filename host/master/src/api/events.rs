//! Server-sent events.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    response::sse::{Event as Sent, KeepAlive, Sse},
};
use easysight_protocol::Problem;
use futures::{Stream, stream};
use tokio::sync::broadcast::error::RecvError;

use crate::master::Shared;

/// Tells what happens while it happens: runs, findings that are not normal, nodes. An event `missed`
/// says that a listener was too slow, and how many it did not get.
#[utoipa::path(get, path = "/api/v1/events", tag = "events",
    responses((status = 200, content_type = "text/event-stream", body = String), (status = "default", body = Problem)))]
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
            Ok(event) => Sent::default().event(event.name()).json_data(&event).unwrap_or_default(),
            Err(RecvError::Lagged(missed)) => Sent::default().event("missed").data(missed.to_string()),
            Err(RecvError::Closed) => return None,
        };
        Some((Ok(sent), (events, stopping)))
    });
    Sse::new(told).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}
