//! Weeks of measurements. Some cameras are checked as real nodes would do it, at simulated times, and their reports are
//! folded. The other cameras get copies of those measurements.

use std::time::Instant;

use anyhow::{Context, bail};
use chrono::DateTime;
use easysight_protocol::{
    ActorKind, CameraRequest, Finding, HeartbeatRequest, Incarnation, JobOutcome, JobPlan, JobResult, Origin,
    RegisterRequest, RunId, SystemInfo, TaskRequest, Totals, Trigger, Verdict,
};
use easysight_store::{Actor, FanOut, NewRun, Registration, Start, Store, WantedLease};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use uuid::Uuid;

/// The number of cameras that are really checked.
const CHECKED: usize = 20;
/// The maximum number of jobs that are leased at once.
const PORTION: u32 = 256;
const LEASE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const NODE: &str = "bench";

/// The size of a history.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) cameras: usize,
    pub(crate) days: u32,
    /// The number of checks of a camera each day.
    pub(crate) checks: u32,
}

/// What was written.
#[derive(Debug)]
pub(crate) struct Written {
    /// The number of values of metrics.
    pub(crate) values: u64,
    /// The size of the measurements in the database.
    pub(crate) bytes: u64,
    pub(crate) folded_per_second: f64,
}

/// A node that checks cameras.
struct Node {
    incarnation: Incarnation,
    poll: u64,
}

impl Size {
    /// Returns the number of checks of all cameras.
    pub(crate) const fn of_all(self) -> u64 {
        self.cameras as u64 * self.days as u64 * self.checks as u64
    }
}

/// Returns the id of a camera.
pub(crate) fn camera(number: usize) -> String {
    format!("camera-{number}")
}

/// Writes a history into an empty database.
pub(crate) async fn write(url: &str, size: Size, found: &[Finding]) -> anyhow::Result<Written> {
    let (store, writing) = Store::open(url).await?;
    let now = easysight_protocol::now().timestamp_millis();
    let days = i64::from(size.days);
    // The history begins at the beginning of a UTC day and ends now.
    let start = (now / DAY_MS - days + 1) * DAY_MS;
    let cameras = (0..size.cameras).map(|number| (camera(number), request(number))).collect();
    let by = Actor::on_this_machine(ActorKind::Anybody, None);
    store.by(by).import_cameras(cameras, start - DAY_MS).await?;

    let mut node = Node { incarnation: Incarnation(Uuid::new_v4()), poll: 0 };
    let checked: Vec<usize> = (0..size.cameras.min(CHECKED)).collect();
    let (mut number, mut folded, mut folding) = (0_u32, 0, std::time::Duration::ZERO);
    let last = size.days * size.checks;
    while number < last {
        let at = start + i64::from(number) * DAY_MS / i64::from(size.checks);
        if at > now {
            break;
        }
        node.check(&store, &checked, at, found).await?;
        number += 1;
        if number.is_multiple_of(size.checks) {
            let started = Instant::now();
            folded += fold(&store, at + 4 * HOUR_MS).await?;
            folding += started.elapsed();
        }
    }
    // The latest check of all cameras, which the overview counts. It is not folded.
    let all: Vec<usize> = (0..size.cameras).collect();
    node.check(&store, &all, now, found).await?;
    drop(store);
    writing.await?;

    let (chunks, bytes) = copy(url).await?;
    if chunks == 0 || folded == 0 {
        bail!("no measurements were folded");
    }
    let metrics: usize = found.iter().map(|one| one.metrics.len()).sum();
    let checks_a_camera = folded as u64 / checked.len() as u64;
    Ok(Written {
        values: checks_a_camera * size.cameras as u64 * metrics as u64,
        bytes: bytes.unsigned_abs(),
        folded_per_second: folded as f64 / folding.as_secs_f64(),
    })
}

/// Copies the measurements of the checked cameras to all others. Returns the number of rows and of bytes.
async fn copy(url: &str) -> anyhow::Result<(i64, i64)> {
    let copied = format!(
        "INSERT INTO measurements (camera_id, day, format, data) SELECT cameras.id, day, format, data \
         FROM cameras JOIN measurements ON measurements.camera_id = \
         'camera-' || CAST(CAST(substr(cameras.id, 8) AS integer) % {CHECKED} AS text) \
         WHERE CAST(substr(cameras.id, 8) AS integer) >= {CHECKED}"
    );
    let sums =
        "SELECT CAST(count(*) AS bigint), CAST(COALESCE(sum(length(data)), 0) AS bigint) FROM measurements";
    if url.starts_with("sqlite") {
        let mut database = SqliteConnection::connect(url).await?;
        sqlx::raw_sql(AssertSqlSafe(copied)).execute(&mut database).await?;
        Ok(sqlx::query_as(sums).fetch_one(&mut database).await?)
    } else {
        let mut database = PgConnection::connect(url).await?;
        sqlx::raw_sql(AssertSqlSafe(copied)).execute(&mut database).await?;
        // The server gathers statistics by itself within a minute; the measurement does not wait for that.
        sqlx::raw_sql("VACUUM ANALYZE").execute(&mut database).await?;
        Ok(sqlx::query_as(sums).fetch_one(&mut database).await?)
    }
}

