//! Too dark, too bright: judged by the histogram of the luma.
//!
//! Dark means that even the brightest twentieth of the picture (p95) stays dim. A street at night
//! with lamps or headlights, or an infrared picture, has its bright parts and passes. Bright means
//! that a large share is clipped at white, or that even the darkest twentieth (p5) is nearly white.

use easysight_sdk::{
    Clip, Description, Failure, Finding, JsonSchema, Plugin, Report, Status, Text, descriptor, finding,
    image::Histogram,
};
use serde::Deserialize;

/// Width, in pixels, of the picture that is judged: a histogram needs no more.
const WIDTH: u32 = 640;

/// Thresholds, in grey levels of full range (black 0, white 255).
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// The picture is too dark where 95 % of it is darker than this.
    #[schemars(range(min = 0.0, max = 255.0), extend("unit" = "grey level"))]
    pub dark_p95: f64,
    /// The picture is too bright where more than this share of it is clipped (above 250).
    #[schemars(range(min = 0.0, max = 1.0), extend("unit" = "share"))]
    pub bright_clipped_share: f64,
    /// The picture is too bright where 95 % of it is brighter than this.
    #[schemars(range(min = 0.0, max = 255.0), extend("unit" = "grey level"))]
    pub bright_p5: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { dark_p95: 60.0, bright_clipped_share: 0.25, bright_p5: 190.0 }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct Brightness;

/// What is measured of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Light {
    mean: f64,
    p5: f64,
    p50: f64,
    p95: f64,
    black_share: f64,
    clipped_share: f64,
}

impl Plugin for Brightness {
    type Config = Config;

    fn descriptor() -> Description {
        descriptor("brightness", env!("CARGO_PKG_VERSION"))
            .diagnosis(
                "brightness",
                Text::new("亮度", "Brightness"),
                Text::new(
                    "画面过暗或过亮。正常的夜间画面、红外画面和车灯不会报警。",
                    "The picture is too dark or too bright. Healthy pictures at night, by infrared light or \
                     with headlights pass.",
                ),
            )
            // In the dark the gain brings noise and takes colour, and the shutter stays open, which smears;
            // in too much light everything is one white. Either way edges that are known vanish.
            .explains(
                "brightness",
                &["scene_change", "focus_blur", "lens_dirty", "contrast", "clarity", "noise", "color_cast"],
            )
            // Where all is white there is nothing to see, as if it were covered.
            .explains("brightness:clipped_share", &["occlusion"])
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        Ok(Report { findings: vec![judge(&measure(clip)?, &config)] })
    }
}

/// Of each value the median of the first, middle and last frame: a passing headlight or the moment
/// in which a camera switches its filter does not decide.
fn measure(clip: &dyn Clip) -> Result<Light, Failure> {
    let info = clip.info();
    let level = clip.level_within(WIDTH);
    let last = info.frames.saturating_sub(1);
    let mut indices = vec![0, last / 2, last];
    indices.dedup();
    let mut lights = Vec::with_capacity(indices.len());
    for frame in indices {
        let histogram = Histogram::of(&clip.luma(frame, level)?).full_range(info.range);
        lights.push(Light {
            mean: histogram.mean(),
            p5: histogram.percentile(0.05).into(),
            p50: histogram.percentile(0.5).into(),
            p95: histogram.percentile(0.95).into(),
            black_share: histogram.share_within(0..=15),
            clipped_share: histogram.share_within(251..=255),
        });
    }
    Ok(Light {
        mean: median(&lights, |light| light.mean),
        p5: median(&lights, |light| light.p5),
        p50: median(&lights, |light| light.p50),
        p95: median(&lights, |light| light.p95),
        black_share: median(&lights, |light| light.black_share),
        clipped_share: median(&lights, |light| light.clipped_share),
    })
}

/// The middle one; of two the lower.
fn median(lights: &[Light], value: impl Fn(&Light) -> f64) -> f64 {
    let mut values: Vec<f64> = lights.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// 100 where the value is far on the good side, 50 at the threshold, 0 at the worst that can be.
fn score(value: f64, good: f64, threshold: f64, worst: f64) -> f64 {
    let (from, to, base) = if (value - threshold) * (good - threshold) >= 0.0 {
        (threshold, good, 50.0)
    } else {
        (worst, threshold, 0.0)
    };
    let span = to - from;
    base + 50.0 * if span == 0.0 { 0.0 } else { ((value - from) / span).clamp(0.0, 1.0) }
}

fn judge(light: &Light, config: &Config) -> Finding {
    let dark = score(light.p95, 2.0 * config.dark_p95, config.dark_p95, 0.0);
    let clipped = score(light.clipped_share, 0.0, config.bright_clipped_share, 1.0);
    let washed_out = score(light.p5, 0.5 * config.bright_p5, config.bright_p5, 255.0);
    let is_dark = light.p95 < config.dark_p95;
    let is_clipped = light.clipped_share > config.bright_clipped_share;
    let is_washed_out = light.p5 > config.bright_p5;

    let worst = dark.min(clipped).min(washed_out);
    let (metric, threshold) = if worst == dark {
        ("luma_p95", config.dark_p95)
    } else if worst == clipped {
        ("clipped_share", config.bright_clipped_share)
    } else {
        ("luma_p5", config.bright_p5)
    };
    // Half way from the threshold to the worst there is hardly anything to be seen.
    let severity = if worst < 25.0 { Status::Error } else { Status::Warning };
    let finding = finding("brightness")
        .metric("luma_mean", light.mean, "grey level")
        .metric("luma_p5", light.p5, "grey level")
        .metric("luma_p50", light.p50, "grey level")
        .metric("luma_p95", light.p95, "grey level")
        .metric("black_share", light.black_share, "share")
        .metric("clipped_share", light.clipped_share, "share")
        .decided_by(metric, threshold)
        .score(worst);
    if is_dark {
        finding
            .judged(
                severity,
                Text::new(
                    format!("画面过暗:95% 的像素亮度低于 {:.0}(满值 255)。", light.p95),
                    format!("The picture is too dark: 95 % of it is darker than {:.0} of 255.", light.p95),
                ),
            )
            .suggest(Text::new(
                "检查现场照明和红外灯,检查光圈、曝光和日夜切换设置。",
                "Check the lighting on site and the infrared lamp, then iris, exposure and day/night switching.",
            ))
            .into()
    } else if is_clipped || is_washed_out {
        let message = if is_clipped {
            Text::new(
                format!("画面过亮:{:.0}% 的像素已饱和。", 100.0 * light.clipped_share),
                format!(
                    "The picture is too bright: {:.0} % of it is clipped at white.",
                    100.0 * light.clipped_share
                ),
            )
        } else {
            Text::new(
                format!("画面过亮:95% 的像素亮度高于 {:.0}(满值 255)。", light.p5),
                format!("The picture is too bright: 95 % of it is brighter than {:.0} of 255.", light.p5),
            )
        };
        finding
            .judged(severity, message)
            .suggest(Text::new(
                "检查曝光、增益和背光补偿设置,检查镜头前是否有强光直射。",
                "Check exposure, gain and backlight compensation, and for a light that shines into the lens.",
            ))
            .into()
    } else {
        finding.judged(Status::Normal, Text::new("亮度正常。", "The brightness is fine.")).into()
    }
}

easysight_sdk::export!(Brightness);

#[cfg(test)]
mod tests;
