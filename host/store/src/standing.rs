//! The standing of a camera: its status, the diagnosis that gives the status, the time at which the status began, and
//! the evidence pictures. The standing is derived from the camera's health and stored with it.

use easysight_protocol::{CameraEvidence, Finding, Status};

use crate::{
    StoreError,
    db::{Row, Rows},
    health::Health,
    query::{maybe_json, maybe_text, time},
};

/// The columns of a camera's row that contain its standing.
pub(crate) const COLUMNS: &str = "status, cause, status_since, evidence";
/// The assignments that write the columns of [`COLUMNS`] from the rows `x`. [`add`] adds these columns to the rows.
pub(crate) const SET: &str = "status = COALESCE(x.status, cameras.status), cause = x.cause, \
     status_since = x.status_since, evidence = x.evidence";

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    status: Option<Status>,
    /// The diagnosis that gives the status. None if the status is normal or unknown.
    cause: Option<String>,
    /// The capture time of the clip with which the status began, in milliseconds since 1970.
    since: Option<i64>,
    /// The pictures of the latest finding of the cause.
    evidence: Option<CameraEvidence>,
}

impl Standing {
    pub(crate) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            status: maybe_text(row, "status")?.as_deref().and_then(Status::of_word),
            cause: maybe_text(row, "cause")?,
            since: row.try_get("status_since")?,
            evidence: maybe_json(row, "evidence")?,
        })
    }

    /// Returns the standing after a clip. `health` already includes the findings of the clip. `checked_at` is the time
    /// of the previous check, or None if this is the first one.
    pub(crate) fn after(
        self,
        health: &Health,
        findings: &[Finding],
        captured_at: i64,
        checked_at: Option<i64>,
    ) -> Result<Self, StoreError> {
        // Without a verdict, the camera keeps its status.
        let Some(status) = health.status() else { return Ok(self) };
        let since = match self.since {
            Some(since) if self.status == Some(status) => since,
            // A version that did not record this time gave the camera its status, at the last check or earlier.
            None if self.status == Some(status) => checked_at.unwrap_or(captured_at).min(captured_at),
            _ => captured_at,
        };
        let (cause, evidence) = match health.cause() {
            None => (None, None),
            Some((cause, seen_at)) => {
                let is_it = |one: &&Finding| {
                    one.diagnosis == cause && one.status == Some(status) && one.consequence_of.is_none()
                };
                // If a newer clip has been judged already, the finding of this clip does not count.
                let found = findings.iter().find(is_it).filter(|_| seen_at == captured_at);
                let evidence = match found {
                    Some(found) => evidence_of(found, captured_at)?,
                    None => self.evidence.filter(|_| self.cause.as_deref() == Some(cause)),
                };
                (Some(cause.to_owned()), evidence)
            }
        };
        Ok(Self { status: Some(status), cause, since: Some(since), evidence })
    }
}

fn evidence_of(finding: &Finding, captured_at: i64) -> Result<Option<CameraEvidence>, StoreError> {
    let Some(evidence) = &finding.evidence else { return Ok(None) };
    let (picture, thumbnail) = (evidence.picture.clone(), evidence.thumbnail.clone());
    Ok(Some(CameraEvidence { picture, thumbnail, captured_at: time(captured_at)? }))
}

/// Adds to `rows` the columns that [`SET`] reads.
pub(crate) fn add(rows: Rows, all: &[Standing]) -> Result<Rows, StoreError> {
    let evidence = all.iter().map(|one| one.evidence.as_ref().map(serde_json::to_string).transpose());
    let evidence = evidence.collect::<Result<Vec<_>, _>>()?;
    Ok(rows
        .maybe_texts("status", all.iter().map(|one| one.status.map(Status::as_str)))
        .maybe_texts("cause", all.iter().map(|one| one.cause.as_deref()))
        .maybe_integers("status_since", all.iter().map(|one| one.since))
        .maybe_texts("evidence", evidence))
}

#[cfg(test)]
mod tests {
    use easysight_protocol::Evidence;

    use super::*;

    fn said(diagnosis: &str, status: Status, picture: &str) -> Finding {
        let evidence = Evidence { picture: picture.into(), thumbnail: format!("small {picture}") };
        Finding { status: Some(status), evidence: Some(evidence), ..Finding::blank(diagnosis) }
    }

    /// A camera's health and standing, and when it was checked last.
    #[derive(Default)]
    struct Seen(Health, Standing, Option<i64>);

    impl Seen {
        fn check(&mut self, findings: &[Finding], at: i64) {
            self.0.note(findings, at);
            self.1 = std::mem::take(&mut self.1).after(&self.0, findings, at, self.2).unwrap();
            self.2 = self.2.max(Some(at));
        }

