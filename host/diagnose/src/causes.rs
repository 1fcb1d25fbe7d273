//! Finds root causes: decides for each finding that is not normal whether it follows from another finding. A covered
//! lens also makes the picture dark, flat and unsharp, but the person who drives to the camera wants to read only about
//! the cover. The plugins themselves declare what their findings explain (`causes` in the contract). This module
//! contains the logic that all plugins share.
//!
//! A finding that no other finding explains is a root, and every finding that can be reached from the root through
//! explanations follows from it. If findings explain one another in a circle, the root is the finding with the
//! highest weight: first a finding that explains everything, then the worse status, then the lower score, then the
//! first id.

use std::cmp::Reverse;

use easysight_protocol::Finding;
use easysight_sandbox::{Consequence, Explanation, Extent};

/// The explanations that plugins declare, and the findings to which they are applied.
struct Graph<'a> {
    findings: &'a [Finding],
    explanations: Vec<&'a Explanation>,
}

impl Graph<'_> {
    /// Returns the explanations that apply to a finding, by its diagnosis and by the metric that decided it.
    fn of(&self, cause: &Finding) -> impl Iterator<Item = &Explanation> {
        let applies = |one: &&&Explanation| is_about(cause, &one.diagnosis, one.decided_by.as_deref());
        self.explanations.iter().filter(applies).copied()
    }

    fn explains(&self, cause: &Finding, other: &Finding) -> bool {
        let follows = |one: &Consequence| is_about(other, &one.diagnosis, one.decided_by.as_deref());
        cause.diagnosis != other.diagnosis
            && self.of(cause).any(|explanation| match &explanation.explains {
                Extent::Everything => true,
                Extent::These(consequences) => consequences.iter().any(follows),
            })
    }

    /// Returns a sort key that puts the finding with the highest weight first.
    fn weight<'f>(&self, finding: &'f Finding) -> impl Ord + use<'f> {
        let everything = self.of(finding).any(|one| one.explains == Extent::Everything);
        // Scores have two decimals.
        let score = finding.score.map_or(i64::MAX, |score| (score * 100.0).round() as i64);
        (Reverse(everything), Reverse(finding.status), score, finding.diagnosis.as_str())
    }

    /// Returns for each of the findings whether it is reached from the one at `from` through explanations.
    fn reached(&self, findings: &[(usize, &Finding)], from: usize) -> Vec<bool> {
        let mut reached = vec![false; findings.len()];
        let mut causes = vec![from];
        while let Some(cause) = causes.pop().and_then(|at| findings.get(at)) {
            for (at, ((_, finding), reached)) in findings.iter().zip(&mut reached).enumerate() {
                if !*reached && self.explains(cause.1, finding) {
                    *reached = true;
                    causes.push(at);
                }
            }
        }
        reached
    }

    /// Returns the index of the root for each finding that follows from another finding.
    fn roots(&self) -> Vec<Option<usize>> {
        let mut roots = vec![None; self.findings.len()];
        let mut pending: Vec<(usize, &Finding)> =
            self.findings.iter().enumerate().filter(|(_, finding)| finding.is_abnormal()).collect();
        pending.sort_by(|(_, a), (_, b)| self.weight(a).cmp(&self.weight(b)));
        while !pending.is_empty() {
            let reached: Vec<Vec<bool>> =
                (0..pending.len()).map(|from| self.reached(&pending, from)).collect();
            let leads = |from: usize, to: usize| reached.get(from).and_then(|row| row.get(to)) == Some(&true);
            // A finding may be a root if whatever leads to it is also reached from it, as in a circle. The first such
            // finding has the highest weight.
            let is_root = |at: &usize| (0..pending.len()).all(|by| !leads(by, *at) || leads(*at, by));
            let root = pending.remove((0..pending.len()).find(is_root).unwrap_or(0));
            let mut causes = vec![root.1];
            while let Some(cause) = causes.pop() {
                let (follow, rest): (Vec<_>, Vec<_>) =
                    pending.into_iter().partition(|(_, finding)| self.explains(cause, finding));
                for (place, finding) in follow {
                    if let Some(of) = roots.get_mut(place) {
                        *of = Some(root.0);
                    }
                    causes.push(finding);
                }
                pending = rest;
            }
        }
        roots
    }
}

fn is_about(finding: &Finding, diagnosis: &str, decided_by: Option<&str>) -> bool {
    let metric = finding.decision.as_ref().map(|decision| decision.metric.as_str());
    finding.diagnosis == diagnosis && decided_by.is_none_or(|name| metric == Some(name))
}

/// Marks each finding that follows from another finding with the id of its root cause. The root cause itself follows
/// from no finding.
pub(crate) fn mark_consequences<'a>(
    findings: &mut [Finding],
    explanations: impl IntoIterator<Item = &'a Explanation>,
) {
    let graph = Graph { findings, explanations: explanations.into_iter().collect() };
    let roots = graph.roots();
    let causes: Vec<Option<String>> =
        roots.into_iter().map(|root| Some(graph.findings.get(root?)?.diagnosis.clone())).collect();
    for (finding, cause) in findings.iter_mut().zip(causes) {
        finding.consequence_of = cause;
    }
}

#[cfg(test)]
mod tests {
    use easysight_protocol::{Decision, Failure, Status};
    use proptest::prelude::*;

    use super::*;

    fn finding(id: &str, status: Status) -> Finding {
        Finding { status: Some(status), ..Finding::blank(id) }
    }

    fn decided(finding: Finding, metric: &str) -> Finding {
        Finding { decision: Some(Decision { metric: metric.into(), threshold: 1.0 }), ..finding }
    }

