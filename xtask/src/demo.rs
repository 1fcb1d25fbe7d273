//! `cargo xtask demo`: starts a master and two workers, and uses them with the commands that users run. The cameras
//! are four synthetic ones (healthy, dark, frozen, and one without a picture), or your own. Unless it ends after the first
//! diagnosis, the cameras are checked every minute.

pub(crate) mod clips;
mod render;
mod server;
mod site;

use std::{
    fs,
    path::PathBuf,
    process::{Command, ExitCode},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    packages, plugins,
    process::{command, is_there, run as run_command},
    workspace,
};

use server::Server;
use site::Site;

/// The interval of the checks while the demo serves.
const EVERY: &str = "1m";
/// The time limit for the registration of the workers.
const REGISTER: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Diagnose this camera or file instead of the synthetic cameras. May be repeated.
    #[arg(long, value_name = "URI")]
    source: Vec<String>,
    /// Exit after the first run. Without this flag the demo serves until Ctrl-C.
    #[arg(long)]
    once: bool,
}

/// A master and its two workers.
struct Fleet {
    master: Server,
    workers: Vec<Server>,
    _data: TempDir,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let plugins = plugins::build()?;
    find_ffmpeg()?;
    eprintln!("building the programs");
    let packages = ["easysight-master", "easysight-worker", "easysight-cli"];
    let mut build = command("cargo", &workspace::root());
    run_command(build.arg("build").args(packages.iter().flat_map(|name| ["--package", *name])))?;
    let site = if arguments.source.is_empty() { Some(Site::healthy()?) } else { None };
    let cameras = match &site {
        Some(site) => site.cameras(),
        None => own_cameras(&arguments.source)?,
    };
    let fleet = Fleet::start()?;
    let url = fleet.master.url();
    eprintln!("a master with two workers is running at {url}");

    for plugin in plugins::standard(&plugins)? {
        easysight(url, &["plugin", "push", "--activate", &plugin])?;
    }
    for (name, source) in &cameras {
        easysight(
            url,
            &["camera", "add", "--id", name, "--name", name, "--group", "demo", "--source", source],
        )?;
    }
    let schedule: &[&str] = if arguments.once { &[] } else { &["--every", EVERY] };
    let task = ["task", "add", "--id", "demo", "--name", "All cameras of the demo", "--group", "demo"];
    easysight(url, &[&task, schedule].concat())?;
    fleet.await_workers()?;
    if let Some(site) = &site {
        eprintln!(
            "the first check shows the plugins what is usual; then a camera goes dark, and another one freezes"
        );
        diagnose(url)?;
        site.spoil()?;
    }
    let run = diagnose(url)?;
    easysight(url, &["worker", "list"])?;
    let told_apart = if site.is_some() { judge(url, &run) } else { Ok(()) };
    match &told_apart {
        Ok(()) if site.is_some() => {
            println!("correct: the healthy, dark, frozen and absent cameras were distinguished");
        }
        Ok(()) => {}
        Err(error) => println!("WRONG RESULT: {error:#}"),
    }
    if !arguments.once {
        println!("console: {url} (API: {url}/docs; stop with Ctrl-C)");
        println!("run it again: {} task submit demo --wait --master {url}", program("easysight").display());
        println!("your own camera: cargo xtask demo --source rtsp://user:password@camera/stream");
        wait_for_signal()?;
    }
    fleet.stop()?;
    Ok(if told_apart.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Fleet {
    fn start() -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let mut master = command(program("easysight-master"), &workspace::root());
        master.args(["--listen", "127.0.0.1:0", "--log-level", "WARN", "--data-dir"]);
        let master = Server::start("master", master.arg(data.path().join("master")))?;
        let mut workers = Vec::new();
        for name in ["worker-1", "worker-2"] {
            let mut worker = command(program("easysight-worker"), &workspace::root());
            worker.args(["--master-url", master.url(), "--node-name", name, "--log-level", "WARN"]);
            worker.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path().join(name));
            workers.push(Server::start(name, &mut worker)?);
        }
        Ok(Self { master, workers, _data: data })
    }

