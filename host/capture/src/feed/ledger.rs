//! Records the arrival times of the pictures that were fed. Each picture receives a number, its place. A picture that
//! is shown later has a higher place. The place is part of the timestamp with which the picture is fed, so ffmpeg
//! reports the place with the decoded frame. The ledger then converts the place to an arrival time. The camera's own
//! timestamps determine only the order.

use std::time::{Duration, Instant};

use super::{Format, Unit};
use crate::{
    clock::{CameraClock, Stamped, Stamps},
    sound::Damage,
};

/// The distance between the places of two successive pictures if the camera's timestamps cannot be used.
const STEP: u64 = 40;
/// The distance between the places of two pictures whose timestamps differ by one second.
const STEPS_PER_SECOND: i64 = 1_000;
/// The largest distance between the places of two successive pictures by their timestamps. A larger distance means that
/// the camera's clock jumped.
const MAX_STEPS: i64 = 2_000;
/// The largest number of times between pictures that are recorded to compute the frame rate. After that many times,
/// timestamps are not recorded either.
const MAX_GAPS: usize = 1_000;
/// The place of the first picture. Lower places remain for pictures that are shown before it.
const BEGIN: u64 = 10_000;

/// The pictures that were fed.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Places in display order, sorted.
    places: Vec<u64>,
    /// Arrival times, counted from the first picture, in the order of arrival.
    arrivals: Vec<Duration>,
    begun: Option<Instant>,
    /// The timestamp and the place of an earlier picture. The place of the next picture is computed from the difference
    /// between its timestamp and this one.
    anchor: Option<(u32, u64)>,
    /// The timestamps of all pictures, including pictures that were not fed.
    stamped: Vec<Stamped>,
    /// The times between the arrivals of all pictures, in microseconds, including pictures that were not fed.
    pauses: Vec<u32>,
    last_arrival: Option<Instant>,
    /// Damage in the data of pictures that belong to the clip.
    pub(crate) damages: Vec<Damage>,
}

impl Ledger {
    /// Records that a picture arrived, whether or not it is fed.
    pub(crate) fn see(&mut self, unit: &Unit) {
        let before = self.last_arrival.replace(unit.arrival);
        if self.pauses.len() >= MAX_GAPS {
            return;
        }
        if let Some(before) = before {
            let pause = unit.arrival.saturating_duration_since(before).as_micros();
            self.pauses.push(u32::try_from(pause).unwrap_or(u32::MAX));
        }
        self.stamped.extend(Stamped::of(unit));
    }

    /// Records that a picture is fed. Returns its place.
    pub(crate) fn feed(&mut self, unit: &Unit, format: &Format) -> u64 {
        let begun = *self.begun.get_or_insert(unit.arrival);
        let last = self.places.last().copied();
        let mut place = self.place(unit, format, last);
        let at = loop {
            match self.places.binary_search(&place) {
                Ok(_) => place += 1,
                Err(at) => break at,
            }
        };
        self.places.insert(at, place);
        let arrival = unit.arrival.saturating_duration_since(begun);
        self.arrivals.push(self.arrivals.last().map_or(arrival, |last| arrival.max(*last)));
        place
    }

    fn place(&mut self, unit: &Unit, format: &Format, last: Option<u64>) -> u64 {
        let Some(last) = last else {
            self.anchor = unit.stamp.map(|stamp| (stamp, BEGIN));
            return BEGIN;
        };
        let next = last + STEP;
        let Some(stamp) = unit.stamp else { return next };
        let Some((anchored, place)) = self.anchor else {
            self.anchor = Some((stamp, next));
            return next;
        };
        let ticks = i64::from(stamp.wrapping_sub(anchored).cast_signed());
        let stamped = i64::try_from(place).unwrap_or(i64::MAX)
            + ticks * STEPS_PER_SECOND / i64::from(format.clock_rate.max(1));
        let ahead = stamped - i64::try_from(last).unwrap_or(i64::MAX);
        let believed = if unit.reordered { -MAX_STEPS..=MAX_STEPS } else { 1..=MAX_STEPS };
        match u64::try_from(stamped) {
            Ok(stamped) if believed.contains(&ahead) => {
                if ahead > 0 {
                    self.anchor = Some((stamp, stamped));
                }
                stamped
            }
            _ => {
                self.anchor = Some((stamp, next));
                next
            }
        }
    }

    /// Returns the time of the picture at this place, counted from the first arrival. Times are assigned in
    /// display order: the n-th picture that is shown has the n-th arrival time.
    pub(crate) fn arrival(&self, place: u64) -> Option<Duration> {
        let shown = self.places.partition_point(|own| *own <= place);
        self.arrivals.get(shown.checked_sub(1)?).copied()
    }

