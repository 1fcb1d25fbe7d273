//! Data of an earlier version still exists after an upgrade.

use std::path::Path;

use easysight_protocol::{CameraHealth, Status};
use easysight_store::{Area, CameraFilter, Dialect, FindingFilter, PageRequest, Span, Store};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection, migrate::Migrator};

use crate::{
    databases::{Node, anybody, camera, empty, finished, run_of, task},
    page,
};

/// The number of the last migration with which each finding was stored in a row of its own.
const ROW_A_FINDING: i64 = 12;
const RUN: &str = "01890000-0000-7000-8000-000000000001";
const JOBS: [&str; 2] = ["01890000-0000-7000-8000-00000000000a", "01890000-0000-7000-8000-00000000000b"];

/// Returns statements that insert two cameras that were checked once, as the version [`ROW_A_FINDING`] stored
/// them.
fn rows() -> String {
    let mut sql = format!(
        "INSERT INTO runs (id, task_id, started_by, state, priority, definition, waits_for, created_at, finished_at) \
         VALUES ('{RUN}', 'night', 'manual', 'finished', 0, \
         '{{\"name\": \"night\", \"groups\": [\"hall\"]}}', '[]', 1000, 3000);"
    );
    for (job, camera) in JOBS.iter().zip(["c0", "c1"]) {
        sql += &format!(
            "INSERT INTO cameras (id, name, source, enabled, labels, group_names, created_at, updated_at, status, checked_at) \
             VALUES ('{camera}', '{camera}', 'rtsp://{camera}/live', 1, '{{}}', '[\"hall\"]', 500, 500, 'error', 2000); \
             INSERT INTO camera_groups (name, camera_id) VALUES ('hall', '{camera}'); \
             INSERT INTO jobs (id, run_id, task_id, camera_id, source, state, priority, required, attempt, failures, \
             max_attempts, node_id, not_before, created_at, started_at, finished_at, decode_ms) VALUES ('{job}', '{RUN}', \
             'night', '{camera}', 'rtsp://{camera}/live', 'finished', 0, '', 1, 0, 3, 'n', 1000, 1000, 1500, 2000, 5.0);"
        );
        for (number, (diagnosis, status)) in
            [("brightness", "error"), ("clarity", "inconclusive"), ("noise", "normal")].iter().enumerate()
        {
            let failure = match *status {
                "inconclusive" => r#"{"kind": "inconclusive", "detail": "too dark"}"#,
                _ => "null",
            };
            let told = if failure == "null" { format!("\"{status}\"") } else { "null".to_owned() };
            let document = format!(
                r#"{{"diagnosis": "{diagnosis}", "status": {told}, "score": null, "decision": null,
                "message": {{"zh": "夜里", "en": "it''s dark"}}, "failure": {failure}, "fuel": 1, "compute_ms": 1.0,
                "plugin": "{diagnosis}@1.0.0", "digest": null}}"#
            );
            sql += &format!(
                "INSERT INTO findings (id, job_id, run_id, task_id, camera_id, node_id, diagnosis, status, created_at, \
                 document) VALUES ('{job}-{number}', '{job}', '{RUN}', 'night', '{camera}', 'n', '{diagnosis}', \
                 '{status}', 2000, '{document}');"
            );
        }
    }
    sql
}

/// Returns the migrations up to an earlier version.
async fn until(folder: &str, version: i64) -> Migrator {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder);
    let all = Migrator::new(folder).await.unwrap();
    Migrator::with_migrations(all.iter().filter(|one| one.version <= version).cloned().collect())
}

pub(crate) async fn findings_of_before_are_there_after_an_upgrade(dialect: Dialect) {
    let Some(empty) = empty(dialect).await else { return };
    let rows = AssertSqlSafe(rows());
    match dialect {
        Dialect::Sqlite => {
            let mut database = SqliteConnection::connect(&format!("{}?mode=rwc", empty.url)).await.unwrap();
            until("sqlite", ROW_A_FINDING).await.run(&mut database).await.unwrap();
            sqlx::raw_sql(rows).execute(&mut database).await.unwrap();
            database.close().await.unwrap();
        }
        Dialect::Postgres => {
            let mut database = PgConnection::connect(&empty.url).await.unwrap();
            until("postgres", ROW_A_FINDING).await.run(&mut database).await.unwrap();
            sqlx::raw_sql(rows).execute(&mut database).await.unwrap();
            database.close().await.unwrap();
        }
    }
    let fresh = empty.store().await;
    all_is_there(&fresh.store).await;
    goes_on(&fresh.store).await;
    is_measured(&fresh.store).await;
    fresh.close().await;
}

async fn named(store: &Store, filter: FindingFilter) -> Vec<(String, String)> {
    let found = store.findings(&Area::ALL, &filter, &page(100)).await.unwrap();
    assert_eq!(found.next, None);
    found.items.iter().map(|one| (one.camera_id.clone().unwrap(), one.finding.diagnosis.clone())).collect()
}

