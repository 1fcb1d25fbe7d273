//! Finds clips without a picture. The picture is black from the beginning or from some moment on, or the stream breaks
//! off.
//!
//! Without a signal, black has the same level everywhere. The measure is the share of the picture at this level.
//! Averaging over 8 × 8 pixels removes the noise of an amplifier first, and the clock and names that a recorder writes
//! are ignored. A picture at night still shows shapes and glow after the averaging. `blue_screen` judges other solid
//! colours, cards and bars; exactly one of the two plugins raises an alarm. If there is no clip at all, the host
//! reports the loss itself, with the reason.

mod blank;

use easysight_sdk::{
    Clip, Description, Failure, Finding, JsonSchema, Plugin, Report, Status, Text, descriptor, finding,
    in_chinese,
};
use serde::Deserialize;

use blank::Course;

/// The duration that is requested.
const SPAN_MS: u32 = 3_000;
/// The interval between frames. Other diagnoses use the same interval, so that frames at the same times are
/// available.
const INTERVAL_MS: u32 = 200;

/// When a picture counts as missing.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// There is no picture if at least this share of the picture is blank. Blank means black, or white if the clip
    /// also shows a picture. Overlaid lettering is ignored.
    #[schemars(title = "Blank share limit", transform = in_chinese(
        "空白占比",
        "至少这一比例的画面为空白，即判为没有画面。空白指黑色；若片段中另有画面，也指白色。叠加的文字忽略不\
         计。",
    ))]
    #[schemars(range(min = 0.5, max = 1.0), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "blank_share", "side": "above"}))]
    pub blank_share: f64,
    /// A live stream has broken off if it covers less than this share of the requested duration.
    #[schemars(title = "Least received share", transform = in_chinese(
        "收到时长占比下限",
        "实时码流覆盖的时间不到所要求时长的这一比例，即判为中断。",
    ))]
    #[schemars(range(min = 0.0, max = 1.0), extend("unit" = "share"))]
    #[schemars(extend("limits" = {"metric": "covered_share", "side": "below"}))]
    pub covered_share: f64,
}

impl Default for Config {
    fn default() -> Self {
        // A dark scene with a few lit objects reaches 0.95.
        Self { blank_share: 0.96, covered_share: 0.8 }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct SignalLoss;

impl Plugin for SignalLoss {
    type Config = Config;

    fn descriptor() -> Description {
        descriptor("signal_loss", env!("CARGO_PKG_VERSION"))
            .diagnosis(
                "signal_loss",
                Text::new("信号丢失", "Signal loss"),
                Text::new(
                    "没有画面：连接失败、黑屏、画面中途消失或码流中断。夜间画面不会报警。",
                    "There is no picture: the connection fails, the picture is black or disappears during \
                     the clip, or the stream breaks off. Pictures at night raise no alarm.",
                ),
            )
            .over_time(1, INTERVAL_MS, SPAN_MS)
            // There is no picture, or only a blank one, possibly only in a part of the clip.
            .explains_everything("signal_loss")
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        Ok(Report { findings: vec![judge(&Course::of(clip, &config)?, &config)] })
    }
}

fn judge(course: &Course, config: &Config) -> Finding {
    let blank = score(course.blank_share, config.blank_share);
    let broken_off = course.covered_share < config.covered_share;
    let (metric, threshold, score) = if broken_off && blank > 50.0 {
        ("covered_share", config.covered_share, 50.0 * course.covered_share / config.covered_share)
    } else {
        ("blank_share", config.blank_share, blank)
    };
    let finding = finding("signal_loss")
        .metric("blank_share", course.blank_share, "share")
        .metric("covered_share", course.covered_share, "share")
        .decided_by(metric, threshold)
        .score(score);
    let finding = if blank <= 50.0 {
        let message = match course.picture_until_s {
            None => Text::new(
                "无画面信号：黑屏，码流正常但没有画面内容。",
                "No picture: the stream arrives, but its picture is black.",
            ),
            Some(lost) => Text::new(
                format!("无画面信号：画面在 {lost:.1} 秒后丢失，此后没有内容。"),
                format!("No picture: the picture was lost after {lost:.1} s and is blank from then on."),
            ),
        };
        finding.judged(Status::Critical, message)
    } else if broken_off {
        let message = Text::new(
            format!("码流中断：只收到应有时长的 {:.0}%。", 100.0 * course.covered_share),
            format!(
                "The stream broke off: only {:.0} % of the requested duration arrived.",
                100.0 * course.covered_share
            ),
        );
        finding.judged(Status::Error, message)
    } else {
        let fine = Text::new("有画面信号。", "There is a picture.");
        return finding.judged(Status::Normal, fine).into();
    };
    finding
        .suggest(Text::new(
            "检查摄像机供电、镜头盖和传感器；模拟通道请检查视频线和接头。",
            "Check the camera's power, lens cap and sensor; on an analogue channel, also the video cable and \
             its plugs.",
        ))
        .suggest(Text::new(
            "重启摄像机或编码器，并检查网络是否稳定。",
            "Restart the camera or the encoder, and check that the network is stable.",
        ))
        .into()
}

/// Computes the score: 100 at a share of 0, 50 at the threshold, 0 at a share of 1.
fn score(share: f64, threshold: f64) -> f64 {
    if share < threshold {
        100.0 - 50.0 * share / threshold
    } else {
        50.0 - 50.0 * (share - threshold) / (1.0 - threshold).max(1e-9)
    }
}

easysight_sdk::export!(SignalLoss);

#[cfg(test)]
mod tests;
