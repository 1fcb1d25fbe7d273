//! Runs the plugins on cases as every worker does: ffmpeg captures the clip, and the plugins judge it in the
//! sandbox.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context, bail};
use easysight_capture::{CaptureConfig, Capturer, Source};
use easysight_diagnose::{
    Baselines, Captured, Examination, Looks, Plan, PluginSet, SIGNAL_LOSS, Taken, capture, capture_part,
    evidence, judge_with,
};
use easysight_protocol::{self as protocol, Finding};
use easysight_sandbox::{Limits, Sandbox, SandboxConfig};

use crate::{
    manifest::{Case, Manifest, Severity},
    parallel, pictures,
    verdict::{Answer, Verdict},
};

/// How a camera is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// A clip of a camera that is checked for the first time. Cases that are visible only in comparison with
    /// earlier checks are left out.
    First,
    /// One JPEG picture from the clip of a camera that is checked for the first time. Cases whose fault no single
    /// picture shows are left out.
    Picture,
    /// A clip of a camera with earlier healthy checks in changing light. Cases without healthy checks of the same
    /// view are left out.
    Remembered,
    /// A clip as for `Remembered`, but the check may end after one second if this second shows no fault.
    Short,
}

/// The maximum number of consecutive short checks. No camera of a case has that many checks.
const SHORT_LOOKS: u32 = 1_000;
/// Diagnoses of faults that no single picture shows.
const OVER_TIME: [&str; 6] = ["freeze", "shake", "clock", "scene_change", "flower_screen", "stream"];
/// Kinds that are visible only in comparison with earlier checks, so a first check cannot find them.
const BESIDE: [&str; 2] = ["moved", "clock"];
/// Kinds and variants whose fault begins within the clip. A single picture may be from an earlier moment.
const LATER: [&str; 3] = ["covering", "half_way", "video_loss"];

impl Look {
    /// All ways to check a camera.
    pub const ALL: [Self; 4] = [Self::First, Self::Picture, Self::Remembered, Self::Short];

    /// Returns the name on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Picture => "picture",
            Self::Remembered => "remembered",
            Self::Short => "short",
        }
    }

    /// True if a case can be judged in this way.
    #[must_use]
    pub fn suits(self, case: &Case) -> bool {
        let over_time = |id: &String| OVER_TIME.contains(&id.as_str());
        match self {
            Self::First => !BESIDE.contains(&case.kind.as_str()),
            Self::Picture => {
                !case.must.iter().any(over_time)
                    && !LATER.contains(&case.kind.as_str())
                    && !LATER.contains(&case.variant.as_str())
            }
            Self::Remembered | Self::Short => !case.past.is_empty(),
        }
    }
}

/// The plugins of a directory, loaded.
#[derive(Debug)]
pub struct Examiner {
    plan: Plan,
    /// The baselines learned from healthy clips, by the files of the clips.
    learned: Mutex<BTreeMap<Vec<String>, Baselines>>,
    diagnoses: Vec<String>,
    capturer: Capturer,
    runtime: tokio::runtime::Runtime,
    /// The number of short checks that were enough.
    short: AtomicUsize,
    /// The number of short checks that were continued as full checks.
    gone_on: AtomicUsize,
}

impl Examiner {
    /// Loads the plugins of a directory, and requests `diagnoses`. An empty list means all diagnoses.
    ///
    /// # Errors
    ///
    /// Returns an error if a plugin cannot be used or a diagnosis is not available.
    pub fn new(plugins_dir: &Path, cache_dir: &Path, diagnoses: &[String]) -> anyhow::Result<Self> {
        let config = SandboxConfig { cache_dir: Some(cache_dir.to_owned()), ..SandboxConfig::default() };
        let sandbox = Sandbox::new(config)?;
        let (plugins, rejected) = PluginSet::load(&sandbox, plugins_dir, None)?;
        if let Some(rejected) = rejected.first() {
            bail!("{}: {}", rejected.path.display(), rejected.reason);
        }
        if plugins.is_empty() {
            bail!("no plugins in {}; build them with `cargo xtask plugins`", plugins_dir.display());
        }
        let plan = Plan::new(&plugins, diagnoses, &BTreeMap::new(), Limits::default())?;
        let diagnoses = plan.selected().iter().flat_map(|selected| selected.diagnoses.clone()).collect();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let learned = Mutex::default();
        let capturer = Capturer::new(CaptureConfig::default());
        let (short, gone_on) = (AtomicUsize::default(), AtomicUsize::default());
        Ok(Self { plan, learned, diagnoses, capturer, runtime, short, gone_on })
    }

