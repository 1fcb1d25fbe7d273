//! Checks that the descriptor and the explanations are the same at every call.

use easysight_sandbox::Plugin;

use super::{Check, remedy};

const NAME: &str = "descriptor";
const EXPLANATIONS: &str = "explanations";

/// Calls `describe` in a fresh instance, and several times in one instance.
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
                    "build it from constants only: it must not depend on anything that happened before",
                )
            }
        }
        (Err(failure), _) | (_, Err(failure)) => Check::fail(
            NAME,
            format!("`describe` failed when called again: {failure}"),
            remedy::for_failure(&failure),
        ),
    }
}

/// Calls `explanations` in the same way. Returns `None` if the plugin has no explanations.
pub(super) fn explanations_stay(plugin: &Plugin) -> Option<Check> {
    let check = match plugin.explain_repeatedly(3) {
        Ok(answers) if answers.is_empty() => return None,
        Ok(answers) if answers.iter().all(|answer| answer == plugin.explanations()) => {
            Check::pass(EXPLANATIONS, "the same at every call")
        }
        Ok(_) => Check::fail(
            EXPLANATIONS,
            "`explanations` answers differently from one call to the next",
            "build it from constants only: it must not depend on anything that happened before",
        ),
        Err(failure) => Check::fail(
            EXPLANATIONS,
            format!("`explanations` failed when called again: {failure}"),
            remedy::for_failure(&failure),
        ),
    };
    Some(check)
}
