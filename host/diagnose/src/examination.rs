//! The outcome of a job, in the types of the protocol.

use std::time::Duration;

use easysight_capture::CaptureError;
use easysight_protocol::{Decision, Failure, Finding, Metric, Region, Status, Text};
use easysight_sandbox as sandbox;

use crate::{Baselines, Selected, milliseconds};

/// The id of the finding for a missing picture.
pub const SIGNAL_LOSS: &str = "signal_loss";

/// The outcome of one job.
#[derive(Debug, Clone, Default)]
pub struct Examination {
    /// One finding for each requested diagnosis. If the camera gave no picture, only the finding [`SIGNAL_LOSS`].
    pub findings: Vec<Finding>,
    /// The findings of the plan's shadow plugins, as if each shadow ran in the place of the plugin whose findings
    /// count.
    pub shadows: Vec<Finding>,
    /// The new baselines, only of plugins whose baseline changed.
    pub baselines: Baselines,
    /// The failure, if the set-up is at fault and not the camera, for example if the file does not exist or ffmpeg is
    /// missing. There are no findings in this case.
    pub failure: Option<Failure>,
    /// The time that the capture took, in milliseconds.
    pub decode_ms: f64,
}

impl Examination {
    /// Returns the outcome without a clip. If the camera is at fault, the missing picture is a finding.
    pub(crate) fn without_clip(error: &CaptureError, elapsed: Duration) -> Self {
        let decode_ms = milliseconds(elapsed);
        if !error.is_camera_fault() {
            let failure = Failure { kind: error.kind.code().into(), detail: error.to_string() };
            return Self { failure: Some(failure), decode_ms, ..Self::default() };
        }
        let finding = Finding {
            status: Some(Status::Critical),
            score: Some(0.0),
            loss: Some(error.kind.code().to_owned()),
            message: Text {
                zh: format!("{} [{}]", error.kind.summary_zh(), error.kind),
                en: format!("{} [{}]", error.kind.summary_en(), error.kind),
            },
            suggestions: vec![Text {
                zh: format!("解码器信息：{}", error.detail),
                en: format!("What the decoder said: {}", error.detail),
            }],
            ..Finding::blank(SIGNAL_LOSS)
        };
        Self { findings: vec![finding], decode_ms, ..Self::default() }
    }
}

/// Returns the findings of a plugin that did not run: none of its diagnoses could be judged.
///
/// `plugin` is the plugin's name and version, `digest` is the requested digest.
#[must_use]
pub fn not_run(diagnoses: &[String], plugin: &str, digest: &str, failure: &Failure) -> Vec<Finding> {
    let finding = |id: &String| Finding {
        plugin: Some(plugin.to_owned()),
        digest: Some(digest.to_owned()),
        ..failed(Finding::blank(id), failure.clone())
    };
    diagnoses.iter().map(finding).collect()
}

fn failed(base: Finding, failure: Failure) -> Finding {
    let message = Text {
        zh: format!("无法判断：{}", failure.detail),
        en: format!("No judgement: {}", failure.detail),
    };
    Finding { message, failure: Some(failure), ..base }
}

/// Returns one finding for each diagnosis that was requested from the plugin, even if the run failed.
pub(crate) fn findings(selected: &Selected, outcome: &sandbox::RunOutcome) -> Vec<Finding> {
    let descriptor = selected.plugin.descriptor();
    let base = |id: &str| Finding {
        fuel: outcome.fuel,
        compute_ms: milliseconds(outcome.elapsed),
        memory_bytes: outcome.memory_bytes as u64,
        plugin: Some(format!("{}@{}", descriptor.name, descriptor.version)),
        digest: Some(selected.plugin.digest().to_string()),
        ..Finding::blank(id)
    };
    let failed =
        |id: &str, kind: &str, detail: String| failed(base(id), Failure { kind: kind.to_owned(), detail });
    let found = |id: &String| match &outcome.result {
        Err(failure) => failed(id, failure.kind(), failure.to_string()),
        Ok(report) => match report.findings.iter().find(|finding| finding.diagnosis == *id) {
            Some(finding) => judged(base(id), finding),
            None => {
                failed(id, Failure::INCONCLUSIVE, "the plugin reported no finding of this diagnosis".into())
            }
        },
    };
    selected.diagnoses.iter().map(found).collect()
}

fn judged(base: Finding, finding: &sandbox::Finding) -> Finding {
    Finding {
        status: Some(match finding.status {
            sandbox::Status::Normal => Status::Normal,
            sandbox::Status::Warning => Status::Warning,
            sandbox::Status::Error => Status::Error,
            sandbox::Status::Critical => Status::Critical,
        }),
        // The contract has single precision, and two decimals are sufficient.
        score: Some((f64::from(finding.score) * 100.0).round() / 100.0),
        decision: Some(Decision {
            metric: finding.decision.metric.clone(),
            threshold: finding.decision.threshold,
        }),
        message: text(&finding.message),
        suggestions: finding.suggestions.iter().map(text).collect(),
        metrics: finding
            .metrics
            .iter()
            .map(|m| (m.name.clone(), Metric { value: m.value, unit: m.unit.clone() }))
            .collect(),
        regions: finding
            .regions
            .iter()
            .map(|region| Region {
                left: region.left,
                top: region.top,
                width: region.width,
                height: region.height,
                caption: text(&region.caption),
            })
            .collect(),
        ..base
    }
}

/// Converts a text in two languages. If one language is empty, the text of the other language replaces it.
fn text(text: &sandbox::Text) -> Text {
    let or = |a: &String, b: &String| if a.is_empty() { b.clone() } else { a.clone() };
    Text { zh: or(&text.zh, &text.en), en: or(&text.en, &text.zh) }
}

#[cfg(test)]
mod tests {
    use easysight_capture::CaptureErrorKind;

    use super::*;

    #[test]
    fn why_there_is_no_picture_is_a_word_of_its_own_and_not_only_a_part_of_the_sentence() {
        let error =
            CaptureError { kind: CaptureErrorKind::Unauthorized, detail: "[brackets]".into(), remote: true };
        let examination = Examination::without_clip(&error, Duration::ZERO);
        let [finding] = &examination.findings[..] else { panic!("{examination:?}") };
        assert_eq!(
            (finding.diagnosis.as_str(), finding.loss.as_deref()),
            (SIGNAL_LOSS, Some("unauthorized"))
        );
        let sent = serde_json::to_value(finding).unwrap();
        assert_eq!(sent["loss"], "unauthorized");
        // The reason (`loss`) may be missing: an older node does not send it, and other findings have none.
        let mut of_before = sent;
        of_before.as_object_mut().unwrap().remove("loss");
        assert_eq!(serde_json::from_value::<Finding>(of_before).unwrap().loss, None);
        assert!(!serde_json::to_string(&Finding::blank("freeze")).unwrap().contains("loss"));
    }
}
