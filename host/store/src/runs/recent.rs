//! The conditions of the runs of the last time, and of those that have failed. The overview counts the same runs.

use easysight_protocol::RunState;

use crate::{Area, Dialect, query::Select};

use super::RunFilter;

/// The condition that a run has not ended. It is that of the index `runs_open`.
pub(crate) const OPEN_STATES: &str = "state IN ('waiting', 'running')";
/// The condition that a run has ended. It is that of the index `runs_ended`.
pub(crate) const ENDED_STATES: &str = "state IN ('finished', 'cancelled')";
/// The condition that a run has ended with dead jobs. It is that of the index `runs_failed`. `keep_progress` stores the
/// progress of every run that ends, in the order of the fields of `Progress`.
pub(crate) const FAILED: &str = "progress LIKE '%\"dead\":%' AND progress NOT LIKE '%\"dead\":0,%'";

/// Adds the conditions of a filter.
pub(super) fn only(select: Select, dialect: Dialect, area: &Area, filter: &RunFilter) -> Select {
    let select = if filter.failed { of_failed(select, dialect, area) } else { select };
    let Some(since) = filter.since else { return select };
    match filter.state {
        // Such runs have not ended.
        Some(RunState::Waiting | RunState::Running) => select,
        Some(RunState::Finished | RunState::Cancelled) => {
            select.and_fixed(ENDED_STATES).and_integer("finished_at >= ?", Some(since))
        }
        None if filter.failed => select.and_integer("finished_at >= ?", Some(since)),
        None => {
            let recent = format!("({OPEN_STATES} OR ({ENDED_STATES} AND finished_at >= ?))");
            select.and_integer(&recent, Some(since))
        }
    }
}

fn of_failed(select: Select, dialect: Dialect, area: &Area) -> Select {
    let select = select.and_fixed(ENDED_STATES).and_fixed(FAILED);
    match area.value() {
        Some(groups) => select.and_value(&failed_in(dialect, area, "?"), groups),
        None => select,
    }
}

/// Returns the condition that a run has dead jobs of the area's cameras. `parameter` stands for the area's value.
pub(crate) fn failed_in(dialect: Dialect, area: &Area, parameter: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM jobs WHERE jobs.run_id = runs.id AND jobs.state = 'dead'{})",
        area.and(dialect, "jobs.camera_id", parameter)
    )
}

/// Returns the order of the runs, and the condition for the next page. With a time, only few of very many runs are
/// wanted: they are found by the index of that time, and sorted. The database would otherwise read all runs in the order
/// of their ids, so the expression is one that no index has.
pub(super) const fn order(filter: &RunFilter) -> (&'static str, &'static str) {
    match filter.since {
        Some(_) => ("id || '' DESC", "id || '' < ?"),
        None => ("id DESC", "id < ?"),
    }
}
