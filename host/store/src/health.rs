//! The health of a camera, by diagnosis. For each diagnosis, the clip that was captured last counts, not the result
//! that was recorded last. The camera's status is the worst status of its diagnoses.

use std::collections::BTreeMap;

use easysight_protocol::{Finding, Status};
use serde::{Deserialize, Serialize};

/// The time for which a diagnosis counts if newer checks of the camera do not include it, in milliseconds. The time is
/// eight days, so that a weekly check counts until the next one.
const STALE_MS: i64 = 8 * 86_400_000;

/// The key under which a missing picture is recorded. No diagnosis has this name: any later picture
/// removes the entry, whichever diagnoses its check requests.
const NO_PICTURE: &str = "";
/// The diagnosis whose findings report a missing picture.
const SIGNAL_LOSS: &str = "signal_loss";

/// The last results of a camera's diagnoses. Each check writes them, so their stored form is short: the diagnoses
/// with the same status and time are one [`Group`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Vec<Group>")]
pub(crate) struct Health(BTreeMap<String, Seen>);

/// The result of a diagnosis for a clip: the status, or None if another diagnosis explains the result; and the time at
/// which the clip was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Seen(Option<Status>, i64);

/// A status, a time, and the diagnoses that have this status and this time.
#[derive(Debug, Serialize, Deserialize)]
struct Group(Option<Status>, i64, Vec<String>);

/// The current and the former stored form of health.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Groups(Vec<Group>),
    /// The form that was written until 2026-11-29.
    Each(BTreeMap<String, Seen>),
}

impl From<Stored> for Health {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Each(each) => Self(each),
            Stored::Groups(groups) => {
                let each = groups.into_iter().flat_map(|Group(status, at, names)| {
                    names.into_iter().map(move |name| (name, Seen(status, at)))
                });
                Self(each.collect())
            }
        }
    }
}

impl From<Health> for Vec<Group> {
    fn from(health: Health) -> Self {
        let mut groups: BTreeMap<Seen, Vec<String>> = BTreeMap::new();
        for (name, seen) in health.0 {
            groups.entry(seen).or_default().push(name);
        }
        groups.into_iter().map(|(Seen(status, at), names)| Group(status, at, names)).collect()
    }
}

impl Health {
    /// Adds the findings of a clip. A diagnosis that was inconclusive keeps its last result.
    pub(crate) fn note(&mut self, findings: &[Finding], captured_at: i64) {
        for finding in findings {
            let Some(status) = finding.status else { continue };
            let own = finding.consequence_of.is_none().then_some(status);
            let name = if finding.loss.is_some() { NO_PICTURE } else { &finding.diagnosis };
            let seen = self.0.entry(name.to_owned()).or_insert(Seen(own, captured_at));
            if seen.1 <= captured_at {
                *seen = Seen(own, captured_at);
            }
        }
        let is_picture = findings.iter().any(|one| one.plugin.is_some());
        if is_picture && self.0.get(NO_PICTURE).is_some_and(|seen| seen.1 <= captured_at) {
            self.0.remove(NO_PICTURE);
        }
        let newest = self.0.values().map(|seen| seen.1).max().unwrap_or(0);
        self.0.retain(|_, seen| seen.1 >= newest - STALE_MS);
    }

    /// Sets times after `now` to `now`, because a clock that was ahead wrote these times.
    pub(crate) fn bring_back(&mut self, now: i64) {
        for seen in self.0.values_mut() {
            seen.1 = seen.1.min(now);
        }
    }

    /// Returns the worst status of the diagnoses, or None if no diagnosis has one.
    pub(crate) fn status(&self) -> Option<Status> {
        self.0.values().filter_map(|seen| seen.0).max()
    }

    /// Returns the diagnosis that gives the camera its status, and when its clip was captured. None if the status is
    /// normal or unknown. If several diagnoses have this status, the first in the alphabet counts; a missing picture
    /// comes before all of them.
    pub(crate) fn cause(&self) -> Option<(&str, i64)> {
        let worst = self.status().filter(|status| *status > Status::Normal)?;
        let (name, seen) = self.0.iter().find(|(_, seen)| seen.0 == Some(worst))?;
        Some((if name == NO_PICTURE { SIGNAL_LOSS } else { name }, seen.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(diagnosis: &str, status: Option<Status>) -> Finding {
        Finding { status, ..Finding::blank(diagnosis) }
    }

    #[test]
    fn health_is_stored_in_groups_and_the_former_form_is_read() {
        let mut health = Health::default();
        health.note(&[said("dark", Some(Status::Normal)), said("blur", Some(Status::Normal))], 5_000);
        health.note(&[said("noise", Some(Status::Error))], 6_000);
        let stored = serde_json::to_string(&health).unwrap();
        assert_eq!(stored, r#"[["normal",5000,["blur","dark"]],["error",6000,["noise"]]]"#);
        let former = r#"{"blur": ["normal", 5000], "dark": ["normal", 5000], "noise": ["error", 6000]}"#;
        for text in [&stored, former] {
            assert_eq!(serde_json::from_str::<Health>(text).unwrap(), health);
        }
    }

    #[test]
    fn the_newest_capture_counts_whatever_is_recorded_last() {
        let mut health = Health::default();
        assert_eq!(health.status(), None);
        health.note(&[said("dark", Some(Status::Normal)), said("blur", Some(Status::Normal))], 5_000);
        health.note(&[said("dark", Some(Status::Error))], 1_000);
        assert_eq!(health.status(), Some(Status::Normal));
        // Two tasks on one camera do not overwrite each other's results.
        health.note(&[said("blur", Some(Status::Warning))], 6_000);
        health.note(&[said("dark", Some(Status::Normal))], 7_000);
        assert_eq!(health.status(), Some(Status::Warning));
        health.note(&[said("blur", None)], 8_000);
        assert_eq!(health.status(), Some(Status::Warning));
        health.note(&[said("blur", Some(Status::Normal))], 9_000);
        assert_eq!(health.status(), Some(Status::Normal));
    }

    #[test]
    fn that_there_is_no_picture_ends_with_the_next_one_whatever_is_asked_of_it() {
        let loss = Finding { loss: Some("stalled".into()), ..said("signal_loss", Some(Status::Critical)) };
        let seen = |diagnosis: &str, status| Finding {
            plugin: Some("p@1.0.0".into()),
            ..said(diagnosis, Some(status))
        };
        let mut health = Health::default();
        health.note(&[seen("signal_loss", Status::Warning)], 1_000);
        health.note(std::slice::from_ref(&loss), 2_000);
        assert_eq!(health.status(), Some(Status::Critical));
        // An earlier clip does not show whether the picture is still missing.
        health.note(&[seen("dark", Status::Normal)], 1_500);
        assert_eq!(health.status(), Some(Status::Critical));
        // A black picture is a picture. The status of `signal_loss` stays until that diagnosis reports another one.
        health.note(&[seen("dark", Status::Normal)], 3_000);
        assert_eq!(health.status(), Some(Status::Warning));
        health.note(&[seen("signal_loss", Status::Normal)], 4_000);
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
