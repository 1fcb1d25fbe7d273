//! Reads only the results and measured values of a stored report: no messages, no regions, no costs. This takes a
//! fraction of the time that reading whole findings takes.

use std::collections::BTreeMap;

use easysight_protocol::Status;
use serde::{Deserialize, de::IgnoredAny};
use uuid::Uuid;

use crate::{StoreError, reports::json_of};

/// The measurements of one check.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    /// When the clip was captured, in milliseconds since 1970.
    pub(crate) at: i64,
    /// The job of the check.
    pub(crate) job: Uuid,
    pub(crate) findings: Vec<MeasuredFinding>,
}

/// The result and measured values of one diagnosis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MeasuredFinding {
    pub(crate) diagnosis: String,
    /// The status, or the kind of the failure; see `Finding::word`.
    pub(crate) word: String,
    /// True if another finding of the clip explains this one.
    pub(crate) explained: bool,
    pub(crate) metrics: Vec<MeasuredMetric>,
}

/// One measured value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MeasuredMetric {
    pub(crate) name: String,
    pub(crate) unit: String,
    /// A finite number.
    pub(crate) value: f64,
    /// The threshold, if this metric decided the verdict.
    pub(crate) threshold: Option<f64>,
}

#[derive(Deserialize)]
struct Said {
    diagnosis: String,
    status: Option<Status>,
    #[serde(default)]
    consequence_of: Option<IgnoredAny>,
    #[serde(default)]
    decision: Option<Decided>,
    #[serde(default)]
    metrics: BTreeMap<String, Value>,
    #[serde(default)]
    failure: Option<Kind>,
}

#[derive(Deserialize)]
struct Decided {
    metric: String,
    /// Null stands for NaN and infinity, which JSON does not have.
    threshold: Option<f64>,
}

#[derive(Deserialize)]
struct Value {
    /// Null stands for NaN and infinity, which JSON does not have.
    value: Option<f64>,
    #[serde(default)]
    unit: String,
}

#[derive(Deserialize)]
struct Kind {
    kind: String,
}

/// Reads the measurements of a job's check. Values that are not finite numbers are left out.
pub(crate) fn read(document: &[u8], job: Uuid, at: i64) -> Result<Measured, StoreError> {
    let said: Vec<Said> = serde_json::from_slice(&json_of(document)?)?;
    Ok(Measured { at, job, findings: said.into_iter().map(finding).collect() })
}

fn finding(said: Said) -> MeasuredFinding {
    let decided = said.decision.unwrap_or_else(|| Decided { metric: String::new(), threshold: None });
    let metric = |(name, Value { value, unit }): (String, Value)| {
        let threshold = decided.threshold.filter(|one| one.is_finite() && name == decided.metric);
        Some(MeasuredMetric { value: value.filter(|one| one.is_finite())?, threshold, name, unit })
    };
    MeasuredFinding {
        diagnosis: said.diagnosis,
        word: match (said.status, said.failure) {
            (Some(status), _) => status.as_str().to_owned(),
            (None, Some(failure)) => failure.kind,
            (None, None) => "none".to_owned(),
        },
        explained: said.consequence_of.is_some(),
        metrics: said.metrics.into_iter().filter_map(metric).collect(),
    }
}

#[cfg(test)]
mod tests {
    use easysight_protocol::{Decision, Failure, Finding, Metric};

    use super::*;

    fn metric(value: f64, unit: &str) -> Metric {
        Metric { value, unit: unit.into() }
    }

    #[test]
    fn a_report_is_read_as_its_findings_say_it() {
        let findings = [
            Finding {
                status: Some(Status::Error),
                consequence_of: Some("signal_loss".into()),
                decision: Some(Decision { metric: "mean".into(), threshold: 40.5 }),
                metrics: [
                    ("mean".to_owned(), metric(12.25, "grey level")),
                    ("odd".to_owned(), metric(f64::NAN, "")),
                ]
                .into(),
                ..Finding::blank("brightness")
            },
            Finding {
                failure: Some(Failure { kind: Failure::INCONCLUSIVE.into(), detail: "dark".into() }),
                decision: Some(Decision { metric: "none".into(), threshold: f64::INFINITY }),
                ..Finding::blank("noise")
            },
            Finding::blank("freeze"),
        ];
        let json = serde_json::to_vec(&findings).unwrap();
        let job = Uuid::from_u128(7);
        let read = read(&json, job, 5).unwrap();
        assert_eq!((read.job, read.at), (job, 5));
        for (one, finding) in read.findings.iter().zip(&findings) {
            assert_eq!(
                (one.diagnosis.as_str(), one.word.as_str()),
                (finding.diagnosis.as_str(), finding.word())
            );
        }
        let mean = MeasuredMetric {
            name: "mean".into(),
            unit: "grey level".into(),
            value: 12.25,
            threshold: Some(40.5),
        };
        assert!(read.findings[0].explained && !read.findings[1].explained);
        // NaN is null in JSON, so the value is left out.
        assert_eq!(read.findings[0].metrics, [mean]);
        assert_eq!(read.findings[1].metrics, []);
        assert!(super::read(b"[{]", job, 5).is_err());
    }
}
