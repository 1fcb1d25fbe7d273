//! A tint over the whole picture: a wrong white balance, a stuck infrared filter, or a broken wire of the colour
//! signal.
//!
//! Most scenes are nearly grey: roads, walls, clouds, shadows. So in a healthy picture the most frequent colour is
//! close to grey. A tint moves this colour, the peak, away from grey, and leaves hardly anything grey (assumption of a
//! grey world, Buchsbaum 1980). Most of the picture must lean towards the peak, because a tint colours every part,
//! whereas a blue sky above ground does not. A lawn, a brick wall, snow in the shade and the light of a sunset or of
//! sodium lamps move the peak too, but they leave black parts black, and their hues are known. For these hues, the
//! peak must be farther from grey. For the hues of the sky, the light parts must be blue as well. Nothing in nature
//! fills a picture with violet, so even a faint violet tint counts if it is everywhere.
//!
//! If the camera's usual colours are known, a fainter tint is found: places that were grey are no longer grey (see
//! [`usual`]).

mod chroma;
mod usual;

use easysight_sdk::{
    Clip, Description, Failure, Finding, JsonSchema, Plugin, Report, Status, Text,
    baseline::{self, Light},
    descriptor, finding, in_chinese,
};
use serde::Deserialize;

use chroma::{Chroma, Pixels, hue_name};
use usual::{Move, Usual, View};

/// The settings. Distances are in units of the colour differences Cb and Cr (−128 to 127, 0 is grey).
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// The picture is tinted if its most frequent colour is at least this far from grey.
    #[schemars(title = "Tint limit", transform = in_chinese(
        "偏色阈值",
        "画面中最常见的颜色与灰色的距离达到此值，即判为偏色。",
    ))]
    #[schemars(range(min = 1.0, max = 128.0), extend("unit" = "Cb/Cr"))]
    #[schemars(extend("limits" = {"metric": "cast", "side": "above"}))]
    pub cast: f64,
    /// The picture is tinted if its most frequent colour is violet or magenta and at least this far from grey, and
    /// every part of the picture leans that way. Nothing in nature fills a picture with these hues.
    #[schemars(title = "Violet tint limit", transform = in_chinese(
        "紫色偏色阈值",
        "画面中最常见的颜色为紫色或品红色，与灰色的距离达到此值，且画面各处都偏向该颜色，即判为偏色。自然界\
         中没有任何东西会让画面布满这类色调。",
    ))]
    #[schemars(range(min = 1.0, max = 128.0), extend("unit" = "Cb/Cr"))]
    #[schemars(extend("limits" = {"metric": "cast", "side": "above"}))]
    pub faint_cast: f64,
    /// If the black parts of the picture have no tint, and the most frequent colour has the hue of grass, earth, bricks
    /// or warm lamps, the picture is tinted only if this colour is at least this far from grey. The distance for the
    /// hue of the sky is twice as large.
    #[schemars(title = "Natural hue limit", transform = in_chinese(
        "自然色调阈值",
        "若画面的黑色部分没有偏色，且最常见的颜色为草地、泥土、砖墙或暖色灯光的色调，则该颜色与灰色的距离达\
         到此值才判为偏色。对天空的色调，距离须达到两倍。",
    ))]
    #[schemars(range(min = 1.0, max = 128.0), extend("unit" = "Cb/Cr"))]
    #[schemars(extend("limits" = {"metric": "cast", "side": "above"}))]
    pub natural_cast: f64,
    /// There is no tint if at least this share of the lit picture (neither dark nor clipped) is grey.
    #[schemars(title = "Sufficient grey share", transform = in_chinese(
        "灰色占比",
        "受光部分（既不过暗也未饱和）中至少这一比例为灰色，即判为没有偏色。",
    ))]
    #[schemars(range(min = 0.01, max = 1.0), extend("unit" = "share"))]
    pub grey_share: f64,
    /// The picture is tinted if the colours of places that were grey before have moved at least this far. Towards the
    /// hues of a low sun and lamps, they must have moved twice as far.
    #[schemars(title = "Colour change limit", transform = in_chinese(
        "颜色变化阈值",
        "以前为灰色的地方，颜色移动的距离达到此值，即判为偏色。若移向低角度阳光和灯光的色调，距离须达到两\
         倍。",
    ))]
    #[schemars(range(min = 1.0, max = 128.0), extend("unit" = "Cb/Cr"))]
    #[schemars(extend("limits" = {"metric": "change", "side": "above"}))]
    pub change: f64,
    /// True to remember the usual colours of the camera, and to compare each clip with them.
    #[schemars(title = "Remember usual colours", transform = in_chinese(
        "记住平时的颜色",
        "开启后，记住该摄像机平时的颜色，并将每段视频与之比较。",
    ))]
    pub use_baseline: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cast: 8.0,
            faint_cast: 5.0,
            natural_cast: 28.0,
            grey_share: 0.3,
            change: 6.0,
            use_baseline: true,
        }
    }
}

