//! {{Title}}: an example to start from. It measures the share of the picture that is dark, and warns if most of
//! the picture is dark. Replace the measurement in [`measure`] and the judgement in [`judge`] with your own.

use easysight_sdk::{
    Clip, Description, Failure, JsonSchema, Plugin, Report, Status, Text, descriptor, finding,
    image::Histogram, in_chinese,
};
use serde::Deserialize;

/// The width of the measured picture, in pixels. The host provides smaller versions of the picture, each half the
/// size of the one before. Request no more pixels than your measurement needs, because every byte costs fuel.
const WIDTH: u32 = 640;

/// The thresholds. Each threshold has a unit, a range and a default. Operators see the thresholds in the web UI, with
/// the title and the comment of the field in English, and the texts of `in_chinese` in Chinese.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// A pixel is dark if its luma is below this value.
    #[schemars(title = "Dark pixel limit", transform = in_chinese(
        "暗像素阈值",
        "像素的亮度低于此值，即为暗像素。",
    ))]
    #[schemars(range(min = 1, max = 255), extend("unit" = "grey level"))]
    pub dark_luma: u8,
    /// The finding is a warning if more than this share of the picture is dark.
    #[schemars(title = "Dark share limit", transform = in_chinese(
        "过暗占比上限",
        "画面中暗的部分超过这一比例，即为警告。",
    ))]
    #[schemars(range(min = 0.0, max = 1.0), extend("unit" = "share"))]
    pub dark_share: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { dark_luma: 40, dark_share: 0.8 }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct Diagnosis;

impl Plugin for Diagnosis {
    type Config = Config;

    fn descriptor() -> Description {
        descriptor("{{name}}", env!("CARGO_PKG_VERSION")).diagnosis(
            "{{name}}",
            Text::new("{{Title}}（示例）", "{{Title}}"),
            Text::new("画面大部分过暗。", "Most of the picture is dark."),
        )
        // One picture is enough here. `.over_time(10, 200, 2_000)` requests two seconds, with a frame every 200
        // ms.
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let share = measure(clip, config.dark_luma)?;
        Ok(judge(share, config.dark_share))
    }
}

/// Measures the share of dark pixels in the clip's middle frame.
fn measure(clip: &dyn Clip, dark_luma: u8) -> Result<f64, Failure> {
    let info = clip.info();
    let luma = clip.luma(info.frames / 2, clip.level_within(WIDTH))?;
    // Most cameras encode black as 16. In full range, black is 0.
    let histogram = Histogram::of(&luma).full_range(info.range);
    Ok(histogram.share_within(0..=dark_luma.saturating_sub(1)))
}

/// Judges the share. The score is 100 if no pixel is dark, 50 at the threshold and 0 if all pixels are dark.
fn judge(share: f64, threshold: f64) -> Report {
    let score = if share <= threshold {
        100.0 - 50.0 * share / threshold.max(f64::EPSILON)
    } else {
        50.0 * (1.0 - share) / (1.0 - threshold).max(f64::EPSILON)
    };
    let finding = finding("{{name}}")
        .metric("dark_share", share, "share")
        .decided_by("dark_share", threshold)
        .score(score);
    if share <= threshold {
        return finding.judged(Status::Normal, Text::new("画面正常。", "The picture is fine.")).into();
    }
    finding
        .judged(
            Status::Warning,
            Text::new(
                format!("画面的 {:.0}% 过暗。", 100.0 * share),
                format!("{:.0} % of the picture is dark.", 100.0 * share),
            ),
        )
        .suggest(Text::new("检查照明和光圈。", "Check the lighting and the iris."))
        .into()
}

easysight_sdk::export!(Diagnosis);

#[cfg(test)]
mod tests {
    use easysight_sdk::{Finding, native, testing::ArrayClip};

    use super::*;

    /// Runs the plugin natively, without a sandbox, and returns its finding for one picture.
    fn found(config: &str, luma: impl Fn(u32, u32) -> u8) -> Finding {
        let clip = ArrayClip::new(160, 90).frame(0, true, luma);
        native::<Diagnosis>(&clip, config).unwrap().findings.remove(0)
    }

    #[test]
    fn a_dark_picture_is_found_and_a_bright_one_is_not() {
        assert_eq!(found("{}", |_, _| 10).status, Status::Warning);
        assert_eq!(found("{}", |_, _| 120).status, Status::Normal);
    }

    #[test]
    fn the_threshold_is_the_operators() {
        let half = |x: u32, _: u32| if x < 80 { 10 } else { 120 };
        assert_eq!(found("{}", half).status, Status::Normal);
        assert_eq!(found(r#"{"dark_share": 0.4}"#, half).status, Status::Warning);
    }
}
