//! Feeding ffmpeg: from the first picture that decodes alone, no more than is wanted, and none ahead of time.

use std::{
    io,
    time::{Duration, Instant},
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    sync::watch,
    time::timeout,
};

use super::{Codec, Entry, Format, Ledger, Unit, matroska, queue::Receiver};
use crate::{
    request::{ClipRequest, Picker},
    sound,
};

/// A decoder that has not shown the last picture of the first part for so long waits for the next one.
const DECODING: Duration = Duration::from_millis(150);

/// What is done with the frames that come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The first part is being read.
    First,
    /// Somebody thinks about it.
    Thinking,
    /// All of it is wanted.
    Rest,
}

/// How feeding ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fed {
    /// All that is wanted was fed.
    Enough,
    /// The camera sends no more.
    Ended,
    /// ffmpeg reads no more.
    Refused,
}

/// Feeds one ffmpeg process.
pub(crate) struct Feeder<'a> {
    format: &'a Format,
    ledger: &'a Mutex<Ledger>,
    picker: Picker,
    part: Option<Picker>,
    stage: watch::Receiver<Stage>,
    /// From then on a slow camera has been looked at for long enough.
    long_enough: Duration,
    /// Pictures until all of what is shown is there.
    recovering: u32,
    /// When the first picture arrived of which all is there.
    begun: Option<Instant>,
}

impl<'a> Feeder<'a> {
    /// For what `request` wants, of which `part` comes first. A camera that is too slow for the number of frames
    /// that are wanted is looked at for `patience`, or as long as the request covers.
    pub(crate) fn new(
        format: &'a Format,
        ledger: &'a Mutex<Ledger>,
        request: &ClipRequest,
        part: &ClipRequest,
        stage: watch::Receiver<Stage>,
        patience: Duration,
    ) -> Self {
        let first = (part != request).then(|| part.picker());
        let long_enough = request.span().max(patience);
        Self {
            format,
            ledger,
            picker: request.picker(),
            part: first,
            stage,
            long_enough,
            recovering: 0,
            begun: None,
        }
    }

    /// Feeds `first` and what follows it into `pipe`, and closes that.
    pub(crate) async fn feed(
        mut self,
        first: Unit,
        units: &mut Receiver,
        mut pipe: impl AsyncWrite + Unpin,
    ) -> Fed {
        if let Some(Entry::Recovery(pictures)) = first.entry {
            self.recovering = pictures;
        }
        if pipe.write_all(&matroska::head(self.format.codec)).await.is_err() {
            return Fed::Refused;
        }
        let mut next = Some(with_sets(first, &self.format.sets));
        while let Some(unit) = next {
            self.ledger.lock().see(&unit);
            match self.one(&unit, &mut pipe).await {
                Ok(true) => {}
                Ok(false) => return Fed::Enough,
                Err(_) => return Fed::Refused,
            }
            self.hold().await;
            next = units.recv().await;
        }
        Fed::Ended
    }

    /// Feeds one picture unless there is no use for it; false where it was the last.
    async fn one(&mut self, unit: &Unit, pipe: &mut (impl AsyncWrite + Unpin)) -> io::Result<bool> {
        // Shown in part only: the decoder keeps it to itself.
        let whole = self.recovering == 0;
        self.recovering = self.recovering.saturating_sub(1);
        if whole {
            self.begun.get_or_insert(unit.arrival);
        }
        let at = self.begun.map_or(Duration::ZERO, |begun| unit.arrival.saturating_duration_since(begun));
        let key = unit.entry == Some(Entry::Keyframe);
        let wanted = whole && self.picker.takes(at, key);
        if wanted
            && self.format.codec == Codec::Jpeg
            && let Some(damage) = sound::damage_of(unit.data.clone()).await
        {
            self.ledger.lock().damages.push(damage);
        }
        if wanted && let Some(part) = &mut self.part {
            part.takes(at, key);
        }
        if wanted || !unit.disposable {
            let place = self.ledger.lock().feed(unit, self.format);
            // The lowest bit tells the filter whether the frame is wanted.
            let time = 2 * place + u64::from(wanted);
            pipe.write_all(&matroska::block_head(time, unit.entry.is_some(), unit.data.len())).await?;
            pipe.write_all(&unit.data).await?;
            pipe.flush().await?;
        }
        Ok(self.picker.runs() && at < self.long_enough || !whole)
    }

    /// Waits while there is the first part to think about. Some decoders show a picture only when the next ones
    /// are there: for them it goes on one by one.
    async fn hold(&mut self) {
        if self.part.as_ref().is_none_or(Picker::runs) {
            return;
        }
        loop {
            let stage = *self.stage.borrow_and_update();
            match stage {
                Stage::Rest => {
                    self.part = None;
                    return;
                }
                Stage::Thinking if self.stage.changed().await.is_err() => return,
                Stage::Thinking => {}
                Stage::First => match timeout(DECODING, self.stage.changed()).await {
                    Ok(Ok(())) => {}
                    _ => return,
                },
            }
        }
    }
}

/// With the parameter sets in front, where it brings none itself.
fn with_sets(unit: Unit, sets: &[Bytes]) -> Unit {
    if unit.has_sets || sets.is_empty() {
        return unit;
    }
    let mut data = Vec::with_capacity(unit.data.len() + 256);
    for set in sets {
        data.extend_from_slice(&[0, 0, 0, 1]);
        data.extend_from_slice(set);
    }
    data.extend_from_slice(&unit.data);
    Unit { data: data.into(), ..unit }
}
