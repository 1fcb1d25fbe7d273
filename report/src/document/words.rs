//! Figures as words, and the table for the terminal.

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};

use crate::{
    manifest::Case,
    statistics::Share,
    tally::Row,
    verdict::{Answer, Verdict, Wanted},
};

/// Heads of the columns, in the order of [`cells`].
pub(super) const HEADS: [&str; 11] = [
    "diagnosis",
    "AUC",
    "detected",
    "mild",
    "healthy: alarms",
    "confounders: alarms",
    "unsure on faults",
    "unsure on healthy",
    "other faults: alarms",
    "scores: worst fault / worst healthy",
    "marks",
];

/// A row in words.
pub(super) fn cells(row: &Row) -> [String; 11] {
    let score = |score: Option<f64>| score.map_or_else(|| "–".to_owned(), |score| format!("{score:.0}"));
    [
        row.diagnosis.clone(),
        row.area.map_or_else(|| "–".to_owned(), |area| format!("{area:.3}")),
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

/// A share as a percentage with what it is of.
pub(super) fn share(share: Share) -> String {
    share.value().map_or_else(
        || "–".to_owned(),
        |value| format!("{:.0} % ({}/{})", value * 100.0, share.part, share.whole),
    )
}

/// What went wrong.
pub(super) fn mistake(verdict: &Verdict) -> &'static str {
    match (verdict.answer, verdict.wanted) {
        (Answer::Failed, _) => "broke off",
        (_, Wanted::Alarm) if verdict.answer == Answer::Inconclusive => "missed (inconclusive)",
        (_, Wanted::Alarm) => "missed",
        (_, Wanted::QuietHealthy) => "false alarm on a healthy clip",
        (_, Wanted::QuietConfounder) => "false alarm on a confounder",
        _ => "alarm on another's fault",
    }
}

/// The metric that decided.
pub(super) fn decision(verdict: &Verdict) -> String {
    match &verdict.decision {
        Some((metric, value, threshold)) => format!("{metric} {value:.3} (threshold {threshold:.3})"),
        None => String::new(),
    }
}

/// A case by its name, or the file where the manifest does not know it.
pub(super) fn title(case: Option<&&Case>, file: &str) -> String {
    case.map_or_else(|| file.to_owned(), |case| case.title())
}

/// Other faults that a diagnosis fires on.
pub(super) fn cross(row: &Row) -> String {
    let parts = row.cross.iter().map(|(kind, share)| format!("{kind} {}/{}", share.part, share.whole));
    parts.collect::<Vec<_>>().join(", ")
}

/// The table for the terminal.
#[must_use]
pub fn summary(rows: &[Row]) -> Table {
    let mut table = Table::new();
    let heads =
        ["diagnosis", "AUC", "detected", "mild", "healthy", "confound.", "unsure", "others", "gap", ""];
    table.load_style(UTF8_FULL_CONDENSED).set_header(heads);
    for row in rows {
        let percent = |share: Share| match share.value() {
            Some(value) => format!("{:.0} %", value * 100.0),
            None => "–".to_owned(),
        };
        let [diagnosis, area, .., gap, marks] = cells(row);
        table.add_row([
            diagnosis,
            area,
            percent(row.detected),
            percent(row.mild),
            format!("{}/{}", row.healthy.part, row.healthy.whole),
            format!("{}/{}", row.confounders.part, row.confounders.whole),
            format!("{}/{}", percent(row.unsure_faulty), percent(row.unsure_healthy)),
            percent(row.others),
            gap,
            marks,
        ]);
    }
    table
}
