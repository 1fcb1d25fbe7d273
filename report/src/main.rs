//! `cargo xtask report …` measures how well the diagnoses distinguish faulty pictures from healthy ones.

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
    document::{self, Language, Sheet, Told},
    examiner::{self, Examiner, Look},
    footage, labels,
    manifest::Manifest,
    real, samples,
    set::Set,
    tally, unlabelled,
};
use indicatif::{ProgressBar, ProgressStyle};

/// Measures the accuracy of the diagnoses.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the cases only.
    Cases(Cases),
    /// Make the cases, run the plugins on them and write a report.
    Accuracy(Accuracy),
    /// Rebuild the listed real footage from copies of its repositories, for `accuracy --footage`.
    Footage(Rebuild),
    /// Make the pictures with which the learned parts of diagnoses are trained.
    Samples(Samples),
}

#[derive(Debug, clap::Args)]
struct Samples {
    /// Folders of real footage with labels.
    #[arg(long, value_name = "DIR", required = true)]
    footage: Vec<PathBuf>,
    /// Use the cameras and makers of this set.
    #[arg(long, value_name = "SET", default_value = "development")]
    set: Set,
    /// The diagnoses that are trained.
    #[arg(long, value_name = "ID", value_delimiter = ',', default_value = "lens_dirty,occlusion")]
    diagnoses: Vec<String>,
    /// The maximum number of healthy captures that are used from each camera.
    #[arg(long, value_name = "N", default_value_t = 6)]
    looks: usize,
    /// The number of parts that are cut out of each healthy capture.
    #[arg(long, value_name = "N", default_value_t = 4)]
    parts: usize,
    /// The number of faults that are drawn on each part.
    #[arg(long, value_name = "N", default_value_t = 5)]
    faults: usize,
    /// The seed of random numbers. Another seed gives other parts and other faults.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The number of captures that are processed at the same time. Default: the number of processors.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// The output folder.
    #[arg(long, value_name = "DIR", default_value = "target/training/development")]
    out: PathBuf,
}

impl Samples {
    fn run(&self) -> anyhow::Result<()> {
        if self.set == Set::LockBox {
            bail!("samples for training must not come from the lock box");
        }
        let bar = progress(0, "making pictures");
        let order = samples::Order {
            footage: self.footage.clone(),
            out: self.out.clone(),
            set: self.set,
            diagnoses: self.diagnoses.clone(),
            looks: self.looks,
            parts: self.parts,
            faults: self.faults,
            seed: self.seed,
            jobs: self.jobs.unwrap_or_else(processors),
        };
        let count = samples::make(&order, &|number, all| {
            bar.set_length(all as u64);
            bar.set_position(number as u64);
        })?;
        bar.finish_and_clear();
        println!("{count} pictures in {}", self.out.display());
        Ok(())
    }
}

/// Returns the default number of jobs: one for each processor.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[derive(Debug, clap::Args)]
struct Rebuild {
    /// The folder with copies of the repositories: `owner+name/name.git`, or folders of their files.
    #[arg(long, value_name = "DIR")]
    mirrors: PathBuf,
    /// The output folder for the footage and its labels.
    #[arg(long, value_name = "DIR", default_value = "target/report/footage")]
    out: PathBuf,
    /// The list of the footage.
    #[arg(long, value_name = "FILE", default_value = "report/footage/manifest.csv")]
    list: PathBuf,
}

impl Rebuild {
    fn run(&self) -> anyhow::Result<()> {
        println!("{}", footage::Manifest::read(&self.list)?.rebuild(&self.mirrors, &self.out)?);
        // The list has all columns of labels, and more.
        let labels = self.out.join(labels::FILE);
        fs::copy(&self.list, &labels).with_context(|| labels.display().to_string())?;
        Ok(())
    }
}

#[derive(Debug, clap::Args)]
struct Cases {
    /// Healthy clips, folders of clips, or folders of footage with a `labels.csv`, whose healthy clips and stills
    /// are used. Without this option, scenes are rendered.
    #[arg(long, value_name = "FILE|DIR")]
    clips: Vec<PathBuf>,
    /// Render scenes in addition to the given clips.
    #[arg(long)]
    scenes: bool,
    /// The folder of the cases.
    #[arg(long, value_name = "DIR", default_value = "target/report/cases")]
    cases_dir: PathBuf,
    /// Use only these kinds (`blur`, `night`, …).
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    kinds: Vec<String>,
    /// Use only faults of these makers (`disk`, `koschmieder`, …).
    #[arg(long, value_name = "MAKER", value_delimiter = ',')]
    makers: Vec<String>,
    /// Use only faults of these severities (`mild`, `middle`, `strong`). Healthy clips and confounders are used too.
    #[arg(long, value_name = "SEVERITY", value_delimiter = ',')]
    severities: Vec<String>,
    /// Use only this set (`development`, `validation`, `lockbox`). Without this option, the report shows
    /// `development` and `validation` side by side, and with `--open-lock-box` also `lockbox`.
    #[arg(long, value_name = "SET")]
    set: Option<Set>,
    /// Open the lock box. Do this only once for each release: frequent use tunes the diagnoses to this set.
    #[arg(long)]
    open_lock_box: bool,
    /// The number of clips of each set to which each fault is applied. The next fault gets the next clips. Default: all
    /// clips.
    #[arg(long, value_name = "N")]
    clips_each: Option<usize>,
    /// The length of each clip in seconds.
    #[arg(long, value_name = "S", default_value_t = 4.0)]
    seconds: f32,
    /// The seed of random numbers. Another seed gives other noise, dirt and damage.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The number of cases that are made or judged at the same time. Default: the number of processors.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
}

