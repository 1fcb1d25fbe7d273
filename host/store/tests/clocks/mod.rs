//! Repair of times that were written while a clock was ahead.

use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use easysight_protocol::{
    Baseline, Failure, Finding, JobOutcome, JobResult, RunId, Scope, Status, TokenInfo, Trigger,
};
use easysight_store::{Area, NewRun, Start, Store, StoredToken};

use crate::databases::{
    LEASE_MS, Node, anybody, camera, ended, fan_out, finding, finished, plan, run_of, task,
};

const YEAR: i64 = 365 * 86_400_000;

pub(crate) async fn what_a_clock_that_was_ahead_wrote_is_brought_back(store: &Store) {
    let now = 10_000_000;
    let late = easysight_protocol::TaskRequest { deadline_ms: Some(600_000), ..task() };
    let run = run_of(store, late, 2, now + YEAR).await;
    let mut gone = Node::new("gone");
    gone.register(store, now + YEAR).await;
    assert_eq!(gone.lease(store, 1, now + YEAR).await.jobs.len(), 1);
    assert_eq!(store.reap(true, now + YEAR).await.unwrap().expired, 0);
    assert!(store.bring_back(now, LEASE_MS).await.unwrap() > 0);

    assert_eq!(store.run(&Area::ALL, run).await.unwrap().unwrap().run.created_at.timestamp_millis(), now);
    // The node is silent now: its jobs are queued again, and all other times are repaired too.
    let silent = store.nodes(&Area::ALL, now + 1).await.unwrap();
    assert_eq!(silent.len(), 1);
    let reaped = store.reap(true, now + 2).await.unwrap();
    assert_eq!(reaped.expired, 1);
    let mut other = Node::new("other");
    other.register(store, now + 3).await;
    assert_eq!(other.lease(store, 5, now + 300).await.jobs.len(), 2);
    assert!(store.agenda(now + 600_001).await.unwrap().overdue);
    // Correct times are not changed.
    assert_eq!(store.bring_back(now + 400, LEASE_MS).await.unwrap(), 0);
}

pub(crate) async fn deadlines_move_with_a_clock_that_jumps(store: &Store) {
    let late = easysight_protocol::TaskRequest { deadline_ms: Some(600_000), ..task() };
    run_of(store, late, 1, 1_000).await;
    store.move_deadlines(YEAR).await.unwrap();
    assert!(!store.agenda(YEAR + 600_000).await.unwrap().overdue);
    assert!(store.agenda(YEAR + 601_001).await.unwrap().overdue);
    assert_eq!(store.written_at().await.unwrap(), Some(1_000));
}

fn at(milliseconds: i64) -> DateTime<Utc> {
    Utc.timestamp_millis_opt(milliseconds).unwrap()
}

pub(crate) async fn what_cameras_and_jobs_keep_of_a_clock_that_was_ahead_is_brought_back(store: &Store) {
    let now = 10_000_000;
    store.by(anybody()).create_camera("c0".into(), camera("c0", &[]), now - 1_000).await.unwrap();
    let mut node = Node::new("n");
    node.register(store, now + YEAR).await;
    // While the clock is ahead, one job finishes, one fails, and one still runs.
    for _ in 0..3 {
        run_of(store, task(), 1, now + YEAR).await;
    }
    let leased = node.lease(store, 3, now + YEAR).await;
    let loss = Finding { loss: Some("stalled".into()), ..finding("brightness", Status::Critical) };
    let mut lost = finished(&leased, &leased.jobs[0], Status::Critical);
    if let JobOutcome::Finished { findings, .. } = &mut lost.outcome {
        *findings = vec![loss];
    }
    store.record(vec![lost], now + YEAR + 1_000).await.unwrap();
    let failure = Failure { kind: "internal".into(), detail: String::new() };
    let failed = ended(&leased, &leased.jobs[1], JobOutcome::Failed { failure });
    store.record(vec![failed], now + YEAR + 2_000).await.unwrap();
    store.by(anybody()).create_camera("new".into(), camera("new", &[]), now + YEAR).await.unwrap();
    assert!(store.bring_back(now, LEASE_MS).await.unwrap() > 0);
    let new = store.camera(&Area::ALL, "new").await.unwrap().unwrap().camera;
    assert_eq!(new.created_at, at(now), "reports from now on are of this camera");

    // From now on, new results count for the camera and for the baselines.
    let JobResult { job_id, lease, attempt, .. } = finished(&leased, &leased.jobs[2], Status::Normal);
    let outcome = |bytes: &[u8], status| JobOutcome::Finished {
        findings: vec![Finding { plugin: Some("brightness@1.0.0".into()), ..finding("brightness", status) }],
        shadows: Vec::new(),
        decode_ms: 1.0,
        captured_at: None,
        baselines: vec![Baseline::new("brightness", bytes)],
    };
    let late = JobResult { job_id, lease, attempt, outcome: outcome(b"old", Status::Warning) };
    store.record(vec![late], now + 1_000).await.unwrap();
    let shown = store.camera(&Area::ALL, "c0").await.unwrap().unwrap().camera;
    assert_eq!((shown.status, shown.checked_at), (Some(Status::Warning), Some(at(now + 1_000))));
    assert_eq!(shown.lost, None);
    // The job that failed is tried again after its back-off, and not after a year. On a busy machine the store
    // queries for jobs less often, so the node polls repeatedly.
    let asking = async {
        loop {
            let again = node.lease(store, 5, now + 5_000).await;
            if !again.jobs.is_empty() {
                return again;
            }
            tokio::task::yield_now().await;
        }
    };
    let again = tokio::time::timeout(Duration::from_secs(60), asking).await.expect("it is tried again");
    assert_eq!(again.jobs.len(), 1);
    let newest = ended(&again, &again.jobs[0], outcome(b"new!", Status::Normal));
    store.record(vec![newest], now + 6_000).await.unwrap();
    let kept = store.baselines(&Area::ALL, "c0").await.unwrap();
    assert_eq!((kept[0].size_bytes, kept[0].stored_at), (4, at(now + 5_000)));
    assert_eq!(store.bring_back(now + 7_000, LEASE_MS).await.unwrap(), 0);
}

