//! `cargo xtask demo`: a synthetic surveillance camera, healthy, dark and frozen, or your own
//! camera, diagnosed by a standalone worker over HTTP.

mod render;
mod submission;
mod worker;

use std::{
    fs,
    io::IsTerminal,
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
};

use anyhow::{Context, bail};
use comfy_table::{Cell, Color, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};

use crate::{
    packages, plugins,
    process::{command, is_there, run as run_command},
    workspace,
};

use render::Condition;
use submission::{Finding, submit};
use worker::Worker;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Diagnose this camera or file instead of the synthetic one; may be repeated.
    #[arg(long, value_name = "URI")]
    source: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let plugins = plugins::build()?;
    find_ffmpeg()?;
    eprintln!("building the worker");
    let root = workspace::root();
    run_command(command("cargo", &root).args([
        "build",
        "--package",
        "easysight-worker",
        "--package",
        "easysight-cli",
    ]))?;
    let synthetic = arguments.source.is_empty();
    let sources = if synthetic { synthesise()? } else { arguments.source.clone() };
    let worker = Worker::start(&workspace::target().join("debug").join("easysight-worker"), &plugins)?;
    eprintln!("a standalone worker serves {}", worker.url());
    let mut results = Vec::new();
    for source in &sources {
        results.push((source.clone(), submit(worker.url(), &absolute(source)?)?));
    }
    worker.stop()?;

    println!("{}", table(&results));
    let told_apart = if synthetic { Some(judge(&results)) } else { None };
    match told_apart {
        Some(Ok(())) => println!("healthy, dark and frozen are told apart"),
        Some(Err(ref error)) => println!("NOT told apart: {error:#}"),
        None => {}
    }
    if let (true, Some(clip)) = (synthetic, sources.first()) {
        let program = workspace::target().join("debug").join("easysight");
        println!("by hand: {} diagnose {clip}", program.display());
    }
    println!("your own camera: cargo xtask demo --source rtsp://user:password@camera/stream");
    Ok(if matches!(told_apart, Some(Err(_))) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn find_ffmpeg() -> anyhow::Result<()> {
    if is_there("ffmpeg", "-version") {
        return Ok(());
    }
    if !packages::is_debian() {
        bail!("ffmpeg is missing: install it and try again");
    }
    packages::install(&["ffmpeg"])
}

/// The synthetic camera's clips.
fn synthesise() -> anyhow::Result<Vec<String>> {
    let dir = workspace::target().join("demo");
    fs::create_dir_all(&dir)?;
    let mut files = Vec::new();
    for condition in [Condition::Healthy, Condition::Dark, Condition::Frozen] {
        let file = dir.join(format!("{}.mp4", condition.name()));
        eprintln!("rendering {}", file.display());
        encode(condition, &file)?;
        files.push(file.display().to_string());
    }
    Ok(files)
}

/// Renders a clip into ffmpeg; with H.264 where ffmpeg has it, as most cameras do.
fn encode(condition: Condition, file: &Path) -> anyhow::Result<()> {
    let h264 = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23"];
    let mpeg4 = ["-c:v", "mpeg4", "-q:v", "3"];
    try_encode(condition, file, &h264).or_else(|_| try_encode(condition, file, &mpeg4))
}

fn try_encode(condition: Condition, file: &Path, codec: &[&str]) -> anyhow::Result<()> {
    let size = format!("{}x{}", render::WIDTH, render::HEIGHT);
    let rate = render::FRAME_RATE.to_string();
    let mut ffmpeg = command("ffmpeg", &workspace::root());
    ffmpeg.args([
        "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "gray", "-s", &size, "-r", &rate, "-i", "-",
    ]);
    // Two seconds from keyframe to keyframe, as cameras have it.
    ffmpeg.args(codec).args(["-g", &(2 * render::FRAME_RATE).to_string(), "-pix_fmt", "yuv420p"]).arg(file);
    let mut child = ffmpeg.stdin(Stdio::piped()).spawn().context("ffmpeg does not start")?;
    let written = match child.stdin.take() {
        Some(mut input) => render::write(condition, &mut input),
        None => bail!("ffmpeg has no standard input"),
    };
    if !child.wait()?.success() {
        bail!("ffmpeg cannot encode {}", file.display());
    }
    written.context("ffmpeg stopped listening")
}

/// A file is named to the worker by its whole path, since the worker stands elsewhere.
fn absolute(source: &str) -> anyhow::Result<String> {
    if source.contains("://") {
        return Ok(source.to_owned());
    }
    let path: PathBuf = fs::canonicalize(source).with_context(|| source.to_owned())?;
    Ok(path.display().to_string())
}

fn table(results: &[(String, Vec<Finding>)]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["clip", "diagnosis", "status", "score", "measured", "message"]);
    for (source, findings) in results {
        let name = name(source);
        for finding in findings {
            let colour = match finding.status.as_str() {
                "normal" => Color::Green,
                "warning" => Color::Yellow,
                "error" | "critical" => Color::Red,
                _ => Color::DarkGrey,
            };
            let status = Cell::new(&finding.status);
            table.add_row([
                Cell::new(&name),
                Cell::new(&finding.diagnosis),
                if std::io::stdout().is_terminal() { status.fg(colour) } else { status },
                Cell::new(&finding.score),
                Cell::new(&finding.measured),
                Cell::new(&finding.message),
            ]);
        }
    }
    table
}

/// A file's name, or an address without credentials.
fn name(source: &str) -> String {
    match source.split_once("://") {
        Some((_, address)) => {
            let address = address.split('?').next().unwrap_or_default();
            address.rsplit('@').next().unwrap_or_default().to_owned()
        }
        None => {
            Path::new(source).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
        }
    }
}

/// Whether each clip was found to be what it is.
fn judge(results: &[(String, Vec<Finding>)]) -> anyhow::Result<()> {
    let [(_, healthy), (_, dark), (_, frozen)] = results else { bail!("not three results") };
    let abnormal = |findings: &[Finding], diagnosis: &str| {
        let found = findings.iter().find(|finding| finding.diagnosis == diagnosis);
        found.is_some_and(|finding| ["warning", "error", "critical"].contains(&finding.status.as_str()))
    };
    if !healthy.iter().all(|finding| finding.status == "normal") || healthy.len() < 2 {
        bail!("the healthy clip is not normal");
    }
    if !abnormal(dark, "brightness") || abnormal(dark, "freeze") {
        bail!("the dark clip is not found to be dark alone");
    }
    if !abnormal(frozen, "freeze") || abnormal(frozen, "brightness") {
        bail!("the frozen clip is not found to be frozen alone");
    }
    Ok(())
}
