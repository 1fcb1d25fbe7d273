//! Formats figures as text.

use super::Language;
use crate::{
    manifest::Case,
    statistics::Share,
    tally::Row,
    verdict::{Answer, Verdict, Wanted},
};

/// Returns the headings of the columns, in the order of [`cells`].
pub(super) fn heads(language: Language) -> [String; 11] {
    [
        ("diagnosis", "诊断"),
        ("AUC", "AUC"),
        ("detected", "检出"),
        ("mild", "轻微故障检出"),
        ("healthy: alarms", "正常画面误报"),
        ("look-alikes: alarms", "似是而非画面误报"),
        ("unsure on faults", "故障画面无法判断"),
        ("unsure on healthy", "正常画面无法判断"),
        ("other faults: alarms", "其他故障上告警"),
        ("scores: worst fault / worst healthy", "得分：最差故障 / 最差正常"),
        ("marks", "达标"),
    ]
    .map(|(english, chinese)| language.of(english, chinese).to_owned())
}

/// Formats an area under the curve.
pub(super) fn area(area: Option<f64>) -> String {
    area.map_or_else(|| "–".to_owned(), |area| format!("{area:.3}"))
}

/// Formats a share in percent. Small shares get one decimal.
pub(super) fn percent(value: f64) -> String {
    let percent = value * 100.0;
    if percent > 0.0 && percent < 2.0 { format!("{percent:.1}") } else { format!("{percent:.0}") }
}

/// Formats the cells of a row.
pub(super) fn cells(row: &Row) -> [String; 11] {
    let score = |score: Option<f64>| score.map_or_else(|| "–".to_owned(), |score| format!("{score:.0}"));
    [
        row.diagnosis.clone(),
        area(row.area),
        share(row.detected),
        share(row.mild),
        share(row.healthy),
        share(row.confounders),
        share(row.unsure_faulty),
        share(row.unsure_healthy),
        share(row.others),
        format!("{} / {}", score(row.gap.0), score(row.gap.1)),
        if row.meets_marks() { "met".to_owned() } else { "MISSED".to_owned() },
    ]
}

/// Formats a share as a percentage with its counts.
pub(super) fn share(share: Share) -> String {
    share.value().map_or_else(
        || "–".to_owned(),
        |value| format!("{} % ({}/{})", percent(value), share.part, share.whole),
    )
}

/// Names the mistake.
pub(super) fn mistake(verdict: &Verdict) -> &'static str {
    match (verdict.answer, verdict.wanted) {
        (Answer::Failed, _) => "failed",
        (_, Wanted::Alarm) if verdict.answer == Answer::Inconclusive => "missed (inconclusive)",
        (_, Wanted::Alarm) => "missed",
        (_, Wanted::QuietHealthy) => "false alarm on a healthy clip",
        (_, Wanted::QuietConfounder) => "false alarm on a look-alike",
        _ => "alarm on another diagnosis' fault",
    }
}

/// Formats the metric that determined the result.
pub(super) fn decision(verdict: &Verdict) -> String {
    match &verdict.decision {
        Some((metric, value, threshold)) => format!("{metric} {value:.3} (threshold {threshold:.3})"),
        None => String::new(),
    }
}

/// Returns the title of a case, or the file's name if the manifest does not contain the case.
pub(super) fn title(case: Option<&&Case>, file: &str) -> String {
    case.map_or_else(|| file.to_owned(), |case| case.title())
}

/// Lists the other faults on which a diagnosis raises alarms.
pub(super) fn cross(row: &Row) -> String {
    let parts = row.cross.iter().map(|(kind, share)| format!("{kind} {}/{}", share.part, share.whole));
    parts.collect::<Vec<_>>().join(", ")
}
