//! Blocks: pixelation, coarse compression, a decoder's grid. Judged by lone steps between neighbouring
//! pixels, which in a mosaic lie on a grid and nowhere else.
//!
//! Every block codec leaves a faint grid; it counts when its steps are some times as strong as those of
//! the scene, in both directions, and strong enough to be seen.

mod grid;

use easysight_sdk::{
    Clip, Description, Failure, JsonSchema, Plugin, Report, Status, Text, descriptor, finding, score,
};
use serde::Deserialize;

use grid::{Grid, measure};

/// Strength of the grid that decent compression leaves.
const FAINT: f64 = 1.05;
/// So many times the threshold, little but blocks is left.
const WORST: f64 = 6.0;
/// So many times the threshold is an error rather than a warning.
const ERROR: f64 = 2.0;

/// When a picture counts as a mosaic.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// Lone steps at the borders of blocks may be so many times as strong as those elsewhere.
    #[schemars(range(min = 1.1, max = 20.0), extend("unit" = "times"))]
    pub most_strength: f64,
}

impl Default for Config {
    fn default() -> Self {
        // Measured: up to 2.35 of MPEG-4 and JPEG without a deblocking filter at decent quality, 2.5 of a
        // coarse JPEG of a smooth scene; 2.7 and more where encoders lack bits, but for one at 2.5; 3.2 and
        // more of pixelation.
        Self { most_strength: 2.6 }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct Mosaic;

impl Plugin for Mosaic {
    type Config = Config;

    fn descriptor() -> Description {
        descriptor("mosaic", env!("CARGO_PKG_VERSION"))
            .diagnosis(
                "mosaic",
                Text::new("马赛克", "Mosaic"),
                Text::new(
                    "画面碎成方块:像素化或过度压缩。栅栏、砖墙和正常的压缩痕迹不会报警。",
                    "The picture falls apart into blocks: pixelation or coarse compression. Fences, bricks \
                     and the traces of decent compression pass.",
                ),
            )
            .over_time(1, 1_000, 2_000)
            // Each block is a flat area: detail is gone, and figures with it.
            .explains("mosaic", &["focus_blur", "lens_dirty", "clarity", "clock"])
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let Grid { strength, side } = measure(clip)?;
        let most = config.most_strength;
        let finding = finding("mosaic")
            .metric("grid_strength", strength, "times")
            .metric("block_side", side as f64, "px")
            .decided_by("grid_strength", most)
            .score(score(strength, FAINT, most, WORST * most));
        if strength <= most {
            return Ok(finding
                .judged(Status::Normal, Text::new("画面没有方块。", "There are no blocks."))
                .into());
        }
        let severity = if strength > ERROR * most { Status::Error } else { Status::Warning };
        Ok(finding
            .judged(
                severity,
                Text::new(
                    format!("画面出现马赛克:可见边长约 {side} 像素的方块。"),
                    format!("The picture falls apart into blocks of about {side} px."),
                ),
            )
            .suggest(Text::new(
                "提高码率或降低分辨率和帧率;检查网络带宽和录像机的转码设置。",
                "Raise the bit rate, or lower resolution and frame rate; check the network's bandwidth and \
                 whether a recorder transcodes.",
            ))
            .into())
    }
}

easysight_sdk::export!(Mosaic);

#[cfg(test)]
mod tests;
