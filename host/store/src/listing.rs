//! Lists of cameras: filters, search, orders and pages. A page begins after the last camera of the page before, by
//! value and id, so that every page takes the same time, and a camera that changes its place is not listed twice.

use easysight_protocol::{Camera, CameraHealth, Page, Status};

use crate::{
    Area, PageRequest, Store, StoreError,
    cameras::{COLUMNS, read},
    db::{Row, Value, query},
    query::{Select, count, page_of},
    words,
};

/// Which cameras to list, and in which order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CameraFilter {
    /// Cameras in this group.
    pub group: Option<String>,
    /// Cameras with this status.
    pub status: Option<Status>,
    /// True for cameras that give no picture, false for cameras that give one.
    pub lost: Option<bool>,
    /// Cameras in whose id, name, address without secrets, groups or labels this text occurs, in upper or lower case.
    pub words: Option<String>,
    /// Cameras with one of these healths. Empty for all.
    pub health: Vec<CameraHealth>,
    /// Cameras that have their status from this diagnosis.
    pub cause: Option<String>,
    /// Cameras that were last checked before this time, in milliseconds since 1970.
    pub checked_before: Option<i64>,
    /// The order.
    pub order: CameraOrder,
    /// True for the opposite order.
    pub descending: bool,
}

/// The value by which cameras are sorted. Cameras with the same value are sorted by id, in the same direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CameraOrder {
    /// The id.
    #[default]
    Id,
    /// The name. The case of the letters A to Z does not matter.
    Name,
    /// The health, the most urgent first.
    Health,
    /// The time of the last check. Cameras that were never checked come first.
    CheckedAt,
    /// The time at which the camera's status began. Cameras for which this time is unknown come first.
    Since,
}

/// The condition for cameras that need action. It can use the index of `urgency`.
const URGENT: &str = "urgency <= 3";

impl CameraOrder {
    const fn word(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Name => "name",
            Self::Health => "health",
            Self::CheckedAt => "checked_at",
            Self::Since => "since",
        }
    }

    /// Returns the SQL expression of the value. `name` and `urgency` have an index. The times have no index, because
    /// each result would change it; a page that is sorted by a time reads all matching cameras.
    const fn key(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Name => "lower(name)",
            Self::Health => "urgency",
            Self::CheckedAt => "COALESCE(checked_at, 0)",
            Self::Since => "COALESCE(lost_since, status_since, 0)",
        }
    }

    /// Returns the mark of a camera, with which a client requests the page after it.
    fn mark(self, camera: &Camera) -> String {
        let time = |at: Option<chrono::DateTime<chrono::Utc>>| at.map_or(0, |at| at.timestamp_millis());
        let value = match self {
            Self::Id => return camera.id.clone(),
            // Both databases change only the letters A to Z.
            Self::Name => camera.name.to_ascii_lowercase(),
            Self::Health => urgency(camera.health()).to_string(),
            Self::CheckedAt => time(camera.checked_at).to_string(),
            Self::Since => time(camera.since).to_string(),
        };
        format!("{}:{}:{value}", self.word(), camera.id)
    }

    /// Returns the value and the id of a mark, or None if the mark does not belong to this order.
    fn parts(self, mark: &str) -> Option<(Value, &str)> {
        let (id, value) = mark.strip_prefix(self.word())?.strip_prefix(':')?.split_once(':')?;
        let value = match self {
            Self::Id | Self::Name => Value::Text(Some(value.to_owned())),
            Self::Health | Self::CheckedAt | Self::Since => Value::Integer(Some(value.parse().ok()?)),
        };
        Some((value, id))
    }

    /// Returns true if `mark` can be the mark of a page in this order.
    #[must_use]
    pub fn knows(self, mark: &str) -> bool {
        self == Self::Id || self.parts(mark).is_some()
    }
}

/// Returns the number that the column `urgency` has for a health.
fn urgency(health: CameraHealth) -> i64 {
    (0..).zip(CameraHealth::ALL).find(|(_, one)| *one == health).map_or(i64::MAX, |(urgency, _)| urgency)
}

/// Reads the column `urgency`.
pub(crate) fn health_of(row: &Row) -> Result<CameraHealth, StoreError> {
    let urgency: i64 = row.try_get("urgency")?;
    let health = usize::try_from(urgency).ok().and_then(|at| CameraHealth::ALL.get(at).copied());
    health.ok_or_else(|| StoreError::corrupt(format!("{urgency} is not the urgency of a camera")))
}

