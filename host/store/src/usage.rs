//! The resources that runs of plugins use: counts and maxima for each day.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use easysight_protocol::{Finding, Used, UsedOfDay};

use crate::{
    Dialect, Store, StoreError,
    db::{Connection, Rows, query},
    query::count,
};

/// The number of milliseconds in a day.
pub(crate) const DAY_MS: i64 = 86_400_000;

impl Store {
    /// Writes the usage since the last call to the database. Until then, the usage is only in memory, so that
    /// recording results does not lock rows that all masters change.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails. The next call tries again.
    pub async fn write_usage(&self) -> Result<(), StoreError> {
        self.write_unwritten().await
    }

    /// Returns the counts and maxima of a plugin's runs for each day, latest first.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn usage(&self, digest: &str) -> Result<Vec<UsedOfDay>, StoreError> {
        self.write_unwritten().await?;
        let sql = "SELECT day, runs, failed, max_fuel, max_compute_ms, max_memory_bytes FROM plugin_usage \
                   WHERE digest = $1 ORDER BY day DESC";
        let rows = query(sql).bind(digest).fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                let days: u64 = count(row, "day")?;
                let day = NaiveDate::default().checked_add_days(Days::new(days));
                Ok(UsedOfDay {
                    day: day.ok_or_else(|| StoreError::corrupt(format!("{days} is not a day")))?,
                    used: Used {
                        runs: count(row, "runs")?,
                        failed: count(row, "failed")?,
                        max_fuel: count(row, "max_fuel")?,
                        max_compute_ms: row.try_get("max_compute_ms")?,
                        max_memory_bytes: count(row, "max_memory_bytes")?,
                    },
                })
            })
            .collect()
    }
}

/// What plugins used in a batch of jobs, by the plugin's digest. A run, here, is one run of a plugin on one clip.
#[derive(Debug, Default)]
pub(crate) struct Usage<'a>(BTreeMap<&'a str, Used>);

impl<'a> Usage<'a> {
    /// Adds what the plugins used in one job. All findings of one plugin in the job come from one run of the plugin. A
    /// run that used no fuel never began, and does not count.
    pub(crate) fn add(&mut self, findings: impl Iterator<Item = &'a Finding>) {
        let mut runs: BTreeMap<&str, Used> = BTreeMap::new();
        for finding in findings.filter(|finding| finding.fuel > 0) {
            let Some(digest) = &finding.digest else { continue };
            let run = Used {
                runs: 0,
                failed: u64::from(finding.is_failed()),
                max_fuel: finding.fuel,
                max_compute_ms: finding.compute_ms,
                max_memory_bytes: finding.memory_bytes,
            };
            let so_far = runs.entry(digest).or_default();
            *so_far = Used { runs: 1, failed: so_far.failed.max(run.failed), ..so_far.and(run) };
        }
        for (digest, run) in runs {
            let so_far = self.0.entry(digest).or_default();
            *so_far = so_far.and(run);
        }
    }
}

/// The usage that is not written yet, by day and digest.
#[derive(Debug, Default)]
pub(crate) struct Unwritten(BTreeMap<(i64, String), Used>);

impl Unwritten {
    pub(crate) fn add(&mut self, usage: Usage<'_>, now: i64) {
        let day = now.div_euclid(DAY_MS);
        for (digest, used) in usage.0 {
            let so_far = self.0.entry((day, digest.to_owned())).or_default();
            *so_far = so_far.and(used);
        }
    }
}

impl Store {
    async fn write_unwritten(&self) -> Result<(), StoreError> {
        let unwritten = std::mem::take(&mut *self.known.usage.lock()).0;
        if unwritten.is_empty() {
            return Ok(());
        }
        let dialect = self.dialect;
        let rows = rows_of(&unwritten);
        let written =
            self.writer.run_relaxed(move |connection| Box::pin(write(connection, dialect, rows))).await;
        if written.is_err() {
            let mut usage = self.known.usage.lock();
            for (key, used) in unwritten {
                let so_far = usage.0.entry(key).or_default();
                *so_far = so_far.and(used);
            }
        }
        written
    }
}

fn rows_of(unwritten: &BTreeMap<(i64, String), Used>) -> Rows {
    let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    Rows::new()
        .texts("digest", unwritten.keys().map(|(_, digest)| digest.as_str()))
        .integers("day", unwritten.keys().map(|(day, _)| *day))
        .integers("runs", unwritten.values().map(|used| whole(used.runs)))
        .integers("failed", unwritten.values().map(|used| whole(used.failed)))
        .integers("max_fuel", unwritten.values().map(|used| whole(used.max_fuel)))
        .maybe_reals("max_compute_ms", unwritten.values().map(|used| Some(used.max_compute_ms)))
        .integers("max_memory_bytes", unwritten.values().map(|used| whole(used.max_memory_bytes)))
}

/// Writes the rows in the order of their keys, so that masters that write the same rows cannot deadlock.
async fn write(connection: &mut Connection, dialect: Dialect, rows: Rows) -> Result<(), StoreError> {
    let larger = |column: &str| {
        format!(
            "{column} = CASE WHEN excluded.{column} > plugin_usage.{column} THEN excluded.{column} \
             ELSE plugin_usage.{column} END"
        )
    };
    let sql = format!(
        "INSERT INTO plugin_usage ({}) SELECT {} FROM {} WHERE 1 = 1 ORDER BY x.digest, x.day \
         ON CONFLICT (digest, day) DO UPDATE SET \
         runs = plugin_usage.runs + excluded.runs, failed = plugin_usage.failed + excluded.failed, {}, {}, {}",
        rows.names(""),
        rows.names("x."),
        rows.table(dialect, 1, "x"),
        larger("max_fuel"),
        larger("max_compute_ms"),
        larger("max_memory_bytes"),
    );
    query(sql).bind_rows(rows, dialect)?.execute(connection).await?;
    Ok(())
}
