//! Reading a clip in two parts, with somebody who thinks about the first.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::{
    io::AsyncRead,
    sync::watch,
    time::{Instant, timeout},
};

use crate::{
    clip::Clip,
    feed::Stage,
    frame::Frame,
    reading::{End, Reading},
    request::ClipRequest,
};

/// While somebody thinks about the first part of a capture, nothing is read for so long: what is decoded
/// meanwhile may turn out to be unwanted. For longer no camera is kept waiting.
const PAUSE: Duration = Duration::from_millis(500);

/// What came of reading.
pub(crate) enum Read<T> {
    /// The first part was enough.
    Enough(T),
    /// All was read.
    End(End),
}

/// Reads all that is wanted, unless `part` of it turns out to be enough, which is asked once. Whoever feeds the decoder
/// is told the stage.
pub(crate) async fn read<R: AsyncRead + Unpin, T, F: Future<Output = Option<T>>>(
    reading: &mut Reading<'_, R>,
    request: &ClipRequest,
    part: &ClipRequest,
    stage: &watch::Sender<Stage>,
    show: impl FnOnce(Vec<Arc<Frame>>) -> Option<Clip>,
    enough: &mut Option<impl FnOnce(Clip) -> F>,
) -> Read<T> {
    if part == request || enough.is_none() {
        return Read::End(reading.rest().await);
    }
    if let Some(end) = reading.until(part.picker()).await {
        return Read::End(end);
    }
    stage.send_replace(Stage::Thinking);
    let began = Instant::now();
    let (Some(clip), Some(enough)) = (show(reading.frames.clone()), enough.take()) else {
        stage.send_replace(Stage::Rest);
        return Read::End(reading.rest().await);
    };
    let mut answer = pin!(enough(clip));
    let answered = timeout(PAUSE, &mut answer).await;
    // That nothing was read meanwhile is not the source's fault.
    reading.late += began.elapsed();
    if let Ok(Some(answer)) = answered {
        return Read::Enough(answer);
    }
    stage.send_replace(Stage::Rest);
    if answered.is_ok() {
        return Read::End(reading.rest().await);
    }
    let mut rest = pin!(reading.rest());
    tokio::select! {
        answer = &mut answer => match answer {
            Some(answer) => Read::Enough(answer),
            None => Read::End(rest.await),
        },
        end = &mut rest => match answer.await {
            Some(answer) => Read::Enough(answer),
            None => Read::End(end),
        },
    }
}
