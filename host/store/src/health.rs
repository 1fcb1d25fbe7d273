//! How a camera is, by diagnosis: what was seen last counts, not what was recorded last. The camera's status is
//! the worst of what its diagnoses say.

use std::collections::BTreeMap;

use easysight_protocol::{Finding, Status};
use serde::{Deserialize, Serialize};

/// A diagnosis that newer checks of the camera left out for so long counts no more, in milliseconds: eight days,
/// so that a weekly check counts until the next one.
const STALE_MS: i64 = 8 * 86_400_000;

/// What the diagnoses last said of a camera.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Health(BTreeMap<String, Seen>);

/// What a diagnosis said of a clip: a status of its own, none where it follows from another diagnosis's; and when
/// the clip was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Seen(Option<Status>, i64);

impl Health {
    /// Takes in what was found in a clip. A diagnosis that could not tell leaves its last word standing.
    pub(crate) fn note(&mut self, findings: &[Finding], captured_at: i64) {
        for finding in findings {
            let Some(status) = finding.status else { continue };
            let own = finding.consequence_of.is_none().then_some(status);
            let seen = self.0.entry(finding.diagnosis.clone()).or_insert(Seen(own, captured_at));
            if seen.1 <= captured_at {
                *seen = Seen(own, captured_at);
            }
        }
        let newest = self.0.values().map(|seen| seen.1).max().unwrap_or(0);
        self.0.retain(|_, seen| seen.1 >= newest - STALE_MS);
    }

    /// What was captured after `now` was captured by a clock that was ahead, and counts as of now.
    pub(crate) fn bring_back(&mut self, now: i64) {
        for seen in self.0.values_mut() {
            seen.1 = seen.1.min(now);
        }
    }

    /// The worst that a diagnosis says; none where none said anything.
    pub(crate) fn status(&self) -> Option<Status> {
        self.0.values().filter_map(|seen| seen.0).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(diagnosis: &str, status: Option<Status>) -> Finding {
        Finding { status, ..Finding::blank(diagnosis) }
    }

    #[test]
    fn the_newest_capture_counts_whatever_is_recorded_last() {
        let mut health = Health::default();
        assert_eq!(health.status(), None);
        health.note(&[said("dark", Some(Status::Normal)), said("blur", Some(Status::Normal))], 5_000);
        health.note(&[said("dark", Some(Status::Error))], 1_000);
        assert_eq!(health.status(), Some(Status::Normal));
        // Of two tasks on one camera neither overwrites the other.
        health.note(&[said("blur", Some(Status::Warning))], 6_000);
        health.note(&[said("dark", Some(Status::Normal))], 7_000);
        assert_eq!(health.status(), Some(Status::Warning));
        health.note(&[said("blur", None)], 8_000);
        assert_eq!(health.status(), Some(Status::Warning));
        health.note(&[said("blur", Some(Status::Normal))], 9_000);
        assert_eq!(health.status(), Some(Status::Normal));
    }

    #[test]
    fn what_follows_from_another_finding_and_what_nobody_asks_any_more_do_not_count() {
        let mut health = Health::default();
        let follows = Finding { consequence_of: Some("dark".into()), ..said("blur", Some(Status::Critical)) };
        health.note(&[said("dark", Some(Status::Warning)), follows], 1_000);
        assert_eq!(health.status(), Some(Status::Warning));
        health.note(&[said("blur", Some(Status::Normal))], 1_000 + STALE_MS);
        assert_eq!(health.status(), Some(Status::Warning));
        health.note(&[said("blur", Some(Status::Normal))], 1_001 + STALE_MS);
        assert_eq!(health.status(), Some(Status::Normal));
    }
}
