//! High load: many sets of labels, many cameras, two masters on one database.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, Instant},
};

use easysight_protocol::{CameraRequest, Labels, RunId, Status, TaskRequest, Trigger, Verdict};
use easysight_store::{
    Area, Dialect, HeartbeatOutcome, NewRun, PageRequest, RunFilter, Start, Store, StoreError,
};
use futures::{StreamExt, future::join_all, stream::FuturesUnordered};
use sqlx::AssertSqlSafe;
use tokio::task::JoinSet;

use crate::databases::{LEASE_MS, Node, anybody, camera, fan_out, finished, open, plan, run_of, task};

fn requiring(set: usize) -> TaskRequest {
    TaskRequest { required_labels: [("site".to_owned(), format!("s{set}"))].into(), ..task() }
}

pub(crate) async fn jobs_of_every_set_of_labels_are_found(store: &Store) {
    for set in 0..500 {
        run_of(store, requiring(set), 1, 1_000).await;
    }
    // Another master does not have the jobs in memory that the first master queued.
    store.doubt_ready_jobs();
    for set in [499, 0, 250, 64, 65] {
        let mut node = Node::new(&format!("n{set}"));
        node.labels = [("site".to_owned(), format!("s{set}"))].into();
        node.register(store, 1_000).await;
        assert_eq!(node.lease(store, 5, 1_000).await.jobs.len(), 1, "set {set}");
    }
}

/// Many nodes poll at the same time, repeatedly. Each job is given to only one of them.
pub(crate) async fn a_job_is_given_to_one_node_however_many_ask(store: &Store) {
    const JOBS: usize = 600;
    run_of(store, task(), JOBS, 1_000).await;
    let nodes: Vec<Node> = (0..40).map(|at| Node::new(&format!("n{at}"))).collect();
    for node in &nodes {
        node.register(store, 1_000).await;
    }
    // The clock advances so far that the result of the last query is outdated at every poll.
    let clock = AtomicI64::new(1_000);
    let work = |mut node: Node| {
        let clock = &clock;
        async move {
            let mut verdicts = Vec::new();
            loop {
                let now = clock.fetch_add(300, Ordering::Relaxed);
                let leased = node.lease(store, 9, now).await;
                if leased.jobs.is_empty() {
                    return verdicts;
                }
                let results = leased.jobs.iter().map(|job| finished(&leased, job, Status::Normal)).collect();
                verdicts.extend(store.record(results, now).await.unwrap().verdicts);
            }
        }
    };
    let mut verdicts = Vec::new();
    let mut working: FuturesUnordered<_> = nodes.into_iter().map(work).collect();
    while let Some(more) = working.next().await {
        verdicts.extend(more);
    }
    assert_eq!(verdicts, vec![Verdict::Recorded; JOBS]);
}

pub(crate) async fn sets_of_labels_that_nobody_uses_are_swept_and_come_back(store: &Store) {
    const DAY: i64 = 86_400_000;
    let mut node = Node::new("n");
    node.labels = [("site".to_owned(), "s1".to_owned())].into();
    let run = run_of(store, TaskRequest { max_attempts: 1, ..requiring(1) }, 1, 1_000).await;
    store.tidy(1_000 + 2 * DAY).await.unwrap();
    node.register(store, 1_000 + 2 * DAY).await;
    let leased = node.lease(store, 1, 1_000 + 2 * DAY).await;
    assert_eq!(leased.jobs.len(), 1, "a set is kept while a job requires it");
    assert_eq!(store.reap(true, 2_000 + 2 * DAY + LEASE_MS).await.unwrap().finished_runs, [run]);
    store.tidy(1_000 + 4 * DAY).await.unwrap();
    store.doubt_ready_jobs();
    assert!(node.lease(store, 1, 1_000 + 4 * DAY).await.jobs.is_empty());
    store.by(anybody()).retry_run(run, 2_000 + 4 * DAY).await.unwrap();
    store.doubt_ready_jobs();
    assert_eq!(node.lease(store, 1, 2_000 + 4 * DAY).await.jobs.len(), 1);
}