#[derive(Debug, clap::Args)]
struct Accuracy {
    #[command(flatten)]
    cases: Cases,
    /// Judge real footage with labels (`labels.csv`: file, camera, `find_one_of`, may).
    #[arg(long, value_name = "DIR", conflicts_with = "unlabelled")]
    footage: Option<PathBuf>,
    /// Check your own footage without labels and list the alarms, the most certain first. Each sub-folder is one
    /// camera.
    #[arg(long, value_name = "DIR")]
    unlabelled: Option<PathBuf>,
    /// The folder of the plugins, compiled to components.
    #[arg(long, value_name = "DIR", default_value = "target/plugins")]
    plugins_dir: PathBuf,
    /// Use only these diagnoses.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    diagnoses: Vec<String>,
    /// Use the existing cases of the manifest, and make no new ones.
    #[arg(long)]
    ready: bool,
    /// Check the cameras only in these ways (`first`, `picture`, `remembered`, `short`).
    #[arg(long, value_name = "LOOK", value_delimiter = ',')]
    looks: Vec<String>,
    /// The output folder of the report.
    #[arg(long, value_name = "DIR", default_value = "target/report")]
    out: PathBuf,
}

fn main() -> anyhow::Result<ExitCode> {
    if let Some(code) = easysight_sandbox::compiler_main() {
        return Ok(code);
    }
    match Arguments::parse().command {
        Command::Cases(arguments) => {
            let manifest = arguments.make(true)?;
            println!("{} cases in {}", manifest.cases.len(), arguments.cases_dir.display());
        }
        Command::Accuracy(arguments) => arguments.run()?,
        Command::Footage(arguments) => arguments.run()?,
        Command::Samples(arguments) => arguments.run()?,
    }
    Ok(ExitCode::SUCCESS)
}

impl Accuracy {
    fn run(&self) -> anyhow::Result<()> {
        fs::create_dir_all(&self.out).with_context(|| self.out.display().to_string())?;
        let sets = self.cases.sets()?;
        match (&self.footage, &self.unlabelled) {
            (Some(dir), _) => self.judge_footage(dir, &sets),
            (None, Some(dir)) => self.look_at(dir),
            (None, None) => self.judge_cases(&sets),
        }
    }

    fn examiner(&self) -> anyhow::Result<Examiner> {
        Examiner::new(&self.plugins_dir, &self.out.join("compiled"), &self.diagnoses)
    }

    fn looks_at(&self, look: Look) -> bool {
        self.looks.is_empty() || self.looks.iter().any(|word| word == look.as_str())
    }

    fn judge_cases(&self, sets: &[Set]) -> anyhow::Result<()> {
        let dir = &self.cases.cases_dir;
        let past = self.looks_at(Look::Remembered) || self.looks_at(Look::Short);
        let manifest = if self.ready { examiner::cases_of(dir)? } else { self.cases.make(past)? };
        let Cases { kinds, makers, severities, .. } = &self.cases;
        let mut manifest = examiner::chosen(manifest, kinds, makers, severities);
        manifest.cases.retain(|case| case.set().is_some_and(|set| sets.contains(&set)));
        if manifest.cases.is_empty() {
            bail!("no case in these sets matches the selection");
        }
        let examiner = self.examiner()?;
        let mut passes = Vec::new();
        for look in Look::ALL {
            if !self.looks_at(look) {
                continue;
            }
            let bar = progress(manifest.cases.len(), "judging");
            let verdicts = examiner.examine(dir, &manifest, look, self.cases.jobs(), &|number| {
                bar.set_position(number as u64);
            })?;
            bar.finish_and_clear();
            if !verdicts.is_empty() {
                let figures = tally::in_sets(&manifest, &verdicts, sets);
                passes.push(Told { look, figures, verdicts, shown: shown(sets) });
            }
        }
        let (enough, gone_on) = examiner.short_looks();
        if enough + gone_on > 0 {
            println!("short looks: {enough} were enough, {gone_on} became full looks");
        }
        document::write(&self.out, dir, &manifest, &passes, |language| note(sets, language))?;
        for sheet in document::sheets::all(&passes, Language::English).iter().take(1 + 2 * passes.len()) {
            println!("{}\n{}", sheet.title, sheet.table());
        }
        println!("{}", note(sets, Language::English));
        println!("pictures of the worst cases: {}", self.out.join("accuracy.html").display());
        Ok(())
    }

