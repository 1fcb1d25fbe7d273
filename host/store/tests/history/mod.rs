//! Stored history: findings and their search, a camera's health, and how runs ended.

use chrono::{DateTime, TimeZone, Utc};
use easysight_protocol::{
    Failure, Finding, JobOutcome, JobResult, LeasedJob, RunState, Status, TaskRequest, Verdict,
};
use easysight_store::{Area, Dialect, FindingFilter, Leased, PageRequest, Retried, RunFilter, Store};

use crate::{
    databases::{LEASE_MS, Node, anybody, camera, finding, finished, run_of, task},
    page,
};

fn at(milliseconds: i64) -> DateTime<Utc> {
    Utc.timestamp_millis_opt(milliseconds).unwrap()
}

/// A result whose clip was captured at this time, by the node's clock.
fn captured(leased: &Leased, job: &LeasedJob, shown: i64, findings: Vec<Finding>) -> JobResult {
    let outcome = JobOutcome::Finished {
        findings,
        shadows: Vec::new(),
        decode_ms: 1.0,
        captured_at: Some(at(shown)),
        baselines: Vec::new(),
    };
    JobResult { job_id: job.id, lease: leased.lease, attempt: job.attempt, outcome }
}

pub(crate) async fn a_camera_s_health_is_what_was_captured_last(store: &Store) {
    store.by(anybody()).create_camera("c0".into(), camera("c0", &[]), 500).await.unwrap();
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    run_of(store, task(), 1, 1_000).await;
    let spooled = node.lease(store, 1, 1_000).await;
    run_of(store, task(), 1, 50_000).await;
    // The node's clock is an hour ahead, as its heartbeat shows.
    let ahead = 3_600_000;
    let beat = easysight_protocol::HeartbeatRequest { clock: at(50_000 + ahead), ..node.beat(&spooled.jobs) };
    store.heartbeat("n".into(), beat, 50_000, LEASE_MS).await.unwrap();
    let newer = node.lease(store, 1, 50_000).await;
    let good = vec![finding("brightness", Status::Normal)];
    store.record(vec![captured(&newer, &newer.jobs[0], 51_000 + ahead, good)], 52_000).await.unwrap();
    // A result from a spool arrives after the result of a later clip.
    let bad = vec![finding("brightness", Status::Error), finding("noise", Status::Warning)];
    let recorded =
        store.record(vec![captured(&spooled, &spooled.jobs[0], 2_000 + ahead, bad)], 60_000).await.unwrap();
    assert_eq!(recorded.verdicts, [Verdict::Recorded]);
    assert_eq!(recorded.findings[0].captured_at, at(2_000));
    assert_eq!(recorded.findings[0].recorded_at, at(60_000));
    let shown = store.camera(&Area::ALL, "c0").await.unwrap().unwrap().camera;
    // The brightness is that of the newer clip. For the noise there is no newer clip.
    assert_eq!((shown.status, shown.checked_at), (Some(Status::Warning), Some(at(51_000))));
    // The times of a clock that is wrong by years are limited to what is possible: after the lease, and not in the
    // future.
    run_of(store, task(), 2, 70_000).await;
    let odd = node.lease(store, 2, 70_000).await;
    let good = || vec![finding("noise", Status::Normal)];
    let results = vec![
        captured(&odd, &odd.jobs[0], 0, good()),
        captured(&odd, &odd.jobs[1], i64::from(u32::MAX) * 1_000, good()),
    ];
    let recorded = store.record(results, 71_000).await.unwrap();
    let times: Vec<_> = recorded.findings.iter().map(|one| one.captured_at).collect();
    assert_eq!(times, [at(70_000), at(71_000)]);
    assert_eq!(store.camera(&Area::ALL, "c0").await.unwrap().unwrap().camera.status, Some(Status::Normal));
}

