//! Parses RTP packets, counts missing packets, and puts packets that arrived over UDP in order.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use bytes::Bytes;

/// The longest wait for a packet that other packets overtook.
const OVERTAKEN: Duration = Duration::from_millis(200);
/// The largest number of packets that wait for an earlier packet.
const MAX_WAITING: usize = 256;
/// The largest jump of sequence numbers within a stream. A number farther away belongs to another stream.
const MAX_JUMP: u16 = 3_000;
/// The largest distance by which the sequence number of an overtaken packet may be behind the expected number, over
/// TCP: packets may be overtaken even before they enter the connection. If a number is farther behind, the numbering
/// counts as restarted.
const MAX_BEHIND: u16 = 64;
/// The number of consecutive late packets after which the numbering counts as restarted, over UDP.
const BEGUN_ANEW: u16 = 20;

/// A packet of video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet {
    /// The sequence number.
    pub(crate) number: u16,
    /// The timestamp.
    pub(crate) stamp: u32,
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    source: u32,
    pub(crate) payload: Bytes,
    /// The extension between the head and the payload: two bytes that name its kind, and its data.
    pub(crate) extension: Option<([u8; 2], Bytes)>,
    pub(crate) arrival: Instant,
}

impl Packet {
    /// Parses a packet. None if the data is not a packet.
    pub(crate) fn parse(data: &Bytes, arrival: Instant) -> Option<Self> {
        let &[first, second, n1, n0, t3, t2, t1, t0, s3, s2, s1, s0] = data.first_chunk::<12>()?;
        if first >> 6 != 2 {
            return None;
        }
        let mut begin = 12 + 4 * usize::from(first & 0x0F);
        let mut extension = None;
        if first & 0x10 != 0 {
            let &[p1, p0, high, low] = data.get(begin..)?.first_chunk::<4>()?;
            let end = begin + 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
            let content = begin + 4..end.min(data.len());
            extension = Some(([p1, p0], data.slice(content)));
            begin = end;
        }
        let padding = if first & 0x20 != 0 { usize::from(*data.last()?) } else { 0 };
        let end = data.len().checked_sub(padding)?;
        if begin > end {
            return None;
        }
        Some(Self {
            number: u16::from_be_bytes([n1, n0]),
            stamp: u32::from_be_bytes([t3, t2, t1, t0]),
            marker: second & 0x80 != 0,
            payload_type: second & 0x7F,
            source: u32::from_be_bytes([s3, s2, s1, s0]),
            payload: data.slice(begin..end),
            extension,
            arrival,
        })
    }
}

/// The counts of a stream's packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Traffic {
    /// The number of packets that arrived.
    pub(crate) packets: u64,
    /// The number of packets that never arrived.
    pub(crate) lost: u32,
    /// The number of packets that arrived after a later packet.
    pub(crate) overtaken: u32,
    /// The number of packets that arrived again, or too late.
    pub(crate) repeated: u32,
}

/// Puts packets in order, and counts missing packets.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// True if packets may overtake each other.
    reorders: bool,
    /// The source of the last packet that was passed on, and the expected sequence number of the next packet.
    next: Option<(u32, u16)>,
    /// The waiting packets, by their position in the stream. Unlike the sequence number of a packet, its position does
    /// not wrap around.
    waiting: BTreeMap<u64, Packet>,
    /// The position of the packet that is expected next.
    base: u64,
    /// The timestamp and the payload of the last packet that was passed on.
    last: Option<(u32, Bytes)>,
    /// A row of consecutive packets that arrived too late: the sequence number of the packet that would continue the
    /// row, and the length of the row.
    late: (u16, u16),
    pub(crate) traffic: Traffic,
}

/// A packet in order, and the number of missing packets before it.
pub(crate) type Ordered = (Packet, u16);

impl Order {
    /// Makes the state for a new connection. `reorders` is true if packets may overtake each other on their path.
    pub(crate) fn new(reorders: bool) -> Self {
        Self { reorders, ..Self::default() }
    }

