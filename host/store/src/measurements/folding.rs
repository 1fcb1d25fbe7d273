//! Folding turns reports into measurements, in portions, camera by camera. A pass folds all reports between two ids,
//! which begin with the time of recording. It begins hours after the previous pass, so that a chunk is written a few
//! times a day and not with each check. The transaction that writes the chunks also records the progress, so neither a
//! crash nor a second master loses a report. A chunk contains the jobs of its checks, so no check is counted twice. A
//! late result is a new report, and is added to the chunk of the day on which its clip was captured.

use std::collections::BTreeMap;

use crate::{
    Store, StoreError,
    db::{Connection, Row, query},
    query::{maybe_text, parsed, text},
    reports::first_name,
};

use super::{
    StoredChunk, codec, day_of, put,
    report::{self, Measured},
};

/// Reports that are younger than this, in milliseconds, are not folded yet. A slow transaction, or a master whose clock
/// is behind, may add reports with ids before existing ones, but only within this time.
const SETTLED_MS: i64 = 600_000;
/// The least time between two passes, in milliseconds.
const EVERY_MS: i64 = 3 * 3_600_000;
/// The age of the oldest reports that are folded again after a clock was ahead, in milliseconds.
const AGAIN_MS: i64 = 2 * 86_400_000;
/// The maximum number of reports in one portion.
const PORTION: usize = 256;
/// The maximum number of cameras in one portion.
const CAMERAS: i64 = 256;

/// How far reports are folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    /// All reports with ids before this one are folded.
    done_to: String,
    /// The id at which the current pass ends. None between passes.
    pass_to: Option<String>,
    /// The current pass has folded the reports of all cameras before this one.
    camera_id: String,
    /// The current pass has folded the reports of this camera up to this one.
    report_id: String,
}

/// The result of [`Store::fold`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Folded {
    /// The number of checks that were added to measurements.
    pub checks: usize,
    /// The number of reports that cannot be read, plus the number of checks for which the chunk of their day has no
    /// room.
    pub left_out: usize,
    /// True if there is more to fold.
    pub goes_on: bool,
}

/// The reports of a portion and the chunks to which they are added, by camera and day.
#[derive(Default)]
struct Portion {
    days: BTreeMap<(String, i64), Day>,
    reports: usize,
    /// The camera and the report at which the portion ends. None if it ends after the last camera.
    end: Option<(String, String)>,
}

struct Day {
    created_at: i64,
    known: Option<StoredChunk>,
    reports: Vec<Row>,
}

impl Progress {
    /// Returns the id before which all reports of a camera are folded.
    pub(crate) fn of(&self, camera_id: &str) -> &str {
        let Some(pass_to) = &self.pass_to else { return &self.done_to };
        match self.camera_id.as_str().cmp(camera_id) {
            std::cmp::Ordering::Greater => pass_to,
            // The report with this id is already folded, and is read again. The chunk contains its check, so the report
            // does not count twice.
            std::cmp::Ordering::Equal => self.report_id.as_str().max(&self.done_to),
            std::cmp::Ordering::Less => &self.done_to,
        }
    }

    /// During a pass, returns this progress. If a new pass is due, returns the progress at its beginning. Otherwise
    /// returns None.
    fn due(self, now: i64) -> Option<Self> {
        if self.pass_to.is_some() {
            return Some(self);
        }
        let settled = now.saturating_sub(SETTLED_MS);
        let is_due = self.done_to <= first_name(settled.saturating_sub(EVERY_MS));
        is_due.then(|| Self { pass_to: Some(first_name(settled)), ..self })
    }

    /// Returns the progress after a portion.
    fn after(&self, portion: &Portion) -> Self {
        match (&portion.end, &self.pass_to) {
            (Some((camera_id, report_id)), _) => {
                Self { camera_id: camera_id.clone(), report_id: report_id.clone(), ..self.clone() }
            }
            (None, pass_to) => Self {
                done_to: pass_to.clone().unwrap_or_else(|| self.done_to.clone()),
                pass_to: None,
                camera_id: String::new(),
                report_id: String::new(),
            },
        }
    }
}

