//! Runs plugins for the commands: a sandbox like that of a worker, and clips from any source.

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

/// The paths of a workshop.
#[derive(Debug, Clone, Default)]
pub struct Footing {
    /// The directory for compiled code. If it is `None`, plugins are compiled at every start.
    pub cache_dir: Option<PathBuf>,
    /// The ffmpeg program. `None` means the program `ffmpeg` in the search path.
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
    /// Opens a workshop. The running program must call [`easysight_sandbox::compiler_main`] at the very beginning.
    ///
    /// # Errors
    ///
    /// [`AuthorError::Sandbox`] if the engine does not start on this machine, [`AuthorError::Io`].
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

    /// Returns the component in a file, or the component of a plugin's folder. A folder's component is built if it is
    /// missing or outdated.
    ///
    /// # Errors
    ///
    /// The errors of [`ensure_built`], and [`AuthorError::Io`] if the file cannot be read.
    pub fn component(path: &Path) -> Result<(PathBuf, Vec<u8>), AuthorError> {
        let file = if path.is_dir() { ensure_built(&Project::find(path)?)? } else { path.to_owned() };
        let bytes = fs::read(&file).map_err(AuthorError::io(&file))?;
        Ok((file, bytes))
    }

    /// Loads a component as a worker does.
    ///
    /// # Errors
    ///
    /// [`AuthorError::Load`] with the rule that the component breaks.
    pub fn load(&self, file: &Path, bytes: &[u8]) -> Result<Arc<Plugin>, AuthorError> {
        self.sandbox.load(bytes).map_err(|source| AuthorError::Load { file: file.to_owned(), source })
    }

    /// Returns a plan that runs one plugin with this configuration, or with defaults if none is given.
    ///
    /// # Errors
    ///
    /// [`AuthorError::Config`] if the plugin's schema refuses the configuration.
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

    /// Captures the clip that a plan needs from a source.
    ///
    /// # Errors
    ///
    /// [`AuthorError::Clip`] if the source's address is invalid. A failed capture is not an error, but part of the
    /// result.
    pub fn capture(&self, plan: &Plan, source: &str) -> Result<(Source, Captured), AuthorError> {
        let source: Source = source.parse().map_err(|e| AuthorError::Clip(format!("{e}")))?;
        let captured = self.capture_of(plan, &source);
        Ok((source, captured))
    }

    /// Captures the clip that a plan needs from a parsed source.
    #[must_use]
    pub fn capture_of(&self, plan: &Plan, source: &Source) -> Captured {
        self.runtime.block_on(capture(&self.capturer, plan, source))
    }

    /// Captures a clip. A failed capture is an error.
    ///
    /// # Errors
    ///
    /// [`AuthorError::Clip`] with the reason why there is no clip.
    pub fn clip(&self, plan: &Plan, source: &str) -> Result<Arc<Clip>, AuthorError> {
        let (source, captured) = self.capture(plan, source)?;
        captured.clip.map_err(|error| AuthorError::Clip(format!("{source}: {error}")))
    }
}
