//! Short looks: what a check costs is what decoding costs, and of a camera that is well the first second
//! of a clip tells as much as all of it. A short look counts only where it finds what the last full one found,
//! that all is well; else the capture goes on, and the same frames and those that follow are judged as a whole.
//!
//! What is needed to tell that is remembered with the camera, beside what its plugins remember: it goes with them
//! from node to node, and is forgotten with them.

use std::time::Duration;

use bytes::Bytes;
use easysight_capture::ClipRequest;
use easysight_protocol::{Failure, Finding, LOOKS_MEMORY, Look, Status};
use easysight_sandbox::Digest;
use serde::{Deserialize, Serialize};

use crate::{Baselines, Examination, Plan};

/// What a short look sees.
const PART: Duration = Duration::from_secs(1);
/// Of [`Remembered`] as it is written.
const VERSION: u32 = 1;

/// Which look the next check of a camera is.
#[derive(Debug, Clone)]
pub struct Looks {
    /// Of so many checks one is a full look.
    every: u32,
    /// Names what is judged, and how.
    plan: String,
    known: Option<Remembered>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    version: u32,
    /// The plan of the last look.
    plan: String,
    /// Short looks since the last full one.
    short: u32,
    /// True where the last look found nothing.
    well: bool,
    /// Diagnoses of which the last full look could not tell.
    untold: Vec<String>,
}

impl Looks {
    /// By what the plan asks for and what is known of the camera. With `every` 1 all looks are full.
    #[must_use]
    pub fn new(every: u32, plan: &Plan, known: &Baselines) -> Self {
        let known =
            known.get(LOOKS_MEMORY).and_then(|bytes| serde_json::from_slice::<Remembered>(bytes).ok());
        let plan = name_of(plan);
        let known = known.filter(|known| known.version == VERSION && known.plan == plan);
        Self { every, plan, known }
    }

    /// What a short look asks for; none where the next look is a full one.
    #[must_use]
    pub fn part(&self, plan: &Plan) -> Option<ClipRequest> {
        let known = self.known.as_ref()?;
        if !known.well || known.short.saturating_add(1) >= self.every {
            return None;
        }
        let part = plan.request().within(PART);
        (part != *plan.request()).then_some(part)
    }

    /// True where a short look found what the full one before found.
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

    /// Writes down with the findings which look this was, and with the camera what the next one needs to know.
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
            Err(error) => tracing::warn!(%error, "which look it was cannot be written down"),
        }
    }
}

/// The plugins with what they are asked for, in a few letters: where anything of it changes, a full look is due.
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

    /// What the next check knows after this one.
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
        // A second is too short to tell, and the full look before could.
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
