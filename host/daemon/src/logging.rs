//! Where log lines go, and traces with them.

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};

use anyhow::Context;
use tokio::runtime::Handle;
use tracing::Level;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::{
    Layer, Registry, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt,
};

use crate::telemetry::{self, Exporting, TraceConfig};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged, where and how.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// The least that is logged.
    pub level: Level,
    /// A file that is rotated daily; standard error where absent.
    pub file: Option<PathBuf>,
    /// How lines look.
    pub format: LogFormat,
}

/// Reads a level as settings have it.
///
/// # Errors
///
/// Says what is allowed.
pub fn parse_level(text: &str) -> Result<Level, String> {
    match text.to_ascii_uppercase().as_str() {
        "ERROR" | "CRITICAL" => Ok(Level::ERROR),
        "WARN" | "WARNING" => Ok(Level::WARN),
        "INFO" => Ok(Level::INFO),
        "DEBUG" => Ok(Level::DEBUG),
        "TRACE" => Ok(Level::TRACE),
        _ => Err("ERROR, WARN, INFO, DEBUG or TRACE is wanted".into()),
    }
}

/// Reads a format as settings have it.
///
/// # Errors
///
/// Says what is allowed.
pub fn parse_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("text or json is wanted".into()),
    }
}

/// What logs and exports until it is ended.
#[derive(Debug)]
pub struct Logging {
    exporting: Option<Exporting>,
    _lines: Option<WorkerGuard>,
}

impl Logging {
    /// Exports and writes what is left.
    pub fn end(self) {
        if let Some(exporting) = self.exporting {
            exporting.end();
        }
    }
}

/// Starts logging, and exporting traces where that is wanted. Lines to a file are written by a thread of
/// their own until the end; traces are sent where `runtime` is.
///
/// # Errors
///
/// Where the file cannot be written, or nothing can be sent.
pub fn start(config: &LogConfig, traces: &TraceConfig, runtime: &Handle) -> anyhow::Result<Logging> {
    // Libraries speak from warnings on; what is theirs is rarely the operator's concern.
    let filter =
        Targets::new().with_default(config.level.min(Level::WARN)).with_target("easysight", config.level);
    let (lines, guard) = match &config.file {
        None => {
            let lines = fmt::layer().with_ansi(io::stderr().is_terminal()).with_writer(io::stderr);
            let lines: Box<dyn Layer<Registry> + Send + Sync> = match config.format {
                LogFormat::Text => lines.boxed(),
                LogFormat::Json => lines.json().boxed(),
            };
            (lines, None)
        }
        Some(path) => {
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
            let lines: Box<dyn Layer<Registry> + Send + Sync> = match config.format {
                LogFormat::Text => lines.boxed(),
                LogFormat::Json => lines.json().boxed(),
            };
            (lines, Some(guard))
        }
    };
    let mut layers = vec![lines.with_filter(filter).boxed()];
    let exporting = telemetry::start(traces, config.level, runtime)?.map(|(exporting, spans)| {
        layers.push(spans.boxed());
        exporting
    });
    Registry::default().with(layers).init();
    Ok(Logging { exporting, _lines: guard })
}
