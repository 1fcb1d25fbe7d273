//! Measures how long a replay takes over the measurements of a fleet. A few cameras get reports, which the store folds as
//! a master does; the other cameras get copies of their days. `cargo xtask bench replay` builds this with optimisation.

use std::{
    fmt::Write,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::Parser;
use easysight_bench::table::{self, Row};
use easysight_protocol::{ActorKind, CameraRequest};
use easysight_store::{
    Actor, Area, CameraFilter, Dialect, OtherLimit, ReplayCameras, ReplayScope, Replayed, Store,
};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use uuid::Uuid;

const DAY_MS: i64 = 86_400_000;
/// The start of the first day, in milliseconds since 1970.
const START: i64 = 20_000 * DAY_MS;
/// The number of diagnoses of a check, and of metrics of a diagnosis.
const DIAGNOSES: u64 = 17;
const METRICS: u64 = 8;
/// The number of cameras that get reports. The others get copies.
const DISTINCT: usize = 10;
/// The number of replays, of which the median is shown.
const REPLAYS: usize = 5;
/// The longest time that a replay should take, in seconds.
const MARK: f64 = 10.0;

/// Measures replays over stored measurements.
#[derive(Debug, Parser)]
struct Arguments {
    /// The number of cameras.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    cameras: usize,
    /// The number of days.
    #[arg(long, value_name = "N", default_value_t = 30)]
    days: i64,
    /// The number of checks of a camera on one day.
    #[arg(long, value_name = "N", default_value_t = 24)]
    checks: i64,
    /// An empty database to fill, such as `sqlite:///tmp/replay.db` or `postgres://…/replay`. It is kept, and a master can
    /// open it [default: a temporary SQLite file].
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

/// A connection that fills tables.
enum Database {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    tokio::runtime::Runtime::new()?.block_on(run(&arguments))
}

async fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let dir = tempfile::tempdir()?;
    let url = match &arguments.database_url {
        Some(url) => url.clone(),
        None => format!("sqlite://{}", dir.path().join("replay.db").display()),
    };
    let (store, closed) = Store::open(&url).await?;
    let began = Instant::now();
    fill(&store, &url, arguments).await?;
    println!("filled in {:.1} s", began.elapsed().as_secs_f64());
    let until = START + arguments.days * DAY_MS;
    let scope = ReplayScope {
        diagnosis: "diagnosis_03".into(),
        cameras: ReplayCameras::default(),
        since: START,
        until,
    };
    let mut times = Vec::new();
    for _ in 0..REPLAYS {
        let began = Instant::now();
        let found = store.replay_limits(&Area::ALL, &scope, until).await?;
        times.push(began.elapsed());
        println!("{} verdicts, {} limits", found.checks.verdicts, found.limits.len());
    }
    let limits = median(times);
    let other = OtherLimit { metric: "metric_0".into(), side: None, from: None, threshold: 90.0, limit: 100 };
    let mut times = Vec::new();
    for _ in 0..REPLAYS {
        let began = Instant::now();
        match store.replay(&Area::ALL, &scope, &other, until).await? {
            Replayed::Done(found) => println!("{:?} in {:?}", found.verdicts, found.cameras),
            refused => bail!("nothing was replayed: {refused:?}"),
        }
        times.push(began.elapsed());
    }
    let what =
        format!("{} cameras × {} days × {} checks", arguments.cameras, arguments.days, arguments.checks);
    let rows = [
        Row::against_mark(&format!("limits of a diagnosis, {what}"), limits, "s", MARK),
        Row::against_mark(&format!("replay of a limit, {what}"), median(times), "s", MARK),
    ];
    println!("{}", table::render(&rows));
    drop(store);
    closed.await?;
    Ok(ExitCode::SUCCESS)
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, Duration::as_secs_f64)
}