    /// Returns the frame rate in frames per second: the declared rate, otherwise the rate by the camera's own
    /// timestamps, otherwise the rate of arrival.
    pub(crate) fn frame_rate(&self, format: &Format) -> Option<f64> {
        if format.frame_rate.is_some() {
            return format.frame_rate;
        }
        let stamped = self.stamps(format).and_then(|stamps| stamps.frame_rate());
        stamped.or_else(|| middle(&self.pauses).map(|pause| 1e6 / f64::from(pause)))
    }

    /// Returns the behaviour of the camera's clock. None if the pictures have no timestamps, or if too few pictures
    /// arrived.
    pub(crate) fn clock(&self, format: &Format) -> Option<CameraClock> {
        self.stamps(format)?.clock(format.frame_rate)
    }

    fn stamps(&self, format: &Format) -> Option<Stamps> {
        Stamps::of(self.stamped.iter().copied(), format.clock_rate)
    }
}

/// Returns the median of times between pictures. None if there are no times, or if the median is zero.
fn middle(gaps: &[u32]) -> Option<u32> {
    let mut gaps = gaps.to_vec();
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).copied().filter(|gap| *gap > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::feed::Codec;

    const FORMAT: Format =
        Format { codec: Codec::H264, sets: Vec::new(), clock_rate: 90_000, frame_rate: None };

    fn fed(sent: &[(u64, u32, bool)]) -> (Ledger, Vec<u64>) {
        let mut ledger = Ledger::default();
        let begun = Instant::now();
        let unit = |&(at, stamp, reordered): &(u64, u32, bool)| Unit {
            data: bytes::Bytes::new(),
            arrival: begun + Duration::from_millis(at),
            stamp: Some(stamp),
            entry: None,
            has_sets: false,
            disposable: false,
            reordered,
        };
        let feed = |one| {
            ledger.see(&unit(one));
            ledger.feed(&unit(one), &FORMAT)
        };
        let places = sent.iter().map(feed).collect();
        (ledger, places)
    }

    #[test]
    fn pictures_that_are_shown_in_another_order_have_the_times_of_arrival_in_theirs() {
        // I P B B P, in the order of arrival.
        let (ledger, places) = fed(&[
            (0, 0, false),
            (40, 10_800, false),
            (80, 3_600, true),
            (120, 7_200, true),
            (160, 14_400, false),
        ]);
        let mut shown = places.clone();
        shown.sort_unstable();
        assert_eq!([places[0], places[2], places[3], places[1], places[4]], shown[..]);
        let times: Vec<_> = shown.iter().map(|place| ledger.arrival(*place).unwrap().as_millis()).collect();
        assert_eq!(times, [0, 40, 80, 120, 160]);
        assert_eq!(ledger.clock(&FORMAT), Some(CameraClock::Right));
    }

    #[test]
    fn a_clock_that_jumps_changes_no_time() {
        for stamps in [[0, 3_600, 324_000_000, 3_600, 0], [7; 5], [u32::MAX, 3_599, 7_199, 0, 10]] {
            let sent: Vec<_> = stamps.iter().zip(0..).map(|(stamp, n)| (40 * n, *stamp, false)).collect();
            let (ledger, places) = fed(&sent);
            assert!(places.is_sorted());
            let times: Vec<_> =
                places.iter().map(|place| ledger.arrival(*place).unwrap().as_millis()).collect();
            assert_eq!(times, [0, 40, 80, 120, 160]);
        }
    }

    #[test]
    fn the_rate_is_that_of_the_stamps_unless_they_are_wrong() {
        let sent = |step: u32| (0..9_u32).map(|n| (u64::from(n) * 100, n * step, false)).collect::<Vec<_>>();
        assert_eq!(fed(&sent(9_000)).0.frame_rate(&FORMAT), Some(10.0));
        assert_eq!(fed(&sent(0)).0.frame_rate(&FORMAT), Some(10.0));
        assert_eq!(fed(&sent(9_000)[..1]).0.frame_rate(&FORMAT), None);
    }

    proptest! {
        #[test]
        fn no_stamps_make_places_meet(
            sent in prop::collection::vec((0..9_u64, any::<u32>(), any::<bool>()), 1..60)
        ) {
            let (ledger, mut places) = fed(&sent);
            places.sort_unstable();
            prop_assert!(places.windows(2).all(|two| two[0] < two[1]));
            let times: Vec<_> = places.iter().map(|place| ledger.arrival(*place)).collect();
            prop_assert!(times.is_sorted() && times.iter().all(Option::is_some));
        }
    }
}
