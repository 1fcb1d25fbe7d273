//! Blocks: pixelation, coarse compression, a decoder's grid. Judged by lone steps between neighbouring
//! pixels, which in a mosaic lie on a grid and nowhere else.
//!
//! Every block codec leaves a faint grid, and a still of a dark or plain scene may be flat within each of
//! its blocks though nothing is lost that one could see. So a grid counts by the height of its steps in
//! grey levels, provided that it is no chance in either direction: coarse blocks hide more of the scene
//! and count for more. One picture is enough; several make the grid surer, since what moves blurs away.

mod grid;
mod period;
mod steps;

use easysight_sdk::{
    Clip, Description, Failure, JsonSchema, Plugin, Region, Report, Status, Text, descriptor, finding, score,
};
use serde::Deserialize;

use grid::{Grid, Grids, PARTS, measure};

/// Steps of the grid that decent compression leaves, in grey levels.
const FAINT: f64 = 0.5;
/// So many times the threshold, little but blocks is left.
const WORST: f64 = 6.0;
/// So many times the threshold is an error rather than a warning.
const ERROR: f64 = 2.0;
/// Parts that have blocks up to which they are told one by one: of nine.
const FEW_PARTS: usize = 5;

/// When a picture counts as a mosaic.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// Mean height of the steps from block to block, in grey levels, beyond those within blocks. Blocks of
    /// more than 8 pixels a side count for more.
    #[schemars(range(min = 0.5, max = 100.0), extend("unit" = "grey level"))]
    pub most_step: f64,
}

impl Default for Config {
    fn default() -> Self {
        // Quantisation in steps of 8 grey levels, where an encoder of eight bits begins to lose what is to
        // be seen, leaves steps of 4 on average between flat blocks. Measured: up to 3.4 of stills and
        // MPEG-4 at decent quality, without a deblocking filter, by night; 4 and more where bits lack.
        Self { most_step: 3.6 }
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
                    "画面碎成方块：像素化或过度压缩。栅栏、砖墙和正常的压缩痕迹不会报警。",
                    "The picture falls apart into blocks: pixelation or coarse compression. Fences, bricks \
                     and the traces of decent compression pass.",
                ),
            )
            .over_time(1, 1_000, 2_000)
            // Each block is a flat area: detail is gone, and figures with it.
            .explains("mosaic", &["focus_blur", "lens_dirty", "clarity", "clock"])
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let Grids { strongest, parts } = measure(clip)?;
        let most = config.most_step;
        let seen = strongest.as_ref().map_or(0.0, Grid::seen);
        let (step, side) = strongest.map_or((0.0, 0.0), |grid| (grid.step, grid.side));
        let finding = finding("mosaic")
            .metric("seen_step", seen, "grey level")
            .metric("block_step", step, "grey level")
            .metric("block_side", side, "px")
            .decided_by("seen_step", most)
            .score(score(seen, FAINT.min(most / 2.0), most, WORST * most));
        if seen <= most {
            return Ok(finding
                .judged(Status::Normal, Text::new("画面没有可见方块。", "There are no blocks to be seen."))
                .into());
        }
        let severity = if seen > ERROR * most { Status::Error } else { Status::Warning };
        let pictures = clip.info().frames.min(3);
        let mut finding = finding
            .judged(
                severity,
                Text::new(
                    format!(
                        "画面出现马赛克：可见边长约 {side:.0} 像素的方块，块间台阶平均 {step:.1} 灰度级（依据本次 {pictures} 帧画面）。"
                    ),
                    format!(
                        "The picture falls apart into blocks of about {side:.0} px, with steps of {step:.1} \
                         grey levels between them (by {pictures} of its frames alone)."
                    ),
                ),
            )
            .suggest(Text::new(
                "提高码率或降低分辨率和帧率；检查网络带宽和录像机的转码设置。",
                "Raise the bit rate, or lower resolution and frame rate; check the network's bandwidth and \
                 whether a recorder transcodes.",
            ));
        if parts.len() <= FEW_PARTS
            && let Some(region) = region(&parts)
        {
            finding = finding.region(region);
        }
        Ok(finding.into())
    }
}

/// The box around some parts of the picture.
fn region(parts: &[(u32, u32)]) -> Option<Region> {
    let span = |at: fn(&(u32, u32)) -> u32| {
        let (least, most) = (parts.iter().map(at).min()?, parts.iter().map(at).max()?);
        Some((least as f32 / PARTS as f32, (most + 1 - least) as f32 / PARTS as f32))
    };
    let ((left, width), (top, height)) = (span(|part| part.0)?, span(|part| part.1)?);
    Some(Region { left, top, width, height, caption: Text::new("方块", "blocks") })
}

easysight_sdk::export!(Mosaic);

#[cfg(test)]
mod tests;
