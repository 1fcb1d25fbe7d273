//! Outages of the master or its database do no harm to nodes and jobs.

use easysight_protocol::{JobState, RunState, Status, TaskRequest, Verdict};
use easysight_store::{Area, HeartbeatOutcome, Registration, Store, StoreError, silent_before};

use crate::databases::{
    LEASE_MS, Node, anybody, camera, finished,
    postgres::{Entry, Private},
    run_of, task,
};

#[tokio::test]
async fn a_store_goes_on_by_itself_after_its_database_was_stopped() {
    let Some(mut server) = Private::start(Entry::Open) else { return };
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", server.port);
    let (store, writing) = Store::open(&url).await.unwrap();
    let add =
        async |name: &str| store.by(anybody()).create_camera(name.to_owned(), camera(name, &[]), 1_000).await;
    add("before").await.unwrap();
    server.stop();
    let refused = add("meanwhile").await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    let refused = store.camera(&Area::ALL, "before").await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    server.start_again();
    add("after").await.unwrap();
    assert!(store.camera(&Area::ALL, "before").await.unwrap().is_some());
    assert!(store.camera(&Area::ALL, "meanwhile").await.unwrap().is_none());
    drop(store);
    writing.await.unwrap();
}

/// Each lane has a connection of its own, and no lane has noticed that the database was unavailable.
#[tokio::test]
async fn no_command_fails_because_the_database_was_restarted_before_it() {
    let Some(mut server) = Private::start(Entry::Open) else { return };
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", server.port);
    let (store, writing) = Store::open(&url).await.unwrap();
    let mut node = Node::new("n");
    for round in 0..3 {
        let now = 1_000 + round;
        store.by(anybody()).create_camera(format!("c{round}"), camera("c", &[]), now).await.unwrap();
        node.register(&store, now).await;
        run_of(&store, once(), 1, now).await;
        store.settle().await.unwrap();
        let leased = node.lease(&store, 1, now).await;
        let beat = store.heartbeat("n".into(), node.beat(&leased.jobs), now, LEASE_MS).await.unwrap();
        assert_eq!(beat, HeartbeatOutcome::Noted { revoked: Vec::new(), lost: 0 });
        let result = finished(&leased, &leased.jobs[0], Status::Normal);
        assert_eq!(store.record(vec![result], now).await.unwrap().verdicts, [Verdict::Recorded]);
        server.stop();
        server.start_again();
    }
    drop(store);
    writing.await.unwrap();
}

/// Runs are visible before they are on disk. A crash shows which of them are on disk.
#[tokio::test]
async fn a_run_that_is_settled_survives_a_crash_of_the_database() {
    let Some(mut server) = Private::start(Entry::Open) else { return };
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", server.port);
    let (store, writing) = Store::open(&url).await.unwrap();
    let mut settled = Vec::new();
    for _ in 0..3 {
        settled.push(run_of(&store, once(), 1, 1_000).await);
        store.settle().await.unwrap();
        server.stop();
        assert!(matches!(store.settle().await, Err(StoreError::Unavailable(_))));
        server.start_again();
        for run in &settled {
            assert!(store.run(&Area::ALL, *run).await.unwrap().is_some());
        }
    }
    let mut node = Node::new("n");
    node.register(&store, 1_001).await;
    assert_eq!(node.lease(&store, 9, 1_001).await.jobs.len(), 3);
    drop(store);
    writing.await.unwrap();
}

fn once() -> TaskRequest {
    TaskRequest { max_attempts: 1, ..task() }
}

