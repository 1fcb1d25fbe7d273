//! Real footage with labels: cameras without drawn faults. Each capture is judged alone. Then each camera's healthy
//! captures are judged in the order of their names, with the baselines that the plugins learned from the earlier
//! ones. Captures with a measured visibility are evaluated as fog.

mod fog;
mod pages;
mod sheets;

use std::{collections::BTreeMap, path::Path};

use anyhow::bail;
use easysight_diagnose::Baselines;

pub use fog::Fog;
pub use pages::pages;
pub use sheets::{lines, sheets};

use crate::{
    examiner::{Examiner, Seen},
    labels::{self, Label},
    parallel,
    set::{InSet, Set},
    statistics::{Share, Spread},
};

/// The minimum number of healthy captures of a camera that is judged with baselines. Only the later half of the
/// captures counts. With fewer captures, the plugins learn too little from the earlier half.
const LEAST_LOOKS: usize = 6;

/// One capture of one file.
#[derive(Debug)]
pub struct Judged {
    /// The label of the file.
    pub label: Label,
    /// The result.
    pub seen: Seen,
}

impl Judged {
    /// Returns the diagnoses with abnormal findings.
    #[must_use]
    pub fn said(&self) -> Vec<&str> {
        let abnormal = self.seen.findings.iter().filter(|finding| finding.is_abnormal());
        abnormal.map(|finding| finding.diagnosis.as_str()).collect()
    }

    /// Returns the abnormal diagnoses that the label does not permit.
    #[must_use]
    pub fn wrong(&self) -> Vec<&str> {
        let Label { find_one_of, may, .. } = &self.label;
        let is_wrong = |id: &&str| !find_one_of.iter().chain(may).any(|right| right == id);
        self.said().into_iter().filter(is_wrong).collect()
    }

    /// True if one of the diagnoses that must find the fault finds it.
    #[must_use]
    pub fn is_found(&self) -> bool {
        self.said().iter().any(|id| self.label.find_one_of.iter().any(|right| right == id))
    }

    /// True if the capture has a measured visibility. Such captures are counted separately.
    #[must_use]
    pub fn is_fog(&self) -> bool {
        self.label.file.starts_with(fog::FOLDER) || self.label.camera.starts_with(fog::FOLDER)
    }
}

/// The figures of one set.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// The share of healthy captures with an alarm.
    pub healthy: Spread,
    /// The number of these alarms by diagnosis.
    pub by_diagnosis: BTreeMap<String, usize>,
    /// The share of faults that were found.
    pub found: Spread,
    /// The share of faults that were found, by the first diagnosis that should find the fault.
    pub by_kind: BTreeMap<String, Share>,
    /// The share of healthy captures with an alarm if they are judged with baselines. Only the later half of each
    /// camera's captures counts. Each capture is judged with the baselines from all earlier ones.
    pub sequence: Spread,
    /// The number of the alarms in `sequence`, by diagnosis.
    pub sequence_by_diagnosis: BTreeMap<String, usize>,
    /// The results for captures with a measured visibility.
    pub fog: Option<Fog>,
}

/// All captures of a folder.
#[derive(Debug, Default)]
pub struct Footage {
    /// Each file, judged alone.
    pub singles: Vec<Judged>,
    /// The later half of each camera's healthy files, judged with the baselines of all earlier files.
    pub sequence: Vec<Judged>,
}

/// Judges the files of some sets, `jobs` at a time.
///
/// # Errors
///
/// Returns an error if there are no labels, if there is no file of these sets, or if a check fails for a reason
/// other than the file.
pub fn judge(
    examiner: &Examiner,
    dir: &Path,
    sets: &[Set],
    jobs: usize,
    tell: &(dyn Fn(usize, usize) + Sync),
) -> anyhow::Result<Footage> {
    let mut labels = labels::read(dir)?;
    labels.retain(|label| sets.contains(&label.set()) && dir.join(&label.file).is_file());
    if labels.is_empty() {
        bail!("{}: none of the labelled files of these sets exist", dir.display());
    }
    let cameras = sequences(&labels);
    let all = labels.len() + cameras.iter().map(Vec::len).sum::<usize>();
    let singles = parallel::each(&labels, jobs, &|number| tell(number, all), |label| {
        let seen = examiner.look_at(&dir.join(&label.file), &Baselines::new())?;
        Ok(Judged { label: label.clone(), seen })
    })?;
    let done = singles.len();
    let sequence = parallel::each(&cameras, jobs, &|_| tell(done, all), |labels| {
        let mut known = Baselines::new();
        let mut looks = Vec::new();
        for label in labels {
            let seen = examiner.look_at(&dir.join(&label.file), &known)?;
            known.extend(seen.learned.clone());
            looks.push(Judged { label: label.clone(), seen });
        }
        Ok(looks.split_off(labels.len() / 2))
    })?;
    Ok(Footage { singles, sequence: sequence.into_iter().flatten().collect() })
}

