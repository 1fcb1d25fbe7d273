//! Finds sensor noise and static (TV snow) by the grain of the picture's flat parts.
//!
//! Structure is removed with a mask (J. Immerkær, Fast noise variance estimation, 1996). The rest counts as noise
//! if it changes from one frame to the next and no larger structure changes with it. Grass, gravel and brick have
//! grain too, but their grain stays the same. Leaves and water move their grain together with larger structures, and
//! rain affects only a small part of the picture. Noise is everywhere, also in the flattest parts. It changes with
//! every frame and is finer than all other content. So a tile's noise is the smaller of two values: the tile's grain in
//! the picture, and its grain in the difference of two frames. The smaller value is reduced if the difference also
//! contains structure. The median of the flattest tiles decides. Encoders remove a part of the noise; the measure
//! is the noise that remains, which people see.
//!
//! [`speckle`] measures smeared noise, noise in colour only, and noise of a few single pixels. It also measures single
//! pictures. A single picture has a higher threshold, because it shows no change.

mod grain;
mod speckle;
mod tied;

use easysight_sdk::{
    Clip, Description, Failure, JsonSchema, Plugin, Report, Status, Text, descriptor, finding, in_chinese,
    score,
};
use serde::Deserialize;

use grain::{Noise, measure, pairs};
use speckle::{Speckles, lone_of_picture, of_change, of_picture};

/// The noise of a good camera by day, after encoding.
const CLEAN: f64 = 0.3;
/// The noise that hides everything but the coarsest outlines.
const WORST: f64 = 25.0;
/// Above this noise, faces and number plates are unrecognisable, and the finding is an error.
const ERROR: f64 = 12.0;

/// When a picture counts as noisy.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// The largest noise of a healthy picture: its standard deviation in flat parts, in grey levels of full range.
    #[schemars(title = "Noise limit", transform = in_chinese(
        "噪声上限",
        "正常画面的最大噪声：平坦处的标准差，以全范围的灰度级计。",
    ))]
    #[schemars(range(min = 0.5, max = 50.0), extend("unit" = "grey level"))]
    #[schemars(extend("limits" = {"metric": "noise", "side": "above"}))]
    pub most_noise: f64,
    /// The largest grain of a healthy single picture, in grey levels of full range. It is a separate limit because
    /// the grain of a single picture may be texture.
    #[schemars(title = "Grain limit", transform = in_chinese(
        "单帧颗粒上限",
        "正常的单幅画面的最大颗粒度，以全范围的灰度级计。单幅画面的颗粒可能是纹理，因此单独设限。",
    ))]
    #[schemars(range(min = 0.5, max = 100.0), extend("unit" = "grey level"))]
    #[schemars(extend("limits" = {"metric": "grain", "side": "above"}))]
    pub most_grain: f64,
    /// The largest noise in colour of a healthy picture: the standard deviation, in flat parts, of a plane of colour
    /// difference (Cb or Cr).
    #[schemars(title = "Colour noise limit", transform = in_chinese(
        "彩色噪声上限",
        "正常画面的最大彩色噪声：色差平面（Cb 或 Cr）在平坦处的标准差。",
    ))]
    #[schemars(range(min = 0.5, max = 50.0), extend("unit" = "grey level"))]
    #[schemars(extend("limits" = {"metric": "colour_noise", "side": "above"}))]
    pub most_colour_noise: f64,
    /// The largest share of the flattest tiles (16 × 16 pixels each) that may contain a pixel far brighter or
    /// darker than all of its neighbours.
    #[schemars(title = "Lone pixel limit", transform = in_chinese(
        "孤立像素占比上限",
        "最平坦的图块（每块 16 × 16 像素）中，含有远比所有相邻像素更亮或更暗的像素的图块，允许的最大占比。",
    ))]
    #[schemars(range(min = 0.01, max = 1.0), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "lone_pixels", "side": "above"}))]
    pub most_lone: f64,
}

