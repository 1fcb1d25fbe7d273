//! Judges the stream's timing and format: gaps between frames and, if the settings request it, also frame rate, size,
//! the interval between keyframes, and the camera's own clock.
//!
//! The measures are the times at which frames arrive, and the state of the camera's clock that the host reports.
//! Without further settings, only long gaps are judged. Smart codecs vary the keyframe interval and the frame rate on
//! purpose, and a camera whose clock is wrong has a good picture. So these properties are reported, but judged only on
//! request.

mod timing;

use easysight_sdk::{
    CameraClock, Clip, Description, Failure, Finding, JsonSchema, Plugin, Report, Status, Text, descriptor,
    finding, in_chinese,
};
use serde::Deserialize;

use timing::Timing;

/// The requested duration.
const SPAN_MS: u32 = 2_000;
/// The interval between frames.
const INTERVAL_MS: u32 = 200;

/// The slowest speed at which the camera's clock counts as right, as a multiple of real time. The host reports a clock
/// that is slower.
const SLOWEST_CLOCK: f64 = 0.8;
/// The fastest speed at which the camera's clock counts as right, as a multiple of real time. The host reports a clock
/// that is faster.
const FASTEST_CLOCK: f64 = 1.2;
/// The severity of a wrong clock (see [`Sign::severity`]). It makes the finding a warning, however wrong the clock is.
const WRONG_CLOCK: f64 = 1.5;

/// The requirements on the stream. For frame rate, width, height and keyframe interval, 0 means that any value is
/// allowed.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// The longest allowed interval between two frames. If two and a half frame intervals at the declared frame rate
    /// are longer, they are allowed.
    #[schemars(title = "Longest frame gap", transform = in_chinese(
        "最长帧间隔",
        "两帧之间允许的最长间隔。若按声明的帧率，2.5 个帧间隔更长，则允许到 2.5 个帧间隔。",
    ))]
    #[schemars(range(min = 0.1, max = 60.0), extend("unit" = "s"))]
    #[schemars(extend("limits" = {"metric": "longest_gap_s", "side": "above"}))]
    pub longest_gap_s: f64,
    /// The frame rate that the camera should send. A rate below nine tenths of this value is too low. 0: any rate is
    /// allowed.
    #[schemars(title = "Expected frame rate", transform = in_chinese(
        "应有帧率",
        "摄像机应发送的帧率。低于此值的十分之九即为过低。0 表示任何帧率都可以。",
    ))]
    #[schemars(range(min = 0.0, max = 240.0), extend("unit" = "frames/s"))]
    pub frame_rate: f64,
    /// The width that the picture should have. 0: any width is allowed.
    #[schemars(title = "Expected width", transform = in_chinese(
        "应有宽度",
        "画面应有的宽度。0 表示任何宽度都可以。",
    ))]
    #[schemars(range(min = 0, max = 16384), extend("unit" = "px"))]
    pub width: u32,
    /// The height that the picture should have. 0: any height is allowed.
    #[schemars(title = "Expected height", transform = in_chinese(
        "应有高度",
        "画面应有的高度。0 表示任何高度都可以。",
    ))]
    #[schemars(range(min = 0, max = 16384), extend("unit" = "px"))]
    pub height: u32,
    /// The longest allowed interval between two keyframes. 0: any interval is allowed.
    #[schemars(title = "Longest keyframe interval", transform = in_chinese(
        "最长关键帧间隔",
        "两个关键帧之间允许的最长间隔。0 表示任何间隔都可以。",
    ))]
    #[schemars(range(min = 0.0, max = 60.0), extend("unit" = "s"))]
    #[schemars(extend("limits" = {"metric": "keyframe_interval_s", "side": "above"}))]
    pub longest_keyframe_interval_s: f64,
    /// The largest number of jumps of the camera's clock within one capture that counts as normal. The clock of a
    /// camera jumps once when the camera sets it by the network.
    #[schemars(title = "Clock jump limit", transform = in_chinese(
        "时钟跳变次数上限",
        "一次采集中，摄像机的时钟跳变不超过这么多次即为正常。摄像机通过网络校时时，时钟会跳变一次。",
    ))]
    #[schemars(range(min = 0, max = 1000))]
    #[schemars(extend("limits" = {"metric": "clock_jumps", "side": "above"}))]
    pub max_clock_jumps: u32,
    /// True if wrong timestamps of the camera are a warning. If false, wrong timestamps are only reported. EasySight
    /// uses the arrival times of pictures, but recorders and players may use the timestamps.
    #[schemars(title = "Judge camera timestamps", transform = in_chinese(
        "判断时间戳",
        "开启后，摄像机的时间戳有误时报警告；关闭时，只作说明。EasySight 使用画面的到达时间，但录像机和播放\
         器可能使用时间戳。",
    ))]
    pub judge_clock: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            longest_gap_s: 1.0,
            frame_rate: 0.0,
            width: 0,
            height: 0,
            longest_keyframe_interval_s: 0.0,
            max_clock_jumps: 1,
            judge_clock: false,
        }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct Stream;

