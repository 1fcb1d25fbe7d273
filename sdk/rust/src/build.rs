//! Builders for descriptors and findings, so that a plugin does not write out every field.

use crate::{
    ClipRequest, Consequence, Decision, Descriptor, Diagnosis, Explanation, Extent, Finding, Metric, Region,
    Report, Status, Text,
};

impl Text {
    /// Creates a text: the same sentence in Chinese and English.
    #[must_use]
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh: zh.into(), en: en.into() }
    }
}

/// A descriptor without the schema. The SDK derives the schema from the type of the configuration.
#[derive(Debug, Clone)]
pub struct Description {
    name: String,
    version: String,
    diagnoses: Vec<Diagnosis>,
    clip: ClipRequest,
    explanations: Vec<Explanation>,
}

/// Begins the description of a plugin that needs a single picture.
#[must_use]
pub fn descriptor(name: &str, version: &str) -> Description {
    Description {
        name: name.into(),
        version: version.into(),
        diagnoses: Vec::new(),
        clip: ClipRequest { min_frames: 1, interval_ms: 0, span_ms: 0 },
        explanations: Vec::new(),
    }
}

/// Splits `diagnosis` or `diagnosis:metric` into its parts. The second form names only the findings that this metric
/// decided.
fn parts(name: &str) -> (String, Option<String>) {
    match name.split_once(':') {
        Some((diagnosis, metric)) => (diagnosis.into(), Some(metric.into())),
        None => (name.into(), None),
    }
}

impl Description {
    /// Adds a diagnosis.
    #[must_use]
    pub fn diagnosis(mut self, id: &str, title: Text, description: Text) -> Self {
        self.diagnoses.push(Diagnosis { id: id.into(), title, description });
        self
    }

    /// Requests a clip of `span_ms` milliseconds with a frame every `interval_ms` milliseconds (0: every frame).
    #[must_use]
    pub const fn over_time(mut self, min_frames: u32, interval_ms: u32, span_ms: u32) -> Self {
        self.clip = ClipRequest { min_frames, interval_ms, span_ms };
        self
    }

    /// Declares which findings are consequences if one of this plugin's findings is not normal. The operator then
    /// sees only the cause. `cause` is the id of one of this plugin's diagnoses. Each of `consequences` is the id
    /// of a diagnosis of any plugin. An id may be followed by a metric: `brightness:luma_p95` is the finding of
    /// `brightness` if the metric `luma_p95` decided it. The host follows explanations through several steps.
    #[must_use]
    pub fn explains(mut self, cause: &str, consequences: &[&str]) -> Self {
        let consequence = |name: &&str| {
            let (diagnosis, decided_by) = parts(name);
            Consequence { diagnosis, decided_by }
        };
        let extent = Extent::These(consequences.iter().map(consequence).collect());
        self.explanations.push(explanation(cause, extent));
        self
    }

    /// Declares that all other findings follow from a finding of this plugin, because there is no scene in the
    /// picture. `cause` has the same form as in [`Self::explains`].
    #[must_use]
    pub fn explains_everything(mut self, cause: &str) -> Self {
        self.explanations.push(explanation(cause, Extent::Everything));
        self
    }

    pub(crate) fn into_explanations(self) -> Vec<Explanation> {
        self.explanations
    }

    pub(crate) fn into_descriptor(self, config_schema: String) -> Descriptor {
        Descriptor {
            name: self.name,
            version: self.version,
            diagnoses: self.diagnoses,
            config_schema,
            clip: self.clip,
        }
    }
}

fn explanation(cause: &str, explains: Extent) -> Explanation {
    let (diagnosis, decided_by) = parts(cause);
    Explanation { diagnosis, decided_by, explains }
}

/// A finding under construction; see [`finding`].
#[derive(Debug, Clone)]
pub struct FindingBuilder {
    finding: Finding,
    judged: bool,
}

