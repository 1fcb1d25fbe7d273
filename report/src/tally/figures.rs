//! The most important figures of one set for an operator, also by family of faults and by camera.

use std::collections::{BTreeMap, BTreeSet};

use super::{Row, rows};
use crate::{
    manifest::{Case, Manifest, Role},
    set::{InSet, Set},
    statistics::{Share, Spread},
    verdict::{Answer, Verdict},
};

/// A family of faults with one name for the operator.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Family {
    /// The makers of its faults in this set. If there is none, the family has no figures.
    pub makers: BTreeSet<String>,
    /// The share of its faults whose kind was found (see [`Figures::found`]), by camera.
    pub found: Spread,
}

/// The figures of one set in one pass.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// The figures of each diagnosis.
    pub diagnoses: Vec<Row>,
    /// The figures of each family.
    pub families: BTreeMap<String, Family>,
    /// The share of faults whose kind was found, by maker.
    pub makers: BTreeMap<String, Share>,
    /// The share of all faults whose kind was found: one of the diagnoses that must find the fault, or another name
    /// of the same fault, raises an alarm.
    pub found: Spread,
    /// The share of healthy captures with an alarm.
    pub healthy: Spread,
    /// The share of confounders with an alarm. A confounder looks faulty but is healthy.
    pub confounders: Spread,
    /// The share of the faults with an alarm whose root cause is right.
    pub roots: Spread,
}

impl Figures {
    /// Returns the mean area under the curve, of all diagnoses that have one.
    #[must_use]
    pub fn macro_area(&self) -> Option<f64> {
        let areas: Vec<f64> = self.diagnoses.iter().filter_map(|row| row.area).collect();
        (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64)
    }

    /// Returns the share of healthy cameras with an alarm in any capture.
    #[must_use]
    pub fn alarmed_cameras(&self) -> Share {
        let cameras = self.healthy.by_camera.values();
        cameras.fold(Share::default(), |mut sum, share| {
            sum.count(share.part > 0);
            sum
        })
    }
}

/// Returns the figures of each requested set. Cases without a set are not counted.
#[must_use]
pub fn in_sets(manifest: &Manifest, verdicts: &[Verdict], sets: &[Set]) -> Vec<InSet<Figures>> {
    let of = |set: Set| {
        let cases = manifest.cases.iter().filter(|case| case.set() == Some(set)).cloned().collect();
        let manifest = Manifest { cases };
        InSet::new(set, figures(&manifest, verdicts))
    };
    sets.iter().copied().map(of).collect()
}

/// Returns the name of a fault for the operator. Two diagnoses of the same fault have one name.
fn family_of(case: &Case) -> Option<&str> {
    let main = case.must.first()?;
    Some(match main.as_str() {
        "blue_screen" | "signal_loss" => "no_picture",
        "clarity" | "focus_blur" => "blur",
        other => other,
    })
}

/// True if a diagnosis names the fault of a case.
fn is_right(case: &Case, diagnosis: &str) -> bool {
    let names = |id: &str| case.must.iter().any(|must| must == id);
    // One fault may have two names.
    names(diagnosis)
        || matches!(diagnosis, "blue_screen" | "signal_loss")
            && (names("blue_screen") || names("signal_loss"))
        || matches!(diagnosis, "clarity" | "focus_blur") && (names("clarity") || names("focus_blur"))
}

fn figures(manifest: &Manifest, verdicts: &[Verdict]) -> Figures {
    let cases: BTreeMap<&str, &Case> = manifest.cases.iter().map(|case| (case.file.as_str(), case)).collect();
    let mut said: BTreeMap<&str, Vec<&Verdict>> = BTreeMap::new();
    for verdict in verdicts.iter().filter(|verdict| cases.contains_key(verdict.file.as_str())) {
        said.entry(&verdict.file).or_default().push(verdict);
    }
    let mut figures = Figures { diagnoses: rows(manifest, verdicts), ..Figures::default() };
    for (file, verdicts) in said {
        let Some(case) = cases.get(file) else { continue };
        let camera = case.source.as_str();
        let alarms: Vec<&&Verdict> = verdicts.iter().filter(|one| one.answer == Answer::Alarm).collect();
        match case.role {
            Role::Healthy | Role::Confounder => {
                let may = |verdict: &&&Verdict| !case.may.contains(&verdict.diagnosis);
                let spread =
                    if case.role == Role::Healthy { &mut figures.healthy } else { &mut figures.confounders };
                spread.count(camera, alarms.iter().any(may));
            }
            Role::Fault => {
                let found = alarms.iter().any(|alarm| is_right(case, &alarm.diagnosis));
                figures.found.count(camera, found);
                figures.makers.entry(case.maker.clone()).or_default().count(found);
                if let Some(family) = family_of(case) {
                    let family = figures.families.entry(family.to_owned()).or_default();
                    family.makers.insert(case.maker.clone());
                    family.found.count(camera, found);
                }
                if !alarms.is_empty() {
                    figures.roots.count(camera, is_root_right(case, &alarms));
                }
            }
        }
    }
    figures
}

