//! Damage to the packets of a transport stream (ISO/IEC 13818-1). A packet has 188 bytes. The first byte is 0x47.
//! The second and third byte contain the packet identifier (PID): the number of the stream that the packet carries.

use super::Loss;
use crate::random::Random;

const PACKET: usize = 188;
const SYNC: u8 = 0x47;
/// The packet identifier of the video in ffmpeg's output.
const VIDEO: u16 = 0x100;
/// The share of the stream, from its beginning, that is not damaged. This part contains the first keyframe.
const SPARED: f32 = 0.2;

/// True if a packet carries a part of a picture, but not its beginning.
fn is_inside(packet: &[u8]) -> bool {
    let [SYNC, high, low, ..] = packet else { return false };
    let stream = u16::from(high & 0x1f) << 8 | u16::from(*low);
    stream == VIDEO && high & 0x40 == 0
}

fn spared(stream: &[u8]) -> usize {
    (stream.len() as f32 / PACKET as f32 * SPARED) as usize
}

/// Drops packets.
pub(super) fn lose(stream: &[u8], loss: Loss, mut random: Random) -> Vec<u8> {
    let mut left = Vec::with_capacity(stream.len());
    let (spared, mut lost, mut first) = (spared(stream), false, true);
    for (number, packet) in stream.chunks(PACKET).enumerate() {
        lost = loss.next(lost, &mut random);
        let may = number >= spared && is_inside(packet);
        if may && (lost || first) {
            first = false;
            continue;
        }
        left.extend_from_slice(packet);
    }
    left
}

/// Flips bits.
pub(super) fn flip(stream: &[u8], share: f32, mut random: Random) -> Vec<u8> {
    let mut damaged = stream.to_vec();
    let (spared, mut first) = (spared(stream), true);
    for packet in damaged.chunks_mut(PACKET).skip(spared) {
        if !is_inside(packet) || !(random.unit() < share || first) {
            continue;
        }
        first = false;
        for _ in 0..=random.below(6) {
            // The place is after the packet's header.
            let place = 12 + random.below(PACKET - 12);
            if let Some(byte) = packet.get_mut(place) {
                *byte ^= 1 << random.below(8);
            }
        }
    }
    damaged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Vec<u8> {
        let packet = |number: usize| {
            let mut packet = vec![(number % 200) as u8; PACKET];
            packet[..4].copy_from_slice(&[
                SYNC,
                if number.is_multiple_of(9) { 0x41 } else { 0x01 },
                0x00,
                0x10,
            ]);
            packet
        };
        (0..300).flat_map(packet).collect()
    }

    #[test]
    fn whole_packets_are_lost_and_no_beginning_of_a_picture() {
        let whole = stream();
        let left = lose(&whole, Loss { share: 0.2, burst: 3.0 }, Random::new(4));
        assert!(left.len().is_multiple_of(PACKET) && left.len() < whole.len() * 95 / 100);
        let begins = |stream: &[u8]| stream.chunks(PACKET).filter(|packet| packet[1] & 0x40 != 0).count();
        assert_eq!(begins(&left), begins(&whole));
    }

    #[test]
    fn flipping_leaves_the_heads_of_packets() {
        let whole = stream();
        let damaged = flip(&whole, 0.5, Random::new(4));
        assert_ne!(damaged, whole);
        assert!(damaged.chunks(PACKET).zip(whole.chunks(PACKET)).all(|(a, b)| a[..12] == b[..12]));
    }
}
