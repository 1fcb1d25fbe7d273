//! The master's periodic work: due tasks become runs, runs get their jobs, leases expire, reports are folded, history
//! is pruned.

use std::{sync::Arc, time::Duration};

use easysight_daemon::{requests::RequestId, telemetry::traceparent};
use easysight_protocol::{Origin, RunChange, Task, Trigger};
use easysight_store::{Dialect, NewRun, StoreError};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::Instrument;

use crate::{
    census::Census,
    folding::Folding,
    master::{Master, Shared},
    pictures, repair,
    retention::Retention,
    runs, schedule,
};

/// The pause between two rounds of the scheduler. Changes of cameras, tasks or plugins start a round at once.
const TICK: Duration = Duration::from_millis(500);
/// The number of ticks between two checks for changes by other masters and other processes.
const SLOW: u32 = 10;
/// The time for which one master leads the scheduling before it must renew its role.
const LEAD_MS: i64 = 5_000;
/// The time for which one master leads the upkeep before it must renew its role.
const LEAD_UPKEEP_MS: i64 = 20_000;
/// The time after which the master that leads the upkeep renews its role: half the time for which it leads.
const RENEW_UPKEEP: Duration = Duration::from_secs(10);
/// The least pause after queries that are not urgent.
const LEAST_PAUSE: Duration = Duration::from_secs(9);
/// The largest number of due tasks that one round handles. One round also handles at most this many waiting runs.
const BATCH: i64 = 200;
/// The pause after queries that are not urgent, as a multiple of their duration. These queries take longer if the
/// tables are larger. With this pause, they take less than a twentieth of the time.
const SHARE: u32 = 20;

/// Paces queries that are not urgent.
#[derive(Debug, Default)]
struct Paced(Option<Instant>);

impl Paced {
    fn is_due(&self) -> bool {
        self.0.is_none_or(|at| Instant::now() >= at)
    }

    /// Sets the time at which the queries are due again. The queries started at `began` and have just ended.
    fn done(&mut self, began: Instant) {
        self.0 = Some(Instant::now() + (began.elapsed() * SHARE).max(LEAST_PAUSE));
    }
}

/// The kinds of upkeep. Each slow round does one kind, so that no round sends many statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Folding,
    Retention,
    Census,
}

impl Turn {
    /// Returns the kind of upkeep that a slow round does. Folding comes before the first removal.
    const fn of(round: u32) -> Self {
        match round % 3 {
            1 => Self::Folding,
            2 => Self::Retention,
            _ => Self::Census,
        }
    }
}

/// The state that is kept between rounds.
#[derive(Debug)]
struct Rounds {
    repair: repair::Repair,
    folding: Folding,
    retention: Retention,
    census: Census,
    gauges: Paced,
    tidying: Paced,
    /// The time at which this master got or renewed the role of doing the upkeep. None if another master has this role.
    led_at: Option<Instant>,
}

/// Runs rounds until the master stops.
pub(crate) async fn run(master: Shared, retention: Retention) {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ticks = 0_u32;
    let mut rounds = Rounds {
        repair: repair::Repair::default(),
        folding: Folding::default(),
        retention,
        census: Census::default(),
        gauges: Paced::default(),
        tidying: Paced::default(),
        led_at: None,
    };
    let mut troubled = false;
    loop {
        tokio::select! {
            _ = tick.tick() => ticks = ticks.wrapping_add(1),
            () = master.changed.notified() => {}
            () = master.stopping.cancelled() => return,
        }
        master.pulse.beat();
        let looked = async {
            rounds.repair.step(&master, &mut rounds.retention).await?;
            let turn = ticks.is_multiple_of(SLOW).then_some(Turn::of(ticks / SLOW));
            look_round(&master, turn, &mut rounds).await
        };
        let looked = looked.await;
        // Only the first of several failures in a row is logged. Otherwise, there would be two messages each second.
        match looked {
            Ok(()) if troubled => tracing::info!("the database is available again"),
            Err(ref error) if !troubled => {
                tracing::error!(%error, "the scheduler's round failed; retrying");
            }
            _ => {}
        }
        if looked.is_err() {
            master.hearing.note_break(master.now_ms());
        }
        troubled = looked.is_err();
    }
}

