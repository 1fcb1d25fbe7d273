//! Motion JPEG over HTTP: a series of pictures, each with its arrival time.

use std::time::Instant;

use bytes::Bytes;

use super::{client::Body, splitter::Splitter};
use crate::{
    error::{CaptureErrorKind as Kind, Failure},
    feed::{Codec, Entry, Format, Sender, Unit},
};

/// A stream of pictures, of which the first has arrived.
pub(crate) struct Motion {
    body: Body,
    splitter: Splitter,
    first: Option<(Bytes, Instant)>,
}

impl Motion {
    pub(crate) fn new(body: Body, splitter: Splitter, first: Bytes, arrival: Instant) -> Self {
        Self { body, splitter, first: Some((first, arrival)) }
    }

    /// Returns the format of the stream.
    pub(crate) const fn format() -> Format {
        Format { codec: Codec::Jpeg, sets: Vec::new(), clock_rate: 90_000, frame_rate: None }
    }

    /// Passes on pictures until no more arrive. Returns the reason for the end.
    pub(crate) async fn run(mut self, units: Sender) -> Failure {
        self.body.unhurried();
        let wanted_no_more = || Failure::new(Kind::EndedEarly, "no more data is needed".into());
        let journal = self.body.journal.clone();
        journal.count(|tally| tally.plays(&Self::format()));
        let count = |unit: Unit| {
            journal.count(|tally| tally.picture(&unit));
            unit
        };
        if let Some((first, arrival)) = self.first.take()
            && !units.send(count(unit(first, arrival))).await
        {
            return wanted_no_more();
        }
        loop {
            let arrival = Instant::now();
            while let Some(picture) = self.splitter.next() {
                if !units.send(count(unit(picture, arrival))).await {
                    return wanted_no_more();
                }
            }
            match self.body.fill().await {
                Ok(true) => self.splitter.push(&self.body.take()),
                Ok(false) => {
                    return Failure::new(Kind::EndedEarly, "the camera closed the connection".into());
                }
                Err(why) => return why,
            }
        }
    }
}

fn unit(data: Bytes, arrival: Instant) -> Unit {
    Unit {
        data,
        arrival,
        stamp: None,
        entry: Some(Entry::Keyframe),
        has_sets: true,
        disposable: true,
        reordered: false,
    }
}
