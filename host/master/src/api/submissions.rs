//! Ad-hoc diagnosis: one source is judged once, without a stored camera or task. A submission is a run with one job.

use std::time::Duration;

use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use easysight_daemon::{
    problem::Error,
    requests::RequestOrigin,
    upload::{SubmissionBody, not_kept, read_submission},
};
use easysight_protocol::{
    Failure, JobId, JobState, Problem, RunId, RunState, Schedule, Submission, SubmissionId,
    SubmissionRequest, SubmissionState, TaskRequest, Trigger, masked_source, uploaded_name, uploaded_source,
};
use easysight_store::{Area, FindingFilter, NewRun, PageRequest};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use tower::ServiceExt;
use tower_http::services::ServeFile;
use utoipa::{IntoParams, ToSchema};

use crate::{
    events::{Heard, Subject},
    master::{Master, Shared},
    problems::{invalid, missing, store_error},
    registry::NoPlan,
    runs,
};

use super::{
    by::{By, Within},
    check,
    parameters::{Params, Path},
};

/// The longest time that a request may wait for the findings.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// The priority of submissions. They run before scheduled jobs, because a person is waiting for the result.
const PRIORITY: i32 = 10;
/// The largest number of findings of one job.
const MAX_FINDINGS: u32 = 1_000;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WaitQuery {
    /// Milliseconds to wait for the findings, up to 60000.
    #[serde(default)]
    #[param(maximum = 60_000)]
    wait_ms: u64,
}

/// A request with an upload.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it documents the form, which is read part by part")]
struct SubmissionForm {
    /// The same as the JSON body, without a source.
    #[schema(nullable = false)]
    request: Option<SubmissionRequest>,
    /// The picture or clip.
    #[schema(value_type = String, format = Binary)]
    clip: Vec<u8>,
}

impl WaitQuery {
    fn until(&self) -> Result<Instant, Error> {
        let wait = Duration::from_millis(self.wait_ms);
        if wait > MAX_WAIT {
            let detail = format!("wait_ms is at most {}", MAX_WAIT.as_millis());
            return Err(Error::new(StatusCode::BAD_REQUEST, "invalid-query", detail));
        }
        Ok(Instant::now() + wait)
    }
}

