//! A camera's page: the findings, their certainty, and three pictures. An operator can judge an alarm more easily
//! if the camera's usual picture is shown beside the faulty one.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

use anyhow::Context;
use easysight_protocol::{Finding, Text};

use super::{Language, escaped, html};
use crate::pictures;

/// One camera.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The camera's name, and its set if it has one.
    pub camera: String,
    /// The line below the name: the number of captures, the set, the label.
    pub facts: String,
    /// The usual picture: the capture with the mildest findings.
    pub usual: Option<Vec<u8>>,
    /// The worst picture: the capture with the severest findings.
    pub worst: Option<Vec<u8>>,
    /// The worst picture with the faulty regions marked.
    pub marked: Option<Vec<u8>>,
    /// The file of the worst capture.
    pub file: String,
    /// The findings of the worst capture.
    pub findings: Vec<Finding>,
    /// The result of each capture: file and text.
    pub looks: Vec<(String, String)>,
}

/// Returns the certainty of a finding, by its score. The threshold is 50. The lower the score, the more certain
/// the finding.
#[must_use]
pub fn sureness(score: Option<f64>, language: Language) -> &'static str {
    match score {
        Some(..10.0) => language.of("certain", "确定"),
        Some(10.0..30.0) => language.of("very likely", "很可能"),
        Some(30.0..42.0) => language.of("likely", "可能"),
        Some(42.0..) => language.of("suspected", "疑似"),
        _ => language.of("not measured", "未度量"),
    }
}

impl Page {
    /// Returns the lowest score of the worst capture's abnormal findings that are not consequences of others. The
    /// lower the score, the more certain the finding.
    #[must_use]
    pub fn least_score(&self) -> f64 {
        let roots = self.findings.iter().filter(|one| one.is_abnormal() && one.consequence_of.is_none());
        roots.filter_map(|finding| finding.score).fold(100.0, f64::min)
    }

    fn html(&self, language: Language) -> String {
        let mut text =
            format!("<h2 id=\"{0}\">{0}</h2><p>{1}</p>", escaped(&self.camera), escaped(&self.facts));
        text.push_str("<div class=\"cases\">");
        let captions = [
            (language.of("usual", "平时"), &self.usual),
            (language.of("worst look", "最差的一次"), &self.worst),
            (language.of("findings marked", "发现之处"), &self.marked),
        ];
        for (caption, jpeg) in captions {
            if let Some(jpeg) = jpeg {
                // Writing to a string does not fail.
                let _ = write!(
                    text,
                    "<figure><img alt=\"\" src=\"{}\"><figcaption>{caption}</figcaption></figure>",
                    pictures::data_uri(jpeg)
                );
            }
        }
        text.push_str("</div><ul>");
        for finding in self.findings.iter().filter(|finding| finding.is_abnormal()) {
            let _ = write!(text, "<li>{}</li>", escaped(&told(finding, language)));
        }
        text.push_str("</ul>");
        if self.looks.len() > 1 {
            let all = language.of("all looks", "全部观察");
            let _ = write!(text, "<details><summary>{all}</summary><ul>");
            for (file, words) in &self.looks {
                let _ = write!(text, "<li><code>{}</code> {}</li>", escaped(file), escaped(words));
            }
            text.push_str("</ul></details>");
        }
        text
    }
}

/// Describes a finding in one sentence: the diagnosis, its certainty, and the cause if the finding is a
/// consequence of another one.
fn told(finding: &Finding, language: Language) -> String {
    let Text { zh, en } = &finding.message;
    let message = match language {
        Language::Chinese if !zh.is_empty() => zh,
        _ => en,
    };
    let sure = sureness(finding.score, language);
    let score = finding.score.map_or_else(String::new, |score| format!(" ({score:.0}/100)"));
    let cause = finding
        .consequence_of
        .as_ref()
        .map_or_else(String::new, |cause| format!("; {} {cause}", language.of("caused by", "起因为")));
    format!("{}: {sure}{score}{cause}. {message}", finding.diagnosis)
}

/// Writes the pages of cameras into one file for each language, the most certain findings first.
///
/// # Errors
///
/// Returns an error if the directory cannot be written.
pub fn write_pages(
    dir: &Path,
    name: &str,
    title: [&str; 2],
    head: &str,
    pages: &[Page],
) -> anyhow::Result<()> {
    fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    let mut sorted: Vec<&Page> = pages.iter().collect();
    sorted.sort_by(|a, b| a.least_score().total_cmp(&b.least_score()).then(a.camera.cmp(&b.camera)));
    for language in Language::ALL {
        let [english, chinese] = title;
        let mut page = html::begin(language, language.of(english, chinese));
        page.push_str(head);
        for camera in &sorted {
            page.push_str(&camera.html(language));
        }
        page.push_str("</html>\n");
        let file = dir.join(format!("{name}{}.html", language.infix()));
        fs::write(&file, page).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// Summarises the findings of one capture in a few words.
#[must_use]
pub fn summary(findings: &[Finding]) -> String {
    let abnormal = findings.iter().filter(|finding| finding.is_abnormal());
    let by_name: BTreeMap<&str, String> = abnormal
        .map(|finding| {
            let score = finding.score.map_or_else(String::new, |score| format!(" {score:.0}"));
            (finding.diagnosis.as_str(), format!("{}{score}", finding.diagnosis))
        })
        .collect();
    if by_name.is_empty() { "–".to_owned() } else { by_name.into_values().collect::<Vec<_>>().join(", ") }
}
