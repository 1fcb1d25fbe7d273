//! What came out, in the words of the protocol.

use std::time::Duration;

use easysight_capture::CaptureError;
use easysight_protocol::{Decision, Failure, Finding, Metric, Region, Status, Text};
use easysight_sandbox as sandbox;

use crate::{Baselines, Selected, milliseconds};

/// Id of the finding that says that there is no picture.
pub const SIGNAL_LOSS: &str = "signal_loss";

/// The outcome of one job.
#[derive(Debug, Clone, Default)]
pub struct Examination {
    /// One finding for each diagnosis that was asked for; of a camera without a picture the single
    /// finding [`SIGNAL_LOSS`].
    pub findings: Vec<Finding>,
    /// What the plan's shadows found, each as if it stood in the place of the plugin that counts.
    pub shadows: Vec<Finding>,
    /// What plugins remember from now on, of those that remember anything else than before.
    pub baselines: Baselines,
    /// Set, without findings, where the set-up is at fault rather than the camera: no such file, no
    /// ffmpeg.
    pub failure: Option<Failure>,
    /// Wall clock of the capture in milliseconds.
    pub decode_ms: f64,
}

impl Examination {
    /// No picture is a finding too, where the camera is why there is none.
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

/// The findings of a plugin that was not run: none of its diagnoses could be judged.
///
/// `plugin` is its name and version, `digest` what was asked for.
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

/// One finding for each diagnosis that was asked of the plugin, whatever it answered.
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
            None => failed(id, Failure::INCONCLUSIVE, "the plugin reports nothing on this diagnosis".into()),
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
        // The contract has single precision; two decimals are what it is worth.
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

/// Where one language is empty, the other stands in for it.
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
        // A node of before says nothing of it, and a finding of another kind has none.
        let mut of_before = sent;
        of_before.as_object_mut().unwrap().remove("loss");
        assert_eq!(serde_json::from_value::<Finding>(of_before).unwrap().loss, None);
        assert!(!serde_json::to_string(&Finding::blank("freeze")).unwrap().contains("loss"));
    }
}
