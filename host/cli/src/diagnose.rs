//! `easysight diagnose`: examines several sources at the same time and prints one row or line for each finding.

mod check;
mod output;

use std::{
    env,
    ffi::OsString,
    fs,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context, bail};
use clap::ValueEnum;
use easysight_capture::{Capturer, Source};
use easysight_diagnose::{
    BaselineStore, Baselines, Examination, Plan, PluginSet, Seen, capture, illustrate, judge_with,
};
use easysight_protocol::Failure;
use easysight_sandbox::{Digest, Limits, Sandbox, SandboxConfig};
use easysight_trust::TrustedKeys;
use futures::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    config, exit,
    language::Language,
    reading::Reading,
    sources::{Meant, expanded},
};
use output::Printer;

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for people.
    Table,
    /// One JSON array.
    Json,
    /// One JSON object on each line, printed as soon as the finding is available.
    Jsonl,
}

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Addresses (rtsp://, rtsps://, http://, https://), files, or folders of clips and pictures.
    #[arg(required = true, value_name = "SOURCE|DIR")]
    sources: Vec<OsString>,
    /// A diagnosis to run; may be repeated. Default: all diagnoses of the plugins.
    #[arg(long, value_name = "ID")]
    diagnosis: Vec<String>,
    /// The directory of the plugins. Default: `plugins` beside the program or in the user's data directory.
    #[arg(long, value_name = "DIR", env = "EASYSIGHT_PLUGINS_DIR")]
    plugins_dir: Option<PathBuf>,
    /// Use only plugins that are signed by one of these keys. The file has one key on each line, as `easysight
    /// plugin keygen` prints it.
    #[arg(long, value_name = "FILE")]
    trusted_keys: Option<PathBuf>,
    /// Configuration of each diagnosis.
    #[arg(
        long,
        value_name = "JSON|@FILE",
        help = "Configuration: a JSON object with one entry per diagnosis, such as \
                '{\"brightness\": {\"dark_p95\": 40}}', or @FILE, a file that contains one"
    )]
    config: Option<String>,
    /// How to print findings.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Show every diagnosis of every source in the table, with the measured values.
    #[arg(long)]
    all: bool,
    /// Language of the table's messages and of `message` in JSON. Default: the language of the locale.
    #[arg(long, value_enum)]
    lang: Option<Language>,
    /// Number of sources that are examined at the same time. Default: two for each processor.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// The directory for the baselines that plugins keep of each source between runs. Without this option, plugins keep
    /// no baselines.
    #[arg(long, value_name = "DIR", conflicts_with = "native_check")]
    state_dir: Option<PathBuf>,
    /// The directory for pictures of faults, with the places marked. The directory is created if it does not exist.
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,
    /// Also run the natively compiled standard plugins, and fail if their findings differ from the sandbox's.
    #[arg(long)]
    native_check: bool,
    /// Exit with 0 even if something is not normal. Failures still exit with 2.
    #[arg(long)]
    exit_zero: bool,
    #[command(flatten)]
    reading: Reading,
}

/// The maximum size of the state directory, in bytes.
const STATE_BYTES: u64 = 1 << 30;

/// The parts that all sources share.
struct Bench {
    plan: Plan,
    capturer: Capturer,
    memory: Option<BaselineStore>,
    pictures: Option<PathBuf>,
    native_check: bool,
}

/// The outcome of one source.
#[derive(Debug)]
struct Outcome {
    source: String,
    examination: Examination,
    /// The path of the picture that shows the faults.
    picture: Option<PathBuf>,
    /// Differences between the sandbox and the native plugins.
    differences: Vec<String>,
}

/// Runs the command. Returns the exit code.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = config::read(arguments.config.as_deref())?;
    let plugins_dir = find_plugins(arguments.plugins_dir.as_deref())?;
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let sandbox = Sandbox::new(SandboxConfig {
        cache_dir: dirs::cache_dir().map(|dir| dir.join("easysight").join("compiled")),
        ..SandboxConfig::default()
    })?;
    let keys = arguments.trusted_keys.as_deref().map(TrustedKeys::read).transpose();
    let keys = keys.context("--trusted-keys")?;
    let (plugins, rejected) = PluginSet::load(&sandbox, &plugins_dir, keys.as_ref())?;
    for rejected in rejected {
        eprintln!("easysight: {} is not used: {}", rejected.path.display(), rejected.reason);
    }
    if plugins.is_empty() {
        bail!("no plugin in {}: build the standard ones with `cargo xtask plugins`", plugins_dir.display());
    }
    let plan = Plan::new(&plugins, &arguments.diagnosis, &config, Limits::default())
        .map_err(|error| anyhow::anyhow!("{error} (at {})", error.field))?;
    let jobs = arguments.jobs.map_or(2 * processors, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(processors.min(4))
        .max_blocking_threads(jobs + 4)
        .enable_all()
        .build()
        .context("the runtime does not start")?;
    let memory = arguments.state_dir.as_ref().map(|dir| {
        BaselineStore::open(dir.clone(), STATE_BYTES)
            .with_context(|| format!("--state-dir {}", dir.display()))
    });
    if let Some(dir) = &arguments.pictures {
        fs::create_dir_all(dir).with_context(|| format!("--pictures {}", dir.display()))?;
    }
    let bench = Bench {
        plan,
        capturer: Capturer::new(arguments.reading.config()),
        memory: memory.transpose()?,
        pictures: arguments.pictures.clone(),
        native_check: arguments.native_check,
    };
    let walk = walk(arguments, Arc::new(bench), jobs);
    runtime.block_on(async {
        tokio::select! {
            done = walk => done,
            // Dropping the future of `walk` ends every ffmpeg process.
            _ = tokio::signal::ctrl_c() => Ok(ExitCode::from(exit::INTERRUPTED)),
        }
    })
}

