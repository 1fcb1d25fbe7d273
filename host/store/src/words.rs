//! The search for cameras. The searched text of each camera is stored in lower case, in a table of its own. It contains
//! the address without its secrets, so that nobody can find out a password by searching for parts of it.

use easysight_protocol::{Labels, masked_source};

use crate::{
    Dialect, Store, StoreError,
    db::{Connection, Rows, query},
    query::{json, text},
};

/// The maximum number of cameras that one step of [`Store::fill_words`] reads.
const STEP: i64 = 500;

/// Returns the searched text of a camera. Line breaks separate the fields, and no field contains one, so no search
/// spans two fields. The id and the name are the first two lines: users who may not see all groups of a camera search
/// only in these.
pub(crate) fn of<'a>(
    id: &str,
    name: &str,
    source: &str,
    labels: &Labels,
    groups: impl IntoIterator<Item = &'a String>,
) -> String {
    let mut fields = vec![id.to_owned(), name.to_owned(), masked_source(source)];
    fields.extend(groups.into_iter().cloned());
    fields.extend(labels.iter().map(|(key, value)| format!("{key}={value}")));
    lower(&fields.join("\n"))
}

/// Returns a text in lower case. Each character is changed independently of its neighbours, so that a part of a text is
/// always found in the whole text.
pub(crate) fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Writes the texts of cameras: id and text.
pub(crate) async fn keep(
    connection: &mut Connection,
    dialect: Dialect,
    words: Vec<(String, String)>,
) -> Result<(), StoreError> {
    write(connection, dialect, words, "UPDATE SET words = excluded.words").await
}

pub(crate) async fn remove(connection: &mut Connection, camera: &str) -> Result<(), StoreError> {
    query("DELETE FROM camera_words WHERE camera_id = $1").bind(camera).execute(connection).await?;
    Ok(())
}

async fn write(
    connection: &mut Connection,
    dialect: Dialect,
    words: Vec<(String, String)>,
    on_conflict: &str,
) -> Result<(), StoreError> {
    let (ids, words): (Vec<_>, Vec<_>) = words.into_iter().unzip();
    let rows = Rows::new().texts("camera_id", ids).texts("words", words);
    let sql = format!(
        "INSERT INTO camera_words (camera_id, words) SELECT x.camera_id, x.words FROM {} WHERE 1 = 1 \
         ORDER BY x.camera_id ON CONFLICT (camera_id) DO {on_conflict}",
        rows.table(dialect, 1, "x")
    );
    query(sql).bind_rows(rows, dialect)?.execute(connection).await?;
    Ok(())
}

impl Store {
    /// Makes the texts of cameras that have none, because an earlier version of this program wrote these cameras.
    /// Returns the number of texts.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn fill_words(&self) -> Result<u64, StoreError> {
        let sql = "SELECT id, name, source, labels, group_names FROM cameras WHERE id > $1 AND NOT EXISTS \
                   (SELECT 1 FROM camera_words WHERE camera_words.camera_id = cameras.id) ORDER BY id LIMIT $2";
        let (mut filled, mut after) = (0, String::new());
        loop {
            let rows = query(sql).bind(&after).bind(STEP).fetch_all(&self.readers).await?;
            let mut words = Vec::with_capacity(rows.len());
            for row in &rows {
                let (id, groups) = (text(row, "id")?, json::<Vec<String>>(row, "group_names")?);
                let of = of(&id, &text(row, "name")?, &text(row, "source")?, &json(row, "labels")?, &groups);
                words.push((id, of));
            }
            let Some((last, _)) = words.last() else { return Ok(filled) };
            after.clone_from(last);
            filled += words.len() as u64;
            let dialect = self.dialect;
            self.writer
                .run(move |connection| {
                    // A text that was written in the meantime is newer, and stays.
                    Box::pin(async move { write(connection, dialect, words, "NOTHING").await })
                })
                .await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_every_field_but_no_secret() {
        let labels = Labels::from([("Floor".to_owned(), "2".to_owned())]);
        let groups = ["东门".to_owned()];
        let words = of("gate-3", "Gate ÄÖ", "rtsp://admin:Geheim@10.0.0.1/live?pwd=x1", &labels, &groups);
        assert_eq!(words, "gate-3\ngate äö\nrtsp://***@10.0.0.1/live?pwd=***\n东门\nfloor=2");
    }

    #[test]
    fn a_part_of_a_text_is_lowered_as_in_the_whole() {
        for text in ["ΟΔΟΣ", "İstanbul", "ÀÉ东门ｆｕｌｌＷＩＤＴＨ"] {
            let whole = lower(text);
            for (at, _) in text.char_indices() {
                assert!(whole.contains(&lower(&text[at..])) && whole.contains(&lower(&text[..at])), "{text}");
            }
        }
    }
}
