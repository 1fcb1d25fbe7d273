//! Checks that all texts for people exist in Chinese and in English.

use std::collections::BTreeSet;

use easysight_sandbox::{Descriptor, Report, Text};

use super::{Check, battery::Battery};
use crate::bench::status_word;

/// The defects of the recorded texts.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    seen: usize,
    missing: BTreeSet<String>,
    /// Texts in the Chinese field that contain no Chinese character.
    not_chinese: BTreeSet<String>,
}

impl Texts {
    pub(super) fn of_descriptor(descriptor: &Descriptor) -> Self {
        let mut texts = Self::default();
        for diagnosis in &descriptor.diagnoses {
            texts.add(&format!("title of {}", diagnosis.id), &diagnosis.title);
            texts.add(&format!("description of {}", diagnosis.id), &diagnosis.description);
        }
        texts
    }

    pub(super) fn take(&mut self, report: &Report) {
        for finding in &report.findings {
            let status = status_word(finding.status);
            let of = |what: &str| format!("{what} of {} ({status})", finding.diagnosis);
            self.add(&of("message"), &finding.message);
            finding.suggestions.iter().for_each(|text| self.add(&of("suggestion"), text));
            finding.regions.iter().for_each(|region| self.add(&of("caption"), &region.caption));
        }
    }

    fn add(&mut self, what: &str, text: &Text) {
        self.seen += 1;
        for (language, words) in [("Chinese", &text.zh), ("English", &text.en)] {
            if words.trim().is_empty() {
                self.missing.insert(format!("the {what} in {language}"));
            }
        }
        // The Unicode range of Chinese characters (CJK unified ideographs, including extension A).
        if !text.zh.is_empty() && !text.zh.chars().any(|c| ('\u{3400}'..='\u{9fff}').contains(&c)) {
            self.not_chinese.insert(format!("the {what}"));
        }
    }
}

pub(super) fn checks(battery: &Battery<'_>) -> Vec<Check> {
    let texts = battery.texts();
    let list = |set: &BTreeSet<String>| set.iter().take(4).cloned().collect::<Vec<_>>().join(", ");
    let mut checks = Vec::new();
    if texts.missing.is_empty() {
        checks.push(Check::pass("texts", format!("{} texts, all in both languages", texts.seen)));
    } else {
        let found = format!("missing: {}", list(&texts.missing));
        checks.push(Check::fail("texts", found, "write every text in Chinese (zh) and English (en)"));
    }
    if !texts.not_chinese.is_empty() {
        let found = format!("no Chinese in the Chinese text: {}", list(&texts.not_chinese));
        checks.push(Check::advise(
            "chinese",
            found,
            "write these texts in Chinese; most operators read only Chinese",
        ));
    }
    checks
}
