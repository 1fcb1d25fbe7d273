//! Cameras and camera groups.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Status,
    schema::{CameraSource, Id, LabelMap, Name},
};

/// Labels of cameras, tasks and nodes: short strings by key.
pub type Labels = BTreeMap<String, String>;

/// The body of `POST /api/v1/diagnosis/cameras` and of `PUT …/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CameraRequest {
    /// The camera's id: 1 to 128 letters, digits, `.`, `_`, `-`. If absent, the master generates one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Id>)]
    pub id: Option<String>,
    /// The camera's name, for people, 1 to 200 characters.
    #[schema(value_type = Name)]
    pub name: String,
    /// The address of the camera's picture: `rtsp://`, `http(s)://`, or the path of a file that workers can read. The
    /// address may contain credentials; answers show them as `***`. In an update of an existing camera, `***` stands
    /// for the stored credentials of the same host and user. The master refuses a source if it cannot determine what
    /// `***` stands for.
    #[schema(value_type = CameraSource)]
    pub source: String,
    /// If false, tasks skip the camera.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Labels, for people and for filters.
    #[serde(default)]
    #[schema(value_type = LabelMap)]
    pub labels: Labels,
    /// The camera's groups, at most 64. A group exists as long as a camera is in it.
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
    /// The camera's id.
    pub id: String,
    /// The camera's name.
    pub name: String,
    /// The address of the camera's picture, with secrets masked.
    pub source: String,
    /// If false, tasks skip the camera.
    pub enabled: bool,
    /// Labels, for people and for filters.
    #[schema(value_type = LabelMap)]
    pub labels: Labels,
    /// The camera's groups, sorted.
    pub groups: Vec<String>,
    /// When the camera was created.
    pub created_at: DateTime<Utc>,
    /// When the camera was last changed.
    pub updated_at: DateTime<Utc>,
    /// The camera's status: the worst status among the latest findings of all diagnoses. A finding that another
    /// finding explains does not count. Null before the first job.
    pub status: Option<Status>,
    /// When the camera's latest clip was captured.
    pub checked_at: Option<DateTime<Utc>>,
    /// The diagnosis whose finding gives the camera its status. If several findings have this status, the one whose
    /// diagnosis comes first in the alphabet counts. Absent if the status is null or `normal`, or if the last check was
    /// made by a version that did not record the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The capture time of the first clip that gave the camera its present status. For a lost camera: when it was lost.
    /// If a version that did not record this time gave the camera its status, the status began at this time or earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// The evidence pictures of the latest finding of `cause`. Absent if that finding has none. Pictures are removed
    /// after a while, so a request for one may get a 404.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<CameraEvidence>,
    /// The last picture that was stored while the camera was healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good_picture: Option<GoodPicture>,
    /// Why and since when the camera gives no picture, and when it is next asked for one. Absent if the last check got
    /// a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<Lost>,
}

/// The evidence pictures of the finding that gives a camera its status, for
/// `GET /api/v1/diagnosis/pictures/{digest}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CameraEvidence {
    /// blake3 digest of the picture: the frame that decided the verdict, with the affected places marked.
    pub picture: String,
    /// blake3 digest of a small version of the picture.
    pub thumbnail: String,
    /// The capture time of the clip that contains the picture.
    pub captured_at: DateTime<Utc>,
}

/// One page of the list of cameras.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CameraPage {
    /// The cameras, in the order that the request names.
    pub items: Vec<Camera>,
    /// The value of `after` for the next page of the same order; null on the last page.
    pub next: Option<String>,
    /// The number of cameras on all pages. Present only if the request asks for it (`count=true`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

/// The state of a camera that gave no picture when it was last asked for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Lost {
    /// Why there is no picture: the same word as `loss` in the finding of `signal_loss`.
    pub reason: String,
    /// Whether the camera accepted a connection.
    pub connects: bool,
    /// The time of the first failed request for a picture.
    pub since: DateTime<Utc>,
    /// The number of failed requests for a picture, including the request at `since`.
    pub looks: u32,
    /// When the camera was last asked for a picture.
    pub looked_at: DateTime<Utc>,
    /// The time from which a check asks the camera for a picture again. Until then, scheduled checks only test whether
    /// the camera accepts a connection. If the camera accepts a connection now and accepted none before, the check
    /// asks for a picture at once.
    pub next_full_look_at: DateTime<Utc>,
}

/// A camera after it was changed. The answer of `PUT /api/v1/diagnosis/cameras/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangedCamera {
    /// The camera.
    #[serde(flatten)]
    pub camera: Camera,
    /// Present if the master kept stored secrets, for example the password, although the address changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A picture of a healthy camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GoodPicture {
    /// The picture's digest, for `GET /api/v1/diagnosis/pictures/{digest}`.
    pub digest: String,
    /// When the master received the picture.
    pub taken_at: DateTime<Utc>,
}

/// A group of cameras.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CameraGroup {
    /// The group's name.
    pub name: String,
    /// The number of cameras in the group.
    pub cameras: u64,
}

/// Returns a source with its secrets masked: `rtsp://***@camera/stream`.
#[must_use]
pub fn masked_source(source: &str) -> String {
    // The name of an uploaded file is not an address.
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
