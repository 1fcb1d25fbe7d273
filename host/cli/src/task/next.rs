//! `easysight task next`: when a task starts next, or when a schedule would, before a task gets it.

use chrono::{DateTime, SecondsFormat, Utc};
use comfy_table::{Cell, Table};
use easysight_protocol::{NextStarts, Schedule, Task};
use reqwest::Method;

use super::{definition, duration, one, schedule};
use crate::{
    listing::{self, Format},
    master::Master,
};

const MINUTE_S: u64 = 60;
/// A wait of at least this length is shown without its seconds.
const LONG_S: u64 = 3_600;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The task's id. Instead of an id, give a schedule that no task has yet.
    #[arg(required_unless_present_any = schedule::KINDS, conflicts_with_all = ["every", "cron", "time_zone", "at"])]
    id: Option<String>,
    #[command(flatten)]
    schedule: schedule::Arguments,
    /// Number of starts to show.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    count: u32,
}

/// Runs the command.
pub(super) async fn run(master: &Master, format: Format, arguments: &Arguments) -> anyhow::Result<()> {
    let task: Option<Task> = match &arguments.id {
        Some(id) => Some(master.get(&one(id)).await?),
        None => None,
    };
    let schedule = match &task {
        Some(task) => of_task(task),
        None => arguments.schedule.schedule().unwrap_or_default(),
    };
    let request = master.request(Method::GET, &["diagnosis", "schedules", "next"])?;
    let request = request.query(&query(&schedule)).query(&[("count", arguments.count)]);
    let found: NextStarts = master.answer(request).await?;
    if format == Format::Table && found.starts.is_empty() {
        return format
            .say(&found, &format!("no start follows; the schedule is: {}", definition::in_words(&schedule)));
    }
    format.show(&found, |found| table(found, easysight_protocol::now()))?;
    if format == Format::Table {
        if let Some(sentence) = sentence(&found) {
            format.say(&found, &sentence)?;
        }
        if task.is_some_and(|task| !task.definition.enabled) {
            format.say(&found, "the task is paused: it starts at none of these times until it is resumed")?;
        }
    }
    Ok(())
}

/// Returns the schedule of a task. An interval without a first start counts from the task's next run.
fn of_task(task: &Task) -> Schedule {
    match task.definition.schedule.clone() {
        Schedule::Interval { every_s, starts_at: None, missed_runs } => {
            Schedule::Interval { every_s, starts_at: task.next_run_at, missed_runs }
        }
        schedule => schedule,
    }
}

/// Returns a schedule as the query of a request.
fn query(schedule: &Schedule) -> Vec<(&'static str, String)> {
    let time = |at: &DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    match schedule {
        Schedule::Manual => vec![("kind", "manual".to_owned())],
        Schedule::Once { at } => vec![("kind", "once".to_owned()), ("at", time(at))],
        Schedule::Interval { every_s, starts_at, .. } => {
            let mut query = vec![("kind", "interval".to_owned()), ("every_s", every_s.to_string())];
            query.extend(starts_at.as_ref().map(|at| ("starts_at", time(at))));
            query
        }
        Schedule::Cron { expression, time_zone, .. } => vec![
            ("kind", "cron".to_owned()),
            ("expression", expression.clone()),
            ("time_zone", time_zone.clone()),
        ],
    }
}

fn table(found: &NextStarts, now: DateTime<Utc>) -> Table {
    let mut table = listing::table(&["start", "UTC", "in"]);
    for start in &found.starts {
        table.add_row([
            Cell::new(listing::time(*start)),
            Cell::new(start.to_rfc3339_opts(SecondsFormat::Secs, true)),
            Cell::new(wait(*start, now)),
        ]);
    }
    table
}

/// Formats the time until a start.
fn wait(start: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = u64::try_from((start - now).num_seconds()).unwrap_or(0);
    duration::in_words(if seconds < LONG_S { seconds } else { seconds - seconds % MINUTE_S })
}

/// Says how often the schedule starts, and whether it ends. None if there is nothing to say, such as of leap days.
fn sentence(found: &NextStarts) -> Option<String> {
    let pace = match found.per_day {
        // Such as a single time.
        0.0 => String::new(),
        1.0 => "a start a day on average".to_owned(),
        many if many >= 1.0 => format!("{} starts a day on average", rounded(many)),
        few => format!("a start every {} days on average", rounded(few.recip())),
    };
    let end = if found.ends { "no further start follows" } else { "" };
    let parts: Vec<_> = [pace.as_str(), end].into_iter().filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn rounded(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use easysight_protocol::MissedRuns;

    use super::*;

    fn starts(per_day: f64, ends: bool) -> NextStarts {
        NextStarts { starts: Vec::new(), ends, per_day }
    }

    #[test]
    fn the_pace_is_said_in_the_unit_that_fits() {
        let said = |per_day: f64, ends: bool| sentence(&starts(per_day, ends));
        assert_eq!(said(96.0, false).unwrap(), "96 starts a day on average");
        assert_eq!(said(1.0, false).unwrap(), "a start a day on average");
        assert_eq!(said(24.0 / 365.0, false).unwrap(), "a start every 15.2 days on average");
        assert_eq!(said(0.0, true).unwrap(), "no further start follows");
        assert_eq!(said(0.1, true).unwrap(), "a start every 10 days on average; no further start follows");
        assert_eq!(said(0.0, false), None);
    }

    #[test]
    fn a_long_wait_has_no_seconds() {
        let now: DateTime<Utc> = "2026-03-02T04:00:00Z".parse().unwrap();
        let at = |text: &str| wait(text.parse().unwrap(), now);
        assert_eq!(at("2026-03-02T04:00:59Z"), "59s");
        assert_eq!(at("2026-03-03T05:30:59Z"), "1d1h30m");
        assert_eq!(at("2026-03-02T03:59:59Z"), "0s");
    }

    #[test]
    fn a_schedule_is_asked_with_all_of_its_fields() {
        let missed_runs = MissedRuns::Skip;
        let at: DateTime<Utc> = "2030-01-31T03:00:00Z".parse().unwrap();
        let text = |schedule: Schedule| {
            let pairs = query(&schedule);
            pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(text(Schedule::Manual), "kind=manual");
        assert_eq!(text(Schedule::Once { at }), "kind=once at=2030-01-31T03:00:00Z");
        assert_eq!(
            text(Schedule::Interval { every_s: 60, starts_at: Some(at), missed_runs }),
            "kind=interval every_s=60 starts_at=2030-01-31T03:00:00Z"
        );
        assert_eq!(
            text(Schedule::Cron { expression: "0 3 * * *".into(), time_zone: "UTC".into(), missed_runs }),
            "kind=cron expression=0 3 * * * time_zone=UTC"
        );
    }
}
