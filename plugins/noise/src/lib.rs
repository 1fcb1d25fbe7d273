//! Sensor noise and snow: judged by what is left of a picture's flat parts when their structure is taken
//! away, provided that it is another from one frame to the next and no larger structure goes with it.
//!
//! Grass, gravel and brick have grain too, but keep it; leaves and water move theirs along with all that
//! is larger; rain leaves most of the picture alone. Noise is everywhere, in the flattest parts too,
//! changes with every frame and is finest of all. So a tile's noise is the lesser of its grain in the
//! picture and of its grain in the difference of two frames, discounted where the difference is more than
//! grain, and the middle one of the flattest tiles decides. Encoders erase noise: what they leave is what
//! people see.

mod grain;

use easysight_sdk::{
    Clip, Description, Failure, JsonSchema, Plugin, Report, Status, Text, descriptor, finding, score,
};
use serde::Deserialize;

use grain::{Noise, measure};

/// Noise of a good camera by day, after encoding.
const CLEAN: f64 = 0.3;
/// Noise that buries all but the coarsest outlines.
const WORST: f64 = 25.0;
/// Noise beyond which faces and number plates are lost: an error.
const ERROR: f64 = 12.0;

/// When a picture counts as noisy.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// Most noise of a healthy picture: its standard deviation in flat parts, in grey levels of full
    /// range.
    #[schemars(range(min = 0.5, max = 50.0), extend("unit" = "grey level"))]
    pub most_noise: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { most_noise: 4.0 }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct NoisePlugin;

impl Plugin for NoisePlugin {
    type Config = Config;

    fn descriptor() -> Description {
        descriptor("noise", env!("CARGO_PKG_VERSION"))
            .diagnosis(
                "noise",
                Text::new("噪声", "Noise"),
                Text::new(
                    "画面布满噪点或雪花。雨雪、树叶、纹理和轻微的夜间噪声不会报警。",
                    "The picture is grainy or full of snow. Rain, leaves, texture and slight noise at night \
                     pass.",
                ),
            )
            .over_time(2, 200, 1_000)
            // Snow hides detail.
            .explains("noise", &["clarity"])
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let Noise { deviation, grain, change } = measure(clip)?;
        let most = config.most_noise;
        let finding = finding("noise")
            .metric("noise", deviation, "grey level")
            .metric("grain", grain, "grey level")
            .metric("change", change, "grey level")
            .decided_by("noise", most)
            .score(score(deviation, CLEAN.min(most / 2.0), most, WORST.max(2.0 * most)));
        if deviation <= most {
            let fine = Text::new("噪声水平正常。", "The noise is within bounds.");
            return Ok(finding.judged(Status::Normal, fine).into());
        }
        let severity = if deviation > ERROR.max(most) { Status::Error } else { Status::Warning };
        Ok(finding
            .judged(
                severity,
                Text::new(
                    format!("画面噪点明显:平坦处逐帧变化的噪声标准差达 {deviation:.1} 灰度级。"),
                    format!(
                        "The picture is noisy: its flat parts flicker by {deviation:.1} grey levels (standard \
                         deviation) from frame to frame."
                    ),
                ),
            )
            .suggest(Text::new(
                "改善照明或补光,降低增益,检查降噪设置;若为雪花,检查视频线缆、接头和供电干扰。",
                "Improve the lighting, lower the gain, check noise reduction; with snow, check cable, plugs and \
                 interference from the power supply.",
            ))
            .into())
    }
}

easysight_sdk::export!(NoisePlugin);

#[cfg(test)]
mod tests;
