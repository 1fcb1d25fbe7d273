//! What a clock that stood ahead has left behind, and is brought back.

use easysight_store::{NodeRepository, RunRepository, Store, UpkeepRepository};

use crate::databases::{LEASE_MS, Node, run_of, task};

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

    assert_eq!(store.run(run).await.unwrap().unwrap().run.created_at.timestamp_millis(), now);
    // The node is not heard of any more: what it had is offered again, and the rest is there too.
    let silent = store.nodes(now + 1).await.unwrap();
    assert_eq!(silent.len(), 1);
    let reaped = store.reap(true, now + 2).await.unwrap();
    assert_eq!(reaped.expired, 1);
    let mut other = Node::new("other");
    other.register(store, now + 3).await;
    assert_eq!(other.lease(store, 5, now + 300).await.jobs.len(), 2);
    assert!(store.agenda(now + 600_001).await.unwrap().overdue);
    // What is as it should be stays so.
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
