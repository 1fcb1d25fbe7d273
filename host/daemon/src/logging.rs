//! Logs, and the export of traces.

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

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object on each line.
    Json,
}

/// Settings of the log.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// The lowest level that is logged.
    pub level: Level,
    /// The log file, which is rotated daily. If absent, lines go to standard error.
    pub file: Option<PathBuf>,
    /// The format of lines.
    pub format: LogFormat,
}

/// Parses the setting of a level.
///
/// # Errors
///
/// A message that names the allowed values.
pub fn parse_level(text: &str) -> Result<Level, String> {
    match text.to_ascii_uppercase().as_str() {
        "ERROR" | "CRITICAL" => Ok(Level::ERROR),
        "WARN" | "WARNING" => Ok(Level::WARN),
        "INFO" => Ok(Level::INFO),
        "DEBUG" => Ok(Level::DEBUG),
        "TRACE" => Ok(Level::TRACE),
        _ => Err("expected ERROR, WARN, INFO, DEBUG or TRACE".into()),
    }
}

/// Parses the setting of a format.
///
/// # Errors
///
/// A message that names the allowed values.
pub fn parse_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("expected text or json".into()),
    }
}

/// The running log and export.
#[derive(Debug)]
pub struct Logging {
    exporting: Option<Exporting>,
    _lines: Option<WorkerGuard>,
}

impl Logging {
    /// Exports the remaining spans, and writes the remaining lines.
    pub fn end(self) {
        if let Some(exporting) = self.exporting {
            exporting.end();
        }
    }
}

/// Starts the log, and the export of traces if the export is configured. A separate thread writes lines to a file.
/// Traces are sent from `runtime`.
///
/// # Errors
///
/// An error if the file cannot be written, or if the export cannot start.
pub fn start(config: &LogConfig, traces: &TraceConfig, runtime: &Handle) -> anyhow::Result<Logging> {
    // Libraries log warnings and errors only, since their other messages rarely concern the operator.
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
            let name = name.context("--log-file does not name a file")?;
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