impl Store {
    /// Folds a portion of the reports that are due into measurements. Call this function again while `goes_on` is true.
    /// Reports that cannot be read are left out, so that they do not block all others.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails. In this case, nothing is folded.
    pub async fn fold(&self, now: i64) -> Result<Folded, StoreError> {
        let from = self.folding().await?;
        let Some(begun) = from.clone().due(now) else { return Ok(Folded::default()) };
        // A pass without reports does not begin, so that a master without checks writes nothing.
        if from.pass_to.is_none() && !self.has_due(&begun).await? {
            return Ok(Folded::default());
        }
        let mut portion = self.portion(&begun, now).await?;
        let to = begun.after(&portion);
        let goes_on = to.pass_to.is_some();
        let days = std::mem::take(&mut portion.days);
        // Reading hundreds of reports would block the other tasks of this thread for too long.
        let (chunks, folded) = tokio::task::spawn_blocking(move || fold(days))
            .await
            .map_err(|error| StoreError::corrupt(format!("folding failed: {error}")))??;
        let dialect = self.dialect;
        let written = self
            .writer
            .run_relaxed(move |connection| {
                Box::pin(async move {
                    // If another master has folded the portion meanwhile, this statement changes nothing.
                    let sql = "UPDATE folding SET done_to = $1, pass_to = $2, camera_id = $3, report_id = $4 \
                               WHERE done_to = $5 AND COALESCE(pass_to, '') = $6 AND camera_id = $7 AND report_id = $8";
                    let moved = query(sql)
                        .bind(to.done_to)
                        .bind(to.pass_to)
                        .bind(to.camera_id)
                        .bind(to.report_id)
                        .bind(from.done_to)
                        .bind(from.pass_to.unwrap_or_default())
                        .bind(from.camera_id)
                        .bind(from.report_id)
                        .execute(&mut *connection)
                        .await?;
                    if moved.rows_affected() == 0 {
                        return Ok(false);
                    }
                    put(connection, dialect, &chunks).await?;
                    Ok(true)
                })
            })
            .await?;
        if written {
            Ok(Folded { goes_on, ..folded })
        } else {
            Ok(Folded { goes_on: true, ..Folded::default() })
        }
    }

    /// Returns true if a pass has reports to fold.
    async fn has_due(&self, pass: &Progress) -> Result<bool, StoreError> {
        let sql = "SELECT id FROM reports WHERE id >= $1 AND id < $2 ORDER BY id LIMIT 1";
        let found = query(sql).bind(&pass.done_to).bind(pass.pass_to.as_deref().unwrap_or_default());
        Ok(found.fetch_optional(&self.readers).await?.is_some())
    }

    /// Returns how far reports are folded.
    pub(crate) async fn folding(&self) -> Result<Progress, StoreError> {
        let sql = "SELECT done_to, pass_to, camera_id, report_id FROM folding";
        let row = query(sql).fetch_one(&self.readers).await?;
        Ok(Progress {
            done_to: text(&row, "done_to")?,
            pass_to: maybe_text(&row, "pass_to")?,
            camera_id: text(&row, "camera_id")?,
            report_id: text(&row, "report_id")?,
        })
    }

    async fn portion(&self, from: &Progress, now: i64) -> Result<Portion, StoreError> {
        let mut portion = Portion::default();
        let Some(pass_to) = &from.pass_to else { return Ok(portion) };
        // Cameras without due reports are left out, because each camera of a portion needs a statement of its own.
        let sql = "SELECT id, created_at FROM cameras WHERE id >= $1 AND EXISTS (SELECT 1 FROM reports \
                   WHERE reports.camera_id = cameras.id AND reports.id >= $3 AND reports.id < $4) \
                   ORDER BY id LIMIT $2";
        let cameras = query(sql)
            .bind(&from.camera_id)
            .bind(CAMERAS)
            .bind(&from.done_to)
            .bind(pass_to)
            .fetch_all(&self.readers)
            .await?;
        for camera in &cameras {
            let (id, created_at) = (text(camera, "id")?, camera.try_get("created_at")?);
            let after = if id == from.camera_id { from.report_id.as_str() } else { "" };
            let room = PORTION.saturating_sub(portion.reports);
            let rows = self.due_of(&id, (&from.done_to, after, pass_to), room).await?;
            let full = rows.len() >= room;
            let end = match rows.last() {
                Some(last) if full => text(last, "id")?,
                _ => pass_to.clone(),
            };
            self.sort_in(&mut portion, &id, created_at, rows, now).await?;
            portion.end = Some((id, end));
            if full {
                return Ok(portion);
            }
        }
        if (cameras.len() as i64) < CAMERAS {
            portion.end = None;
        }
        Ok(portion)
    }

