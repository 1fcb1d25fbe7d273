//! What the master does by itself: tasks that are due become runs, runs become jobs, leases expire,
//! history is pruned.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use easysight_daemon::{requests::RequestId, telemetry::traceparent};
use easysight_protocol::{JobPlan, Origin, RunChange, RunId, Task, TaskRequest, Trigger};
use easysight_store::{
    CameraRepository, Dialect, FanOut, NewRun, RunRepository, Start, StoreError, StoredRun, TaskRepository,
    UpkeepRepository, UsageRepository,
};
use tokio::time::{MissedTickBehavior, interval};
use tracing::Instrument;

use crate::{
    clock,
    master::{Master, Shared, now_ms},
    pictures,
    registry::NoPlan,
    repair,
    retention::Retention,
    schedule,
};

/// How often the scheduler looks round; what people do is acted upon at once.
const TICK: Duration = Duration::from_millis(500);
/// Ticks between two looks at what other masters and other processes may have changed.
const SLOW: u32 = 10;
/// How long one master leads without saying so again.
const LEAD_MS: i64 = 5_000;
/// How long one master does the upkeep without saying so again.
const LEAD_UPKEEP_MS: i64 = 20_000;
/// Tasks and waiting runs that one look takes up.
const BATCH: i64 = 200;
/// Longest time between two looks before the process counts as stuck.
const STUCK: Duration = Duration::from_secs(60);

/// Looks round until the master stops.
pub(crate) async fn run(master: Shared, mut retention: Retention) {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ticks = 0_u32;
    let mut repair = repair::Repair::default();
    let mut troubled = false;
    loop {
        tokio::select! {
            _ = tick.tick() => ticks = ticks.wrapping_add(1),
            () = master.changed.notified() => {}
            () = master.stopping.cancelled() => return,
        }
        master.pulse.beat();
        let looked = async {
            repair.step(&master, &mut retention).await?;
            look_round(&master, ticks.is_multiple_of(SLOW), &mut retention).await
        };
        let looked = looked.await;
        // Said once, not twice a second.
        match looked {
            Ok(()) if troubled => tracing::info!("the database is available again"),
            Err(ref error) if !troubled => {
                tracing::error!(%error, "the scheduler cannot do its work and tries on");
            }
            _ => {}
        }
        if looked.is_err() {
            master.hearing.note_break(now_ms());
        }
        troubled = looked.is_err();
    }
}

/// False while the scheduler does not get round, whatever it hangs on. It need not once the master stops.
pub(crate) fn lives(master: &Master) -> bool {
    master.stopping.is_cancelled() || master.pulse.is_felt(Instant::now(), STUCK)
}

async fn look_round(master: &Master, slow: bool, retention: &mut Retention) -> Result<(), StoreError> {
    let now = now_ms();
    master.metrics.backlog.set(i64::try_from(master.store.backlog()).unwrap_or(i64::MAX));
    master.metrics.long_polls.set(i64::try_from(master.waiting.len()).unwrap_or(i64::MAX));
    master.metrics.statements(master.store.statements());
    let agenda = master.store.agenda(now).await?;
    // Nodes renew their leases at half time: what is shorter cannot have cost one.
    master.hearing.note_well(now_ms(), master.lease_ms / 2);
    if agenda.task_due && master.store.lead("scheduler", master.id.clone(), LEAD_MS).await? {
        for task in master.store.due_tasks(now, BATCH).await? {
            let span = tracing::info_span!("due", task = task.id);
            fire(master, task).instrument(span).await?;
        }
    }
    if agenda.runs_wait {
        for waiting in master.store.waiting_runs(BATCH).await? {
            start(master, waiting).await?;
        }
    }
    let heard = master.has_heard(now);
    if (agenda.expired && heard) || agenda.overdue {
        reap(master, heard, now).await?;
    }
    // Also for jobs whose pause after a failure is over, and those that another master queued.
    if master.waiting.len() > 0 {
        master.look_for_jobs().await?;
    }
    if slow {
        master.registry.refresh().await?;
        master.access.refresh().await?;
        master.metrics.queue(&master.store.queue_state(now).await?);
        master.pollers.write(&master.store).await?;
        master.store.write_usage().await?;
        let trusts_ages = retention.trusts_ages(tokio::time::Instant::now());
        master.uploads.sweep(&master.store, trusts_ages).await?;
        pictures::upkeep(master, trusts_ages).await?;
    }
    if (slow || retention.goes_on()) && leads_upkeep(master).await? {
        for run in master.store.tidy(now).await? {
            master.tell_run(run, RunChange::Finished);
        }
        retention.step(&master.store, now).await?;
    }
    Ok(())
}

