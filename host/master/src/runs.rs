//! How a run begins: its plan, its cameras, its jobs, or what it waits for.

use std::collections::BTreeSet;

use easysight_protocol::{JobPlan, Origin, RunChange, RunId, TaskRequest, Trigger};
use easysight_store::{CameraRepository, FanOut, NewRun, RunRepository, Start, StoreError, StoredRun};

use crate::master::{Master, now_ms};

/// Makes a run, with its jobs where nothing is missing. Answers with false where there is one already
/// that stands for the same.
pub(crate) async fn begin(master: &Master, new: NewRun) -> Result<(RunId, bool), StoreError> {
    let start = start_of(master, new.trigger, &new.definition, &new.origin).await?;
    let jobs = match &start {
        Start::Now(jobs) => Some(jobs.cameras.len()),
        Start::Waits(_) => None,
    };
    let (run, made) = master.store.create_run(new, start, now_ms()).await?;
    if made {
        master.tell_run(run, RunChange::Created);
        if let Some(jobs) = jobs {
            announce(master, run, jobs);
        }
    }
    Ok((run, made))
}

/// Gives a waiting run its jobs, or notes what it still waits for.
pub(crate) async fn begin_waiting(master: &Master, waiting: StoredRun) -> Result<(), StoreError> {
    let StoredRun { run, definition, origin } = waiting;
    match start_of(master, run.trigger, &definition, &origin).await? {
        Start::Now(jobs) => {
            if let Some(jobs) = master.store.fan_out(run.id, jobs, now_ms()).await? {
                announce(master, run.id, jobs);
            }
            Ok(())
        }
        Start::Waits(reasons) => note(master, run.id, &run.waits_for, reasons).await,
    }
}

/// What a run begins with as things are now.
async fn start_of(
    master: &Master,
    trigger: Trigger,
    definition: &TaskRequest,
    origin: &Origin,
) -> Result<Start, StoreError> {
    let plan = match master.registry.active().plan(&definition.diagnoses, &definition.config) {
        Ok(plan) => {
            let full_look_every = definition.full_look_every;
            JobPlan { origin: origin.clone(), full_look_every, ..plan }
        }
        Err(no_plan) => return Ok(Start::Waits(no_plan.reasons())),
    };
    if trigger == Trigger::Submission {
        // Its source stands in the place of cameras.
        let cameras = definition.cameras.iter().map(|source| (None, source.clone())).collect();
        return Ok(Start::Now(FanOut { plan, cameras, missing: Vec::new() }));
    }
    let (cameras, missing) = master.store.cameras_of_task(&definition.cameras, &definition.groups).await?;
    if cameras.is_empty() && !missing.is_empty() {
        return Ok(Start::Waits(missing));
    }
    let cameras = cameras.into_iter().map(|one| (Some(one.camera.id), one.source)).collect();
    Ok(Start::Now(FanOut { plan, cameras, missing }))
}

/// A run has its jobs: those who wait for jobs are woken.
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