/// Imports as many cameras as allowed, while many nodes send heartbeats.
pub(crate) async fn heartbeats_go_on_while_cameras_are_imported(store: &Store) {
    const NODES: usize = 200;
    let mut nodes = Vec::new();
    for at in 0..NODES {
        let node = Node::new(&format!("n{at}"));
        node.register(store, 1_000).await;
        nodes.push(node);
    }
    let cameras: Vec<(String, CameraRequest)> =
        (0..50_000).map(|at| (format!("c{at}"), camera(&format!("c{at}"), &["hall", "roof"]))).collect();
    let importing = store.clone();
    let importing =
        tokio::spawn(async move { importing.by(anybody()).import_cameras(cameras, 1_000).await.unwrap() });
    let mut times = Vec::new();
    while !importing.is_finished() {
        let mut beats = JoinSet::new();
        for node in &nodes {
            let (store, id, beat) = (store.clone(), node.id.clone(), node.beat(&[]));
            beats.spawn(async move {
                let began = Instant::now();
                let outcome = store.heartbeat(id, beat, 2_000, LEASE_MS).await.unwrap();
                assert!(matches!(outcome, HeartbeatOutcome::Noted { .. }), "{outcome:?}");
                began.elapsed()
            });
        }
        times.extend(beats.join_all().await);
    }
    let imported = importing.await.unwrap();
    assert_eq!((imported.created, imported.updated), (50_000, 0));
    assert_eq!(store.camera_groups(&Area::ALL).await.unwrap()[1].cameras, 50_000);
    times.sort_unstable();
    // The numbers are only printed. The test is that no heartbeat waits for the whole import.
    eprintln!(
        "{} heartbeats, p99 {:?}, longest {:?}",
        times.len(),
        times[times.len() * 99 / 100],
        times[times.len() - 1]
    );
    assert!(times.len() > 2 * NODES, "the heartbeats waited for the import");
}

/// Two masters on one PostgreSQL do the same things repeatedly, in opposite order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_masters_never_wait_for_each_other_in_a_circle() {
    const CAMERAS: usize = 40;
    const ROUNDS: i64 = 30;
    let Some(fresh) = open(Dialect::Postgres).await else { return };
    let one = fresh.store.clone();
    let two = fresh.another().await;
    for at in 0..CAMERAS {
        one.by(anybody())
            .create_camera(format!("c{at}"), camera(&format!("c{at}"), &["hall"]), 1_000)
            .await
            .unwrap();
    }
    let longest = fresh.watch_locks().await;
    let mut storm = JoinSet::new();
    for (store, backwards) in [(one, false), (two, true)] {
        for name in 0..3 {
            let store = store.clone();
            storm.spawn(async move { work(&store, &format!("{backwards}-{name}"), backwards, ROUNDS).await });
        }
        let store = store.clone();
        storm.spawn(async move {
            for round in 0..ROUNDS {
                let mut cameras: Vec<_> =
                    (0..CAMERAS).map(|at| (format!("c{at}"), moved(at, round))).collect();
                if backwards {
                    cameras.reverse();
                }
                store.by(anybody()).import_cameras(cameras, 1_000 + round).await?;
                let run = run_of(&store, task(), CAMERAS, 1_000 + round).await;
                store.by(anybody()).cancel_run(run, 1_000 + round).await?;
                store.reap(true, 1_000 + round).await?;
                store.tidy(1_000 + round).await?;
            }
            Ok(())
        });
    }
    for ended in storm.join_all().await {
        ended.unwrap();
    }
    assert_eq!(fresh.deadlocks().await, 0, "the database had to break deadlocks");
    let waited = longest.load(Ordering::Relaxed);
    // The number is printed. The test is that no statement waits until a limit of the database ends it.
    eprintln!("the longest wait for a lock: {waited} ms");
    assert!(waited < 1_000, "a statement waited {waited} ms for a lock");
    fresh.close().await;
}

/// Masters create the same runs at the same moment, in opposite order. Each key has one run with its jobs.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn runs_with_the_same_keys_are_created_once_on_postgres() {
    let Some(fresh) = open(Dialect::Postgres).await else { return };
    let stores = [fresh.store.clone(), fresh.another().await];
    runs_with_the_same_keys_are_created_once(&stores).await;
    assert_eq!(fresh.deadlocks().await, 0, "the database had to break deadlocks");
    drop(stores);
    fresh.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn runs_with_the_same_keys_are_created_once_on_sqlite() {
    let Some(fresh) = open(Dialect::Sqlite).await else { return };
    runs_with_the_same_keys_are_created_once(std::slice::from_ref(&fresh.store)).await;
    fresh.close().await;
}