/// Returns the healthy files by camera in the order of their names, for cameras with at least [`LEAST_LOOKS`]
/// files.
fn sequences(labels: &[Label]) -> Vec<Vec<Label>> {
    let mut cameras: BTreeMap<&str, Vec<Label>> = BTreeMap::new();
    for label in labels.iter().filter(|label| label.is_healthy() && !label.file.starts_with(fog::FOLDER)) {
        cameras.entry(&label.camera).or_default().push(label.clone());
    }
    let mut sequences: Vec<Vec<Label>> = cameras.into_values().collect();
    sequences.retain(|labels| labels.len() >= LEAST_LOOKS);
    for labels in &mut sequences {
        labels.sort_by(|a, b| a.file.cmp(&b.file));
    }
    sequences
}

/// Returns the figures of each set.
///
/// # Errors
///
/// Returns an error if the measured visibilities cannot be read.
pub fn in_sets(footage: &Footage, dir: &Path, sets: &[Set]) -> anyhow::Result<Vec<InSet<Figures>>> {
    let metres = fog::metres(dir)?;
    let of = |set: Set| {
        let mut figures = Figures::default();
        for judged in footage.singles.iter().filter(|judged| judged.label.set() == set && !judged.is_fog()) {
            let (camera, wrong) = (&judged.label.camera, judged.wrong());
            if judged.label.is_healthy() {
                figures.healthy.count(camera, !wrong.is_empty());
                for id in wrong {
                    *figures.by_diagnosis.entry(id.to_owned()).or_default() += 1;
                }
            } else {
                let main = judged.label.find_one_of.first().cloned().unwrap_or_default();
                figures.found.count(camera, judged.is_found());
                figures.by_kind.entry(main).or_default().count(judged.is_found());
            }
        }
        for judged in footage.sequence.iter().filter(|judged| judged.label.set() == set) {
            let wrong = judged.wrong();
            figures.sequence.count(&judged.label.camera, !wrong.is_empty());
            for id in wrong {
                *figures.sequence_by_diagnosis.entry(id.to_owned()).or_default() += 1;
            }
        }
        let through_air =
            footage.singles.iter().filter(|judged| judged.is_fog() && judged.label.set() == set);
        figures.fog = Fog::of(&through_air.collect::<Vec<_>>(), &metres);
        InSet::new(set, figures)
    };
    Ok(sets.iter().copied().map(of).collect())
}

#[cfg(test)]
mod tests {
    use easysight_protocol::{Finding, Status};

    use super::*;

    fn finding(diagnosis: &str) -> Finding {
        Finding { status: Some(Status::Warning), score: Some(30.0), ..Finding::blank(diagnosis) }
    }

    fn judged(find: &[&str], may: &[&str], said: &[&str]) -> Judged {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        let label = Label {
            file: "gate/1.jpg".into(),
            camera: "gate".into(),
            find_one_of: words(find),
            may: words(may),
            seen: String::new(),
        };
        let findings = said.iter().map(|id| finding(id)).collect();
        Judged { label, seen: Seen { findings, learned: Baselines::new(), marked: None } }
    }

    #[test]
    fn what_must_be_said_is_right_what_may_is_tolerated_and_the_rest_is_wrong() {
        let fault = judged(&["noise", "brightness"], &["contrast"], &["brightness", "contrast", "mosaic"]);
        assert!(fault.is_found());
        assert_eq!(fault.wrong(), ["mosaic"]);
        assert!(!judged(&["noise"], &["contrast"], &["contrast"]).is_found());
        assert_eq!(judged(&[], &[], &["mosaic"]).wrong(), ["mosaic"]);
    }

    #[test]
    fn faults_and_healthy_looks_count_apart_in_the_set_of_their_camera() {
        let singles =
            vec![judged(&["noise"], &[], &["noise"]), judged(&[], &[], &["mosaic"]), judged(&[], &[], &[])];
        let footage = Footage { singles, sequence: Vec::new() };
        let dir = tempfile::tempdir().expect("a directory");
        let set = Set::of("gate");
        for figures in in_sets(&footage, dir.path(), &Set::ALL).expect("figures") {
            let (of, figures) = figures.named();
            let counted = (figures.found.all, figures.healthy.all);
            let none = (Share::default(), Share::default());
            let here = (Share { part: 1, whole: 1 }, Share { part: 1, whole: 2 });
            assert_eq!(counted, if of == set { here } else { none });
        }
    }
}
