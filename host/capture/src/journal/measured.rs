//! What was measured of a stream while it was read: against the clock of this machine, whatever the camera's says.

use std::time::{Duration, Instant};

use crate::{
    feed::{Format, Unit},
    rtsp::Traffic,
};

/// Pictures that are remembered: some minutes of any camera.
const MAX_PICTURES: usize = 20_000;
/// A camera whose stamps say that much more or less than the clock of this machine, from one picture to the next,
/// has changed its clock. Networks hold pictures back for a second or two at the most.
const JUMP: f64 = 3.0;
/// A step back by less is rounding.
const BACK: f64 = -0.05;
/// Stamps that run faster or slower than that share say nothing of time.
const RUNS_WRONG: f64 = 0.2;
/// Time that such a share is measured over: less is drowned by what networks do.
const LEAST_SPAN: f64 = 2.0;

/// How packets of video came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Within the connection.
    Tcp,
    /// As datagrams.
    Udp,
}

/// How the camera's own clock goes, held against arrivals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CameraClock {
    /// As time does.
    Right,
    /// It jumped so many times.
    Jumps(u32),
    /// Pictures have the same stamp as the one before.
    StandsStill,
    /// It runs so many times as fast as time does.
    Runs(f64),
}

/// What was measured of a stream. What a source does not tell, or was not there long enough for, is none or 0.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// How packets came, over RTSP.
    pub transport: Option<Transport>,
    /// TCP was asked for first, and refused in these words.
    pub refused_tcp: Option<String>,
    /// The codec's short name.
    pub codec: Option<&'static str>,
    /// Frames a second that the stream declares.
    pub declared_rate: Option<f64>,
    /// Frames a second by the camera's own stamps.
    pub stamped_rate: Option<f64>,
    /// Pictures a second as they arrived.
    pub frame_rate: Option<f64>,
    /// Bits a second.
    pub bit_rate: Option<f64>,
    /// Pictures that arrived, over that time.
    pub pictures: u64,
    /// From the first picture to the last.
    pub span: Duration,
    /// The longest time between two pictures.
    pub longest_pause: Duration,
    /// Pictures that decoding can begin with.
    pub keyframes: u64,
    /// Time between the last two of them.
    pub keyframe_interval: Option<Duration>,
    /// Pictures from one to the next.
    pub keyframe_distance: Option<u64>,
    /// Pictures before the first of them.
    pub before_keyframe: u64,
    /// Some pictures are shown before others that arrived earlier.
    pub reordered: bool,
    /// Packets that arrived, those that are missing, came late and came twice.
    pub packets: u64,
    /// See `packets`.
    pub lost: u64,
    /// See `packets`.
    pub overtaken: u64,
    /// See `packets`.
    pub repeated: u64,
    /// The camera's own clock; none where it has none.
    pub clock: Option<CameraClock>,
}

/// One picture.
#[derive(Debug, Clone, Copy)]
struct Seen {
    arrival: Instant,
    stamp: Option<u32>,
    bytes: usize,
    entry: bool,
    reordered: bool,
}

/// Counts while a stream is read.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) transport: Option<Transport>,
    pub(crate) refused_tcp: Option<String>,
    format: Option<(&'static str, u32, Option<f64>)>,
    traffic: Traffic,
    seen: Vec<Seen>,
}

impl Tally {
    /// What plays.
    pub(crate) fn plays(&mut self, format: &Format) {
        self.format = Some((format.codec.name(), format.clock_rate, format.frame_rate));
    }

    /// A picture arrived.
    pub(crate) fn picture(&mut self, unit: &Unit) {
        if self.seen.len() < MAX_PICTURES {
            let (arrival, stamp, bytes) = (unit.arrival, unit.stamp, unit.data.len());
            let entry = unit.entry.is_some();
            self.seen.push(Seen { arrival, stamp, bytes, entry, reordered: unit.reordered });
        }
    }

    /// So many packets arrived so far.
    pub(crate) const fn traffic(&mut self, traffic: Traffic) {
        self.traffic = traffic;
    }

