//! A camera as a client offers it: whether it may be one, and what `***` stands for in its source.

use easysight_address::restored;
use easysight_daemon::problem::Error;
use easysight_protocol::CameraRequest;
use easysight_store::StoredCamera;

use crate::problems::invalid;

use super::super::check;

/// The note of an answer where a masked secret was kept although the address changed.
pub(super) const KEPT: &str = "secrets that were masked in the source are kept as they were";
/// Groups of one camera.
const MAX_GROUPS: usize = 64;

/// A camera that is kept already, as it shall be: `***` in its source stands for what is kept. Answers whether
/// it stood for something in an address that is another now.
pub(super) fn resolve(request: &mut CameraRequest, known: &StoredCamera) -> Result<bool, Error> {
    let offered = request.source.trim();
    let meant = restored(offered, &known.source).map_err(|error| invalid("/source", error.to_string()))?;
    let kept = meant != offered && meant != known.source;
    if meant != offered {
        request.source = meant;
    }
    // What a former version took stays, however it is written.
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
