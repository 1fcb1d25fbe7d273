//! `--native-check`: compares the findings of plugins in the sandbox with the findings of the same source code
//! compiled natively.

use easysight_capture::Clip;
use easysight_diagnose::Plan;
use easysight_protocol::Finding;
use easysight_sdk as sdk;

/// Describes the differences, one sentence each. Plugins without a native version are listed too, because they were
/// not checked.
pub(super) fn differences(plan: &Plan, clip: &Clip, findings: &[Finding]) -> Vec<String> {
    let mut differences = Vec::new();
    for selected in plan.selected() {
        let name = &selected.plugin.descriptor().name;
        let Some(native) = easysight_native::diagnose(name, &selected.sees(clip), &selected.config) else {
            differences.push(format!("{name} is not a standard plugin and cannot be checked"));
            continue;
        };
        for id in &selected.diagnoses {
            let Some(sandboxed) = findings.iter().find(|finding| finding.diagnosis == *id) else {
                differences.push(format!("{id}: no finding from the sandbox"));
                continue;
            };
            let native = match &native {
                Ok(report) => report.findings.iter().find(|finding| finding.diagnosis == *id).map(judgement),
                Err(failure) => Some(refusal(failure)),
            };
            let sandboxed = told(sandboxed);
            if native.as_ref() != Some(&sandboxed) {
                let native = native.unwrap_or_else(|| "nothing".into());
                differences.push(format!("{id}: in the sandbox {sandboxed}, natively {native}"));
            }
        }
    }
    differences
}

/// Formats a value with twelve digits. More digits would differ, because the sine function of this machine's library
/// and the sine function of the component's library differ in the last bit.
fn digits(value: f64) -> String {
    format!("{value:.11e}")
}

/// Returns everything that a finding contains, as one string.
fn told(finding: &Finding) -> String {
    if let Some(failure) = &finding.failure {
        return failure.kind.clone();
    }
    let status = finding.status.map_or("none", easysight_protocol::Status::as_str);
    let decision = finding.decision.as_ref().map(|d| (d.metric.as_str(), d.threshold.to_bits()));
    let metrics: Vec<_> = finding.metrics.iter().map(|(name, m)| (name.as_str(), digits(m.value))).collect();
    format!("{status} {:?} {decision:?} {metrics:?} {}", finding.score, finding.message.en)
}

fn judgement(finding: &sdk::Finding) -> String {
    let status = match finding.status {
        sdk::Status::Normal => "normal",
        sdk::Status::Warning => "warning",
        sdk::Status::Error => "error",
        sdk::Status::Critical => "critical",
    };
    let score = Some((f64::from(finding.score) * 100.0).round() / 100.0);
    let decision = Some((finding.decision.metric.as_str(), finding.decision.threshold.to_bits()));
    let mut metrics: Vec<_> = finding.metrics.iter().map(|m| (m.name.as_str(), digits(m.value))).collect();
    metrics.sort_by_key(|(name, _)| *name);
    format!("{status} {score:?} {decision:?} {metrics:?} {}", finding.message.en)
}

fn refusal(failure: &sdk::Failure) -> String {
    match failure {
        sdk::Failure::InvalidConfig(_) => "invalid-config",
        sdk::Failure::UnsupportedClip(_) => "unsupported-clip",
        sdk::Failure::Inconclusive(_) => "inconclusive",
        sdk::Failure::Internal(_) => "internal",
    }
    .to_owned()
}