/// Begins a finding. It is normal with a score of 100 until another judgement is set.
#[must_use]
pub fn finding(diagnosis: &str) -> FindingBuilder {
    FindingBuilder {
        finding: Finding {
            diagnosis: diagnosis.into(),
            status: Status::Normal,
            score: 100.0,
            decision: Decision { metric: String::new(), threshold: 0.0 },
            message: Text::new("", ""),
            suggestions: Vec::new(),
            metrics: Vec::new(),
            regions: Vec::new(),
        },
        judged: false,
    }
}

impl FindingBuilder {
    /// Adds a measured value. Negative zero, which a comparison can leave, becomes zero.
    #[must_use]
    pub fn metric(mut self, name: &str, value: f64, unit: &str) -> Self {
        let value = if value == 0.0 { 0.0 } else { value };
        self.finding.metrics.push(Metric { name: name.into(), value, unit: unit.into() });
        self
    }

    /// Names the metric that decided the finding, and its threshold.
    #[must_use]
    pub fn decided_by(mut self, metric: &str, threshold: f64) -> Self {
        self.finding.decision = Decision { metric: metric.into(), threshold };
        self
    }

    /// Sets the score. The score is clamped to 0 to 100; a value that is not a number counts as 0.
    #[must_use]
    pub fn score(mut self, score: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a score needs no more digits")]
        let score = score.clamp(0.0, 100.0) as f32;
        self.finding.score = if score.is_nan() { 0.0 } else { score };
        self
    }

    /// Sets the judgement.
    #[must_use]
    pub fn judged(mut self, status: Status, message: Text) -> Self {
        self.finding.status = status;
        self.finding.message = message;
        self.judged = true;
        self
    }

    /// Judges the finding as normal with this message if the condition holds.
    #[must_use]
    pub fn normal_if(self, condition: bool, message: Text) -> Self {
        if condition { self.judged(Status::Normal, message) } else { self }
    }

    /// Judges the finding as a warning if no judgement was set before. A score above 50 becomes 50.
    #[must_use]
    pub fn otherwise_warning(self, message: Text) -> Self {
        if self.judged {
            return self;
        }
        let score = f64::from(self.finding.score).min(50.0);
        self.judged(Status::Warning, message).score(score)
    }

    /// Adds a suggestion to remedy the fault.
    #[must_use]
    pub fn suggest(mut self, suggestion: Text) -> Self {
        self.finding.suggestions.push(suggestion);
        self
    }

    /// Marks where the fault is.
    #[must_use]
    pub fn region(mut self, region: Region) -> Self {
        self.finding.regions.push(region);
        self
    }
}

impl From<FindingBuilder> for Finding {
    fn from(builder: FindingBuilder) -> Self {
        builder.finding
    }
}

/// Makes a report of one finding.
impl From<FindingBuilder> for Report {
    fn from(builder: FindingBuilder) -> Self {
        Self { findings: vec![builder.finding] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_names_what_decided_where_a_metric_is_given() {
        let made = descriptor("light", "1.0.0")
            .explains("light:clipped", &["cover", "noise:grain"])
            .explains_everything("light");
        let [by_metric, everything] = made.into_explanations().try_into().expect("two explanations");
        assert_eq!(
            (by_metric.diagnosis.as_str(), by_metric.decided_by.as_deref()),
            ("light", Some("clipped"))
        );
        let Extent::These(consequences) = by_metric.explains else { panic!("these") };
        let consequences: Vec<_> =
            consequences.iter().map(|one| (one.diagnosis.as_str(), one.decided_by.as_deref())).collect();
        assert_eq!(consequences, [("cover", None), ("noise", Some("grain"))]);
        assert!(matches!(everything.explains, Extent::Everything) && everything.decided_by.is_none());
    }

    #[test]
    fn a_measured_zero_has_no_sign() {
        let made: Finding = finding("a").metric("least", -0.0, "").metric("small", -1e-9, "").into();
        let bits: Vec<u64> = made.metrics.iter().map(|metric| metric.value.to_bits()).collect();
        assert_eq!(bits, [0, (-1e-9_f64).to_bits()]);
    }
}
