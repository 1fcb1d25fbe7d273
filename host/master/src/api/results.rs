//! Stored findings, as JSON or CSV.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use easysight_daemon::problem::Error;
use easysight_protocol::{DiagnosisResult, JobId, Page, Problem, RunId};
use easysight_store::FindingFilter;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::{master::Shared, problems::store_error};

use super::{
    by::Within,
    parameters::{PageQuery, Params},
};

/// The format of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ResultFormat {
    Json,
    Csv,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ResultQuery {
    /// Only findings of this run.
    #[param(value_type = Option<uuid::Uuid>)]
    run_id: Option<RunId>,
    /// Only findings of this job.
    #[param(value_type = Option<uuid::Uuid>)]
    job_id: Option<JobId>,
    /// Only findings of this task.
    task_id: Option<String>,
    /// Only findings of this camera.
    camera_id: Option<String>,
    /// Only findings of this diagnosis.
    diagnosis: Option<String>,
    /// Only findings with this status or this kind of failure.
    status: Option<String>,
    /// Only findings recorded at this time or later.
    since: Option<DateTime<Utc>>,
    /// Only findings recorded before this time.
    until: Option<DateTime<Utc>>,
    /// The format. If absent, the header `Accept` decides.
    #[param(inline)]
    format: Option<ResultFormat>,
    /// The value of `next` on the previous page.
    after: Option<String>,
    /// The largest number of items on the page, 1 to 1000. If absent, 100.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<u32>,
}

/// Lists findings, latest first. A page may have fewer findings than the limit although a next page exists: a search
/// looks through at most 5,000 checks for each page. Continue until `next` is null. `Accept: text/csv` or `format=csv`
/// gives CSV; the header `X-Next` then contains the value of `next`.
#[utoipa::path(get, path = "/api/v1/diagnosis/results", tag = "results", params(ResultQuery),
    responses((status = 200, content((Page<DiagnosisResult> = "application/json"), (String = "text/csv")),
            headers(("X-Next" = String, description = "With CSV: the value to send as `after` for the next page"))),
        (status = "default", body = Problem)))]
pub(super) async fn list(
    State(master): State<Shared>,
    Within(area): Within,
    Params(query): Params<ResultQuery>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let as_csv = match query.format {
        None => accepts.contains("text/csv"),
        Some(format) => format == ResultFormat::Csv,
    };
    let filter = FindingFilter {
        run_id: query.run_id,
        job_id: query.job_id,
        task_id: query.task_id,
        camera_id: query.camera_id,
        diagnosis: query.diagnosis,
        status: query.status,
        since: query.since.map(|at| at.timestamp_millis()),
        until: query.until.map(|at| at.timestamp_millis()),
    };
    let page = PageQuery { after: query.after, limit: query.limit }.page()?;
    let found = master.store.findings(&area, &filter, &page).await.map_err(|error| store_error(&error))?;
    if !as_csv {
        return Ok(Json(found).into_response());
    }
    let body = csv(&found.items).map_err(|error| {
        let detail = format!("the findings cannot be written as CSV: {error}");
        Error::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    })?;
    let mut response = ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], body).into_response();
    if let Some(next) = found.next.and_then(|next| HeaderValue::from_str(&next).ok()) {
        response.headers_mut().insert("x-next", next);
    }
    Ok(response)
}

fn csv(findings: &[DiagnosisResult]) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "id",
        "captured_at",
        "recorded_at",
        "run_id",
        "job_id",
        "task_id",
        "camera_id",
        "node_id",
        "diagnosis",
        "status",
        "score",
        "metric",
        "threshold",
        "message_zh",
        "message_en",
        "failure",
        "plugin",
        "digest",
        "look",
    ])?;
    for one in findings {
        let finding = &one.finding;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        writer.write_record([
            one.id.clone(),
            one.captured_at.to_rfc3339(),
            one.recorded_at.to_rfc3339(),
            one.run_id.to_string(),
            one.job_id.to_string(),
            text(&one.task_id),
            text(&one.camera_id),
            text(&one.node_id),
            finding.diagnosis.clone(),
            finding.status.map(|status| status.to_string()).unwrap_or_default(),
            finding.score.map(|score| score.to_string()).unwrap_or_default(),
            finding.decision.as_ref().map(|one| one.metric.clone()).unwrap_or_default(),
            finding.decision.as_ref().map(|one| one.threshold.to_string()).unwrap_or_default(),
            harmless(&finding.message.zh),
            harmless(&finding.message.en),
            finding.failure.as_ref().map(|failure| failure.kind.clone()).unwrap_or_default(),
            text(&finding.plugin),
            text(&finding.digest),
            finding.look.map(|look| look.to_string()).unwrap_or_default(),
        ])?;
    }
    writer.into_inner().map_err(|error| anyhow::anyhow!("{error}"))
}

/// Changes a string that a spreadsheet would treat as a formula. Messages come from plugins, so they may contain
/// anything.
pub(super) fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}