    /// Returns the diagnoses that are run.
    #[must_use]
    pub fn diagnoses(&self) -> &[String] {
        &self.diagnoses
    }

    /// Judges the cases that suit `look`, `jobs` at a time. Calls `tell` with the number of finished cases.
    ///
    /// # Errors
    ///
    /// Returns an error if a case or ffmpeg is missing.
    pub fn examine(
        &self,
        dir: &Path,
        manifest: &Manifest,
        look: Look,
        jobs: usize,
        tell: &(dyn Fn(usize) + Sync),
    ) -> anyhow::Result<Vec<Verdict>> {
        let cases: Vec<&Case> = manifest.cases.iter().filter(|case| look.suits(case)).collect();
        let judged = parallel::each(&cases, jobs, tell, |case| self.judge(dir, case, look))?;
        Ok(judged.into_iter().flatten().collect())
    }

    /// Returns the findings for a file, made with the baselines of its camera, and the marked picture.
    ///
    /// # Errors
    ///
    /// Returns an error if the check fails for a reason other than the file.
    pub fn look_at(&self, file: &Path, known: &Baselines) -> anyhow::Result<Seen> {
        let captured = self.capture(file);
        let examination = judge_with(&self.plan, &captured, known);
        if let Some(failure) = &examination.failure {
            bail!("{}: {}", file.display(), failure.detail);
        }
        let clip = captured.clip.as_ref().ok();
        let marked = clip.and_then(|clip| evidence(clip, &examination.findings).ok().flatten());
        let marked = marked.map(|seen| seen.picture.jpeg.to_vec());
        Ok(Seen { findings: examination.findings, learned: examination.baselines, marked })
    }

    fn capture(&self, file: &Path) -> Captured {
        self.runtime.block_on(capture(&self.capturer, &self.plan, &Source::from(file)))
    }

    /// Returns the plugins' baselines after healthy clips were judged, one after the other.
    fn learn(&self, dir: &Path, past: &[String]) -> Baselines {
        if let Some(known) = self.learned.lock().ok().and_then(|learned| learned.get(past).cloned()) {
            return known;
        }
        let mut known = Baselines::new();
        for file in past {
            let captured = self.capture(&dir.join(file));
            let looks = Looks::new(SHORT_LOOKS, &self.plan, &known);
            let mut examination = judge_with(&self.plan, &captured, &known);
            looks.note(protocol::Look::Full, &mut examination);
            known.extend(examination.baselines);
        }
        if let Ok(mut learned) = self.learned.lock() {
            learned.insert(past.to_owned(), known.clone());
        }
        known
    }

    /// Makes a short check of a clip. Returns None if short checks are not possible.
    fn short_look(&self, clip: &Path, known: &Baselines) -> Option<Examination> {
        let looks = Looks::new(SHORT_LOOKS, &self.plan, known);
        let part = looks.part(&self.plan)?;
        let enough = async |captured| {
            let examination = judge_with(&self.plan, &captured, known);
            looks.is_enough(&examination).then_some(examination)
        };
        let source = Source::from(clip);
        let looked = capture_part(&self.capturer, &self.plan, &source, &part, enough);
        let (short, examination) = match self.runtime.block_on(looked) {
            Taken::Enough(examination) => (&self.short, examination),
            Taken::Whole(captured) => (&self.gone_on, judge_with(&self.plan, &captured, known)),
        };
        short.fetch_add(1, Ordering::Relaxed);
        Some(examination)
    }

    /// Returns the number of short checks that were enough, and the number that were continued as full checks.
    #[must_use]
    pub fn short_looks(&self) -> (usize, usize) {
        (self.short.load(Ordering::Relaxed), self.gone_on.load(Ordering::Relaxed))
    }

