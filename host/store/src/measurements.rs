//! Measurements: the values that each check of a camera measured and the results of its diagnoses, kept for longer than
//! findings. Reports are folded into measurements in the background, so that recording a result does not take longer. A
//! row has all checks of one camera on one UTC day, as a [`Chunk`].

mod bits;
mod chunk;
mod codec;
mod folding;
mod names;
mod report;

use crate::{
    Dialect, Store, StoreError,
    db::{Connection, Rows, query},
};

pub use folding::Folded;

pub(crate) use chunk::{Check, Chunk, Diagnosis, Said};
pub(crate) use folding::{bring_back, is_of_another};
pub(crate) use report::read as measured;
#[cfg(test)]
pub(crate) use report::{Measured, MeasuredFinding, MeasuredMetric};

/// The length of a UTC day in milliseconds.
pub(crate) const DAY_MS: i64 = 86_400_000;
/// The maximum number of chunks that one step of pruning removes.
const PRUNE_STEP: i64 = 500;

/// Why a chunk cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Corrupt(&'static str);

/// A chunk as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredChunk {
    pub(crate) camera_id: String,
    /// When the camera was created. The chunk is not written if another camera has taken the id meanwhile.
    pub(crate) created_at: i64,
    pub(crate) day: i64,
    pub(crate) format: i64,
    pub(crate) data: Vec<u8>,
}

impl StoredChunk {
    /// Reads the chunk.
    pub(crate) fn read(&self) -> Result<Chunk, StoreError> {
        codec::read(self.format, &self.data).map_err(|corrupt| self.damaged(corrupt))
    }

    /// Reads only one diagnosis of the chunk.
    pub(crate) fn read_only(&self, diagnosis: &str) -> Result<Chunk, StoreError> {
        codec::read_only(self.format, &self.data, diagnosis).map_err(|corrupt| self.damaged(corrupt))
    }

    fn damaged(&self, Corrupt(why): Corrupt) -> StoreError {
        StoreError::corrupt(format!(
            "the measurements of the camera `{}` on {} cannot be read: {why}. Restore the row from a backup, or delete it \
             from the table `measurements`",
            self.camera_id,
            name_of(self.day)
        ))
    }
}

/// Returns the UTC day of a time in milliseconds since 1970, as the number of days since 1970.
pub(crate) const fn day_of(at: i64) -> i64 {
    at.div_euclid(DAY_MS)
}

fn name_of(day: i64) -> String {
    let date = crate::query::time(day.saturating_mul(DAY_MS));
    date.map_or_else(|_| format!("day {day}"), |date| date.date_naive().to_string())
}

impl Store {
    /// Returns the measurements of a camera on the days from `first` to `last`, by day.
    pub(crate) async fn chunks(
        &self,
        camera_id: &str,
        first: i64,
        last: i64,
    ) -> Result<Vec<StoredChunk>, StoreError> {
        let sql = "SELECT day, format, data FROM measurements WHERE camera_id = $1 AND day >= $2 AND day <= $3 \
                   ORDER BY day";
        let rows = query(sql).bind(camera_id).bind(first).bind(last).fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                Ok(StoredChunk {
                    camera_id: camera_id.to_owned(),
                    created_at: 0,
                    day: row.try_get("day")?,
                    format: row.try_get("format")?,
                    data: row.try_get("data")?,
                })
            })
            .collect()
    }

    /// Removes some of the measurements of days that ended more than `max_age_ms` ago. Returns the number of removed
    /// rows. Call this function until it returns 0.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn prune_measurements(&self, max_age_ms: i64, now: i64) -> Result<u64, StoreError> {
        let before = day_of(now.saturating_sub(max_age_ms));
        // A query first tests whether there are old rows, because most of the time there are none.
        let sql = "SELECT day FROM measurements WHERE day < $1 LIMIT 1";
        if query(sql).bind(before).fetch_optional(&self.readers).await?.is_none() {
            return Ok(0);
        }
        self.writer
            .run_relaxed(move |connection| {
                Box::pin(async move {
                    let sql = "DELETE FROM measurements WHERE (camera_id, day) IN \
                               (SELECT camera_id, day FROM measurements WHERE day < $1 ORDER BY day, camera_id LIMIT $2)";
                    let gone = query(sql).bind(before).bind(PRUNE_STEP).execute(connection).await?;
                    Ok(gone.rows_affected())
                })
            })
            .await
    }
}

/// Writes chunks, at most one for each camera and day. Chunks of cameras that no longer exist are not written.
async fn put(
    connection: &mut Connection,
    dialect: Dialect,
    chunks: &[StoredChunk],
) -> Result<(), StoreError> {
    let conflict =
        "ON CONFLICT (camera_id, day) DO UPDATE SET format = excluded.format, data = excluded.data";
    match dialect {
        // JSON has no bytes, so the batch cannot be one JSON text.
        Dialect::Sqlite => {
            for chunk in chunks {
                let sql = format!(
                    "INSERT INTO measurements (camera_id, day, format, data) SELECT $1, $2, $3, $4 \
                     WHERE EXISTS (SELECT 1 FROM cameras WHERE id = $1 AND created_at = $5) {conflict}"
                );
                query(sql)
                    .bind(&chunk.camera_id)
                    .bind(chunk.day)
                    .bind(chunk.format)
                    .bind(chunk.data.clone())
                    .bind(chunk.created_at)
                    .execute(&mut *connection)
                    .await?;
            }
        }
        Dialect::Postgres if chunks.is_empty() => {}
        Dialect::Postgres => {
            let rows = Rows::new()
                .texts("camera_id", chunks.iter().map(|one| one.camera_id.as_str()))
                .integers("created_at", chunks.iter().map(|one| one.created_at))
                .integers("day", chunks.iter().map(|one| one.day))
                .integers("format", chunks.iter().map(|one| one.format))
                .bytes("data", chunks.iter().map(|one| one.data.clone()));
            // The rows of the cameras are locked, so that a camera is not removed meanwhile. This lock does not prevent
            // other transactions from recording results.
            let sql = format!(
                "WITH x AS MATERIALIZED (SELECT {} FROM {}), held AS MATERIALIZED (SELECT cameras.id, cameras.created_at \
                 FROM cameras WHERE id IN (SELECT camera_id FROM x) ORDER BY id FOR KEY SHARE) \
                 INSERT INTO measurements (camera_id, day, format, data) SELECT x.camera_id, x.day, x.format, x.data \
                 FROM x JOIN held ON held.id = x.camera_id AND held.created_at = x.created_at \
                 ORDER BY x.camera_id, x.day {conflict}",
                rows.names(""),
                rows.table(dialect, 1, "y")
            );
            query(sql).bind_rows(rows, dialect)?.execute(connection).await?;
        }
    }
    Ok(())
}
