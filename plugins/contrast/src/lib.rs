//! Fog, a veil before the lens, washed-out pictures: judged by how far the darkest and the brightest
//! parts lie apart, measured against both.
//!
//! A veil of stray light adds the same to every part of the picture: what was black becomes grey. So
//! what counts is Michelson's contrast, (bright − dark) / (bright + dark), not the span itself: a healthy
//! night is narrow and has its blacks, a foggy day may be as wide and has none. A plain wall has neither;
//! it also has no structure, whereas fog leaves the outlines of what is near. Where there is no
//! structure, the picture cannot tell.
//!
//! A camera that is known is held against itself: a veil leaves part of its usual span, and lifts its
//! dark parts. By night the span shrinks too, and its dark parts with it.

mod usual;

use easysight_sdk::{
    Clip, Description, Failure, Finding, JsonSchema, PlaneKind, Plugin, Rect, Report, SampleRange, Status,
    Text, descriptor, finding, image::Histogram, score,
};
use serde::Deserialize;

use usual::Usual;

/// Width, in pixels, of the picture that is judged: outlines are wider than noise there.
const WIDTH: u32 = 320;
/// Number of frames that are looked at.
const FRAMES: u32 = 3;
/// Share of the height that is left out at the top and at the bottom, where recorders draw black and
/// white lettering that no fog reaches.
const MARGIN: u32 = 10;
/// Share of the picture that may be darker than what counts as dark, and brighter than what counts as
/// bright.
const EXTREME: f64 = 0.001;
/// Contrast of pictures without any haze.
const CLEAR: f64 = 0.9;
/// Where less than this share of the threshold is left, next to nothing is to be seen.
const ERROR: f64 = 0.5;

/// When a picture lacks contrast.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// Least contrast (bright − dark) / (bright + dark) of a healthy picture: 0 for an even grey, 1 where
    /// there is black.
    #[schemars(range(min = 0.0, max = 1.0), extend("unit" = "share"))]
    pub least_contrast: f64,
    /// A picture whose strongest outlines (the strongest hundredth) rise by less than this is a plain
    /// surface, and its contrast tells nothing.
    #[schemars(range(min = 0.0, max = 255.0), extend("unit" = "grey level"))]
    pub least_outline: f64,
    /// Stray light over what the camera usually shows, as a share of its bright parts, from which on a
    /// picture is washed out.
    #[schemars(range(min = 0.05, max = 1.0), extend("unit" = "share"))]
    pub most_veil: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { least_contrast: 0.42, least_outline: 5.0, most_veil: 0.2 }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct Contrast;

/// What is measured of a frame, in grey levels of full range.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Tones {
    dark: f64,
    bright: f64,
    low: f64,
    span: f64,
    outline: f64,
}

impl Tones {
    /// Michelson's contrast; an entirely black picture counts as having its blacks.
    fn contrast(&self) -> f64 {
        let sum = self.bright + self.dark;
        if sum == 0.0 { 1.0 } else { (self.bright - self.dark) / sum }
    }
}

impl Plugin for Contrast {
    type Config = Config;

    fn descriptor() -> Description {
        descriptor("contrast", env!("CARGO_PKG_VERSION"))
            .diagnosis(
                "contrast",
                Text::new("对比度", "Contrast"),
                Text::new(
                    "画面发灰、起雾,没有暗部。夜间画面和平坦墙面不会报警。",
                    "The picture is foggy or washed out and has no blacks. Night and plain walls pass.",
                ),
            )
            .over_time(1, 1_000, 2_000)
            // Fog and veils take detail and the far edges with them.
            .explains("contrast", &["scene_change", "clarity"])
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let tones = measure(clip)?;
        if tones.contrast() < config.least_contrast && tones.outline < config.least_outline {
            return Err(Failure::Inconclusive(
                "the picture shows hardly any outline: a plain surface and thick fog look alike".into(),
            ));
        }
        let usual = Usual::recall();
        let veil = usual.map_or(0.0, |usual| usual.veil(&tones));
        let finding = judge(&tones, veil, &config);
        if finding.status == Status::Normal {
            Usual::learn(usual, &tones)?;
        }
        Ok(Report { findings: vec![finding] })
    }
}

