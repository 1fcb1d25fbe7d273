//! Records about pictures: the last good picture of each camera, which shows the camera while it was healthy, and the
//! size and age of each stored picture. The pictures themselves are stored elsewhere.

use std::collections::HashSet;

use easysight_protocol::GoodPicture;

use crate::{
    Store, StoreError,
    db::{Row, Rows, query},
    query::{count, maybe_text, maybe_time, text},
};

/// Reads a camera's last good picture. Returns None if the camera has none.
pub(crate) fn read(row: &Row) -> Result<Option<GoodPicture>, StoreError> {
    let (digest, taken_at) = (maybe_text(row, "good_picture")?, maybe_time(row, "good_picture_at")?);
    Ok(digest.zip(taken_at).map(|(digest, taken_at)| GoodPicture { digest, taken_at }))
}

impl Store {
    /// Records a camera's last good picture. Returns false if the camera does not exist.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn note_good_picture(
        &self,
        camera: String,
        digest: String,
        now: i64,
    ) -> Result<bool, StoreError> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "UPDATE cameras SET good_picture = $2, good_picture_at = $3 WHERE id = $1";
                    let noted = query(sql).bind(camera).bind(digest).bind(now).execute(connection).await?;
                    Ok(noted.rows_affected() > 0)
                })
            })
            .await
    }

    /// Records that pictures with these digests and sizes in bytes were stored at `now`. Returns the number of new
    /// pictures. The age of the other pictures is counted from `now` again.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn keep_pictures(&self, pictures: Vec<(String, u64)>, now: i64) -> Result<u64, StoreError> {
        if pictures.is_empty() {
            return Ok(0);
        }
        let dialect = self.dialect;
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let rows = Rows::new()
                        .texts("digest", pictures.iter().map(|(digest, _)| digest.as_str()))
                        .integers("bytes", pictures.iter().map(|(_, bytes)| i64::try_from(*bytes).unwrap_or(i64::MAX)));
                    let sql = format!(
                        "INSERT INTO pictures (digest, bytes, kept_at) SELECT x.digest, x.bytes, $1 FROM {} WHERE TRUE \
                         ON CONFLICT (digest) DO NOTHING",
                        rows.table(dialect, 2, "x")
                    );
                    let new = query(sql).bind(now).bind_rows(rows, dialect)?.execute(&mut *connection).await?;
                    let digests: Vec<String> = pictures.into_iter().map(|(digest, _)| digest).collect();
                    let sql = format!(
                        "UPDATE pictures SET kept_at = $1 WHERE {} AND kept_at <> $1",
                        dialect.among("digest", "$2")
                    );
                    query(sql).bind(now).bind(digests).execute(connection).await?;
                    Ok(new.rows_affected())
                })
            })
            .await
    }

    /// Returns the digests among `digests` whose pictures are recorded.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn known_pictures(&self, digests: Vec<String>) -> Result<HashSet<String>, StoreError> {
        let sql = format!("SELECT digest FROM pictures WHERE {}", self.dialect.among("digest", "$1"));
        query(sql)
            .bind(digests)
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| text(row, "digest"))
            .collect()
    }

    /// Returns the total size of all pictures, in bytes.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn picture_bytes(&self) -> Result<u64, StoreError> {
        let sql = "SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) AS bytes FROM pictures";
        count(&query(sql).fetch_one(&self.readers).await?, "bytes")
    }

    /// Returns the digests and sizes in bytes of up to `limit` pictures that were stored before the given time,
    /// oldest first. The last good picture of a camera is never among them.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn oldest_pictures(&self, before: i64, limit: u32) -> Result<Vec<(String, u64)>, StoreError> {
        let sql = "SELECT digest, bytes FROM pictures WHERE kept_at < $1 \
                   AND digest NOT IN (SELECT good_picture FROM cameras WHERE good_picture IS NOT NULL) \
                   ORDER BY kept_at, digest LIMIT $2";
        let rows = query(sql).bind(before).bind(i64::from(limit)).fetch_all(&self.readers).await?;
        rows.iter().map(|row| Ok((text(row, "digest")?, count(row, "bytes")?))).collect()
    }

    /// Deletes the records of removed pictures.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn forget_pictures(&self, digests: Vec<String>) -> Result<(), StoreError> {
        let sql = format!("DELETE FROM pictures WHERE {}", self.dialect.among("digest", "$1"));
        self.writer
            .run(move |connection| {
                Box::pin(async move { query(sql).bind(digests).execute(connection).await.map(drop) })
            })
            .await
    }
}
