//! Runs of the plugin under check, and what is remembered of them.

use std::{cell::RefCell, sync::Arc, time::Duration};

use bytes::Bytes;
use easysight_capture::Clip;
use easysight_sandbox::{Limits, Plugin, RunFailure, RunInput, RunOutcome};

use super::{Check, remedy, texts::Texts};
use crate::{
    profile::in_words,
    scene::{Picture, Rendering},
};

/// Bytes of one clip's samples, at the most: what a worker grants too.
const MAX_CLIP_BYTES: u64 = 256 << 20;
/// Picture that runs at all small things: what matters in them is not its size.
const SMALL: (u32, u32) = (320, 180);
/// Frames of small clips, at the most.
const SMALL_FRAMES: u32 = 64;

/// The plugin, and what it said so far.
pub(super) struct Battery<'a> {
    pub(super) plugin: &'a Arc<Plugin>,
    pub(super) limits: Limits,
    texts: RefCell<Texts>,
}

impl<'a> Battery<'a> {
    pub(super) fn new(plugin: &'a Arc<Plugin>) -> Self {
        let texts = RefCell::new(Texts::of_descriptor(plugin.descriptor()));
        Self { plugin, limits: super::limits(), texts }
    }

    /// All texts that were seen.
    pub(super) fn texts(&self) -> Texts {
        self.texts.borrow().clone()
    }

    /// One run with the plugin's defaults and nothing remembered.
    pub(super) fn run(&self, clip: &Arc<Clip>) -> RunOutcome {
        // Loading has proved that the defaults keep the schema.
        let config = self.plugin.resolve_config(None).unwrap_or_else(|_| "{}".into());
        self.run_with(clip, config, None)
    }

    /// One run.
    pub(super) fn run_with(&self, clip: &Arc<Clip>, config: Arc<str>, baseline: Option<Bytes>) -> RunOutcome {
        let input = RunInput { clip: Arc::clone(clip), config, limits: self.limits, baseline };
        let outcome = self.plugin.run(input);
        if let Ok(report) = &outcome.result {
            self.texts.borrow_mut().take(report);
        }
        outcome
    }

    /// A picture of this size for as long as the plugin wants, or as much of it as a clip may hold.
    pub(super) fn rendering(&self, picture: Picture, size: (u32, u32)) -> Rendering {
        let frame_bytes = u64::from(size.0) * u64::from(size.1) * 3 / 2;
        let granted = u32::try_from(MAX_CLIP_BYTES / frame_bytes.max(1)).unwrap_or(u32::MAX);
        let asked = Rendering { picture, size, frames: 0, interval: Duration::ZERO }
            .lasting(self.plugin.descriptor().clip);
        Rendering { frames: asked.frames.min(granted).max(1), ..asked }
    }

    /// A small clip that an ordinary plugin can judge.
    pub(super) fn small(&self, picture: Picture) -> Rendering {
        let rendering = self.rendering(picture, SMALL);
        Rendering {
            frames: rendering.frames.min(SMALL_FRAMES.max(self.plugin.descriptor().clip.min_frames)),
            ..rendering
        }
    }

    /// Runs on each clip and says in one check what came of them. A report is well; so is an honest "cannot
    /// tell".
    pub(super) fn over(
        &self,
        name: &'static str,
        clips: impl IntoIterator<Item = (String, Option<Arc<Clip>>)>,
    ) -> Check {
        let mut tally = Tally::default();
        for (what, clip) in clips {
            let Some(clip) = clip else { continue };
            tally.take(&what, &self.run(&clip), false);
        }
        tally.check(name)
    }
}

/// What came of several runs.
#[derive(Debug, Default)]
pub(super) struct Tally {
    judged: usize,
    passed_over: usize,
    faults: Vec<String>,
    advice: &'static str,
}

impl Tally {
    /// Counts a run. Where `may_refuse`, the plugin may refuse its configuration.
    pub(super) fn take(&mut self, what: &str, outcome: &RunOutcome, may_refuse: bool) {
        match &outcome.result {
            Ok(_) => self.judged += 1,
            Err(RunFailure::Inconclusive(_) | RunFailure::UnsupportedClip(_)) => self.passed_over += 1,
            Err(RunFailure::InvalidConfig(_)) if may_refuse => self.passed_over += 1,
            Err(failure) => {
                let place = outcome.stack.iter().find(|frame| !frame.in_host);
                let place =
                    place.map(|frame| format!(", in {}", in_words(&frame.function))).unwrap_or_default();
                self.faults.push(format!("{what}: {failure}{place}"));
                if self.advice.is_empty() {
                    self.advice = remedy::for_failure(failure);
                }
            }
        }
    }

    /// The whole in one check; a handful of faults shows what is wrong.
    pub(super) fn check(self, name: &'static str) -> Check {
        const SHOWN: usize = 4;
        if self.faults.is_empty() {
            let passed_over = match self.passed_over {
                0 => String::new(),
                count => format!(", {count} not judged, and said so"),
            };
            return Check::pass(name, format!("{} judged{passed_over}", self.judged));
        }
        let more = match self.faults.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let shown: Vec<String> = self.faults.into_iter().take(SHOWN).collect();
        Check::fail(name, shown.join("; ") + &more, self.advice)
    }
}
