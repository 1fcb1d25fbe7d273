//! `easysight task`: the tasks of a master, their schedules, and their runs.

mod definition;
mod duration;
mod next;
mod schedule;
mod submit;
mod tables;
mod watch;

use std::process::ExitCode;

use clap::Subcommand;
use easysight_protocol::{Run, Task};
use reqwest::Method;
use serde_json::json;

use crate::master::{Master, MasterError, Remote};

/// The path of tasks in the API.
const TASKS: [&str; 2] = ["diagnosis", "tasks"];

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the tasks and when they run next.
    List,
    /// Show one task.
    Show {
        /// The task's id.
        id: String,
    },
    /// Show when a task starts next, or when a schedule would that no task has yet.
    Next(next::Arguments),
    /// Add a task.
    Add(definition::Arguments),
    /// Remove a task.
    Remove {
        /// The task's id.
        id: String,
    },
    /// Stop a task from running by its schedule.
    Pause {
        /// The task's id.
        id: String,
    },
    /// Let a paused task run by its schedule again.
    Resume {
        /// The task's id.
        id: String,
    },
    /// Run a task now.
    Submit(submit::Arguments),
    /// List the runs of a task, latest first.
    Runs {
        /// The task's id.
        id: String,
        /// Maximum number of runs to show.
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: usize,
    },
    /// Cancel a run and those of its jobs that have not ended.
    Cancel {
        /// The run's id.
        run_id: String,
    },
    /// Retry the jobs of a run that were given up.
    Retry {
        /// The run's id.
        run_id: String,
    },
}

/// Runs the command. Returns the exit code.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let master = arguments.remote.master()?;
    let format = arguments.remote.format;
    match &arguments.command {
        Command::List => {
            let tasks: Vec<Task> = master.list(&TASKS, &[], usize::MAX).await?;
            format.list(&tasks, "there are no tasks; add one with `easysight task add`", tables::tasks)?;
        }
        Command::Show { id } => {
            let task: Task = master.get(&one(id)).await?;
            format.show(&task, tables::task)?;
        }
        Command::Next(arguments) => next::run(&master, format, arguments).await?,
        Command::Add(definition) => {
            let request = master.request(Method::POST, &TASKS)?.json(&definition.request()?);
            let task: Task = master.answer(request).await?;
            format.show(&task, tables::task)?;
        }
        Command::Remove { id } => {
            master.done(master.request(Method::DELETE, &one(id))?).await?;
            format.say(&json!({ "removed": id }), &format!("task {id} removed"))?;
        }
        Command::Pause { id } => {
            let task = change(&master, id, "pause").await?;
            format.say(&task, &format!("task {id} paused"))?;
        }
        Command::Resume { id } => {
            let task = change(&master, id, "resume").await?;
            let next = task
                .next_run_at
                .map_or_else(String::new, |at| format!("; next run at {}", crate::listing::time(at)));
            format.say(&task, &format!("task {id} resumed{next}"))?;
        }
        Command::Submit(submission) => return submit::run(&master, format, submission).await,
        Command::Runs { id, limit } => {
            let runs: Vec<Run> = master.list(&["diagnosis", "tasks", id, "runs"], &[], *limit).await?;
            format.list(&runs, &format!("task {id} has not run yet"), tables::runs)?;
        }
        Command::Cancel { run_id } => {
            let run = steer(&master, run_id, "cancel").await?;
            format.show(&run, |run| tables::runs(std::slice::from_ref(run)))?;
        }
        Command::Retry { run_id } => {
            let run = steer(&master, run_id, "retry").await?;
            format.show(&run, |run| tables::runs(std::slice::from_ref(run)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Pauses or resumes a task. Returns the changed task.
async fn change(master: &Master, id: &str, verb: &str) -> Result<Task, MasterError> {
    master.done(master.request(Method::POST, &["diagnosis", "tasks", id, verb])?).await?;
    master.get(&one(id)).await
}

/// Cancels or retries a run. Returns the changed run.
async fn steer(master: &Master, id: &str, verb: &str) -> Result<Run, MasterError> {
    master.done(master.request(Method::POST, &["diagnosis", "runs", id, verb])?).await?;
    master.get(&["diagnosis", "runs", id]).await
}

const fn one(id: &str) -> [&str; 3] {
    ["diagnosis", "tasks", id]
}
