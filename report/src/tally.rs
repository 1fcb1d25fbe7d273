//! Counts verdicts: one row for each diagnosis, and the figures of each set.

mod figures;

use std::collections::BTreeMap;

use crate::{
    manifest::{Case, Manifest, Severity},
    statistics::{Share, area_under_curve},
    verdict::{Answer, Verdict, Wanted},
};

pub use figures::{Family, Figures, in_sets};

/// The results of a diagnosis.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// The id of the diagnosis.
    pub diagnosis: String,
    /// The area under the curve ([`area_under_curve`]) of `100 − score`. The faulty group consists of the cases in
    /// which the diagnosis must find a fault. The healthy group consists of healthy clips and confounders. A case
    /// without a score does not count.
    pub area: Option<f64>,
    /// The share of its faults with an alarm. Its faults are those that the diagnosis must find.
    pub detected: Share,
    /// The share of its mild faults with an alarm.
    pub mild: Share,
    /// The share of healthy clips with an alarm.
    pub healthy: Share,
    /// The share of confounders with an alarm.
    pub confounders: Share,
    /// The share of inconclusive results on its faults.
    pub unsure_faulty: Share,
    /// The share of inconclusive results on healthy clips and confounders.
    pub unsure_healthy: Share,
    /// The share of other faults with an alarm. Other faults are those that the diagnosis must not find. An alarm
    /// that is a consequence of another finding does not count.
    pub others: Share,
    /// The number of runs that failed.
    pub failed: usize,
    /// The highest score of a fault, and the lowest score of a healthy clip or confounder. They should be below and
    /// above the threshold of 50.
    pub gap: (Option<f64>, Option<f64>),
    /// The kinds of other faults with an alarm, the most frequent first.
    pub cross: Vec<(String, Share)>,
}

impl Row {
    /// True if the project's marks are met: an area of at least 0.99, at least 95 % of the faults detected, no
    /// false alarm on healthy clips and confounders, and no failed run.
    #[must_use]
    pub fn meets_marks(&self) -> bool {
        let at_least = |value: Option<f64>, mark: f64| value.is_none_or(|value| value >= mark);
        at_least(self.area, 0.99)
            && at_least(self.detected.value(), 0.95)
            && self.healthy.part + self.confounders.part + self.failed == 0
    }
}

/// Returns the rows of all diagnoses that were run, by id.
#[must_use]
pub fn rows(manifest: &Manifest, verdicts: &[Verdict]) -> Vec<Row> {
    let cases: BTreeMap<&str, &Case> = manifest.cases.iter().map(|case| (case.file.as_str(), case)).collect();
    let mut by_diagnosis: BTreeMap<&str, Vec<(&Case, &Verdict)>> = BTreeMap::new();
    for verdict in verdicts {
        if let Some(case) = cases.get(verdict.file.as_str()) {
            by_diagnosis.entry(&verdict.diagnosis).or_default().push((case, verdict));
        }
    }
    by_diagnosis.into_iter().map(|(diagnosis, verdicts)| row(diagnosis, &verdicts)).collect()
}

fn row(diagnosis: &str, verdicts: &[(&Case, &Verdict)]) -> Row {
    let mut row = Row { diagnosis: diagnosis.to_owned(), ..Row::default() };
    let (mut faulty, mut healthy) = (Vec::new(), Vec::new());
    let mut cross: BTreeMap<&str, Share> = BTreeMap::new();
    for (case, verdict) in verdicts {
        let alarm = verdict.answer == Answer::Alarm;
        let unsure = verdict.answer == Answer::Inconclusive;
        row.failed += usize::from(verdict.answer == Answer::Failed);
        match verdict.wanted {
            Wanted::Alarm => {
                row.detected.count(alarm);
                row.unsure_faulty.count(unsure);
                if case.severity == Some(Severity::Mild) {
                    row.mild.count(alarm);
                }
                faulty.extend(verdict.score);
            }
            Wanted::QuietHealthy | Wanted::QuietConfounder => {
                let share = match verdict.wanted {
                    Wanted::QuietHealthy => &mut row.healthy,
                    _ => &mut row.confounders,
                };
                share.count(alarm);
                row.unsure_healthy.count(unsure);
                healthy.extend(verdict.score);
            }
            Wanted::QuietOther => {
                let own = alarm && !verdict.is_consequence;
                row.others.count(own);
                cross.entry(&case.kind).or_default().count(own);
            }
            Wanted::Either => {}
        }
    }
    let danger = |scores: &[f64]| scores.iter().map(|score| 100.0 - score).collect::<Vec<_>>();
    row.area = area_under_curve(&danger(&faulty), &danger(&healthy));
    row.gap = (faulty.into_iter().reduce(f64::max), healthy.into_iter().reduce(f64::min));
    let fired = cross.into_iter().filter(|(_, share)| share.part > 0);
    row.cross = fired.map(|(kind, share)| (kind.to_owned(), share)).collect();
    row.cross.sort_by_key(|(_, share)| std::cmp::Reverse(share.part));
    row
}