async fn fill(store: &Store, url: &str, arguments: &Arguments) -> anyhow::Result<()> {
    if store.count_cameras(&Area::ALL, &CameraFilter::default()).await? > 0 {
        bail!("the database has cameras already; name an empty one");
    }
    for number in 0..arguments.cameras {
        let camera = CameraRequest {
            id: None,
            name: format!("Camera {number}"),
            source: format!("rtsp://10.0.0.1/{number}"),
            enabled: true,
            labels: [("site".to_owned(), format!("{}", number % 5))].into(),
            groups: vec![format!("group {}", number % 20)],
        };
        let actor = Actor::on_this_machine(ActorKind::CommandLine, None);
        store.by(actor).create_camera(id_of(number), camera, START - DAY_MS).await?;
    }
    let mut database = Database::connect(store.dialect(), url).await?;
    let distinct = arguments.cameras.min(DISTINCT);
    for camera in 0..distinct {
        for day in 0..arguments.days {
            database.run(reports_of(store.dialect(), camera, day, arguments.checks)?).await?;
        }
    }
    let now = START + (arguments.days + 1) * DAY_MS;
    while store.fold(now).await?.goes_on {}
    database.run("DELETE FROM reports".to_owned()).await?;
    for camera in distinct..arguments.cameras {
        let (id, from) = (id_of(camera), id_of(camera % distinct));
        let copied = format!(
            "INSERT INTO measurements (camera_id, day, format, data) \
             SELECT '{id}', day, format, data FROM measurements WHERE camera_id = '{from}'"
        );
        database.run(copied).await?;
    }
    Ok(())
}

fn id_of(camera: usize) -> String {
    format!("camera-{camera:06}")
}

/// Returns the statement that stores the reports of a camera and a day.
fn reports_of(dialect: Dialect, camera: usize, day: i64, checks: i64) -> anyhow::Result<String> {
    let mut sql = "INSERT INTO reports (id, job_id, run_id, camera_id, captured_at, recorded_at, kind, findings, document) \
                   VALUES "
        .to_owned();
    for check in 0..checks {
        let at = START + day * DAY_MS + check * (DAY_MS / checks.max(1));
        let mut random = Random((camera as u64) << 40 ^ at.cast_unsigned());
        let time = u128::from(at.cast_unsigned()) << 80;
        let id = |kind: u128| Uuid::from_u128(time | kind << 64 | camera as u128);
        let document = document(&mut random)?;
        let bytes = match dialect {
            Dialect::Sqlite => format!("CAST('{document}' AS BLOB)"),
            Dialect::Postgres => format!("CONVERT_TO('{document}', 'UTF8')"),
        };
        let comma = if check == 0 { "" } else { ", " };
        write!(
            sql,
            "{comma}('{}', '{}', '{}', '{}', {at}, {at}, 0, {DIAGNOSES}, {bytes})",
            id(1),
            id(2),
            id(3),
            id_of(camera)
        )?;
    }
    Ok(sql)
}

/// Returns the findings of one check. One verdict in a hundred is an alarm.
fn document(random: &mut Random) -> anyhow::Result<String> {
    let mut json = "[".to_owned();
    for diagnosis in 0..DIAGNOSES {
        let decisive =
            if random.share() < 0.01 { 100.0 + 50.0 * random.share() } else { 95.0 * random.share() };
        let (status, comma) =
            (if decisive > 100.0 { "warning" } else { "normal" }, if diagnosis == 0 { "" } else { "," });
        write!(
            json,
            "{comma}{{\"diagnosis\":\"diagnosis_{diagnosis:02}\",\"status\":\"{status}\",\
             \"decision\":{{\"metric\":\"metric_0\",\"threshold\":100.0}},\"metrics\":{{\
             \"metric_0\":{{\"value\":{decisive},\"unit\":\"grey level\"}}"
        )?;
        for metric in 1..METRICS {
            write!(json, ",\"metric_{metric}\":{{\"value\":{},\"unit\":\"share\"}}", random.share())?;
        }
        json.push_str("}}");
    }
    json.push(']');
    Ok(json)
}

/// Numbers that look random and are the same in every run (`SplitMix64`,
/// <https://prng.di.unimi.it/splitmix64.c>).
struct Random(u64);

impl Random {
    /// Returns a number from 0 to 1.
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl Database {
    async fn connect(dialect: Dialect, url: &str) -> anyhow::Result<Self> {
        Ok(match dialect {
            Dialect::Sqlite => Self::Sqlite(SqliteConnection::connect(url).await?),
            Dialect::Postgres => Self::Postgres(PgConnection::connect(url).await?),
        })
    }

    async fn run(&mut self, sql: String) -> anyhow::Result<()> {
        let sql = AssertSqlSafe(sql);
        match self {
            Self::Sqlite(connection) => sqlx::raw_sql(sql).execute(connection).await.map(drop),
            Self::Postgres(connection) => sqlx::raw_sql(sql).execute(connection).await.map(drop),
        }
        .context("the database cannot be filled")
    }
}
