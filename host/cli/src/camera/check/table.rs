//! The table of a check for people: the steps, the stream's facts, the messages of the decoder, the verdict and
//! the advice.

use std::fmt::Write;

use comfy_table::Cell;
use easysight_capture::StepKind;

use super::report::{Clock, Facts, Report, advice_words, quirk_words, reason_words};
use crate::{language::Language, listing};

/// Formats the whole report as text.
pub(super) fn of(report: &Report, language: Language) -> String {
    let say = |en: &'static str, zh: &'static str| if language == Language::En { en } else { zh };
    let mut text = format!("easysight {}: {}\n", env!("CARGO_PKG_VERSION"), listing::plain(&report.source));
    let mut add = |part: &str| writeln!(text, "{part}").unwrap_or_default();
    let mut steps = listing::table(match language {
        Language::En => &["at s", "took s", "step", "asked", "answered"],
        Language::Zh => &["时刻（秒）", "用时（秒）", "步骤", "询问", "应答"],
    });
    for step in &report.record.steps {
        let seconds = |time: std::time::Duration| Cell::new(format!("{:.3}", time.as_secs_f64()));
        steps.add_row([
            seconds(step.at),
            seconds(step.took),
            Cell::new(title(step.kind, language)),
            listing::cell(&step.asked),
            listing::cell(&step.answered),
        ]);
    }
    if !report.record.steps.is_empty() {
        add(&steps.to_string());
    }
    let facts = facts(&report.facts(), language);
    if !facts.is_empty() {
        let mut table = listing::table(&[]);
        for (name, fact) in facts {
            table.add_row([Cell::new(name), listing::cell(&fact)]);
        }
        add(&table.to_string());
    }
    if let Some(evidence) = report.evidence().filter(|evidence| !evidence.lines.is_empty()) {
        add(say("Messages of the decoder:", "解码器的消息："));
        for line in &evidence.lines {
            add(&format!("  {}", listing::plain(line)));
        }
    }
    for quirk in report.quirks() {
        let (what, advice) = (quirk_words(quirk, language), advice_words(quirk.advice(), language));
        add(&format!("[{quirk}] {what}\n  → {advice}"));
    }
    match &report.captured {
        Ok(_) => add(say("Result: the camera can be read.", "可以判断：摄像机能够读取。")),
        Err(error) => {
            let (what, advice) = (reason_words(error, language), advice_words(error.advice(), language));
            let detail = listing::plain(&error.detail);
            let detail = match language {
                Language::En => format!(" ({detail})"),
                Language::Zh => format!("（{detail}）"),
            };
            add(&format!("[{}] {what}{detail}\n  → {advice}", error.kind));
        }
    }
    text
}

const fn title(kind: StepKind, language: Language) -> &'static str {
    match (language, kind) {
        (Language::En, StepKind::Resolve) => "name",
        (Language::En, StepKind::Connect) => "connection",
        (Language::En, StepKind::Request) => "request",
        (Language::En, StepKind::Content) => "content",
        (Language::En, StepKind::HandedOver) => "left to ffmpeg",
        (Language::En, StepKind::Opened) => "ffmpeg opens",
        (Language::En, StepKind::FirstPacket) => "first packet",
        (Language::En, StepKind::FirstKeyframe) => "first keyframe",
        (Language::En, StepKind::Decoder) => "decoder",
        (Language::En, StepKind::FirstPicture) => "first picture",
        (Language::Zh, StepKind::Resolve) => "域名",
        (Language::Zh, StepKind::Connect) => "连接",
        (Language::Zh, StepKind::Request) => "请求",
        (Language::Zh, StepKind::Content) => "内容",
        (Language::Zh, StepKind::HandedOver) => "交给 ffmpeg",
        (Language::Zh, StepKind::Opened) => "ffmpeg 打开",
        (Language::Zh, StepKind::FirstPacket) => "首个包",
        (Language::Zh, StepKind::FirstKeyframe) => "首个关键帧",
        (Language::Zh, StepKind::Decoder) => "解码器",
        (Language::Zh, StepKind::FirstPicture) => "首幅画面",
    }
}