    pub(crate) fn measured(&self) -> Measured {
        let (codec, clock_rate, declared_rate) =
            self.format.map_or((None, 90_000, None), |(codec, rate, declared)| (Some(codec), rate, declared));
        let mut measured = Measured {
            transport: self.transport,
            refused_tcp: self.refused_tcp.clone(),
            codec,
            declared_rate,
            pictures: self.seen.len() as u64,
            reordered: self.seen.iter().any(|one| one.reordered),
            packets: self.traffic.packets,
            lost: self.traffic.lost.into(),
            overtaken: self.traffic.overtaken.into(),
            repeated: self.traffic.repeated.into(),
            ..Measured::default()
        };
        let (Some(first), Some(last)) = (self.seen.first(), self.seen.last()) else { return measured };
        measured.span = last.arrival.saturating_duration_since(first.arrival);
        let seconds = measured.span.as_secs_f64();
        if self.seen.len() > 1 && seconds > 0.0 {
            measured.frame_rate = Some((self.seen.len() - 1) as f64 / seconds);
            // The first one arrived before this time began.
            let bytes: usize = self.seen.iter().skip(1).map(|one| one.bytes).sum();
            measured.bit_rate = Some(8.0 * bytes as f64 / seconds);
        }
        let pauses = self.seen.array_windows().map(|[a, b]| b.arrival.saturating_duration_since(a.arrival));
        measured.longest_pause = pauses.max().unwrap_or_default();
        let entries: Vec<_> = self.seen.iter().enumerate().filter(|(_, one)| one.entry).collect();
        measured.keyframes = entries.len() as u64;
        measured.before_keyframe = entries.first().map_or(self.seen.len(), |(at, _)| *at) as u64;
        if let [.., (before, one), (at, other)] = &*entries {
            measured.keyframe_interval = Some(other.arrival.saturating_duration_since(one.arrival));
            measured.keyframe_distance = Some((at - before) as u64);
        }
        let clock = Stamps::of(&self.seen, clock_rate);
        measured.stamped_rate = clock.as_ref().and_then(Stamps::rate);
        measured.clock = clock.map(|stamps| stamps.clock());
        measured
    }
}

/// Pictures in the order in which they are shown, with what their stamps and this machine's clock say, in seconds.
struct Stamps {
    /// Steps of the stamps from one picture to the next, those that are shown later than they arrive left out.
    steps: Vec<f64>,
    /// Time that passed meanwhile.
    passed: Vec<f64>,
    /// Steps between neighbours in the order of showing.
    shown: Vec<f64>,
}

impl Stamps {
    fn of(seen: &[Seen], clock_rate: u32) -> Option<Self> {
        let rate = f64::from(clock_rate.max(1));
        let in_order: Vec<_> = seen
            .iter()
            .filter(|one| !one.reordered)
            .filter_map(|one| Some((one.arrival, one.stamp?)))
            .collect();
        if in_order.len() < 2 {
            return None;
        }
        let ticks = |from: u32, to: u32| f64::from(to.wrapping_sub(from).cast_signed()) / rate;
        let steps = in_order.array_windows().map(|[a, b]| ticks(a.1, b.1)).collect();
        let passed =
            in_order.array_windows().map(|[a, b]| b.0.saturating_duration_since(a.0).as_secs_f64()).collect();
        let first = in_order.first()?.1;
        let mut stamps: Vec<_> = seen.iter().filter_map(|one| Some(ticks(first, one.stamp?))).collect();
        stamps.sort_unstable_by(f64::total_cmp);
        let shown = stamps.array_windows().map(|[a, b]| b - a).collect();
        Some(Self { steps, passed, shown })
    }

    /// Frames a second, by the gap in the middle.
    fn rate(&self) -> Option<f64> {
        let mut gaps = self.shown.clone();
        gaps.sort_unstable_by(f64::total_cmp);
        gaps.get(gaps.len() / 2).filter(|gap| **gap > 0.0).map(|gap| 1.0 / gap)
    }

    /// How fast it runs behind so many steps; none where too little time passed.
    fn speed(&self, skipped: usize) -> Option<f64> {
        let stepped: f64 = self.steps.iter().skip(skipped).sum();
        let passed: f64 = self.passed.iter().skip(skipped).sum();
        (passed >= LEAST_SPAN).then(|| stepped / passed)
    }

