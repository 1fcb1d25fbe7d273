//! Measures a stream while it is read. Unless stated otherwise, times are by the clock of this machine, not by the
//! camera's clock.

use std::time::{Duration, Instant};

use crate::{
    clock::{CameraClock, Stamped, Stamps},
    feed::{Format, Unit},
    rtsp::Traffic,
};

/// The largest number of pictures that are recorded: several minutes of any camera's stream.
const MAX_PICTURES: usize = 20_000;

/// The transport of video packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// In the RTSP connection.
    Tcp,
    /// As datagrams.
    Udp,
}

/// The measurements of a stream. A value is none or 0 if the source does not provide the value, or if the stream was
/// too short to measure it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// The transport of the packets of an RTSP stream.
    pub transport: Option<Transport>,
    /// The camera's answer if TCP was requested and the camera refused TCP.
    pub refused_tcp: Option<String>,
    /// The codec's short name.
    pub codec: Option<&'static str>,
    /// The frame rate that the stream declares, in frames per second.
    pub declared_rate: Option<f64>,
    /// The frame rate by the camera's own timestamps, in frames per second.
    pub stamped_rate: Option<f64>,
    /// The rate at which pictures arrived, in pictures per second.
    pub frame_rate: Option<f64>,
    /// The bit rate of the pictures, in bits per second.
    pub bit_rate: Option<f64>,
    /// The number of pictures that arrived during `span`.
    pub pictures: u64,
    /// The time from the first picture to the last.
    pub span: Duration,
    /// The longest time between two pictures.
    pub longest_pause: Duration,
    /// The number of pictures at which decoding can begin.
    pub keyframes: u64,
    /// The time between the last two keyframes.
    pub keyframe_interval: Option<Duration>,
    /// The distance between the last two keyframes in pictures: 50 if every 50th picture is a keyframe.
    pub keyframe_distance: Option<u64>,
    /// The number of pictures before the first keyframe.
    pub before_keyframe: u64,
    /// True if some pictures are shown before others that arrived earlier.
    pub reordered: bool,
    /// The number of packets that arrived.
    pub packets: u64,
    /// The number of packets that are missing.
    pub lost: u64,
    /// The number of packets that arrived after a later packet.
    pub overtaken: u64,
    /// The number of packets that arrived again, or too late.
    pub repeated: u64,
    /// The behaviour of the camera's clock. None if the pictures have no timestamps.
    pub clock: Option<CameraClock>,
}

/// One picture.
#[derive(Debug, Clone, Copy)]
struct Seen {
    arrival: Instant,
    stamped: Option<Stamped>,
    bytes: usize,
    entry: bool,
    reordered: bool,
}

/// Counts pictures and packets while a stream is read.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) transport: Option<Transport>,
    pub(crate) refused_tcp: Option<String>,
    format: Option<(&'static str, u32, Option<f64>)>,
    traffic: Traffic,
    seen: Vec<Seen>,
}

impl Tally {
    /// Records the format of the stream.
    pub(crate) fn plays(&mut self, format: &Format) {
        self.format = Some((format.codec.name(), format.clock_rate, format.frame_rate));
    }

    /// Records that a picture arrived.
    pub(crate) fn picture(&mut self, unit: &Unit) {
        if self.seen.len() < MAX_PICTURES {
            self.seen.push(Seen {
                arrival: unit.arrival,
                stamped: Stamped::of(unit),
                bytes: unit.data.len(),
                entry: unit.entry.is_some(),
                reordered: unit.reordered,
            });
        }
    }

    /// Records the counts of the packets so far.
    pub(crate) const fn traffic(&mut self, traffic: Traffic) {
        self.traffic = traffic;
    }

    /// Returns true if some pictures are shown before others that arrived earlier. Without timestamps, the way in which
    /// the pictures are coded decides.
    fn is_reordered(&self, clock_rate: u32) -> bool {
        let stamps: Vec<&Stamped> = self.seen.iter().filter_map(|one| one.stamped.as_ref()).collect();
        if stamps.len() < self.seen.len() {
            return self.seen.iter().any(|one| one.reordered);
        }
        stamps.array_windows().any(|[earlier, later]| later.is_shown_before(earlier, clock_rate))
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
            reordered: self.is_reordered(clock_rate),
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
            // The span begins when the first picture has arrived, so the bytes of that picture are left out.
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
        let stamps = Stamps::of(self.seen.iter().filter_map(|one| one.stamped), clock_rate);
        measured.stamped_rate = stamps.as_ref().and_then(Stamps::frame_rate);
        measured.clock = stamps.and_then(|stamps| stamps.clock(declared_rate));
        measured
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::feed::{Codec, Entry};

    fn measured(sent: &[(u64, u32)]) -> Measured {
        measured_as(sent, false)
    }

    fn measured_as(sent: &[(u64, u32)], reordered: bool) -> Measured {
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
                reordered,
            });
        }
        tally.measured()
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
    fn pictures_are_reordered_if_their_timestamps_are() {
        let in_order: Vec<_> = (0..9_u32).map(|n| (u64::from(n) * 40, n * 3_600)).collect();
        let b_frames: Vec<_> = [0, 2, 1, 4, 3].map(|n| (u64::from(n) * 40, n * 3_600)).into();
        // In H.265, any picture except a keyframe may be reordered.
        assert!(!measured_as(&in_order, true).reordered);
        assert!(measured_as(&b_frames, true).reordered);
        assert!(!measured_as(&[(0, 900_000), (40, 0)], true).reordered);
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
