//! `easysight plugin run`: runs a plugin on one source, once or after every change.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use easysight_author::{Project, Watch, Workshop, build, ensure_built, fingerprint};
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
    /// Build and run again whenever a source file changes, until Ctrl-C.
    #[arg(long)]
    watch: bool,
    /// Configuration: a JSON object, or @FILE with one.
    #[arg(long, value_name = "JSON|@FILE")]
    config: Option<String>,
    /// Language of messages. Default: the language of the locale.
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
    // The plugin is built only if necessary, because another build may produce other bytes than the signed and
    // published component.
    if !arguments.watch {
        return once(arguments, &workshop, &ensure_built(&project)?);
    }
    let mut watch = Watch::begin(&project.dir)?;
    let mut seen = fingerprint(&project.dir)?;
    let mut component = ensure_built(&project);
    loop {
        // A component that does not build or run may do so after the next change.
        let ran = component.map_err(Into::into).and_then(|file| once(arguments, &workshop, &file));
        if let Err(error) = ran {
            eprintln!("easysight: {error:#}");
        }
        eprintln!("easysight: waiting for a change in {} (Ctrl-C stops)", project.dir.display());
        seen = watch.changed_from(seen)?;
        // The plugin is always built here, without a comparison of file times. If the change removed a source file,
        // possibly no remaining file is newer than the component.
        component = build(&project, None).map(|built| built.component);
    }
}

/// Runs a component and prints its findings.
fn once(arguments: &Arguments, workshop: &Workshop, component: &Path) -> anyhow::Result<ExitCode> {
    let bytes = std::fs::read(component).with_context(|| component.display().to_string())?;
    let plugin = workshop.load(component, &bytes)?;
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
        // One line for each run, so that a program can read the runs one by one.
        Format::Json => Format::line(&Findings { findings: lines }),
    }
}