    /// Processes a packet. Passes on the packets whose turn has come.
    pub(crate) fn take(&mut self, packet: Packet, mut hand_on: impl FnMut(Ordered)) {
        self.traffic.packets += 1;
        let Some((source, next)) = self.next else {
            return self.begin(packet, hand_on);
        };
        let ahead = packet.number.wrapping_sub(next);
        let behind = next.wrapping_sub(packet.number);
        if source != packet.source || (ahead > MAX_JUMP && behind > MAX_JUMP) {
            self.flush(&mut hand_on);
            return self.begin(packet, hand_on);
        }
        if ahead > MAX_JUMP {
            if !self.is_of_a_new_row(&packet, behind) {
                // The packet already counts as lost, or the camera sent it again.
                self.traffic.repeated += 1;
                return;
            }
            self.flush(&mut hand_on);
            return self.begin(packet, hand_on);
        }
        if !self.reorders {
            return self.hand(packet, ahead, &mut hand_on);
        }
        let now = packet.arrival;
        let place = self.base + u64::from(ahead);
        self.traffic.overtaken +=
            u32::from(self.waiting.last_key_value().is_some_and(|(last, _)| *last > place));
        self.traffic.repeated += u32::from(self.waiting.insert(place, packet).is_some());
        loop {
            let Some((&at, first)) = self.waiting.first_key_value() else { return };
            let in_turn = at == self.base;
            let given_up =
                self.waiting.len() > MAX_WAITING || now.saturating_duration_since(first.arrival) > OVERTAKEN;
            if !in_turn && !given_up {
                return;
            }
            let missing = u16::try_from(at - self.base).unwrap_or(u16::MAX);
            if let Some((_, packet)) = self.waiting.pop_first() {
                self.hand(packet, missing, &mut hand_on);
            }
        }
    }

    /// Returns whether the numbering restarts or stands still with this packet. `behind` is the expected sequence
    /// number minus that of the packet. Over UDP, late packets are common, so only [`BEGUN_ANEW`] late packets in a
    /// row restart the numbering. Over TCP, a packet restarts the numbering if it is farther behind than
    /// [`MAX_BEHIND`] or has a later timestamp. The numbering stands still if the packet has the number of the
    /// previous packet, but another payload.
    fn is_of_a_new_row(&mut self, packet: &Packet, behind: u16) -> bool {
        if self.reorders {
            let (next, before) = self.late;
            let in_a_row = if packet.number == next { before + 1 } else { 1 };
            self.late = (packet.number.wrapping_add(1), in_a_row);
            return in_a_row >= BEGUN_ANEW;
        }
        let Some((stamp, payload)) = &self.last else { return true };
        let is_later = packet.stamp.wrapping_sub(*stamp).cast_signed() > 0;
        behind > MAX_BEHIND || is_later || (behind == 1 && packet.payload != payload)
    }

    fn begin(&mut self, packet: Packet, mut hand_on: impl FnMut(Ordered)) {
        self.waiting.clear();
        self.hand(packet, 0, &mut hand_on);
    }

    fn hand(&mut self, packet: Packet, missing: u16, hand_on: &mut impl FnMut(Ordered)) {
        self.base += u64::from(missing) + 1;
        self.traffic.lost = self.traffic.lost.saturating_add(missing.into());
        self.next = Some((packet.source, packet.number.wrapping_add(1)));
        self.last = Some((packet.stamp, packet.payload.clone()));
        self.late = (0, 0);
        hand_on((packet, missing));
    }