    /// Returns an explanation. `cause` has the format `diagnosis` or `diagnosis:metric`, and so has each consequence.
    /// The consequence `*` means all findings.
    fn explains(cause: &str, consequences: &[&str]) -> Explanation {
        let parts = |word: &str| match word.split_once(':') {
            Some((id, metric)) => (id.to_owned(), Some(metric.to_owned())),
            None => (word.to_owned(), None),
        };
        let consequence = |word: &&str| {
            let (diagnosis, decided_by) = parts(word);
            Consequence { diagnosis, decided_by }
        };
        let (diagnosis, decided_by) = parts(cause);
        let explains = match consequences {
            ["*"] => Extent::Everything,
            these => Extent::These(these.iter().map(consequence).collect()),
        };
        Explanation { diagnosis, decided_by, explains }
    }

    /// Returns the cause of each finding.
    fn roots(mut findings: Vec<Finding>, explanations: &[Explanation]) -> Vec<Option<String>> {
        mark_consequences(&mut findings, explanations);
        findings.into_iter().map(|finding| finding.consequence_of).collect()
    }

    fn warnings(ids: &[&str]) -> Vec<Finding> {
        ids.iter().map(|id| finding(id, Status::Warning)).collect()
    }

    #[test]
    fn what_explains_everything_is_the_cause_of_all_else() {
        let found = roots(warnings(&["contrast", "card", "of_somebody_else"]), &[explains("card", &["*"])]);
        assert_eq!(found, [Some("card".into()), None, Some("card".into())]);
    }

    #[test]
    fn what_a_consequence_explains_leads_to_the_root() {
        let declared = [explains("cover", &["freeze"]), explains("freeze", &["clock"])];
        let found = roots(warnings(&["clock", "freeze", "cover"]), &declared);
        assert_eq!(found, [Some("cover".into()), Some("cover".into()), None]);
        // Without the finding that links them, they are independent.
        assert_eq!(roots(warnings(&["clock", "cover"]), &declared), [None, None]);
    }

    #[test]
    fn the_metric_that_decided_tells_cause_from_consequence() {
        let declared = [explains("light:clipped", &["cover"]), explains("cover", &["light:dark"])];
        let pair = |metric: &str| {
            vec![finding("cover", Status::Warning), decided(finding("light", Status::Error), metric)]
        };
        assert_eq!(roots(pair("clipped"), &declared), [Some("light".into()), None]);
        assert_eq!(roots(pair("dark"), &declared), [None, Some("cover".into())]);
        assert_eq!(roots(pair("other"), &declared), [None, None]);
    }

    #[test]
    fn in_a_circle_the_worst_one_is_the_root() {
        let declared = [explains("a", &["b"]), explains("b", &["c"]), explains("c", &["a"])];
        let findings = vec![
            finding("a", Status::Warning),
            finding("b", Status::Critical),
            finding("c", Status::Warning),
        ];
        assert_eq!(roots(findings, &declared), [Some("b".into()), None, Some("b".into())]);
        // A finding that the circle explains is not a root, however bad it is.
        let beside = [explains("a", &["b"]), explains("b", &["a", "c"])];
        let findings = vec![
            finding("a", Status::Warning),
            finding("b", Status::Warning),
            finding("c", Status::Critical),
        ];
        assert_eq!(roots(findings, &beside), [None, Some("a".into()), Some("a".into())]);
        // Two findings explain everything. Neither may disappear behind the other.
        let both = [explains("black", &["*"]), explains("card", &["*"])];
        let findings = vec![finding("card", Status::Error), finding("black", Status::Critical)];
        assert_eq!(roots(findings, &both), [Some("black".into()), None]);
    }

    #[test]
    fn what_is_normal_or_unknown_neither_causes_nor_follows() {
        let unknown = Failure { kind: Failure::INCONCLUSIVE.into(), detail: "dark".into() };
        let declared = [explains("cover", &["*"]), explains("blur", &["clarity", "cover"])];
        let findings = vec![
            finding("cover", Status::Normal),
            finding("clarity", Status::Error),
            Finding { failure: Some(unknown), ..Finding::blank("blur") },
        ];
        assert_eq!(roots(findings, &declared), [None, None, None]);
    }

    #[test]
    fn a_finding_that_is_marked_anew_forgets_its_old_cause() {
        let before = Finding { consequence_of: Some("cover".into()), ..finding("clarity", Status::Error) };
        assert_eq!(roots(vec![before], &[explains("cover", &["clarity"])]), [None]);
    }

    proptest! {
        /// This holds for any declarations of plugins, including circles.
        #[test]
        fn there_is_always_a_cause_and_it_follows_from_none(
            links in prop::collection::vec((0_usize..8, prop::collection::vec(0_usize..8, 0..8)), 0..8),
            everything in prop::option::of(0_usize..8),
        ) {
            let ids = ["a", "b", "c", "d", "e", "f", "g", "h"];
            let mut declared: Vec<Explanation> = links
                .iter()
                .map(|(cause, others)| explains(ids[*cause], &others.iter().map(|at| ids[*at]).collect::<Vec<_>>()))
                .collect();
            declared.extend(everything.map(|at| explains(ids[at], &["*"])));
            let found = roots(warnings(&ids), &declared);
            prop_assert!(found.iter().any(Option::is_none));
            for (id, cause) in ids.iter().zip(&found) {
                let Some(cause) = cause else { continue };
                prop_assert_ne!(id, cause);
                let place = ids.iter().position(|other| other == cause);
                prop_assert!(place.is_some_and(|place| found[place].is_none()));
            }
        }
    }
}
