//! Makes the finding from the measurements.

use easysight_sdk::{Finding, Region, Status, Text, finding};

use crate::{
    Complaints, Config,
    picture::{LEAST_TORN, Picture},
};

/// The factor by which thresholds are reduced if the decoder reported errors.
const SUSPICION: f64 = 0.5;
/// The smallest number of missing references at which a clip counts as damaged without other signs. Fewer missing
/// references are harmless, because some cameras number frames wrongly.
const HARMLESS_REFERENCES: f64 = 12.0;

/// A sign of damage.
struct Sign {
    metric: &'static str,
    value: f64,
    threshold: f64,
    /// The ratio of the value to the threshold. If the decoder reported errors, the threshold is multiplied by
    /// [`SUSPICION`] first, except for `concealed_share`.
    ratio: f64,
}

pub(crate) fn judge(picture: &Picture, complaints: &Complaints, config: &Config) -> Finding {
    // If the decoder reported errors, static torn borders may be damage as well.
    let all_torn = picture.worst.torn_share();
    let torn = if complaints.any() { all_torn } else { picture.fleeting_torn };
    let torn_rise = all_torn - 2.0 * picture.least_torn;
    let [torn, torn_rise] = [torn, torn_rise].map(|share| (share - picture.beside_torn).max(0.0));
    let signs = signs(picture, complaints, config, torn, torn_rise);
    let (metric, threshold, ratio) = signs
        .iter()
        .max_by(|a, b| a.ratio.total_cmp(&b.ratio))
        .map_or(("torn_share", config.torn_share, 0.0), |sign| (sign.metric, sign.threshold, sign.ratio));
    // The score is 50 if the strongest sign is at its threshold. Above the threshold, the score halves whenever the
    // sign doubles.
    let score = if ratio < 1.0 { 100.0 - 50.0 * ratio } else { 50.0 / ratio };
    let mut finding = finding("flower_screen");
    for sign in &signs {
        finding = finding.metric(sign.metric, sign.value, "share");
    }
    let finding = finding
        .metric("corrupt_frames", complaints.corrupt_frames.into(), "")
        .metric("missing_references", complaints.missing_references.into(), "")
        .metric("missed_packets", complaints.missed_packets.into(), "")
        .decided_by(metric, threshold)
        .score(score);
    if ratio < 1.0 {
        let fine = Text::new("未发现码流损坏。", "No damage to the stream was found.");
        return finding.judged(Status::Normal, fine).into();
    }
    let severity = if ratio < 2.0 { Status::Warning } else { Status::Error };
    let finding = finding.judged(severity, message(metric)).suggest(Text::new(
        "检查网络丢包（交换机、网线、无线链路）和码率是否超过带宽；改用 TCP 拉流。",
        "Check the network for lost packets (switch, cable, radio link) and whether the bit rate exceeds its \
         bandwidth; fetch the stream over TCP.",
    ));
    let finding = finding.suggest(Text::new(
        "若本地录像也花屏，重启摄像机或编码器，必要时升级固件。",
        "If the camera's own recording is damaged too, restart the camera or the encoder, and update its \
         firmware.",
    ));
    match place(picture) {
        Some(region) => finding.region(region).into(),
        None => finding.into(),
    }
}

fn signs(p: &Picture, complaints: &Complaints, config: &Config, torn: f64, torn_rise: f64) -> Vec<Sign> {
    let ease = if complaints.any() { SUSPICION } else { 1.0 };
    let sign = |metric, value, threshold: f64, ease: f64| Sign {
        metric,
        value,
        threshold,
        ratio: value / (threshold * ease),
    };
    let plain = f64::from(complaints.corrupt_frames) * f64::from(u8::from(complaints.plain));
    let said = complaints.concealed_share.max(config.concealed_share * plain);
    let references = f64::from(complaints.missing_references) / HARMLESS_REFERENCES;
    let mut signs = vec![
        sign("concealed_share", said.max(config.concealed_share * references), config.concealed_share, 1.0),
        sign("torn_share", torn, config.torn_share, ease),
        sign("torn_rise", torn_rise, config.torn_rise, ease),
        sign("impossible_share", p.impossible, config.impossible_share, ease),
        sign("grey_rise", p.grey_rise, config.grey_rise, ease),
        sign("repaired_share", p.repaired.max(0.0), config.repaired_share, ease),
    ];
    if p.worst.torn.len() < LEAST_TORN {
        let few = p.worst.torn.len() as f64 / (LEAST_TORN + 1) as f64;
        for sign in signs.iter_mut().filter(|sign| sign.metric.starts_with("torn")) {
            sign.ratio = sign.ratio.min(few);
        }
    }
    signs
}

/// Returns the message for the metric of the strongest sign.
fn message(metric: &str) -> Text {
    match metric {
        "concealed_share" => Text::new(
            "花屏：码流数据损坏，解码器只能猜补部分画面。",
            "The picture is corrupt: its data arrive damaged, and the decoder fills in parts of it.",
        ),
        "impossible_share" => Text::new(
            "花屏：部分画面从未被解码，显示为绿色。",
            "The picture is corrupt: parts of it were never decoded and show green.",
        ),
        "grey_rise" => Text::new(
            "花屏：参考帧丢失，画面变成灰色。",
            "The picture is corrupt: reference frames are missing, and the picture turns grey.",
        ),
        "repaired_share" => Text::new(
            "花屏：丢帧造成拖影，到下一个关键帧才恢复。",
            "The picture is corrupt: lost frames leave smears until the next keyframe.",
        ),
        _ => Text::new(
            "花屏：画面出现错位、破碎的宏块。",
            "The picture is corrupt: blocks of it are torn or displaced.",
        ),
    }
}

/// Returns the box around the torn borders of the worst frame.
fn place(picture: &Picture) -> Option<Region> {
    let torn = &picture.worst.torn;
    if torn.len() < LEAST_TORN {
        return None;
    }
    let (columns, rows) = picture.tiles;
    let span = |at: fn(&(u32, u32)) -> u32, tiles: f32| {
        let least = torn.iter().map(at).min()? as f32;
        let most = torn.iter().map(at).max()? as f32 + 1.0;
        Some((least.min(tiles) / tiles, (most.min(tiles) - least.min(tiles)) / tiles))
    };
    let (left, width) = span(|tile| tile.0, columns)?;
    let (top, height) = span(|tile| tile.1, rows)?;
    let caption = Text::new("破碎的宏块", "torn blocks");
    Some(Region { left, top, width, height, caption })
}
