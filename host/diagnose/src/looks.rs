//! Decides between short and full checks, which the code calls looks. The cost of a check is mostly the cost of
//! decoding, and the first second of a healthy camera's clip is as informative as the whole clip. A short check decodes
//! only this second. Its result counts only if it confirms what the last full check found: that the camera has no
//! fault. Otherwise the capture continues, and the frames of the first second and all further frames are judged as one
//! clip.
//!
//! The state for this decision is stored together with the baselines of the camera's plugins. The state moves with the
//! baselines from node to node, and is deleted with them.

use std::time::Duration;

use bytes::Bytes;
use easysight_capture::ClipRequest;
use easysight_protocol::{Failure, Finding, LOOKS_MEMORY, Look, Status};
use easysight_sandbox::Digest;
use serde::{Deserialize, Serialize};

use crate::{Baselines, Examination, Plan};

/// The length of the clip of a short check.
const PART: Duration = Duration::from_secs(1);
/// The version of the serialised form of [`Remembered`].
const VERSION: u32 = 1;

/// Decides whether the next check of a camera is short or full.
#[derive(Debug, Clone)]
pub struct Looks {
    /// The number of checks of which one is full.
    every: u32,
    /// A hash of the plugins, diagnoses and configurations of the plan.
    plan: String,
    known: Option<Remembered>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    version: u32,
    /// The hash of the plan of the last check.
    plan: String,
    /// The number of short checks since the last full check.
    short: u32,
    /// True if the last check found no fault.
    well: bool,
    /// Diagnoses that the last full check could not judge.
    untold: Vec<String>,
}

impl Looks {
    /// Prepares the decision from the plan and the stored state of the camera. If `every` is 1, all checks are full.
    #[must_use]
    pub fn new(every: u32, plan: &Plan, known: &Baselines) -> Self {
        let known =
            known.get(LOOKS_MEMORY).and_then(|bytes| serde_json::from_slice::<Remembered>(bytes).ok());
        let plan = name_of(plan);
        let known = known.filter(|known| known.version == VERSION && known.plan == plan);
        Self { every, plan, known }
    }

    /// Returns the clip that a short check needs. `None` if the next check is full.
    #[must_use]
    pub fn part(&self, plan: &Plan) -> Option<ClipRequest> {
        let known = self.known.as_ref()?;
        if !known.well || known.short.saturating_add(1) >= self.every {
            return None;
        }
        let part = plan.request().within(PART);
        (part != *plan.request()).then_some(part)
    }

    /// Returns true if a short check confirms the result of the last full check. All its findings must be normal,
    /// except those of diagnoses that the last full check could not judge either.
    #[must_use]
    pub fn is_enough(&self, short: &Examination) -> bool {
        let known = |finding: &Finding| match &finding.failure {
            None => finding.status == Some(Status::Normal),
            Some(failure) => {
                let untold = self.known.as_ref().map(|known| &known.untold);
                failure.is_harmless() && untold.is_some_and(|untold| untold.contains(&finding.diagnosis))
            }
        };
        short.failure.is_none() && short.findings.iter().all(known)
    }

    /// Records in the findings whether the check was short or full, and stores the state for the next check in the
    /// baselines.
    pub fn note(&self, look: Look, examination: &mut Examination) {
        if self.every <= 1 || examination.failure.is_some() {
            return;
        }
        for finding in examination.findings.iter_mut().chain(&mut examination.shadows) {
            finding.look = Some(look);
        }
        let harmless = |finding: &Finding| finding.failure.as_ref().is_some_and(Failure::is_harmless);
        let findings = &examination.findings;
        let (short, untold) = match (look, &self.known) {
            (Look::Short, Some(known)) => (known.short.saturating_add(1), known.untold.clone()),
            _ => {
                let untold = findings.iter().filter(|one| harmless(one)).map(|one| one.diagnosis.clone());
                (0, untold.collect())
            }
        };
        let well = findings.iter().all(|one| one.status == Some(Status::Normal) || harmless(one));
        let now = Remembered { version: VERSION, plan: self.plan.clone(), short, well, untold };
        if self.known.as_ref() == Some(&now) {
            return;
        }
        match serde_json::to_vec(&now) {
            Ok(bytes) => drop(examination.baselines.insert(LOOKS_MEMORY.to_owned(), Bytes::from(bytes))),
            Err(error) => tracing::warn!(%error, "the state for the next check cannot be stored"),
        }
    }
}

