//! What arrives, held against what should: gaps in time, and where a person says what to expect also
//! rate, size and the distance of keyframes.
//!
//! By itself it judges only what is plainly wrong. Smart codecs vary the distance of keyframes and the
//! rate on purpose, so both are told and not judged unless a threshold is given.

mod timing;

use easysight_sdk::{
    Clip, Description, Failure, Finding, JsonSchema, Plugin, Report, Status, Text, descriptor, finding,
};
use serde::Deserialize;

use timing::Timing;

/// Stretch of the clip that is asked for.
const SPAN_MS: u32 = 2_000;
/// Time between its frames.
const INTERVAL_MS: u32 = 200;

/// What is expected of the stream. 0 expects nothing.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "easysight_sdk::schemars")]
pub struct Config {
    /// The longest time from one frame to the next; that of two and a half frames where the stream is
    /// declared to be slower.
    #[schemars(range(min = 0.1, max = 60.0), extend("unit" = "s"))]
    pub longest_gap_s: f64,
    /// The rate that the camera should send; less than nine tenths of it is too little.
    #[schemars(range(min = 0.0, max = 240.0), extend("unit" = "frames/s"))]
    pub frame_rate: f64,
    /// The width that the picture should have.
    #[schemars(range(min = 0, max = 16384), extend("unit" = "px"))]
    pub width: u32,
    /// The height that the picture should have.
    #[schemars(range(min = 0, max = 16384), extend("unit" = "px"))]
    pub height: u32,
    /// The longest time between two keyframes.
    #[schemars(range(min = 0.0, max = 60.0), extend("unit" = "s"))]
    pub longest_keyframe_interval_s: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { longest_gap_s: 1.0, frame_rate: 0.0, width: 0, height: 0, longest_keyframe_interval_s: 0.0 }
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
                    "码流的帧间隔、帧率、分辨率和关键帧间隔。默认只对明显的中断报警。",
                    "Gaps, rate, size and keyframe interval of the stream. By default only plain gaps count.",
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
                    "a single picture tells nothing of a stream; a stretch of video is needed".into(),
                ));
            }
            None => {}
        }
        Ok(Report { findings: vec![judge(clip, timing.as_ref(), signs)] })
    }
}

/// One thing that is judged.
#[derive(Debug, Clone)]
struct Sign {
    metric: &'static str,
    threshold: f64,
    /// Above 1 it is out of bounds.
    severity: f64,
    message: Text,
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
        }
    }
}

fn timing_signs(timing: &Timing, declared: f64, config: &Config) -> Vec<Sign> {
    // Slow streams, such as a frame every two seconds, are slow on purpose.
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
        });
    }
    signs
}

fn judge(clip: &dyn Clip, timing: Option<&Timing>, signs: Vec<Sign>) -> Finding {
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
    let Some(worst) = signs.into_iter().max_by(|a, b| a.severity.total_cmp(&b.severity)) else {
        return finding.judged(Status::Normal, Text::new("码流正常。", "The stream is fine.")).into();
    };
    let severity = worst.severity;
    // 50 at the threshold, halved with every doubling beyond.
    let score = if severity <= 1.0 { 100.0 - 50.0 * severity } else { 50.0 / severity };
    let finding = finding.decided_by(worst.metric, worst.threshold).score(score);
    if severity <= 1.0 {
        return finding.judged(Status::Normal, Text::new("码流正常。", "The stream is fine.")).into();
    }
    let status = if severity < 3.0 { Status::Warning } else { Status::Error };
    finding
        .judged(status, worst.message)
        .suggest(Text::new(
            "检查网络带宽和丢包，并核对摄像机的编码参数（帧率、分辨率、关键帧间隔）。",
            "Check bandwidth and loss of the network, and the camera's encoder settings (rate, size, keyframe \
             interval).",
        ))
        .into()
}

easysight_sdk::export!(Stream);

#[cfg(test)]
mod tests;
