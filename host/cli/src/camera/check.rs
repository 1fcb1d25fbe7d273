//! `easysight camera check`: reads one camera as workers do, and records every request and answer. The output
//! contains no secrets, so it can be shown to others.

mod report;
mod table;

use std::{
    ffi::OsString,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, bail};
use easysight_capture::{CaptureConfig, Capturer, ClipRequest, Journal, Source, Stretch};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::report::Report;
use crate::{exit, language::Language, listing::Format, reading::Reading, sources::expanded};

/// The length of the beginning of the stream. Every picture of the beginning is kept.
const IN_FULL: Duration = Duration::from_secs(1);
/// The interval between kept pictures after the beginning. These pictures are enough to show that the stream can be
/// decoded.
const INTERVAL: Duration = Duration::from_secs(1);

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// An address (rtsp://, rtsps://, http://, https://) or a file.
    #[arg(value_name = "SOURCE")]
    source: OsString,
    /// Seconds of the stream to read. They should contain at least two keyframes.
    #[arg(long, value_name = "S", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=60))]
    span: u32,
    /// Language of messages. Default: the language of the locale.
    #[arg(long, value_enum)]
    lang: Option<Language>,
    #[command(flatten)]
    reading: Reading,
}

/// Runs the command. Returns the exit code.
pub(super) fn run(arguments: &Arguments, format: Format) -> anyhow::Result<ExitCode> {
    let meant = expanded(std::slice::from_ref(&arguments.source))?;
    let [meant] = &*meant else {
        bail!("only one camera can be checked at a time; this folder has {}", meant.len())
    };
    let source = match &meant.source {
        Ok(source) => source,
        Err(error) => bail!("{}: {error}", meant.shown),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the runtime does not start")?;
    let wanted = request(arguments.span);
    let checking = check(source, arguments.reading.config(), &wanted);
    let report = runtime.block_on(async {
        tokio::select! {
            report = checking => Some(report),
            // Dropping the future of `check` ends ffmpeg.
            _ = tokio::signal::ctrl_c() => None,
        }
    });
    let Some(report) = report else { return Ok(ExitCode::from(exit::INTERRUPTED)) };
    let language = arguments.lang.unwrap_or_else(Language::of_locale);
    match format {
        Format::Json => Format::Json.say(&report.for_programs(language), "")?,
        Format::Table => {
            io::stdout().write_all(table::of(&report, language).as_bytes()).context("standard output")?;
        }
    }
    Ok(ExitCode::from(report.exit_code()))
}

/// Makes a request for a clip of this many seconds.
fn request(seconds: u32) -> ClipRequest {
    let span = Duration::from_secs(seconds.into());
    let full = Stretch { min_frames: 1, interval: Duration::ZERO, span: IN_FULL };
    let long = Stretch { min_frames: 1, interval: INTERVAL, span };
    ClipRequest::from(full).merge(long.into())
}

async fn check(source: &Source, config: CaptureConfig, request: &ClipRequest) -> Report {
    let target =
        if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(None, target);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    let told = bar.clone();
    let journal = Journal::of(source, move |step| {
        told.set_message(format!("{} {} {}", step.kind.code(), step.asked, step.answered));
    });
    let capturer = Capturer::new(CaptureConfig { journal: journal.clone(), ..config });
    let captured = capturer.capture(source, request).await;
    bar.finish_and_clear();
    Report { source: source.to_string(), record: journal.record(), captured }
}