/// Returns a hash of the plugins with their diagnoses and configurations, 16 characters long. If any of these
/// change, the next check is a full one.
fn name_of(plan: &Plan) -> String {
    let all = plan.selected().iter().chain(plan.shadows());
    let each = all.map(|one| format!("{} {:?} {}\n", one.plugin.digest(), one.diagnoses, one.config));
    Digest::of(each.collect::<String>().as_bytes()).to_string().chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(diagnosis: &str, status: Option<Status>, failure: Option<&str>) -> Finding {
        let failure = failure.map(|kind| Failure { kind: kind.into(), detail: String::new() });
        Finding { status, failure, ..Finding::blank(diagnosis) }
    }

    fn looked(findings: &[Finding]) -> Examination {
        Examination { findings: findings.to_vec(), ..Examination::default() }
    }

    /// Returns the state for the next check after this one.
    fn after(looks: &Looks, look: Look, findings: &[Finding]) -> Looks {
        let mut examination = looked(findings);
        looks.note(look, &mut examination);
        let kept =
            examination.baselines.get(LOOKS_MEMORY).map(|bytes| serde_json::from_slice(bytes).unwrap());
        Looks { known: kept.or_else(|| looks.known.clone()), ..looks.clone() }
    }

    fn may_be_short(looks: &Looks) -> bool {
        looks.known.as_ref().is_some_and(|known| known.well && known.short + 1 < looks.every)
    }

    #[test]
    fn of_so_many_looks_at_a_camera_that_is_well_one_is_a_full_one() {
        let mut looks = Looks { every: 4, plan: "a".into(), known: None };
        let fine = [said("freeze", Some(Status::Normal), None)];
        let mut seen = Vec::new();
        for _ in 0..9 {
            let look = if may_be_short(&looks) { Look::Short } else { Look::Full };
            looks = after(&looks, look, &fine);
            seen.push(look);
        }
        let (full, short) = (Look::Full, Look::Short);
        assert_eq!(seen, [full, short, short, short, full, short, short, short, full]);
    }

    #[test]
    fn what_is_not_well_is_looked_at_in_full() {
        let looks = Looks { every: 4, plan: "a".into(), known: None };
        let dark = [said("brightness", Some(Status::Warning), None)];
        assert!(!may_be_short(&after(&looks, Look::Full, &dark)));
        let trapped = [said("brightness", None, Some("trapped"))];
        assert!(!may_be_short(&after(&looks, Look::Full, &trapped)));
    }

    #[test]
    fn a_short_look_is_enough_where_it_tells_as_much_as_the_full_one_before() {
        let looks = Looks { every: 4, plan: "a".into(), known: None };
        let untold = said("clarity", None, Some(Failure::INCONCLUSIVE));
        let fine = said("freeze", Some(Status::Normal), None);
        let looks = after(&looks, Look::Full, &[untold.clone(), fine.clone()]);
        assert!(may_be_short(&looks));
        assert!(looks.is_enough(&looked(&[untold.clone(), fine.clone()])));
        assert!(looks.is_enough(&looked(&[said("clarity", Some(Status::Normal), None), fine.clone()])));
        let freeze = |status, failure| looked(&[untold.clone(), said("freeze", status, failure)]);
        assert!(!looks.is_enough(&freeze(Some(Status::Warning), None)));
        // One second is too short for a judgement, but the full check before it was long enough.
        assert!(!looks.is_enough(&freeze(None, Some(Failure::INCONCLUSIVE))));
        assert!(!looks.is_enough(&freeze(None, Some("trapped"))));
        assert!(!looks.is_enough(&Examination {
            failure: Some(Failure { kind: "no-such-file".into(), detail: String::new() }),
            ..Examination::default()
        }));
    }

    #[test]
    fn where_all_looks_are_full_nothing_is_said_of_them() {
        let looks = Looks { every: 1, plan: "a".into(), known: None };
        let mut examination = looked(&[said("freeze", Some(Status::Normal), None)]);
        looks.note(Look::Full, &mut examination);
        assert!(examination.baselines.is_empty() && examination.findings[0].look.is_none());
    }
}