/// Checks one source on any free node. The answer is 200 if the check ends within `wait_ms`, otherwise 202. The header
/// `Location` contains the address of the submission.
#[utoipa::path(post, path = "/api/v1/diagnosis/submissions", tag = "submissions", params(WaitQuery),
    request_body(content((SubmissionRequest = "application/json"), (SubmissionForm = "multipart/form-data"))),
    responses((status = 200, body = Submission), (status = 202, body = Submission), (status = 413, body = Problem),
        (status = 422, body = Problem), (status = 507, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn submit(
    State(master): State<Shared>,
    Within(area): Within,
    Params(query): Params<WaitQuery>,
    RequestOrigin(origin): RequestOrigin,
    By(actor): By,
    request: Request,
) -> Result<Response, Error> {
    let until = query.until()?;
    let SubmissionBody { request, upload } =
        read_submission(request, master.uploads.dir(), master.uploads.max_bytes).await?;
    let (source, upload) = match (request.source, upload) {
        (Some(source), None) => {
            check::source("/source", &source)?;
            (source, None)
        }
        (None, Some(upload)) => (uploaded_source(&upload.name), Some(upload.path)),
        (Some(_), Some(_)) => return Err(invalid("/source", "give a source or upload a clip, not both")),
        (None, None) => {
            let detail = "give a source, or upload a picture or a clip as the part `clip`";
            return Err(invalid("/source", detail));
        }
    };
    match master.registry.active().plan(&request.diagnoses, &request.config) {
        Ok(_) => {}
        Err(NoPlan::Invalid(problem)) => return Err(invalid(problem.field, problem.detail)),
        Err(NoPlan::Waits(lacks)) => {
            return Err(invalid("/diagnoses", format!("missing: {}", lacks.join(", "))));
        }
    }
    let definition = TaskRequest {
        id: None,
        name: "submission".into(),
        // A submission has no camera. The source takes the place of a camera's id.
        cameras: vec![source],
        groups: Vec::new(),
        diagnoses: request.diagnoses,
        config: request.config,
        schedule: Schedule::Manual,
        priority: PRIORITY,
        required_labels: Default::default(),
        max_attempts: 3,
        full_look_every: 1,
        deadline_ms: None,
        enabled: true,
    };
    let id = master.clock.run_id();
    if let Some(upload) = upload {
        // The file is stored before the run exists, because a worker may fetch it at once. If anything fails from
        // here on, the file is removed later.
        master.uploads.keep(upload, id).map_err(|error| not_kept(&error))?;
    }
    let new = NewRun {
        id,
        task_id: None,
        trigger: Trigger::Submission,
        fire_time: None,
        idempotency_key: None,
        definition,
        origin,
    };
    runs::begin(&master, new, Some(actor)).await.map_err(|error| store_error(&error))?;
    let submission = await_end(&master, &area, id, until).await?.ok_or_else(|| missing("submission", id))?;
    let ended = matches!(submission.state, SubmissionState::Finished | SubmissionState::Failed);
    let status = if ended { StatusCode::OK } else { StatusCode::ACCEPTED };
    let mut response = (status, Json(&submission)).into_response();
    let location = format!("/api/v1/diagnosis/submissions/{id}");
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Returns a submission.
#[utoipa::path(get, path = "/api/v1/diagnosis/submissions/{id}", tag = "submissions", params(WaitQuery),
    responses((status = 200, body = Submission), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn look_up(
    State(master): State<Shared>,
    Within(area): Within,
    Path(id): Path<String>,
    Params(query): Params<WaitQuery>,
) -> Result<Json<Submission>, Error> {
    let run: RunId = id.parse().map_err(|_| missing("submission", &id))?;
    let found = await_end(&master, &area, run, query.until()?).await?;
    Ok(Json(found.ok_or_else(|| missing("submission", &id))?))
}

/// Returns the name of the uploaded file, or the address without credentials.
fn shown(source: &str) -> String {
    uploaded_name(source).map_or_else(|| masked_source(source), str::to_owned)
}

/// Returns the picture or clip that was uploaded with a job's submission.
#[utoipa::path(get, path = "/api/v1/diagnosis/jobs/{id}/upload", tag = "worker protocol",
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>),
        (status = 206, description = "A range", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 304, description = "The client has the upload already"), (status = 416, description = "The range is not within the file"),
        (status = 404, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn upload(
    State(master): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Error> {
    let job_id: JobId = id.parse().map_err(|_| missing("job", &id))?;
    let found = master.store.job(&Area::ALL, job_id).await.map_err(|error| store_error(&error))?;
    let file = master.uploads.file(found.ok_or_else(|| missing("job", &id))?.run_id);
    if !file.is_file() {
        return Err(missing("upload", &id));
    }
    let served = ServeFile::new(file).oneshot(request.map(|_| Body::empty())).await;
    match served {
        Ok(response) => Ok(response.map(Body::new)),
        Err(never) => match never {},
    }
}

async fn await_end(
    master: &Master,
    area: &Area,
    id: RunId,
    until: Instant,
) -> Result<Option<Submission>, Error> {
    // Listen before the first read, so that an end in between is not missed.
    let mut events = master.events.listen();
    loop {
        let Some(submission) = read(master, area, id).await? else { return Ok(None) };
        if matches!(submission.state, SubmissionState::Finished | SubmissionState::Failed) {
            return Ok(Some(submission));
        }
        loop {
            let heard = tokio::select! {
                heard = timeout_at(until, events.next()) => heard,
                () = master.stopping.cancelled() => return Ok(Some(submission)),
            };
            match heard {
                Ok(Heard::Event(sent)) if sent.subject == Subject::Run(id) => break,
                Ok(Heard::Event(_)) => {}
                // This follower has missed events, perhaps the end of the run. So the submission is read again.
                Ok(Heard::Missed(_)) => break,
                Err(_) => return read(master, area, id).await,
            }
        }
    }
}

async fn read(master: &Master, area: &Area, id: RunId) -> Result<Option<Submission>, Error> {
    let run = master.store.submission(area, id).await.map_err(|error| store_error(&error))?;
    let Some(run) = run else { return Ok(None) };
    if run.run.trigger != Trigger::Submission {
        return Ok(None);
    }
    let page = PageRequest { after: None, limit: 1 };
    let jobs = master.store.jobs(&Area::ALL, id, None, &page).await.map_err(|error| store_error(&error))?;
    let job = jobs.items.into_iter().next();
    let filter = FindingFilter { run_id: Some(id), ..FindingFilter::default() };
    let page = PageRequest { after: None, limit: MAX_FINDINGS };
    let findings =
        master.store.findings(&Area::ALL, &filter, &page).await.map_err(|error| store_error(&error))?;
    let state = match (run.run.state, job.as_ref().map(|job| job.state)) {
        (RunState::Cancelled, _) | (_, Some(JobState::Dead | JobState::Cancelled)) => SubmissionState::Failed,
        (_, Some(JobState::Finished)) => SubmissionState::Finished,
        (_, Some(JobState::Running)) => SubmissionState::Running,
        (_, Some(JobState::Queued) | None) => SubmissionState::Queued,
    };
    let cancelled = || Failure { kind: "cancelled".into(), detail: "The submission was cancelled.".into() };
    let failure = match state {
        SubmissionState::Failed => {
            job.as_ref().and_then(|job| job.failure.clone()).or_else(|| Some(cancelled()))
        }
        _ => None,
    };
    // Findings are listed latest first. A submission shows them in the order of the plan.
    let findings: Vec<_> = findings.items.into_iter().rev().map(|one| one.finding).collect();
    let evidence = findings.iter().find_map(|finding| finding.evidence.as_ref());
    Ok(Some(Submission {
        id: SubmissionId(id.0),
        state,
        source: shown(run.definition.cameras.first().map_or("", String::as_str)),
        created_at: run.run.created_at,
        started_at: job.as_ref().and_then(|job| job.started_at),
        finished_at: run.run.finished_at,
        decode_ms: job.as_ref().and_then(|job| job.decode_ms),
        picture: evidence.map(|evidence| format!("/api/v1/diagnosis/pictures/{}", evidence.picture)),
        findings,
        failure,
    }))
}
