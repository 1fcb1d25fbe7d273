//! A fresh database for each test, in SQLite or PostgreSQL.

pub(crate) mod postgres;
mod tls;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use easysight_protocol::{
    ActorKind, CameraRequest, Finding, HeartbeatRequest, HeldJob, Incarnation, JobOutcome, JobPlan,
    JobResult, LeasedJob, Origin, PlannedPlugin, PublishedPlugin, RegisterRequest, RunId, Status, SystemInfo,
    TaskRequest, Text, Totals, Trigger,
};
use easysight_store::{Actor, Area, Dialect, FanOut, Leased, NewRun, Start, Store, WantedLease};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;
use uuid::Uuid;

/// The duration of leases in these tests, in milliseconds.
pub(crate) const LEASE_MS: i64 = 8_000;

/// A store for one test. Its data is removed with the test.
pub(crate) struct Fresh {
    pub(crate) store: Store,
    _dir: Option<TempDir>,
    server: Option<(Arc<postgres::Server>, String)>,
}

/// A database without tables.
pub(crate) struct Empty {
    pub(crate) url: String,
    dir: Option<TempDir>,
    server: Option<(Arc<postgres::Server>, String)>,
}

/// Opens a fresh store. Prints a message and returns None if there is no PostgreSQL server and none can be started.
pub(crate) async fn open(dialect: Dialect) -> Option<Fresh> {
    Some(empty(dialect).await?.store().await)
}

/// Creates an empty database. Returns None in the same cases as [`open`].
pub(crate) async fn empty(dialect: Dialect) -> Option<Empty> {
    match dialect {
        Dialect::Sqlite => {
            let dir = tempfile::tempdir().unwrap();
            let url = format!("sqlite://{}", dir.path().join("test.db").display());
            Some(Empty { url, dir: Some(dir), server: None })
        }
        Dialect::Postgres => {
            let server = postgres::shared()?;
            let mut admin = PgConnection::connect(&format!("{}/postgres", server.url)).await.unwrap();
            let name = format!("easysight_test_{}", Uuid::new_v4().simple());
            sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")))
                .execute(&mut admin)
                .await
                .unwrap();
            Some(Empty { url: format!("{}/{name}", server.url), dir: None, server: Some((server, name)) })
        }
    }
}

/// Executes a statement without a store. Returns the number of changed rows.
pub(crate) async fn execute(dialect: Dialect, url: &str, sql: String) -> u64 {
    let sql = AssertSqlSafe(sql);
    match dialect {
        Dialect::Sqlite => {
            let mut database = SqliteConnection::connect(url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut database).await.unwrap().rows_affected()
        }
        Dialect::Postgres => {
            let mut database = PgConnection::connect(url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut database).await.unwrap().rows_affected()
        }
    }
}

impl Empty {
    /// Opens a store on the database, which creates its tables or migrates them.
    pub(crate) async fn store(self) -> Fresh {
        let (store, _writing) = Store::open(&self.url).await.unwrap();
        Fresh { store, _dir: self.dir, server: self.server }
    }
}

impl Fresh {
    /// Opens another store on the same database, like another master.
    pub(crate) async fn another(&self) -> Store {
        let (server, name) = self.server.as_ref().expect("only a server can be shared");
        Store::open(&format!("{}/{name}", server.url)).await.unwrap().0
    }

    /// Connects to the database without a store.
    pub(crate) async fn connection(&self) -> PgConnection {
        let (server, name) = self.server.as_ref().expect("only a server can be shared");
        PgConnection::connect(&format!("{}/{name}", server.url)).await.unwrap()
    }

    /// Returns the number of deadlocks that the database has broken.
    pub(crate) async fn deadlocks(&self) -> i64 {
        let (server, name) = self.server.as_ref().expect("only a server counts deadlocks");
        let mut admin = PgConnection::connect(&format!("{}/postgres", server.url)).await.unwrap();
        // Sessions report their counts when they are idle, at most once per second.
        tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
        let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = $1";
        sqlx::query_scalar(sql).bind(name).fetch_one(&mut admin).await.unwrap()
    }

