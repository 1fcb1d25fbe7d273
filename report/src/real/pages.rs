//! Pages of the cameras of real footage that have a fault or an alarm.

use std::{collections::BTreeMap, path::Path};

use super::{Footage, Judged};
use crate::{
    document::{Page, summary},
    pictures,
    set::Set,
};

/// Makes the pages of cameras in the sets that may be shown.
#[must_use]
pub fn pages(footage: &Footage, dir: &Path, shown: &[Set]) -> Vec<Page> {
    let mut cameras: BTreeMap<&str, Vec<&Judged>> = BTreeMap::new();
    for judged in footage.singles.iter().filter(|judged| shown.contains(&judged.label.set())) {
        cameras.entry(&judged.label.camera).or_default().push(judged);
    }
    let worth = |looks: &[&Judged]| {
        looks.iter().any(|judged| !judged.label.is_healthy() || !judged.said().is_empty())
    };
    let told = cameras.into_iter().filter(|(_, looks)| worth(looks));
    told.map(|(camera, looks)| page(camera, &looks, dir)).collect()
}

/// Returns the lowest score of the abnormal findings of a capture.
fn least(judged: &Judged) -> f64 {
    let abnormal = judged.seen.findings.iter().filter(|finding| finding.is_abnormal());
    abnormal.filter_map(|finding| finding.score).fold(100.0, f64::min)
}

fn page(camera: &str, looks: &[&Judged], dir: &Path) -> Page {
    let by_score = |a: &&&Judged, b: &&&Judged| least(a).total_cmp(&least(b));
    let worst = looks.iter().min_by(by_score);
    let usual = looks.iter().filter(|judged| judged.label.is_healthy()).max_by(by_score);
    let picture = |judged: &&&Judged| pictures::picture(&dir.join(&judged.label.file)).ok();
    let label = |judged: &&Judged| {
        let wanted = judged.label.find_one_of.join("/");
        let wanted = if wanted.is_empty() { "healthy".to_owned() } else { wanted };
        (judged.label.file.clone(), format!("[{wanted}] {}", summary(&judged.seen.findings)))
    };
    let set = looks.first().map(|judged| judged.label.set().to_string()).unwrap_or_default();
    let seen = worst.map(|judged| judged.label.seen.clone()).unwrap_or_default();
    Page {
        camera: camera.to_owned(),
        facts: format!("{set}; {} looks; {seen}", looks.len()),
        usual: usual.as_ref().and_then(picture),
        worst: worst.as_ref().and_then(picture),
        marked: worst.and_then(|judged| judged.seen.marked.clone()),
        file: worst.map(|judged| judged.label.file.clone()).unwrap_or_default(),
        findings: worst.map(|judged| judged.seen.findings.clone()).unwrap_or_default(),
        looks: looks.iter().map(label).collect(),
    }
}