impl Default for Config {
    fn default() -> Self {
        // Sharpened stills of a quarter of a megapixel reach a grain of 11 and have lone pixels in 0.42 of the tiles.
        // Healthy pictures at night reach a colour noise of 2.6. If lone pixels are spread by chance and one pixel in
        // 430 is lone, 0.45 of the tiles have a lone pixel.
        Self { most_noise: 4.0, most_grain: 11.5, most_colour_noise: 3.2, most_lone: 0.45 }
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
                    "The picture is grainy or full of static (TV snow). Rain, falling snow, leaves, \
                     texture and slight noise at night raise no alarm.",
                ),
            )
            .over_time(2, 200, 1_000)
            // Static hides detail, and the trained network of other plugins mistakes its texture for an object.
            .explains("noise", &["clarity", "occlusion:learned_odds", "lens_dirty:learned_odds"])
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let signs = signs(clip, &config)?;
        let Some(worst) = signs.iter().max_by(|a, b| a.ratio().total_cmp(&b.ratio())) else {
            return Err(Failure::Inconclusive("no part of the picture can be judged".into()));
        };
        let mut finding = finding("noise");
        for sign in &signs {
            finding = finding.metric(sign.metric, sign.value, sign.unit);
        }
        let (clean, most) = (CLEAN.min(worst.most / 2.0), worst.most);
        let finding = finding.decided_by(worst.metric, most).score(score(
            worst.value,
            clean,
            most,
            worst.terrible.max(2.0 * most),
        ));
        if worst.value <= most {
            let fine = Text::new("噪声水平正常。", "The noise is within bounds.");
            return Ok(finding.judged(Status::Normal, fine).into());
        }
        let severity = if worst.value > worst.error.max(most) { Status::Error } else { Status::Warning };
        Ok(finding
            .judged(severity, worst.message())
            .suggest(Text::new(
                "改善照明或补光，降低增益，检查降噪设置；若为雪花，检查视频线缆、接头和供电干扰。",
                "Improve the lighting, lower the gain, and check the noise reduction. If the noise is static \
                 (TV snow), check the cable, the plugs and interference from the power supply.",
            ))
            .into())
    }
}

/// A sign of noise: a measurement and its limits.
struct Sign {
    metric: &'static str,
    unit: &'static str,
    value: f64,
    most: f64,
    /// The value above which the finding is an error.
    error: f64,
    /// The value at which only noise is visible.
    terrible: f64,
}

impl Sign {
    fn ratio(&self) -> f64 {
        self.value / self.most
    }

    fn message(&self) -> Text {
        let value = self.value;
        match self.metric {
            "noise" => Text::new(
                format!("画面噪点明显：平坦处逐帧变化的噪声标准差达 {value:.1} 灰度级（依据多帧对比）。"),
                format!(
                    "The picture is noisy: its flat parts flicker by {value:.1} grey levels (standard \
                     deviation) from frame to frame."
                ),
            ),
            "grain" => Text::new(
                format!(
                    "画面布满噪点：各处颗粒均匀，约 {value:.0} 灰度级（仅凭单张画面，多帧可进一步确认）。"
                ),
                format!(
                    "The picture is full of even grain of about {value:.0} grey levels (judged by this \
                     picture alone; several frames would be more certain)."
                ),
            ),
            "colour_noise" => Text::new(
                format!("画面有彩色噪点：色差平面的噪声标准差达 {value:.1} 灰度级。"),
                format!(
                    "The picture has noise in colour: a standard deviation of {value:.1} grey levels in a \
                     plane of colour difference."
                ),
            ),
            _ => Text::new(
                format!(
                    "画面布满孤立亮点或黑点（雪花、椒盐噪声或坏点）：{:.0} % 的平坦区域可见。",
                    100.0 * value
                ),
                format!(
                    "Lone pixels, bright or dark, are all over the picture (static, salt and pepper, or hot \
                     pixels): they are in {:.0} % of its flat parts.",
                    100.0 * value
                ),
            ),
        }
    }
}

/// Measures the signs in several frames, or in a single picture.
fn signs(clip: &dyn Clip, config: &Config) -> Result<Vec<Sign>, Failure> {
    let first = pairs(&clip.frames(), &[0]).first().copied();
    let level = |metric, value, most: f64| Sign {
        metric,
        unit: "grey level",
        value,
        most,
        error: ERROR / config.most_noise.max(0.1) * most,
        terrible: WORST / config.most_noise.max(0.1) * most,
    };
    let lone = |value: f64| Sign {
        metric: "lone_pixels",
        unit: "share",
        value,
        most: config.most_lone,
        error: 0.8,
        terrible: 1.0,
    };
    let Some((before, after)) = first else {
        let Speckles { grain, colour, lone: share } = of_picture(clip, 0)?;
        return Ok(vec![
            level("grain", grain, config.most_grain),
            level("colour_noise", colour, config.most_colour_noise),
            lone(share),
        ]);
    };
    let Noise { deviation, grain, change } = measure(clip)?;
    let moving = of_change(clip, before, after)?;
    // Hot pixels do not change, so they are counted in the picture, not in the difference of two frames.
    let share = moving.lone.max(lone_of_picture(clip, 0)?);
    let known = |metric, value| Sign { most: f64::INFINITY, ..level(metric, value, 1.0) };
    Ok(vec![
        level("noise", deviation.max(moving.grain), config.most_noise),
        known("grain", grain),
        known("change", change),
        level("colour_noise", moving.colour, config.most_colour_noise),
        lone(share),
    ])
}

easysight_sdk::export!(NoisePlugin);

#[cfg(test)]
mod tests;