    /// Watches how long statements wait for the locks of others. The result is the longest wait so far, in
    /// milliseconds.
    pub(crate) async fn watch_locks(&self) -> Arc<AtomicU64> {
        let (server, name) = self.server.as_ref().expect("only a server reports waits for locks");
        let mut admin = PgConnection::connect(&format!("{}/postgres", server.url)).await.unwrap();
        let (name, longest) = (name.clone(), Arc::new(AtomicU64::new(0)));
        let seen = Arc::downgrade(&longest);
        tokio::spawn(async move {
            let sql = "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - waitstart)) * 1000, 0)::bigint \
                       FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE datname = $1 AND NOT granted";
            // The loop ends once the result is dropped.
            while let Some(seen) = seen.upgrade() {
                let waited: i64 = sqlx::query_scalar(sql).bind(&name).fetch_one(&mut admin).await.unwrap();
                seen.fetch_max(waited.unsigned_abs(), Ordering::Relaxed);
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        });
        longest
    }

    /// Removes the database.
    pub(crate) async fn close(self) {
        drop(self.store);
        if let Some((server, name)) = self.server {
            let mut admin = PgConnection::connect(&format!("{}/postgres", server.url)).await.unwrap();
            let sql = format!("DROP DATABASE {name} WITH (FORCE)");
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut admin).await.unwrap();
        }
    }
}

/// Returns a caller for tests that are not about the audit log.
pub(crate) fn anybody() -> Actor {
    Actor::on_this_machine(ActorKind::Anybody, None)
}

pub(crate) fn camera(name: &str, groups: &[&str]) -> CameraRequest {
    CameraRequest {
        id: None,
        name: name.into(),
        source: format!("rtsp://user:secret@{name}/live"),
        enabled: true,
        labels: [("floor".to_owned(), "1".to_owned())].into(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    }
}

pub(crate) fn task() -> TaskRequest {
    serde_json::from_value(serde_json::json!({"name": "all", "groups": ["hall"], "max_attempts": 3})).unwrap()
}

/// Returns a published plugin without bytes.
pub(crate) fn published(name: &str, version: &str, digest: &str) -> PublishedPlugin {
    PublishedPlugin {
        digest: digest.into(),
        name: name.into(),
        version: version.into(),
        size_bytes: 3,
        diagnoses: Vec::new(),
        config_schema: serde_json::json!({"type": "object"}),
        published_at: chrono::DateTime::UNIX_EPOCH,
        imports: Vec::new(),
        active_for: Vec::new(),
        shadow_for: Vec::new(),
        signed_by: Vec::new(),
    }
}

pub(crate) fn plan() -> JobPlan {
    JobPlan {
        plugins: vec![PlannedPlugin {
            digest: "d".repeat(64),
            name: "brightness@1.0.0".into(),
            diagnoses: vec!["brightness".into()],
            config: serde_json::json!({"dark": 40}),
        }],
        shadows: Vec::new(),
        full_look_every: 3,
        spares_lost: true,
        origin: Origin { request_id: Some("asked".into()), traceparent: None },
    }
}

/// Returns a plan and this many jobs.
pub(crate) fn fan_out(jobs: usize) -> FanOut {
    let cameras = (0..jobs).map(|i| (Some(format!("c{i}")), format!("rtsp://c{i}/live"))).collect();
    FanOut { plan: plan(), cameras, missing: Vec::new() }
}

/// Creates a run with this many jobs, queued at `now`.
pub(crate) async fn run_of(store: &Store, definition: TaskRequest, jobs: usize, now: i64) -> RunId {
    begin(store, definition, fan_out(jobs), now).await
}

/// Creates a run with these jobs, queued at `now`.
pub(crate) async fn begin(store: &Store, definition: TaskRequest, jobs: FanOut, now: i64) -> RunId {
    let new = NewRun {
        id: RunId::fresh(),
        task_id: Some("t".into()),
        trigger: Trigger::Manual,
        fire_time: None,
        idempotency_key: None,
        definition,
        origin: plan().origin,
    };
    let (run, made) = store.create_run(new, Start::Now(jobs), now).await.unwrap();
    assert!(made);
    // Other masters may have leased some of the jobs already.
    let mut stored = store.run(&Area::ALL, run.id).await.unwrap().unwrap().run;
    assert_eq!(stored.progress.total, run.progress.total);
    stored.progress = run.progress;
    assert_eq!(stored, run, "the answer is what was stored");
    run.id
}

/// A node that registers and leases.
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) incarnation: Incarnation,
    pub(crate) poll: u64,
    /// A good picture is requested of each camera whose last one was taken before this time, in milliseconds since
    /// 1970.
    pub(crate) good_pictures_before: i64,
    pub(crate) labels: easysight_protocol::Labels,
}