    fn judge(&self, dir: &Path, case: &Case, look: Look) -> anyhow::Result<Vec<Verdict>> {
        let known = match look {
            Look::First | Look::Picture => Baselines::new(),
            Look::Remembered | Look::Short => self.learn(dir, &case.past),
        };
        let clip = dir.join(&case.file);
        let single = (look == Look::Picture).then(|| single_picture(&clip)).transpose()?;
        let short = if look == Look::Short { self.short_look(&clip, &known) } else { None };
        let examination = short.unwrap_or_else(|| {
            let captured = self.capture(single.as_deref().unwrap_or(&clip));
            judge_with(&self.plan, &captured, &known)
        });
        if let Some(failure) = &examination.failure {
            bail!("{}: {}", case.file, failure.detail);
        }
        let findings = &examination.findings;
        let missing = |id: &&String| findings.iter().all(|finding| finding.diagnosis != **id);
        // Without a picture there is only one finding, and no other diagnosis has a result.
        let blind = self.diagnoses.iter().filter(missing);
        let blind = blind.map(|id| Verdict::blind(case, id, "there is no picture"));
        let mut verdicts: Vec<Verdict> =
            findings.iter().map(|finding| Verdict::of(case, finding)).chain(blind).collect();
        if verdicts.iter().all(|verdict| verdict.diagnosis != SIGNAL_LOSS) {
            // The host, not a plugin, diagnoses signal loss. The host reports nothing if there is a picture.
            let seen = Verdict::blind(case, SIGNAL_LOSS, "there is a picture");
            verdicts.push(Verdict { answer: Answer::Normal, score: Some(100.0), ..seen });
        }
        Ok(verdicts)
    }
}

/// The result of one capture.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The findings of all diagnoses.
    pub findings: Vec<Finding>,
    /// The baselines that the plugins add to the known ones.
    pub learned: Baselines,
    /// The picture that determined the result, with the findings marked. None if all is normal.
    pub marked: Option<Vec<u8>>,
}

/// Writes a frame of a clip as JPEG, beside the clip.
fn single_picture(clip: &Path) -> anyhow::Result<PathBuf> {
    let jpeg = clip.with_extension("single.jpg");
    if !jpeg.exists() {
        // Two threads may make the same file at the same time.
        let beside = jpeg.with_extension(format!("{:?}.tmp", std::thread::current().id()));
        fs::write(&beside, pictures::still(clip)?)?;
        fs::rename(&beside, &jpeg)?;
    }
    Ok(jpeg)
}

/// Selects the cases of some kinds and, for faults, of some makers and severities. An empty list selects all.
#[must_use]
pub fn chosen(manifest: Manifest, kinds: &[String], makers: &[String], severities: &[String]) -> Manifest {
    let any = |list: &[String], word: &str| list.is_empty() || list.iter().any(|one| one == word);
    let wanted = |case: &Case| {
        let severity = case.severity.map(Severity::as_str);
        any(kinds, &case.kind)
            && (case.maker.is_empty() || any(makers, &case.maker))
            && severity.is_none_or(|word| any(severities, word))
    };
    Manifest { cases: manifest.cases.into_iter().filter(wanted).collect() }
}

/// Reads the manifest of cases. If there is no manifest, the error states what to do.
///
/// # Errors
///
/// Returns an error if there is no manifest.
pub fn cases_of(dir: &Path) -> anyhow::Result<Manifest> {
    Manifest::read(dir).context("there are no cases; make them with `cargo xtask report cases`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Role;

    fn case(kind: &str, must: &str, past: &[&str]) -> Case {
        Case {
            file: String::new(),
            source: "gate".into(),
            role: Role::Fault,
            kind: kind.into(),
            variant: String::new(),
            maker: "maker".into(),
            severity: None,
            must: vec![must.into()],
            may: Vec::new(),
            past: past.iter().map(|&file| file.to_owned()).collect(),
        }
    }

    #[test]
    fn a_case_is_judged_only_where_it_can_be_seen() {
        let suits = |case: Case| Look::ALL.map(|look| look.suits(&case));
        assert_eq!(suits(case("fog", "contrast", &["healthy.mp4"])), [true, true, true, true]);
        assert_eq!(suits(case("fog", "contrast", &[])), [true, true, false, false]);
        assert_eq!(suits(case("held", "freeze", &["healthy.mp4"])), [true, false, true, true]);
        assert_eq!(suits(case("moved", "scene_change", &["before.mp4"])), [false, false, true, true]);
        assert_eq!(suits(case("covering", "occlusion", &["healthy.mp4"])), [true, false, true, true]);
    }
}