impl Store {
    /// Lists cameras. If the mark of the page does not belong to the order ([`CameraOrder::knows`]), the first page is
    /// returned.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn cameras(
        &self,
        area: &Area,
        filter: &CameraFilter,
        page: &PageRequest,
    ) -> Result<Page<Camera>, StoreError> {
        let select = self.matching(COLUMNS, area, filter);
        let (order, key) = (filter.order, filter.order.key());
        let (after, way) = if filter.descending { ("<", " DESC") } else { (">", "") };
        let rows = if order == CameraOrder::Id {
            let after = format!("id {after} ?");
            select.page(&self.readers, &format!("id{way}"), &after, page).await?
        } else {
            let select =
                match page.after.as_deref().and_then(|mark| order.parts(mark)) {
                    // PostgreSQL needs only the second condition. SQLite finds the place in the index by the first one.
                    Some((value, id)) => select
                        .and_value(&format!("{key} {after}= ?"), value.clone())
                        .and_pair(&format!("({key}, id) {after} (?, ?)"), value, id),
                    None => select,
                };
            let page = PageRequest { after: None, limit: page.limit };
            select.page(&self.readers, &format!("{key}{way}, id{way}"), "", &page).await?
        };
        page_of(&rows, page.limit, |row| Ok(read(row, area)?.camera), |camera| order.mark(camera))
    }

    /// Counts the cameras that match a filter.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn count_cameras(&self, area: &Area, filter: &CameraFilter) -> Result<u64, StoreError> {
        let select = self.matching("SELECT COUNT(*) AS matching FROM cameras", area, filter);
        count(&select.query().fetch_one(&self.readers).await?, "matching")
    }

    /// Returns up to `limit` cameras that need action, the most urgent first. Equally urgent cameras are sorted by the
    /// time at which their status began, latest first.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn urgent_cameras(&self, area: &Area, limit: u32) -> Result<Vec<Camera>, StoreError> {
        let (since, within) = (CameraOrder::Since.key(), area.and(self.dialect, "id", "$2"));
        let sql = format!("{COLUMNS} WHERE {URGENT}{within} ORDER BY urgency, {since} DESC, id LIMIT $1");
        let rows = area.bound_to(query(sql).bind(i64::from(limit))).fetch_all(&self.readers).await?;
        rows.iter().map(|row| Ok(read(row, area)?.camera)).collect()
    }

    /// Adds the conditions of an area and a filter to a `SELECT`.
    fn matching(&self, select: &str, area: &Area, filter: &CameraFilter) -> Select {
        let words = format!(
            "id IN (SELECT camera_id FROM camera_words WHERE {})",
            self.dialect.contains("words", "?")
        );
        // A group outside of the area has no cameras.
        let group = filter.group.clone().filter(|group| area.has_group(group));
        let select = match filter.group.is_some() && group.is_none() {
            true => Select::new(select).and_fixed("1 = 0"),
            false => Select::new(select),
        };
        let select = select.within(self.dialect, area, "id");
        let select = match (&filter.words, area.value()) {
            (Some(words), Some(groups)) => {
                // The stored text has all groups of a camera. If some of the groups are hidden from the caller, only
                // the camera's id and name are searched, so that nobody can find out the names of hidden groups.
                let visible = format!(
                    "(NOT EXISTS (SELECT 1 FROM camera_groups AS hidden WHERE hidden.camera_id = cameras.id \
                     AND NOT {}) OR EXISTS (SELECT 1 FROM camera_words AS own WHERE own.camera_id = cameras.id AND {}))",
                    self.dialect.among("hidden.name", "?"),
                    self.dialect.contains(&self.dialect.first_two_lines("own.words"), "?")
                );
                select.and_pair(&visible, groups, &words::lower(words))
            }
            _ => select,
        };
        let mut select = select
            .and("id IN (SELECT camera_id FROM camera_groups WHERE name = ?)", group)
            .and("status = ?", filter.status.map(Status::as_str))
            .and_integer("CASE WHEN lost_since IS NULL THEN 0 ELSE 1 END = ?", filter.lost.map(i64::from))
            .and("cause = ?", filter.cause.clone())
            .and_integer("checked_at < ?", filter.checked_before)
            .and(&words, filter.words.as_deref().map(words::lower));
        if !filter.health.is_empty() {
            let numbers: Vec<_> = filter.health.iter().map(|one| urgency(*one).to_string()).collect();
            select = select.and_fixed(&format!("urgency IN ({})", numbers.join(", ")));
        }
        select
    }
}
