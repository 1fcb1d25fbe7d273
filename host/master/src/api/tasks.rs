//! Tasks: their definitions, and their start on request.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use easysight_daemon::{body::JsonBody, problem::Error, requests::RequestOrigin};
use easysight_protocol::{NodeState, Page, Problem, Run, SubmitRequest, Task, TaskRequest, Trigger};
use easysight_store::{Area, NewRun, Precondition, StoreError};
use serde_json::Value;

use crate::{
    master::{Master, Shared},
    problems::{invalid, missing, store_error},
    registry::NoPlan,
    runs,
    schedule::{self, ScheduleError},
};

use super::{
    by::{By, Within},
    check,
    parameters::{PageQuery, Params, Path},
    versions::{Conditions, OnlyIf, Tagged, Versioned as _},
};

/// The largest number of cameras, groups or diagnoses that one task may name.
const MAX_NAMES: usize = 10_000;
/// The largest number of attempts to pause or resume a task that other requests keep changing.
const MAX_ATTEMPTS: u32 = 10;

/// Lists tasks in the order of their ids.
#[utoipa::path(get, path = "/api/v1/diagnosis/tasks", tag = "tasks", params(PageQuery),
    responses((status = 200, body = Page<Task>), (status = "default", body = Problem)))]
pub(super) async fn list(
    State(master): State<Shared>,
    Within(area): Within,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<Task>>, Error> {
    Ok(Json(master.store.tasks(&area, &query.page()?).await.map_err(|error| store_error(&error))?))
}

/// Creates a task. Its configuration must match the schemas of the active plugins. If a camera, a plugin or a node with
/// the required labels is missing, the task is created nevertheless and waits. `waits_for` lists what is missing.
#[utoipa::path(post, path = "/api/v1/diagnosis/tasks", tag = "tasks", request_body = TaskRequest,
    responses((status = 201, body = Task, headers(("ETag" = String, description = "The version of the definition. It changes with each change, and with nothing else. Send it as `If-Match`."))), (status = 409, body = Problem), (status = 422, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn create(
    State(master): State<Shared>,
    within: Within,
    By(actor): By,
    JsonBody(request): JsonBody<TaskRequest, { 4 << 20 }>,
) -> Result<(StatusCode, Tagged<Task>), Error> {
    let next = check_task(&master, &request)?;
    let id = check::id_or_new(request.id.clone())?;
    let made = master.store.by(actor).create_task(id.clone(), request, next, master.now_ms()).await;
    made.map_err(|error| store_error(&error))?;
    master.note_change();
    Ok((StatusCode::CREATED, look_up(State(master), within, Path(id)).await?))
}

/// Returns a task.
#[utoipa::path(get, path = "/api/v1/diagnosis/tasks/{id}", tag = "tasks",
    responses((status = 200, body = Task, headers(("ETag" = String, description = "The version of the definition. It changes with each change, and with nothing else. Send it as `If-Match`."))), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn look_up(
    State(master): State<Shared>,
    Within(area): Within,
    Path(id): Path<String>,
) -> Result<Tagged<Task>, Error> {
    let mut task = find(&master, &area, &id).await?;
    task.waits_for = lacks(&master, &task.definition).await.map_err(|error| store_error(&error))?;
    Ok(Tagged(task))
}

/// Changes a task. Absent fields get their defaults. Runs that have started do not change.
#[utoipa::path(put, path = "/api/v1/diagnosis/tasks/{id}", tag = "tasks", request_body = TaskRequest, params(Conditions),
    responses((status = 200, body = Task, headers(("ETag" = String, description = "The version of the definition. It changes with each change, and with nothing else. Send it as `If-Match`."))),
        (status = 404, body = Problem), (status = 412, body = Problem), (status = 422, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn update(
    State(master): State<Shared>,
    within: Within,
    Path(id): Path<String>,
    By(actor): By,
    OnlyIf(condition): OnlyIf,
    JsonBody(request): JsonBody<TaskRequest, { 4 << 20 }>,
) -> Result<Tagged<Task>, Error> {
    if request.id.as_ref().is_some_and(|given| *given != id) {
        return Err(invalid("/id", "the id of a task cannot be changed"));
    }
    let next = check_task(&master, &request)?;
    let acting = master.store.by(actor).only_if(condition);
    let known = acting.update_task(id.clone(), request, next, master.now_ms()).await;
    if !known.map_err(|error| store_error(&error))? {
        return Err(missing("task", id));
    }
    master.note_change();
    look_up(State(master), within, Path(id)).await
}

/// Deletes a task. Its runs and findings stay until retention removes them.
#[utoipa::path(delete, path = "/api/v1/diagnosis/tasks/{id}", tag = "tasks", params(Conditions),
    responses((status = 204), (status = 404, body = Problem), (status = 412, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn remove(
    State(master): State<Shared>,
    Path(id): Path<String>,
    By(actor): By,
    OnlyIf(condition): OnlyIf,
) -> Result<StatusCode, Error> {
    let gone = master.store.by(actor).only_if(condition).delete_task(id.clone(), master.now_ms()).await;
    if gone.map_err(|error| store_error(&error))? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(missing("task", id))
    }
}

/// Pauses a task: its schedule starts no runs until the task is resumed.
#[utoipa::path(post, path = "/api/v1/diagnosis/tasks/{id}/pause", tag = "tasks", params(Conditions),
    responses((status = 200, body = Task, headers(("ETag" = String, description = "The version of the definition. It changes with each change, and with nothing else. Send it as `If-Match`."))),
        (status = 404, body = Problem), (status = 412, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn pause(
    master: State<Shared>,
    within: Within,
    id: Path<String>,
    by: By,
    only_if: OnlyIf,
) -> Result<Tagged<Task>, Error> {
    enable(master, within, id, by, only_if, false).await
}

/// Resumes a task. Starts that were missed in the meantime are skipped.
#[utoipa::path(post, path = "/api/v1/diagnosis/tasks/{id}/resume", tag = "tasks", params(Conditions),
    responses((status = 200, body = Task, headers(("ETag" = String, description = "The version of the definition. It changes with each change, and with nothing else. Send it as `If-Match`."))),
        (status = 404, body = Problem), (status = 412, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn resume(
    master: State<Shared>,
    within: Within,
    id: Path<String>,
    by: By,
    only_if: OnlyIf,
) -> Result<Tagged<Task>, Error> {
    enable(master, within, id, by, only_if, true).await
}

/// Pauses or resumes a task, and changes nothing else: if another request changes the task at this moment, its change
/// stays.
async fn enable(
    State(master): State<Shared>,
    within: Within,
    Path(id): Path<String>,
    By(actor): By,
    OnlyIf(condition): OnlyIf,
    enabled: bool,
) -> Result<Tagged<Task>, Error> {
    for attempt in 1.. {
        let task = to_change(&master, &within.0, &id).await?;
        let read = task.version();
        condition.check(read).map_err(|error| store_error(&error))?;
        let definition = TaskRequest { enabled, ..task.definition };
        let next = check_task(&master, &definition)?;
        let acting = master.store.by(actor.clone()).only_if(Precondition::is(read));
        match acting.update_task(id.clone(), definition, next, master.now_ms()).await {
            Ok(true) => break,
            Ok(false) => return Err(missing("task", id)),
            Err(StoreError::Changed { .. }) if attempt < MAX_ATTEMPTS => {}
            Err(StoreError::Changed { .. }) => {
                let detail = format!("other requests keep changing the task `{id}`");
                return Err(store_error(&StoreError::Contended(detail.into())));
            }
            Err(error) => return Err(store_error(&error)),
        }
    }
    master.note_change();
    look_up(State(master), within, Path(id)).await
}

/// Starts a run of a task now. With an `Idempotency-Key`, a repeated request returns the run of the first request.
#[utoipa::path(post, path = "/api/v1/diagnosis/tasks/{id}/submit", tag = "tasks", request_body = Option<SubmitRequest>,
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 200, pattern = "^[!-~]([ -~]*[!-~])?$",
        description = "1 to 200 printable ASCII characters")),
    responses((status = 202, body = Run), (status = 404, body = Problem), (status = 422, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn submit(
    State(master): State<Shared>,
    Within(area): Within,
    Path(id): Path<String>,
    headers: HeaderMap,
    By(actor): By,
    RequestOrigin(origin): RequestOrigin,
    JsonBody(request): JsonBody<SubmitRequest>,
) -> Result<(StatusCode, Json<Run>), Error> {
    let idempotency_key = match headers.get("idempotency-key").map(|value| value.to_str()) {
        None => None,
        Some(Ok(key)) if (1..=200).contains(&key.len()) => Some(key.to_owned()),
        Some(_) => {
            let detail = "Idempotency-Key: expected 1 to 200 printable ASCII characters";
            return Err(Error::new(StatusCode::BAD_REQUEST, "invalid-header", detail));
        }
    };
    let mut definition = to_change(&master, &area, &id).await?.definition;
    if let Some(priority) = request.priority {
        definition.priority = priority;
    }
    for (diagnosis, fields) in request.config {
        let target = definition.config.entry(diagnosis).or_insert(Value::Null);
        match (target.as_object_mut(), fields) {
            (Some(known), Value::Object(fields)) => known.extend(fields),
            (_, fields) => *target = fields,
        }
    }
    check_task(&master, &definition)?;
    let new = NewRun {
        id: master.clock.run_id(),
        task_id: Some(id),
        trigger: Trigger::Manual,
        fire_time: None,
        idempotency_key,
        definition,
        origin,
    };
    let (run, _) = runs::begin(&master, new, Some(actor)).await.map_err(|error| store_error(&error))?;
    Ok((StatusCode::ACCEPTED, Json(run)))
}

async fn find(master: &Master, area: &Area, id: &str) -> Result<Task, Error> {
    let found = master.store.task(area, id).await.map_err(|error| store_error(&error))?;
    found.ok_or_else(|| missing("task", id))
}

/// Finds a task that the caller may change and start.
async fn to_change(master: &Master, area: &Area, id: &str) -> Result<Task, Error> {
    let found = master.store.task_to_change(area, id).await.map_err(|error| store_error(&error))?;
    found.ok_or_else(|| missing("task", id))
}

/// Checks a definition. Returns the time at which the task runs next.
fn check_task(master: &Master, request: &TaskRequest) -> Result<Option<i64>, Error> {
    check::name("/name", &request.name)?;
    check::names("/cameras", &request.cameras, MAX_NAMES)?;
    check::camera_ids("/cameras", &request.cameras)?;
    check::names("/groups", &request.groups, MAX_NAMES)?;
    check::names("/diagnoses", &request.diagnoses, MAX_NAMES)?;
    check::labels("/required_labels", &request.required_labels)?;
    if request.cameras.is_empty() && request.groups.is_empty() {
        return Err(invalid("/cameras", "name at least one camera or one group"));
    }
    if !(-100..=100).contains(&request.priority) {
        return Err(invalid("/priority", "expected a number from -100 to 100"));
    }
    if !(1..=20).contains(&request.max_attempts) {
        return Err(invalid("/max_attempts", "expected a number from 1 to 20"));
    }
    if !(1..=100).contains(&request.full_look_every) {
        return Err(invalid("/full_look_every", "expected a number from 1 to 100"));
    }
    if request.deadline_ms.is_some_and(|ms| !(1_000..=604_800_000).contains(&ms)) {
        return Err(invalid("/deadline_ms", "expected a number of milliseconds from 1000 to 604800000"));
    }
    match master.registry.active().plan(&request.diagnoses, &request.config) {
        Ok(_) | Err(NoPlan::Waits(_)) => {}
        Err(NoPlan::Invalid(problem)) => return Err(invalid(problem.field, problem.detail)),
    }
    let next = schedule::first(&request.schedule, master.clock.now()).map_err(ill_scheduled)?;
    Ok(next.map(|at| at.timestamp_millis()))
}

/// Makes the problem response for an invalid schedule.
pub(super) fn ill_scheduled(error: ScheduleError) -> Error {
    invalid(format!("/schedule{}", error.field), error.detail)
}

/// Returns a list of the things that a task needs to run now but that are missing.
pub(super) async fn lacks(master: &Master, definition: &TaskRequest) -> Result<Vec<String>, StoreError> {
    let plan = master.registry.active().plan(&definition.diagnoses, &definition.config);
    let mut lacks = plan.err().map(NoPlan::reasons).unwrap_or_default();
    lacks.extend(master.store.cameras_of_task(&definition.cameras, &definition.groups).await?.1);
    lacks.extend(node_lack(master, definition).await?);
    Ok(lacks)
}

/// Returns an entry for this list if no online node has the required labels.
pub(super) async fn node_lack(
    master: &Master,
    definition: &TaskRequest,
) -> Result<Option<String>, StoreError> {
    let nodes = master.store.nodes(&Area::ALL, master.silent_before(master.now_ms())).await?;
    let required = &definition.required_labels;
    let fits = nodes.iter().any(|node| {
        node.status == NodeState::Online && required.iter().all(|(k, v)| node.labels.get(k) == Some(v))
    });
    if fits {
        return Ok(None);
    }
    if required.is_empty() {
        return Ok(Some("a node that is online".into()));
    }
    let labels: Vec<_> = required.iter().map(|(key, value)| format!("{key}={value}")).collect();
    Ok(Some(format!("a node that is online with the labels {}", labels.join(", "))))
}