impl Plugin for Stream {
    type Config = Config;

    fn descriptor() -> Description {
        descriptor("stream", env!("CARGO_PKG_VERSION"))
            .diagnosis(
                "stream",
                Text::new("码流", "Stream"),
                Text::new(
                    "码流的帧间隔、帧率、分辨率、关键帧间隔和时间戳。默认只对明显的中断报警。",
                    "Gaps, rate, size, keyframe interval and timestamps of the stream. By default, only long \
                     gaps raise an alarm.",
                ),
            )
            .over_time(2, INTERVAL_MS, SPAN_MS)
    }

    fn diagnose(clip: &dyn Clip, config: Config) -> Result<Report, Failure> {
        let info = clip.info();
        let timing = Timing::of(&clip.frames());
        let mut signs = Vec::new();
        if config.width > 0 {
            signs.push(Sign::mismatch("width", info.width, config.width));
        }
        if config.height > 0 {
            signs.push(Sign::mismatch("height", info.height, config.height));
        }
        match &timing {
            Some(timing) => signs.extend(timing_signs(timing, info.frame_rate.into(), &config)),
            None if signs.is_empty() => {
                return Err(Failure::UnsupportedClip(
                    "a single picture does not show the timing of a stream; several frames are needed".into(),
                ));
            }
            None => {}
        }
        let mut clock = clip.clock().and_then(|clock| Sign::of_clock(clock, config.max_clock_jumps));
        if config.judge_clock {
            signs.extend(clock.take());
        }
        Ok(Report { findings: vec![judge(clip, timing.as_ref(), signs, clock)] })
    }
}

/// One judged property.
#[derive(Debug, Clone)]
struct Sign {
    metric: &'static str,
    threshold: f64,
    /// The severity. Above 1, the property is out of bounds. From 3 upwards, the finding is an error.
    severity: f64,
    message: Text,
    suggestion: Text,
}

impl Sign {
    fn mismatch(metric: &'static str, is: u32, expected: u32) -> Self {
        let (zh, en) = if metric == "width" { ("宽度", "wide") } else { ("高度", "high") };
        Self {
            metric,
            threshold: expected.into(),
            severity: if is == expected { 0.0 } else { 2.0 },
            message: Text::new(
                format!("分辨率不符：画面{zh}为 {is}，应为 {expected}。"),
                format!("The size is wrong: the picture is {is} px {en}, {expected} px are expected."),
            ),
            suggestion: check_network(),
        }
    }

    /// Judges the camera's clock. The picture is unaffected, so a wrong clock is never more than a warning.
    fn of_clock(clock: CameraClock, max_jumps: u32) -> Option<Self> {
        let (metric, threshold, (zh, en)) = match clock {
            CameraClock::Right => return None,
            CameraClock::Jumps(times) if times <= max_jumps => return None,
            CameraClock::Jumps(times) => (
                "clock_jumps",
                f64::from(max_jumps),
                (
                    format!("摄像机的时间戳跳变 {times} 次"),
                    format!("The camera's timestamps jumped {times} times"),
                ),
            ),
            CameraClock::StandsStill => (
                "clock_speed",
                SLOWEST_CLOCK,
                ("摄像机的时间戳停滞不前".into(), "The camera's timestamps stand still".into()),
            ),
            CameraClock::Runs(speed) => (
                "clock_speed",
                if speed > 1.0 { FASTEST_CLOCK } else { SLOWEST_CLOCK },
                (
                    format!("摄像机的时间戳走速是实际时间的 {speed:.1} 倍"),
                    format!("The camera's timestamps run {speed:.1} times as fast as real time"),
                ),
            ),
        };
        Some(Self {
            metric,
            threshold,
            severity: WRONG_CLOCK,
            message: Text::new(
                format!("{zh}，录像的时间可能有误。"),
                format!("{en}: times in recordings may be wrong."),
            ),
            suggestion: Text::new(
                "检查摄像机的校时（NTP）设置，必要时重启摄像机或升级固件。",
                "Check the camera's time settings (NTP); if that does not help, restart it or update its \
                 firmware.",
            ),
        })
    }
}

