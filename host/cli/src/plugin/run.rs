//! `easysight plugin run`: on one source, once or again at every change.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use easysight_author::{Project, Watch, Workshop, build, fingerprint};
use easysight_diagnose::{Examination, judge};
use easysight_protocol::Finding;
use serde::Serialize;

use super::author::{self, Output, Tools};
use crate::{
    exit,
    findings::{self, Line},
    language::Language,
    listing::Format,
};

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// An address (rtsp://, rtsps://, http://, https://) or a file.
    source: String,
    /// The plugin's folder.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Go on: build and run again whenever a source file changes, until Ctrl-C.
    #[arg(long)]
    watch: bool,
    /// Configuration: a JSON object, or @FILE with one.
    #[arg(long, value_name = "JSON|@FILE")]
    config: Option<String>,
    /// Language of messages; otherwise that of the locale.
    #[arg(long, value_enum)]
    lang: Option<Language>,
    #[command(flatten)]
    tools: Tools,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let workshop = arguments.tools.workshop()?;
    let project = Project::find(&arguments.dir)?;
    if !arguments.watch {
        return once(arguments, &workshop, &project);
    }
    let watch = Watch::begin(&project.dir)?;
    let mut seen = fingerprint(&project.dir)?;
    loop {
        // What does not build, or does not run, will with the next change.
        if let Err(error) = once(arguments, &workshop, &project) {
            eprintln!("easysight: {error:#}");
        }
        eprintln!("easysight: waiting for a change in {} (Ctrl-C ends)", project.dir.display());
        seen = watch.changed_from(seen)?;
    }
}

/// Builds, runs, prints.
fn once(arguments: &Arguments, workshop: &Workshop, project: &Project) -> anyhow::Result<ExitCode> {
    let built = build(project, None)?;
    let bytes = std::fs::read(&built.component).with_context(|| built.component.display().to_string())?;
    let plugin = workshop.load(&built.component, &bytes)?;
    let config = author::config(arguments.config.as_deref(), &author::diagnoses(&plugin))?;
    let plan = Workshop::plan(&plugin, config.as_ref())?;
    let (source, captured) = workshop.capture(&plan, &arguments.source)?;
    let examination = judge(&plan, &captured);
    if let Some(failure) = &examination.failure {
        anyhow::bail!("{source}: {}", failure.detail);
    }
    let code = code(&examination);
    print(arguments, &source.to_string(), examination)?;
    Ok(ExitCode::from(code))
}

fn code(examination: &Examination) -> u8 {
    if examination.findings.iter().any(Finding::is_failed) {
        exit::FAILED
    } else if examination.findings.iter().any(Finding::is_abnormal) {
        exit::ABNORMAL
    } else {
        exit::SUCCESS
    }
}

fn print(arguments: &Arguments, source: &str, examination: Examination) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Findings {
        findings: Vec<Line>,
    }
    let language = arguments.lang.unwrap_or_else(Language::of_locale);
    let decode_ms = examination.decode_ms;
    let line = |finding| Line::of(source, finding, decode_ms, language);
    let lines: Vec<Line> = examination.findings.into_iter().map(line).collect();
    match arguments.output.format {
        format @ Format::Table => format.list(&lines, "no finding", |lines| findings::table(lines, language)),
        // One line a run, so that a program can follow.
        Format::Json => Format::line(&Findings { findings: lines }),
    }
}
