//! Cameras in requests: checks their fields, and replaces `***` in their sources with the stored secrets.

use easysight_address::restored;
use easysight_daemon::problem::Error;
use easysight_protocol::CameraRequest;
use easysight_store::StoredCamera;

use crate::{names::MAX_NAME, problems::invalid};

use super::super::check;

/// The note in an answer if masked secrets were kept although the address changed.
pub(super) const KEPT: &str = "secrets that are masked in the source keep their stored values";
/// The largest number of groups of one camera.
const MAX_GROUPS: usize = 64;

/// Completes the request for a stored camera: replaces `***` in the source with the stored secrets, and checks the
/// fields. Returns true if secrets were kept although the address changed.
pub(super) fn resolve(request: &mut CameraRequest, known: &StoredCamera) -> Result<bool, Error> {
    let offered = request.source.trim();
    let meant = restored(offered, &known.source).map_err(|error| {
        let restored = invalid("/source", error.to_string());
        restored.because("source-secret", [])
    })?;
    let kept = meant != offered && meant != known.source;
    if meant != offered {
        request.source = meant;
    }
    // A source that did not change is not checked, because an earlier version may have accepted a source that is
    // refused now.
    if request.source != known.source {
        check::source("/source", &request.source)?;
    }
    check_fields(request)?;
    Ok(kept)
}

pub(super) fn check_camera(request: &CameraRequest) -> Result<(), Error> {
    check::source("/source", &request.source)?;
    check_fields(request)
}

fn check_fields(request: &CameraRequest) -> Result<(), Error> {
    check::name("/name", &request.name).map_err(|error| {
        let codes = ["name-missing", "name-too-long", "name-invalid"];
        let code = check::text_fault(request.name.trim(), MAX_NAME, codes).unwrap_or("name-invalid");
        error.because(code, [("most", MAX_NAME.into())])
    })?;
    check::labels("/labels", &request.labels)?;
    check::names("/groups", &request.groups, MAX_GROUPS).map_err(|error| {
        if request.groups.len() > MAX_GROUPS {
            error.because("groups-too-many", [("most", MAX_GROUPS.into())])
        } else {
            error.because("group-invalid", [("most", MAX_NAME.into())])
        }
    })
}