fn request(number: usize) -> CameraRequest {
    CameraRequest {
        id: None,
        name: format!("Camera {number}"),
        source: format!("rtsp://192.0.2.1/{number}"),
        enabled: true,
        labels: [("floor".to_owned(), (number % 7).to_string())].into(),
        groups: vec![format!("site-{}", number % 50)],
    }
}

impl Node {
    /// Checks cameras at a time, which may be in the past.
    async fn check(
        &mut self,
        store: &Store,
        cameras: &[usize],
        at: i64,
        found: &[Finding],
    ) -> anyhow::Result<()> {
        self.register(store, at).await?;
        begin(store, cameras, at).await?;
        let mut left = cameras.len();
        while left > 0 {
            self.poll += 1;
            let wanted = WantedLease {
                node_id: NODE.to_owned(),
                incarnation: self.incarnation,
                poll: self.poll,
                labels: Default::default(),
                max_jobs: PORTION,
                good_pictures_before: None,
            };
            let leased = store.lease(wanted, at, LEASE_MS).await?.context("the node is not known")?;
            let result = |(place, job): (usize, &easysight_protocol::LeasedJob)| JobResult {
                job_id: job.id,
                lease: leased.lease,
                attempt: job.attempt,
                outcome: JobOutcome::Finished {
                    findings: varied(found, at / HOUR_MS + place as i64 * 31),
                    shadows: Vec::new(),
                    decode_ms: 1.0,
                    captured_at: DateTime::from_timestamp_millis(at),
                    baselines: Vec::new(),
                },
            };
            let results: Vec<_> = leased.jobs.iter().enumerate().map(result).collect();
            let recorded = store.record(results, at).await?;
            if recorded.verdicts.is_empty() || recorded.verdicts.iter().any(|one| *one != Verdict::Recorded) {
                bail!("not every result was recorded: {:?}", recorded.verdicts);
            }
            left = left.saturating_sub(recorded.verdicts.len());
        }
        Ok(())
    }

    /// Registers the node and tells the master that its clock is right.
    async fn register(&self, store: &Store, at: i64) -> anyhow::Result<()> {
        let clock = DateTime::from_timestamp_millis(at).context("the time is out of range")?;
        let registration = RegisterRequest {
            id: NODE.to_owned(),
            name: NODE.to_owned(),
            incarnation: self.incarnation,
            replaces: None,
            labels: Default::default(),
            pool_size: 1,
            capacity: PORTION,
            version: "bench".into(),
            system: SystemInfo {
                hostname: NODE.to_owned(),
                os: String::new(),
                arch: String::new(),
                cpus: 1,
                memory_total_bytes: 1,
                memory_used_bytes: 1,
                process_memory_bytes: 1,
            },
            clock,
        };
        if !matches!(
            store.register_node(registration, at, at - LEASE_MS).await?,
            Registration::Accepted { .. }
        ) {
            bail!("the node was refused");
        }
        let beat = HeartbeatRequest {
            incarnation: self.incarnation,
            last_poll: self.poll,
            held: Vec::new(),
            draining: false,
            system: None,
            plugins: None,
            totals: Totals::default(),
            clock,
        };
        store.heartbeat(NODE.to_owned(), beat, at, LEASE_MS).await?;
        Ok(())
    }
}

async fn begin(store: &Store, cameras: &[usize], at: i64) -> anyhow::Result<()> {
    let task: TaskRequest = serde_json::from_value(serde_json::json!({"name": "all"}))?;
    let new = NewRun {
        id: RunId::fresh(),
        task_id: None,
        trigger: Trigger::Manual,
        fire_time: None,
        idempotency_key: None,
        definition: task,
        origin: Origin { request_id: None, traceparent: None },
    };
    let plan = JobPlan {
        plugins: Vec::new(),
        shadows: Vec::new(),
        full_look_every: 1,
        spares_lost: false,
        origin: Origin { request_id: None, traceparent: None },
    };
    let cameras =
        cameras.iter().map(|number| (Some(camera(*number)), format!("rtsp://192.0.2.1/{number}"))).collect();
    store.create_run(new, Start::Now(FanOut { plan, cameras, missing: Vec::new() }), at).await?;
    Ok(())
}

/// Returns findings whose metrics differ by some percent from check to check, as those of a real camera do.
fn varied(found: &[Finding], seed: i64) -> Vec<Finding> {
    let mut findings = found.to_vec();
    for (place, finding) in findings.iter_mut().enumerate() {
        for (at, metric) in finding.metrics.values_mut().enumerate() {
            let phase = seed as f64 * 12.9898 + (place * 64 + at) as f64 * 78.233;
            metric.value *= 1.0 + 0.05 * phase.sin();
        }
    }
    findings
}

/// Folds all reports that are due. Returns the number of checks.
async fn fold(store: &Store, now: i64) -> anyhow::Result<usize> {
    let mut checks = 0;
    loop {
        let folded = store.fold(now).await?;
        if folded.left_out > 0 {
            bail!("{} checks were left out", folded.left_out);
        }
        checks += folded.checks;
        if !folded.goes_on {
            return Ok(checks);
        }
    }
}
