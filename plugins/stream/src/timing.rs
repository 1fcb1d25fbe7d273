//! The times at which frames come.

use easysight_sdk::FrameInfo;

use crate::INTERVAL_MS;

/// Frames may have been left out on request: distances below this share of the interval that was asked
/// for show that they were not.
const EVERY_FRAME: f64 = 0.75;

/// What the times tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Timing {
    /// The longest distance of two frames in seconds.
    pub(crate) longest_gap_s: f64,
    /// Frames a second; none where the clip may hold fewer than the stream has.
    pub(crate) frame_rate: Option<f64>,
    /// The longest time without a keyframe that was seen, in seconds.
    pub(crate) longest_keyframe_interval_s: f64,
    /// The mean deviation of the distances from their middle, as a share of it.
    pub(crate) irregularity: f64,
}

impl Timing {
    /// None of fewer than two frames, and of frames without times.
    pub(crate) fn of(frames: &[FrameInfo]) -> Option<Self> {
        let seconds = |us: u64| us as f64 / 1e6;
        let mut distances: Vec<f64> = frames
            .windows(2)
            .filter_map(|pair| match pair {
                [before, after] => Some(seconds(after.timestamp_us - before.timestamp_us)),
                _ => None,
            })
            .collect();
        distances.sort_by(f64::total_cmp);
        let longest_gap_s = distances.last().copied().filter(|longest| *longest > 0.0)?;
        let middle = distances.get(distances.len() / 2).copied()?;
        let deviation = distances.iter().map(|distance| (distance - middle).abs()).sum::<f64>();
        let every_frame = middle > 0.0 && middle < EVERY_FRAME * f64::from(INTERVAL_MS) / 1e3;
        let first = frames.first()?.timestamp_us;
        let mut longest_keyframe_interval_s = 0.0_f64;
        let mut keyframe = first;
        for frame in frames.iter().skip(1) {
            longest_keyframe_interval_s =
                longest_keyframe_interval_s.max(seconds(frame.timestamp_us - keyframe));
            if frame.keyframe {
                keyframe = frame.timestamp_us;
            }
        }
        Some(Self {
            longest_gap_s,
            frame_rate: every_frame.then(|| 1.0 / middle),
            longest_keyframe_interval_s,
            irregularity: deviation / distances.len() as f64 / middle.max(1e-6),
        })
    }
}
