//! Cameras in requests: checks their fields, and replaces `***` in their sources with the stored secrets.

use easysight_address::restored;
use easysight_daemon::problem::Error;
use easysight_protocol::CameraRequest;
use easysight_store::StoredCamera;

use crate::problems::invalid;

use super::super::check;

/// The note in an answer if masked secrets were kept although the address changed.
pub(super) const KEPT: &str = "secrets that are masked in the source keep their stored values";
/// The largest number of groups of one camera.
const MAX_GROUPS: usize = 64;

/// Completes the request for a stored camera: replaces `***` in the source with the stored secrets, and checks the
/// fields. Returns true if secrets were kept although the address changed.
pub(super) fn resolve(request: &mut CameraRequest, known: &StoredCamera) -> Result<bool, Error> {
    let offered = request.source.trim();
    let meant = restored(offered, &known.source).map_err(|error| invalid("/source", error.to_string()))?;
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
    check::name("/name", &request.name)?;
    check::labels("/labels", &request.labels)?;
    check::names("/groups", &request.groups, MAX_GROUPS)
}
