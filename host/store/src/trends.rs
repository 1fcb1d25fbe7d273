//! How a camera went over time: its stored measurements together with the reports that are not folded yet, so that the
//! latest check is always there. All checks of the time are read; the answer is thinned to buckets.

mod buckets;
mod series;
mod timeline;

use std::collections::HashSet;

use easysight_protocol::{CameraSeries, CameraTimeline};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    db::{Row, query},
    measurements::{Check, Chunk, day_of, is_of_another, measured},
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

/// The time of a trend, and how finely it is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The beginning, in milliseconds since 1970.
    pub since: i64,
    /// The end, which is not part of it, in milliseconds since 1970. If it is not after the beginning, the time is
    /// empty.
    pub until: i64,
    /// The maximum number of buckets.
    pub points: u32,
}

/// Something that is made of checks.
trait Trend: Send + 'static {
    /// Takes the checks of a chunk that `wanted` accepts. Checks come in any order, each once.
    fn take(&mut self, chunk: &Chunk, wanted: impl Fn(&Check) -> bool);
}

impl Store {
    /// Returns the metrics of a diagnosis over time. If `metrics` is empty, the first [`MAX_SERIES`] metrics in the
    /// order of their names. None if there is no such camera.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails, or if stored measurements are damaged.
    pub async fn series(
        &self,
        camera_id: &str,
        diagnosis: &str,
        metrics: &[String],
        span: Span,
        now: i64,
    ) -> Result<Option<CameraSeries>, StoreError> {
        let buckets = Buckets::of(span);
        let made = Series::new(diagnosis, metrics, buckets);
        let Some(made) = self.trend(camera_id, made, span, now).await? else { return Ok(None) };
        let (series, omitted) = made.done()?;
        Ok(Some(CameraSeries {
            camera_id: camera_id.to_owned(),
            diagnosis: diagnosis.to_owned(),
            since: time(span.since)?,
            until: time(span.until)?,
            bucket_ms: buckets.width,
            series,
            omitted: u32::try_from(omitted).unwrap_or(u32::MAX),
        }))
    }

    /// Returns what the diagnoses of a camera said over time. None if there is no such camera.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails, or if stored measurements are damaged.
    pub async fn timeline(
        &self,
        camera_id: &str,
        span: Span,
        now: i64,
    ) -> Result<Option<CameraTimeline>, StoreError> {
        let buckets = Buckets::of(span);
        let Some(made) = self.trend(camera_id, Timeline::new(buckets), span, now).await? else {
            return Ok(None);
        };
        let (checks, diagnoses) = made.done()?;
        Ok(Some(CameraTimeline {
            camera_id: camera_id.to_owned(),
            since: time(span.since)?,
            until: time(span.until)?,
            bucket_ms: buckets.width,
            checks,
            diagnoses,
        }))
    }

    /// Hands all checks of a camera to a trend. Returns None if there is no such camera.
    async fn trend<T: Trend>(
        &self,
        camera_id: &str,
        mut trend: T,
        span: Span,
        now: i64,
    ) -> Result<Option<T>, StoreError> {
        let sql = "SELECT created_at FROM cameras WHERE id = $1";
        let Some(camera) = query(sql).bind(camera_id).fetch_optional(&self.readers).await? else {
            return Ok(None);
        };
        let created_at = camera.try_get("created_at")?;
        // The order matters: reports that are folded after the first statement are in the measurements of the last
        // one. Those that are in both count once.
        let progress = self.folding().await?;
        // A report is recorded after its clip was captured.
        let first = first_name(span.since);
        let mut from = progress.of(camera_id).max(&first).to_owned();
        let mut met = HashSet::new();
        loop {
            let rows = self.reports_of(camera_id, &from, (span.since, span.until)).await?;
            let is_last = (rows.len() as i64) < REPORTS;
            if let Some(last) = rows.last() {
                // This name sorts after that report and before all later ones.
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
            return Ok(Some(trend));
        }
        while first <= last {
            let end = last.min(first.saturating_add(DAYS - 1));
            let chunks = self.chunks(camera_id, first, end).await?;
            (trend, met) = blocking(move || {
                for chunk in &chunks {
                    trend.take(&chunk.read()?, |check| span.has(check.at) && !met.contains(&check.job));
                }
                Ok((trend, met))
            })
            .await?;
            // Without this, a time of thousands of years would be read day by day.
            let Some(next) = self.day_after(camera_id, end).await? else { break };
            first = next;
        }
        Ok(Some(trend))
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

    /// Reads up to [`REPORTS`] reports of a camera, from the name `from` on, whose clips were captured in a time.
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

/// Executes work that takes long enough to keep other tasks waiting.
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

/// Puts reports that are not folded yet into a chunk, as folding does. Each job counts once; `met` has the jobs that
/// were met.
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
