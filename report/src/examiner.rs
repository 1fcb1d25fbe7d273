//! Runs the plugins on cases as every worker does: captured by ffmpeg, judged in the sandbox.

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

/// How a camera is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// A clip of a camera that is seen for the first time. Cases that only show beside how it was before are
    /// left out.
    First,
    /// One picture of a clip, as JPEG, of a camera that is seen for the first time. Cases that no single
    /// picture shows are left out.
    Picture,
    /// A clip of a camera that was seen healthy before, over changing light. Cases without healthy looks at
    /// the same view are left out.
    Remembered,
    /// The same of a camera whose checks may end after a second where that shows nothing amiss.
    Short,
}

/// Short looks on end, more than there are of any camera here.
const SHORT_LOOKS: u32 = 1_000;
/// Diagnoses of what no single picture shows.
const OVER_TIME: [&str; 6] = ["freeze", "shake", "clock", "scene_change", "flower_screen", "stream"];
/// Kinds that only show beside how it was before: nobody can tell at first sight.
const BESIDE: [&str; 2] = ["moved", "clock"];
/// Kinds whose fault begins within the clip, or has nothing that a single picture shows.
const LATER: [&str; 3] = ["covering", "half_way", "video_loss"];

impl Look {
    /// All.
    pub const ALL: [Self; 4] = [Self::First, Self::Picture, Self::Remembered, Self::Short];

    /// The word of the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Picture => "picture",
            Self::Remembered => "remembered",
            Self::Short => "short",
        }
    }

    /// Whether a case can be judged so.
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

/// The plugins of a directory, ready to judge.
#[derive(Debug)]
pub struct Examiner {
    plan: Plan,
    /// What was learned of healthy clips, by their files.
    learned: Mutex<BTreeMap<Vec<String>, Baselines>>,
    diagnoses: Vec<String>,
    capturer: Capturer,
    runtime: tokio::runtime::Runtime,
    /// Short looks that were enough.
    short: AtomicUsize,
    /// Those that went on.
    gone_on: AtomicUsize,
}

impl Examiner {
    /// Loads the plugins of a directory; `diagnoses` that are asked for, all where empty.
    ///
    /// # Errors
    ///
    /// Where a plugin cannot be used or a diagnosis is not at hand.
    pub fn new(plugins_dir: &Path, cache_dir: &Path, diagnoses: &[String]) -> anyhow::Result<Self> {
        let config = SandboxConfig { cache_dir: Some(cache_dir.to_owned()), ..SandboxConfig::default() };
        let sandbox = Sandbox::new(config)?;
        let (plugins, rejected) = PluginSet::load(&sandbox, plugins_dir, None)?;
        if let Some(rejected) = rejected.first() {
            bail!("{}: {}", rejected.path.display(), rejected.reason);
        }
        if plugins.is_empty() {
            bail!("no plugin in {}: `cargo xtask plugins` builds them", plugins_dir.display());
        }
        let plan = Plan::new(&plugins, diagnoses, &BTreeMap::new(), Limits::default())?;
        let diagnoses = plan.selected().iter().flat_map(|selected| selected.diagnoses.clone()).collect();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let learned = Mutex::default();
        let capturer = Capturer::new(CaptureConfig::default());
        let (short, gone_on) = (AtomicUsize::default(), AtomicUsize::default());
        Ok(Self { plan, learned, diagnoses, capturer, runtime, short, gone_on })
    }

    /// The diagnoses that answer.
    #[must_use]
    pub fn diagnoses(&self) -> &[String] {
        &self.diagnoses
    }

    /// Judges the cases that suit the look, so many at a time. `tell` hears how many are done.
    ///
    /// # Errors
    ///
    /// Where a case is not there, or ffmpeg is not.
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

    /// What the plugins find in a file, with what they know of the camera, and the marked picture of it.
    ///
    /// # Errors
    ///
    /// Where something else than the file is wrong.
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

    /// What the plugins remember after they saw healthy clips, one after the other.
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

    /// A short look at a clip; none where it is not enough.
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

    /// How many short looks were enough, and how many went on.
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
        // Without a picture there is one finding, and nobody else saw anything.
        let blind = self.diagnoses.iter().filter(missing);
        let blind = blind.map(|id| Verdict::blind(case, id, "there is no picture"));
        let mut verdicts: Vec<Verdict> =
            findings.iter().map(|finding| Verdict::of(case, finding)).chain(blind).collect();
        if verdicts.iter().all(|verdict| verdict.diagnosis != SIGNAL_LOSS) {
            // No plugin looks for it: the host does, and has nothing to say where there is a picture.
            let seen = Verdict::blind(case, SIGNAL_LOSS, "there is a picture");
            verdicts.push(Verdict { answer: Answer::Normal, score: Some(100.0), ..seen });
        }
        Ok(verdicts)
    }
}

/// What was found at one look.
#[derive(Debug, Clone)]
pub struct Seen {
    /// What each diagnosis says.
    pub findings: Vec<Finding>,
    /// What plugins know from now on, beside what they knew.
    pub learned: Baselines,
    /// The picture that decided, with what was found marked; none where all is well.
    pub marked: Option<Vec<u8>>,
}

/// A frame of a clip as JPEG, beside the clip.
fn single_picture(clip: &Path) -> anyhow::Result<PathBuf> {
    let jpeg = clip.with_extension("single.jpg");
    if !jpeg.exists() {
        // Two may make the same at a time.
        let beside = jpeg.with_extension(format!("{:?}.tmp", std::thread::current().id()));
        fs::write(&beside, pictures::still(clip)?)?;
        fs::rename(&beside, &jpeg)?;
    }
    Ok(jpeg)
}

/// Of a manifest's cases those of some kinds and, of faults, of some makers and severities; all where a
/// list is empty.
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

/// Reads the manifest of cases, with what to do where there is none.
///
/// # Errors
///
/// Where there is no manifest.
pub fn cases_of(dir: &Path) -> anyhow::Result<Manifest> {
    Manifest::read(dir).context("make the cases first, with `cargo xtask report cases`")
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
