//! Decides which refused requests are recorded in the audit log. A caller may repeat a refused request as often as it
//! likes, so the log gets at most one entry per hour for each caller and kind of request, and a limited total number
//! per hour.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// The time after which the same refused request of the same caller is recorded again.
const AGAIN: Duration = Duration::from_secs(3_600);
/// The largest number of refusals that are recorded in this time.
const MOST: usize = 500;

/// The refusals that were recorded lately.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<HashMap<(String, String), Instant>>);

impl Refusals {
    /// Returns true if the refusal of this request to this caller is to be recorded.
    pub(crate) fn is_new(&self, caller: String, request: String, now: Instant) -> bool {
        let mut known = self.0.lock();
        known.retain(|_, at| now.saturating_duration_since(*at) < AGAIN);
        if known.len() >= MOST || known.contains_key(&(caller.clone(), request.clone())) {
            return false;
        }
        known.insert((caller, request), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_who_insists_does_not_fill_the_log() {
        let refusals = Refusals::default();
        let now = Instant::now();
        let is_new =
            |caller: &str, request: &str, after| refusals.is_new(caller.into(), request.into(), now + after);
        assert!(is_new("a", "DELETE /tokens", Duration::ZERO));
        assert!(!is_new("a", "DELETE /tokens", AGAIN - Duration::from_secs(1)));
        assert!(is_new("a", "POST /tokens", Duration::ZERO));
        assert!(is_new("b", "DELETE /tokens", Duration::ZERO));
        assert!(is_new("a", "DELETE /tokens", AGAIN));
        let recorded = (0..2 * MOST).filter(|at| is_new("c", &at.to_string(), AGAIN)).count();
        assert!(recorded < MOST, "{recorded}");
    }
}
