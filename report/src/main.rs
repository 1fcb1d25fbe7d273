//! `cargo xtask report …`: how well the diagnoses tell healthy pictures from faulty ones.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use easysight_report::{
    cases::{self, Clip, Order},
    document::{self, Told},
    examiner::{self, Examiner, Memory},
    labels,
    manifest::Manifest,
    set::Set,
    tally,
};
use indicatif::{ProgressBar, ProgressStyle};

/// Measures the diagnoses.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Only make the cases.
    Cases(Cases),
    /// Make the cases, run the plugins on them and write a report.
    Accuracy(Accuracy),
}

#[derive(Debug, clap::Args)]
struct Cases {
    /// Healthy clips, directories of them, or folders of footage with a `labels.csv`, of which the healthy
    /// clips and stills are taken; rendered scenes where none is given.
    #[arg(long, value_name = "FILE|DIR")]
    clips: Vec<PathBuf>,
    /// Render scenes beside the clips that are given.
    #[arg(long)]
    scenes: bool,
    /// Where the cases are kept.
    #[arg(long, value_name = "DIR", default_value = "target/report/cases")]
    cases_dir: PathBuf,
    /// Only these kinds (`blur`, `night`, …).
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    kinds: Vec<String>,
    /// Only these makers of faults (`disk`, `koschmieder`, …).
    #[arg(long, value_name = "MAKER", value_delimiter = ',')]
    makers: Vec<String>,
    /// Only this much of each fault, beside healthy clips and confounders (`mild`, `middle`, `strong`).
    #[arg(long, value_name = "SEVERITY", value_delimiter = ',')]
    severities: Vec<String>,
    /// Only cases of this set (`development`, `validation`, `lockbox`); those of all three otherwise.
    #[arg(long, value_name = "SET")]
    set: Option<Set>,
    /// Make each fault of so many clips of a set, in turn, rather than of all.
    #[arg(long, value_name = "N")]
    clips_each: Option<usize>,
    /// Seconds of each clip.
    #[arg(long, value_name = "S", default_value_t = 4.0)]
    seconds: f32,
    /// Other noise, dirt and damage.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many to make or judge at a time; one a processor where it is not given.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
}

#[derive(Debug, clap::Args)]
struct Accuracy {
    #[command(flatten)]
    cases: Cases,
    /// The plugins as components.
    #[arg(long, value_name = "DIR", default_value = "target/plugins")]
    plugins_dir: PathBuf,
    /// Only these diagnoses.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    diagnoses: Vec<String>,
    /// Take the cases that are there, by their manifest, and make none.
    #[arg(long)]
    ready: bool,
    /// Where the report goes.
    #[arg(long, value_name = "DIR", default_value = "target/report")]
    out: PathBuf,
}

fn main() -> anyhow::Result<ExitCode> {
    if let Some(code) = easysight_sandbox::compiler_main() {
        return Ok(code);
    }
    match Arguments::parse().command {
        Command::Cases(arguments) => {
            let manifest = arguments.make()?;
            println!("{} cases in {}", manifest.cases.len(), arguments.cases_dir.display());
        }
        Command::Accuracy(arguments) => arguments.run()?,
    }
    Ok(ExitCode::SUCCESS)
}