    /// Reads reports of a camera that a pass folds: from `from` on, after `after`, and before `to`.
    async fn due_of(
        &self,
        camera_id: &str,
        (from, after, to): (&str, &str, &str),
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let sql = "SELECT id, job_id, captured_at, recorded_at, document FROM reports WHERE camera_id = $1 \
                   AND id >= $2 AND id > $3 AND id < $4 ORDER BY id LIMIT $5";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        query(sql).bind(camera_id).bind(from).bind(after).bind(to).bind(limit).fetch_all(&self.readers).await
    }

    /// Adds the reports of a camera to a portion, and reads the chunks of their days.
    async fn sort_in(
        &self,
        portion: &mut Portion,
        camera_id: &str,
        created_at: i64,
        rows: Vec<Row>,
        now: i64,
    ) -> Result<(), StoreError> {
        portion.reports += rows.len();
        for row in rows {
            if is_of_another(row.try_get("recorded_at")?, created_at, now) {
                continue;
            }
            let day = day_of(row.try_get("captured_at")?);
            let key = (camera_id.to_owned(), day);
            if !portion.days.contains_key(&key) {
                let known = self.chunks(camera_id, day, day).await?.pop();
                portion.days.insert(key.clone(), Day { created_at, known, reports: Vec::new() });
            }
            if let Some(day) = portion.days.get_mut(&key) {
                day.reports.push(row);
            }
        }
        Ok(())
    }
}

/// Sets the progress of folding back if it is later than now, because a clock was ahead. Meanwhile, another master
/// whose clock was right may have recorded reports that no pass has read, so the reports of the last days are folded
/// again. Reports that were folded already add nothing.
pub(crate) async fn bring_back(connection: &mut Connection, now: i64) -> Result<u64, StoreError> {
    let sql = "UPDATE folding SET done_to = CASE WHEN done_to > $2 THEN $2 ELSE done_to END, pass_to = NULL, \
               camera_id = '', report_id = '' WHERE done_to > $1 OR COALESCE(pass_to, '') > $1";
    let again = first_name(now.saturating_sub(AGAIN_MS));
    let brought = query(sql).bind(first_name(now)).bind(again).execute(connection).await?;
    Ok(brought.rows_affected())
}

/// Returns true if a report belongs to an earlier camera with the same id. If the camera's creation time is in the
/// future, a clock was wrong, and the report counts as one of this camera.
pub(crate) const fn is_of_another(recorded_at: i64, created_at: i64, now: i64) -> bool {
    recorded_at < created_at && created_at <= now
}

/// Reads the measured values of a report.
fn measured(row: &Row) -> Result<Measured, StoreError> {
    let document: Vec<u8> = row.try_get("document")?;
    report::read(&document, parsed(row, "job_id")?, row.try_get("captured_at")?)
}

fn fold(days: BTreeMap<(String, i64), Day>) -> Result<(Vec<StoredChunk>, Folded), StoreError> {
    let (mut chunks, mut folded) = (Vec::with_capacity(days.len()), Folded::default());
    for ((camera_id, day), Day { created_at, known, reports }) in days {
        let mut chunk = match known.as_ref().map(StoredChunk::read).transpose() {
            Ok(known) => known.unwrap_or_default(),
            // The damaged chunk stays as it is, because a person may be able to repair it.
            Err(error) => {
                tracing::error!(%error, checks = reports.len(), "checks were not added to measurements");
                folded.left_out += reports.len();
                continue;
            }
        };
        let mut checks = Vec::with_capacity(reports.len());
        for row in &reports {
            match measured(row) {
                Ok(measured) => checks.push(measured),
                Err(error) => {
                    tracing::warn!(%error, report = text(row, "id")?, "a report cannot be read and has no measurements");
                    folded.left_out += 1;
                }
            }
        }
        let added = chunk.add(checks);
        folded.checks += added.new;
        folded.left_out += added.left_out;
        if added.left_out > 0 {
            tracing::warn!(camera = camera_id, checks = added.left_out, "the measurements of a day are full");
        }
        if added.new > 0 {
            let data = codec::write(&chunk).map_err(StoreError::corrupt)?;
            chunks.push(StoredChunk { camera_id, created_at, day, format: codec::FORMAT, data });
        }
    }
    Ok((chunks, folded))
}