/// Lists the known facts with their names.
fn facts(facts: &Facts, language: Language) -> Vec<(&'static str, String)> {
    let say = |en: &'static str, zh: &'static str| if language == Language::En { en } else { zh };
    let mut rows = Vec::new();
    let mut add = |name, fact: Option<String>| rows.extend(fact.map(|fact| (name, fact)));
    let size = facts.width.zip(facts.height).map(|(width, height)| format!("{width} × {height}"));
    let codec: Vec<String> = facts.codec.clone().into_iter().chain(size).collect();
    add(say("video", "视频"), (!codec.is_empty()).then(|| codec.join(", ")));
    add(say("transport", "传输"), facts.transport.map(str::to_uppercase));
    let rates = [
        (facts.frame_rate, say("as they arrive", "按到达")),
        (facts.stamped_rate, say("by timestamps", "按时间戳")),
        (facts.declared_rate, say("declared", "声明")),
    ];
    let told = |(rate, whose): &(Option<f64>, &str)| {
        rate.map(|rate| match language {
            Language::En => format!("{rate:.1} ({whose})"),
            Language::Zh => format!("{rate:.1}（{whose}）"),
        })
    };
    let rates: Vec<_> = rates.iter().filter_map(told).collect();
    add(say("frames a second", "帧率"), (!rates.is_empty()).then(|| rates.join(say(", ", "、"))));
    add(say("bit rate", "码率"), facts.bit_rate.map(|bits| format!("{:.0} kbit/s", bits / 1e3)));
    add(
        say("keyframes", "关键帧"),
        facts.keyframe_interval_s.map(|seconds| match (facts.keyframe_distance, language) {
            (Some(pictures), Language::En) => format!("every {seconds:.1} s ({pictures} pictures)"),
            (Some(pictures), Language::Zh) => format!("每 {seconds:.1} 秒（{pictures} 帧）"),
            (None, Language::En) => format!("every {seconds:.1} s"),
            (None, Language::Zh) => format!("每 {seconds:.1} 秒"),
        }),
    );
    add(
        say("before the first keyframe", "首个关键帧之前"),
        facts.pictures_before_keyframe.filter(|pictures| *pictures > 0).map(|pictures| match language {
            Language::En => format!("{pictures} pictures"),
            Language::Zh => format!("{pictures} 帧"),
        }),
    );
    add(
        say("B-frames", "B 帧"),
        facts.reordered_pictures.map(|some| if some { say("yes", "有") } else { say("no", "无") }.to_owned()),
    );
    add(
        say("longest pause", "最长停顿"),
        facts.longest_pause_s.map(|seconds| match language {
            Language::En => format!("{seconds:.2} s"),
            Language::Zh => format!("{seconds:.2} 秒"),
        }),
    );
    add(
        say("packets", "包"),
        facts.packets.as_ref().map(|packets| {
            let (arrived, lost, late, repeated) =
                (packets.arrived, packets.lost, packets.late, packets.repeated);
            match language {
                Language::En => format!("{arrived}; lost {lost}, late {late}, repeated {repeated}"),
                Language::Zh => format!("{arrived}；丢失 {lost}，迟到 {late}，重复 {repeated}"),
            }
        }),
    );
    add(
        say("the camera's clock", "摄像机时钟"),
        facts.clock.as_ref().map(|clock| clock_words(clock, language)),
    );
    rows
}

fn clock_words(clock: &Clock, language: Language) -> String {
    let times = clock.speed.unwrap_or_default();
    let jumps = clock.jumps.unwrap_or_default();
    match (clock.state, language) {
        ("jumps", Language::En) => format!("jumps ({jumps} times)"),
        ("jumps", Language::Zh) => format!("跳变 {jumps} 次"),
        ("stands-still", Language::En) => "stands still".to_owned(),
        ("stands-still", Language::Zh) => "停着不动".to_owned(),
        ("runs-wrong", Language::En) => format!("runs at {times:.2} times the speed of real time"),
        ("runs-wrong", Language::Zh) => format!("走速为实际的 {times:.2} 倍"),
        (_, Language::En) => "right".to_owned(),
        (_, Language::Zh) => "正常".to_owned(),
    }
}
