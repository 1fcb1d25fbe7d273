//! The timing of frames.

use easysight_sdk::FrameInfo;

use crate::INTERVAL_MS;

/// If the median interval between frames is below this share of the requested interval, the clip contains every frame
/// of the stream. Otherwise the host may have left out frames, because the plugin requests an interval.
const EVERY_FRAME: f64 = 0.75;

/// The timing of a clip's frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Timing {
    /// The longest interval between two frames, in seconds.
    pub(crate) longest_gap_s: f64,
    /// The number of frames per second. None if the clip may contain fewer frames than the stream.
    pub(crate) frame_rate: Option<f64>,
    /// The longest observed time without a keyframe, in seconds.
    pub(crate) longest_keyframe_interval_s: f64,
    /// The mean deviation of the intervals from their median, as a share of the median.
    pub(crate) irregularity: f64,
}

impl Timing {
    /// Measures the timing. Returns none if there are fewer than two frames, or if all frames have the same time.
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
