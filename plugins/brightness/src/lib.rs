//! Pictures that are too dark or too bright: judged by the histogram of the luma, and by comparison with the light
//! that the camera usually shows.
//!
//! A picture is too dark if even its brightest twentieth (p95) is dim. A street at night with lamps or headlights,
//! or an infrared picture, has bright parts and is normal. A picture is too bright if a large share is clipped at
//! white, if the ground is white (see [`light`]), or if even the darkest twentieth (p5) is nearly white. A camera's
//! automatic exposure brings the median of its picture near mid-grey (ISO 12232), even in snow or sand. So if the
//! median is nearly white, the picture is already too bright if its darkest twentieth is light. If the usual light is
//! known, the plugin also finds a dark picture that still has some light: all of its parts are darker by the same
//! factor (see [`usual`]).

mod light;
mod usual;
mod words;

use easysight_sdk::{
    Clip, Description, Failure, Finding, JsonSchema, Plugin, Report, Status, Text, descriptor, finding,
    in_chinese,
};
use serde::Deserialize;

use light::{Layout, Light};
use usual::{Said, Usual};

/// A picture is dim if four fifths of its parts ([`light::PARTS`]) are darker than this luma, in grey levels. If more
/// parts are lighter, the picture shows enough detail. It is then not too dark, even if it was much lighter before.
const DIM: f64 = 100.0;
/// The smallest median, in grey levels, of a pale picture. Automatic exposure aims at mid-grey, which is far from this
/// value.
const PALE: f64 = 200.0;
/// If more than this share of the pixels is clipped at white, detail is lost. Only then can more light than usual be a
/// fault; see [`Config::most_exposure`].
const CLIPPED: f64 = 0.12;

/// The thresholds. Grey levels are those of the full range (black 0, white 255).
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// The picture is too dark if 95 % of it is darker than this value. The lowest such value in 516 clips of healthy
    /// cameras (for development and validation), by day and at night, is 111. Synthetic night pictures have 90.
    #[schemars(title = "Dark picture limit", transform = in_chinese(
        "过暗阈值",
        "画面 95% 的部分暗于此值，即判为过暗。在 516 段正常摄像机的视频（开发用和验证用，昼夜都有）中，该亮\
         度最低为 111；合成的夜间画面为 90。",
    ))]
    #[schemars(range(min = 0.0, max = 255.0), extend("unit" = "grey level"))]
    #[schemars(extend("limits" = {"metric": "luma_p95", "side": "below"}))]
    pub dark_p95: f64,
    /// The picture is too bright if more than this share of it is clipped (above 250).
    #[schemars(title = "Clipped share limit", transform = in_chinese(
        "饱和占比上限",
        "饱和（亮度高于 250）的部分超过画面的这一比例，即判为过亮。",
    ))]
    #[schemars(range(min = 0.0, max = 1.0), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "clipped_share", "side": "above"}))]
    pub bright_clipped_share: f64,
    /// The picture is too bright if more than this share of its lower half is white (240 and above), because the
    /// ground, unlike the sky, is not white. The default is halfway between sunlit roofs and streets (0.23 and
    /// less) and an overexposed white road (0.41).
    #[schemars(title = "White ground limit", transform = in_chinese(
        "地面发白占比上限",
        "画面下半部有超过这一比例的部分为白色（亮度 240 及以上），即判为过亮，因为地面与天空不同，不是白色\
         的。默认值取日光下的屋顶和街道（0.23 及以下）与过曝的白色路面（0.41）的中间值。",
    ))]
    #[schemars(range(min = 0.0, max = 1.0), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "white_ground", "side": "above"}))]
    pub bright_ground_share: f64,
    /// A dim picture (four fifths of its parts are darker than 100) is too dark if its luma is less than this share of
    /// the luma of the darkest earlier clip with the same layout of bright and dark parts. Closing the iris by one stop
    /// halves the light on the sensor. The response of a camera is a power of about 0.45, so one stop leaves 0.73 of
    /// the luma. The default is about two stops. In 414 clips of healthy cameras in real light, the lowest share
    /// was 0.66.
    #[schemars(title = "Darkening limit", transform = in_chinese(
        "变暗比例下限",
        "较暗的画面（五分之四的区域暗于 100），若亮度低于明暗布局相同的历史片段中最暗一段的这一比例，即判为\
         过暗。光圈收小一档，传感器上的光减半；摄像机的响应约为 0.45 次幂，因此收小一档后亮度为原来的 0.73。\
         默认值约相当于两档。在 414 段真实光照下正常摄像机的视频中，该比例最低为 0.66。",
    ))]
    #[schemars(range(min = 0.0, max = 1.0), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "exposure", "side": "below"}))]
    pub least_exposure: f64,
    /// If more than 12 % of the picture is clipped, its luma may be at most this multiple of the luma of the brightest
    /// earlier clip with the same layout of bright and dark parts. With more, the picture is too bright. In 414 clips
    /// of healthy cameras in real light, the highest multiple was 1.13.
    #[schemars(title = "Brightening limit", transform = in_chinese(
        "变亮倍数上限",
        "若饱和的部分超过画面的 12%，亮度最多可为明暗布局相同的历史片段中最亮一段的这一倍数，超过即判为过\
         亮。在 414 段真实光照下正常摄像机的视频中，该倍数最高为 1.13。",
    ))]
    #[schemars(range(min = 1.0, max = 10.0), extend("unit" = ""))]
    #[schemars(extend("limits" = {"metric": "exposure", "side": "above"}))]
    pub most_exposure: f64,
    /// The picture is too bright if 95 % of it is brighter than this value.
    #[schemars(title = "Bright picture limit", transform = in_chinese(
        "过亮阈值",
        "画面 95% 的部分亮于此值，即判为过亮。",
    ))]
    #[schemars(range(min = 0.0, max = 255.0), extend("unit" = "grey level"))]
    #[schemars(extend("limits" = {"metric": "luma_p5", "side": "above"}))]
    pub bright_p5: f64,
    /// The picture is too bright if 95 % of it is brighter than this value and half of it is nearly white (200 and
    /// above). In fog and haze this value reaches 109, but at least half of such a picture is not nearly white.
    #[schemars(title = "Pale picture limit", transform = in_chinese(
        "发白画面阈值",
        "画面 95% 的部分亮于此值，且有一半接近纯白（亮度 200 及以上），即判为过亮。雾和霾中该亮度可达 109，\
         但这种画面至少有一半不接近纯白。",
    ))]
    #[schemars(range(min = 0.0, max = 255.0), extend("unit" = "grey level"))]
    #[schemars(extend("limits" = {"metric": "luma_p5", "side": "above"}))]
    pub pale_p5: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dark_p95: 80.0,
            bright_clipped_share: 0.25,
            bright_ground_share: 0.32,
            least_exposure: 0.55,
            most_exposure: 1.3,
            bright_p5: 190.0,
            pale_p5: 125.0,
        }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct Brightness;

