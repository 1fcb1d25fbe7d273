//! Reads a clip in two parts. The caller examines the first part, and decides whether the second part is needed.

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

/// The longest pause in reading while the caller examines the first part. The pause saves the decoding of frames
/// that may not be needed. A longer pause would keep the camera waiting.
const PAUSE: Duration = Duration::from_millis(500);

/// The result of reading.
pub(crate) enum Read<T> {
    /// The first part was enough.
    Enough(T),
    /// Everything was read.
    End(End),
}

/// Reads all frames of `request`, unless `enough` returns an answer for the frames of the first part (`part`). `enough`
/// is called at most once. The code that feeds the decoder receives the stage through `stage`.
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
    // The pause does not count towards the deadline.
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
