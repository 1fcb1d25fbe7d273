//! Runs the plugins on cases as every worker does: captured by ffmpeg, judged in the sandbox.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context, bail};
use easysight_capture::{CaptureConfig, Capturer, Source};
use easysight_diagnose::{Baselines, Captured, Plan, PluginSet, SIGNAL_LOSS, capture, judge_with};
use easysight_sandbox::{Limits, Sandbox, SandboxConfig};

use crate::{
    manifest::{Case, Manifest, Severity},
    verdict::{Answer, Verdict},
};

/// Whether plugins remember the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// They see it for the first time.
    Empty,
    /// They saw it healthy before, more than once. Cases without healthy clips of the same view are left
    /// out, and so are plugins that remember nothing.
    Healthy,
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
        Ok(Self { plan, learned, diagnoses, capturer: Capturer::new(CaptureConfig::default()), runtime })
    }

    /// The diagnoses that answer.
    #[must_use]
    pub fn diagnoses(&self) -> &[String] {
        &self.diagnoses
    }

    /// Judges all cases, so many at a time. `tell` hears how many are done.
    ///
    /// # Errors
    ///
    /// Where a case is not there, or ffmpeg is not.
    pub fn examine(
        &self,
        dir: &Path,
        manifest: &Manifest,
        memory: Memory,
        jobs: usize,
        tell: &(dyn Fn(usize) + Sync),
    ) -> anyhow::Result<Vec<Verdict>> {
        let (next, done) = (AtomicUsize::new(0), Mutex::new((Vec::new(), None)));
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(case) = manifest.cases.get(number) else { return };
                let judged = self.judge(dir, case, memory);
                let Ok(mut done) = done.lock() else { return };
                match judged {
                    Ok(verdicts) => {
                        done.0.push((number, verdicts));
                        tell(done.0.len());
                    }
                    Err(error) => {
                        done.1.get_or_insert(error);
                        next.store(manifest.cases.len(), Ordering::Relaxed);
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..jobs.max(1) {
                scope.spawn(work);
            }
        });
        let Ok((mut judged, failed)) = done.into_inner() else { bail!("judging broke off") };
        if let Some(error) = failed {
            return Err(error);
        }
        judged.sort_by_key(|(number, _)| *number);
        Ok(judged.into_iter().flat_map(|(_, verdicts)| verdicts).collect())
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
            known.extend(judge_with(&self.plan, &captured, &known).baselines);
        }
        if let Ok(mut learned) = self.learned.lock() {
            learned.insert(past.to_owned(), known.clone());
        }
        known
    }

    fn judge(&self, dir: &Path, case: &Case, memory: Memory) -> anyhow::Result<Vec<Verdict>> {
        let known = match memory {
            Memory::Empty => Baselines::new(),
            Memory::Healthy => self.learn(dir, &case.past),
        };
        if memory == Memory::Healthy && known.is_empty() {
            return Ok(Vec::new());
        }
        let captured = self.capture(&dir.join(&case.file));
        let examination = judge_with(&self.plan, &captured, &known);
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
        if memory == Memory::Healthy {
            verdicts.retain(|verdict| self.remembers(&verdict.diagnosis, &known));
        }
        Ok(verdicts)
    }

    /// Whether the plugin of a diagnosis is one of those that remember.
    fn remembers(&self, diagnosis: &str, known: &Baselines) -> bool {
        let names = |list: &[String]| list.iter().any(|id| id == diagnosis);
        let plugin = self.plan.selected().iter().find(|selected| names(&selected.diagnoses));
        plugin.is_some_and(|selected| known.contains_key(&selected.plugin.descriptor().name))
    }
}

/// Of a manifest's cases those of some kinds and, of faults, of some severities; all where a list is
/// empty.
#[must_use]
pub fn chosen(manifest: Manifest, kinds: &[String], severities: &[String]) -> Manifest {
    let any = |list: &[String], word: &str| list.is_empty() || list.iter().any(|one| one == word);
    let wanted = |case: &Case| {
        let severity = case.severity.map(Severity::as_str);
        any(kinds, &case.kind) && severity.is_none_or(|word| any(severities, word))
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