/// Returns the mistakes of a diagnosis, the worst first.
#[must_use]
pub fn mistakes<'a>(verdicts: &'a [Verdict], diagnosis: &str) -> Vec<&'a Verdict> {
    let of_it = |verdict: &&Verdict| verdict.diagnosis == diagnosis && verdict.is_wrong();
    let mut wrong: Vec<&Verdict> = verdicts.iter().filter(of_it).collect();
    let weight = |wanted: Wanted| match wanted {
        Wanted::QuietHealthy => 0,
        Wanted::QuietConfounder => 1,
        Wanted::Alarm => 2,
        Wanted::QuietOther | Wanted::Either => 3,
    };
    wrong.sort_by(|a, b| {
        let worse = b.wrongness().total_cmp(&a.wrongness());
        weight(a.wanted).cmp(&weight(b.wanted)).then(worse).then(a.file.cmp(&b.file))
    });
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Role;

    fn case(file: &str, role: Role, severity: Option<Severity>) -> Case {
        let is_fault = role == Role::Fault;
        Case {
            file: file.into(),
            source: "street".into(),
            role,
            kind: if is_fault { "blur".into() } else { "night".into() },
            variant: String::new(),
            maker: if is_fault { "first_blur".into() } else { String::new() },
            severity,
            must: if is_fault { vec!["clarity".into()] } else { Vec::new() },
            may: Vec::new(),
            past: Vec::new(),
        }
    }

    fn verdict(case: &Case, diagnosis: &str, answer: Answer, score: Option<f64>) -> Verdict {
        let blind = Verdict::blind(case, diagnosis, "");
        Verdict { answer, score, ..blind }
    }

    #[test]
    fn a_row_counts_what_was_detected_missed_and_not_judged() {
        let mild = case("mild", Role::Fault, Some(Severity::Mild));
        let strong = case("strong", Role::Fault, Some(Severity::Strong));
        let healthy = case("healthy", Role::Healthy, None);
        let night = case("night", Role::Confounder, None);
        let verdicts = [
            verdict(&mild, "clarity", Answer::Inconclusive, None),
            verdict(&strong, "clarity", Answer::Alarm, Some(10.0)),
            verdict(&healthy, "clarity", Answer::Normal, Some(90.0)),
            verdict(&night, "clarity", Answer::Alarm, Some(30.0)),
            verdict(&strong, "noise", Answer::Alarm, Some(20.0)),
            verdict(&mild, "noise", Answer::Normal, Some(70.0)),
        ];
        let manifest = Manifest { cases: vec![mild, strong, healthy, night] };
        let rows = rows(&manifest, &verdicts);
        let [clarity, noise] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!(clarity.detected, Share { part: 1, whole: 2 });
        assert_eq!(clarity.mild, Share { part: 0, whole: 1 });
        assert_eq!(clarity.unsure_faulty, Share { part: 1, whole: 2 });
        assert_eq!(clarity.healthy, Share { part: 0, whole: 1 });
        assert_eq!(clarity.confounders, Share { part: 1, whole: 1 });
        assert_eq!(clarity.area, Some(1.0));
        assert_eq!(clarity.gap, (Some(10.0), Some(30.0)));
        assert!(!clarity.meets_marks());
        assert_eq!(noise.cross, [("blur".to_owned(), Share { part: 1, whole: 2 })]);
    }

    #[test]
    fn a_consequence_is_no_alarm_of_its_own() {
        let dark = case("dark", Role::Fault, Some(Severity::Mild));
        let noise = verdict(&dark, "noise", Answer::Alarm, Some(20.0));
        let follows = Verdict { is_consequence: true, ..noise.clone() };
        assert!(noise.is_wrong() && !follows.is_wrong());
        let manifest = Manifest { cases: vec![dark] };
        let counted = |verdict: Verdict| rows(&manifest, &[verdict]).first().map(|row| row.others.part);
        assert_eq!((counted(noise), counted(follows)), (Some(1), Some(0)));
    }

    #[test]
    fn false_alarms_on_healthy_clips_come_first_and_the_worst_of_them_before() {
        let healthy = case("healthy", Role::Healthy, None);
        let night = case("night", Role::Confounder, None);
        let mild = case("mild", Role::Fault, Some(Severity::Mild));
        let verdicts = [
            verdict(&mild, "clarity", Answer::Normal, Some(90.0)),
            verdict(&night, "clarity", Answer::Alarm, Some(40.0)),
            verdict(&night, "clarity", Answer::Alarm, Some(5.0)),
            verdict(&healthy, "clarity", Answer::Alarm, Some(45.0)),
        ];
        let scores: Vec<_> = mistakes(&verdicts, "clarity").iter().map(|wrong| wrong.score).collect();
        assert_eq!(scores, [Some(45.0), Some(5.0), Some(40.0), Some(90.0)]);
    }
}
