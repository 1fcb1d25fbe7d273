//! The report as one page of HTML, pictures within.

use std::{collections::BTreeMap, fmt::Write};

use super::{LISTED, SHOWN, Told, words};
use crate::{manifest::Case, pictures, tally::mistakes};

/// What the columns mean.
pub(super) const LEGEND: &str = "\
AUC: by 100 − score, faults against healthy clips and confounders; what is inconclusive has no score. \
Detected: alarms at the default threshold, inconclusive counts as missed. \
Confounders look like a fault and are none. \
Other faults: alarms where another diagnosis is to find the fault, consequences left out. \
Scores: 50 is the threshold, every fault should be below, every healthy clip above. \
Marks: AUC ≥ .99, detection ≥ 95 %, no false alarm.
";

const STYLE: &str = "\
:root{color-scheme:light dark}body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}\
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\
th,td{border-bottom:1px solid #8886;padding:.3rem .5rem;text-align:left;vertical-align:top}\
.met{color:#1a7f37}.missed{color:#c93c37;font-weight:600}\
.cases{display:grid;grid-template-columns:repeat(auto-fill,minmax(256px,1fr));gap:1rem}\
figure{margin:0}figure img{width:100%;border-radius:4px}figcaption,li{font-size:.85rem}";

/// The whole page.
pub(super) fn page(
    cases: &BTreeMap<&str, &Case>,
    passes: &[Told],
    pictures: &BTreeMap<String, Vec<u8>>,
) -> String {
    let mut page = String::from("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">");
    // Writing to a string does not fail.
    let _ = write!(page, "<title>EasySight accuracy</title><style>{STYLE}</style>");
    let _ = write!(page, "<h1>Accuracy</h1><p>{}</p>", escaped(LEGEND));
    for told in passes {
        let _ = write!(page, "<h2>{}</h2><table><tr>", escaped(&told.title));
        for head in words::HEADS {
            let _ = write!(page, "<th>{}</th>", escaped(head));
        }
        page.push_str("</tr>");
        for row in &told.rows {
            let class = if row.meets_marks() { "met" } else { "missed" };
            page.push_str("<tr>");
            for (number, cell) in words::cells(row).into_iter().enumerate() {
                let class = if number + 1 == words::HEADS.len() { class } else { "" };
                let _ = write!(page, "<td class=\"{class}\">{}</td>", escaped(&cell));
            }
            page.push_str("</tr>");
        }
        page.push_str("</table>");
        for row in &told.rows {
            let wrong = mistakes(&told.verdicts, &row.diagnosis);
            if wrong.is_empty() {
                continue;
            }
            let _ = write!(page, "<h3>{}: {} mistakes</h3>", escaped(&row.diagnosis), wrong.len());
            if !row.cross.is_empty() {
                let _ = write!(page, "<p>Fires on other faults: {}</p>", escaped(&words::cross(row)));
            }
            page.push_str("<div class=\"cases\">");
            for verdict in wrong.iter().take(SHOWN) {
                page.push_str("<figure>");
                if let Some(jpeg) = pictures.get(&verdict.file) {
                    let _ = write!(page, "<img alt=\"\" src=\"{}\">", pictures::data_uri(jpeg));
                }
                let _ = write!(page, "<figcaption>{}</figcaption></figure>", told_of(cases, verdict));
            }
            page.push_str("</div><ul>");
            for verdict in wrong.iter().skip(SHOWN).take(LISTED.saturating_sub(SHOWN)) {
                let _ = write!(page, "<li>{}</li>", told_of(cases, verdict));
            }
            page.push_str("</ul>");
        }
    }
    page.push_str("</html>\n");
    page
}

fn told_of(cases: &BTreeMap<&str, &Case>, verdict: &crate::verdict::Verdict) -> String {
    let title = words::title(cases.get(verdict.file.as_str()), &verdict.file);
    let score = verdict.score.map_or_else(String::new, |score| format!(", score {score:.1}"));
    let (mistake, decision) = (words::mistake(verdict), words::decision(verdict));
    let rest = format!("{mistake}{score}; {decision}; {}", verdict.message);
    format!("<b>{}</b><br>{}", escaped(&title), escaped(&rest))
}

/// Text that may stand in HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
