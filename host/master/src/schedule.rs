//! Computes when a task runs next.

mod preview;

use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::{
    Cron,
    parser::{CronParser, Seconds},
};
use easysight_protocol::{MissedRuns, Schedule};

pub(crate) use preview::next_starts;

/// The longest interval in seconds: a year.
const MAX_INTERVAL_S: u64 = 31_536_000;
/// A start that is late by at most this time is not treated as missed, because the master was only busy.
const GRACE: TimeDelta = TimeDelta::seconds(60);

/// The error of an invalid schedule: the field within the schedule, and the reason.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ScheduleError {
    pub(crate) field: &'static str,
    pub(crate) detail: String,
}

fn wrong(field: &'static str, detail: impl Into<String>) -> ScheduleError {
    ScheduleError { field, detail: detail.into() }
}

/// Returns the time of the first run of a task with this schedule. If the schedule starts a single run, this is the
/// time that the schedule names, which may be in the past. Otherwise, the time is at or after `now`. Returns `None` if
/// the schedule starts no runs.
pub(crate) fn first(schedule: &Schedule, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, ScheduleError> {
    match schedule {
        Schedule::Manual => Ok(None),
        Schedule::Once { at } => Ok(Some(*at)),
        Schedule::Interval { every_s, starts_at, .. } => {
            if !(1..=MAX_INTERVAL_S).contains(every_s) {
                return Err(wrong(
                    "/every_s",
                    format!("expected a number of seconds from 1 to {MAX_INTERVAL_S}"),
                ));
            }
            let starts_at = starts_at.unwrap_or(now);
            if starts_at >= now {
                return Ok(Some(starts_at));
            }
            Ok(after(schedule, starts_at, now))
        }
        Schedule::Cron { expression, time_zone, .. } => {
            let (cron, zone) = parse_cron(expression, time_zone)?;
            match cron.find_next_occurrence(&now.with_timezone(&zone), false) {
                Ok(next) => Ok(Some(next.with_timezone(&Utc))),
                Err(error) => {
                    Err(wrong("/expression", format!("{expression:?} never matches any time: {error}")))
                }
            }
        }
    }
}

/// Returns when the task runs next, after a run that was due at `due` and started at `now`. The run at `now` also
/// replaces the starts that fell due between `due` and `now`.
pub(crate) fn after(schedule: &Schedule, due: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match schedule {
        Schedule::Manual | Schedule::Once { .. } => None,
        Schedule::Interval { every_s, .. } => {
            let every = i64::try_from(*every_s).ok()?.max(1);
            let late = (now - due).num_seconds().max(0);
            due.checked_add_signed(TimeDelta::seconds((late / every + 1) * every))
        }
        Schedule::Cron { expression, time_zone, .. } => {
            let (cron, zone) = parse_cron(expression, time_zone).ok()?;
            let from = due.max(now).with_timezone(&zone);
            cron.find_next_occurrence(&from, false).ok().map(|next| next.with_timezone(&Utc))
        }
    }
}

/// Returns the corrected time of a task's next run if `due` is later than the schedule allows, because the clock was
/// ahead when `due` was computed. Returns `None` if `due` is correct.
pub(crate) fn brought_back(
    schedule: &Schedule,
    due: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    match schedule {
        // These schedules have no computed time that could be wrong.
        Schedule::Manual | Schedule::Once { .. } => None,
        Schedule::Interval { every_s, starts_at, .. } => {
            let every = TimeDelta::seconds(i64::try_from(*every_s).ok()?.max(1));
            if let Some(starts_at) = starts_at.filter(|at| *at > now) {
                return (due > starts_at).then_some(starts_at);
            }
            if due <= now.checked_add_signed(every)? {
                return None;
            }
            // The time moves back by whole intervals, so that its distance from earlier starts stays a multiple of the
            // interval.
            let beats = (due - now).num_seconds() / every.num_seconds();
            due.checked_sub_signed(TimeDelta::seconds(beats * every.num_seconds()))
        }
        Schedule::Cron { .. } => first(schedule, now).ok().flatten().filter(|next| due > *next),
    }
}

/// Returns true if a start that was due at `due`, but is handled only at `now`, is skipped.
pub(crate) fn is_skipped(schedule: &Schedule, due: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    let policy = match schedule {
        Schedule::Interval { missed_runs, .. } | Schedule::Cron { missed_runs, .. } => *missed_runs,
        Schedule::Manual | Schedule::Once { .. } => MissedRuns::RunOnce,
    };
    policy == MissedRuns::Skip && now - due > GRACE
}

fn parse_cron(expression: &str, time_zone: &str) -> Result<(Cron, Tz), ScheduleError> {
    let zone = Tz::from_str(time_zone).map_err(|_| {
        wrong("/time_zone", format!("{time_zone:?} is not an IANA time zone, such as UTC or Asia/Shanghai"))
    })?;
    if expression.len() > 200 {
        return Err(wrong("/expression", "expected at most 200 characters"));
    }
    let parser = CronParser::builder().seconds(Seconds::Optional).build();
    let cron = parser.parse(expression).map_err(|error| {
        let fields = "minute hour day-of-month month day-of-week, such as `*/15 * * * *`";
        wrong("/expression", format!("{expression:?} is not a cron expression ({fields}): {error}"))
    })?;
    Ok((cron, zone))
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    fn at(hour: u32, minute: u32) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 3, 2, hour, minute, 0).unwrap()
    }

    fn cron(expression: &str, time_zone: &str) -> Schedule {
        Schedule::Cron {
            expression: expression.into(),
            time_zone: time_zone.into(),
            missed_runs: MissedRuns::Skip,
        }
    }

    #[test]
    fn cron_lines_are_meant_in_their_time_zone() {
        assert_eq!(first(&cron("30 8 * * *", "UTC"), at(0, 0)), Ok(Some(at(8, 30))));
        // Shanghai is eight hours ahead of UTC, without summer time.
        assert_eq!(first(&cron("30 8 * * *", "Asia/Shanghai"), at(0, 0)), Ok(Some(at(0, 30))));
        assert_eq!(after(&cron("0 * * * *", "UTC"), at(1, 0), at(4, 20)), Some(at(5, 0)));
    }

    #[test]
    fn summer_time_neither_loses_nor_doubles_a_run() {
        let zone = "Europe/Berlin";
        // On 2026-03-29 the hour from 2 to 3 does not exist. On 2026-10-25 it occurs twice.
        let spring = Utc.with_ymd_and_hms(2026, 3, 28, 12, 0, 0).unwrap();
        let next = first(&cron("30 2 * * *", zone), spring).unwrap().unwrap();
        assert!(next < spring + TimeDelta::hours(24));
        let autumn = Utc.with_ymd_and_hms(2026, 10, 24, 12, 0, 0).unwrap();
        let one = first(&cron("30 2 * * *", zone), autumn).unwrap().unwrap();
        let two = after(&cron("30 2 * * *", zone), one, one).unwrap();
        assert!(two - one > TimeDelta::hours(20), "{one} {two}");
    }

    #[test]
    fn what_a_clock_that_was_ahead_set_is_brought_back() {
        let year = TimeDelta::days(365);
        let every = |starts_at| Schedule::Interval { every_s: 600, starts_at, missed_runs: MissedRuns::Skip };
        assert_eq!(brought_back(&every(None), at(4, 10), at(4, 0)), None);
        assert_eq!(brought_back(&every(None), at(4, 5) + year, at(4, 0)), Some(at(4, 5)));
        assert_eq!(brought_back(&every(Some(at(9, 0))), at(9, 0), at(4, 0)), None);
        assert_eq!(brought_back(&every(Some(at(9, 0))), at(9, 0) + year, at(4, 0)), Some(at(9, 0)));
        assert_eq!(brought_back(&cron("30 8 * * *", "UTC"), at(8, 30), at(4, 0)), None);
        assert_eq!(brought_back(&cron("30 8 * * *", "UTC"), at(8, 30) + year, at(4, 0)), Some(at(8, 30)));
        let once = Schedule::Once { at: at(4, 0) + year };
        assert_eq!(brought_back(&once, at(4, 0) + year, at(4, 0)), None);
    }

    #[test]
    fn what_never_comes_true_is_refused_where_it_is_made() {
        assert_eq!(first(&cron("0 0 30 2 *", "UTC"), at(0, 0)).unwrap_err().field, "/expression");
        assert_eq!(first(&cron("61 * * * *", "UTC"), at(0, 0)).unwrap_err().field, "/expression");
        assert_eq!(first(&cron("* * * * *", "Mars/Base"), at(0, 0)).unwrap_err().field, "/time_zone");
    }

    #[test]
    fn an_interval_keeps_its_beat_and_makes_up_once() {
        let hourly = Schedule::Interval {
            every_s: 3_600,
            starts_at: Some(at(1, 0)),
            missed_runs: MissedRuns::RunOnce,
        };
        assert_eq!(first(&hourly, at(0, 0)), Ok(Some(at(1, 0))));
        assert_eq!(first(&hourly, at(3, 10)), Ok(Some(at(4, 0))));
        assert_eq!(after(&hourly, at(1, 0), at(1, 0)), Some(at(2, 0)));
        assert_eq!(after(&hourly, at(1, 0), at(5, 59)), Some(at(6, 0)));
        assert!(!is_skipped(&hourly, at(1, 0), at(5, 0)));
        assert!(is_skipped(&cron("0 * * * *", "UTC"), at(1, 0), at(1, 2)));
        assert!(!is_skipped(&cron("0 * * * *", "UTC"), at(1, 0), at(1, 0)));
        let wrong = Schedule::Interval { every_s: 0, starts_at: None, missed_runs: MissedRuns::Skip };
        assert_eq!(first(&wrong, at(0, 0)).unwrap_err().field, "/every_s");
    }
}
