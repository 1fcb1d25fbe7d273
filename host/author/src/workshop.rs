//! What commands run plugins with: a sandbox as a worker has it, and clips from anywhere.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use easysight_capture::{CaptureConfig, Capturer, Clip, Source};
use easysight_diagnose::{Captured, Plan, Selected, capture};
use easysight_sandbox::{Limits, Plugin, Sandbox, SandboxConfig};
use serde_json::Value;

use crate::{AuthorError, Project, ensure_built};

/// Where a workshop keeps and finds things.
#[derive(Debug, Clone, Default)]
pub struct Footing {
    /// Where compiled code is kept; none to compile at every start.
    pub cache_dir: Option<PathBuf>,
    /// The ffmpeg program; none for the one in the search path.
    pub ffmpeg: Option<PathBuf>,
}

/// A sandbox and a capturer.
#[derive(Debug)]
pub struct Workshop {
    sandbox: Sandbox,
    capturer: Capturer,
    runtime: tokio::runtime::Runtime,
}

impl Workshop {
    /// Opens it. The running program must call [`easysight_sandbox::compiler_main`] first thing.
    ///
    /// # Errors
    ///
    /// [`AuthorError::Sandbox`] where the engine does not start here, [`AuthorError::Io`].
    pub fn open(footing: Footing) -> Result<Self, AuthorError> {
        let config =
            SandboxConfig { concurrency: 1, cache_dir: footing.cache_dir, ..SandboxConfig::default() };
        let mut capture = CaptureConfig::default();
        if let Some(ffmpeg) = footing.ffmpeg {
            capture.ffmpeg = ffmpeg;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self {
            sandbox: Sandbox::new(config)?,
            capturer: Capturer::new(capture),
            runtime: runtime.map_err(AuthorError::io("the runtime"))?,
        })
    }

    /// The component of a file, or of a folder, which is built where it is not.
    ///
    /// # Errors
    ///
    /// Those of [`ensure_built`], [`AuthorError::Io`] where the file cannot be read.
    pub fn component(path: &Path) -> Result<(PathBuf, Vec<u8>), AuthorError> {
        let file = if path.is_dir() { ensure_built(&Project::find(path)?)? } else { path.to_owned() };
        let bytes = fs::read(&file).map_err(AuthorError::io(&file))?;
        Ok((file, bytes))
    }

    /// Loads a component as a worker does.
    ///
    /// # Errors
    ///
    /// [`AuthorError::Load`] with the rule that it breaks.
    pub fn load(&self, file: &Path, bytes: &[u8]) -> Result<Arc<Plugin>, AuthorError> {
        self.sandbox.load(bytes).map_err(|source| AuthorError::Load { file: file.to_owned(), source })
    }

    /// The plan that runs one plugin with a configuration of its own; defaults where none is given.
    ///
    /// # Errors
    ///
    /// [`AuthorError::Config`] where the plugin's schema refuses it.
    pub fn plan(plugin: &Arc<Plugin>, config: Option<&Value>) -> Result<Plan, AuthorError> {
        let config = plugin
            .resolve_config(config)
            .map_err(|e| AuthorError::Config { field: e.field, detail: e.detail })?;
        Ok(Plan::of(vec![Selected {
            plugin: Arc::clone(plugin),
            diagnoses: plugin.descriptor().diagnoses.iter().map(|diagnosis| diagnosis.id.clone()).collect(),
            config,
            limits: Limits::default(),
        }]))
    }

    /// Captures from a source what a plan wants to see.
    ///
    /// # Errors
    ///
    /// [`AuthorError::Clip`] where the source's address makes no sense. That there is no picture is said in
    /// the answer.
    pub fn capture(&self, plan: &Plan, source: &str) -> Result<(Source, Captured), AuthorError> {
        let source: Source = source.parse().map_err(|e| AuthorError::Clip(format!("{e}")))?;
        let captured = self.capture_of(plan, &source);
        Ok((source, captured))
    }

    /// The same, of a source that is known.
    #[must_use]
    pub fn capture_of(&self, plan: &Plan, source: &Source) -> Captured {
        self.runtime.block_on(capture(&self.capturer, plan, source))
    }

    /// Captures a clip that must be there.
    ///
    /// # Errors
    ///
    /// [`AuthorError::Clip`] with why there is none.
    pub fn clip(&self, plan: &Plan, source: &str) -> Result<Arc<Clip>, AuthorError> {
        let (source, captured) = self.capture(plan, source)?;
        captured.clip.map_err(|error| AuthorError::Clip(format!("{source}: {error}")))
    }
}
