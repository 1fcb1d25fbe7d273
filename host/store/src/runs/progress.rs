//! The progress of runs: how many of their jobs are in each state. Open jobs are counted; the progress of an ended run
//! is stored.

use std::collections::HashMap;

use easysight_protocol::{JobState, Progress, RunId, RunState};

use crate::{
    Area, Dialect, Store, StoreError,
    db::{Connection, Rows, Target, query},
    dialect::Update,
    query::{count, parsed, word},
};

use super::StoredRun;

impl Store {
    /// Adds the progress of runs, as a caller with this area sees it. If a run is not completely in the area, only the
    /// jobs of the area's cameras count, and what the run waits for is hidden.
    pub(super) async fn complete(
        &self,
        area: &Area,
        runs: &mut [(StoredRun, bool)],
    ) -> Result<(), StoreError> {
        let definitions = runs.iter().map(|(run, _)| run.definition.clone());
        let parts = match area.is_all() {
            true => Vec::new(),
            false => area.parts_of(&self.readers, self.dialect, definitions.collect()).await?,
        };
        let mut partial = Vec::new();
        for ((run, is_kept), _) in runs.iter_mut().zip(parts).filter(|(_, part)| !part.is_whole) {
            run.run.waits_for.clear();
            // The progress is counted below.
            *is_kept = true;
            partial.push(run.run.id.to_string());
        }
        if !partial.is_empty() {
            let counted = progress(&self.readers, self.dialect, area, partial.clone()).await?;
            for (run, _) in runs.iter_mut().filter(|(run, _)| partial.contains(&run.run.id.to_string())) {
                run.run.progress = counted.get(&run.run.id).copied().unwrap_or_default();
            }
        }
        self.add_progress(runs).await
    }

    async fn add_progress(&self, runs: &mut [(StoredRun, bool)]) -> Result<(), StoreError> {
        // Only the jobs of open runs are counted. The progress of an ended run is stored. A waiting run has no jobs; if
        // jobs were added after the run was read, they would not match the state that was read.
        let open = runs.iter().filter(|(run, kept)| !kept && run.run.state != RunState::Waiting);
        let ids: Vec<String> = open.map(|(run, _)| run.run.id.to_string()).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let mut progress = progress(&self.readers, self.dialect, &Area::ALL, ids).await?;
        for (run, kept) in runs {
            if !*kept {
                run.run.progress = progress.remove(&run.run.id).unwrap_or_default();
            }
        }
        Ok(())
    }
}

/// Counts the jobs of runs for the cameras of an area, by state.
async fn progress(
    target: impl Target,
    dialect: Dialect,
    area: &Area,
    ids: Vec<String>,
) -> Result<HashMap<RunId, Progress>, StoreError> {
    let (among, within) = (dialect.among("run_id", "$1"), area.and(dialect, "camera_id", "$2"));
    let sql = format!(
        "SELECT run_id, state, COUNT(*) AS jobs FROM jobs WHERE {among}{within} GROUP BY run_id, state"
    );
    let mut all: HashMap<RunId, Progress> = HashMap::new();
    for row in &area.bound_to(query(sql).bind(ids)).fetch_all(target).await? {
        let progress = all.entry(parsed(row, "run_id")?).or_default();
        let jobs = count(row, "jobs")?;
        progress.total += jobs;
        match word::<JobState>(row, "state")? {
            JobState::Queued => progress.queued += jobs,
            JobState::Running => progress.running += jobs,
            JobState::Finished => progress.finished += jobs,
            JobState::Dead => progress.dead += jobs,
            JobState::Cancelled => progress.cancelled += jobs,
        }
    }
    Ok(all)
}

/// Stores the progress of ended runs, so that it is not counted again.
pub(crate) async fn keep_progress(
    connection: &mut Connection,
    dialect: Dialect,
    ids: Vec<String>,
) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let counted = progress(&mut *connection, dialect, &Area::ALL, ids.clone()).await?;
    let of = |id: &String| {
        let progress = id.parse().ok().and_then(|id: RunId| counted.get(&id).copied());
        serde_json::to_string(&progress.unwrap_or_default())
    };
    let rows = Rows::new()
        .texts("run_id", ids.iter().map(String::as_str))
        .texts("progress", ids.iter().map(of).collect::<Result<Vec<_>, _>>()?);
    let sql = dialect.update(&Update {
        table: "runs",
        key: "run_id",
        rows: &rows,
        first: 1,
        set: "progress = x.progress",
        condition: "runs.state IN ('finished', 'cancelled')",
        returning: "runs.id AS id",
        skip: false,
    });
    query(sql).bind_rows(rows, dialect)?.fetch_all(connection).await?;
    Ok(())
}