    fn flush(&mut self, hand_on: &mut impl FnMut(Ordered)) {
        while let Some((at, packet)) = self.waiting.pop_first() {
            let missing = u16::try_from(at.saturating_sub(self.base)).unwrap_or(u16::MAX);
            self.hand(packet, missing, hand_on);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stamped(number: u16, stamp: u32, payload: &[u8]) -> Packet {
        let (number, stamp) = (number.to_be_bytes(), stamp.to_be_bytes());
        let bytes = [&[0x80, 0xE0][..], &number, &stamp, &[0; 4], payload].concat();
        Packet::parse(&bytes.into(), Instant::now()).unwrap()
    }

    fn packet(number: u16) -> Packet {
        stamped(number, 0, b"x")
    }

    fn ordered(reorders: bool, numbers: &[u16]) -> (Vec<u16>, u32) {
        let mut order = Order::new(reorders);
        let mut out = Vec::new();
        for number in numbers {
            order.take(packet(*number), |(packet, _)| out.push(packet.number));
        }
        order.flush(&mut |(packet, _)| out.push(packet.number));
        (out, order.traffic.lost)
    }

    #[test]
    fn heads_are_taken_apart() {
        // The packet has one contributing source, an extension of one word, and two bytes of padding.
        let mut bytes = vec![0xB1, 0xE0, 1, 2, 0, 0, 0, 9, 0, 0, 0, 7];
        bytes.extend([0; 4]);
        bytes.extend([0xBE, 0xDE, 0, 1, 0, 0, 0, 0]);
        bytes.extend(b"abc\0\x02");
        let packet = Packet::parse(&bytes.into(), Instant::now()).unwrap();
        assert_eq!((packet.number, packet.stamp, packet.payload_type, packet.marker), (0x0102, 9, 96, true));
        assert_eq!(&packet.payload[..], b"abc");
        assert_eq!(packet.extension, Some(([0xBE, 0xDE], Bytes::from_static(&[0; 4]))));
    }

    #[test]
    fn what_was_overtaken_comes_in_its_turn_over_udp() {
        assert_eq!(ordered(true, &[65_534, 0, 65_535, 1, 3, 2]), (vec![65_534, 65_535, 0, 1, 2, 3], 0));
        assert_eq!(ordered(true, &[1, 2, 5, 6]), (vec![1, 2, 5, 6], 2));
        assert_eq!(ordered(false, &[1, 2, 5, 6]), (vec![1, 2, 5, 6], 2));
        // The numbering restarts.
        assert_eq!(ordered(false, &[1, 2, 30_000, 30_001]), (vec![1, 2, 30_000, 30_001], 0));
    }

    #[test]
    fn numbers_that_begin_anew_or_stand_still_lose_nothing() {
        // Over TCP, the numbering restarts with a packet that is far behind, or that has a later timestamp. Over UDP,
        // it restarts only after several late packets in a row.
        assert_eq!(ordered(false, &[500, 501, 0, 1, 2]), (vec![500, 501, 0, 1, 2], 0));
        let mut order = Order::new(false);
        let mut out = Vec::new();
        for (number, stamp, payload) in [
            (7, 1, b"a"),
            (8, 1, b"b"),
            (8, 1, b"b"),
            (7, 1, b"a"),
            (0, 2, b"c"),
            (0, 2, b"d"),
            (0, 2, b"d"),
            (0, 3, b"d"),
        ] {
            order.take(stamped(number, stamp, payload), |(packet, _)| {
                out.push((packet.stamp, packet.payload[0]));
            });
        }
        assert_eq!(out, [(1, b'a'), (1, b'b'), (2, b'c'), (2, b'd'), (3, b'd')]);
        assert_eq!(order.traffic.lost, 0);
        let restarts: Vec<u16> = (400..500).chain(0..100).collect();
        let (out, missing) = ordered(true, &restarts);
        assert_eq!((&out[100..], missing), (&(BEGUN_ANEW - 1..100).collect::<Vec<_>>()[..], 0));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..80), numbers in prop::collection::vec(any::<u16>(), 0..80),
            reorders in any::<bool>()
        ) {
            drop(Packet::parse(&bytes.into(), Instant::now()));
            let (out, _) = ordered(reorders, &numbers);
            prop_assert!(out.len() <= numbers.len());
        }
    }
}
