//! A camera's page: what was said of it and how sure, with the three pictures that decide. An operator
//! believes an alarm where the camera's usual picture stands beside it.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

use anyhow::Context;
use easysight_protocol::{Finding, Text};

use super::{Language, escaped, html};
use crate::pictures;

/// One camera.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Its name, and the set where it has one.
    pub camera: String,
    /// What stands below the name: looks, set, label.
    pub facts: String,
    /// Its usual picture: at the look at which least was found.
    pub usual: Option<Vec<u8>>,
    /// The picture at the look at which most was found.
    pub worst: Option<Vec<u8>>,
    /// The same, with the places marked.
    pub marked: Option<Vec<u8>>,
    /// The file of the worst look.
    pub file: String,
    /// What was found there.
    pub findings: Vec<Finding>,
    /// What each look said, in a line: file and words.
    pub looks: Vec<(String, String)>,
}

/// How sure a finding is, by its score: 50 is the threshold, 0 as far from it as can be.
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
    /// The least score of what stands for itself at the worst look: the less, the surer.
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
            (language.of("what was found", "发现之处"), &self.marked),
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

/// A finding in a sentence: what, how sure, and whether it follows from something else.
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
        .map_or_else(String::new, |cause| format!("; {} {cause}", language.of("follows from", "由此引起：")));
    format!("{}: {sure}{score}{cause}. {message}", finding.diagnosis)
}

/// Writes the pages of cameras as one file a language, the surest first.
///
/// # Errors
///
/// Where the directory cannot be written to.
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

/// What was said at one look, in a few words.
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