/// Examines all sources, and prints the outcomes in the order in which the sources were given.
async fn walk(arguments: &Arguments, bench: Arc<Bench>, jobs: usize) -> anyhow::Result<ExitCode> {
    let sources = expanded(&arguments.sources)?;
    let bar = progress(sources.len());
    let language = arguments.lang.unwrap_or_else(Language::of_locale);
    let mut printer = Printer::new(arguments.format, arguments.all, language);
    let mut outcomes = stream::iter(&sources).map(|source| examine(source, &bench)).buffered(jobs);
    let (mut abnormal, mut failed) = (false, false);
    while let Some(outcome) = outcomes.next().await {
        let outcome = outcome?;
        bar.inc(1);
        abnormal |= outcome.examination.findings.iter().any(easysight_protocol::Finding::is_abnormal);
        failed |= outcome.examination.failure.is_some()
            || outcome.examination.findings.iter().any(easysight_protocol::Finding::is_failed)
            || !outcome.differences.is_empty();
        for difference in &outcome.differences {
            bar.suspend(|| eprintln!("easysight: native check: {}: {difference}", outcome.source));
        }
        if let Some(failure) = &outcome.examination.failure {
            bar.suspend(|| eprintln!("easysight: {}: {}", outcome.source, failure.detail));
        }
        bar.suspend(|| printer.take(outcome, &bench.plan)).context("standard output")?;
    }
    bar.finish_and_clear();
    printer.finish(&bench.plan).context("standard output")?;
    Ok(if failed {
        ExitCode::from(exit::FAILED)
    } else if abnormal && !arguments.exit_zero {
        ExitCode::from(exit::ABNORMAL)
    } else {
        ExitCode::SUCCESS
    })
}

async fn examine(meant: &Meant, bench: &Arc<Bench>) -> anyhow::Result<Outcome> {
    let shown = meant.shown.clone();
    let source = match &meant.source {
        Ok(source) => source.clone(),
        Err(error) => {
            let failure = Failure { kind: "invalid-source".into(), detail: format!("{error}") };
            let examination = Examination { failure: Some(failure), ..Examination::default() };
            return Ok(Outcome { source: shown, examination, picture: None, differences: Vec::new() });
        }
    };
    let captured = capture(&bench.capturer, &bench.plan, &source).await;
    let bench = Arc::clone(bench);
    let judged = tokio::task::spawn_blocking(move || {
        let Bench { plan, memory, pictures, native_check, .. } = &*bench;
        let known = memory.as_ref().map_or_else(|| Ok(Baselines::new()), |memory| memory.load(&source, plan));
        let examination = judge_with(plan, &captured, &known.context("--state-dir")?);
        if let Some(memory) = memory {
            memory.store(&source, &examination).context("--state-dir")?;
        }
        let differences = match &captured.clip {
            Ok(clip) if *native_check => check::differences(plan, clip, &examination.findings),
            _ => Vec::new(),
        };
        let drawn = pictures.as_ref().map(|dir| {
            let seen = illustrate(&captured, &examination.findings, false).seen?;
            Some(keep_picture(dir, &source, &seen))
        });
        let picture = drawn.flatten().transpose().context("--pictures")?;
        Ok(Outcome { source: shown, examination, picture, differences })
    });
    judged.await.context("judging stopped unexpectedly")?
}

/// Writes the picture of a source and its thumbnail. Returns the path of the picture. A digest of the source's
/// identity distinguishes sources with the same name.
fn keep_picture(dir: &Path, source: &Source, seen: &Seen) -> io::Result<PathBuf> {
    let whole = source.to_string();
    let plain = |c: char| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '_' };
    let last = whole.split('/').rfind(|part| !part.is_empty()).unwrap_or("source");
    let name: String = last.chars().map(plain).take(80).collect();
    let mut digest = Digest::of(&source.identity()).to_string();
    digest.truncate(8);
    let path = dir.join(format!("{name}-{digest}.jpg"));
    fs::write(&path, &seen.picture.jpeg)?;
    fs::write(dir.join(format!("{name}-{digest}.small.jpg")), &seen.thumbnail.jpeg)?;
    Ok(path)
}

fn progress(sources: usize) -> ProgressBar {
    let wanted = sources > 1 && io::stderr().is_terminal();
    let target = if wanted { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(sources as u64), target);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} {eta}") {
        bar.set_style(style);
    }
    bar
}

/// Returns the directory of the plugins: the given one, else the first default directory that exists.
fn find_plugins(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(dir) = named {
        if !dir.is_dir() {
            bail!("--plugins-dir {}: there is no such directory", dir.display());
        }
        return Ok(dir.to_owned());
    }
    let program = env::current_exe().context("the path of this program is unknown")?;
    let beside = program
        .parent()
        .into_iter()
        .flat_map(|dir| [dir.join("plugins"), dir.join("../plugins"), dir.join("../lib/easysight/plugins")]);
    let places: Vec<PathBuf> =
        beside.chain(dirs::data_dir().map(|dir| dir.join("easysight").join("plugins"))).collect();
    places.iter().find(|dir| dir.is_dir()).cloned().with_context(|| {
        let looked = places.iter().map(|dir| dir.display().to_string()).collect::<Vec<_>>().join(", ");
        format!("no plugins directory found (searched {looked}); name it with --plugins-dir")
    })
}