impl Accuracy {
    fn run(&self) -> anyhow::Result<()> {
        let dir = &self.cases.cases_dir;
        let manifest = if self.ready { examiner::cases_of(dir)? } else { self.cases.make()? };
        let manifest = examiner::chosen(manifest, &self.cases.kinds, &self.cases.severities);
        if manifest.cases.is_empty() {
            bail!("no case is left to judge");
        }
        fs::create_dir_all(&self.out).with_context(|| self.out.display().to_string())?;
        let examiner = Examiner::new(&self.plugins_dir, &self.out.join("compiled"), &self.diagnoses)?;
        let mut passes = Vec::new();
        for (memory, title) in [
            (Memory::Empty, "Without a memory of the camera"),
            (Memory::Healthy, "After healthy runs, plugins that remember"),
        ] {
            let bar = progress(manifest.cases.len(), "judging");
            let verdicts = examiner.examine(dir, &manifest, memory, self.cases.jobs(), &|number| {
                bar.set_position(number as u64);
            })?;
            bar.finish_and_clear();
            if !verdicts.is_empty() {
                let rows = tally::rows(&manifest, &verdicts);
                passes.push(Told { title: title.to_owned(), rows, verdicts });
            }
        }
        document::write(&self.out, dir, &manifest, &passes)?;
        for told in &passes {
            println!("{}: {} cases", told.title, manifest.cases.len());
            println!("{}", document::summary(&told.rows));
        }
        println!("worst cases with pictures: {}", self.out.join("accuracy.html").display());
        Ok(())
    }
}

impl Cases {
    fn make(&self) -> anyhow::Result<Manifest> {
        let order = self.order()?;
        let bar = progress(0, "making cases");
        let manifest = cases::make(&order, &|number, all, title| {
            bar.set_length(all as u64);
            bar.set_position(number as u64);
            bar.set_message(title.to_owned());
            if bar.is_hidden() && number.is_multiple_of(50) {
                eprintln!("{number}/{all} cases");
            }
        })?;
        bar.finish_and_clear();
        Ok(manifest)
    }

    fn jobs(&self) -> usize {
        let processors = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.jobs.unwrap_or_else(processors)
    }

    fn order(&self) -> anyhow::Result<Order> {
        let mut clips = Vec::new();
        for given in &self.clips {
            clips.extend(clips_of(given)?);
        }
        Ok(Order {
            scenes: self.scenes || clips.is_empty(),
            clips,
            dir: self.cases_dir.clone(),
            kinds: self.kinds.clone(),
            makers: self.makers.clone(),
            severities: self.severities.clone(),
            set: self.set,
            clips_each: self.clips_each,
            seconds: self.seconds,
            seed: self.seed,
            jobs: self.jobs(),
        })
    }
}

/// The healthy clips of a file, a directory or a folder of footage, with their cameras.
fn clips_of(given: &Path) -> anyhow::Result<Vec<Clip>> {
    let of_file = |file: PathBuf| {
        let camera = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Clip { camera, file }
    };
    if !given.is_dir() {
        return Ok(vec![of_file(given.to_owned())]);
    }
    if given.join(labels::FILE).is_file() {
        let mut labels = labels::read(given)?;
        // Nothing may be said of an origin: what is made of it would be judged by its own faults.
        labels.retain(|label| label.is_healthy() && label.may.is_empty());
        let mut seen = BTreeSet::new();
        labels.retain(|label| seen.insert(label.camera.clone()));
        let clips =
            labels.into_iter().map(|label| Clip { file: given.join(&label.file), camera: label.camera });
        return Ok(clips.filter(|clip| clip.file.is_file()).collect());
    }
    let entries = fs::read_dir(given).with_context(|| given.display().to_string())?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    files.retain(|file| is_video(file));
    files.sort();
    if files.is_empty() {
        bail!("{}: no video (mp4, mkv, avi, mov, ts)", given.display());
    }
    Ok(files.into_iter().map(of_file).collect())
}

fn is_video(file: &Path) -> bool {
    let suffix = file.extension().map(|suffix| suffix.to_string_lossy().to_ascii_lowercase());
    suffix.is_some_and(|suffix| ["mp4", "mkv", "avi", "mov", "ts"].contains(&suffix.as_str()))
}

fn progress(length: usize, what: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length as u64);
    if let Ok(style) =
        ProgressStyle::with_template(&format!("{what} {{wide_bar}} {{pos}}/{{len}} {{eta}} {{msg}}"))
    {
        bar.set_style(style);
    }
    bar
}