    fn await_workers(&self) -> anyhow::Result<()> {
        let until = Instant::now() + REGISTER;
        loop {
            let nodes = get(self.master.url(), "/api/v1/diagnosis/workers/distributed")?;
            let online = |node: &&Value| node.get("status").and_then(Value::as_str) == Some("online");
            let count = nodes.as_array().map_or(0, |nodes| nodes.iter().filter(online).count());
            if count == self.workers.len() {
                return Ok(());
            }
            if Instant::now() > until {
                bail!("only {count} workers registered within {} s", REGISTER.as_secs());
            }
            thread::park_timeout(Duration::from_millis(100));
        }
    }

    fn stop(self) -> anyhow::Result<()> {
        self.workers.into_iter().try_for_each(Server::stop)?;
        self.master.stop()
    }
}

fn program(name: &str) -> PathBuf {
    workspace::target().join("debug").join(name)
}

/// Runs a command that users run too, and shows it.
fn easysight(url: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let shown: Vec<String> = arguments.iter().map(|argument| easysight_address::masked(argument)).collect();
    eprintln!("$ easysight {}", shown.join(" "));
    let mut easysight: Command = command(program("easysight"), &workspace::root());
    let status = easysight.args(arguments).args(["--master", url]).status().context("easysight")?;
    if !status.success() {
        bail!(
            "easysight {} ended with {status}",
            arguments.iter().take(2).copied().collect::<Vec<_>>().join(" ")
        );
    }
    Ok(())
}

fn get(url: &str, path: &str) -> anyhow::Result<Value> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(30))).build().into();
    Ok(agent.get(format!("{url}{path}")).call()?.body_mut().read_json()?)
}

fn find_ffmpeg() -> anyhow::Result<()> {
    if is_there("ffmpeg", "-version") {
        return Ok(());
    }
    if !packages::is_debian() {
        bail!("ffmpeg is missing; install it and try again");
    }
    packages::install(&["ffmpeg"])
}

/// Checks all cameras. Returns the id of the run.
fn diagnose(url: &str) -> anyhow::Result<String> {
    // Abnormal cameras are expected here, so they must not change the exit code.
    easysight(url, &["task", "submit", "demo", "--wait", "--exit-zero"])?;
    // The schedule may have started another run meanwhile, so the latest run may not have ended.
    let runs = get(url, "/api/v1/diagnosis/runs?task_id=demo&state=finished&limit=1")?;
    let id = runs.pointer("/items/0/id").and_then(Value::as_str);
    Ok(id.context("the answer has no run")?.to_owned())
}

fn own_cameras(sources: &[String]) -> anyhow::Result<Vec<(String, String)>> {
    let named = sources.iter().enumerate().map(|(at, source)| {
        let source = if source.contains("://") {
            source.clone()
        } else {
            fs::canonicalize(source).with_context(|| source.clone())?.display().to_string()
        };
        Ok((format!("camera-{}", at + 1), source))
    });
    named.collect()
}

/// Checks that the finding of each camera in a run matches its condition.
fn judge(url: &str, run: &str) -> anyhow::Result<()> {
    let results = get(url, &format!("/api/v1/diagnosis/results?run_id={run}&limit=1000"))?;
    let results = results.get("items").and_then(Value::as_array).context("the answer has no results")?;
    let text =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let abnormal = |camera: &str| -> Vec<String> {
        let of_camera = results.iter().filter(|one| text(one, "camera_id") == camera);
        let mut found: Vec<String> = of_camera
            // A finding without a status is inconclusive, which is no fault of the camera. A consequence of another
            // finding is not counted again.
            .filter(|one| !matches!(text(one, "status").as_str(), "" | "normal"))
            .filter(|one| text(one, "consequence_of").is_empty())
            .map(|one| text(one, "diagnosis"))
            .collect();
        found.sort();
        found
    };
    for (camera, wanted) in [
        ("healthy", None),
        ("dark", Some("brightness")),
        ("frozen", Some("freeze")),
        ("absent", Some("signal_loss")),
    ] {
        let found = abnormal(camera);
        if found.iter().map(String::as_str).ne(wanted) {
            bail!("unexpected findings of the camera `{camera}`: {found:?}");
        }
    }
    Ok(())
}

fn wait_for_signal() -> anyhow::Result<()> {
    use signal_hook::{consts::TERM_SIGNALS, iterator::Signals};
    let mut signals = Signals::new(TERM_SIGNALS)?;
    signals.forever().next();
    Ok(())
}
