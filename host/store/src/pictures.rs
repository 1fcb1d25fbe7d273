//! The last good picture of each camera: which one it is. The pictures themselves are files.

use std::collections::HashSet;

use easysight_protocol::GoodPicture;

use crate::{
    Store, StoreError,
    db::{Row, query},
    query::{maybe_text, maybe_time, text},
};

/// Reads a camera's last good picture. None if it has none.
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

    /// The digests of all cameras' last good pictures.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn good_pictures(&self) -> Result<HashSet<String>, StoreError> {
        let sql = "SELECT good_picture FROM cameras WHERE good_picture IS NOT NULL";
        query(sql).fetch_all(&self.readers).await?.iter().map(|row| text(row, "good_picture")).collect()
    }
}
