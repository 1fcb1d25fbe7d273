//! The overview of all cameras, and of the last days.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use chrono::{DateTime, Days, NaiveDate, TimeZone, Utc};
use chrono_tz::Tz;
use easysight_daemon::problem::Error;
use easysight_protocol::{
    CameraHealth, DayOverview, FormerCounts, HealthCounts, NodeState, NodesOverview, Overview, Problem,
};
use easysight_store::{HourCounts, StoreError};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    master::Shared,
    problems::{invalid, store_error},
};

use super::{
    by::Within,
    parameters::{Params, bounded, plain},
};

const DAY_MS: i64 = 86_400_000;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OverviewQuery {
    /// The largest number of cameras in `act`, 1 to 200. If absent, 60.
    #[param(minimum = 1, maximum = 200)]
    act: Option<u32>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DaysQuery {
    /// The number of days, 1 to 400. If absent, 30. The last day is today.
    #[param(minimum = 1, maximum = 400)]
    days: Option<u32>,
    /// The time zone in which days begin, for example `Asia/Shanghai`. If absent, UTC.
    time_zone: Option<String>,
    /// Only the cameras of this group.
    group: Option<String>,
}

/// Returns the health of all cameras now and a day ago, the cameras that need action, and the state of queue, nodes and
/// runs.
#[utoipa::path(get, path = "/api/v1/overview", tag = "overview", params(OverviewQuery),
    responses((status = 200, body = Overview), (status = "default", body = Problem)))]
pub(super) async fn now(
    State(master): State<Shared>,
    Within(area): Within,
    Params(query): Params<OverviewQuery>,
) -> Result<Json<Overview>, Error> {
    let act = bounded("act", query.act, 60, 200)?;
    let (store, now) = (&master.store, master.now_ms());
    // Only one overview is read at a time, on one connection, so that the dispatch of jobs always finds a free
    // connection.
    let _turn = master.overview_turn.lock().await;
    let read = async {
        let tally = store.tally_cameras(&area, now).await?;
        let act = store.urgent_cameras(&area, act).await?;
        let yesterday = store.census_near(&area, now - DAY_MS).await?;
        let queue = store.queue_counts(&area, now).await?;
        let nodes = store.nodes(&area, master.silent_before(now)).await?;
        Ok((tally, act, yesterday, queue, nodes, store.run_counts(&area, now).await?))
    };
    let (tally, act, yesterday, queue, nodes, runs) =
        read.await.map_err(|error: StoreError| store_error(&error))?;
    let mut counted = NodesOverview::default();
    for node in &nodes {
        match node.status {
            NodeState::Online => {
                counted.ready += 1;
                counted.places += u64::from(node.capacity);
                counted.busy += node.current_tasks.len() as u64;
            }
            NodeState::Draining => counted.draining += 1,
            NodeState::Offline => counted.silent += 1,
        }
    }
    let former = |hour: HourCounts| -> Result<FormerCounts, Error> {
        Ok(FormerCounts { at: time(hour.taken_at)?, counts: hour.counts })
    };
    Ok(Json(Overview {
        at: time(now)?,
        now: tally.counts,
        yesterday: yesterday.map(former).transpose()?,
        old: tally.old,
        newest_check: tally.newest_check.map(time).transpose()?,
        groups: tally.groups(),
        causes: tally.causes(),
        act,
        queue,
        nodes: counted,
        runs,
    }))
}

/// Returns the share of cameras that were online and intact on each of the last days, oldest day first.
#[utoipa::path(get, path = "/api/v1/overview/days", tag = "overview", params(DaysQuery),
    responses((status = 200, body = Vec<DayOverview>), (status = 422, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn days(
    State(master): State<Shared>,
    Within(area): Within,
    Params(query): Params<DaysQuery>,
) -> Result<Json<Vec<DayOverview>>, Error> {
    let days = bounded("days", query.days, 30, 400)?;
    let zone = query.time_zone.as_deref().unwrap_or("UTC");
    let zone: Tz = zone.parse().map_err(|_| {
        invalid("/time_zone", "expected the name of a time zone, such as Asia/Shanghai or UTC")
    })?;
    plain("group", query.group.as_deref())?;
    let now = master.now_ms();
    // One more day is read, because a day in another time zone begins up to 14 hours earlier and may have 25 hours.
    let since = now - (i64::from(days) + 1) * DAY_MS;
    let hours = master.store.census_since(&area, since, query.group.as_deref()).await;
    let hours = hours.map_err(|error| store_error(&error))?;
    let today = time(now)?.with_timezone(&zone).date_naive();
    Ok(Json(by_day(&hours, &zone, today, days)))
}

/// Returns the means of the hours of each of the last days.
fn by_day(hours: &[HourCounts], zone: &Tz, today: NaiveDate, days: u32) -> Vec<DayOverview> {
    let mut sums: BTreeMap<NaiveDate, (u32, HealthCounts)> = BTreeMap::new();
    for hour in hours {
        let Some(at) = Utc.timestamp_millis_opt(hour.taken_at).single() else { continue };
        let (hours, sum) = sums.entry(at.with_timezone(zone).date_naive()).or_default();
        *hours += 1;
        for (health, cameras) in CameraHealth::ALL.into_iter().zip(hour.counts.in_order()) {
            sum.add(health, cameras);
        }
    }
    let share = |part: u64, of: u64| (of > 0).then(|| part as f64 / of as f64);
    let day = |back: u32| {
        let day = today.checked_sub_days(Days::new(u64::from(back)))?;
        let (hours, sum) = sums.get(&day).copied().unwrap_or_default();
        let online = share(sum.online(), sum.watched());
        Some(DayOverview { day, hours, online, intact: share(sum.normal, sum.judged()) })
    };
    (0..days).rev().filter_map(day).collect()
}

fn time(milliseconds: i64) -> Result<DateTime<Utc>, Error> {
    let time = Utc.timestamp_millis_opt(milliseconds).single();
    time.ok_or_else(|| store_error(&StoreError::Corrupt(format!("{milliseconds} is not a time").into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(at: &str, offline: u64, normal: u64, unchecked: u64) -> HourCounts {
        let taken_at = at.parse::<DateTime<Utc>>().unwrap().timestamp_millis();
        HourCounts {
            taken_at,
            counts: HealthCounts { offline, normal, unchecked, ..HealthCounts::default() },
        }
    }

    #[test]
    fn days_begin_at_midnight_of_the_time_zone_and_are_means_of_their_hours() {
        let hours = [
            hour("2026-11-28T15:30:00Z", 9, 1, 0),
            hour("2026-11-28T16:30:00Z", 1, 1, 2),
            hour("2026-11-29T15:30:00Z", 0, 2, 2),
            hour("2026-11-29T16:30:00Z", 0, 0, 4),
        ];
        let zone: Tz = "Asia/Shanghai".parse().unwrap();
        let today = NaiveDate::from_ymd_opt(2026, 11, 30).unwrap();
        let days = by_day(&hours, &zone, today, 3);
        let told: Vec<_> =
            days.iter().map(|one| (one.day.to_string(), one.hours, one.online, one.intact)).collect();
        let expected = [
            ("2026-11-28".to_owned(), 1, Some(0.1), Some(0.1)),
            ("2026-11-29".to_owned(), 2, Some(0.875), Some(0.75)),
            ("2026-11-30".to_owned(), 1, Some(1.0), None),
        ];
        assert_eq!(told, expected);
        assert_eq!(by_day(&[], &zone, today, 2).iter().map(|one| one.hours).collect::<Vec<_>>(), [0, 0]);
    }
}