fn check_network() -> Text {
    Text::new(
        "检查网络带宽和丢包，并核对摄像机的编码参数（帧率、分辨率、关键帧间隔）。",
        "Check the network's bandwidth and packet loss, and the camera's encoder settings (rate, size, \
         keyframe interval).",
    )
}

fn timing_signs(timing: &Timing, declared: f64, config: &Config) -> Vec<Sign> {
    // A stream that declares a low rate, such as one frame every two seconds, is slow on purpose.
    let pace = if declared > 0.0 { 2.5 / declared } else { 0.0 };
    let longest = config.longest_gap_s.max(pace);
    let gap = timing.longest_gap_s;
    let mut signs = vec![Sign {
        metric: "longest_gap_s",
        threshold: longest,
        severity: gap / longest,
        message: Text::new(
            format!("码流卡顿：{gap:.1} 秒内没有收到画面。"),
            format!("The stream stalls: no picture for {gap:.1} s."),
        ),
        suggestion: check_network(),
    }];
    if config.frame_rate > 0.0
        && let Some(rate) = timing.frame_rate
    {
        let least = 0.9 * config.frame_rate;
        signs.push(Sign {
            metric: "frame_rate",
            threshold: least,
            severity: least / rate.max(1e-3),
            message: Text::new(
                format!("帧率过低：{rate:.1} 帧/秒，应为 {:.0}。", config.frame_rate),
                format!("The rate is low: {rate:.1} frames/s, {:.0} are expected.", config.frame_rate),
            ),
            suggestion: check_network(),
        });
    }
    let wanted = config.longest_keyframe_interval_s;
    if wanted > 0.0 {
        let interval = timing.longest_keyframe_interval_s;
        signs.push(Sign {
            metric: "keyframe_interval_s",
            threshold: wanted,
            severity: interval / wanted,
            message: Text::new(
                format!("关键帧间隔过长：至少 {interval:.1} 秒。"),
                format!("Keyframes are far apart: at least {interval:.1} s."),
            ),
            suggestion: check_network(),
        });
    }
    signs
}

/// Makes the finding. `reported` is a sign that the finding mentions but does not judge.
fn judge(clip: &dyn Clip, timing: Option<&Timing>, signs: Vec<Sign>, reported: Option<Sign>) -> Finding {
    let info = clip.info();
    let evidence = clip.evidence();
    let mut finding = finding("stream")
        .metric("width", info.width.into(), "px")
        .metric("height", info.height.into(), "px")
        .metric("declared_frame_rate", info.frame_rate.into(), "frames/s")
        .metric("missed_packets", evidence.missed_packets.into(), "");
    if let Some(timing) = timing {
        finding = finding
            .metric("longest_gap_s", timing.longest_gap_s, "s")
            .metric("keyframe_interval_s", timing.longest_keyframe_interval_s, "s")
            .metric("irregularity", timing.irregularity, "");
        if let Some(rate) = timing.frame_rate {
            finding = finding.metric("frame_rate", rate, "frames/s");
        }
    }
    match clip.clock() {
        None => {}
        Some(CameraClock::Right) => finding = finding.metric("clock_jumps", 0.0, ""),
        Some(CameraClock::Jumps(times)) => finding = finding.metric("clock_jumps", times.into(), ""),
        Some(CameraClock::StandsStill) => finding = finding.metric("clock_speed", 0.0, ""),
        Some(CameraClock::Runs(speed)) => finding = finding.metric("clock_speed", speed.into(), ""),
    }
    let fine = match reported {
        None => Text::new("码流正常。", "The stream is fine."),
        Some(sign) => {
            let Text { zh, en } = sign.message;
            Text::new(format!("码流正常。{zh}"), format!("The stream is fine. {en}"))
        }
    };
    let Some(worst) = signs.into_iter().max_by(|a, b| a.severity.total_cmp(&b.severity)) else {
        return finding.judged(Status::Normal, fine).into();
    };
    let severity = worst.severity;
    // The score is 50 at the threshold. Beyond the threshold it halves whenever the severity doubles.
    let score = if severity <= 1.0 { 100.0 - 50.0 * severity } else { 50.0 / severity };
    let finding = finding.decided_by(worst.metric, worst.threshold).score(score);
    if severity <= 1.0 {
        return finding.judged(Status::Normal, fine).into();
    }
    let status = if severity < 3.0 { Status::Warning } else { Status::Error };
    finding.judged(status, worst.message).suggest(worst.suggestion).into()
}

easysight_sdk::export!(Stream);

#[cfg(test)]
mod tests;
