//! Numbers for the overview: cameras by health, group and cause, the queue, and the runs of a day.

use std::{cmp::Reverse, collections::BTreeMap};

use easysight_protocol::{CauseCount, GroupOverview, HealthCounts, QueueOverview, RunState, RunsOverview};

use crate::{
    Area, Store, StoreError,
    db::query,
    listing::health_of,
    query::{count, json, maybe_text, word},
    runs::{ENDED_STATES, FAILED, OPEN_STATES, failed_in},
};

/// A camera's state is old if its last check was more than this many milliseconds ago.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// The numbers of cameras of an area.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// By health.
    pub counts: HealthCounts,
    /// By group and health.
    pub groups: BTreeMap<String, HealthCounts>,
    /// By health and by all groups of a camera, for cameras that are in several groups.
    pub shared: BTreeMap<Vec<String>, HealthCounts>,
    /// Cameras that need action, by the diagnosis that gives their status. None stands for an unknown cause.
    pub causes: BTreeMap<Option<String>, u64>,
    /// Enabled cameras whose last check was more than 24 hours ago.
    pub old: u64,
    /// When the latest clip was captured, in milliseconds since 1970.
    pub newest_check: Option<i64>,
}

impl Tally {
    /// Returns the groups, the one with the smallest share of intact cameras first. Groups without a judged camera come
    /// last.
    #[must_use]
    pub fn groups(&self) -> Vec<GroupOverview> {
        let of = |(name, counts): (&String, &HealthCounts)| GroupOverview {
            name: name.clone(),
            total: counts.total(),
            watched: counts.watched(),
            online: counts.online(),
            judged: counts.judged(),
            intact: counts.normal,
        };
        let mut groups: Vec<_> = self.groups.iter().map(of).collect();
        // The sort is stable, so equal groups stay in the order of their names.
        let share = |one: &GroupOverview| {
            if one.judged == 0 { 2.0 } else { one.intact as f64 / one.judged as f64 }
        };
        groups.sort_by(|a, b| share(a).total_cmp(&share(b)));
        groups
    }

    /// Returns the causes, the most frequent one first.
    #[must_use]
    pub fn causes(&self) -> Vec<CauseCount> {
        let of = |(cause, cameras): (&Option<String>, &u64)| CauseCount {
            cause: cause.clone(),
            cameras: *cameras,
        };
        let mut causes: Vec<_> = self.causes.iter().map(of).collect();
        causes.sort_by_key(|one| Reverse(one.cameras));
        causes
    }
}

