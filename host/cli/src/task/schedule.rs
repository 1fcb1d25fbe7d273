//! A schedule on the command line: `--every`, `--cron` or `--at`.

use chrono::{DateTime, Utc};
use easysight_protocol::{MissedRuns, Schedule};

use super::duration;

/// The names of the arguments, of which a schedule has at least one.
pub(super) const KINDS: [&str; 3] = ["every", "cron", "at"];

/// The arguments of a schedule.
#[derive(Debug, clap::Args)]
// Otherwise, clap would make a group with the name of this type, which the arguments of the commands have too.
#[group(skip)]
pub(super) struct Arguments {
    /// Run at this interval: 30s, 5m, 1h30m, 1d. Without a schedule the task runs only when it is submitted.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, conflicts_with_all = ["cron", "at"])]
    every: Option<u64>,
    /// Run at the times of a cron expression: five fields, or six with the seconds first.
    #[arg(long, value_name = "EXPR", conflicts_with = "at")]
    cron: Option<String>,
    /// The time zone of the cron expression, such as Asia/Shanghai. Default: UTC.
    // --every and --at exclude --cron. If one of them is given, clap does not report that --cron is missing, so the
    // conflicts below report the error.
    #[arg(long, value_name = "TZ", requires = "cron", conflicts_with_all = ["every", "at"])]
    time_zone: Option<String>,
    /// Run once, at this time.
    #[arg(long, value_name = "RFC3339", value_parser = time)]
    at: Option<DateTime<Utc>>,
}

impl Arguments {
    /// Returns the schedule, or None if there is no argument for one.
    pub(super) fn schedule(&self) -> Option<Schedule> {
        let missed_runs = MissedRuns::default();
        if let Some(every_s) = self.every {
            return Some(Schedule::Interval { every_s, starts_at: None, missed_runs });
        }
        if let Some(expression) = &self.cron {
            let time_zone = self.time_zone.clone().unwrap_or_else(|| "UTC".to_owned());
            return Some(Schedule::Cron { expression: expression.clone(), time_zone, missed_runs });
        }
        self.at.map(|at| Schedule::Once { at })
    }
}

fn time(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.to_utc())
        .map_err(|_| "expected a time with a time zone, such as 2030-01-31T03:00:00+08:00".to_owned())
}
