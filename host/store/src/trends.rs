//! The history of a camera: its stored measurements and the reports that are not folded yet, so that the latest check
//! is always included. All checks of the period are read, and summarised in buckets.

mod buckets;
mod series;
mod timeline;

use std::collections::HashSet;

use chrono::NaiveDate;
use easysight_protocol::{CameraSeries, CameraTimeline};
use uuid::Uuid;

use crate::{
    Area, Store, StoreError,
    db::{Row, query},
    measurements::{Check, Chunk, DAY_MS, day_of, is_of_another, measured},
    query::{parsed, text, time},
    reports::first_name,
};

use buckets::Buckets;
use series::Series;
use timeline::Timeline;

/// The maximum number of reports that one statement reads.
pub(crate) const REPORTS: i64 = 500;
/// The number of days of measurements that one statement reads.
const DAYS: i64 = 64;
/// The maximum number of series in one answer.
pub const MAX_SERIES: usize = 32;

/// The period of a trend, and the number of its buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The beginning, in milliseconds since 1970.
    pub since: i64,
    /// The end, which is not part of the period, in milliseconds since 1970. If it is not after the beginning, the
    /// period is empty.
    pub until: i64,
    /// The maximum number of buckets.
    pub points: u32,
}

/// A result that is computed from checks.
trait Trend: Send + 'static {
    /// Adds the checks of a chunk that `wanted` accepts. Checks are added in any order, each once.
    fn take(&mut self, chunk: &Chunk, wanted: impl Fn(&Check) -> bool);
}

impl Store {
    /// Returns the metrics of a diagnosis over time. If `metrics` is empty, returns the first [`MAX_SERIES`] metrics in
    /// the order of their names. Returns None if there is no such camera in the area.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn series(
        &self,
        area: &Area,
        camera_id: &str,
        diagnosis: &str,
        metrics: &[String],
        span: Span,
        now: i64,
    ) -> Result<Option<CameraSeries>, StoreError> {
        let buckets = Buckets::of(span);
        let made = Series::new(diagnosis, metrics, buckets);
        let Some((made, damaged_days)) = self.trend(area, camera_id, made, span, now).await? else {
            return Ok(None);
        };
        let (series, omitted) = made.done()?;
        Ok(Some(CameraSeries {
            camera_id: camera_id.to_owned(),
            diagnosis: diagnosis.to_owned(),
            since: time(span.since)?,
            until: time(span.until)?,
            bucket_ms: buckets.width,
            series,
            omitted: u32::try_from(omitted).unwrap_or(u32::MAX),
            damaged_days,
        }))
    }

    /// Returns the results of a camera's diagnoses over time. Returns None if there is no such camera in the area.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn timeline(
        &self,
        area: &Area,
        camera_id: &str,
        span: Span,
        now: i64,
    ) -> Result<Option<CameraTimeline>, StoreError> {
        let buckets = Buckets::of(span);
        let made = self.trend(area, camera_id, Timeline::new(buckets), span, now).await?;
        let Some((made, damaged_days)) = made else { return Ok(None) };
        let (checks, diagnoses) = made.done()?;
        Ok(Some(CameraTimeline {
            camera_id: camera_id.to_owned(),
            since: time(span.since)?,
            until: time(span.until)?,
            bucket_ms: buckets.width,
            checks,
            diagnoses,
            damaged_days,
        }))
    }

    /// Adds all checks of a camera to a trend. Returns the trend, and the days whose measurements are damaged. None if
    /// there is no such camera in the area.
    async fn trend<T: Trend>(
        &self,
        area: &Area,
        camera_id: &str,
        mut trend: T,
        span: Span,
        now: i64,
    ) -> Result<Option<(T, Vec<NaiveDate>)>, StoreError> {
        let within = area.and(self.dialect, "id", "$2");
        let sql = format!("SELECT created_at FROM cameras WHERE id = $1{within}");
        let Some(camera) = area.bound_to(query(sql).bind(camera_id)).fetch_optional(&self.readers).await?
        else {
            return Ok(None);
        };
        let created_at = camera.try_get("created_at")?;
        // The order matters: the progress is read first, then reports, then measurements. Reports that are folded in
        // between are found in the measurements. Reports that are found in both count once.
        let progress = self.folding().await?;
        // A report is recorded after its clip was captured.
        let first = first_name(span.since);
        let mut from = progress.of(camera_id).max(&first).to_owned();
        let mut met = HashSet::new();
        loop {
            let rows = self.reports_of(camera_id, &from, (span.since, span.until)).await?;
            let is_last = (rows.len() as i64) < REPORTS;
            if let Some(last) = rows.last() {
                // This id is after the id of that report and before all later ids.
                from = format!("{}.", text(last, "id")?);
            }
            (trend, met) = blocking(move || take_reports(trend, met, &rows, created_at, now)).await?;
            if is_last {
                break;
            }
        }
        let (mut first, last) = (day_of(span.since), day_of(span.until.saturating_sub(1)));
        if let Some(oldest) = self.oldest_day(camera_id).await? {
            first = first.max(oldest);
        } else {
            return Ok(Some((trend, Vec::new())));
        }
        let mut damaged = Vec::new();
        while first <= last {
            let end = last.min(first.saturating_add(DAYS - 1));
            let chunks = self.chunks(camera_id, first, end).await?;
            (trend, met, damaged) = blocking(move || {
                for chunk in &chunks {
                    match chunk.read() {
                        Ok(read) => {
                            trend.take(&read, |check| span.has(check.at) && !met.contains(&check.job));
                        }
                        Err(error) => {
                            tracing::error!(%error, "a day is missing in a trend");
                            damaged.push(time(chunk.day.saturating_mul(DAY_MS))?.date_naive());
                        }
                    }
                }
                Ok((trend, met, damaged))
            })
            .await?;
            // Days without measurements are skipped. Otherwise, a period of thousands of years would be read day by
            // day.
            let Some(next) = self.day_after(camera_id, end).await? else { break };
            first = next;
        }
        Ok(Some((trend, damaged)))
    }

    async fn oldest_day(&self, camera_id: &str) -> Result<Option<i64>, StoreError> {
        self.day_after(camera_id, i64::MIN).await
    }

    /// Returns the first day after `day` that has measurements of a camera.
    async fn day_after(&self, camera_id: &str, day: i64) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT day FROM measurements WHERE camera_id = $1 AND day > $2 ORDER BY day LIMIT 1";
        let row = query(sql).bind(camera_id).bind(day).fetch_optional(&self.readers).await?;
        row.map(|row| row.try_get("day")).transpose()
    }

    /// Reads up to [`REPORTS`] reports of a camera, from the name `from` on, whose clips were captured in a period.
    pub(crate) async fn reports_of(
        &self,
        camera_id: &str,
        from: &str,
        (since, until): (i64, i64),
    ) -> Result<Vec<Row>, StoreError> {
        let sql = "SELECT id, job_id, captured_at, recorded_at, document FROM reports WHERE camera_id = $1 AND id >= $2 \
                   AND captured_at >= $3 AND captured_at < $4 ORDER BY id LIMIT $5";
        query(sql)
            .bind(camera_id)
            .bind(from)
            .bind(since)
            .bind(until)
            .bind(REPORTS)
            .fetch_all(&self.readers)
            .await
    }
}