impl Store {
    /// Counts the cameras of an area, with one statement that reads the table once.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn tally_cameras(&self, area: &Area, now: i64) -> Result<Tally, StoreError> {
        // Many cameras have the same groups, so the result has few rows, and the table of groups is not needed.
        let sql = format!(
            "SELECT urgency, group_names, cause, COUNT(*) AS cameras, \
             CAST(SUM(CASE WHEN enabled = 1 AND checked_at < $1 THEN 1 ELSE 0 END) AS BIGINT) AS old, \
             MAX(checked_at) AS newest_check FROM cameras{} GROUP BY urgency, group_names, cause",
            area.and(self.dialect, "id", "$2").replacen(" AND", " WHERE", 1)
        );
        let rows = area.bound_to(query(sql).bind(now - DAY_MS)).fetch_all(&self.readers).await?;
        let mut tally = Tally::default();
        for row in &rows {
            let (health, cameras) = (health_of(row)?, count(row, "cameras")?);
            tally.counts.add(health, cameras);
            let groups: Vec<String> = json(row, "group_names")?;
            for group in groups.iter().filter(|group| area.has_group(group)) {
                tally.groups.entry(group.clone()).or_default().add(health, cameras);
            }
            if groups.len() > 1 && area.is_all() {
                tally.shared.entry(groups).or_default().add(health, cameras);
            }
            if health.is_urgent() {
                *tally.causes.entry(maybe_text(row, "cause")?).or_default() += cameras;
            }
            tally.old += count(row, "old")?;
            tally.newest_check = tally.newest_check.max(row.try_get("newest_check")?);
        }
        Ok(tally)
    }

    /// Counts the jobs of the cameras of an area, by state.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn queue_counts(&self, area: &Area, now: i64) -> Result<QueueOverview, StoreError> {
        if area.is_all() {
            let state = self.queue_state(now).await?;
            return Ok(QueueOverview { queued: state.queued, running: state.running, dead: state.dead });
        }
        let within = area.and(self.dialect, "camera_id", "$1");
        let jobs =
            |state: &str| format!("(SELECT COUNT(*) FROM jobs WHERE state = '{state}'{within}) AS {state}");
        let sql = format!("SELECT {}, {}, {}", jobs("queued"), jobs("running"), jobs("dead"));
        let row = area.bound_to(query(sql)).fetch_one(&self.readers).await?;
        let (queued, running) = (count(&row, "queued")?, count(&row, "running")?);
        Ok(QueueOverview { queued, running, dead: count(&row, "dead")? })
    }

    /// Counts the open runs of an area, and its runs that ended in the 24 hours before `now`.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn run_counts(&self, area: &Area, now: i64) -> Result<RunsOverview, StoreError> {
        let (of_area, failed_there) = match area.is_all() {
            true => (String::new(), String::new()),
            false => (
                format!(" AND task_id IS NOT NULL{}", area.and_named(self.dialect, "definition", "$2")),
                format!(" AND {}", failed_in(self.dialect, area, "$2")),
            ),
        };
        let sql = format!(
            "SELECT state, COUNT(*) AS runs, CAST(SUM(CASE WHEN {FAILED}{failed_there} THEN 1 ELSE 0 END) AS BIGINT) \
             AS failed FROM runs WHERE {ENDED_STATES} AND finished_at >= $1{of_area} GROUP BY state \
             UNION ALL SELECT state, COUNT(*) AS runs, 0 AS failed FROM runs \
             WHERE {OPEN_STATES}{of_area} GROUP BY state"
        );
        let mut counts = RunsOverview::default();
        let query = area.bound_to(query(sql).bind(now - DAY_MS));
        for row in &query.fetch_all(&self.readers).await? {
            let runs = count(row, "runs")?;
            counts.with_failures += count(row, "failed")?;
            match word(row, "state")? {
                RunState::Waiting => counts.waiting = runs,
                RunState::Running => counts.running = runs,
                RunState::Finished => counts.finished = runs,
                RunState::Cancelled => counts.cancelled = runs,
            }
        }
        Ok(counts)
    }
}

#[cfg(test)]
mod tests {
    use easysight_protocol::Progress;

    use super::*;

    #[test]
    fn dead_jobs_are_found_in_the_stored_progress() {
        // The condition `FAILED` depends on this form.
        let stored =
            |dead| serde_json::to_string(&Progress { total: 9, dead, ..Progress::default() }).unwrap();
        assert!(stored(0).contains(r#""dead":0,"#) && !stored(10).contains(r#""dead":0,"#), "{}", stored(10));
    }

    #[test]
    fn groups_in_need_and_frequent_causes_come_first() {
        let counts = |offline, normal, unchecked| HealthCounts {
            offline,
            normal,
            unchecked,
            ..HealthCounts::default()
        };
        let tally = Tally {
            groups: [
                ("a", counts(1, 3, 9)),
                ("b", counts(0, 1, 0)),
                ("c", counts(1, 1, 0)),
                ("d", counts(0, 0, 2)),
            ]
            .map(|(name, counts)| (name.to_owned(), counts))
            .into(),
            causes: [(None, 1), (Some("blur".to_owned()), 3), (Some("dark".to_owned()), 3)].into(),
            ..Tally::default()
        };
        let groups = tally.groups();
        assert_eq!(groups.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["c", "a", "b", "d"]);
        let a = &groups[1];
        assert_eq!((a.total, a.watched, a.online, a.judged, a.intact), (13, 13, 12, 4, 3));
        let causes: Vec<_> = tally.causes().into_iter().map(|one| (one.cause, one.cameras)).collect();
        assert_eq!(causes, [(Some("blur".to_owned()), 3), (Some("dark".to_owned()), 3), (None, 1)]);
    }
}