async fn all_is_there(store: &Store) {
    let all = store.findings(&Area::ALL, &FindingFilter::default(), &page(100)).await.unwrap().items;
    // Latest first: by job, and within a job the last one first.
    let diagnoses = ["noise", "clarity", "brightness"];
    let order: Vec<_> =
        ["c1", "c0"].iter().flat_map(|c| diagnoses.map(|d| ((*c).into(), d.into()))).collect();
    assert_eq!(named(store, FindingFilter::default()).await, order);
    for one in &all {
        assert_eq!(one.captured_at, one.recorded_at);
        assert_eq!(one.recorded_at.timestamp_millis(), 2_000);
        assert_eq!((one.finding.message.zh.as_str(), one.finding.message.en.as_str()), ("夜里", "it's dark"));
    }
    // The pages together have the same findings. The marks with which the next page is requested (`Page::next`) have
    // the form of the current version.
    let mut paged = Vec::new();
    let mut after = None;
    loop {
        let got = store
            .findings(&Area::ALL, &FindingFilter::default(), &PageRequest { after, limit: 2 })
            .await
            .unwrap();
        paged.extend(got.items);
        after = got.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(paged, all);
    let by = |diagnosis: Option<&str>, status: Option<&str>| FindingFilter {
        diagnosis: diagnosis.map(Into::into),
        status: status.map(Into::into),
        ..FindingFilter::default()
    };
    let both = |diagnosis: &str| ["c1", "c0"].map(|camera| (camera.to_owned(), diagnosis.to_owned()));
    assert_eq!(named(store, by(None, Some("error"))).await, both("brightness"));
    assert_eq!(named(store, by(Some("brightness"), Some("error"))).await, both("brightness"));
    assert_eq!(named(store, by(Some("noise"), None)).await, both("noise"));
    assert_eq!(named(store, by(Some("clarity"), Some("inconclusive"))).await, both("clarity"));
    assert_eq!(named(store, by(Some("noise"), Some("error"))).await, []);
    let of_camera = FindingFilter { camera_id: Some("c0".into()), ..by(Some("noise"), None) };
    assert_eq!(named(store, of_camera).await, [("c0".to_owned(), "noise".to_owned())]);
    let run = store.run(&Area::ALL, RUN.parse().unwrap()).await.unwrap().unwrap().run;
    assert_eq!((run.progress.total, run.progress.finished), (2, 2));
    let shown = store.camera(&Area::ALL, "c0").await.unwrap().unwrap().camera;
    assert_eq!(shown.status, Some(Status::Error));
    // The cause and the beginning of the status are not known, but the camera is counted and found.
    assert_eq!((&shown.cause, shown.since, shown.health()), (&None, None, CameraHealth::Error));
    let filter = CameraFilter { words: Some("HALL".into()), ..CameraFilter::default() };
    assert_eq!(store.count_cameras(&Area::ALL, &filter).await.unwrap(), 2);
    let tally = store.tally_cameras(&Area::ALL, 5_000).await.unwrap();
    assert_eq!((tally.counts.error, tally.causes), (2, [(None, 2)].into()));
}

/// Checks a camera after the upgrade. The new finding replaces the camera's old status.
async fn goes_on(store: &Store) {
    store.by(anybody()).create_camera("c2".into(), camera("c2", &["hall"]), 4_000).await.unwrap();
    let mut node = Node::new("n");
    node.register(store, 5_000).await;
    run_of(store, task(), 3, 5_000).await;
    let leased = node.lease(store, 3, 5_000).await;
    let job = leased.jobs.iter().find(|job| job.camera_id.as_deref() == Some("c0")).unwrap();
    store.record(vec![finished(&leased, job, Status::Normal)], 6_000).await.unwrap();
    let shown = store.camera(&Area::ALL, "c0").await.unwrap().unwrap().camera;
    assert_eq!(shown.status, Some(Status::Normal));
    assert_eq!(shown.since, Some(shown.checked_at.unwrap()));
    let of_camera = FindingFilter { camera_id: Some("c0".into()), ..FindingFilter::default() };
    assert_eq!(named(store, of_camera).await.len(), 4);
}

/// Folds findings from before and after the upgrade into measurements.
async fn is_measured(store: &Store) {
    let now = 1_800_000_000_000;
    let span = Span { since: 0, until: 86_400_000, points: 1_000_000 };
    let before = store.timeline(&Area::ALL, "c0", span, now).await.unwrap().unwrap();
    let mut checks = 0;
    loop {
        let folded = store.fold(now).await.unwrap();
        checks += folded.checks;
        if !folded.goes_on {
            break;
        }
    }
    // Two checks from before the upgrade, and one from after it.
    assert_eq!(checks, 3);
    let folded = store.timeline(&Area::ALL, "c0", span, now).await.unwrap().unwrap();
    assert_eq!(folded, before);
    let said: Vec<_> = folded
        .diagnoses
        .iter()
        .map(|row| {
            (row.diagnosis.as_str(), row.cells.iter().map(|cell| cell.worst.as_str()).collect::<Vec<_>>())
        })
        .collect();
    let wanted = [
        ("brightness", vec!["error", "normal"]),
        ("clarity", vec!["inconclusive"]),
        ("noise", vec!["normal"]),
    ];
    assert_eq!(said, wanted);
}
