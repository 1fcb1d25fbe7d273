//! The census: once an hour, the number of cameras by health and group is stored. The overview uses these counts to
//! compare now with yesterday and to show the last days.

use std::collections::{BTreeMap, BTreeSet};

use easysight_protocol::HealthCounts;

use crate::{
    Area, Store, StoreError,
    db::{Row, query},
    query::{json, maybe_json},
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
        let tally = self.tally_cameras(&Area::ALL, now).await?;
        let counts = serde_json::to_string(&tally.counts.in_order())?;
        let groups: BTreeMap<_, _> =
            tally.groups.iter().map(|(name, counts)| (name.as_str(), counts.in_order())).collect();
        let groups = serde_json::to_string(&groups)?;
        let shared: Vec<_> =
            tally.shared.iter().map(|(groups, counts)| (groups, counts.in_order())).collect();
        let shared = serde_json::to_string(&shared)?;
        self.writer
            .run_relaxed(move |connection| {
                Box::pin(async move {
                    let sql = "INSERT INTO camera_counts (hour, taken_at, counts, group_counts, shared_counts) \
                               VALUES ($1, $2, $3, $4, $5) ON CONFLICT (hour) DO NOTHING";
                    let taken = query(sql).bind(hour).bind(now).bind(counts).bind(groups).bind(shared);
                    Ok(taken.execute(connection).await?.rows_affected() > 0)
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

    /// Returns the counts of an area that were taken nearest to `at`, or None if there are none within an hour of it.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn census_near(&self, area: &Area, at: i64) -> Result<Option<HourCounts>, StoreError> {
        let hour = at.div_euclid(HOUR_MS);
        let near = match area.groups() {
            None => {
                let sql = "SELECT taken_at, counts FROM camera_counts WHERE hour >= $1 AND hour <= $2";
                let rows = query(sql).bind(hour - 1).bind(hour + 1).fetch_all(&self.readers).await?;
                rows.iter().map(read).collect::<Result<Vec<_>, _>>()?
            }
            Some(groups) => self.census_of(groups, hour - 1, Some(hour + 1)).await?,
        };
        let apart = |one: &HourCounts| (one.taken_at - at).abs();
        Ok(near.into_iter().filter(|one| apart(one) <= HOUR_MS).min_by_key(apart))
    }

    /// Returns the counts since a time, oldest first: of an area, or of one of its groups. Hours in which no such group
    /// existed are left out.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn census_since(
        &self,
        area: &Area,
        since: i64,
        group: Option<&str>,
    ) -> Result<Vec<HourCounts>, StoreError> {
        let hour = since.div_euclid(HOUR_MS);
        let groups: BTreeSet<String> = match (group, area.groups()) {
            (Some(group), _) if area.has_group(group) => [group.to_owned()].into(),
            (Some(_), _) => return Ok(Vec::new()),
            (None, Some(groups)) => groups.clone(),
            (None, None) => {
                let sql = "SELECT taken_at, counts FROM camera_counts WHERE hour >= $1 ORDER BY hour";
                return query(sql).bind(hour).fetch_all(&self.readers).await?.iter().map(read).collect();
            }
        };
        self.census_of(&groups, hour, None).await
    }

    /// Returns the counts of the cameras that are in one of these groups, by hour.
    async fn census_of(
        &self,
        groups: &BTreeSet<String>,
        first: i64,
        last: Option<i64>,
    ) -> Result<Vec<HourCounts>, StoreError> {
        // The counts of an hour name all groups, so only some hours are read at a time.
        let sql = "SELECT hour, taken_at, group_counts, shared_counts FROM camera_counts \
                   WHERE hour >= $1 AND hour <= $3 ORDER BY hour LIMIT $2";
        let last = last.unwrap_or(i64::MAX);
        let (mut found, mut from) = (Vec::new(), first);
        loop {
            let rows = query(sql).bind(from).bind(HOURS_AT_ONCE).bind(last).fetch_all(&self.readers).await?;
            for row in &rows {
                if let Some(counts) = union(row, groups)? {
                    found.push(HourCounts { taken_at: row.try_get("taken_at")?, counts });
                }
                from = row.try_get::<i64>("hour")? + 1;
            }
            if (rows.len() as i64) < HOURS_AT_ONCE {
                return Ok(found);
            }
        }
    }
}

/// Returns the counts of the cameras that are in one of these groups in an hour, each camera once. None if no such
/// group existed, or if it is not known which cameras are in several groups.
fn union(row: &Row, groups: &BTreeSet<String>) -> Result<Option<HealthCounts>, StoreError> {
    let by_group: BTreeMap<String, [u64; 8]> = json(row, "group_counts")?;
    let mut of_groups = groups.iter().filter_map(|group| by_group.get(group));
    let Some(mut sum) = of_groups.next().copied() else { return Ok(None) };
    let mut several = false;
    for counts in of_groups {
        several = true;
        for (sum, count) in sum.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    if several {
        let shared: Option<Vec<(Vec<String>, [u64; 8])>> = maybe_json(row, "shared_counts")?;
        let Some(shared) = shared else { return Ok(None) };
        for (all, counts) in shared {
            let met = all.iter().filter(|group| groups.contains(*group)).count() as u64;
            for (sum, count) in sum.iter_mut().zip(counts) {
                *sum = sum.saturating_sub(count * met.saturating_sub(1));
            }
        }
    }
    Ok(Some(HealthCounts::of(sum)))
}

fn read(row: &Row) -> Result<HourCounts, StoreError> {
    Ok(HourCounts { taken_at: row.try_get("taken_at")?, counts: HealthCounts::of(json(row, "counts")?) })
}