    fn judge_footage(&self, dir: &Path, sets: &[Set]) -> anyhow::Result<()> {
        let examiner = self.examiner()?;
        let bar = progress(0, "judging");
        let footage = real::judge(&examiner, dir, sets, self.cases.jobs(), &|number, all| {
            bar.set_length(all as u64);
            bar.set_position(number as u64);
        })?;
        bar.finish_and_clear();
        let figures = real::in_sets(&footage, dir, sets)?;
        let lines = real::lines(&footage, &shown(sets));
        for language in Language::ALL {
            let title = language.of("Accuracy on real footage", "真实画面上的准确率");
            let mut page = format!("# {title}\n\n{}\n\n", note(sets, language));
            page.extend(real::sheets(&figures, language).iter().map(Sheet::markdown));
            page.extend(lines.iter().map(|line| format!("- {line}\n")));
            fs::write(self.out.join(format!("footage{}.md", language.infix())), page)?;
        }
        for sheet in real::sheets(&figures, Language::English) {
            println!("{}\n{}", sheet.title, sheet.table());
        }
        println!("{}", note(sets, Language::English));
        let head: String = real::sheets(&figures, Language::English).iter().map(Sheet::html).collect();
        let pages = real::pages(&footage, dir, &shown(sets));
        let title = ["Cameras of real footage", "真实画面的摄像机"];
        document::write_pages(&self.out, "footage", title, &head, &pages)?;
        println!("pages of the cameras, with pictures: {}", self.out.join("footage.html").display());
        Ok(())
    }

    fn look_at(&self, dir: &Path) -> anyhow::Result<()> {
        let examiner = self.examiner()?;
        let bar = progress(0, "looking");
        let found = unlabelled::look(&examiner, dir, self.cases.jobs(), &|number, all| {
            bar.set_length(all as u64);
            bar.set_position(number as u64);
        })?;
        bar.finish_and_clear();
        for language in Language::ALL {
            let sheet = unlabelled::sheet(&found, usize::MAX, language);
            fs::write(self.out.join(format!("unlabelled{}.md", language.infix())), sheet.markdown())?;
        }
        let sheet = unlabelled::sheet(&found, ON_SCREEN, Language::English);
        println!("{}\n{}\n{}", sheet.title, sheet.table(), sheet.note);
        let title = ["Alarms that would be raised", "会触发的告警"];
        document::write_pages(&self.out, "unlabelled", title, "", &found.pages)?;
        println!("with pictures: {}", self.out.join("unlabelled.html").display());
        Ok(())
    }
}

/// The maximum number of alarms on the screen. The files contain all alarms.
const ON_SCREEN: usize = 40;

/// Returns the sets whose pictures and files may be shown in addition to their figures.
fn shown(sets: &[Set]) -> Vec<Set> {
    sets.iter().copied().filter(|set| *set != Set::LockBox).collect()
}

/// Returns the note of the report. It states whether the lock box was opened.
fn note(sets: &[Set], language: Language) -> String {
    let words = if sets.contains(&Set::LockBox) {
        (
            "The lock box was opened for this report. Its figures prove nothing about diagnoses that are tuned afterwards.",
            "本报告开启了封存集：对于此后所做的任何调整，其数字不再能说明问题。",
        )
    } else {
        ("The lock box stayed closed.", "封存集未开启。")
    };
    language.of(words.0, words.1).to_owned()
}

impl Cases {
    /// Makes the cases. `past` adds earlier healthy checks to each case.
    fn make(&self, past: bool) -> anyhow::Result<Manifest> {
        let order = Order { past, ..self.order()? };
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

    /// Returns the requested sets. The lock box is included only if it is opened.
    fn sets(&self) -> anyhow::Result<Vec<Set>> {
        if self.set == Some(Set::LockBox) && !self.open_lock_box {
            bail!("the lock box opens only with --open-lock-box; open it only once for each release");
        }
        let is_open = |set: &Set| *set != Set::LockBox || self.open_lock_box;
        let wanted = |set: &Set| self.set.is_none_or(|wanted| wanted == *set);
        Ok(Set::ALL.into_iter().filter(is_open).filter(wanted).collect())
    }

    fn jobs(&self) -> usize {
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
            sets: self.sets()?,
            clips_each: self.clips_each,
            past: true,
            seconds: self.seconds,
            seed: self.seed,
            jobs: self.jobs(),
        })
    }
}

/// Returns the healthy clips of a file, a directory or a folder of footage, with their cameras.
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
        // A clip whose label permits findings is not used: the verdicts on cases made from it would depend on the
        // clip's own faults.
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
