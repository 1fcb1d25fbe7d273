//! Repairs times that a wrong clock wrote to the database. All times are repaired when the master starts, and when it
//! believes a step of the machine's clock (see [`clock`]). The times of tasks and tokens are also repaired every
//! minute.

use std::time::Duration;

use easysight_store::{Area, Dialect, PageRequest, StoreError};
use tokio::time::Instant;

use crate::{clock, master::Master, retention::Retention, schedule};

/// The time between two checks of tasks and tokens.
const TASKS_EVERY: Duration = Duration::from_secs(60);
/// The longest time between two writes of a working master to the database, in milliseconds. If, when the
/// master starts, the last write is longer ago, the clock may be wrong, and old history is kept for another day.
const LONG_MS: i64 = 86_400_000;
/// The number of tasks on one page of the check.
const PAGE: u32 = 500;

/// The state of the repair.
#[derive(Debug, Default)]
pub(crate) struct Repair {
    begun: bool,
    believed: clock::Believed,
    tasks_at: Option<Instant>,
    /// The time since which the current clock has been believed. Earlier times were written by the former clock.
    since: i64,
}

impl Repair {
    /// Does the repairs that are due: all repairs at the first call and after a believed step of the clock, and the
    /// repairs of tasks and tokens every minute.
    pub(crate) async fn step(
        &mut self,
        master: &Master,
        retention: &mut Retention,
    ) -> Result<(), StoreError> {
        let believed = master.clock.believed();
        let stepped = !self.begun || believed != self.believed;
        if stepped {
            self.clear_up(master, retention, believed).await?;
            self.begun = true;
            self.believed = believed;
            self.since = master.now_ms();
        }
        if stepped || self.tasks_at.is_none_or(|at| at.elapsed() >= TASKS_EVERY) {
            bring_tasks_back(master).await?;
            // `easysight-master token create` uses the machine's clock, whether the master believes this clock or
            // not.
            let tokens = master.store.bring_tokens_back(master.now_ms()).await?;
            if tokens > 0 {
                tracing::warn!(
                    tokens,
                    "tokens were created by a clock that was ahead; they are valid from now on"
                );
                master.access.forget();
            }
            self.tasks_at = Some(Instant::now());
        }
        Ok(())
    }

    async fn clear_up(
        &self,
        master: &Master,
        retention: &mut Retention,
        believed: clock::Believed,
    ) -> Result<(), StoreError> {
        let now = master.now_ms();
        let by = believed.by_ms - self.believed.by_ms;
        if !self.begun {
            if master.store.written_at().await?.is_some_and(|at| now - at > LONG_MS) {
                tracing::warn!(
                    "nothing was recorded for more than a day, so the system clock may be wrong: old history is kept for another day"
                );
                retention.hold(Instant::now());
            }
        } else {
            tracing::warn!("old history is kept for another day because the system clock stepped");
            retention.hold(Instant::now());
            // On PostgreSQL, other masters may have written the deadlines, and their clocks may not have stepped.
            if by > 0 && master.store.dialect() == Dialect::Sqlite {
                master.store.move_deadlines(by).await?;
            }
            // If the clock stepped ahead, it was behind before. So the tokens that were created between the previous
            // step (or the start) and this step are moved. If the clock stepped back, the tokens with dates in the
            // future are moved.
            let dated = if by > 0 { self.since..=now - by } else { now + 1..=i64::MAX };
            master.store.move_tokens(by, dated).await?;
            master.access.forget();
        }
        master.clock.restart_ids();
        master.hearing.note_break(now);
        let brought = master.store.bring_back(now, master.lease_ms).await?;
        if brought > 0 {
            tracing::warn!(rows = brought, "stored times were in the future and were set to now");
        }
        Ok(())
    }
}

/// Corrects the tasks whose next run is later than their schedule allows.
async fn bring_tasks_back(master: &Master) -> Result<(), StoreError> {
    let now = master.clock.now();
    let mut after = None;
    loop {
        let page = master.store.tasks(&Area::ALL, &PageRequest { after, limit: PAGE }).await?;
        for task in page.items {
            let Some(due) = task.next_run_at.filter(|due| *due > now) else { continue };
            let Some(next) = schedule::brought_back(&task.definition.schedule, due, now) else { continue };
            let (from, to) = (due.timestamp_millis(), next.timestamp_millis());
            if master.store.advance_task(task.id.clone(), from, Some(to)).await? {
                tracing::warn!(task = task.id, was = %due, is = %next, "the next run of a task was later than its schedule allows and was moved");
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}
