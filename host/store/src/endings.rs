//! The end of runs. A run ends with the last of its jobs. After the end of a job is committed, the store checks
//! whether the job was the last one. If two masters end the last jobs of a run at the same moment, at least one of
//! them therefore finds that the run has no open job.

use std::collections::{BTreeMap, HashMap};

use easysight_protocol::{JobId, RunId};
use parking_lot::Mutex;

use crate::{
    Dialect, Store, StoreError,
    db::{Rows, query},
    query::{maybe_text, parsed},
    runs::{ENDED, keep_progress},
};

/// The maximum number of runs for which an open job is stored in memory.
const OPEN_JOBS: usize = 10_000;

/// The ended jobs of one run.
pub(crate) enum Ended {
    /// Exactly these jobs.
    Jobs(Vec<JobId>),
    /// One or more jobs whose ids are not known.
    Some,
}

/// Runs that may have ended. Runs that are added while a check is running are checked together after that check.
#[derive(Default)]
pub(crate) struct Ending {
    waiting: Mutex<BTreeMap<RunId, Ended>>,
    turn: tokio::sync::Mutex<()>,
    /// For each run, a job that was open at the last check.
    open_jobs: Mutex<HashMap<RunId, JobId>>,
}

impl Ending {
    /// Removes the stored open job of a run, because jobs of the run that had ended are open again.
    pub(crate) fn forget(&self, run: RunId) {
        self.open_jobs.lock().remove(&run);
    }

    fn add(&self, ended: impl IntoIterator<Item = (RunId, Ended)>) {
        let mut waiting = self.waiting.lock();
        for (run, ended) in ended {
            match (waiting.get_mut(&run), ended) {
                (Some(Ended::Jobs(jobs)), Ended::Jobs(more)) => jobs.extend(more),
                (_, ended) => drop(waiting.insert(run, ended)),
            }
        }
    }
}

impl Store {
    /// Finishes the runs among `ended` that have no open job, and returns these runs. Concurrent callers share one
    /// check, and the first caller gets the finished runs of all callers. Call this only after the end of the jobs is
    /// committed.
    pub(crate) async fn finish_runs(
        &self,
        ended: impl IntoIterator<Item = (RunId, Ended)>,
        now: i64,
    ) -> Result<Vec<RunId>, StoreError> {
        let ending = &self.known.ending;
        ending.add(ended);
        let _turn = ending.turn.lock().await;
        let mut waiting = std::mem::take(&mut *ending.waiting.lock());
        if self.dialect == Dialect::Sqlite {
            // A run cannot have ended as long as its stored open job is open. With SQLite, only this program ends jobs,
            // so the caller that ends the stored open job checks the run. All other callers leave the run out.
            let open = ending.open_jobs.lock();
            waiting.retain(|run, ended| match (open.get(run), ended) {
                (Some(open), Ended::Jobs(jobs)) => jobs.contains(open),
                _ => true,
            });
        }
        let ids: Vec<RunId> = waiting.keys().copied().collect();
        let finished = self.finish_those_without_jobs(&ids, now).await;
        if finished.is_err() {
            // The next caller checks these runs again.
            ending.add(waiting);
        }
        finished
    }

    async fn finish_those_without_jobs(&self, ids: &[RunId], now: i64) -> Result<Vec<RunId>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ending = &self.known.ending;
        // Jobs end roughly in the order of their ids, so a search that starts at the job that was open at the last
        // check soon finds an open one.
        let rows = {
            let open = ending.open_jobs.lock();
            let least = |id| open.get(id).map(JobId::to_string).unwrap_or_default();
            Rows::new()
                .texts("run_id", ids.iter().map(RunId::to_string))
                .texts("least", ids.iter().map(least))
        };
        let sql = format!(
            "SELECT x.run_id AS run_id, (SELECT MIN(jobs.id) FROM jobs WHERE jobs.run_id = x.run_id \
             AND jobs.state IN ('queued', 'running') AND jobs.id >= x.least) AS open_job FROM {}",
            rows.table(self.dialect, 1, "x")
        );
        let rows = query(sql).bind_rows(rows, self.dialect)?.fetch_all(&self.readers).await?;
        let mut without = Vec::new();
        {
            let mut open = ending.open_jobs.lock();
            if open.len() > OPEN_JOBS {
                open.clear();
            }
            for row in &rows {
                let run: RunId = parsed(row, "run_id")?;
                match maybe_text(row, "open_job")? {
                    Some(job) => drop(open.insert(run, job.parse().map_err(StoreError::corrupt)?)),
                    None => {
                        open.remove(&run);
                        without.push(run.to_string());
                    }
                }
            }
        }
        if without.is_empty() {
            return Ok(Vec::new());
        }
        let ended = format!("{} AND {ENDED}", self.dialect.among("id", "$1"));
        self.end_runs(ended, Some(without), now).await
    }

    /// Ends all runs without an open job, such as those whose end was not recorded because the master died.
    pub(crate) async fn finish_all(&self, now: i64) -> Result<Vec<RunId>, StoreError> {
        let sql = format!("SELECT id FROM runs WHERE {ENDED} LIMIT 1");
        if query(sql).fetch_optional(&self.readers).await?.is_none() {
            return Ok(Vec::new());
        }
        self.end_runs(ENDED.to_owned(), None, now).await
    }

    async fn end_runs(
        &self,
        condition: String,
        ids: Option<Vec<String>>,
        now: i64,
    ) -> Result<Vec<RunId>, StoreError> {
        let dialect = self.dialect;
        let all = ids.clone();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = format!(
                        "UPDATE runs SET state = 'finished', finished_at = ${} WHERE {} RETURNING id",
                        if ids.is_some() { 2 } else { 1 },
                        dialect.all("runs", &condition)
                    );
                    let statement = match ids {
                        Some(ids) => query(sql).bind(ids),
                        None => query(sql),
                    };
                    let rows = statement.bind(now).fetch_all(&mut *connection).await?;
                    let ended = rows.iter().map(|row| parsed(row, "id")).collect::<Result<Vec<_>, _>>()?;
                    // Runs that had ended before are included, because a late result may have changed their progress.
                    let all = match all {
                        Some(ids) => ids,
                        None => ended.iter().map(RunId::to_string).collect(),
                    };
                    keep_progress(connection, dialect, all).await?;
                    Ok(ended)
                })
            })
            .await
    }
}
