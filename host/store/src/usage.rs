//! What runs of plugins used at the most, day by day.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use easysight_protocol::{Finding, Used, UsedOfDay};
use serde_json::json;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use crate::{Dialect, Store, StoreError, dialect::Column, query::count};

/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// What runs of plugins used.
pub trait UsageRepository {
    /// What runs of a plugin used at the most, by day, latest first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn usage(&self, digest: &str) -> impl Future<Output = Result<Vec<UsedOfDay>, StoreError>> + Send;
}

impl UsageRepository for Store {
    async fn usage(&self, digest: &str) -> Result<Vec<UsedOfDay>, StoreError> {
        let sql = "SELECT day, runs, failed, max_fuel, max_compute_ms, max_memory_bytes FROM plugin_usage \
                   WHERE digest = $1 ORDER BY day DESC";
        let rows = sqlx::query(sql).bind(digest).fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                let days: u64 = count(row, "day")?;
                let day = NaiveDate::default().checked_add_days(Days::new(days));
                Ok(UsedOfDay {
                    day: day.ok_or_else(|| StoreError::corrupt(format!("{days} is no day")))?,
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

/// What the runs of some jobs used, by digest.
#[derive(Debug, Default)]
pub(crate) struct Usage<'a>(BTreeMap<&'a str, Used>);

impl<'a> Usage<'a> {
    /// Adds the runs of one job. All findings of one plugin are of one run; one without fuel never began.
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

    /// Notes them. In the order of the digests: two masters that note the same ones never wait for each
    /// other in a circle.
    pub(crate) async fn note(
        self,
        connection: &mut AnyConnection,
        dialect: Dialect,
        now: i64,
    ) -> Result<(), StoreError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let row = |(digest, used): (&str, Used)| {
            json!({
                "digest": digest, "runs": used.runs, "failed": used.failed, "max_fuel": used.max_fuel,
                "max_compute_ms": used.max_compute_ms, "max_memory_bytes": used.max_memory_bytes,
            })
        };
        let rows: Vec<_> = self.0.into_iter().map(row).collect();
        let columns = [
            Column::Text("digest"),
            Column::Integer("runs"),
            Column::Integer("failed"),
            Column::Integer("max_fuel"),
            Column::Real("max_compute_ms"),
            Column::Integer("max_memory_bytes"),
        ];
        let larger = |column: &str| {
            format!(
                "{column} = CASE WHEN excluded.{column} > plugin_usage.{column} THEN excluded.{column} \
                 ELSE plugin_usage.{column} END"
            )
        };
        let sql = format!(
            "INSERT INTO plugin_usage (digest, day, runs, failed, max_fuel, max_compute_ms, max_memory_bytes) \
             SELECT x.digest, $2, x.runs, x.failed, x.max_fuel, x.max_compute_ms, x.max_memory_bytes FROM {} \
             WHERE 1 = 1 ORDER BY x.digest ON CONFLICT (digest, day) DO UPDATE SET \
             runs = plugin_usage.runs + excluded.runs, failed = plugin_usage.failed + excluded.failed, \
             {}, {}, {}",
            dialect.rows("$1", "x", &columns),
            larger("max_fuel"),
            larger("max_compute_ms"),
            larger("max_memory_bytes"),
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(serde_json::to_string(&rows)?)
            .bind(now.div_euclid(DAY_MS))
            .execute(connection)
            .await?;
        Ok(())
    }
}