/// The severity that is reported for a tint that occurred before and ended without intervention. 1 is the threshold.
const USUAL: f64 = 0.9;

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
                "整个画面偏向某种颜色。黑白和红外画面、草地、砖墙、蓝天和暖色灯光不会报警。记住平时的颜色后，\
                 较轻的偏色也能发现。",
                "A tint over the whole picture. Monochrome and infrared pictures, lawns, brick walls, a blue \
                 sky and warm lamps raise no alarm. If the camera's usual colours are known, a fainter tint \
                 is found.",
            ),
        )
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let last = clip.info().frames.saturating_sub(1);
        let mut looks = vec![0, last / 2, last];
        looks.dedup();
        let mut measured = Vec::with_capacity(looks.len());
        for frame in looks {
            let pixels = Pixels::of(clip, frame)?;
            if let Some(chroma) = Chroma::of(&pixels.values) {
                measured.push((chroma.severity(&config), chroma, pixels));
            }
        }
        // The median frame decides, so that a lorry that fills one frame has no effect.
        measured.sort_by(|a, b| a.0.total_cmp(&b.0));
        let middle = measured.len().saturating_sub(1) / 2;
        let Some((severity, chroma, pixels)) = measured.get(middle) else {
            return Err(Failure::Inconclusive(
                "the picture is too dark or too bright to show colours".into(),
            ));
        };
        let Some(view) = config.use_baseline.then(|| View::of(pixels)).flatten() else {
            return Ok(Report { findings: vec![judge(*severity, chroma, None, &config)] });
        };
        let light = Light::of(clip)?;
        let mut usual = baseline::load::<Usual>().unwrap_or_default();
        let moved = usual.moved(light, &view).filter(|moved| moved.distance() > usual.tolerated());
        let is_usual = *severity >= 1.0 && *severity <= usual.tolerated_alone();
        let alone = if is_usual { USUAL } else { *severity };
        let finding = judge(alone, chroma, moved, &config);
        let distance = moved.map_or(0.0, |moved| moved.distance());
        let is_change = distance > 0.0 && finding.decision.metric == "change";
        let alarm = (finding.status != Status::Normal)
            .then_some((if is_change { distance } else { 0.0 }, if alone >= 1.0 { alone } else { 0.0 }));
        usual.learn(light, view, alarm);
        baseline::store(&usual).map_err(|error| Failure::Internal(error.to_string()))?;
        Ok(Report { findings: vec![finding] })
    }
}

/// Judges the tint by itself and by comparison with the usual colours. The measurement that exceeds its threshold by
/// the larger factor decides.
fn judge(absolute: f64, chroma: &Chroma, moved: Option<Move>, config: &Config) -> Finding {
    let change = moved.map_or(0.0, |moved| moved.distance() / moved.threshold(config.change));
    let by_change = moved.filter(|_| change > absolute);
    let severity = absolute.max(change);
    // The score is 50 at the threshold, and halves whenever the severity doubles beyond it.
    let score = if severity < 1.0 { 100.0 - 50.0 * severity } else { 50.0 / severity };
    let mut finding = finding("color_cast")
        .metric("cast", chroma.cast(config), "Cb/Cr")
        .metric("peak_cb", chroma.peak.0, "Cb/Cr")
        .metric("peak_cr", chroma.peak.1, "Cb/Cr")
        .metric("grey_share", chroma.grey_share, "share")
        .metric("agreement", chroma.agreement, "share")
        .metric("everywhere", chroma.everywhere, "Cb/Cr")
        .metric("highlights", chroma.highlights, "Cb/Cr")
        .metric("colourful", chroma.spread, "Cb/Cr")
        .score(score);
    finding = match moved {
        Some(moved) => finding.metric("change", moved.distance(), "Cb/Cr"),
        None => finding,
    };
    finding = match by_change {
        Some(moved) => finding.decided_by("change", moved.threshold(config.change)),
        None => finding.decided_by("cast", chroma.threshold(config)),
    };
    if severity < 1.0 {
        let fine = if chroma.is_monochrome() {
            Text::new("画面为黑白或红外，没有偏色。", "The picture is monochrome or infrared: no tint.")
        } else {
            Text::new("颜色正常。", "The colours are fine.")
        };
        return finding.judged(Status::Normal, fine).into();
    }
    let (zh, en) = by_change
        .map_or_else(|| hue_name(chroma.peak.0, chroma.peak.1), |moved| hue_name(moved.cb, moved.cr));
    let status = if severity < 2.5 { Status::Warning } else { Status::Error };
    finding
        .judged(
            status,
            match by_change {
                Some(_) => Text::new(
                    format!("与该摄像机平时相比，画面整体偏{zh}（与此前多次检查相比）。"),
                    format!("The whole picture has a tint of {en}, which this camera usually does not show."),
                ),
                None => Text::new(
                    format!("画面整体偏{zh}（仅凭本次画面判断）。"),
                    format!("The whole picture has a tint of {en} (judged by this picture alone)."),
                ),
            },
        )
        .suggest(Text::new(
            "检查白平衡设置（改为自动或重新校准），并检查红外滤光片切换是否卡住。",
            "Check the white balance (set it to automatic or calibrate it), and whether the infrared filter \
             is stuck.",
        ))
        .suggest(Text::new(
            "模拟摄像机请检查视频线和接头。",
            "For an analogue camera, check the video cable and its plugs.",
        ))
        .into()
}

easysight_sdk::export!(ColorCast);

#[cfg(test)]
mod tests;
