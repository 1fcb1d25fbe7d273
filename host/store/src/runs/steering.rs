//! Cancelling and retrying runs.

use easysight_protocol::{RunId, RunState};
use serde_json::json;

use crate::{
    Acting, Area, Retried, StoreError,
    audit::fields,
    db::{Connection, query},
    jobs::{QUEUED_AGAIN, label_set, read_queued},
    query::{maybe_text, word},
};

use super::keep_progress;

impl Acting<'_> {
    /// Cancels a run and all of its jobs that have not ended, including running ones. Returns false if the run has
    /// already ended, or does not exist in the caller's area.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Outside`] if not all of the run is in the caller's area, or another error if the database
    /// fails.
    pub async fn cancel_run(&self, id: RunId, now: i64) -> Result<bool, StoreError> {
        if !self.store.may_change(self.area(), id).await? {
            return Ok(false);
        }
        let entry = self.entry("run.cancel", "run", id.to_string(), now);
        let dialect = self.store.dialect;
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "UPDATE runs SET state = 'cancelled', finished_at = $2 \
                               WHERE id = $1 AND state IN ('waiting', 'running') RETURNING task_id";
                    let run =
                        query(sql).bind(id.to_string()).bind(now).fetch_optional(&mut *connection).await?;
                    let open = dialect.all("jobs", "run_id = $1 AND state IN ('queued', 'running')");
                    let sql = format!(
                        "UPDATE jobs SET state = 'cancelled', finished_at = $2, leased_until = NULL WHERE {open}"
                    );
                    query(sql).bind(id.to_string()).bind(now).execute(&mut *connection).await?;
                    keep_progress(connection, dialect, vec![id.to_string()]).await?;
                    let Some(run) = run else { return Ok(false) };
                    let task = maybe_text(&run, "task_id")?;
                    let after = fields([("task", json!(task)), ("state", json!(RunState::Cancelled))]);
                    entry.after(after).write(connection).await?;
                    Ok(true)
                })
            })
            .await
    }

    /// Queues the dead jobs of a run again, with their full number of attempts.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Outside`] if not all of the run is in the caller's area, or another error if the database
    /// fails.
    pub async fn retry_run(&self, id: RunId, now: i64) -> Result<Retried, StoreError> {
        if !self.store.may_change(self.area(), id).await? {
            return Ok(Retried::Unknown);
        }
        let entry = self.entry("run.retry", "run", id.to_string(), now);
        let dialect = self.store.dialect;
        let Some(run) = self.store.run(&Area::ALL, id).await? else { return Ok(Retried::Unknown) };
        self.store.note_label_set(&label_set(&run.definition.required_labels), now).await?;
        let task = run.run.task_id;
        let retried = self
            .store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = format!("SELECT state FROM runs WHERE id = $1{}", dialect.to_change());
                    let run = query(sql).bind(id.to_string()).fetch_optional(&mut *connection).await?;
                    let state = run.as_ref().map(|row| word::<RunState>(row, "state")).transpose()?;
                    match state {
                        None => return Ok(Err(Retried::Unknown)),
                        Some(RunState::Cancelled) => return Ok(Err(Retried::Cancelled)),
                        Some(RunState::Waiting | RunState::Running | RunState::Finished) => {}
                    }
                    // The deadline is removed, because it may have passed already and would then end the retried jobs
                    // at once.
                    let dead = dialect.all("jobs", "run_id = $1 AND state = 'dead'");
                    let sql = format!(
                        "UPDATE jobs SET state = 'queued', failures = 0, not_before = $2, lease = NULL, \
                         finished_at = NULL, deadline_at = NULL WHERE {dead} RETURNING {QUEUED_AGAIN}"
                    );
                    let rows = query(sql).bind(id.to_string()).bind(now).fetch_all(&mut *connection).await?;
                    if !rows.is_empty() {
                        reopen(connection, vec![id]).await?;
                        let after = fields([("task", json!(task)), ("queued_jobs", json!(rows.len()))]);
                        entry.after(after).write(connection).await?;
                    }
                    Ok(Ok(rows.iter().map(read_queued).collect::<Result<Vec<_>, _>>()?))
                })
            })
            .await?;
        Ok(match retried {
            Err(refused) => refused,
            Ok(ready) => {
                let jobs = ready.len() as u64;
                self.store.known.ending.forget(id);
                self.store.known.ready.add(ready, now);
                Retried::Queued(jobs)
            }
        })
    }
}

/// Reopens finished runs, because they have open jobs again.
pub(crate) async fn reopen(connection: &mut Connection, mut ids: Vec<RunId>) -> Result<(), StoreError> {
    ids.sort_unstable();
    for id in ids {
        query("UPDATE runs SET state = 'running', finished_at = NULL, progress = NULL WHERE id = $1 AND state = 'finished'")
            .bind(id.to_string())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
