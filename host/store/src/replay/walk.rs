//! Reads the checks of many cameras, one camera after the other, so that the memory that this needs does not grow with
//! their number. A dropped walk stops at its next statement.

use std::collections::HashSet;

use easysight_protocol::Labels;

use crate::{
    Area, Store, StoreError,
    db::query,
    measurements::{Check, Chunk, day_of},
    query::{json, text},
    reports::{first_name, list},
    trends::{REPORTS, blocking, chunk_of_reports},
};

/// The number of days of measurements that one statement reads.
const DAYS: i64 = 31;

/// Which cameras are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayCameras {
    /// Cameras with these ids, and cameras in [`Self::groups`]. If both are empty, all cameras.
    pub ids: Vec<String>,
    /// Cameras in these groups.
    pub groups: Vec<String>,
    /// Only cameras with a label of this key, and with this value if there is one. None to read them regardless of
    /// their labels.
    pub label: Option<(String, Option<String>)>,
}

/// A camera of a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WalkedCamera {
    pub(super) id: String,
    pub(super) name: String,
    created_at: i64,
}

/// What is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk<'a> {
    pub(super) cameras: &'a [WalkedCamera],
    pub(super) diagnosis: &'a str,
    /// The beginning and the end, in milliseconds since 1970.
    pub(super) time: (i64, i64),
    pub(super) now: i64,
}

/// Something that takes the checks of a walk.
pub(super) trait Visit: Send + 'static {
    /// Takes the checks of a chunk that `wanted` accepts. `camera` is the place of the camera. Checks of a camera come
    /// in any order, each once.
    fn take(&mut self, camera: u32, chunk: &Chunk, wanted: &dyn Fn(&Check) -> bool);
}

impl Store {
    /// Returns the cameras of a walk that are in the area, by id.
    pub(super) async fn walked(
        &self,
        area: &Area,
        cameras: &ReplayCameras,
    ) -> Result<Vec<WalkedCamera>, StoreError> {
        let ReplayCameras { ids, groups, label } = cameras;
        let columns = "SELECT id, name, labels, created_at FROM cameras";
        // A group outside of the area counts as a group that does not exist, even for cameras of the area.
        let known: Vec<&String> = groups.iter().filter(|group| area.has_group(group)).collect();
        let asked = if ids.is_empty() && groups.is_empty() {
            let within = area.and(self.dialect, "id", "$1");
            query(format!("{columns} WHERE 1 = 1{within} ORDER BY id"))
        } else {
            let sql = format!(
                "{columns} WHERE ({} OR id IN (SELECT camera_id FROM camera_groups WHERE {})){} ORDER BY id",
                self.dialect.among("id", "$1"),
                self.dialect.among("name", "$2"),
                area.and(self.dialect, "id", "$3")
            );
            query(sql).bind(list(ids)).bind(list(known))
        };
        let rows = area.bound_to(asked).fetch_all(&self.readers).await?;
        let mut walked = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Some((key, value)) = label {
                let own: Labels = json(row, "labels")?;
                let found = own.get(key);
                if found.is_none() || value.as_ref().is_some_and(|value| found != Some(value)) {
                    continue;
                }
            }
            walked.push(WalkedCamera {
                id: text(row, "id")?,
                name: text(row, "name")?,
                created_at: row.try_get("created_at")?,
            });
        }
        Ok(walked)
    }

    /// Hands all checks of the cameras to `visitor`. Returns the visitor and the number of chunks that cannot be read.
    pub(super) async fn walk<V: Visit>(
        &self,
        walk: Walk<'_>,
        mut visitor: V,
    ) -> Result<(V, u64), StoreError> {
        let Walk { cameras, diagnosis, time: (since, until), now } = walk;
        // The order matters: reports that are folded after this statement are in the measurements that are read later.
        // Those that are in both count once.
        let progress = self.folding().await?;
        let first = first_name(since);
        let mut damaged = 0;
        for (place, camera) in (0_u32..).zip(cameras) {
            let (mut from, mut met) = (progress.of(&camera.id).max(&first).to_owned(), HashSet::new());
            loop {
                let rows = self.reports_of(&camera.id, &from, (since, until)).await?;
                let is_last = (rows.len() as i64) < REPORTS;
                if let Some(last) = rows.last() {
                    // This name sorts after that report and before all later ones.
                    from = format!("{}.", text(last, "id")?);
                    let created_at = camera.created_at;
                    (visitor, met) = blocking(move || {
                        let chunk = chunk_of_reports(&mut met, &rows, created_at, now)?;
                        visitor.take(place, &chunk, &|_| true);
                        Ok((visitor, met))
                    })
                    .await?;
                }
                if is_last {
                    break;
                }
            }
            let (mut day, last) = (day_of(since), day_of(until.saturating_sub(1)));
            while day <= last {
                let end = last.min(day.saturating_add(DAYS - 1));
                let chunks = self.chunks(&camera.id, day, end).await?;
                day = end.saturating_add(1);
                if chunks.is_empty() {
                    continue;
                }
                let diagnosis = diagnosis.to_owned();
                let broken;
                (visitor, met, broken) = blocking(move || {
                    let mut broken = 0;
                    for chunk in &chunks {
                        match chunk.read_only(&diagnosis) {
                            Ok(chunk) => visitor.take(place, &chunk, &|check| {
                                (since..until).contains(&check.at) && !met.contains(&check.job)
                            }),
                            // The checks of all other days and cameras are worth an answer, which says what is missing.
                            Err(error) => {
                                tracing::error!(%error, "a day is left out of a replay");
                                broken += 1;
                            }
                        }
                    }
                    Ok((visitor, met, broken))
                })
                .await?;
                damaged += broken;
            }
        }
        Ok((visitor, damaged))
    }
}
