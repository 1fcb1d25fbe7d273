//! Where log lines go.

use std::{
    io::{self, IsTerminal},
    path::Path,
};

use anyhow::Context;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::{
    Layer, Registry, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt,
};

use crate::settings::{LogFormat, WorkerSettings};

/// Starts logging. Lines to a file are written by a thread of their own until the guard is dropped.
pub(crate) fn start(settings: &WorkerSettings) -> anyhow::Result<Option<WorkerGuard>> {
    // Libraries speak from warnings on; what is theirs is rarely the operator's concern.
    let filter = Targets::new()
        .with_default(settings.log_level.min(tracing::Level::WARN))
        .with_target("easysight", settings.log_level);
    let Some(path) = &settings.log_file else {
        let lines = fmt::layer().with_ansi(io::stderr().is_terminal()).with_writer(io::stderr);
        let lines: Box<dyn Layer<Registry> + Send + Sync> = match settings.log_format {
            LogFormat::Text => lines.boxed(),
            LogFormat::Json => lines.json().boxed(),
        };
        Registry::default().with(lines.with_filter(filter)).init();
        return Ok(None);
    };
    let (dir, name) = (path.parent().unwrap_or(Path::new(".")), path.file_name());
    let name = name.context("--log-file names no file")?;
    std::fs::create_dir_all(dir).with_context(|| format!("--log-file: {}", dir.display()))?;
    let daily = tracing_appender::rolling::Builder::new()
        .rotation(tracing_appender::rolling::Rotation::DAILY)
        .filename_prefix(name.to_string_lossy())
        .max_log_files(14)
        .build(if dir.as_os_str().is_empty() { Path::new(".") } else { dir })
        .with_context(|| format!("--log-file {}", path.display()))?;
    let (writer, guard) = tracing_appender::non_blocking(daily);
    let lines = fmt::layer().with_ansi(false).with_writer(writer);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match settings.log_format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    Registry::default().with(lines.with_filter(filter)).init();
    Ok(Some(guard))
}
