//! The rules for descriptors and reports. A plugin is untrusted, so its answers are checked before they are used.

use std::collections::BTreeSet;

use crate::bindings::easysight::diagnosis::types::{ClipRequest, Descriptor, Finding, Report, Text};

const MAX_DIAGNOSES: usize = 32;
const MAX_TEXT_CHARS: usize = 1_000;
const MAX_METRICS: usize = 64;
const MAX_REGIONS: usize = 256;
const MAX_SUGGESTIONS: usize = 8;
const MAX_FRAMES: u32 = 256;
const MAX_SPAN_MS: u32 = 60_000;
/// The share of the picture's width or height by which a region may extend beyond the right or the lower edge, because
/// of rounding errors.
const EDGE_SLACK: f32 = 1e-3;

type Rule = Result<(), String>;

/// Checks a descriptor and returns the plugin's version.
pub(crate) fn check_descriptor(descriptor: &Descriptor) -> Result<semver::Version, String> {
    check_id("the name", &descriptor.name, |c| {
        c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_'
    })?;
    let version = semver::Version::parse(&descriptor.version).map_err(|e| {
        format!("the version {:?} is not a semantic version: {e}", clipped(&descriptor.version))
    })?;
    if descriptor.diagnoses.is_empty() || descriptor.diagnoses.len() > MAX_DIAGNOSES {
        return Err(format!(
            "it has {} diagnoses; 1 to {MAX_DIAGNOSES} are allowed",
            descriptor.diagnoses.len()
        ));
    }
    let mut ids = BTreeSet::new();
    for diagnosis in &descriptor.diagnoses {
        check_id("the diagnosis", &diagnosis.id, is_diagnosis_char)?;
        if !ids.insert(&diagnosis.id) {
            return Err(format!("the diagnosis `{}` is listed twice", diagnosis.id));
        }
        check_text("the title", &diagnosis.title)?;
        check_text("the description", &diagnosis.description)?;
    }
    check_clip_request(descriptor.clip)?;
    Ok(version)
}

fn check_clip_request(clip: ClipRequest) -> Rule {
    if clip.min_frames == 0 || clip.min_frames > MAX_FRAMES {
        return Err(format!("it requests {} frames; 1 to {MAX_FRAMES} are allowed", clip.min_frames));
    }
    if clip.span_ms > MAX_SPAN_MS {
        return Err(format!("it requests a span of {} ms; the limit is {MAX_SPAN_MS}", clip.span_ms));
    }
    Ok(())
}

/// Checks a report against the descriptor of the plugin that gave it.
pub(crate) fn check_report(descriptor: &Descriptor, report: &Report) -> Rule {
    let mut seen = BTreeSet::new();
    for finding in &report.findings {
        let id = clipped(&finding.diagnosis);
        if !descriptor.diagnoses.iter().any(|diagnosis| diagnosis.id == finding.diagnosis) {
            return Err(format!("it has a finding `{id}`, which is not one of its diagnoses"));
        }
        if !seen.insert(&finding.diagnosis) {
            return Err(format!("it has two findings `{id}`"));
        }
        check_finding(finding).map_err(|rule| format!("finding `{id}`: {rule}"))?;
    }
    if seen.is_empty() {
        return Err("it has no finding".into());
    }
    Ok(())
}

fn check_finding(finding: &Finding) -> Rule {
    if !(0.0..=100.0).contains(&finding.score) {
        return Err(format!("the score {} is not between 0 and 100", finding.score));
    }
    check_text("the message", &finding.message)?;
    at_most("suggestions", finding.suggestions.len(), MAX_SUGGESTIONS)?;
    finding.suggestions.iter().try_for_each(|text| check_text("a suggestion", text))?;
    at_most("metrics", finding.metrics.len(), MAX_METRICS)?;
    let mut names = BTreeSet::new();
    for metric in &finding.metrics {
        check_id("the metric", &metric.name, is_diagnosis_char)?;
        if !names.insert(metric.name.as_str()) {
            return Err(format!("the metric `{}` is listed twice", metric.name));
        }
        if !metric.value.is_finite() {
            return Err(format!("the metric `{}` is {}", metric.name, metric.value));
        }
        if metric.unit.chars().count() > 32 || metric.unit.chars().any(char::is_control) {
            return Err(format!("the unit of `{}` is not a short word", metric.name));
        }
    }
    if !names.contains(finding.decision.metric.as_str()) {
        return Err(format!(
            "the decision names `{}`, which is not one of its metrics",
            clipped(&finding.decision.metric)
        ));
    }
    if !finding.decision.threshold.is_finite() {
        return Err(format!("the threshold is {}", finding.decision.threshold));
    }
    at_most("regions", finding.regions.len(), MAX_REGIONS)?;
    for region in &finding.regions {
        let within = |from: f32, size: f32| from >= 0.0 && size > 0.0 && from + size <= 1.0 + EDGE_SLACK;
        if !within(region.left, region.width) || !within(region.top, region.height) {
            return Err(format!(
                "a region leaves the picture: left {}, top {}, width {}, height {}",
                region.left, region.top, region.width, region.height
            ));
        }
        check_text("a caption", &region.caption)?;
    }
    Ok(())
}

pub(crate) fn at_most(what: &str, found: usize, granted: usize) -> Rule {
    if found > granted { Err(format!("{found} {what}; the limit is {granted}")) } else { Ok(()) }
}

/// Returns true if ids of diagnoses and names of metrics may contain this character.
pub(crate) const fn is_diagnosis_char(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'
}

