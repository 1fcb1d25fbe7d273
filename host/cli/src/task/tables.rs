//! Tasks and runs as tables.

use comfy_table::{Cell, Color, Table};
use easysight_protocol::{Progress, Run, RunState, Task, TaskRequest, Trigger};

use super::definition;
use crate::{label, listing};

/// Makes a table with a row for each task.
pub(super) fn tasks(tasks: &[Task]) -> Table {
    let mut table = listing::table(&[
        "id",
        "name",
        "state",
        "schedule",
        "next run",
        "cameras",
        "diagnoses",
        "waiting for",
    ]);
    for task in tasks {
        let definition = &task.definition;
        let state = if definition.enabled {
            Cell::new("active").fg(Color::Green)
        } else {
            Cell::new("paused").fg(Color::Yellow)
        };
        table.add_row([
            listing::cell(&task.id),
            listing::cell(&definition.name),
            state,
            listing::cell(&definition::in_words(&definition.schedule)),
            Cell::new(listing::maybe_time(task.next_run_at)),
            listing::cell(&cameras(definition)),
            listing::cell(&diagnoses(definition)),
            listing::cell(&task.waits_for.join("; ")),
        ]);
    }
    table
}

/// Makes a table of one task, with a row for each of its properties.
pub(super) fn task(task: &Task) -> Table {
    let definition = &task.definition;
    let config = if definition.config.is_empty() {
        "defaults".to_owned()
    } else {
        serde_json::to_string(&definition.config).unwrap_or_default()
    };
    let deadline = definition
        .deadline_ms
        .map_or_else(|| "–".to_owned(), |ms| format!("{} s after its start", ms / 1000));
    let looks = match definition.full_look_every {
        0 | 1 => "at every check".to_owned(),
        every => format!("in one of {every} checks, and whenever a check finds a problem"),
    };
    listing::details([
        ("id", task.id.clone()),
        ("name", definition.name.clone()),
        ("state", if definition.enabled { "active" } else { "paused" }.to_owned()),
        ("schedule", definition::in_words(&definition.schedule)),
        ("next run", listing::maybe_time(task.next_run_at)),
        ("cameras", listing::joined(&definition.cameras)),
        ("groups", listing::joined(&definition.groups)),
        ("diagnoses", diagnoses(definition)),
        ("config", config),
        ("priority", definition.priority.to_string()),
        ("required labels", label::in_words(&definition.required_labels)),
        ("attempts", definition.max_attempts.to_string()),
        ("full look", looks),
        ("deadline", deadline),
        ("waiting for", listing::joined(&task.waits_for)),
        ("created", listing::time(task.created_at)),
        ("updated", listing::time(task.updated_at)),
    ])
}

/// Makes a table with a row for each run.
pub(super) fn runs(runs: &[Run]) -> Table {
    let mut table = listing::table(&["id", "started by", "state", "jobs", "created", "ended", "waiting for"]);
    for run in runs {
        table.add_row([
            Cell::new(run.id),
            Cell::new(trigger(run.trigger)),
            state(run),
            Cell::new(progress(&run.progress)),
            Cell::new(listing::time(run.created_at)),
            Cell::new(listing::maybe_time(run.finished_at)),
            listing::cell(&run.waits_for.join("; ")),
        ]);
    }
    table
}

/// Formats the progress of a run's jobs: `12/40 finished, 3 running, 25 queued`.
pub(super) fn progress(progress: &Progress) -> String {
    let mut words = format!("{}/{} finished", progress.finished, progress.total);
    let others = [
        (progress.running, "running"),
        (progress.queued, "queued"),
        (progress.dead, "dead"),
        (progress.cancelled, "cancelled"),
    ];
    for (count, word) in others.into_iter().filter(|(count, _)| *count > 0) {
        words.push_str(&format!(", {count} {word}"));
    }
    words
}

const fn trigger(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Manual => "hand",
        Trigger::Schedule => "schedule",
        Trigger::Submission => "submission",
    }
}

fn state(run: &Run) -> Cell {
    match run.state {
        RunState::Waiting => Cell::new("waiting").fg(Color::Yellow),
        RunState::Running => Cell::new("running").fg(Color::Blue),
        RunState::Finished if run.progress.dead > 0 => Cell::new("finished").fg(Color::Red),
        RunState::Finished => Cell::new("finished").fg(Color::Green),
        RunState::Cancelled => Cell::new("cancelled").fg(Color::DarkGrey),
    }
}

fn cameras(definition: &TaskRequest) -> String {
    let cameras = definition.cameras.len();
    match (cameras, definition.groups.as_slice()) {
        (0, []) => "none".to_owned(),
        (0, groups) => format!("groups {}", groups.join(", ")),
        (_, []) => cameras.to_string(),
        (_, groups) => format!("{cameras} + groups {}", groups.join(", ")),
    }
}

fn diagnoses(definition: &TaskRequest) -> String {
    if definition.diagnoses.is_empty() { "all".to_owned() } else { definition.diagnoses.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_there_is_counted_out() {
        let all = Progress { total: 40, queued: 25, running: 3, finished: 11, dead: 1, cancelled: 0 };
        assert_eq!(progress(&all), "11/40 finished, 3 running, 25 queued, 1 dead");
        assert_eq!(progress(&Progress::default()), "0/0 finished");
    }
}
