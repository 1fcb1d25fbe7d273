//! Records about pictures: the last good picture of each camera, which shows the camera while it was healthy, the size
//! and age of each stored picture, and what it shows. The pictures themselves are stored elsewhere.

use std::collections::{BTreeSet, HashSet};

use easysight_protocol::{Finding, GoodPicture, RunId};

use crate::{
    Area, Dialect, Store, StoreError,
    db::{Connection, Row, Rows, query},
    query::{count, maybe_text, maybe_time, text},
};

/// Reads a camera's last good picture. Returns None if the camera has none.
pub(crate) fn read(row: &Row) -> Result<Option<GoodPicture>, StoreError> {
    let (digest, taken_at) = (maybe_text(row, "good_picture")?, maybe_time(row, "good_picture_at")?);
    Ok(digest.zip(taken_at).map(|(digest, taken_at)| GoodPicture { digest, taken_at }))
}

/// What pictures show: digest, and the id of the camera, or of the run of a submission. The other id is empty.
#[derive(Default)]
pub(crate) struct Subjects(BTreeSet<(String, String, String)>);

impl Subjects {
    /// Adds the evidence pictures of a job's findings.
    pub(crate) fn add(&mut self, findings: &[Finding], camera: Option<&str>, run: RunId) {
        for evidence in findings.iter().filter_map(|finding| finding.evidence.as_ref()) {
            for digest in [&evidence.picture, &evidence.thumbnail] {
                let (camera, run) = match camera {
                    Some(camera) => (camera.to_owned(), String::new()),
                    None => (String::new(), run.to_string()),
                };
                self.0.insert((digest.clone(), camera, run));
            }
        }
    }

    /// Records what the pictures show. The order of the keys is fixed, so that masters that do this at the same moment
    /// cannot deadlock.
    pub(crate) async fn keep(
        self,
        connection: &mut Connection,
        dialect: Dialect,
        now: i64,
    ) -> Result<(), StoreError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let rows = Rows::new()
            .texts("digest", self.0.iter().map(|(digest, _, _)| digest.as_str()))
            .texts("camera_id", self.0.iter().map(|(_, camera, _)| camera.as_str()))
            .texts("run_id", self.0.iter().map(|(_, _, run)| run.as_str()));
        let sql = format!(
            "INSERT INTO picture_subjects (digest, camera_id, run_id, noted_at) \
             SELECT x.digest, x.camera_id, x.run_id, $1 FROM {} WHERE 1 = 1 ORDER BY x.digest, x.camera_id, x.run_id \
             ON CONFLICT (digest, camera_id, run_id) DO NOTHING",
            rows.table(dialect, 2, "x")
        );
        query(sql).bind(now).bind_rows(rows, dialect)?.execute(connection).await?;
        Ok(())
    }
}

impl Store {
    /// Returns true if a caller with this area may see a picture: it shows a camera of the area, or the source of one
    /// of the caller's submissions.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn may_see_picture(&self, area: &Area, digest: &str) -> Result<bool, StoreError> {
        let (Some(groups), Some(user)) = (area.value(), area.user()) else { return Ok(true) };
        let within = |column: &str| area.and(self.dialect, column, "$2");
        // Earlier versions of this program did not record what pictures show. For their pictures, only the latest ones
        // of each camera are known.
        let sql = format!(
            "SELECT 1 AS seen WHERE EXISTS (SELECT 1 FROM picture_subjects WHERE digest = $1{}) \
             OR EXISTS (SELECT 1 FROM picture_subjects JOIN submitters ON submitters.run_id = picture_subjects.run_id \
             WHERE digest = $1 AND submitters.user_id = $3) \
             OR EXISTS (SELECT 1 FROM cameras WHERE (good_picture = $1 OR {}){})",
            within("picture_subjects.camera_id"),
            self.dialect.contains("evidence", "$1"),
            within("cameras.id")
        );
        let seen = query(sql).bind(digest).bind(groups).bind(user).fetch_optional(&self.readers).await?;
        Ok(seen.is_some())
    }

    /// Removes what is known of pictures that never arrived, if it was recorded before the given time.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn forget_subjects(&self, before: i64, limit: u32) -> Result<u64, StoreError> {
        // A query first tests whether there is something to remove, because most of the time there is nothing.
        let old = "SELECT digest FROM picture_subjects WHERE noted_at < $1 AND NOT EXISTS \
                   (SELECT 1 FROM pictures WHERE pictures.digest = picture_subjects.digest) LIMIT $2";
        let found = query(old).bind(before).bind(i64::from(limit)).fetch_all(&self.readers).await?;
        if found.is_empty() {
            return Ok(0);
        }
        let digests = found.iter().map(|row| text(row, "digest")).collect::<Result<Vec<_>, _>>()?;
        let sql = format!(
            "DELETE FROM picture_subjects WHERE {} AND noted_at < $1",
            self.dialect.among("digest", "$2")
        );
        self.writer
            .run_relaxed(move |connection| {
                Box::pin(async move {
                    let gone = query(sql).bind(before).bind(digests).execute(connection).await?;
                    Ok(gone.rows_affected())
                })
            })
            .await
    }

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
        let dialect = self.dialect;
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "UPDATE cameras SET good_picture = $2, good_picture_at = $3 WHERE id = $1";
                    let noted = query(sql).bind(&camera).bind(&digest).bind(now);
                    if noted.execute(&mut *connection).await?.rows_affected() == 0 {
                        return Ok(false);
                    }
                    let subject = Subjects([(digest, camera, String::new())].into());
                    subject.keep(connection, dialect, now).await?;
                    Ok(true)
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

    /// Deletes the records of removed pictures, also of what they showed.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn forget_pictures(&self, digests: Vec<String>) -> Result<(), StoreError> {
        let among = self.dialect.among("digest", "$1");
        let statements =
            ["picture_subjects", "pictures"].map(|table| format!("DELETE FROM {table} WHERE {among}"));
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    for sql in statements {
                        query(sql).bind(digests.clone()).execute(&mut *connection).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}
