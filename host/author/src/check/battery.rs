//! Runs the plugin under check, and records its results.

use std::{cell::RefCell, sync::Arc, time::Duration};

use bytes::Bytes;
use easysight_capture::Clip;
use easysight_sandbox::{Limits, Plugin, RunFailure, RunInput, RunOutcome};

use super::{Check, remedy, texts::Texts};
use crate::{
    profile::in_words,
    scene::{Picture, Rendering},
};

/// The maximum size of one clip's samples in bytes. Workers have the same limit.
const MAX_CLIP_BYTES: u64 = 256 << 20;
/// The width and height of clips for checks that do not depend on the size.
const SMALL: (u32, u32) = (320, 180);
/// The maximum number of frames of small clips.
const SMALL_FRAMES: u32 = 64;

/// The plugin, and the texts that it has returned so far.
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

    /// Returns all recorded texts.
    pub(super) fn texts(&self) -> Texts {
        self.texts.borrow().clone()
    }

    /// Runs the plugin with default configuration and without a baseline.
    pub(super) fn run(&self, clip: &Arc<Clip>) -> RunOutcome {
        // Loading has verified that the defaults match the schema.
        let config = self.plugin.resolve_config(None).unwrap_or_else(|_| "{}".into());
        self.run_with(clip, config, None)
    }

    /// Runs the plugin once.
    pub(super) fn run_with(&self, clip: &Arc<Clip>, config: Arc<str>, baseline: Option<Bytes>) -> RunOutcome {
        let input = RunInput { clip: Arc::clone(clip), config, limits: self.limits, baseline };
        let outcome = self.plugin.run(input);
        if let Ok(report) = &outcome.result {
            self.texts.borrow_mut().take(report);
        }
        outcome
    }

    /// Returns a rendering of this size. Its length is the length that the plugin requests, up to the maximum size of a
    /// clip.
    pub(super) fn rendering(&self, picture: Picture, size: (u32, u32)) -> Rendering {
        let frame_bytes = u64::from(size.0) * u64::from(size.1) * 3 / 2;
        let granted = u32::try_from(MAX_CLIP_BYTES / frame_bytes.max(1)).unwrap_or(u32::MAX);
        let asked = Rendering { picture, size, frames: 0, interval: Duration::ZERO }
            .lasting(self.plugin.descriptor().clip);
        Rendering { frames: asked.frames.min(granted).max(1), ..asked }
    }

    /// Returns a small clip that an ordinary plugin can judge.
    pub(super) fn small(&self, picture: Picture) -> Rendering {
        let rendering = self.rendering(picture, SMALL);
        Rendering {
            frames: rendering.frames.min(SMALL_FRAMES.max(self.plugin.descriptor().clip.min_frames)),
            ..rendering
        }
    }

    /// Runs the plugin on each clip and returns one check for all of them. A run passes if the plugin returns a
    /// report, or if it answers that it cannot judge the clip.
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

/// The results of several runs.
#[derive(Debug, Default)]
pub(super) struct Tally {
    judged: usize,
    passed_over: usize,
    faults: Vec<String>,
    advice: &'static str,
}

impl Tally {
    /// Counts a run. If `may_refuse` is true, the plugin may refuse its configuration.
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

    /// Returns one check for all runs. It lists only the first faults, which are enough to find the cause.
    pub(super) fn check(self, name: &'static str) -> Check {
        const SHOWN: usize = 4;
        if self.faults.is_empty() {
            let passed_over = match self.passed_over {
                0 => String::new(),
                count => format!(", {count} not judged, with a reason"),
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
