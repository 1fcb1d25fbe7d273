//! Measures what the console asks of a master that has kept the measurements of many cameras for weeks: the overview,
//! the list of cameras, the trends of one camera, a replay over a seventh of the cameras, and the first view in a browser.
//! All parts are built with optimisation by `cargo xtask bench console`.

mod history;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::Parser;
use easysight_bench::{
    findings, percentile,
    server::{Database, Master},
    table::{self, Row},
};
use easysight_protocol::Finding;
use reqwest::Client;
use tokio::process::Command;

use history::{Size, camera};

/// The number of requests for each page.
const PAGES: usize = 40;
/// The number of replays.
const REPLAYS: usize = 3;
/// The longest time that a page should take, in milliseconds.
const PAGE_MS: f64 = 100.0;
/// The longest time that the first view in a browser should take, in milliseconds.
const FIRST_VIEW_MS: f64 = 1_000.0;
/// The longest time that a replay should take, in milliseconds.
const REPLAY_MS: f64 = 10_000.0;

/// Measures how fast a master answers the console.
#[derive(Debug, Parser)]
struct Arguments {
    /// The program of the master.
    #[arg(long, value_name = "FILE")]
    master: PathBuf,
    /// The directory of the standard plugins, compiled to components.
    #[arg(long, value_name = "DIR")]
    plugins_dir: PathBuf,
    /// The PostgreSQL server on which a database is created. Without a server, only SQLite is measured.
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// The directory of the console's sources, with its packages installed. If it is given, the first view is measured
    /// in Chromium.
    #[arg(long, value_name = "DIR")]
    web: Option<PathBuf>,
    /// The number of cameras.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    cameras: usize,
    /// The number of days of which measurements are kept.
    #[arg(long, value_name = "N", default_value_t = 30)]
    days: u32,
    /// The number of checks of a camera each day.
    #[arg(long, value_name = "N", default_value_t = 24)]
    checks: u32,
}

fn main() -> anyhow::Result<ExitCode> {
    easysight_bench::start(run)
}

async fn run() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut rows = Vec::new();
    let real: Vec<Finding> = serde_json::from_value(findings::of_all(&arguments.plugins_dir).await?)?;
    measure(&arguments, &Database::Sqlite, &real, &mut rows).await?;
    if let Some(server) = &arguments.postgres {
        measure(&arguments, &Database::Postgres(server.clone()), &real, &mut rows).await?;
    }
    println!("{}", table::render(&rows));
    Ok(ExitCode::SUCCESS)
}

async fn measure(
    arguments: &Arguments,
    database: &Database,
    real: &[Finding],
    rows: &mut Vec<Row>,
) -> anyhow::Result<()> {
    let name = database.name();
    let size = Size { cameras: arguments.cameras, days: arguments.days, checks: arguments.checks };
    eprintln!("{name}: {} cameras with {} checks", size.cameras, size.of_all());
    let data = database.create().await?;
    let written = history::write(&data.url, size, real).await?;
    eprintln!(
        "{name}: {} values in {:.0} MiB; {:.0} checks folded a second",
        written.values,
        written.bytes as f64 / 1_048_576.0,
        written.folded_per_second
    );
    rows.push(Row::against_mark(
        &format!("{name}: measurements on disk"),
        written.bytes as f64 / written.values as f64,
        "B a value",
        4.0,
    ));

    let master = Master::start(&arguments.master, data).await?;
    let id = camera(size.cameras / 2);
    let decided = real.iter().find_map(|one| Some((&one.diagnosis, one.decision.as_ref()?)));
    let (diagnosis, decision) = decided.context("no verdict was decided by a metric")?;
    let replay = format!(
        "/api/v1/diagnosis/replay?diagnosis={diagnosis}&metric={}&threshold={}&label=floor%3D3",
        decision.metric,
        decision.threshold * 0.9
    );
    let pages = [
        ("overview", "/api/v1/overview".to_owned()),
        ("overview, 30 days", "/api/v1/overview/days?days=30".to_owned()),
        ("cameras, first page", "/api/v1/diagnosis/cameras?limit=100&sort=health&count=true".to_owned()),
        ("cameras, search", "/api/v1/diagnosis/cameras?limit=100&q=camera%20123&count=true".to_owned()),
        ("trend, 30 days", format!("/api/v1/diagnosis/cameras/{id}/series?diagnosis={diagnosis}")),
        ("timeline, 30 days", format!("/api/v1/diagnosis/cameras/{id}/timeline")),
    ];
    let pages = pages.into_iter().map(|(page, path)| (page, path, PAGES, PAGE_MS));
    let http = Client::new();
    for (page, path, asked, mark) in pages.chain([("replay, 30 days", replay, REPLAYS, REPLAY_MS)]) {
        let mut times = Vec::with_capacity(asked);
        for _ in 0..asked {
            times.push(ask(&http, &format!("{}{path}", master.url)).await?);
        }
        let (half, most) = (percentile(&mut times, 50), percentile(&mut times, 100));
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        rows.push(Row::against_mark(&format!("{name}: {page}, p50"), milliseconds(half), "ms", mark));
        rows.push(Row::against_mark(&format!("{name}: {page}, slowest"), milliseconds(most), "ms", mark));
    }
    if let Some(web) = &arguments.web {
        let row = format!("{name}: first view in a browser, p50");
        rows.push(Row::against_mark(&row, first_view(web, &master.url).await?, "ms", FIRST_VIEW_MS));
    }
    master.stop().await
}

/// Returns the time of the first view of the console at this address, in milliseconds.
async fn first_view(web: &Path, url: &str) -> anyhow::Result<f64> {
    let mut node = Command::new("node");
    node.arg(web.join("scripts/first-view.mjs")).arg(format!("{url}/")).kill_on_drop(true);
    let output = node.output().await.context("node cannot be started")?;
    if !output.status.success() {
        bail!("the first view cannot be measured: {}", String::from_utf8_lossy(&output.stderr));
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    printed.trim().parse().with_context(|| format!("{printed:?} is not a number of milliseconds"))
}

/// Returns the time of one request, until the whole answer is there.
async fn ask(http: &Client, url: &str) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let answer = http.get(url).send().await?;
    let status = answer.status();
    let body = answer.bytes().await?;
    if !status.is_success() {
        bail!("{url}: {status}: {}", String::from_utf8_lossy(&body));
    }
    Ok(started.elapsed())
}
