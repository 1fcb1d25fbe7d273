//! The report as Markdown.

use std::{collections::BTreeMap, fmt::Write};

use super::{LISTED, Language, SHOWN, Told, html, picture_name, sheets, words};
use crate::{manifest::Case, tally::mistakes};

/// Renders the whole page.
pub(super) fn page(
    cases: &BTreeMap<&str, &Case>,
    passes: &[Told],
    pictures: &BTreeMap<String, Vec<u8>>,
    language: Language,
    note: &str,
) -> String {
    let mut page = format!("# {}\n\n{note}\n\n", language.of("Accuracy", "准确率"));
    page.push_str(html::legend(language));
    page.push_str("\n\n");
    for sheet in sheets::all(passes, language) {
        page.push_str(&sheet.markdown());
    }
    for told in passes {
        // Writing to a string does not fail.
        let _ = write!(page, "\n## {}: {}\n\n", told.title(language), language.of("mistakes", "错误"));
        for row in told.rows() {
            let wrong = mistakes(&told.verdicts, &row.diagnosis);
            if wrong.is_empty() {
                continue;
            }
            let _ = write!(page, "\n### {}: {}\n\n", row.diagnosis, wrong.len());
            if !row.cross.is_empty() {
                let fires = language.of("Fires on other faults", "在其他故障上告警");
                let _ = writeln!(page, "{fires}: {}\n", words::cross(row));
            }
            for (number, verdict) in wrong.iter().take(LISTED).enumerate() {
                let title = words::title(cases.get(verdict.file.as_str()), &verdict.file);
                let score = verdict.score.map_or_else(String::new, |score| format!(", score {score:.1}"));
                let decision = words::decision(verdict);
                let mistake = words::mistake(verdict);
                let _ = writeln!(
                    page,
                    "- **{title}**: {mistake}{score}; {decision}; {} `{}`",
                    verdict.message, verdict.file
                );
                if number < SHOWN && pictures.contains_key(&verdict.file) {
                    let _ = writeln!(page, "  ![{title}](pictures/{})", picture_name(&verdict.file));
                }
            }
            if wrong.len() > LISTED {
                let _ = writeln!(page, "- … and {} more", wrong.len() - LISTED);
            }
        }
    }
    page
}
