//! Runs and their jobs.

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use easysight_daemon::problem::Error;
use easysight_protocol::{Job, JobId, JobState, Page, Problem, Run, RunChange, RunId, RunState};
use easysight_store::{Retried, RunFilter};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    master::Shared,
    problems::{missing, store_error},
};

use super::{
    by::{By, Within},
    parameters::{PageQuery, Params, Path},
    tasks,
};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RunQuery {
    /// Only runs of this task.
    task_id: Option<String>,
    /// Only runs in this state.
    state: Option<RunState>,
    /// True for only those runs that have ended with dead jobs. For a caller with an area, only dead jobs of the area's
    /// cameras count.
    failed: Option<bool>,
    /// Only runs that have not ended, or ended at this time or later. With the time 24 hours before now, the list has
    /// the runs that the overview counts.
    since: Option<DateTime<Utc>>,
    /// The value of `next` on the previous page.
    after: Option<String>,
    /// The largest number of items on the page, 1 to 1000. If absent, 100.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<u32>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct JobQuery {
    /// Only jobs in this state.
    state: Option<JobState>,
    /// The value of `next` on the previous page.
    after: Option<String>,
    /// The largest number of items on the page, 1 to 1000. If absent, 100.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<u32>,
}

/// Lists runs, latest first. For a caller with an area, a page may have fewer runs than the limit although a next page
/// exists: a search looks through at most 5,000 runs for each page. Continue until `next` is null.
#[utoipa::path(get, path = "/api/v1/diagnosis/runs", tag = "runs", params(RunQuery),
    responses((status = 200, body = Page<Run>), (status = "default", body = Problem)))]
pub(super) async fn list(
    State(master): State<Shared>,
    Within(area): Within,
    Params(query): Params<RunQuery>,
) -> Result<Json<Page<Run>>, Error> {
    let filter = RunFilter {
        task_id: query.task_id,
        state: query.state,
        failed: query.failed.unwrap_or(false),
        since: query.since.map(|at| at.timestamp_millis()),
    };
    let page = PageQuery { after: query.after, limit: query.limit }.page()?;
    Ok(Json(master.store.runs(&area, &filter, &page).await.map_err(|error| store_error(&error))?))
}

/// Lists the runs of a task, latest first.
#[utoipa::path(get, path = "/api/v1/diagnosis/tasks/{id}/runs", tag = "runs", params(PageQuery),
    responses((status = 200, body = Page<Run>), (status = "default", body = Problem)))]
pub(super) async fn of_task(
    State(master): State<Shared>,
    Within(area): Within,
    Path(id): Path<String>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<Run>>, Error> {
    let filter = RunFilter { task_id: Some(id), ..RunFilter::default() };
    let runs = master.store.runs(&area, &filter, &query.page()?).await;
    Ok(Json(runs.map_err(|error| store_error(&error))?))
}

/// Returns a run, with its progress and what it waits for.
#[utoipa::path(get, path = "/api/v1/diagnosis/runs/{id}", tag = "runs",
    responses((status = 200, body = Run), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn look_up(
    State(master): State<Shared>,
    Within(area): Within,
    Path(id): Path<String>,
) -> Result<Json<Run>, Error> {
    let run_id: RunId = id.parse().map_err(|_| missing("run", &id))?;
    let found = master.store.run(&area, run_id).await.map_err(|error| store_error(&error))?;
    let mut found = found.ok_or_else(|| missing("run", &id))?;
    if found.run.progress.queued > 0 && found.run.progress.running == 0 {
        let lack = tasks::node_lack(&master, &found.definition).await.map_err(|e| store_error(&e))?;
        found.run.waits_for.extend(lack);
    }
    Ok(Json(found.run))
}

/// Cancels a run. Queued jobs end at once, running jobs with the next heartbeat of their nodes.
#[utoipa::path(post, path = "/api/v1/diagnosis/runs/{id}/cancel", tag = "runs",
    responses((status = 200, body = Run), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn cancel(
    State(master): State<Shared>,
    within: Within,
    Path(id): Path<String>,
    By(actor): By,
) -> Result<Json<Run>, Error> {
    let run_id: RunId = id.parse().map_err(|_| missing("run", &id))?;
    let cancelled = master.store.by(actor).cancel_run(run_id, master.now_ms()).await;
    let cancelled = cancelled.map_err(|error| store_error(&error))?;
    let run = look_up(State(master.clone()), within, Path(id)).await?;
    if !cancelled {
        return Err(Error::new(StatusCode::CONFLICT, "run-ended", "the run has ended already"));
    }
    master.tell_run(run_id, RunChange::Cancelled);
    Ok(run)
}

/// Queues the dead jobs of a run again. They get their full number of attempts again.
#[utoipa::path(post, path = "/api/v1/diagnosis/runs/{id}/retry", tag = "runs",
    responses((status = 200, body = Run), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn retry(
    State(master): State<Shared>,
    within: Within,
    Path(id): Path<String>,
    By(actor): By,
) -> Result<Json<Run>, Error> {
    let run_id: RunId = id.parse().map_err(|_| missing("run", &id))?;
    let retried = master.store.by(actor).retry_run(run_id, master.now_ms()).await;
    let jobs = match retried.map_err(|error| store_error(&error))? {
        Retried::Queued(0) => {
            return Err(Error::new(StatusCode::CONFLICT, "nothing-to-retry", "the run has no dead job"));
        }
        Retried::Queued(jobs) => jobs,
        Retried::Cancelled => {
            let detail = "the run was cancelled; submit its task again instead";
            return Err(Error::new(StatusCode::CONFLICT, "run-cancelled", detail));
        }
        Retried::Unknown => return Err(missing("run", id)),
    };
    let run = look_up(State(master.clone()), within, Path(id)).await?;
    master.announce_jobs(usize::try_from(jobs).unwrap_or(usize::MAX));
    master.tell_run(run_id, RunChange::Started);
    Ok(run)
}

/// Lists the jobs of a run in the order of their ids.
#[utoipa::path(get, path = "/api/v1/diagnosis/runs/{id}/jobs", tag = "runs", params(JobQuery),
    responses((status = 200, body = Page<Job>), (status = "default", body = Problem)))]
pub(super) async fn jobs(
    State(master): State<Shared>,
    Within(area): Within,
    Path(id): Path<String>,
    Params(query): Params<JobQuery>,
) -> Result<Json<Page<Job>>, Error> {
    let run_id: RunId = id.parse().map_err(|_| missing("run", &id))?;
    let page = PageQuery { after: query.after, limit: query.limit }.page()?;
    let jobs = master.store.jobs(&area, run_id, query.state, &page).await;
    Ok(Json(jobs.map_err(|error| store_error(&error))?))
}

/// Returns a job.
#[utoipa::path(get, path = "/api/v1/diagnosis/jobs/{id}", tag = "runs",
    responses((status = 200, body = Job), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn job(
    State(master): State<Shared>,
    Within(area): Within,
    Path(id): Path<String>,
) -> Result<Json<Job>, Error> {
    let job_id: JobId = id.parse().map_err(|_| missing("job", &id))?;
    let found = master.store.job(&area, job_id).await.map_err(|error| store_error(&error))?;
    Ok(Json(found.ok_or_else(|| missing("job", &id))?))
}