        fn is(&self) -> (Option<Status>, Option<&str>, Option<i64>, Option<&str>) {
            let evidence = self.1.evidence.as_ref().map(|one| one.picture.as_str());
            (self.1.status, self.1.cause.as_deref(), self.1.since, evidence)
        }
    }

    #[test]
    fn a_status_begins_with_its_first_clip_and_shows_the_latest_one() {
        let mut camera = Seen::default();
        camera.check(&[Finding::blank("dark")], 500);
        assert_eq!(camera.is(), (None, None, None, None));
        camera.check(&[said("dark", Status::Normal, "a")], 1_000);
        assert_eq!(camera.is(), (Some(Status::Normal), None, Some(1_000), None));
        camera.check(&[said("dark", Status::Error, "b")], 2_000);
        camera.check(&[said("dark", Status::Error, "c")], 3_000);
        assert_eq!(camera.is(), (Some(Status::Error), Some("dark"), Some(2_000), Some("c")));
        // A finding without a verdict changes nothing.
        camera.check(&[Finding::blank("dark")], 4_000);
        assert_eq!(camera.is(), (Some(Status::Error), Some("dark"), Some(2_000), Some("c")));
        camera.check(&[said("dark", Status::Normal, "d")], 5_000);
        assert_eq!(camera.is(), (Some(Status::Normal), None, Some(5_000), None));
    }

    #[test]
    fn a_picture_is_as_old_as_its_clip() {
        let mut camera = Seen::default();
        camera.check(&[said("dark", Status::Error, "a")], 1_000);
        camera.check(&[said("noise", Status::Normal, "b")], 2_000);
        let evidence = camera.1.evidence.unwrap();
        assert_eq!((evidence.picture.as_str(), evidence.captured_at.timestamp_millis()), ("a", 1_000));
    }

    #[test]
    fn late_clips_and_consequences_are_no_cause() {
        let mut camera = Seen::default();
        camera.check(&[said("dark", Status::Error, "new")], 5_000);
        camera.check(&[said("dark", Status::Error, "late")], 1_000);
        camera.check(&[said("dark", Status::Critical, "late")], 2_000);
        assert_eq!(camera.is(), (Some(Status::Error), Some("dark"), Some(5_000), Some("new")));
        let follows = Finding { consequence_of: Some("dark".into()), ..said("blur", Status::Critical, "x") };
        camera.check(&[follows, said("dark", Status::Error, "newer")], 6_000);
        assert_eq!(camera.is(), (Some(Status::Error), Some("dark"), Some(5_000), Some("newer")));
    }

    #[test]
    fn another_cause_of_the_same_status_has_its_own_pictures() {
        let mut camera = Seen::default();
        camera.check(&[said("noise", Status::Warning, "n"), said("tint", Status::Warning, "t")], 1_000);
        assert_eq!(camera.is(), (Some(Status::Warning), Some("noise"), Some(1_000), Some("n")));
        camera.check(&[said("noise", Status::Normal, "m")], 2_000);
        assert_eq!(camera.is(), (Some(Status::Warning), Some("tint"), Some(1_000), None));
        camera.check(&[said("tint", Status::Warning, "u")], 3_000);
        assert_eq!(camera.is(), (Some(Status::Warning), Some("tint"), Some(1_000), Some("u")));
    }

    #[test]
    fn a_missing_picture_is_a_cause_until_the_next_picture() {
        let mut camera = Seen::default();
        let loss = Finding {
            loss: Some("stalled".into()),
            status: Some(Status::Critical),
            ..Finding::blank("signal_loss")
        };
        camera.check(std::slice::from_ref(&loss), 1_000);
        assert_eq!(camera.is(), (Some(Status::Critical), Some("signal_loss"), Some(1_000), None));
        let seen = Finding { plugin: Some("dark@1.0.0".into()), ..said("dark", Status::Normal, "a") };
        camera.check(&[seen], 2_000);
        assert_eq!(camera.is(), (Some(Status::Normal), None, Some(2_000), None));
    }

    #[test]
    fn a_status_of_an_earlier_version_lasts_at_least_since_the_last_check() {
        let mut camera = Seen::default();
        camera.check(&[said("dark", Status::Error, "a")], 1_000);
        camera.1 = Standing { status: Some(Status::Error), ..Standing::default() };
        camera.check(&[said("dark", Status::Error, "b")], 2_000);
        assert_eq!(camera.is(), (Some(Status::Error), Some("dark"), Some(1_000), Some("b")));
    }
}