/// Does the work that is due. `turn` is the kind of upkeep of a slow round, and None in other rounds.
async fn look_round(master: &Master, turn: Option<Turn>, rounds: &mut Rounds) -> Result<(), StoreError> {
    let Rounds { folding, retention, census, gauges, tidying, led_at, .. } = rounds;
    let now = master.now_ms();
    master.metrics.backlog.set(i64::try_from(master.store.backlog()).unwrap_or(i64::MAX));
    master.metrics.long_polls.set(i64::try_from(master.waiting.len()).unwrap_or(i64::MAX));
    master.metrics.statements(master.store.statements());
    let agenda = master.store.agenda(now).await?;
    // Nodes renew a lease before half of its time is over. So no lease expires if the master cannot be reached for
    // less than the other half.
    master.hearing.note_well(master.now_ms(), master.lease_ms / 2);
    if agenda.task_due && master.store.lead("scheduler", master.id.clone(), LEAD_MS).await? {
        for task in master.store.due_tasks(now, BATCH).await? {
            let span = tracing::info_span!("due", task = task.id);
            fire(master, task).instrument(span).await?;
        }
    }
    if agenda.runs_wait {
        for waiting in master.store.waiting_runs(BATCH).await? {
            runs::begin_waiting(master, waiting).await?;
        }
    }
    let heard = master.has_heard(now);
    if (agenda.expired && heard) || agenda.overdue {
        reap(master, heard, now).await?;
    }
    // This look-up also finds jobs whose pause after a failure has ended, and jobs that another master queued.
    if master.waiting.len() > 0 {
        master.look_for_jobs().await?;
    }
    if turn.is_some() {
        master.registry.refresh().await?;
        master.access.refresh().await?;
        if gauges.is_due() {
            let began = Instant::now();
            master.metrics.queue(&master.store.queue_state(now).await?);
            let lost = master.store.lost_cameras().await?;
            master.metrics.lost_cameras.set(i64::try_from(lost).unwrap_or(i64::MAX));
            gauges.done(began);
        }
        master.pollers.write(&master.store).await?;
        master.store.write_usage().await?;
        let trusts_ages = retention.trusts_ages(Instant::now());
        master.uploads.sweep(&master.store, trusts_ages, now).await?;
        pictures::upkeep(&master.pictures, &master.store, trusts_ages, now).await?;
    }
    // The first turn is folding, because reports are folded before they are removed.
    let folds = turn == Some(Turn::Folding) || folding.goes_on(Instant::now());
    let removes = turn == Some(Turn::Retention) || retention.goes_on();
    if (turn.is_some() || folds || removes) && leads_upkeep(master, led_at).await? {
        if tidying.is_due() {
            let began = Instant::now();
            for run in master.store.tidy(now).await? {
                master.tell_run(run, RunChange::Finished);
            }
            tidying.done(began);
        }
        if folds {
            folding.step(&master.store, now).await;
        }
        if removes {
            retention.step(&master.store, folding.holds_history(Instant::now()), now).await?;
        }
        if turn == Some(Turn::Census) {
            let trusts_ages = retention.trusts_ages(Instant::now());
            let is_hourly = census.step(&master.store, trusts_ages, now).await?;
            if is_hourly && trusts_ages {
                master.store.prune_sessions(master.access.sessions.lifetimes().idle_ms, now).await?;
            }
        }
    }
    Ok(())
}

/// Returns true if this master does the upkeep. Only one of the masters that share a database does the upkeep. `led_at`
/// is the time at which this master got or renewed the role.
async fn leads_upkeep(master: &Master, led_at: &mut Option<Instant>) -> Result<bool, StoreError> {
    // A SQLite database has only one master.
    if master.store.dialect() == Dialect::Sqlite || led_at.is_some_and(|at| at.elapsed() < RENEW_UPKEEP) {
        return Ok(true);
    }
    let began = Instant::now();
    let leads = master.store.lead("upkeep", master.id.clone(), LEAD_UPKEEP_MS).await?;
    *led_at = leads.then_some(began);
    Ok(leads)
}

async fn reap(master: &Master, heard: bool, now: i64) -> Result<(), StoreError> {
    let reaped = master.store.reap(heard, now).await?;
    if reaped.expired > 0 {
        tracing::warn!(jobs = reaped.expired, "leases expired: their nodes sent no heartbeat in time");
        master.metrics.lost("expired", reaped.expired);
        master.announce_jobs(usize::try_from(reaped.expired).unwrap_or(usize::MAX));
    }
    if reaped.overdue > 0 {
        tracing::warn!(jobs = reaped.overdue, "jobs were given up at the deadline of their run");
    }
    for run in reaped.finished_runs {
        master.tell_run(run, RunChange::Finished);
    }
    Ok(())
}

/// Starts the run of a due task, but only once for each time at which the task is due.
async fn fire(master: &Master, task: Task) -> Result<(), StoreError> {
    let Some(due) = task.next_run_at else { return Ok(()) };
    let now = master.clock.now();
    let schedule = &task.definition.schedule;
    let next = schedule::after(schedule, due, now).map(|next| next.timestamp_millis());
    if schedule::is_skipped(schedule, due, now) {
        tracing::warn!(%due, "a start was missed and is skipped");
    } else {
        // No request started this run. A new request id allows people to follow its jobs in the logs.
        let request = RequestId::new();
        let new = NewRun {
            id: master.clock.run_id(),
            task_id: Some(task.id.clone()),
            trigger: Trigger::Schedule,
            fire_time: Some(due.timestamp_millis()),
            idempotency_key: None,
            definition: task.definition,
            origin: Origin { request_id: Some(request.to_string()), traceparent: traceparent() },
        };
        let (run, made) = runs::begin(master, new, None).await?;
        if made {
            tracing::info!(%request, run = %run.id, "the run of a due task was created");
        }
    }
    // The task is advanced last. If the master dies before this statement, the task is due again. The fire time then
    // identifies the existing run, so that no second run is created.
    master.store.advance_task(task.id, due.timestamp_millis(), next).await?;
    Ok(())
}

/// Spawns the scheduler.
pub(crate) fn spawn(master: &Shared, retention: Retention) -> tokio::task::JoinHandle<()> {
    tokio::spawn(run(Arc::clone(master), retention))
}
