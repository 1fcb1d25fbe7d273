//! Users' footage without labels: lists the alarms with pictures, the most certain first. Each sub-folder is one
//! camera. Its files are captures in the order of their names, judged with the same baselines. A file in the
//! folder itself is a camera of its own. The results do not measure accuracy, because no label states the right
//! result.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use easysight_diagnose::Baselines;
use easysight_protocol::Finding;

use crate::{
    document::{Language, Page, Sheet, summary, sureness},
    examiner::{Examiner, Seen},
    parallel, pictures,
};

/// The suffixes of files that are checked.
const SUFFIXES: [&str; 9] = ["jpg", "jpeg", "png", "mp4", "mkv", "avi", "mov", "ts", "mjpeg"];

/// An alarm of one capture.
#[derive(Debug, Clone)]
pub struct Alarm {
    /// The camera.
    pub camera: String,
    /// The file.
    pub file: String,
    /// The finding.
    pub finding: Finding,
    /// The number of earlier captures of the camera.
    pub before: usize,
}

/// The results for a folder.
#[derive(Debug, Default)]
pub struct Found {
    /// The alarms, the most certain first.
    pub alarms: Vec<Alarm>,
    /// A page for each camera with an alarm.
    pub pages: Vec<Page>,
    /// The number of captures of all cameras.
    pub looks: usize,
    /// The number of cameras.
    pub cameras: usize,
}

/// Checks all files, `jobs` cameras at a time.
///
/// # Errors
///
/// Returns an error if there is no picture and no clip.
pub fn look(
    examiner: &Examiner,
    dir: &Path,
    jobs: usize,
    tell: &(dyn Fn(usize, usize) + Sync),
) -> anyhow::Result<Found> {
    let cameras: Vec<(String, Vec<PathBuf>)> = cameras(dir)?.into_iter().collect();
    if cameras.is_empty() {
        bail!("{}: there are no pictures or clips ({})", dir.display(), SUFFIXES.join(", "));
    }
    let all = cameras.len();
    let seen = parallel::each(&cameras, jobs, &|number| tell(number, all), |(_, files)| {
        let mut known = Baselines::new();
        let look = |file: &PathBuf| {
            let seen = examiner.look_at(file, &known)?;
            known.extend(seen.learned.clone());
            Ok(seen)
        };
        files.iter().map(look).collect::<anyhow::Result<Vec<Seen>>>()
    })?;
    let mut found = Found { cameras: all, ..Found::default() };
    for ((camera, files), looks) in cameras.into_iter().zip(seen) {
        found.looks += looks.len();
        let names: Vec<String> = files
            .iter()
            .map(|file| file.strip_prefix(dir).unwrap_or(file).to_string_lossy().into_owned())
            .collect();
        for (before, (seen, name)) in looks.iter().zip(&names).enumerate() {
            for finding in
                seen.findings.iter().filter(|one| one.is_abnormal() && one.consequence_of.is_none())
            {
                let (camera, file) = (camera.clone(), name.clone());
                found.alarms.push(Alarm { camera, file, finding: finding.clone(), before });
            }
        }
        found.pages.extend(page(&camera, &files, &names, &looks));
    }
    found.alarms.sort_by(|a, b| {
        let score = |alarm: &Alarm| alarm.finding.score.unwrap_or(50.0);
        score(a).total_cmp(&score(b)).then(a.file.cmp(&b.file))
    });
    Ok(found)
}

