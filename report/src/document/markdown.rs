//! The report as Markdown.

use std::{collections::BTreeMap, fmt::Write};

use super::{LISTED, SHOWN, Told, picture_name, words};
use crate::{manifest::Case, tally::mistakes};

/// The whole page.
pub(super) fn page(
    cases: &BTreeMap<&str, &Case>,
    passes: &[Told],
    pictures: &BTreeMap<String, Vec<u8>>,
) -> String {
    let mut page = String::from("# Accuracy\n\n");
    page.push_str(super::html::LEGEND);
    page.push('\n');
    for told in passes {
        // Writing to a string does not fail.
        let _ = write!(page, "\n## {}\n\n", told.title);
        line(&mut page, &words::HEADS.map(str::to_owned));
        line(&mut page, &words::HEADS.map(|_| "---".to_owned()));
        for row in &told.rows {
            line(&mut page, &words::cells(row));
        }
        for row in &told.rows {
            let wrong = mistakes(&told.verdicts, &row.diagnosis);
            if wrong.is_empty() {
                continue;
            }
            let _ = write!(page, "\n### {}: {} mistakes\n\n", row.diagnosis, wrong.len());
            if !row.cross.is_empty() {
                let _ = writeln!(page, "Fires on other faults: {}\n", words::cross(row));
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

fn line(page: &mut String, cells: &[String]) {
    let cells = cells.iter().map(|cell| cell.replace('|', "\\|")).collect::<Vec<_>>();
    let _ = writeln!(page, "| {} |", cells.join(" | "));
}
