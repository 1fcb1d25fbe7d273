//! One submission over HTTP, as any client would make it.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};

/// How long one source may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is shown of a finding.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) diagnosis: String,
    pub(super) status: String,
    pub(super) score: String,
    pub(super) measured: String,
    pub(super) message: String,
}

/// Submits a source and waits for its findings.
pub(super) fn submit(url: &str, source: &str) -> anyhow::Result<Vec<Finding>> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .into();
    let until = Instant::now() + PATIENCE;
    let address = format!("{url}/api/v1/diagnosis/submissions?wait_ms=30000");
    let mut answer = agent.post(address).send_json(json!({ "source": source }))?;
    if !answer.status().is_success() {
        let problem: Value = answer.body_mut().read_json()?;
        bail!("the worker refuses {source}: {}", text(&problem, "/detail"));
    }
    let mut submission: Value = answer.body_mut().read_json()?;
    while !matches!(text(&submission, "/state").as_str(), "finished" | "failed") {
        if Instant::now() > until {
            bail!("{source} has no findings after {} s", PATIENCE.as_secs());
        }
        let id = text(&submission, "/id");
        let address = format!("{url}/api/v1/diagnosis/submissions/{id}?wait_ms=10000");
        submission = agent.get(address).call()?.body_mut().read_json()?;
    }
    if let Some(detail) = submission.pointer("/failure/detail").and_then(Value::as_str) {
        bail!("{source}: {detail}");
    }
    let findings = submission.get("findings").and_then(Value::as_array).context("no findings")?;
    Ok(findings.iter().map(finding).collect())
}

fn finding(value: &Value) -> Finding {
    let number = |pointer: &str| value.pointer(pointer).and_then(Value::as_f64);
    let metric = text(value, "/decision/metric");
    let measured = match (number(&format!("/metrics/{metric}/value")), number("/decision/threshold")) {
        (Some(measured), Some(threshold)) => format!("{metric} {measured:.2} ({threshold:.2})"),
        _ => String::new(),
    };
    let status = match value.get("status").and_then(Value::as_str) {
        Some(status) => status.to_owned(),
        None => text(value, "/failure/kind"),
    };
    Finding {
        diagnosis: text(value, "/diagnosis"),
        status,
        score: number("/score").map_or_else(|| "–".into(), |score| format!("{score:.0}")),
        measured,
        message: text(value, "/message/en"),
    }
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