pub(crate) async fn a_task_runs_at_the_times_that_a_clock_ahead_has_used_up(store: &Store) {
    let (now, hour) = (10_000_000, 3_600_000);
    let due = |fire_time| NewRun {
        id: RunId::fresh(),
        task_id: Some("t".into()),
        trigger: Trigger::Schedule,
        fire_time: Some(fire_time),
        idempotency_key: None,
        definition: task(),
        origin: plan().origin,
    };
    let fire =
        async |fire_time, now| store.create_run(due(fire_time), Start::Now(fan_out(1)), now).await.unwrap().1;
    assert!(fire(now, now).await && !fire(now, now).await);
    // The clock is an hour ahead for a moment.
    assert!(fire(now + hour, now + hour).await);
    store.bring_back(now + 1_000, LEASE_MS).await.unwrap();
    assert!(!fire(now, now + 2_000).await);
    assert!(fire(now + hour, now + hour).await, "the run of that time is created when that time comes");
    assert!(!fire(now + hour, now + hour).await);
}

pub(crate) async fn a_token_holds_for_as_long_as_it_was_made_for(store: &Store) {
    let (now, day) = (10_000_000, 86_400_000);
    let make = async |id: &str, made: i64, lifetime_ms: Option<i64>| {
        let info = TokenInfo {
            id: id.into(),
            name: id.into(),
            scope: Scope::Viewer,
            created_at: at(made),
            expires_at: Some(at(made + lifetime_ms.unwrap_or(day))),
            revoked_at: None,
            groups: None,
        };
        store.by(anybody()).create_token(StoredToken { info, hash: "h".into(), lifetime_ms }).await.unwrap();
    };
    let end = async |id: &str| {
        let info = store.token(id).await.unwrap().unwrap().info;
        (info.created_at.timestamp_millis(), info.expires_at.unwrap().timestamp_millis())
    };
    make("right", now - 1_000, Some(day)).await;
    make("ahead", now + YEAR, Some(day)).await;
    make("dated", now + YEAR, None).await;
    assert_eq!(store.bring_tokens_back(now).await.unwrap(), 2);
    assert_eq!(store.bring_tokens_back(now).await.unwrap(), 0);
    assert_eq!(end("right").await, (now - 1_000, now - 1_000 + day));
    assert_eq!(end("ahead").await, (now, now + day));
    // A date that a person chose does not depend on the clock.
    assert_eq!(end("dated").await, (now, now + YEAR + day));
    // The clock was a year behind when this token was made, and is now corrected.
    make("behind", now - YEAR, Some(day)).await;
    store.move_tokens(YEAR, now - YEAR - 5_000..=now - YEAR + 5_000).await.unwrap();
    assert_eq!(end("behind").await, (now, now + day));
    assert_eq!(end("right").await, (now - 1_000, now - 1_000 + day));
}