/// True if the alarms name the right root cause. Alarms that are consequences do not count. At least one of the
/// remaining alarms must name the fault. Each of the remaining alarms must name the fault or be an alarm of a
/// diagnosis in `may`.
fn is_root_right(case: &Case, alarms: &[&&Verdict]) -> bool {
    let mut roots = alarms.iter().filter(|alarm| !alarm.is_consequence).peekable();
    let names_it = roots.clone().any(|root| is_right(case, &root.diagnosis));
    roots.peek().is_some()
        && names_it
        && roots.all(|root| is_right(case, &root.diagnosis) || case.may.contains(&root.diagnosis))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a name that belongs to this set.
    fn named(set: Set, kind: &str) -> String {
        let names = (0..1000).map(|number| format!("{kind}{number}"));
        names.into_iter().find(|name| Set::of(name) == set).expect("one of a thousand")
    }

    fn case(set: Set, role: Role, number: usize) -> Case {
        let maker = if role == Role::Fault { named(set, "maker") } else { String::new() };
        Case {
            file: format!("{set}{role:?}{number}"),
            source: named(set, "camera"),
            role,
            kind: "fog".into(),
            variant: String::new(),
            maker,
            severity: None,
            must: if role == Role::Fault { vec!["contrast".into()] } else { Vec::new() },
            may: if role == Role::Fault { vec!["clarity".into()] } else { Vec::new() },
            past: Vec::new(),
        }
    }

    fn alarm(case: &Case, diagnosis: &str, is_consequence: bool) -> Verdict {
        let blind = Verdict::blind(case, diagnosis, "");
        Verdict { answer: Answer::Alarm, is_consequence, score: Some(10.0), ..blind }
    }

    #[test]
    fn figures_are_of_cameras_and_makers_of_their_set_only() {
        let (development, validation) = (Set::Development, Set::Validation);
        let mixed = Case { source: named(validation, "camera"), ..case(development, Role::Fault, 9) };
        let cases = vec![case(development, Role::Fault, 1), case(validation, Role::Fault, 1), mixed];
        let verdicts: Vec<Verdict> = cases.iter().map(|case| alarm(case, "contrast", false)).collect();
        let sets = in_sets(&Manifest { cases }, &verdicts, &Set::ALL);
        let counted: Vec<_> = sets.iter().map(|figures| figures.named().1.found.all.whole).collect();
        assert_eq!(counted, [1, 1, 0]);
    }

    #[test]
    fn a_root_is_right_where_it_names_the_fault_and_nothing_else_stands_for_itself() {
        let fault = case(Set::Development, Role::Fault, 1);
        let right = |alarms: &[Verdict]| {
            let list: Vec<&Verdict> = alarms.iter().collect();
            is_root_right(&fault, &list.iter().collect::<Vec<_>>())
        };
        let (found, may, other) = (
            alarm(&fault, "contrast", false),
            alarm(&fault, "clarity", false),
            alarm(&fault, "noise", false),
        );
        assert!(right(std::slice::from_ref(&found)) && right(&[found.clone(), may.clone()]));
        assert!(!right(&[may]) && !right(&[found.clone(), other]));
        assert!(right(&[found, alarm(&fault, "noise", true)]));
    }

    #[test]
    fn a_healthy_camera_with_one_alarm_of_many_looks_is_a_camera_with_an_alarm() {
        let cases: Vec<Case> = (0..5).map(|number| case(Set::LockBox, Role::Healthy, number)).collect();
        let mut verdicts: Vec<Verdict> = cases.iter().map(|case| Verdict::blind(case, "noise", "")).collect();
        verdicts.extend(cases.first().map(|case| alarm(case, "noise", false)));
        let sets = in_sets(&Manifest { cases }, &verdicts, &[Set::LockBox]);
        let (_, figures) = sets.first().expect("one set").named();
        assert_eq!(figures.healthy.all, Share { part: 1, whole: 5 });
        assert_eq!(figures.alarmed_cameras(), Share { part: 1, whole: 1 });
    }
}