impl Plugin for Brightness {
    type Config = Config;

    fn descriptor() -> Description {
        descriptor("brightness", env!("CARGO_PKG_VERSION"))
            .diagnosis(
                "brightness",
                Text::new("亮度", "Brightness"),
                Text::new(
                    "画面过暗或过亮。正常的夜间画面、红外画面和车灯不会报警；反复出现又自行恢复的黑暗会被记住。",
                    "The picture is too dark or too bright. Healthy pictures at night, in infrared light or \
                     with headlights raise no alarm, nor does darkness that ended by itself several times \
                     before.",
                ),
            )
            // In the dark the gain adds noise and removes colour, and the shutter stays open, which smears the
            // picture. In too much light everything is white. In both cases known edges disappear.
            .explains(
                "brightness",
                &["scene_change", "focus_blur", "lens_dirty", "contrast", "clarity", "noise", "color_cast"],
            )
            // If everything is white, nothing is visible, as if the camera were covered.
            .explains("brightness:clipped_share", &["occlusion"])
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let light = Light::of(clip)?;
        let layout = light::layout(clip)?;
        let usual = Usual::recall();
        let dim = light::brighter_parts(&layout) < DIM;
        let alone = verdict(&light, 1.0, dim, &config).said;
        let verdict = verdict(&light, usual.exposure(&layout), dim, &config);
        let is_usual = verdict.said != Said::Normal && usual.has_ended_before(verdict.said);
        let finding = judge(&light, &layout, &verdict, is_usual, usual.looks());
        usual.learn(&light, &layout, if alone == Said::Normal { verdict.said } else { alone })?;
        Ok(Report { findings: vec![finding] })
    }
}

