//! A picture that stands still: time goes on, the picture does not.
//!
//! A camera's sensor makes noise, so in a live picture nearly every textured spot changes within a
//! second, even where nothing moves. A frozen one is handed to the encoder again and again: between
//! two keyframes most macroblocks are repeated exactly, save for a clock that the recorder may draw
//! over them. At a keyframe the same picture is coded afresh, which changes every sample a little and
//! moves no structure. So stretches between keyframes are compared sample by sample, and across a
//! keyframe only the structure is.

mod still;

use easysight_sdk::{
    Clip, Description, Failure, JsonSchema, Plugin, Report, Status, Text, descriptor, finding,
};
use serde::Deserialize;

use still::{Stretch, longest_stretch};

/// Stretch of the clip that is asked for.
const SPAN_MS: u32 = 3_000;
/// Time between its frames.
const INTERVAL_MS: u32 = 200;

/// When a picture counts as frozen.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// The picture is frozen where it stands still for at least so many seconds on end.
    #[schemars(range(min = 0.5, max = 2.8), extend("unit" = "s"))]
    pub still_s: f64,
    /// Share of the textured tiles (16 × 16 pixels) that may change while the picture still counts
    /// from one look to the next while the picture still counts as standing still: room for a running
    /// clock and for an encoder that goes on refining. In live pictures a sixth and more of them do.
    #[schemars(range(min = 0.0, max = 0.5), extend("unit" = "share"))]
    pub max_changed_share: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { still_s: 2.0, max_changed_share: 0.06 }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct Freeze;

impl Plugin for Freeze {
    type Config = Config;

    fn descriptor() -> Description {
        descriptor("freeze", env!("CARGO_PKG_VERSION"))
            .diagnosis(
                "freeze",
                Text::new("画面冻结", "Freeze"),
                Text::new(
                    "时间在走而画面不动。静止但有传感器噪声的正常画面不会报警,只有叠加时钟在走的冻结画面也能发现。",
                    "Time goes on and the picture does not. A static scene with the noise of a live sensor \
                     passes; a frozen picture under a running clock is found.",
                ),
            )
            .over_time(2, INTERVAL_MS, SPAN_MS)
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let frames = clip.frames();
        let (Some(first), Some(last)) = (frames.first(), frames.last()) else {
            return Err(Failure::UnsupportedClip("the clip has no frame".into()));
        };
        let covered_s = seconds(last.timestamp_us - first.timestamp_us);
        if frames.len() < 2 || covered_s == 0.0 {
            return Err(Failure::UnsupportedClip(
                "a single picture cannot tell whether it is frozen; a stretch of video is needed".into(),
            ));
        }
        let Stretch { still_s, least_changed, moved } = longest_stretch(clip, &frames, &config)?;
        let frozen = still_s >= config.still_s;
        if !frozen && !moved {
            return Err(Failure::Inconclusive(format!(
                "the picture stands still for all of the {covered_s:.1} s that the clip covers; \
                 {:.1} s are needed to tell",
                config.still_s
            )));
        }
        // 50 at the threshold, 0 where it stands still for half as long again.
        let score = if frozen {
            50.0 * (1.0 - (still_s / config.still_s - 1.0) / 0.5).clamp(0.0, 1.0)
        } else {
            100.0 - 50.0 * still_s / config.still_s
        };
        let finding = finding("freeze")
            .metric("still_s", still_s, "s")
            .metric("covered_s", covered_s, "s")
            .metric("least_changed_share", least_changed, "share")
            .decided_by("still_s", config.still_s)
            .score(score);
        Ok(if frozen {
            finding
                .judged(
                    Status::Error,
                    Text::new(
                        format!("画面冻结:时间在走,画面已 {still_s:.1} 秒没有变化。"),
                        format!(
                            "The picture is frozen: time goes on, and it has not changed for {still_s:.1} s."
                        ),
                    ),
                )
                .suggest(Text::new(
                    "重启摄像机或编码器;若时钟叠加仍在走,检查视频输入。",
                    "Restart the camera or the encoder; where a clock still runs over the picture, check the \
                     encoder's video input.",
                ))
                .into()
        } else {
            finding.judged(Status::Normal, Text::new("画面在变化。", "The picture moves.")).into()
        })
    }
}

fn seconds(us: u64) -> f64 {
    // Exact up to 2^53 µs, which is 285 years.
    us as f64 / 1e6
}

easysight_sdk::export!(Freeze);

#[cfg(test)]
mod tests;
