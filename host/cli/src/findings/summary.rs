//! Findings for the person who maintains the cameras. For each source the table shows the faults, what they look
//! like and what to do. Normal findings are left out.

use std::collections::BTreeMap;

use comfy_table::{Cell, Color, Table};
use easysight_protocol::{Failure, Status};

use super::{Line, status};
use crate::{language::Language, listing};

/// Titles of diagnoses for people, by id.
pub(crate) type Titles = BTreeMap<String, String>;

/// Makes a table with a row for each fault, or one row for a source without a fault. The lines of a source must be
/// adjacent.
pub(crate) fn table(lines: &[Line], titles: &Titles, language: Language) -> Table {
    let mut table = listing::table(match language {
        Language::En => &["source", "status", "fault", "observation", "what to do"],
        Language::Zh => &["来源", "状态", "故障", "看到了什么", "怎么办"],
    });
    for of_source in lines.chunk_by(|a, b| a.source == b.source) {
        for (at, row) in rows(of_source, titles, language).into_iter().enumerate() {
            let source = of_source.first().filter(|_| at == 0).map_or("", |line| line.source.as_str());
            table.add_row([
                listing::cell(source),
                row.status,
                listing::cell(&row.fault),
                listing::cell(&row.seen),
                listing::cell(&row.advice),
            ]);
        }
    }
    table
}

struct Row {
    status: Cell,
    fault: String,
    seen: String,
    advice: String,
}

fn rows(lines: &[Line], titles: &Titles, language: Language) -> Vec<Row> {
    let title = |id: &str| titles.get(id).map_or(id, String::as_str).to_owned();
    let mut causes: Vec<&Line> = lines.iter().filter(|line| line.is_cause()).collect();
    causes.sort_by_key(|line| std::cmp::Reverse(line.status));
    let mut rows: Vec<Row> = Vec::new();
    for cause in causes {
        let following = lines.iter().filter(|line| line.consequence_of.as_ref() == Some(&cause.diagnosis));
        let following: Vec<String> = following.map(|line| title(&line.diagnosis)).collect();
        let also = match (following.is_empty(), language) {
            (true, _) => String::new(),
            (false, Language::En) => format!("\nConsequences: {}", following.join(", ")),
            (false, Language::Zh) => format!("\n由此引起：{}", following.join("、")),
        };
        rows.push(Row {
            status: status(cause, language),
            fault: title(&cause.diagnosis),
            seen: format!("{}{also}", cause.message),
            advice: cause.advice.clone().unwrap_or_default(),
        });
    }
    rows.extend(failures(lines, &title, language));
    let unjudged = lines.iter().filter(|line| line.failure.as_ref().is_some_and(Failure::is_harmless));
    let unjudged: Vec<String> = unjudged.map(|line| title(&line.diagnosis)).collect();
    if rows.is_empty() {
        let judged = lines.iter().filter(|line| line.status == Some(Status::Normal)).count();
        rows.push(well(judged, &unjudged, language));
    }
    rows
}

/// Makes a row for each reason why a diagnosis could not judge.
fn failures(lines: &[Line], title: &impl Fn(&str) -> String, language: Language) -> Vec<Row> {
    let mut reasons: Vec<(&Line, Vec<String>)> = Vec::new();
    for line in lines {
        let Some(failure) = line.failure.as_ref().filter(|failure| !failure.is_harmless()) else { continue };
        match reasons.iter_mut().find(|(first, _)| first.failure.as_ref() == Some(failure)) {
            Some((_, diagnoses)) => diagnoses.push(title(&line.diagnosis)),
            None => reasons.push((line, vec![title(&line.diagnosis)])),
        }
    }
    let row = |(line, diagnoses): (&Line, Vec<String>)| Row {
        status: status(line, language),
        // If no diagnosis could judge, the diagnoses need not be listed one by one.
        fault: if diagnoses.len() == lines.len() { "–".to_owned() } else { diagnoses.join(", ") },
        seen: line.failure.as_ref().map(|failure| failure.detail.clone()).unwrap_or_default(),
        advice: String::new(),
    };
    reasons.into_iter().map(row).collect()
}