/// What all masters of a database need done once: one of them does it.
async fn leads_upkeep(master: &Master) -> Result<bool, StoreError> {
    match master.store.dialect() {
        // A file has one master.
        Dialect::Sqlite => Ok(true),
        Dialect::Postgres => master.store.lead("upkeep", master.id.clone(), LEAD_UPKEEP_MS).await,
    }
}

async fn reap(master: &Master, heard: bool, now: i64) -> Result<(), StoreError> {
    let reaped = master.store.reap(heard, now).await?;
    if reaped.expired > 0 {
        tracing::warn!(jobs = reaped.expired, "leases expired: their nodes were not heard of in time");
        master.metrics.lost("expired", reaped.expired);
        master.queued(usize::try_from(reaped.expired).unwrap_or(usize::MAX));
    }
    if reaped.overdue > 0 {
        tracing::warn!(jobs = reaped.overdue, "jobs were given up at the deadline of their run");
    }
    for run in reaped.finished_runs {
        master.tell_run(run, RunChange::Finished);
    }
    Ok(())
}

/// A task that is due becomes a run, once.
async fn fire(master: &Master, task: Task) -> Result<(), StoreError> {
    let Some(due) = task.next_run_at else { return Ok(()) };
    let now = clock::now();
    let schedule = &task.definition.schedule;
    let next = schedule::after(schedule, due, now).map(|next| next.timestamp_millis());
    if schedule::is_skipped(schedule, due, now) {
        tracing::warn!(%due, "a start was missed and is passed over");
    } else {
        // Nobody asked for it; its jobs can be followed all the same.
        let request = RequestId::new();
        let new = NewRun {
            id: clock::run_id(),
            task_id: Some(task.id.clone()),
            trigger: Trigger::Schedule,
            fire_time: Some(due.timestamp_millis()),
            idempotency_key: None,
            definition: task.definition,
            origin: Origin { request_id: Some(request.to_string()), traceparent: traceparent() },
        };
        let (run, made) = begin(master, new).await?;
        if made {
            tracing::info!(%request, %run, "due");
        }
    }
    // Only now: a master that dies in between fires again, and the run's fire time makes that nothing.
    master.store.advance_task(task.id, due.timestamp_millis(), next).await?;
    Ok(())
}

/// Makes a run, with its jobs where nothing is missing. Answers with false where there is one already
/// that stands for the same.
pub(crate) async fn begin(master: &Master, new: NewRun) -> Result<(RunId, bool), StoreError> {
    let start = how(master, new.trigger, &new.definition, &new.origin).await?;
    let jobs = match &start {
        Start::Now(jobs) => Some(jobs.cameras.len()),
        Start::Waits(_) => None,
    };
    let (run, made) = master.store.create_run(new, start, now_ms()).await?;
    if made {
        master.tell_run(run, RunChange::Created);
        if let Some(jobs) = jobs {
            begun(master, run, jobs);
        }
    }
    Ok((run, made))
}

/// Gives a waiting run its jobs, or notes what it still waits for.
async fn start(master: &Master, waiting: StoredRun) -> Result<(), StoreError> {
    let StoredRun { run, definition, origin } = waiting;
    match how(master, run.trigger, &definition, &origin).await? {
        Start::Now(jobs) => {
            if let Some(jobs) = master.store.fan_out(run.id, jobs, now_ms()).await? {
                begun(master, run.id, jobs);
            }
            Ok(())
        }
        Start::Waits(reasons) => note(master, run.id, &run.waits_for, reasons).await,
    }
}

/// What a run begins with as things are now.
async fn how(
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
        Err(NoPlan::Waits(reasons)) => return Ok(Start::Waits(reasons)),
        Err(NoPlan::Invalid(problem)) => {
            // It was valid when the task was made: another version of the plugin is active now.
            let reason =
                format!("a configuration that its plugin takes: {}: {}", problem.field, problem.detail);
            return Ok(Start::Waits(vec![reason]));
        }
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
fn begun(master: &Master, run: RunId, jobs: usize) {
    master.queued(jobs);
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

/// Runs the scheduler as a task of its own.
pub(crate) fn spawn(master: &Shared, retention: Retention) -> tokio::task::JoinHandle<()> {
    tokio::spawn(run(Arc::clone(master), retention))
}