pub(crate) fn check_id(what: &str, id: &str, allowed: impl Fn(char) -> bool) -> Rule {
    if id.is_empty() || id.len() > 64 || !id.chars().all(allowed) {
        return Err(format!(
            "{what} {:?} is not 1 to 64 characters of a-z, 0-9 and _ (and -, in the plugin's name)",
            clipped(id)
        ));
    }
    Ok(())
}

/// Refuses control characters, because with them a plugin could control the operator's terminal.
fn check_text(what: &str, text: &Text) -> Rule {
    if text.zh.is_empty() && text.en.is_empty() {
        return Err(format!("{what} is empty in both languages"));
    }
    for words in [&text.zh, &text.en] {
        if words.chars().count() > MAX_TEXT_CHARS {
            return Err(format!("{what} is longer than {MAX_TEXT_CHARS} characters"));
        }
        if words.chars().any(char::is_control) {
            return Err(format!("{what} contains control characters"));
        }
    }
    Ok(())
}

fn clipped(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::easysight::diagnosis::types::{Decision, Diagnosis, Metric, Region, Status};

    fn text() -> Text {
        Text { zh: "画面".into(), en: "Picture".into() }
    }

    fn descriptor() -> Descriptor {
        Descriptor {
            name: "blur".into(),
            version: "1.2.0".into(),
            diagnoses: vec![Diagnosis { id: "blur".into(), title: text(), description: text() }],
            config_schema: r#"{"type":"object"}"#.into(),
            clip: ClipRequest { min_frames: 1, interval_ms: 0, span_ms: 0 },
        }
    }

    fn finding() -> Finding {
        Finding {
            diagnosis: "blur".into(),
            status: Status::Normal,
            score: 90.0,
            decision: Decision { metric: "slope".into(), threshold: 0.4 },
            message: text(),
            suggestions: vec![text()],
            metrics: vec![Metric { name: "slope".into(), value: 0.6, unit: String::new() }],
            regions: vec![Region { left: 0.5, top: 0.0, width: 0.5, height: 1.0, caption: text() }],
        }
    }

    /// Returns the reason why a changed descriptor is refused.
    fn refused(change: impl FnOnce(&mut Descriptor)) -> String {
        let mut descriptor = descriptor();
        change(&mut descriptor);
        check_descriptor(&descriptor).unwrap_err()
    }

    /// Returns the reason why a changed finding is refused.
    fn lie(change: impl FnOnce(&mut Finding)) -> String {
        let mut finding = finding();
        change(&mut finding);
        check_report(&descriptor(), &Report { findings: vec![finding] }).unwrap_err()
    }

    #[test]
    fn an_honest_plugin_passes() {
        assert_eq!(check_descriptor(&descriptor()).unwrap(), semver::Version::new(1, 2, 0));
        check_report(&descriptor(), &Report { findings: vec![finding()] }).unwrap();
    }

    #[test]
    fn lying_descriptors_are_refused_with_the_rule() {
        assert!(refused(|d| d.name = "Blur!".into()).contains("Blur!"));
        assert!(refused(|d| d.name = "x".repeat(65)).contains("64"));
        assert!(refused(|d| d.version = "one".into()).contains("semantic"));
        assert!(refused(|d| d.diagnoses.clear()).contains("0 diagnoses"));
        assert!(
            refused(|d| d.diagnoses = vec![d.diagnoses[0].clone(), d.diagnoses[0].clone()]).contains("twice")
        );
        assert!(refused(|d| d.diagnoses[0].id = "a b".into()).contains("a b"));
        assert!(refused(|d| d.diagnoses[0].title.en = "\u{1b}[2J".into()).contains("control"));
        assert!(
            refused(|d| d.diagnoses[0].title = Text { zh: String::new(), en: String::new() })
                .contains("empty")
        );
        assert!(refused(|d| d.clip.min_frames = 0).contains("frames"));
        assert!(refused(|d| d.clip.min_frames = u32::MAX).contains("frames"));
        assert!(refused(|d| d.clip.span_ms = 3_600_000).contains("span"));
    }

    #[test]
    fn lying_reports_are_refused_with_the_rule() {
        assert!(lie(|f| f.diagnosis = "freeze".into()).contains("not one of its diagnoses"));
        assert!(lie(|f| f.score = 101.0).contains("101"));
        assert!(lie(|f| f.score = f32::NAN).contains("score"));
        assert!(lie(|f| f.metrics[0].value = f64::INFINITY).contains("inf"));
        assert!(lie(|f| f.metrics.push(f.metrics[0].clone())).contains("twice"));
        assert!(lie(|f| f.metrics = vec![f.metrics[0].clone(); 65]).contains("65 metrics"));
        assert!(lie(|f| f.decision.metric = "other".into()).contains("other"));
        assert!(lie(|f| f.decision.threshold = f64::NAN).contains("threshold"));
        assert!(lie(|f| f.message.zh = "x".repeat(1_001)).contains("1000"));
        assert!(lie(|f| f.message.en = "a\nb".into()).contains("control"));
        assert!(lie(|f| f.suggestions = vec![text(); 9]).contains("9 suggestions"));
        assert!(lie(|f| f.regions[0].width = 0.6).contains("leaves"));
        assert!(lie(|f| f.regions[0].left = -0.1).contains("leaves"));
        assert!(lie(|f| f.regions[0].height = f32::NAN).contains("leaves"));
        let twice = Report { findings: vec![finding(), finding()] };
        assert!(check_report(&descriptor(), &twice).unwrap_err().contains("two findings"));
        assert!(
            check_report(&descriptor(), &Report { findings: vec![] }).unwrap_err().contains("no finding")
        );
    }
}