/// Makes the row of a source without a fault.
fn well(judged: usize, unjudged: &[String], language: Language) -> Row {
    let (word, colour, seen) = match (judged, language) {
        (0, Language::En) => ("cannot tell", Color::DarkGrey, String::new()),
        (0, Language::Zh) => ("无法判断", Color::DarkGrey, String::new()),
        (_, Language::En) => ("normal", Color::Green, format!("No fault found by {judged} of the diagnoses")),
        (_, Language::Zh) => ("正常", Color::Green, format!("{judged} 项诊断均未发现问题")),
    };
    let unsure = match (unjudged.is_empty(), language) {
        (true, _) => String::new(),
        (false, Language::En) => format!("Could not be judged: {}", unjudged.join(", ")),
        (false, Language::Zh) => format!("此处无法判断：{}", unjudged.join("、")),
    };
    let seen = [seen, unsure].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
    Row { status: Cell::new(word).fg(colour), fault: "–".to_owned(), seen, advice: String::new() }
}

#[cfg(test)]
mod tests {
    use easysight_protocol::Finding;
    use serde_json::json;

    use super::*;

    fn line(source: &str, diagnosis: &str, status: &str, cause: Option<&str>) -> Line {
        let finding: Finding = serde_json::from_value(json!({
            "diagnosis": diagnosis, "status": status, "consequence_of": cause, "score": 40.0,
            "decision": null, "message": {"zh": format!("{diagnosis} 有问题"), "en": format!("{diagnosis} is bad")},
            "suggestions": [{"zh": "擦", "en": "Wipe it"}, {"zh": "换", "en": "Replace it"}],
            "failure": null, "fuel": 1, "compute_ms": 1.0, "plugin": null, "digest": null,
        }))
        .unwrap();
        Line::of(source, finding, 1.0, Language::En)
    }

    fn shown(lines: &[Line]) -> Vec<Vec<String>> {
        let titles = [("occlusion".to_owned(), "Covered".to_owned())].into();
        let table = table(lines, &titles, Language::En);
        let cells = |row: &comfy_table::Row| row.cell_iter().map(Cell::content).collect();
        table.row_iter().map(cells).collect()
    }

    #[test]
    fn a_fault_is_one_row_with_what_follows_from_it() {
        let rows = shown(&[
            line("a.mp4", "noise", "warning", Some("occlusion")),
            line("a.mp4", "occlusion", "error", None),
            line("a.mp4", "freeze", "normal", None),
            line("b.mp4", "freeze", "normal", None),
        ]);
        assert_eq!(rows.len(), 2, "{rows:?}");
        let covered = ["a.mp4", "error", "Covered", "occlusion is bad\nConsequences: noise", "Wipe it"];
        assert_eq!(rows[0], covered);
        assert_eq!(rows[1], ["b.mp4", "normal", "–", "No fault found by 1 of the diagnoses", ""]);
    }

    #[test]
    fn the_worst_of_several_comes_first_and_only_the_first_row_names_the_source() {
        let rows = shown(&[line("a", "noise", "warning", None), line("a", "freeze", "critical", None)]);
        assert_eq!((rows[0][0].as_str(), rows[0][2].as_str()), ("a", "freeze"));
        assert_eq!((rows[1][0].as_str(), rows[1][2].as_str()), ("", "noise"));
    }

    #[test]
    fn a_source_that_shows_nothing_fails_once() {
        let failure = |kind: &str| Failure { kind: kind.into(), detail: "no such file".into() };
        let unread = |id: &str| Line::without_finding("c", id, &failure("no-such-file"), 0.0);
        let rows = shown(&[unread("freeze"), unread("noise")]);
        assert_eq!(rows, [["c", "failed", "–", "no such file", ""]]);
        let unsure = Line::without_finding("d", "clock", &failure("inconclusive"), 0.0);
        let rows = shown(&[line("d", "freeze", "normal", None), unsure]);
        assert_eq!(rows[0][3], "No fault found by 1 of the diagnoses\nCould not be judged: clock");
    }
}
