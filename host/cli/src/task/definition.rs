//! `easysight task add`: makes a definition from the arguments.

use easysight_protocol::{Schedule, TaskRequest};

use super::{duration, schedule};
use crate::{config, label};

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The task's id for programs: 1 to 128 letters, digits, `.`, `_`, `-`. If no id is given, the master makes one.
    #[arg(long)]
    id: Option<String>,
    /// The task's name for people.
    #[arg(long)]
    name: String,
    /// A camera to check; may be repeated.
    #[arg(long, value_name = "ID")]
    camera: Vec<String>,
    /// A group of cameras to check; may be repeated.
    #[arg(long, value_name = "GROUP")]
    group: Vec<String>,
    /// A diagnosis to run; may be repeated. Default: all active diagnoses.
    #[arg(long, value_name = "ID")]
    diagnosis: Vec<String>,
    /// Configuration of each diagnosis.
    #[arg(
        long,
        value_name = "JSON|@FILE",
        help = "Configuration: a JSON object with one entry per diagnosis, such as \
                '{\"brightness\": {\"dark_p95\": 40}}', or @FILE, a file that contains one"
    )]
    config: Option<String>,
    #[command(flatten)]
    schedule: schedule::Arguments,
    /// Priority, -100 to 100. Jobs of a higher priority run first.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(i32).range(-100..=100)
    )]
    priority: i32,
    /// A label that a node must have to get the task's jobs; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = label::parse)]
    require: Vec<(String, String)>,
    /// Maximum number of attempts for each camera, 1 to 20.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    max_attempts: u32,
    /// One of N checks of a healthy camera captures everything that the diagnoses need, 1 to 100. The other checks
    /// capture one second of video, and everything if that second shows a problem.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    full_look_every: u32,
}

impl Arguments {
    /// Makes the request to the master.
    pub(super) fn request(&self) -> anyhow::Result<TaskRequest> {
        Ok(TaskRequest {
            id: self.id.clone(),
            name: self.name.clone(),
            cameras: self.camera.clone(),
            groups: self.group.clone(),
            diagnoses: self.diagnosis.clone(),
            config: config::read(self.config.as_deref())?,
            schedule: self.schedule.schedule().unwrap_or(Schedule::Manual),
            priority: self.priority,
            required_labels: label::collect(&self.require)?,
            max_attempts: self.max_attempts,
            full_look_every: self.full_look_every,
            deadline_ms: None,
            enabled: true,
        })
    }
}

/// Formats a schedule for people.
pub(super) fn in_words(schedule: &Schedule) -> String {
    match schedule {
        Schedule::Manual => "when submitted".to_owned(),
        Schedule::Once { at } => format!("once, {}", crate::listing::time(*at)),
        Schedule::Interval { every_s, .. } => format!("every {}", duration::in_words(*every_s)),
        Schedule::Cron { expression, time_zone, .. } => format!("{expression} ({time_zone})"),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Add {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parsed(words: &[&str]) -> Result<TaskRequest, clap::Error> {
        let all = ["add", "--name", "night"].iter().chain(words);
        let matches = Add::command().try_get_matches_from(all)?;
        Ok(Add::from_arg_matches(&matches)?.arguments.request().unwrap())
    }

    #[test]
    fn without_a_schedule_it_runs_when_it_is_submitted() {
        let task = parsed(&["--camera", "gate", "--camera", "yard", "--require", "site=north"]).unwrap();
        assert_eq!(task.schedule, Schedule::Manual);
        assert_eq!(task.cameras, ["gate", "yard"]);
        assert_eq!(task.required_labels.get("site").map(String::as_str), Some("north"));
        assert_eq!((task.priority, task.max_attempts, task.enabled), (0, 3, true));
    }

    #[test]
    fn each_kind_of_schedule_can_be_given() {
        let every = parsed(&["--every", "1h30m", "--priority", "-5"]).unwrap();
        assert_eq!(in_words(&every.schedule), "every 1h30m");
        assert_eq!(every.priority, -5);
        let utc = parsed(&["--cron", "0 3 * * *"]).unwrap();
        assert_eq!(in_words(&utc.schedule), "0 3 * * * (UTC)");
        let cron = parsed(&["--cron", "0 3 * * *", "--time-zone", "Asia/Shanghai"]).unwrap();
        assert_eq!(in_words(&cron.schedule), "0 3 * * * (Asia/Shanghai)");
        let once = parsed(&["--at", "2030-01-31T03:00:00+08:00"]).unwrap();
        assert_eq!(once.schedule, Schedule::Once { at: "2030-01-30T19:00:00Z".parse().unwrap() });
    }

    #[test]
    fn one_schedule_is_enough() {
        for words in [
            ["--every", "5m", "--cron", "* * * * *"],
            ["--every", "5m", "--at", "2030-01-31T03:00:00Z"],
            ["--every", "5m", "--time-zone", "UTC"],
            ["--at", "2030-01-31T03:00:00Z", "--time-zone", "UTC"],
            ["--priority", "101", "--every", "5m"],
            ["--at", "2030-01-31", "--priority", "1"],
        ] {
            assert!(parsed(&words).is_err(), "{words:?}");
        }
        assert!(parsed(&["--time-zone", "UTC"]).is_err());
    }
}