pub(crate) async fn findings_are_found_by_what_they_are(store: &Store) {
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    for round in 0..3_i64 {
        let now = 10_000 * (round + 1);
        run_of(store, TaskRequest { groups: vec!["hall".into()], ..task() }, 300, now).await;
        let leased = node.lease(store, 300, now).await;
        let unable = Finding {
            failure: Some(Failure { kind: Failure::INCONCLUSIVE.into(), detail: "dark".into() }),
            ..Finding::blank("noise")
        };
        let results = leased.jobs.iter().enumerate().map(|(place, job)| {
            let status = if place == 7 { Status::Error } else { Status::Normal };
            let mut findings = vec![finding("brightness", status), unable.clone()];
            // Few jobs have this diagnosis.
            if place == 9 {
                findings.push(finding("rare", Status::Normal));
            }
            captured(&leased, job, now, findings)
        });
        store.record(results.collect(), now).await.unwrap();
    }
    let all = FindingFilter::default();
    let count = async |filter: FindingFilter, limit: u32| {
        let (mut found, mut next) = (Vec::new(), None);
        loop {
            let page =
                store.findings(&Area::ALL, &filter, &PageRequest { after: next, limit }).await.unwrap();
            assert!(page.items.len() <= limit as usize);
            found.extend(page.items);
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        let ids: std::collections::BTreeSet<_> = found.iter().map(|one| one.id.clone()).collect();
        assert_eq!(ids.len(), found.len(), "none comes twice");
        assert!(found.is_sorted_by(|a, b| a.recorded_at >= b.recorded_at), "latest first");
        found
    };
    assert_eq!(count(all.clone(), 100).await.len(), 3 * (2 * 300 + 1));
    let of = |diagnosis: Option<&str>, status: Option<&str>| FindingFilter {
        diagnosis: diagnosis.map(Into::into),
        status: status.map(Into::into),
        ..FindingFilter::default()
    };
    assert_eq!(count(of(Some("rare"), None), 2).await.len(), 3);
    assert_eq!(count(of(None, Some("error")), 2).await.len(), 3);
    assert_eq!(count(of(Some("brightness"), Some("error")), 9).await.len(), 3);
    assert_eq!(count(of(Some("noise"), Some("error")), 9).await.len(), 0);
    assert_eq!(count(of(Some("noise"), Some("inconclusive")), 250).await.len(), 900);
    assert_eq!(count(of(None, Some("no-such-word")), 9).await.len(), 0);
    assert_eq!(count(of(Some("no-such-diagnosis"), None), 9).await.len(), 0);
    let on = FindingFilter { camera_id: Some("c7".into()), ..of(None, Some("error")) };
    assert_eq!(count(on, 2).await.len(), 3);
    let on = FindingFilter { camera_id: Some("c8".into()), ..of(Some("brightness"), None) };
    assert_eq!(count(on, 2).await.len(), 3);
    let of_task = FindingFilter { task_id: Some("t".into()), ..of(Some("brightness"), Some("error")) };
    assert_eq!(count(of_task, 2).await.len(), 3);
    let between = FindingFilter { since: Some(20_000), until: Some(30_000), ..of(None, Some("error")) };
    assert_eq!(count(between.clone(), 9).await.len(), 1);
    let between = FindingFilter { status: None, ..between };
    assert_eq!(count(between, 400).await.len(), 601);
    let latest = store.findings(&Area::ALL, &all, &page(2)).await.unwrap().items;
    let ids = vec![latest[0].id.clone(), "gone".into()];
    assert_eq!(store.findings_named(&ids).await.unwrap(), [latest[0].clone()]);
    let of_job = FindingFilter { job_id: Some(latest[0].job_id), ..all };
    assert!(count(of_job, 9).await.len() >= 2);
}

pub(crate) async fn progress_of_ended_runs_is_kept(store: &Store) {
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let run = run_of(store, task(), 3, 1_000).await;
    let leased = node.lease(store, 2, 1_000).await;
    let results = leased.jobs.iter().map(|job| finished(&leased, job, Status::Normal)).collect();
    store.record(results, 1_500).await.unwrap();
    let open = store.run(&Area::ALL, run).await.unwrap().unwrap().run.progress;
    assert_eq!((open.total, open.finished, open.queued), (3, 2, 1));
    assert!(store.by(anybody()).cancel_run(run, 2_000).await.unwrap());
    let before = store.statements();
    let ended = store.runs(&Area::ALL, &RunFilter::default(), &page(5)).await.unwrap().items.remove(0);
    assert_eq!(store.statements() - before, 1, "jobs of ended runs are not counted again");
    assert_eq!((ended.progress.total, ended.progress.finished, ended.progress.cancelled), (3, 2, 1));
}

pub(crate) async fn a_cancelled_run_is_not_tried_again(store: &Store) {
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let run = run_of(store, TaskRequest { max_attempts: 1, ..task() }, 2, 1_000).await;
    let leased = node.lease(store, 1, 1_000).await;
    let failed = JobOutcome::Failed { failure: Failure { kind: "x".into(), detail: "x".into() } };
    let result = JobResult { outcome: failed, ..finished(&leased, &leased.jobs[0], Status::Normal) };
    store.record(vec![result], 1_100).await.unwrap();
    assert!(store.by(anybody()).cancel_run(run, 1_200).await.unwrap());
    assert_eq!(store.by(anybody()).retry_run(run, 1_300).await.unwrap(), Retried::Cancelled);
    let shown = store.run(&Area::ALL, run).await.unwrap().unwrap().run;
    assert_eq!((shown.state, shown.progress.queued, shown.progress.dead), (RunState::Cancelled, 0, 1));
    assert!(node.lease(store, 5, 1_400).await.jobs.is_empty());
    assert_eq!(
        store.by(anybody()).retry_run(easysight_protocol::RunId::fresh(), 1_500).await.unwrap(),
        Retried::Unknown
    );
}

pub(crate) async fn the_size_of_the_database_is_known(store: &Store) {
    run_of(store, task(), 3, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let leased = node.lease(store, 3, 1_000).await;
    let results = leased.jobs.iter().map(|job| finished(&leased, job, Status::Normal)).collect();
    store.record(results, 2_000).await.unwrap();
    let stored = store.database_storage().await.unwrap();
    assert_eq!(stored.findings, 3);
    assert!(stored.bytes > 0);
    match store.dialect() {
        Dialect::Sqlite => assert_eq!((stored.engine.as_str(), stored.tables.len()), ("SQLite", 0)),
        Dialect::Postgres => {
            assert_eq!(stored.engine, "PostgreSQL");
            assert!(stored.tables.is_sorted_by_key(|table| std::cmp::Reverse(table.bytes)));
            assert!(stored.tables.iter().any(|table| table.name == "jobs"), "{:?}", stored.tables);
            assert!(stored.tables.iter().map(|table| table.bytes).sum::<u64>() <= stored.bytes);
        }
    }
}
