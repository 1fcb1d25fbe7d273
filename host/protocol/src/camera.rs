//! Cameras: what is looked at.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Status;

/// Labels of cameras, tasks and nodes: short texts by key.
pub type Labels = BTreeMap<String, String>;

/// What a camera shall be. The body of `POST /api/v1/diagnosis/cameras` and of `PUT …/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CameraRequest {
    /// 1 to 128 letters, digits, `.`, `_`, `-`; made by the master where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// For people, 1 to 200 characters.
    pub name: String,
    /// `rtsp://`, `http(s)://` or a file that workers may read. Credentials may stand in it; they
    /// are shown as `***`, and a source that is sent back with `***` keeps them.
    pub source: String,
    /// False: tasks pass it over.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// For people and for filters.
    #[serde(default)]
    pub labels: Labels,
    /// Groups that it is in; a group exists while a camera is in it.
    #[serde(default)]
    pub groups: Vec<String>,
}

const fn yes() -> bool {
    true
}

/// A camera.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Camera {
    /// Its name among programs.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Where its picture comes from, credentials masked.
    pub source: String,
    /// False: tasks pass it over.
    pub enabled: bool,
    /// For people and for filters.
    pub labels: Labels,
    /// Groups that it is in, sorted.
    pub groups: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
    /// The worst status of its last job, of findings that follow from no other; absent before the first
    /// one.
    pub status: Option<Status>,
    /// When that was.
    pub checked_at: Option<DateTime<Utc>>,
    /// What it showed when all was well the last time that a picture was kept of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good_picture: Option<GoodPicture>,
}

/// What a camera showed when all was well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GoodPicture {
    /// Name of the picture, for `GET /api/v1/diagnosis/pictures/{digest}`.
    pub digest: String,
    /// When it came.
    pub taken_at: DateTime<Utc>,
}

/// A group of cameras.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CameraGroup {
    /// Its name.
    pub name: String,
    /// Cameras in it.
    pub cameras: u64,
}

/// A source with its credentials masked: `rtsp://***@camera/stream`.
#[must_use]
pub fn masked_source(source: &str) -> String {
    let Some((scheme, rest)) = source.split_once("://") else { return source.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = path.split_once('?').map_or_else(|| path.to_owned(), |(path, _)| format!("{path}?***"));
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://***@{host}{path}"),
        None => format!("{scheme}://{authority}{path}"),
    }
}

/// True where two sources name the same place, whoever is let in there: a new password is no other
/// camera.
#[must_use]
pub fn same_place(a: &str, b: &str) -> bool {
    let place = |source: &str| {
        let (scheme, rest) = source.split_once("://").unwrap_or(("", source));
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let host =
            authority.rsplit_once('@').filter(|_| !scheme.is_empty()).map_or(authority, |(_, host)| host);
        format!("{scheme}://{host}{path}")
    };
    place(a) == place(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_password_is_no_other_place() {
        assert!(same_place("rtsp://admin:old@10.0.0.1/live", "rtsp://10.0.0.1/live"));
        assert!(same_place("rtsp://a:b@10.0.0.1/live", "rtsp://c@10.0.0.1/live"));
        assert!(!same_place("rtsp://admin:pw@10.0.0.1/live", "rtsp://admin:pw@10.0.0.2/live"));
        assert!(!same_place("rtsp://10.0.0.1/1", "rtsp://10.0.0.1/2"));
        assert!(!same_place("/clips/a@b.mp4", "/clips/c@b.mp4"));
    }

    #[test]
    fn credentials_are_never_shown() {
        assert_eq!(masked_source("rtsp://admin:p@ss@10.0.0.1:554/live"), "rtsp://***@10.0.0.1:554/live");
        assert_eq!(masked_source("http://10.0.0.1/cgi?user=a&pwd=b"), "http://10.0.0.1/cgi?***");
        assert_eq!(masked_source("rtsp://10.0.0.1/a@b"), "rtsp://10.0.0.1/a@b");
        assert_eq!(masked_source("/clips/a.mp4"), "/clips/a.mp4");
    }
}
