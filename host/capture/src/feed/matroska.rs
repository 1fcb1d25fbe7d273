//! Packs pictures into Matroska, the container that ffmpeg reads: a header, then one cluster per picture.

use super::Codec;

// Identifiers of elements, from RFC 9559.
const EBML: u32 = 0x1A45_DFA3;
const DOC_TYPE: u32 = 0x4282;
const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_A966;
const TIMESTAMP_SCALE: u32 = 0x2A_D7B1;
const TRACKS: u32 = 0x1654_AE6B;
const TRACK_ENTRY: u32 = 0xAE;
const TRACK_NUMBER: u32 = 0xD7;
const TRACK_UID: u32 = 0x73C5;
const TRACK_TYPE: u32 = 0x83;
const CODEC_ID: u32 = 0x86;
const VIDEO: u32 = 0xE0;
const PIXEL_WIDTH: u32 = 0xB0;
const PIXEL_HEIGHT: u32 = 0xBA;
const CLUSTER: u32 = 0x1F43_B675;
const TIMESTAMP: u32 = 0xE7;
const SIMPLE_BLOCK: u32 = 0xA3;
/// A size that is not known yet.
const UNKNOWN_SIZE: [u8; 8] = [0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
/// The nanoseconds per tick of the time in [`block_head`].
const NANOSECONDS: u64 = 1_000_000;

/// Returns the header of a stream with one video.
pub(crate) fn head(codec: Codec) -> Vec<u8> {
    let codec: &[u8] = match codec {
        Codec::H264 => b"V_MPEG4/ISO/AVC",
        Codec::H265 => b"V_MPEGH/ISO/HEVC",
        Codec::Jpeg => b"V_MJPEG",
    };
    // The container requires a size. The decoder determines the real size itself.
    let video = [number(PIXEL_WIDTH, 16), number(PIXEL_HEIGHT, 16)].concat();
    let track = [
        number(TRACK_NUMBER, 1),
        number(TRACK_UID, 1),
        number(TRACK_TYPE, 1),
        element(CODEC_ID, codec),
        element(VIDEO, &video),
    ]
    .concat();
    [
        element(EBML, &element(DOC_TYPE, b"matroska")),
        id(SEGMENT),
        UNKNOWN_SIZE.to_vec(),
        element(INFO, &number(TIMESTAMP_SCALE, NANOSECONDS)),
        element(TRACKS, &element(TRACK_ENTRY, &track)),
    ]
    .concat()
}

/// Returns the bytes before a picture of `bytes` bytes. `time` is in milliseconds.
pub(crate) fn block_head(time: u64, keyframe: bool, bytes: usize) -> Vec<u8> {
    let timestamp = number(TIMESTAMP, time);
    // Track 1, with the same time as the cluster.
    let head = [0x81, 0, 0, if keyframe { 0x80 } else { 0 }];
    let block = [id(SIMPLE_BLOCK), size(head.len() + bytes)].concat();
    let content = timestamp.len() + block.len() + head.len() + bytes;
    [id(CLUSTER), size(content), timestamp, block, head.to_vec()].concat()
}

fn element(name: u32, content: &[u8]) -> Vec<u8> {
    [id(name), size(content.len()), content.to_vec()].concat()
}

fn number(name: u32, value: u64) -> Vec<u8> {
    element(name, &value.to_be_bytes())
}

fn id(name: u32) -> Vec<u8> {
    name.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect()
}

/// Encodes a size in eight bytes. The first byte contains only the length of the encoding.
fn size(bytes: usize) -> Vec<u8> {
    let marked = (bytes as u64) | (1 << 56);
    marked.to_be_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_as_long_as_it_says() {
        let block = block_head(7, true, 1_000);
        assert_eq!(block[..4], [0x1F, 0x43, 0xB6, 0x75]);
        assert_eq!(
            u64::from_be_bytes(block[4..12].try_into().unwrap()),
            (1 << 56) | (block.len() as u64 - 12 + 1_000)
        );
        assert_eq!(block[block.len() - 4..], [0x81, 0, 0, 0x80]);
    }
}
