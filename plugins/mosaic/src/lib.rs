//! Blocks: pixelation, coarse compression, or a decoder's grid.
//!
//! The plugin measures the lone step between neighbouring pixels: the height by which this step exceeds the steps on
//! either side. In a mosaic, lone steps lie only on a grid. A rank test finds such grids (the test of Wilcoxon, Mann
//! and Whitney, see [`period`]). Every block codec leaves a faint grid, and a still of a dark or plain scene may be
//! flat within each of its blocks although no visible detail is lost. So the height of the steps of a grid, in grey
//! levels, decides. A grid that chance may explain in one direction does not count. Coarse blocks hide more of the
//! scene and have more weight. One picture is enough; several pictures make the grid more certain, because movement
//! averages out. A deblocking filter removes the steps, so flattened macroblocks are counted too (see [`plateau`]).

mod grid;
mod period;
mod plateau;
mod steps;

use easysight_sdk::{
    Clip, Description, Failure, JsonSchema, PlaneKind, Plugin, Region, Report, Status, Text, descriptor,
    finding, in_chinese, score,
};
use serde::Deserialize;

use grid::{Grid, Grids, PARTS, measure};
use plateau::plateaus;

/// The height of the steps that good compression leaves, in grey levels: score 100.
const FAINT: f64 = 0.5;
/// The multiple of the threshold of steps at which hardly anything but blocks is visible: score 0.
const WORST: f64 = 6.0;
/// The multiple of the threshold above which the finding is an error, not a warning.
const ERROR: f64 = 2.0;
/// The multiple of the threshold of plateaus at which hardly anything but plateaus is visible: score 0.
const MOST_PLATEAUS: f64 = 20.0;
/// The largest number of parts with blocks, out of nine, for which a region is marked.
const FEW_PARTS: usize = 5;

/// When a picture counts as a mosaic.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// The largest mean height of the steps from block to block in a healthy picture, in grey levels. The mean height
    /// of the steps within blocks is subtracted. The steps of blocks with more than 8 pixels a side have more weight.
    #[schemars(title = "Block step limit", transform = in_chinese(
        "块间台阶上限",
        "正常画面中块与块之间台阶的最大平均高度，以灰度级计。块内台阶的平均高度已减去。边长超过 8 像素的块，\
         其台阶的权重更大。",
    ))]
    #[schemars(range(min = 0.5, max = 100.0), extend("unit" = "grey level"))]
    #[schemars(extend("limits" = {"metric": "seen_step", "side": "above"}))]
    pub most_step: f64,
    /// The largest share of plateaus among the macroblocks of a healthy picture. A plateau is flat inside and differs
    /// from its flat neighbours. The share of plateaus on a displaced grid is subtracted.
    #[schemars(title = "Flat block limit", transform = in_chinese(
        "平坦宏块占比上限",
        "正常画面的宏块中，“平台”允许的最大占比。平台内部平坦，且与周围的平坦宏块不同。错位网格上的平台占比\
         已减去。",
    ))]
    #[schemars(range(min = 0.001, max = 1.0), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "plateaus", "side": "above"}))]
    pub most_plateaus: f64,
}

impl Default for Config {
    fn default() -> Self {
        // Quantisation in steps of 8 grey levels, at which an encoder of eight bits begins to lose visible detail,
        // leaves steps of 4 on average between flat blocks. By night, steps reach 3.4 in stills and in MPEG-4 of good
        // quality without a deblocking filter. They reach 4 and more if the bit rate is too low. Shares of plateaus
        // reach 0.003 in 516 pictures without a fault (development and validation), and 0.006 beside a drawn truck with
        // plain sides (validation). In H.264 of seven development cameras, the shares are 0.03 and more at CRF 51,
        // 0.005 to 0.06 at CRF 46, and 0 at CRF 33.
        Self { most_step: 3.6, most_plateaus: 0.009 }
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
                     and the traces of normal compression raise no alarm.",
                ),
            )
            .over_time(1, 1_000, 2_000)
            // Each block is a flat area, in which detail and digits are lost.
            .explains("mosaic", &["focus_blur", "lens_dirty", "clarity", "clock"])
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let Grids { strongest, parts } = measure(clip)?;
        let most = config.most_step;
        let seen = strongest.as_ref().map_or(0.0, Grid::seen);
        let (width, _) = clip.size(PlaneKind::Luma, 0)?;
        let share = plateaus(&clip.luma(clip.info().frames / 2, 0)?, width as usize);
        let (step, side) = strongest.map_or((0.0, 0.0), |grid| (grid.step, grid.side));
        let finding = finding("mosaic")
            .metric("seen_step", seen, "grey level")
            .metric("block_step", step, "grey level")
            .metric("block_side", side, "px")
            .metric("plateaus", share, "share");
        // The metric with the larger ratio of value to threshold decides.
        let by_step = seen / most;
        let by_plateaus = share / config.most_plateaus;
        let finding = if by_step >= by_plateaus {
            finding.decided_by("seen_step", most).score(score(
                seen,
                FAINT.min(most / 2.0),
                most,
                WORST * most,
            ))
        } else {
            finding.decided_by("plateaus", config.most_plateaus).score(score(
                by_plateaus,
                0.0,
                1.0,
                MOST_PLATEAUS,
            ))
        };
        let times = by_step.max(by_plateaus);
        if times <= 1.0 {
            return Ok(finding
                .judged(Status::Normal, Text::new("画面没有可见方块。", "No blocks are visible."))
                .into());
        }
        let severity = if times > ERROR { Status::Error } else { Status::Warning };
        let pictures = clip.info().frames.min(3);
        let message = if by_step >= by_plateaus {
            Text::new(
                format!(
                    "画面出现马赛克：可见边长约 {side:.0} 像素的方块，块间台阶平均 {step:.1} 灰度级（依据本次 {pictures} 帧画面）。"
                ),
                format!(
                    "The picture falls apart into blocks of about {side:.0} px, with steps of {step:.1} grey \
                     levels between them (judged by {pictures} frames)."
                ),
            )
        } else {
            let percent = 100.0 * share;
            Text::new(
                format!(
                    "画面过度压缩：{percent:.1}% 的宏块内部细节被抹平，与相邻宏块成台阶（依据单帧画面）。"
                ),
                format!(
                    "The picture is compressed too coarsely: {percent:.1} % of its macroblocks are flat and stand out \
                     from their flat neighbours (judged by one picture alone)."
                ),
            )
        };
        let mut finding = finding.judged(severity, message).suggest(Text::new(
            "提高码率或降低分辨率和帧率；检查网络带宽和录像机的转码设置。",
            "Raise the bit rate, or lower resolution and frame rate; check the network's bandwidth and \
                 whether a recorder transcodes.",
        ));
        if by_step >= by_plateaus
            && parts.len() <= FEW_PARTS
            && let Some(region) = region(&parts)
        {
            finding = finding.region(region);
        }
        Ok(finding.into())
    }
}

/// Returns the box around some parts of the picture.
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
