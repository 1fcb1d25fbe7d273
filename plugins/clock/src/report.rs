//! The finding about the clock, with its messages.

use easysight_sdk::{Region, Report, Status, Text, finding};

use crate::{Config, Seen, Verdict};

/// The score of a clock that has stopped.
const STANDS_SCORE: f64 = 20.0;
/// The score of a clock that is gone.
const GONE_SCORE: f64 = 40.0;

pub(crate) fn report(seen: &Seen, config: &Config) -> Report {
    let [left, top, width, height] = seen.region;
    let finding = finding("clock")
        .metric("still_share", seen.still_share, "share")
        .metric("writing_share", seen.writing_share, "share")
        .metric("covered_s", seen.covered_s, "s")
        .decided_by("still_share", config.least_still_share);
    let region = |zh: &str, en: &str| Region { left, top, width, height, caption: Text::new(zh, en) };
    match seen.verdict {
        Verdict::Runs => {
            finding.score(100.0).judged(Status::Normal, Text::new("时钟在走。", "The clock runs.")).into()
        }
        Verdict::Stands => {
            let covered_s = seen.covered_s;
            let message = Text::new(
                format!("画面上的时钟停走：{covered_s:.1} 秒内没有变化。"),
                format!("The clock in the picture has stopped: it did not change in {covered_s:.1} s."),
            );
            finding
                .score(STANDS_SCORE)
                .judged(Status::Error, message)
                .region(region("停走的时钟", "Stopped clock"))
                .suggest(Text::new(
                    "检查摄像机或录像机的时间设置与校时（NTP），必要时重启。",
                    "Check the time settings and NTP of the camera or recorder that writes the clock; \
                     restart it if necessary.",
                ))
                .suggest(Text::new(
                    "若画面也不动，先处理画面冻结。",
                    "If the picture is frozen too, solve that first.",
                ))
                .into()
        }
        Verdict::Gone => finding
            .score(GONE_SCORE)
            .judged(
                Status::Warning,
                Text::new("画面上原有的时钟不见了。", "The clock that was in the picture is gone."),
            )
            .region(region("原时钟位置", "Former place of the clock"))
            .suggest(Text::new(
                "在摄像机或录像机上重新打开时间叠加（OSD）。",
                "Switch the time on again in the overlay (OSD) settings of the camera or recorder.",
            ))
            .suggest(Text::new(
                "若是有意关闭，用 `easysight camera reset-baseline` 清除记忆。",
                "If the clock was switched off on purpose, clear the camera's memory with `easysight camera \
                 reset-baseline`.",
            ))
            .into(),
    }
}