    fn clock(&self) -> CameraClock {
        let still = self.steps.iter().filter(|step| **step == 0.0).count();
        if 2 * still > self.steps.len() {
            return CameraClock::StandsStill;
        }
        let both = || self.steps.iter().zip(&self.passed);
        let jumps = both().filter(|(step, passed)| (*step - *passed).abs() > JUMP || **step < BACK).count();
        if jumps > 0 {
            return CameraClock::Jumps(u32::try_from(jumps).unwrap_or(u32::MAX));
        }
        // What was kept for whoever comes arrives at once, in the beginning; what a network held back, anywhere: a
        // clock that runs wrong does so in all of it and in its later part.
        let whole = self.speed(0);
        let later = self.speed(self.steps.len() / 3);
        if let (Some(whole), Some(later)) = (whole, later)
            && [whole, later].iter().all(|speed| (speed - 1.0).abs() > RUNS_WRONG)
            && (whole > 1.0) == (later > 1.0)
        {
            return CameraClock::Runs(later);
        }
        CameraClock::Right
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::feed::{Codec, Entry};

    fn measured(sent: &[(u64, u32)]) -> Measured {
        let begun = Instant::now();
        let mut tally = Tally::default();
        tally.plays(&Format {
            codec: Codec::H264,
            sets: Vec::new(),
            clock_rate: 90_000,
            frame_rate: Some(20.0),
        });
        for (n, (at, stamp)) in sent.iter().enumerate() {
            tally.picture(&Unit {
                data: vec![0; 1_000].into(),
                arrival: begun + Duration::from_millis(*at),
                stamp: Some(*stamp),
                entry: (n % 50 == 10).then_some(Entry::Keyframe),
                has_sets: false,
                disposable: false,
                reordered: false,
            });
        }
        tally.measured()
    }

    fn clock(stamp: impl Fn(u32) -> u32) -> Option<CameraClock> {
        let sent: Vec<_> = (0..125_u32).map(|n| (u64::from(n) * 40, stamp(n))).collect();
        measured(&sent).clock
    }

    #[test]
    fn a_stream_is_measured_by_its_arrivals() {
        let sent: Vec<_> = (0..125_u32).map(|n| (u64::from(n) * 40, n * 3_600)).collect();
        let found = measured(&sent);
        assert_eq!((found.pictures, found.keyframes, found.before_keyframe), (125, 3, 10));
        assert_eq!(
            (found.keyframe_interval, found.keyframe_distance),
            (Some(Duration::from_secs(2)), Some(50))
        );
        let close = |value: Option<f64>, wanted: f64| (value.unwrap() - wanted).abs() < 1e-6;
        assert!(close(found.frame_rate, 25.0) && close(found.stamped_rate, 25.0), "{found:?}");
        assert!(close(found.bit_rate, 200_000.0), "{found:?}");
        assert_eq!(found.declared_rate, Some(20.0));
        assert_eq!(found.longest_pause, Duration::from_millis(40));
    }

    #[test]
    fn each_way_of_a_clock_to_be_wrong_is_told_apart() {
        assert_eq!(clock(|n| (n * 3_600).wrapping_sub(100_000)), Some(CameraClock::Right));
        assert_eq!(clock(|_| 4_711), Some(CameraClock::StandsStill));
        assert_eq!(clock(|n| n * 3_600 + if n < 60 { 0 } else { 324_000_000 }), Some(CameraClock::Jumps(1)));
        let back = |n: u32| 500_000_000 + n * 3_600 - if n < 60 { 0 } else { 324_000_000 };
        assert_eq!(clock(back), Some(CameraClock::Jumps(1)));
        let Some(CameraClock::Runs(times)) = clock(|n| n * 7_200) else {
            panic!("{:?}", clock(|n| n * 7_200))
        };
        assert!((times - 2.0).abs() < 1e-6, "{times}");
        // What networks hold back for a moment is no fault of the clock.
        let held: Vec<_> = (0..125_u32)
            .map(|n| (u64::from(if (30..60).contains(&n) { 60 } else { n }) * 40, n * 3_600))
            .collect();
        assert_eq!(measured(&held).clock, Some(CameraClock::Right));
        let at_once: Vec<_> =
            (0..150_u32).map(|n| (u64::from(n.saturating_sub(50)) * 40, n * 3_600)).collect();
        assert_eq!(measured(&at_once).clock, Some(CameraClock::Right));
        assert_eq!(measured(&[]).clock, None);
    }

    proptest! {
        #[test]
        fn no_stream_makes_it_panic(sent in prop::collection::vec((0..9_000_u64, any::<u32>()), 0..80)) {
            let mut sent = sent;
            sent.sort_unstable();
            let found = measured(&sent);
            prop_assert!(found.frame_rate.is_none_or(f64::is_finite));
        }
    }
}
