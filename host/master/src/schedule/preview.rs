//! Lists the next starts of a schedule, so that a person sees what it means before a task gets it.

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use croner::{Cron, Weekday};
use easysight_protocol::{NextStarts, Schedule};

use super::{ScheduleError, after, first, parse_cron};

const DAY_S: f64 = 86_400.0;
/// The days over which starts are averaged: a year, so that every month counts.
const DAYS: u16 = 365;
/// The last year that four digits can express, as in RFC 3339.
const LAST_YEAR: i32 = 9999;

/// Returns the next `count` starts of a schedule, at or after `now`.
///
/// The effort is limited, whatever the expression is: each start is searched from the one before, and croner searches no
/// further than the year 5000. So all searches together pass each day until then at most once, which takes about 60 ms.
pub(crate) fn next_starts(
    schedule: &Schedule,
    now: DateTime<Utc>,
    count: usize,
) -> Result<NextStarts, ScheduleError> {
    let first = first(schedule, now)?.filter(|at| *at >= now);
    let mut starts: Vec<_> = std::iter::successors(first, |at| after(schedule, *at, *at))
        .take_while(|at| at.year() <= LAST_YEAR)
        .take(count.saturating_add(1))
        .collect();
    let ends = starts.len() <= count;
    starts.truncate(count);
    Ok(NextStarts { starts, ends, per_day: per_day(schedule, now)? })
}

/// Returns the number of starts a day, on average over the next year. Changes to and from summer time are left out.
fn per_day(schedule: &Schedule, now: DateTime<Utc>) -> Result<f64, ScheduleError> {
    match schedule {
        Schedule::Manual | Schedule::Once { .. } => Ok(0.0),
        Schedule::Interval { every_s, .. } => Ok(DAY_S / *every_s as f64),
        Schedule::Cron { expression, time_zone, .. } => {
            let (cron, zone) = parse_cron(expression, time_zone)?;
            let today = now.with_timezone(&zone).date_naive();
            let days = (0..u64::from(DAYS)).filter(|ahead| {
                today.checked_add_days(Days::new(*ahead)).is_some_and(|day| is_day_of(&cron, day))
            });
            let pattern = &cron.pattern;
            let of_a_day = [&pattern.hours, &pattern.minutes, &pattern.seconds]
                .into_iter()
                .map(|part| part.values().len())
                .product::<usize>();
            Ok((days.count() * of_a_day) as f64 / f64::from(DAYS))
        }
    }
}

/// Returns true if the expression has starts on this day.
fn is_day_of(cron: &Cron, day: NaiveDate) -> bool {
    let (year, month, weekday) = (day.year(), day.month(), day.weekday().num_days_from_sunday());
    let pattern = &cron.pattern;
    let matches = [
        pattern.year_match(year),
        pattern.month_match(month),
        pattern.day_match(year, month, day.day(), Weekday::from_days_from_sunday(weekday)),
    ];
    matches.into_iter().all(|one| one.unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, TimeZone};
    use easysight_protocol::MissedRuns;

    use super::*;

    fn now() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 3, 2, 4, 0, 0).unwrap()
    }

    fn cron_in(expression: &str, time_zone: &str) -> Schedule {
        let missed_runs = MissedRuns::Skip;
        Schedule::Cron { expression: expression.into(), time_zone: time_zone.into(), missed_runs }
    }

    fn cron(expression: &str) -> Schedule {
        cron_in(expression, "UTC")
    }

    fn every(every_s: u64, starts_at: Option<DateTime<Utc>>) -> Schedule {
        Schedule::Interval { every_s, starts_at, missed_runs: MissedRuns::Skip }
    }

    fn found(schedule: &Schedule, count: usize) -> NextStarts {
        next_starts(schedule, now(), count).unwrap()
    }

    #[test]
    fn the_starts_are_those_of_the_scheduler() {
        for schedule in [
            cron("*/7 3-5 * * MON-FRI"),
            cron_in("30 2 * * *", "Europe/Berlin"),
            every(600, None),
            every(7, Some(now() - TimeDelta::seconds(3))),
        ] {
            let starts = found(&schedule, 100).starts;
            let mut due = first(&schedule, now()).unwrap().unwrap();
            for start in &starts {
                assert_eq!(*start, due);
                due = after(&schedule, due, due).unwrap();
            }
            assert_eq!(starts.len(), 100, "{schedule:?}");
        }
    }

    #[test]
    fn a_day_on_which_the_clocks_change_has_its_start_once() {
        let starts = next_starts(
            &cron_in("30 2 * * *", "Europe/Berlin"),
            Utc.with_ymd_and_hms(2026, 10, 23, 12, 0, 0).unwrap(),
            4,
        );
        let days: Vec<u32> = starts.unwrap().starts.iter().map(Datelike::day).collect();
        assert_eq!(days, [24, 25, 26, 27]);
    }

    #[test]
    fn what_starts_nothing_has_an_end_and_no_starts() {
        let nothing = NextStarts { starts: Vec::new(), ends: true, per_day: 0.0 };
        assert_eq!(found(&Schedule::Manual, 10), nothing);
        assert_eq!(found(&Schedule::Once { at: now() - TimeDelta::seconds(1) }, 10), nothing);
        let later = now() + TimeDelta::hours(1);
        assert_eq!(
            found(&Schedule::Once { at: later }, 10),
            NextStarts { starts: vec![later], ends: true, per_day: 0.0 }
        );
    }

    #[test]
    fn an_end_is_known_also_when_the_list_is_full() {
        let last = cron("0 0 0 31 12 * 2026-2028");
        assert_eq!((found(&last, 2).starts.len(), found(&last, 2).ends), (2, false));
        assert_eq!((found(&last, 3).starts.len(), found(&last, 3).ends), (3, true));
        let far = Utc.with_ymd_and_hms(9999, 12, 31, 23, 59, 50).unwrap();
        let few = found(&every(5, Some(far)), 100);
        assert_eq!((few.starts.len(), few.ends), (2, true));
    }

    #[test]
    fn a_leap_day_is_found_a_hundred_times() {
        let leap = found(&cron("0 0 29 2 *"), 100);
        assert_eq!((leap.starts[0].year(), leap.starts[99].year()), (2028, 2436));
        assert!(!leap.ends);
    }

    #[test]
    fn the_starts_of_a_day_are_counted_over_a_year() {
        for (schedule, wanted) in [
            (every(1, None), DAY_S),
            (every(3_600, None), 24.0),
            (cron("* * * * * *"), DAY_S),
            (cron("*/15 * * * *"), 96.0),
            (cron("*/15 7-18 * * *"), 48.0),
            (cron_in("0 7 * * MON-FRI", "Asia/Shanghai"), 261.0 / 365.0),
            (cron("0 7,19 1 * *"), 24.0 / 365.0),
            (cron("0 0 29 2 *"), 0.0),
        ] {
            assert!((found(&schedule, 1).per_day - wanted).abs() < 1e-9, "{schedule:?}");
        }
    }

    #[test]
    fn what_a_task_may_not_have_is_refused_at_the_same_field() {
        for schedule in
            [cron("0 0 30 2 *"), cron("61 * * * *"), cron_in("* * * * *", "Mars/Base"), every(0, None)]
        {
            assert_eq!(next_starts(&schedule, now(), 10).unwrap_err(), first(&schedule, now()).unwrap_err());
        }
    }
}
