//! Cameras: what is looked at.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Status,
    schema::{CameraSource, Id, LabelMap, Name},
};

/// Labels of cameras, tasks and nodes: short texts by key.
pub type Labels = BTreeMap<String, String>;

/// What a camera shall be. The body of `POST /api/v1/diagnosis/cameras` and of `PUT …/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CameraRequest {
    /// 1 to 128 letters, digits, `.`, `_`, `-`; made by the master where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Id>)]
    pub id: Option<String>,
    /// For people, 1 to 200 characters.
    #[schema(value_type = Name)]
    pub name: String,
    /// `rtsp://`, `http(s)://` or a file that workers may read. Credentials may stand in it; they
    /// are shown as `***`. Where a known camera's source is sent back with `***`, they are kept: of the same
    /// host and user. Where it cannot be told what `***` stands for, the source is refused.
    #[schema(value_type = CameraSource)]
    pub source: String,
    /// False: tasks pass it over.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// For people and for filters.
    #[serde(default)]
    #[schema(value_type = LabelMap)]
    pub labels: Labels,
    /// Groups that it is in, 64 at the most; a group exists while a camera is in it.
    #[serde(default)]
    #[schema(value_type = Vec<Name>, max_items = 64)]
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
    #[schema(value_type = LabelMap)]
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

/// A camera after it was changed. The answer of `PUT /api/v1/diagnosis/cameras/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangedCamera {
    /// The camera.
    #[serde(flatten)]
    pub camera: Camera,
    /// What was done beyond the request: user and password were kept although the address changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
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

/// A source with its secrets masked: `rtsp://***@camera/stream`.
#[must_use]
pub fn masked_source(source: &str) -> String {
    // The name of a file that was uploaded is no address.
    if crate::uploaded_name(source).is_some() { source.to_owned() } else { easysight_address::masked(source) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_never_shown() {
        assert_eq!(masked_source("rtsp://admin:p@ss@10.0.0.1:554/live"), "rtsp://***@10.0.0.1:554/live");
        assert_eq!(masked_source("http://10.0.0.1/cgi?user=a&pwd=b"), "http://10.0.0.1/cgi?user=***&pwd=***");
        assert_eq!(masked_source("/clips/a.mp4"), "/clips/a.mp4");
        assert_eq!(masked_source("upload:a@b:c@d.jpg"), "upload:a@b:c@d.jpg");
    }
}
