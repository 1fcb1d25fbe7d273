//! Findings for people and for programs.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use easysight_diagnose::Plan;
use easysight_protocol::{Failure, Finding, Status, Text};
use serde::Serialize;

use super::{Format, Language, Outcome};

/// One finding as a program reads it.
#[derive(Debug, Serialize)]
struct Line {
    source: String,
    diagnosis: String,
    status: Option<Status>,
    score: Option<f64>,
    metric: Option<String>,
    threshold: Option<f64>,
    message: String,
    metrics: BTreeMap<String, f64>,
    fuel: u64,
    compute_ms: f64,
    decode_ms: f64,
    plugin: Option<String>,
    digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
}

/// Prints findings as they come, or all of them at the end.
pub(super) struct Printer {
    format: Format,
    language: Language,
    lines: Vec<Line>,
}

impl Printer {
    pub(super) const fn new(format: Format, language: Language) -> Self {
        Self { format, language, lines: Vec::new() }
    }

    pub(super) fn take(&mut self, outcome: Outcome, plan: &Plan) -> io::Result<()> {
        let Outcome { source, examination, .. } = outcome;
        let decode_ms = examination.decode_ms;
        let mut lines: Vec<Line> =
            examination.findings.into_iter().map(|finding| self.line(&source, finding, decode_ms)).collect();
        if let Some(failure) = examination.failure {
            // A line for every diagnosis that was asked for, so that a program misses none.
            let asked = plan.selected().iter().flat_map(|one| &one.diagnoses);
            lines.extend(asked.map(|diagnosis| Line {
                source: source.clone(),
                diagnosis: diagnosis.clone(),
                status: None,
                score: None,
                metric: None,
                threshold: None,
                message: failure.detail.clone(),
                metrics: BTreeMap::new(),
                fuel: 0,
                compute_ms: 0.0,
                decode_ms,
                plugin: None,
                digest: None,
                failure: Some(failure.clone()),
            }));
        }
        if self.format == Format::Jsonl {
            let mut stdout = io::stdout().lock();
            for line in &lines {
                serde_json::to_writer(&mut stdout, line)?;
                writeln!(stdout)?;
            }
            return stdout.flush();
        }
        self.lines.extend(lines);
        Ok(())
    }

    pub(super) fn finish(self) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        match self.format {
            Format::Jsonl => Ok(()),
            Format::Json => {
                serde_json::to_writer_pretty(&mut stdout, &self.lines)?;
                writeln!(stdout)
            }
            Format::Table => writeln!(stdout, "{}", table(&self.lines, self.language)),
        }
    }

    fn line(&self, source: &str, finding: Finding, decode_ms: f64) -> Line {
        let (metric, threshold) = finding
            .decision
            .map_or((None, None), |decision| (Some(decision.metric), Some(decision.threshold)));
        Line {
            source: source.to_owned(),
            diagnosis: finding.diagnosis,
            status: finding.status,
            score: finding.score,
            metric,
            threshold,
            message: in_language(&finding.message, self.language).to_owned(),
            metrics: finding.metrics.into_iter().map(|(name, metric)| (name, metric.value)).collect(),
            fuel: finding.fuel,
            compute_ms: finding.compute_ms,
            decode_ms,
            plugin: finding.plugin,
            digest: finding.digest,
            failure: finding.failure,
        }
    }
}

fn in_language(text: &Text, language: Language) -> &str {
    match language {
        Language::En => &text.en,
        Language::Zh => &text.zh,
    }
}

fn table(lines: &[Line], language: Language) -> Table {
    let head = match language {
        Language::En => ["source", "diagnosis", "status", "score", "measured", "message"],
        Language::Zh => ["来源", "诊断", "状态", "得分", "测量值", "说明"],
    };
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(head);
    for line in lines {
        let measured = line.metric.as_ref().map_or_else(String::new, |metric| {
            let value = line.metrics.get(metric).copied().unwrap_or_default();
            format!("{metric} {value:.2} ({:.2})", line.threshold.unwrap_or_default())
        });
        table.add_row([
            Cell::new(&line.source),
            Cell::new(&line.diagnosis),
            status(line, language),
            Cell::new(line.score.map_or_else(|| "–".to_owned(), |score| format!("{score:.0}"))),
            Cell::new(measured),
            Cell::new(&line.message),
        ]);
    }
    table
}

fn status(line: &Line, language: Language) -> Cell {
    let (en, zh, colour) = match (line.status, &line.failure) {
        (Some(Status::Normal), _) => ("normal", "正常", Color::Green),
        (Some(Status::Warning), _) => ("warning", "警告", Color::Yellow),
        (Some(Status::Error), _) => ("error", "错误", Color::Red),
        (Some(Status::Critical), _) => ("critical", "严重", Color::Red),
        (None, Some(failure)) if failure.is_harmless() => ("cannot tell", "无法判断", Color::DarkGrey),
        (None, _) => ("failed", "失败", Color::Magenta),
    };
    let cell = Cell::new(if language == Language::Zh { zh } else { en }).fg(colour);
    if line.status == Some(Status::Critical) { cell.add_attribute(Attribute::Bold) } else { cell }
}