impl Node {
    pub(crate) fn new(id: &str) -> Self {
        Self {
            id: id.into(),
            incarnation: Incarnation(Uuid::new_v4()),
            poll: 0,
            good_pictures_before: 0,
            labels: Default::default(),
        }
    }

    pub(crate) fn registration(&self) -> RegisterRequest {
        RegisterRequest {
            id: self.id.clone(),
            name: self.id.clone(),
            incarnation: self.incarnation,
            replaces: None,
            labels: self.labels.clone(),
            pool_size: 1,
            capacity: 100,
            version: "1".into(),
            system: SystemInfo {
                hostname: "host".into(),
                os: "os".into(),
                arch: "arch".into(),
                cpus: 1,
                memory_total_bytes: 1,
                memory_used_bytes: 1,
                process_memory_bytes: 1,
            },
            clock: chrono::DateTime::UNIX_EPOCH,
        }
    }

    pub(crate) async fn register(&self, store: &Store, now: i64) {
        let answer = store.register_node(self.registration(), now, now - LEASE_MS).await.unwrap();
        assert!(matches!(answer, easysight_store::Registration::Accepted { .. }), "{answer:?}");
    }

    pub(crate) async fn lease(&mut self, store: &Store, max_jobs: u32, now: i64) -> Leased {
        self.poll += 1;
        let wanted = WantedLease {
            node_id: self.id.clone(),
            incarnation: self.incarnation,
            poll: self.poll,
            labels: self.labels.clone(),
            max_jobs,
            good_pictures_before: Some(self.good_pictures_before),
        };
        store.lease(wanted, now, LEASE_MS).await.unwrap().expect("the node is known")
    }

    pub(crate) fn beat(&self, held: &[LeasedJob]) -> HeartbeatRequest {
        HeartbeatRequest {
            incarnation: self.incarnation,
            last_poll: self.poll,
            held: held.iter().map(|job| HeldJob { job_id: job.id, attempt: job.attempt }).collect(),
            draining: false,
            system: None,
            plugins: None,
            totals: Totals::default(),
            clock: chrono::DateTime::UNIX_EPOCH,
        }
    }
}

pub(crate) fn finding(diagnosis: &str, status: Status) -> Finding {
    Finding {
        status: Some(status),
        score: Some(50.0),
        message: Text { zh: "暗".into(), en: "dark 'quoted' \"twice\"".into() },
        fuel: 7,
        memory_bytes: 65_536,
        compute_ms: 0.5,
        ..Finding::blank(diagnosis)
    }
}

pub(crate) fn finished(leased: &Leased, job: &LeasedJob, status: Status) -> JobResult {
    let outcome = JobOutcome::Finished {
        findings: vec![finding("brightness", status)],
        shadows: Vec::new(),
        decode_ms: 12.5,
        captured_at: None,
        baselines: Vec::new(),
    };
    JobResult { job_id: job.id, lease: leased.lease, attempt: job.attempt, outcome }
}

pub(crate) fn ended(leased: &Leased, job: &LeasedJob, outcome: JobOutcome) -> JobResult {
    JobResult { job_id: job.id, lease: leased.lease, attempt: job.attempt, outcome }
}
