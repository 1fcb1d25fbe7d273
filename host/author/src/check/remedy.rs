//! Advice for failed runs.

use easysight_sandbox::RunFailure;

/// Returns the advice for the author.
pub(super) fn for_failure(failure: &RunFailure) -> &'static str {
    match failure {
        RunFailure::InvalidConfig(_) => {
            "the schema let this through, so either the plugin can do with it or the schema must say that it cannot"
        }
        RunFailure::UnsupportedClip(_) | RunFailure::Inconclusive(_) => {
            "say so only where the picture cannot tell; here it could"
        }
        RunFailure::Internal(_) => "find out what the plugin stumbled over; `internal` is for defects alone",
        RunFailure::FuelExhausted(_) => {
            "do less on large pictures: ask for a smaller level of the pyramid, a crop, or fewer frames; \
             `easysight plugin bench --profile` names the functions that burn the fuel"
        }
        RunFailure::TimedOut(_) => "do less, and wait for nothing: a plugin's clock stands still",
        RunFailure::Stopped => "run it again; it was stopped from outside, not by a limit",
        RunFailure::MemoryExceeded { .. } => {
            "hold one frame at a time, and of a smaller level of the pyramid; free what is not needed any more"
        }
        RunFailure::TableExceeded { .. } => {
            "build it with fewer and smaller tables; one of a few hundred is usual"
        }
        RunFailure::StackOverflow => {
            "do not recurse into pictures; use a loop and a list of what is still to be done"
        }
        RunFailure::ResultTooLarge(_) => {
            "report less: at most 64 metrics, 256 regions, texts of 1000 characters"
        }
        RunFailure::TooManyHandles(_) => "give back every handle that you are given; there is one clip",
        RunFailure::Trap(_) => {
            "look at the function that is named: an index beyond a small picture, a division by zero, an empty list, \
             a panic; ask the clip for its size, its levels and its number of frames"
        }
        RunFailure::InvalidReport(_) => {
            "keep the contract's rules: a score within 0 and 100, finite metrics, a decision that names one of them, \
             boxes within the picture, each diagnosis once"
        }
    }
}
