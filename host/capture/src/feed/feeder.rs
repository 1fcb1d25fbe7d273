//! Feeds pictures to ffmpeg, beginning with the first picture that can be decoded alone. Pictures that neither the
//! clip nor the decoder needs are left out. No picture is fed before it is needed.

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

/// The time limit for the decoder to output the last picture of the clip's first part. A decoder that takes longer
/// probably needs the next picture first, so the next picture is fed.
const DECODING: Duration = Duration::from_millis(150);

/// The stage of a clip that is read in two parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The first part is being read.
    First,
    /// The caller examines the first part.
    Thinking,
    /// The caller needs the rest too.
    Rest,
}

/// Why feeding ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fed {
    /// All wanted pictures were fed.
    Enough,
    /// The camera stopped sending.
    Ended,
    /// ffmpeg stopped reading.
    Refused,
}

/// Feeds one ffmpeg process.
pub(crate) struct Feeder<'a> {
    format: &'a Format,
    ledger: &'a Mutex<Ledger>,
    picker: Picker,
    part: Option<Picker>,
    stage: watch::Receiver<Stage>,
    /// The time after which feeding ends even if a slow camera has sent fewer frames than requested.
    long_enough: Duration,
    /// The number of incomplete pictures that are still to come before the first complete picture. It is greater than 0
    /// only if decoding begins at a recovery point ([`Entry::Recovery`]).
    recovering: u32,
    /// The arrival time of the first complete picture.
    begun: Option<Instant>,
}

impl<'a> Feeder<'a> {
    /// Makes a feeder for the frames of `request`. The frames of `part` come first. If a camera is too slow for the
    /// requested number of frames, feeding ends after `patience` or after the span of the request, whichever is
    /// longer.
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

    /// Feeds `first` and the pictures after it into `pipe`, and closes the pipe.
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

    /// Feeds one picture if it is needed. Returns false if no further picture is needed.
    async fn one(&mut self, unit: &Unit, pipe: &mut (impl AsyncWrite + Unpin)) -> io::Result<bool> {
        // The decoder does not output incomplete pictures.
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
            // The lowest bit is 1 if the frame is wanted. ffmpeg's filter selects frames by this bit.
            let time = 2 * place + u64::from(wanted);
            pipe.write_all(&matroska::block_head(time, unit.entry.is_some(), unit.data.len())).await?;
            pipe.write_all(&unit.data).await?;
            pipe.flush().await?;
        }
        Ok(self.picker.runs() && at < self.long_enough || !whole)
    }

    /// Waits while the caller examines the first part. Some decoders output a picture only after they received the
    /// next pictures. For such a decoder, feeding continues one picture at a time.
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

/// Adds the parameter sets in front of a picture that has none.
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
