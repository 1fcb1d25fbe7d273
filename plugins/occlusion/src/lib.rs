//! Something covers a part of the picture: a hand, a bag, a leaf, paint.
//!
//! What covers a lens is out of focus, so its picture is empty, and it is before everything else, so
//! its outline is simple and the scene ends all along it. Walls, roads and skies are empty as well,
//! but things stand before them and light fades across them. From a single clip that makes a
//! suspicion; with what the camera saw before, a certainty: detail was there and is gone.

mod grid;
mod patch;
mod reference;

use easysight_sdk::{
    Clip, Description, Failure, FindingBuilder, JsonSchema, Plugin, Region, Report, Status, Text,
    baseline::{self, Light},
    descriptor, finding,
};
use serde::Deserialize;

use grid::{Grid, Map};
use reference::{Reference, Seen};

/// Stretch of the clip that is asked for: what moves through a region within it is no cover.
const SPAN_MS: u32 = 2_400;
/// Time between its frames.
const INTERVAL_MS: u32 = 800;
/// Share of the picture at which a cover is the worst: hardly anything is to be seen.
const WORST_SHARE: f64 = 0.6;
/// Share of the picture from which a suspicion is an error.
const SEVERE_SHARE: f64 = 0.45;
/// Where nine tenths of the picture are darker than this, in grey levels, nothing can be told.
const DARK: f32 = 36.0;
/// A patch of this share leaves nothing of the scene to compare it with.
const NOTHING_ELSE: f32 = 0.9;

/// When a picture counts as covered.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// Share of the picture that may be covered. Without a baseline the share of an empty patch
    /// counts as far as its outline looks like that of a thing before the lens.
    #[schemars(range(min = 0.05, max = 0.5), extend("unit" = "share"))]
    pub max_covered_share: f64,
    /// Compare with what the camera saw before, where that is known.
    pub use_baseline: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_covered_share: 0.14, use_baseline: true }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct Occlusion;

/// How much is covered, where, and whether that is known from before.
struct Cover {
    share: f64,
    tiles: Map<bool>,
    certain: bool,
}

impl Plugin for Occlusion {
    type Config = Config;

    fn descriptor() -> Description {
        descriptor("occlusion", env!("CARGO_PKG_VERSION"))
            .diagnosis(
                "occlusion",
                Text::new("画面遮挡", "Occlusion"),
                Text::new(
                    "镜头前有物体遮住部分画面。没有基线时按形状判断为疑似;有基线时与以前的画面比较。\
                     天空、墙面、路面和暗处不会报警。",
                    "Something before the lens covers a part of the picture: suspected by its shape, certain \
                     where the camera's earlier picture is known. Sky, walls, roads and dark places pass.",
                ),
            )
            .over_time(1, INTERVAL_MS, SPAN_MS)
            // What covers the lens is near, so out of focus and even; it takes light and colour, does not
            // move, and hides the scene that is known. In its dark the sensor's gain goes up. White figures
            // of a clock drown on what is bright.
            .explains(
                "occlusion",
                &[
                    "brightness:luma_p95",
                    "scene_change",
                    "focus_blur",
                    "lens_dirty",
                    "contrast",
                    "clarity",
                    "noise",
                    "color_cast",
                    "freeze",
                    "clock",
                ],
            )
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let grid = Grid::of(clip)?.without_bars();
        if grid.nine_tenths().is_none_or(|bright| bright < DARK) {
            return Err(Failure::Inconclusive(
                "the picture is too dark to tell a cover from the dark".into(),
            ));
        }
        let light = Light::of(clip)?;
        let mut seen = if config.use_baseline { baseline::load::<Seen>() } else { None }.unwrap_or_default();
        let reference = seen.0.of(light).first().filter(|reference| reference.fits(&grid)).cloned();
        let cover = cover(&grid, reference.as_ref())?;
        let covered = cover.share > config.max_covered_share;
        let report = report(&grid, &cover, &config);
        if config.use_baseline && !covered {
            let next = reference.as_ref().map_or_else(|| Reference::of(&grid), |seen| seen.follow(&grid));
            seen.0.keep(light, Some(0), next, 1);
            baseline::store(&seen).map_err(|error| Failure::Internal(error.to_string()))?;
        }
        Ok(report.into())
    }
}

/// The patch that looks most like a cover, or the region that lost its detail where that is more.
fn cover(grid: &Grid, reference: Option<&Reference>) -> Result<Cover, Failure> {
    let mut worst = Cover { share: 0.0, tiles: vec![false; grid.len()], certain: false };
    let mut largest = 0.0_f32;
    for patch in patch::patches(grid) {
        largest = largest.max(patch.share);
        let known = reference.map_or(0.0, |reference| reference.known(grid, &patch.tiles));
        let share = f64::from(patch.share * patch.likeness() * (1.0 - known));
        if share > worst.share {
            worst = Cover { share, tiles: patch.tiles, certain: false };
        }
    }
    if let Some(reference) = reference {
        let (share, tiles) = reference.covered(grid);
        // A suspicion that the baseline bears out by half is a certainty.
        if 2.0 * f64::from(share) >= worst.share {
            worst = Cover { share: worst.share.max(f64::from(share)), tiles, certain: true };
        }
    } else if largest > NOTHING_ELSE {
        return Err(Failure::Inconclusive(
            "the whole picture is empty: nothing is left to tell a cover from a plain scene".into(),
        ));
    }
    Ok(worst)
}

fn report(grid: &Grid, cover: &Cover, config: &Config) -> FindingBuilder {
    let (share, threshold) = (cover.share, config.max_covered_share);
    let score = if share <= threshold {
        100.0 - 50.0 * share / threshold
    } else {
        50.0 * (1.0 - (share - threshold) / (WORST_SHARE - threshold).max(0.05))
    };
    let finding = finding("occlusion")
        .metric("covered_share", share, "share")
        .metric("compared_with_baseline", f64::from(u8::from(cover.certain)), "")
        .decided_by("covered_share", threshold)
        .score(score);
    if share <= threshold {
        return finding.judged(Status::Normal, Text::new("没有遮挡。", "Nothing covers the picture."));
    }
    let [left, top, width, height] = grid.around(&cover.tiles);
    let size = 100.0 * cover.tiles.iter().filter(|&&tile| tile).count() as f64 / grid.len() as f64;
    let (status, message) = if cover.certain {
        let message = Text::new(
            format!("画面被遮挡:约 {size:.0}% 的画面以前有细节,现在没有了。"),
            format!("The picture is covered: detail that was there before is gone in {size:.0} % of it."),
        );
        (Status::Error, message)
    } else {
        let status = if share >= SEVERE_SHARE { Status::Error } else { Status::Warning };
        let message = Text::new(
            format!("疑似遮挡:约 {size:.0}% 的画面没有任何细节,轮廓像镜头前的物体。"),
            format!(
                "The picture seems to be covered: {size:.0} % of it is without any detail and has the outline \
                 of a thing before the lens."
            ),
        );
        (status, message)
    };
    let caption = Text::new("被遮挡的部分", "the covered part");
    finding
        .judged(status, message)
        .region(Region { left, top, width, height, caption })
        .suggest(Text::new(
            "查看镜头前是否有手、袋子、树叶、喷漆或贴纸,清除遮挡物。",
            "Look for a hand, a bag, a leaf, paint or tape before the lens and remove it.",
        ))
        .suggest(Text::new(
            "若这里本来就是空白的墙面或天空,提高该摄像机的阈值。",
            "Where a plain wall or the sky belongs there, raise this camera's threshold.",
        ))
}

easysight_sdk::export!(Occlusion);

#[cfg(test)]
mod tests;
