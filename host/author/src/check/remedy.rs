//! Advice for failed runs.

use easysight_sandbox::RunFailure;

/// Returns the advice for the author.
pub(super) fn for_failure(failure: &RunFailure) -> &'static str {
    match failure {
        RunFailure::InvalidConfig(_) => {
            "the schema accepts this configuration, so the plugin must accept it too, or the schema must refuse it"
        }
        RunFailure::UnsupportedClip(_) | RunFailure::Inconclusive(_) => {
            "give this answer only if the picture does not allow a judgement; this picture does"
        }
        RunFailure::Internal(_) => "find the defect in the plugin; `internal` is for defects only",
        RunFailure::FuelExhausted(_) => {
            "do less on large pictures: request a smaller level of the pyramid, a crop, or fewer frames; \
             `easysight plugin bench --profile` names the functions that use the most fuel"
        }
        RunFailure::TimedOut(_) => "do less, and never wait: a plugin's clock stands still",
        RunFailure::Stopped => "run the plugin again; it was stopped from outside, not by a limit",
        RunFailure::MemoryExceeded { .. } => {
            "hold one frame at a time, at a smaller level of the pyramid; free what is no longer needed"
        }
        RunFailure::TableExceeded { .. } => {
            "build the plugin with fewer and smaller tables; one table of a few hundred elements is usual"
        }
        RunFailure::StackOverflow => "do not recurse over pictures; use a loop and a work list",
        RunFailure::ResultTooLarge(_) => {
            "report less: at most 64 metrics, 256 regions, texts of 1000 characters"
        }
        RunFailure::TooManyHandles(_) => "drop every handle that the host gives you; there is only one clip",
        RunFailure::Trap(_) => {
            "look at the named function: an index beyond a small picture, a division by zero, an empty list, a panic; \
             ask the clip for its size, its levels and its number of frames"
        }
        RunFailure::InvalidReport(_) => {
            "keep the contract's rules: a score from 0 to 100, finite metrics, a decision that names one of them, \
             boxes within the picture, each diagnosis once"
        }
    }
}