impl Span {
    const fn has(self, at: i64) -> bool {
        self.since <= at && at < self.until
    }
}

/// Executes work that would block other tasks for too long, on a thread for blocking work.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let failed = |error: tokio::task::JoinError| {
        StoreError::corrupt(format!("measurements could not be evaluated: {error}"))
    };
    tokio::task::spawn_blocking(work).await.map_err(failed)?
}

fn take_reports<T: Trend>(
    mut trend: T,
    mut met: HashSet<Uuid>,
    rows: &[Row],
    created_at: i64,
    now: i64,
) -> Result<(T, HashSet<Uuid>), StoreError> {
    trend.take(&chunk_of_reports(&mut met, rows, created_at, now)?, |_| true);
    Ok((trend, met))
}

/// Puts reports that are not folded yet into a chunk, as folding does. Each job counts once; `met` contains the jobs
/// that were read before.
pub(crate) fn chunk_of_reports(
    met: &mut HashSet<Uuid>,
    rows: &[Row],
    created_at: i64,
    now: i64,
) -> Result<Chunk, StoreError> {
    let mut checks = Vec::with_capacity(rows.len());
    for row in rows {
        if is_of_another(row.try_get("recorded_at")?, created_at, now) {
            continue;
        }
        let document: Vec<u8> = row.try_get("document")?;
        // A report that cannot be read has no measurements, as in folding.
        match measured(&document, parsed(row, "job_id")?, row.try_get("captured_at")?) {
            Ok(check) if met.insert(check.job) => checks.push(check),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, report = text(row, "id")?, "a report cannot be read"),
        }
    }
    let mut chunk = Chunk::default();
    chunk.add(checks);
    Ok(chunk)
}
