//! A tint over the whole picture: a white balance that went astray, an infrared filter that hangs, a
//! wire of the colour signal that broke.
//!
//! Most of what cameras look at is nearly grey: roads, walls, clouds, shadows. So the colour that
//! occurs most is close to grey in a sound picture, and where a tint lies over it that peak moves away
//! and hardly anything grey is left. A lawn, a brick wall, the sky and the light of a sunset or of
//! sodium lamps move the peak too, but black stays black under them, and their hues are known; these
//! must move it further before they count.

mod chroma;

use easysight_sdk::{
    Clip, Description, Failure, Finding, JsonSchema, Plugin, Report, Status, Text, descriptor, finding,
};
use serde::Deserialize;

use chroma::Chroma;

/// Thresholds, in units of the colour differences Cb and Cr (−128 to 127, 0 is grey).
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// The picture is tinted where its most frequent colour is so far from grey.
    #[schemars(range(min = 1.0, max = 128.0), extend("unit" = "Cb/Cr"))]
    pub cast: f64,
    /// The same where the hue is that of grass, earth, bricks or warm lamps and black is black; twice as
    /// much for the hue of the sky.
    #[schemars(range(min = 1.0, max = 128.0), extend("unit" = "Cb/Cr"))]
    pub natural_cast: f64,
    /// There is no tint where so large a share of the lit picture is grey.
    #[schemars(range(min = 0.01, max = 1.0), extend("unit" = "share"))]
    pub grey_share: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { cast: 8.0, natural_cast: 24.0, grey_share: 0.3 }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct ColorCast;

impl Plugin for ColorCast {
    type Config = Config;

    fn descriptor() -> Description {
        descriptor("color_cast", env!("CARGO_PKG_VERSION")).diagnosis(
            "color_cast",
            Text::new("偏色", "Colour cast"),
            Text::new(
                "整个画面偏向某种颜色。黑白和红外画面、草地、砖墙、蓝天和暖色灯光不会报警。",
                "A tint over the whole picture. Monochrome and infrared pictures, lawns, brick walls, a blue \
                 sky and warm lamps pass.",
            ),
        )
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let last = clip.info().frames.saturating_sub(1);
        let mut looks = vec![0, last / 2, last];
        looks.dedup();
        let mut measured = Vec::with_capacity(looks.len());
        for frame in looks {
            if let Some(chroma) = Chroma::of(clip, frame)? {
                measured.push((chroma.severity(&config), chroma));
            }
        }
        // The middle one: a lorry that fills one look does not decide.
        measured.sort_by(|a, b| a.0.total_cmp(&b.0));
        let middle = measured.len().saturating_sub(1) / 2;
        match measured.get(middle) {
            Some((severity, chroma)) => Ok(Report { findings: vec![judge(*severity, chroma, &config)] }),
            None => {
                Err(Failure::Inconclusive("the picture is too dark or too bright to show colours".into()))
            }
        }
    }
}

fn judge(severity: f64, chroma: &Chroma, config: &Config) -> Finding {
    // 50 at the threshold, halved with every doubling beyond.
    let score = if severity < 1.0 { 100.0 - 50.0 * severity } else { 50.0 / severity };
    let threshold = chroma.threshold(config);
    let finding = finding("color_cast")
        .metric("cast", chroma.cast(config), "Cb/Cr")
        .metric("peak_cb", chroma.peak.0, "Cb/Cr")
        .metric("peak_cr", chroma.peak.1, "Cb/Cr")
        .metric("grey_share", chroma.grey_share, "share")
        .metric("colourful", chroma.spread, "Cb/Cr")
        .decided_by("cast", threshold)
        .score(score);
    if severity < 1.0 {
        let fine = if chroma.is_monochrome() {
            Text::new("画面为黑白或红外,没有偏色。", "The picture is monochrome or infrared: no tint.")
        } else {
            Text::new("颜色正常。", "The colours are fine.")
        };
        return finding.judged(Status::Normal, fine).into();
    }
    let (zh, en) = chroma.hue_name();
    let status = if severity < 2.5 { Status::Warning } else { Status::Error };
    finding
        .judged(
            status,
            Text::new(format!("画面整体偏{zh}。"), format!("The whole picture has a tint of {en}.")),
        )
        .suggest(Text::new(
            "检查白平衡设置(改为自动或重新校准),并检查红外滤光片切换是否卡住。",
            "Check the white balance (set it to automatic or calibrate it), and whether the infrared filter \
             hangs.",
        ))
        .suggest(Text::new(
            "模拟摄像机请检查视频线和接头。",
            "With an analogue camera, check the video cable and its plugs.",
        ))
        .into()
}

easysight_sdk::export!(ColorCast);

#[cfg(test)]
mod tests;