async fn runs_with_the_same_keys_are_created_once(stores: &[Store]) {
    const KEYS: usize = 5;
    const ROUNDS: usize = 20;
    let create = async |store: Store, key: String| {
        let new = NewRun {
            id: RunId::fresh(),
            task_id: Some("t".into()),
            trigger: Trigger::Manual,
            fire_time: None,
            idempotency_key: Some(key),
            definition: task(),
            origin: plan().origin,
        };
        store.create_run(new, Start::Now(fan_out(3)), 1_000).await.unwrap()
    };
    for round in 0..ROUNDS {
        let key = |at: usize| format!("{round}-{}", at % KEYS);
        // One of the runs exists already.
        let (first, made) = create(stores[0].clone(), key(0)).await;
        assert!(made);
        let mut creating = Vec::new();
        for (place, store) in stores.iter().enumerate() {
            for at in 0..4 * KEYS {
                let at = if place == 0 { at } else { 4 * KEYS - at };
                creating.push(create(store.clone(), key(at)));
            }
        }
        let created = join_all(creating).await;
        assert_eq!(created.iter().filter(|(_, made)| *made).count(), KEYS - 1);
        let ids: BTreeSet<RunId> = created.iter().map(|(run, _)| run.id).collect();
        assert!(ids.len() == KEYS && ids.contains(&first.id), "{ids:?}");
        for run in ids {
            assert_eq!(stores[0].run(&Area::ALL, run).await.unwrap().unwrap().run.progress.total, 3);
        }
    }
    // A run that was refused has left no jobs.
    let page = PageRequest { after: None, limit: 1_000 };
    let runs = stores[0].runs(&Area::ALL, &RunFilter::default(), &page).await.unwrap().items;
    assert_eq!(runs.len(), KEYS * ROUNDS);
    assert_eq!(stores[0].queue_state(1_000).await.unwrap().queued, 3 * (KEYS * ROUNDS) as u64);
}

fn moved(at: usize, round: i64) -> CameraRequest {
    CameraRequest { source: format!("rtsp://c{at}/{}", round % 2), ..camera(&format!("c{at}"), &["hall"]) }
}

/// Leases jobs, renews their leases and reports results in quick succession. `backwards` reverses the order of the
/// results.
async fn work(store: &Store, name: &str, backwards: bool, rounds: i64) -> Result<(), StoreError> {
    let mut node = Node::new(name);
    node.register(store, 1_000).await;
    for round in 0..rounds {
        run_of(store, task(), 40, 1_000 + round).await;
        let leased = node.lease(store, 60, 1_000 + round).await;
        let began = Instant::now();
        store.heartbeat(node.id.clone(), node.beat(&leased.jobs), 1_000 + round, LEASE_MS).await?;
        let mut results: Vec<_> =
            leased.jobs.iter().map(|job| finished(&leased, job, Status::Error)).collect();
        if backwards {
            results.reverse();
        }
        let recorded = store.record(results, 1_000 + round).await?;
        assert!(
            recorded.verdicts.iter().all(|verdict| matches!(verdict, Verdict::Recorded | Verdict::Stale)),
            "{recorded:?}"
        );
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    }
    store.unregister_node(node.id.clone(), node.incarnation, 2_000).await?;
    Ok(())
}

/// Idle nodes poll while there are jobs that none of them may lease.
pub(crate) async fn looking_for_jobs_that_nobody_may_have_costs_next_to_nothing(store: &Store) {
    run_of(store, requiring(7), 1_000, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    assert!(node.lease(store, 5, 1_000).await.jobs.is_empty());
    let before = store.statements();
    for at in 0..10 {
        let labels: Vec<Labels> = vec![node.labels.clone()];
        let now = 1_000 + at * 500;
        if store.may_have_work(&labels[0], now) {
            assert!(!store.ready_jobs(labels, now).await.unwrap().contains_key(""));
        }
    }
    let sent = store.statements() - before;
    assert!(sent <= 10, "{sent} statements");
}

/// The last jobs of one run end at two masters at the same moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_run_ends_though_its_last_jobs_end_at_two_masters_at_once() {
    let Some(fresh) = open(Dialect::Postgres).await else { return };
    let (one, two) = (fresh.store.clone(), fresh.another().await);
    let (mut a, mut b) = (Node::new("a"), Node::new("b"));
    a.register(&one, 1_000).await;
    b.register(&two, 1_000).await;
    let mut ended: Vec<RunId> = Vec::new();
    let mut runs = Vec::new();
    for _ in 0..40 {
        runs.push(run_of(&one, task(), 2, 1_000).await);
        two.doubt_ready_jobs();
        let (first, second) = (a.lease(&one, 1, 1_000).await, b.lease(&two, 1, 1_000).await);
        let result =
            |leased: &easysight_store::Leased| vec![finished(leased, &leased.jobs[0], Status::Normal)];
        let (first, second) =
            tokio::join!(one.record(result(&first), 1_001), two.record(result(&second), 1_001));
        ended.extend(first.unwrap().finished_runs);
        ended.extend(second.unwrap().finished_runs);
    }
    assert_eq!(ended, runs, "each ended once, at once");
    fresh.close().await;
}