/// Makes the page of a camera. Returns None if the camera has no alarm.
fn page(camera: &str, files: &[PathBuf], names: &[String], looks: &[Seen]) -> Option<Page> {
    let least = |seen: &Seen| {
        let abnormal = seen.findings.iter().filter(|finding| finding.is_abnormal());
        abnormal.filter_map(|finding| finding.score).fold(100.0, f64::min)
    };
    let by_score = |a: &(usize, &Seen), b: &(usize, &Seen)| least(a.1).total_cmp(&least(b.1));
    let (worst, seen) = looks.iter().enumerate().min_by(by_score)?;
    if !seen.findings.iter().any(Finding::is_abnormal) {
        return None;
    }
    let (usual, _) = looks.iter().enumerate().max_by(by_score)?;
    let picture = |number: usize| files.get(number).and_then(|file| pictures::picture(file).ok());
    Some(Page {
        camera: camera.to_owned(),
        facts: format!("{} looks; {}", looks.len(), names.get(worst).map_or("", String::as_str)),
        usual: if usual == worst { None } else { picture(usual) },
        worst: picture(worst),
        marked: seen.marked.clone(),
        file: names.get(worst).cloned().unwrap_or_default(),
        findings: seen.findings.clone(),
        looks: names.iter().cloned().zip(looks.iter().map(|seen| summary(&seen.findings))).collect(),
    })
}

/// Returns the files of each camera, in the order of their names.
fn cameras(dir: &Path) -> anyhow::Result<BTreeMap<String, Vec<PathBuf>>> {
    let mut cameras: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            let suffix = path.extension().map(|suffix| suffix.to_string_lossy().to_ascii_lowercase());
            if path.is_dir() {
                folders.push(path);
            } else if suffix.is_some_and(|suffix| SUFFIXES.contains(&suffix.as_str())) {
                let named = if folder == dir { path.with_extension("") } else { folder.clone() };
                let named = named.strip_prefix(dir).unwrap_or(&named);
                cameras.entry(named.to_string_lossy().into_owned()).or_default().push(path);
            }
        }
    }
    for files in cameras.values_mut() {
        files.sort();
    }
    Ok(cameras)
}

/// Makes a table of the alarms, with at most `most` rows.
#[must_use]
pub fn sheet(found: &Found, most: usize, language: Language) -> Sheet {
    let heads = [
        ("camera", "摄像机"),
        ("file", "文件"),
        ("diagnosis", "诊断"),
        ("confidence", "把握"),
        ("score", "得分"),
        ("earlier looks", "此前观察次数"),
        ("observation", "所见"),
    ];
    let row = |alarm: &Alarm| {
        let finding = &alarm.finding;
        let message = language.of(&finding.message.en, &finding.message.zh).to_owned();
        vec![
            alarm.camera.clone(),
            alarm.file.clone(),
            finding.diagnosis.clone(),
            sureness(finding.score, language).to_owned(),
            finding.score.map_or_else(|| "–".to_owned(), |score| format!("{score:.0}")),
            alarm.before.to_string(),
            if message.is_empty() { finding.message.en.clone() } else { message },
        ]
    };
    let counts = format!("{} / {} / {}", found.alarms.len(), found.looks, found.cameras);
    Sheet {
        title: language
            .of("Alarms that would be raised, the most certain first", "会触发的告警（最有把握者在前）")
            .to_owned(),
        heads: heads.iter().map(|(english, chinese)| language.of(english, chinese).to_owned()).collect(),
        rows: found.alarms.iter().take(most).map(row).collect(),
        note: format!(
            "{}: {counts}",
            language.of("alarms / looks / cameras", "告警数 / 观察次数 / 摄像机数")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sub_folder_is_a_camera_and_a_file_beside_it_is_one_too() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(dir.path().join("gate/north")).expect("made");
        for file in ["yard.jpg", "gate/north/2.jpg", "gate/north/1.mp4", "gate/notes.txt"] {
            fs::write(dir.path().join(file), []).expect("written");
        }
        let cameras = cameras(dir.path()).expect("cameras");
        let named: Vec<(&str, usize)> =
            cameras.iter().map(|(name, files)| (name.as_str(), files.len())).collect();
        assert_eq!(named, [("gate/north", 2), ("yard", 1)]);
        assert!(cameras["gate/north"][0].ends_with("1.mp4"));
    }
}