/// Of each value the median over the frames.
fn measure(clip: &dyn Clip) -> Result<Tones, Failure> {
    let level = clip.level_within(WIDTH);
    let (width, height) = clip.size(PlaneKind::Luma, level)?;
    let margin = height / MARGIN;
    let area = Rect { x: 0, y: margin, width, height: height - 2 * margin };
    let range = clip.info().range;
    let mut tones = Vec::new();
    for frame in clip.spread(FRAMES) {
        tones.push(tones_of(&clip.crop(frame, PlaneKind::Luma, level, area)?, width as usize, range));
    }
    Ok(Tones {
        dark: median(&tones, |tones| tones.dark),
        bright: median(&tones, |tones| tones.bright),
        low: median(&tones, |tones| tones.low),
        span: median(&tones, |tones| tones.span),
        outline: median(&tones, |tones| tones.outline),
    })
}

fn tones_of(luma: &[u8], width: usize, range: SampleRange) -> Tones {
    let histogram = Histogram::of(luma).full_range(range);
    let mut rises = vec![0; luma.len()];
    for (row, rises) in luma.chunks_exact(width).zip(rises.chunks_exact_mut(width)) {
        let right = row.get(2..).unwrap_or_default();
        for ((&left, &right), rise) in row.iter().zip(right).zip(rises) {
            *rise = left.abs_diff(right);
        }
    }
    let scale = match range {
        SampleRange::Full => 1.0,
        SampleRange::Limited => 255.0 / 219.0,
    };
    let at = |share| f64::from(histogram.percentile(share));
    Tones {
        dark: at(EXTREME),
        bright: at(1.0 - EXTREME),
        low: at(0.05),
        span: at(0.95) - at(0.05),
        outline: scale * f64::from(Histogram::of(&rises).percentile(0.99)),
    }
}

/// The middle one; of two the lower.
fn median(tones: &[Tones], value: impl Fn(&Tones) -> f64) -> f64 {
    let mut values: Vec<f64> = tones.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

fn judge(tones: &Tones, veil: f64, config: &Config) -> Finding {
    let contrast = tones.contrast();
    let (least, most) = (config.least_contrast, config.most_veil);
    let by_contrast = score(contrast, CLEAR.max(least), least, 0.0);
    let by_veil = score(veil, 0.0, most, 1.0);
    let (metric, threshold) = if by_veil < by_contrast { ("veil", most) } else { ("contrast", least) };
    let finding = finding("contrast")
        .metric("contrast", contrast, "share")
        .metric("veil", veil, "share")
        .metric("dark", tones.dark, "grey level")
        .metric("bright", tones.bright, "grey level")
        .metric("span", tones.span, "grey level")
        .metric("outline", tones.outline, "grey level")
        .decided_by(metric, threshold)
        .score(by_contrast.min(by_veil));
    if contrast >= least && veil < most {
        return finding.judged(Status::Normal, Text::new("对比度正常。", "The contrast is fine.")).into();
    }
    let severity = if contrast < ERROR * least { Status::Error } else { Status::Warning };
    finding
        .judged(
            severity,
            Text::new(
                format!("画面发灰:最暗处亮度为 {:.0},最亮处仅 {:.0}(满值 255)。", tones.dark, tones.bright),
                format!(
                    "The picture is washed out: its darkest parts are at {:.0}, its brightest at {:.0} of 255.",
                    tones.dark, tones.bright
                ),
            ),
        )
        .suggest(Text::new(
            "检查现场是否有雾;擦拭镜头和护罩,检查护罩内是否结露;检查红外灯反光和逆光。",
            "See whether there is fog on site; wipe lens and housing, look for condensation behind the window, \
             for infrared light reflected by it, and for light that shines into the lens.",
        ))
        .into()
}

easysight_sdk::export!(Contrast);

#[cfg(test)]
mod tests;