/// One master believes that certain jobs are ready, but the other master gave these jobs to its nodes long ago.
#[tokio::test]
async fn jobs_that_another_master_gave_away_do_not_keep_a_node_from_those_that_are_left() {
    let Some(fresh) = open(Dialect::Postgres).await else { return };
    let (one, two) = (fresh.store.clone(), fresh.another().await);
    let (mut a, mut b) = (Node::new("a"), Node::new("b"));
    a.register(&one, 1_000).await;
    b.register(&two, 1_000).await;
    run_of(&one, task(), 3_000, 1_000).await;
    assert_eq!(b.lease(&two, 9, 1_000).await.jobs.len(), 9);
    assert_eq!(a.lease(&one, 900, 1_000).await.jobs.len(), 900);
    assert_eq!(a.lease(&one, 900, 1_000).await.jobs.len(), 900);
    assert_eq!(b.lease(&two, 9, 1_001).await.jobs.len(), 9);
    fresh.close().await;
}

#[tokio::test]
async fn leases_that_another_master_was_taking_back_when_it_died_expire_later() {
    let Some(fresh) = open(Dialect::Postgres).await else { return };
    let store = &fresh.store;
    run_of(store, task(), 2, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    assert_eq!(node.lease(store, 2, 1_000).await.jobs.len(), 2);
    let mut other = fresh.connection().await;
    sqlx::raw_sql("BEGIN; SELECT id FROM jobs FOR NO KEY UPDATE").execute(&mut other).await.unwrap();
    let late = 1_000 + LEASE_MS + 100_000;
    assert_eq!(store.reap(true, late).await.unwrap().expired, 0);
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(store.reap(true, late + 1_000).await.unwrap().expired, 2);
    fresh.close().await;
}

#[tokio::test]
async fn old_reports_of_a_master_whose_clock_is_behind_are_removed_within_an_hour() {
    let Some(fresh) = open(Dialect::Postgres).await else { return };
    let (one, two) = (fresh.store.clone(), fresh.another().await);
    let mut node = Node::new("n");
    node.register(&one, 1_000).await;
    let hour = 3_600_000;
    run_of(&one, task(), 3, hour).await;
    let leased = node.lease(&one, 3, hour).await;
    let results: Vec<_> = leased.jobs.iter().map(|job| finished(&leased, job, Status::Normal)).collect();
    let (ahead, behind) = results.split_at(2);
    one.record(ahead.to_vec(), 3 * hour).await.unwrap();
    assert_eq!(one.prune_oldest(9, 3 * hour).await.unwrap(), 2);
    two.record(behind.to_vec(), 2 * hour).await.unwrap();
    assert_eq!(
        one.prune_oldest(9, 3 * hour + 1).await.unwrap(),
        0,
        "the search begins after the last removed report"
    );
    assert_eq!(one.prune_oldest(9, 4 * hour).await.unwrap(), 1);
    assert_eq!(one.count_findings().await.unwrap(), 0);
    fresh.close().await;
}

/// Another master creates a camera with the same id, and commits only after this one has looked for it.
#[tokio::test]
async fn a_camera_that_another_master_creates_at_this_moment_is_not_overwritten() {
    let Some(fresh) = open(Dialect::Postgres).await else { return };
    fresh.store.by(anybody()).create_camera("a".into(), camera("a", &[]), 1_000).await.unwrap();
    let mut other = fresh.connection().await;
    let fields = "source, enabled, labels, group_names, created_at, updated_at, baselines_since";
    let begun = format!(
        "BEGIN; INSERT INTO cameras (id, name, {fields}) SELECT 'new', 'theirs', {fields} FROM cameras WHERE id = 'a'"
    );
    sqlx::raw_sql(AssertSqlSafe(begun)).execute(&mut other).await.unwrap();
    let store = fresh.store.clone();
    let create = tokio::spawn(async move {
        store.by(anybody()).create_camera("new".into(), camera("ours", &[]), 2_000).await
    });
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    // Within its transaction, the other session would always see the same state.
    let mut watcher = fresh.connection().await;
    while sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut watcher).await.unwrap() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    let refused = create.await.unwrap().unwrap_err();
    assert!(matches!(refused, StoreError::Conflict(_)), "{refused}");
    assert_eq!(fresh.store.camera(&Area::ALL, "new").await.unwrap().unwrap().camera.name, "theirs");
    fresh.close().await;
}
