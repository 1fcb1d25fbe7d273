//! The census: once an hour, the number of cameras by health and group is stored. The overview uses these counts to
//! compare now with yesterday and to show the last days.

use std::collections::BTreeMap;

use easysight_protocol::HealthCounts;

use crate::{
    Store, StoreError,
    db::{Row, query},
    query::json,
};

/// The duration of an hour, in milliseconds.
const HOUR_MS: i64 = 3_600_000;
/// Counts are kept for 400 days: one year, and more than a month of the year before for comparison.
const KEPT_HOURS: i64 = 400 * 24;
/// The number of hours whose counts by group are read at a time.
const HOURS_AT_ONCE: i64 = 48;

/// The number of cameras by health at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourCounts {
    /// When the cameras were counted, in milliseconds since 1970.
    pub taken_at: i64,
    /// The counts.
    pub counts: HealthCounts,
}

impl Store {
    /// Counts the cameras and stores the counts, unless they are stored for the hour of `now` already. Returns true if
    /// they were stored.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn take_census(&self, now: i64) -> Result<bool, StoreError> {
        let hour = now.div_euclid(HOUR_MS);
        let sql = "SELECT hour FROM camera_counts WHERE hour = $1";
        if query(sql).bind(hour).fetch_optional(&self.readers).await?.is_some() {
            return Ok(false);
        }
        let tally = self.tally_cameras(now).await?;
        let counts = serde_json::to_string(&tally.counts.in_order())?;
        let groups: BTreeMap<_, _> =
            tally.groups.iter().map(|(name, counts)| (name.as_str(), counts.in_order())).collect();
        let groups = serde_json::to_string(&groups)?;
        self.writer
            .run_relaxed(move |connection| {
                Box::pin(async move {
                    let sql = "INSERT INTO camera_counts (hour, taken_at, counts, group_counts) \
                               VALUES ($1, $2, $3, $4) ON CONFLICT (hour) DO NOTHING";
                    let taken =
                        query(sql).bind(hour).bind(now).bind(counts).bind(groups).execute(connection).await?;
                    Ok(taken.rows_affected() > 0)
                })
            })
            .await
    }

    /// Removes counts that are older than 400 days. Returns the number of removed hours.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn prune_census(&self, now: i64) -> Result<u64, StoreError> {
        let before = now.div_euclid(HOUR_MS) - KEPT_HOURS;
        self.writer
            .run_relaxed(move |connection| {
                Box::pin(async move {
                    let sql = "DELETE FROM camera_counts WHERE hour < $1";
                    Ok(query(sql).bind(before).execute(connection).await?.rows_affected())
                })
            })
            .await
    }

    /// Returns the counts that were taken nearest to `at`, or None if there are none within an hour of it.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn census_near(&self, at: i64) -> Result<Option<HourCounts>, StoreError> {
        let sql = "SELECT taken_at, counts FROM camera_counts WHERE hour >= $1 AND hour <= $2";
        let hour = at.div_euclid(HOUR_MS);
        let rows = query(sql).bind(hour - 1).bind(hour + 1).fetch_all(&self.readers).await?;
        let near = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let apart = |one: &HourCounts| (one.taken_at - at).abs();
        Ok(near.into_iter().filter(|one| apart(one) <= HOUR_MS).min_by_key(apart))
    }

    /// Returns the counts since a time, oldest first, of all cameras or of a group. Hours in which the group did not exist
    /// are left out.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn census_since(&self, since: i64, group: Option<&str>) -> Result<Vec<HourCounts>, StoreError> {
        let hour = since.div_euclid(HOUR_MS);
        let Some(group) = group else {
            let sql = "SELECT taken_at, counts FROM camera_counts WHERE hour >= $1 ORDER BY hour";
            return query(sql).bind(hour).fetch_all(&self.readers).await?.iter().map(read).collect();
        };
        // The counts of an hour name all groups, so only some hours are read at a time.
        let sql =
            "SELECT hour, taken_at, group_counts FROM camera_counts WHERE hour >= $1 ORDER BY hour LIMIT $2";
        let (mut found, mut from) = (Vec::new(), hour);
        loop {
            let rows = query(sql).bind(from).bind(HOURS_AT_ONCE).fetch_all(&self.readers).await?;
            for row in &rows {
                let groups: BTreeMap<String, [u64; 8]> = json(row, "group_counts")?;
                if let Some(counts) = groups.get(group) {
                    let (taken_at, counts) = (row.try_get("taken_at")?, HealthCounts::of(*counts));
                    found.push(HourCounts { taken_at, counts });
                }
                from = row.try_get::<i64>("hour")? + 1;
            }
            if (rows.len() as i64) < HOURS_AT_ONCE {
                return Ok(found);
            }
        }
    }
}

fn read(row: &Row) -> Result<HourCounts, StoreError> {
    Ok(HourCounts { taken_at: row.try_get("taken_at")?, counts: HealthCounts::of(json(row, "counts")?) })
}
