//! The report as one HTML page with embedded pictures.

use std::{collections::BTreeMap, fmt::Write};

use super::{LISTED, Language, SHOWN, Told, escaped, sheets, words};
use crate::{manifest::Case, pictures, tally::mistakes};

/// Explains the figures.
pub(super) const fn legend(language: Language) -> &'static str {
    language.of(
        "Each figure belongs to one set. Each camera, and each maker of faults (a method that makes a fault in a \
         healthy clip), belongs to one of three sets, chosen by the hash of its name: development (pictures may \
         be looked at), validation (for choosing thresholds) or the lock box (only figures, once for each \
         release). A case counts only if its camera and its maker are in the same set. \
         AUC: the area under the ROC curve of 100 − score, for faults against healthy clips and look-alikes. \
         Inconclusive results have no score. \
         Detected: alarms at the default threshold. Inconclusive results count as missed. \
         Look-alikes look like a fault but are not one. \
         Other faults: alarms on faults that another diagnosis should find. Consequences do not count. \
         Scores: the threshold is 50. Every fault should be below the threshold, and every healthy clip above it.",
        "每个数字只属于一个数据集：摄像机与故障制造方式按名称的哈希值分入开发集（可查看）、验证集（用于选取阈值）\
         和封存集（每次发布只开启一次）；只有摄像机与制造方式同属一集的样本才计入。\
         AUC：以 100 − 得分计算，故障样本对正常样本与似是而非样本；无法判断者没有得分。\
         检出：默认阈值下的告警，无法判断按漏检计。似是而非样本看似故障而实为正常。\
         其他故障：应由别的诊断报出的故障上的告警，后果性告警不计。\
         得分：阈值为 50，故障应低于它，正常画面应高于它。",
    )
}

/// The style sheet of all pages.
pub(super) const STYLE: &str = "\
:root{color-scheme:light dark}body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}\
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\
th,td{border-bottom:1px solid #8886;padding:.3rem .5rem;text-align:left;vertical-align:top}\
.met{color:#1a7f37}.missed{color:#c93c37;font-weight:600}\
.cases{display:grid;grid-template-columns:repeat(auto-fill,minmax(256px,1fr));gap:1rem}\
figure{margin:0}figure img{width:100%;border-radius:4px}figcaption,li{font-size:.85rem}";

/// Renders the whole page.
pub(super) fn page(
    cases: &BTreeMap<&str, &Case>,
    passes: &[Told],
    pictures: &BTreeMap<String, Vec<u8>>,
    language: Language,
    note: &str,
) -> String {
    let title = language.of("Accuracy", "准确率");
    let mut page = begin(language, title);
    // Writing to a string does not fail.
    let _ = write!(page, "<p><b>{}</b></p><p>{}</p>", escaped(note), escaped(legend(language)));
    for sheet in sheets::all(passes, language) {
        page.push_str(&sheet.html());
    }
    for told in passes {
        let _ = write!(page, "<h2>{}</h2>", escaped(&told.title(language)));
        for row in told.rows() {
            let wrong = mistakes(&told.verdicts, &row.diagnosis);
            if wrong.is_empty() {
                continue;
            }
            let word = language.of("mistakes", "个错误");
            let _ = write!(page, "<h3>{}: {} {word}</h3>", escaped(&row.diagnosis), wrong.len());
            if !row.cross.is_empty() {
                let fires = language.of("Fires on other faults", "在其他故障上告警");
                let _ = write!(page, "<p>{fires}: {}</p>", escaped(&words::cross(row)));
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

/// Renders the beginning of a page, up to its title.
pub(super) fn begin(language: Language, title: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html><html lang=\"{}\"><meta charset=\"utf-8\"><title>EasySight: {title}</title>\
         <style>{STYLE}</style><h1>{title}</h1>",
        language.tag()
    )
}

fn told_of(cases: &BTreeMap<&str, &Case>, verdict: &crate::verdict::Verdict) -> String {
    let title = words::title(cases.get(verdict.file.as_str()), &verdict.file);
    let score = verdict.score.map_or_else(String::new, |score| format!(", score {score:.1}"));
    let (mistake, decision) = (words::mistake(verdict), words::decision(verdict));
    let rest = format!("{mistake}{score}; {decision}; {}", verdict.message);
    format!("<b>{}</b><br>{}", escaped(&title), escaped(&rest))
}
