//! Findings as rows of a table and as objects for programs. The commands provide the findings.

pub(crate) mod summary;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use comfy_table::{Attribute, Cell, Color, Table};
use easysight_protocol::{Failure, Finding, Status};
use serde::Serialize;

use crate::{language::Language, listing};

/// One finding as a program reads it.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    source: String,
    diagnosis: String,
    status: Option<Status>,
    score: Option<f64>,
    metric: Option<String>,
    threshold: Option<f64>,
    message: String,
    /// The first suggestion of the finding. The master's API returns all suggestions.
    #[serde(skip)]
    advice: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consequence_of: Option<String>,
    metrics: BTreeMap<String, f64>,
    fuel: u64,
    compute_ms: f64,
    decode_ms: f64,
    plugin: Option<String>,
    digest: Option<String>,
    /// The path of the finding's picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
}

impl Line {
    /// Makes the line of a finding.
    pub(crate) fn of(source: &str, finding: Finding, decode_ms: f64, language: Language) -> Self {
        let (metric, threshold) = finding
            .decision
            .map_or((None, None), |decision| (Some(decision.metric), Some(decision.threshold)));
        Self {
            source: source.to_owned(),
            diagnosis: finding.diagnosis,
            status: finding.status,
            score: finding.score,
            metric,
            threshold,
            message: language.of(&finding.message).to_owned(),
            advice: finding.suggestions.first().map(|text| language.of(text).to_owned()),
            consequence_of: finding.consequence_of,
            metrics: finding.metrics.into_iter().map(|(name, metric)| (name, metric.value)).collect(),
            fuel: finding.fuel,
            compute_ms: finding.compute_ms,
            decode_ms,
            plugin: finding.plugin,
            digest: finding.digest,
            picture: None,
            failure: finding.failure,
        }
    }

    /// True for a fault that is not the consequence of another fault.
    fn is_cause(&self) -> bool {
        self.status > Some(Status::Normal) && self.consequence_of.is_none()
    }

    /// Adds the path of the picture, unless the finding is normal: pictures show faults only.
    pub(crate) fn shown(mut self, picture: Option<&Path>) -> Self {
        self.picture = picture.filter(|_| self.status > Some(Status::Normal)).map(Path::to_owned);
        self
    }

    /// Makes the line of a diagnosis that has no finding, with the reason.
    pub(crate) fn without_finding(source: &str, diagnosis: &str, failure: &Failure, decode_ms: f64) -> Self {
        Self {
            source: source.to_owned(),
            diagnosis: diagnosis.to_owned(),
            status: None,
            score: None,
            metric: None,
            threshold: None,
            message: failure.detail.clone(),
            advice: None,
            consequence_of: None,
            metrics: BTreeMap::new(),
            fuel: 0,
            compute_ms: 0.0,
            decode_ms,
            plugin: None,
            digest: None,
            picture: None,
            failure: Some(failure.clone()),
        }
    }
}

/// Makes the table for people.
pub(crate) fn table(lines: &[Line], language: Language) -> Table {
    let mut table = listing::table(match language {
        Language::En => &["source", "diagnosis", "status", "score", "measured", "message"],
        Language::Zh => &["来源", "诊断", "状态", "得分", "测量值", "说明"],
    });
    for line in lines {
        let measured = line.metric.as_ref().map_or_else(String::new, |metric| {
            let value = line.metrics.get(metric).copied().unwrap_or_default();
            format!("{metric} {value:.2} ({:.2})", line.threshold.unwrap_or_default())
        });
        table.add_row([
            listing::cell(&line.source),
            listing::cell(&line.diagnosis),
            status(line, language),
            Cell::new(line.score.map_or_else(|| "–".to_owned(), |score| format!("{score:.0}"))),
            listing::cell(&measured),
            listing::cell(&message(line, language)),
        ]);
    }
    table
}

/// Returns the message of a finding. If the finding is a consequence, the message also names its cause.
fn message(line: &Line, language: Language) -> String {
    match (&line.consequence_of, language) {
        (None, _) => line.message.clone(),
        (Some(cause), Language::En) => format!("{} (caused by {cause})", line.message),
        (Some(cause), Language::Zh) => format!("{}（由 {cause} 引起）", line.message),
    }
}

/// Returns the colour of a status.
pub(crate) const fn colour(status: Status) -> Color {
    match status {
        Status::Normal => Color::Green,
        Status::Warning => Color::Yellow,
        Status::Error | Status::Critical => Color::Red,
    }
}

fn status(line: &Line, language: Language) -> Cell {
    let (en, zh, colour) = match (line.status, &line.failure) {
        (Some(status), _) => {
            let zh = match status {
                Status::Normal => "正常",
                Status::Warning => "警告",
                Status::Error => "错误",
                Status::Critical => "严重",
            };
            (status.as_str(), zh, colour(status))
        }
        (None, Some(failure)) if failure.is_harmless() => ("cannot tell", "无法判断", Color::DarkGrey),
        (None, _) => ("failed", "失败", Color::Magenta),
    };
    let cell = Cell::new(if language == Language::Zh { zh } else { en }).fg(colour);
    if line.status == Some(Status::Critical) { cell.add_attribute(Attribute::Bold) } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consequence_says_from_what_it_follows_in_both_languages() {
        let finding = serde_json::json!({
            "diagnosis": "noise", "status": "warning", "consequence_of": "occlusion", "score": 40.0,
            "decision": null, "message": {"zh": "噪声", "en": "noisy"}, "failure": null, "fuel": 1,
            "compute_ms": 1.0, "plugin": null, "digest": null,
        });
        for (language, words) in
            [(Language::En, "noisy (caused by occlusion)"), (Language::Zh, "噪声（由 occlusion 引起）")]
        {
            let finding: Finding = serde_json::from_value(finding.clone()).unwrap();
            let line = Line::of("a.mp4", finding, 1.0, language);
            assert!(table(&[line], language).to_string().contains(words), "{words}");
        }
    }
}
