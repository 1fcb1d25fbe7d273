//! Begins runs. A run gets a plan, cameras and jobs. If one of these is missing, the run waits and lists what is
//! missing.

use std::collections::BTreeSet;

use easysight_protocol::{JobPlan, Origin, Run, RunChange, RunId, TaskRequest, Trigger};
use easysight_store::{Actor, FanOut, NewRun, Start, StoreError, StoredRun};

use crate::master::Master;

/// Creates a run, with its jobs if nothing is missing. `actor` is the caller who starts the run; None if a schedule
/// starts it. The second value is false if an equivalent run exists already. The jobs may start before the run is on
/// the database's disk, but this function returns only once the run is on the disk.
pub(crate) async fn begin(
    master: &Master,
    new: NewRun,
    actor: Option<Actor>,
) -> Result<(Run, bool), StoreError> {
    let start = start_of(master, new.trigger, new.task_id.as_deref(), &new.definition, &new.origin).await?;
    let jobs = match &start {
        Start::Now(jobs) => Some(jobs.cameras.len()),
        Start::Waits(_) => None,
    };
    let (run, made) = match actor {
        Some(actor) => master.store.by(actor).create_run(new, start, master.now_ms()).await?,
        None => master.store.create_run(new, start, master.now_ms()).await?,
    };
    if made {
        master.tell_run(run.id, RunChange::Created);
        if let Some(jobs) = jobs {
            announce(master, run.id, jobs);
        }
    }
    // This also applies to an existing run, because another request may have created it just now.
    master.store.settle().await?;
    Ok((run, made))
}

/// Gives a waiting run its jobs, or records what it still waits for.
pub(crate) async fn begin_waiting(master: &Master, waiting: StoredRun) -> Result<(), StoreError> {
    let StoredRun { run, definition, origin } = waiting;
    match start_of(master, run.trigger, run.task_id.as_deref(), &definition, &origin).await? {
        Start::Now(jobs) => {
            if let Some(jobs) = master.store.fan_out(run.id, jobs, master.now_ms()).await? {
                announce(master, run.id, jobs);
            }
            Ok(())
        }
        Start::Waits(reasons) => note(master, run.id, &run.waits_for, reasons).await,
    }
}

/// Decides whether a run can begin now. Returns the plan and cameras of the run's jobs, or a list of the things that
/// the run waits for.
async fn start_of(
    master: &Master,
    trigger: Trigger,
    task: Option<&str>,
    definition: &TaskRequest,
    origin: &Origin,
) -> Result<Start, StoreError> {
    let plan = match master.registry.active().plan(&definition.diagnoses, &definition.config) {
        Ok(plan) => {
            let full_look_every = definition.full_look_every;
            // Only scheduled runs spare cameras without a picture: a person who submits a task needs the current state
            // of all its cameras.
            let spares_lost = trigger == Trigger::Schedule;
            JobPlan { origin: origin.clone(), full_look_every, spares_lost, ..plan }
        }
        Err(no_plan) => return Ok(Start::Waits(no_plan.reasons())),
    };
    if trigger == Trigger::Submission {
        // A submission has a source instead of cameras.
        let cameras = definition.cameras.iter().map(|source| (None, source.clone())).collect();
        return Ok(Start::Now(FanOut { plan, cameras, missing: Vec::new() }));
    }
    let (cameras, mut missing) =
        master.store.cameras_of_task(&definition.cameras, &definition.groups).await?;
    if cameras.is_empty() && !missing.is_empty() {
        return Ok(Start::Waits(missing));
    }
    let mut cameras: Vec<_> = cameras.into_iter().map(|(id, source)| (Some(id), source)).collect();
    if let (Trigger::Schedule, Some(task)) = (trigger, task) {
        missing.extend(pass_over(master, task, &mut cameras).await?);
    }
    Ok(Start::Now(FanOut { plan, cameras, missing }))
}

/// Leaves out the cameras whose previous check by the same task has not ended. Therefore, a task never checks a camera
/// twice at the same time, and the queue does not grow even if cameras are slow. Returns a message with the number of
/// cameras that were left out.
async fn pass_over(
    master: &Master,
    task: &str,
    cameras: &mut Vec<(Option<String>, String)>,
) -> Result<Option<String>, StoreError> {
    let under_way = master.store.cameras_under_way(task).await?;
    let before = cameras.len();
    cameras.retain(|(camera, _)| camera.as_ref().is_none_or(|camera| !under_way.contains(camera)));
    let passed_over = before - cameras.len();
    if passed_over == 0 {
        return Ok(None);
    }
    tracing::warn!(
        task,
        cameras = passed_over,
        "the previous check of cameras has not ended; this check skips them"
    );
    master.metrics.passed_over.inc_by(passed_over as u64);
    Ok(Some(format!("the end of the previous check of {passed_over} cameras")))
}

/// Announces that a run has its jobs, and wakes waiting polls.
fn announce(master: &Master, run: RunId, jobs: usize) {
    master.announce_jobs(jobs);
    master.tell_run(run, if jobs == 0 { RunChange::Finished } else { RunChange::Started });
}

async fn note(master: &Master, run: RunId, known: &[String], reasons: Vec<String>) -> Result<(), StoreError> {
    let (before, now): (BTreeSet<_>, BTreeSet<_>) = (known.iter().collect(), reasons.iter().collect());
    if before == now {
        return Ok(());
    }
    tracing::warn!(%run, waits_for = reasons.join(", "), "a run waits");
    master.store.set_waits_for(run, reasons).await
}
