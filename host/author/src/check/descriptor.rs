//! What a plugin says of itself must be the same at every call.

use easysight_sandbox::Plugin;

use super::{Check, remedy};

const NAME: &str = "descriptor";

/// Asks in fresh instances, and several times in one.
pub(super) fn stays(plugin: &Plugin) -> Check {
    let fresh = plugin.probe().map(|descriptor| vec![descriptor]);
    let again = plugin.describe_repeatedly(3);
    match (fresh, again) {
        (Ok(fresh), Ok(again)) => {
            if fresh.iter().chain(&again).all(|answer| answer == plugin.descriptor()) {
                Check::pass(NAME, "the same at every call")
            } else {
                Check::fail(
                    NAME,
                    "`describe` answers differently from one call to the next",
                    "make it of constants: it must depend on nothing that happened before",
                )
            }
        }
        (Err(failure), _) | (_, Err(failure)) => {
            Check::fail(NAME, format!("`describe`, called again: {failure}"), remedy::for_failure(&failure))
        }
    }
}