pub(crate) async fn nothing_expires_before_nodes_could_be_heard(store: &Store) {
    run_of(store, once(), 2, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let leased = node.lease(store, 1, 1_000).await;
    let later = 1_000 + 10 * LEASE_MS;
    // The master has just become available again.
    assert!(store.agenda(later).await.unwrap().expired);
    assert_eq!(store.reap(false, later).await.unwrap().expired, 0);
    let beat = store.heartbeat("n".into(), node.beat(&leased.jobs), later, LEASE_MS).await.unwrap();
    assert_eq!(beat, HeartbeatOutcome::Noted { revoked: Vec::new(), lost: 0 });
    assert!(!store.agenda(later + 1).await.unwrap().expired);
    assert_eq!(store.reap(true, later + 1).await.unwrap().expired, 0);
    let recorded =
        store.record(vec![finished(&leased, &leased.jobs[0], Status::Normal)], later + 2).await.unwrap();
    assert_eq!(recorded.verdicts, [Verdict::Recorded]);
}

pub(crate) async fn a_node_that_still_holds_its_attempt_keeps_it(store: &Store) {
    let one = run_of(store, once(), 1, 1_000).await;
    let two = run_of(store, task(), 1, 1_001).await;
    let mut node = Node::new("n");
    node.register(store, 1_001).await;
    let leased = node.lease(store, 2, 1_001).await;
    let reaped = store.reap(true, 1_002 + LEASE_MS).await.unwrap();
    assert_eq!((reaped.expired, reaped.finished_runs), (2, vec![one]));
    // One job is dead and the other one is queued. No other node has leased either job.
    let beat =
        store.heartbeat("n".into(), node.beat(&leased.jobs), 1_003 + LEASE_MS, LEASE_MS).await.unwrap();
    assert_eq!(beat, HeartbeatOutcome::Noted { revoked: Vec::new(), lost: 0 });
    let mut other = Node::new("o");
    other.register(store, 1_003 + LEASE_MS).await;
    assert!(other.lease(store, 5, 9_000 + LEASE_MS).await.jobs.is_empty());
    for job in &leased.jobs {
        let job = store.job(&Area::ALL, job.id).await.unwrap().unwrap();
        assert_eq!((job.state, job.failures, job.attempt), (JobState::Running, 0, 1));
    }
    assert_eq!(store.run(&Area::ALL, one).await.unwrap().unwrap().run.state, RunState::Running);
    let results = leased.jobs.iter().map(|job| finished(&leased, job, Status::Normal)).collect();
    let mut recorded = store.record(results, 9_001 + LEASE_MS).await.unwrap();
    recorded.finished_runs.sort();
    assert_eq!(recorded.verdicts, [Verdict::Recorded; 2]);
    assert_eq!(recorded.finished_runs, [one, two]);
}

pub(crate) async fn a_result_counts_also_where_expiry_was_the_last_attempt(store: &Store) {
    let run = run_of(store, once(), 2, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let leased = node.lease(store, 2, 1_000).await;
    assert_eq!(store.reap(true, 1_001 + LEASE_MS).await.unwrap().finished_runs, [run]);
    assert_eq!(store.run(&Area::ALL, run).await.unwrap().unwrap().run.progress.dead, 2);
    let late = finished(&leased, &leased.jobs[0], Status::Error);
    let recorded = store.record(vec![late.clone()], 2_000 + LEASE_MS).await.unwrap();
    assert_eq!((recorded.verdicts, recorded.findings.len()), (vec![Verdict::Recorded], 1));
    assert_eq!(store.record(vec![late], 2_001 + LEASE_MS).await.unwrap().verdicts, [Verdict::Duplicate]);
    let run = store.run(&Area::ALL, run).await.unwrap().unwrap().run;
    assert_eq!((run.state, run.progress.finished, run.progress.dead), (RunState::Finished, 1, 1));
    // A person retries the other job. After that, its late result belongs to an attempt that is over.
    store.by(anybody()).retry_run(run.id, 3_000 + LEASE_MS).await.unwrap();
    let stale = finished(&leased, &leased.jobs[1], Status::Error);
    assert_eq!(store.record(vec![stale], 3_001 + LEASE_MS).await.unwrap().verdicts, [Verdict::Stale]);
}

pub(crate) async fn a_deadline_takes_nothing_from_nodes_that_could_not_report(store: &Store) {
    let hurried = TaskRequest { deadline_ms: Some(5_000), ..task() };
    run_of(store, hurried, 2, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let leased = node.lease(store, 1, 1_000).await;
    assert_eq!(store.reap(false, 7_000).await.unwrap().overdue, 1);
    let recorded =
        store.record(vec![finished(&leased, &leased.jobs[0], Status::Normal)], 7_001).await.unwrap();
    assert_eq!((recorded.verdicts, recorded.finished_runs.len()), (vec![Verdict::Recorded], 1));
}

pub(crate) async fn a_node_is_silent_only_where_it_could_have_been_heard(store: &Store) {
    let (first, second) = (Node::new("n"), Node::new("n"));
    first.register(store, 1_000).await;
    let back = 1_000 + 10 * LEASE_MS;
    let unheard = silent_before(back, back + LEASE_MS - 1, LEASE_MS);
    let answer = store.register_node(second.registration(), back + LEASE_MS - 1, unheard).await.unwrap();
    assert!(matches!(answer, Registration::InUse { .. }), "{answer:?}");
    assert!(!store.by(anybody()).forget_node("n".into(), unheard, 1_200).await.unwrap());
    assert_eq!(
        store.nodes(&Area::ALL, unheard).await.unwrap()[0].status,
        easysight_protocol::NodeState::Online
    );
    let heard = silent_before(back, back + LEASE_MS, LEASE_MS);
    assert_eq!(
        store.nodes(&Area::ALL, heard).await.unwrap()[0].status,
        easysight_protocol::NodeState::Offline
    );
    let answer = store.register_node(second.registration(), back + LEASE_MS, heard).await.unwrap();
    assert_eq!(answer, Registration::Accepted { requeued: 0 });
}