/// Computes the score: 100 at `good` and beyond, 50 at the threshold, 0 at `worst` and beyond.
fn score(value: f64, good: f64, threshold: f64, worst: f64) -> f64 {
    let (from, to, base) = if (value - threshold) * (good - threshold) >= 0.0 {
        (threshold, good, 50.0)
    } else {
        (worst, threshold, 0.0)
    };
    let span = to - from;
    base + 50.0 * if span == 0.0 { 0.0 } else { ((value - from) / span).clamp(0.0, 1.0) }
}

/// The judgement of the light, and the metric that decides.
struct Verdict {
    said: Said,
    score: f64,
    metric: &'static str,
    threshold: f64,
    exposure: f64,
}

/// Judges the light. `exposure` is the ratio of the present light to the light of earlier clips with the same
/// layout.
fn verdict(light: &Light, exposure: f64, dim: bool, config: &Config) -> Verdict {
    let threshold = config.dark_p95;
    let most_p5 = if light.p50 >= PALE { config.pale_p5.min(config.bright_p5) } else { config.bright_p5 };
    let mut measures = vec![
        (Said::Dark, score(light.p95, 2.0 * threshold, threshold, 0.0), "luma_p95", threshold),
        (
            Said::Bright,
            score(light.clipped_share, 0.0, config.bright_clipped_share, 1.0),
            "clipped_share",
            config.bright_clipped_share,
        ),
        (
            Said::Bright,
            score(light.white_ground, 0.0, config.bright_ground_share, 1.0),
            "white_ground",
            config.bright_ground_share,
        ),
        (Said::Bright, score(light.p5, 0.5 * most_p5, most_p5, 255.0), "luma_p5", most_p5),
    ];
    if exposure > 1.0 && light.clipped_share > CLIPPED {
        let most = config.most_exposure;
        measures.push((Said::Bright, score(exposure, 1.0, most, 3.0 * most), "exposure", most));
    }
    if exposure < 1.0 && dim {
        let least = config.least_exposure;
        measures.push((Said::Dark, score(exposure, 1.0, least, 0.0), "exposure", least));
    }
    let beyond = |(said, score, metric, threshold): &(Said, f64, &'static str, f64)| {
        let is_beyond = match *metric {
            "luma_p95" => light.p95 < *threshold,
            "exposure" if *said == Said::Dark => exposure < *threshold,
            "exposure" => exposure > *threshold,
            "clipped_share" => light.clipped_share > *threshold,
            "white_ground" => light.white_ground > *threshold,
            _ => light.p5 > *threshold,
        };
        (if is_beyond { *said } else { Said::Normal }, *score, *metric, *threshold)
    };
    let verdicts = measures.iter().map(beyond);
    let worst = verdicts.min_by(|a, b| a.1.total_cmp(&b.1));
    let (said, score, metric, threshold) = worst.unwrap_or((Said::Normal, 100.0, "luma_p95", threshold));
    Verdict { said, score, metric, threshold, exposure }
}

fn judge(light: &Light, layout: &Layout, verdict: &Verdict, is_usual: bool, looks: usize) -> Finding {
    // Halfway from the threshold to the worst value, hardly anything is visible.
    let severity = if verdict.score < 25.0 { Status::Error } else { Status::Warning };
    let said = if is_usual { Said::Normal } else { verdict.said };
    let finding = finding("brightness")
        .metric("luma_mean", light.mean, "grey level")
        .metric("luma_p5", light.p5, "grey level")
        .metric("luma_p50", light.p50, "grey level")
        .metric("luma_p95", light.p95, "grey level")
        .metric("black_share", light.black_share, "share")
        .metric("clipped_share", light.clipped_share, "share")
        .metric("white_ground", light.white_ground, "share")
        .metric("exposure", verdict.exposure, "")
        .metric("looks", looks as f64, "")
        .decided_by(verdict.metric, verdict.threshold)
        .score(if is_usual { verdict.score.max(50.0) } else { verdict.score });
    match said {
        Said::Normal if is_usual => finding.judged(Status::Normal, words::usual(verdict.said, looks)).into(),
        Said::Normal => {
            finding.judged(Status::Normal, Text::new("亮度正常。", "The brightness is fine.")).into()
        }
        Said::Dark => words::dark(finding.judged(severity, words::how_dark(light, verdict, looks)), layout),
        Said::Bright => {
            words::bright(finding.judged(severity, words::how_bright(light, verdict, looks)), layout)
        }
    }
}

easysight_sdk::export!(Brightness);

#[cfg(test)]
mod tests;
