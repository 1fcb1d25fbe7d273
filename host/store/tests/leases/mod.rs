//! Leases: they are renewed, lost, handed back and given up. A result counts only with the right lease and attempt.

use easysight_protocol::{
    Failure, Incarnation, JobId, JobOutcome, JobResult, JobState, LeaseToken, LeasedJob, NodeState,
    PluginSummary, RunState, Status, Verdict,
};
use easysight_store::{Area, FindingFilter, HeartbeatOutcome, Registration, Retried, Store, WantedLease};
use uuid::Uuid;

use crate::{
    databases::{LEASE_MS, Node, anybody, camera, ended, finished, plan, run_of, task},
    page,
};

pub(crate) async fn jobs_are_leased_once_by_priority_then_age(store: &Store) {
    let low = run_of(store, task(), 3, 1_000).await;
    let urgent = easysight_protocol::TaskRequest { priority: 5, ..task() };
    run_of(store, urgent, 2, 2_000).await;
    let (mut a, mut b) = (Node::new("a"), Node::new("b"));
    a.register(store, 2_000).await;
    b.register(store, 2_000).await;
    let first = a.lease(store, 3, 2_000).await;
    let cameras: Vec<_> = first.jobs.iter().map(|job| job.camera_id.clone().unwrap()).collect();
    assert_eq!(cameras, ["c0", "c1", "c0"]);
    assert_eq!(first.plans.len(), 2);
    assert_eq!(first.plans[first.jobs[0].plan], plan());
    let second = b.lease(store, 10, 2_000).await;
    assert_eq!(second.jobs.len(), 2);
    assert!(b.lease(store, 10, 2_000).await.jobs.is_empty());
    let progress = store.run(&Area::ALL, low).await.unwrap().unwrap().run.progress;
    assert_eq!((progress.total, progress.running), (3, 3));
    let stranger = WantedLease {
        node_id: "a".into(),
        incarnation: Incarnation(Uuid::new_v4()),
        poll: 1,
        labels: Default::default(),
        max_jobs: 1,
        good_pictures_before: None,
    };
    assert!(store.lease(stranger, 2_000, LEASE_MS).await.unwrap().is_none());
}

pub(crate) async fn labels_route_jobs(store: &Store) {
    let labelled = easysight_protocol::TaskRequest {
        required_labels: [("site".to_owned(), "north".to_owned())].into(),
        ..task()
    };
    run_of(store, labelled, 1, 1_000).await;
    let (mut plain, mut north) = (Node::new("plain"), Node::new("north"));
    north.labels = [("site".to_owned(), "north".to_owned()), ("gpu".to_owned(), "1".to_owned())].into();
    plain.register(store, 1_000).await;
    north.register(store, 1_000).await;
    assert!(plain.lease(store, 5, 1_000).await.jobs.is_empty());
    // The known jobs show, without a query, which nodes need not poll.
    assert!(!store.may_have_work(&plain.labels, 1_001));
    assert!(store.may_have_work(&north.labels, 1_001));
    assert_eq!(north.lease(store, 5, 1_000).await.jobs.len(), 1);
}

pub(crate) async fn a_result_is_recorded_once(store: &Store) {
    store.by(anybody()).create_camera("c0".into(), camera("c0", &[]), 500).await.unwrap();
    let run = run_of(store, task(), 2, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let leased = node.lease(store, 2, 1_000).await;
    let results = vec![
        finished(&leased, &leased.jobs[0], Status::Error),
        finished(&leased, &leased.jobs[0], Status::Error),
        JobResult { job_id: JobId::fresh(), ..finished(&leased, &leased.jobs[1], Status::Normal) },
        JobResult { lease: LeaseToken(Uuid::new_v4()), ..finished(&leased, &leased.jobs[1], Status::Normal) },
    ];
    let recorded = store.record(results.clone(), 2_000).await.unwrap();
    use Verdict::{Duplicate, Recorded, Stale, Unknown};
    assert_eq!(recorded.verdicts, [Recorded, Duplicate, Unknown, Stale]);
    assert_eq!(recorded.findings.len(), 1);
    let again = store.record(results, 3_000).await.unwrap();
    assert_eq!(again.verdicts, [Duplicate, Duplicate, Unknown, Stale]);
    assert!(again.findings.is_empty() && recorded.finished_runs.is_empty());
    let last = store.record(vec![finished(&leased, &leased.jobs[1], Status::Normal)], 4_000).await.unwrap();
    assert_eq!(last.finished_runs, [run]);
    let run = store.run(&Area::ALL, run).await.unwrap().unwrap().run;
    assert_eq!((run.state, run.progress.finished), (RunState::Finished, 2));
    let filter = FindingFilter { status: Some("error".into()), ..FindingFilter::default() };
    let found = store.findings(&Area::ALL, &filter, &page(10)).await.unwrap().items;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].finding.fuel, found[0].finding.message.en.as_str()), (7, "dark 'quoted' \"twice\""));
    let camera = store.camera(&Area::ALL, "c0").await.unwrap().unwrap().camera;
    assert_eq!((camera.status, camera.checked_at.unwrap().timestamp_millis()), (Some(Status::Error), 2_000));
    let job = store.job(&Area::ALL, leased.jobs[0].id).await.unwrap().unwrap();
    assert_eq!((job.decode_ms, job.node_id.as_deref()), (Some(12.5), Some("n")));
}

pub(crate) async fn an_expired_lease_is_offered_again_and_its_late_result_counts_until_someone_else_has_the_job(
    store: &Store,
) {
    run_of(store, task(), 2, 1_000).await;
    let (mut dead, mut other) = (Node::new("dead"), Node::new("other"));
    dead.register(store, 1_000).await;
    other.register(store, 1_000).await;
    let lost = dead.lease(store, 2, 1_000).await;
    assert_eq!(store.reap(true, 1_000 + LEASE_MS).await.unwrap().expired, 0);
    assert_eq!(store.reap(true, 1_001 + LEASE_MS).await.unwrap().expired, 2);
    let late = store.record(vec![finished(&lost, &lost.jobs[0], Status::Normal)], 9_500).await.unwrap();
    assert_eq!(late.verdicts, [Verdict::Recorded]);
    let taken = other.lease(store, 5, 9_600).await;
    assert_eq!(taken.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), [lost.jobs[1].id]);
    assert_eq!(taken.jobs[0].attempt, 2);
    let stale = store.record(vec![finished(&lost, &lost.jobs[1], Status::Error)], 9_700).await.unwrap();
    assert_eq!(stale.verdicts, [Verdict::Stale]);
    let good = store.record(vec![finished(&taken, &taken.jobs[0], Status::Normal)], 9_800).await.unwrap();
    assert_eq!((good.verdicts, good.finished_runs.len()), (vec![Verdict::Recorded], 1));
    assert_eq!(
        store.findings(&Area::ALL, &FindingFilter::default(), &page(10)).await.unwrap().items.len(),
        2
    );
}

pub(crate) async fn a_stale_attempt_is_refused(store: &Store) {
    run_of(store, task(), 1, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let leased = node.lease(store, 1, 1_000).await;
    let wrong = JobResult { attempt: 2, ..finished(&leased, &leased.jobs[0], Status::Normal) };
    assert_eq!(store.record(vec![wrong], 1_100).await.unwrap().verdicts, [Verdict::Stale]);
    assert_eq!(store.job(&Area::ALL, leased.jobs[0].id).await.unwrap().unwrap().state, JobState::Running);
}

pub(crate) async fn a_heartbeat_renews_and_tells_what_was_revoked(store: &Store) {
    let run = run_of(store, task(), 2, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let leased = node.lease(store, 2, 1_000).await;
    let beat = store.heartbeat("n".into(), node.beat(&leased.jobs), 8_000, LEASE_MS).await.unwrap();
    assert_eq!(beat, HeartbeatOutcome::Noted { revoked: Vec::new(), lost: 0 });
    assert_eq!(store.reap(true, 15_000).await.unwrap().expired, 0);
    assert!(store.by(anybody()).cancel_run(run, 15_100).await.unwrap());
    let beat = store.heartbeat("n".into(), node.beat(&leased.jobs), 15_200, LEASE_MS).await.unwrap();
    let mut all: Vec<_> = leased.jobs.iter().map(|job| job.id).collect();
    all.sort();
    assert_eq!(beat, HeartbeatOutcome::Noted { revoked: all, lost: 0 });
    let unknown = store.heartbeat("x".into(), node.beat(&[]), 15_200, LEASE_MS).await.unwrap();
    assert_eq!(unknown, HeartbeatOutcome::Unknown);
}

pub(crate) async fn jobs_lost_on_the_way_are_offered_again_at_once(store: &Store) {
    run_of(store, task(), 2, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let kept = node.lease(store, 1, 1_000).await;
    // The response to this poll never arrives, and the node has not started another poll yet.
    let lost = node.lease(store, 1, 1_000).await;
    let early = easysight_protocol::HeartbeatRequest { last_poll: 1, ..node.beat(&kept.jobs) };
    let beat = store.heartbeat("n".into(), early, 1_500, LEASE_MS).await.unwrap();
    assert_eq!(beat, HeartbeatOutcome::Noted { revoked: Vec::new(), lost: 0 });
    let beat = store.heartbeat("n".into(), node.beat(&kept.jobs), 2_000, LEASE_MS).await.unwrap();
    assert_eq!(beat, HeartbeatOutcome::Noted { revoked: Vec::new(), lost: 1 });
    let again = node.lease(store, 5, 2_000).await;
    assert_eq!((again.jobs[0].id, again.jobs[0].attempt), (lost.jobs[0].id, 2));
    assert_eq!(store.job(&Area::ALL, lost.jobs[0].id).await.unwrap().unwrap().failures, 0);
}

pub(crate) async fn a_poll_that_is_over_is_given_no_jobs(store: &Store) {
    run_of(store, task(), 2, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    // A master that was suspended finds the request of poll 3 when the node is already at poll 5.
    let told = easysight_protocol::HeartbeatRequest { last_poll: 4, ..node.beat(&[]) };
    store.heartbeat("n".into(), told, 1_500, LEASE_MS).await.unwrap();
    // An earlier heartbeat also arrives late.
    let late = easysight_protocol::HeartbeatRequest { last_poll: 2, ..node.beat(&[]) };
    store.heartbeat("n".into(), late, 1_600, LEASE_MS).await.unwrap();
    for (poll, jobs) in [(3, 0), (4, 0), (5, 1)] {
        node.poll = poll - 1;
        assert_eq!(node.lease(store, 1, 2_000).await.jobs.len(), jobs, "{poll}");
    }
    // Another process of the node counts its polls from the beginning.
    let mut next = Node::new("n");
    let replaces = Some(node.incarnation);
    let request = easysight_protocol::RegisterRequest { replaces, ..next.registration() };
    store.register_node(request, 3_000, 3_000 - LEASE_MS).await.unwrap();
    assert_eq!(next.lease(store, 5, 3_000).await.jobs.len(), 2);
}

pub(crate) async fn failures_back_off_and_end_in_the_dead_letters_from_which_a_person_takes_them(
    store: &Store,
) {
    let run = run_of(store, easysight_protocol::TaskRequest { max_attempts: 2, ..task() }, 1, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let failed =
        || JobOutcome::Failed { failure: Failure { kind: "no-such-file".into(), detail: "x".into() } };
    let first = node.lease(store, 1, 1_000).await;
    let report = ended(&first, &first.jobs[0], failed());
    let recorded = store.record(vec![report.clone()], 2_000).await.unwrap();
    assert_eq!((recorded.requeued, recorded.verdicts), (1, vec![Verdict::Recorded]));
    // The same report again does not count as a second failure.
    assert_eq!(store.record(vec![report], 2_001).await.unwrap().verdicts, [Verdict::Duplicate]);
    assert!(node.lease(store, 1, 2_700).await.jobs.is_empty());
    let second = node.lease(store, 1, 3_300).await;
    assert_eq!(second.jobs[0].attempt, 2);
    let recorded = store.record(vec![ended(&second, &second.jobs[0], failed())], 4_000).await.unwrap();
    assert_eq!(recorded.finished_runs, [run]);
    let job = store.job(&Area::ALL, second.jobs[0].id).await.unwrap().unwrap();
    assert_eq!((job.state, job.failures), (JobState::Dead, 2));
    assert_eq!(job.failure.unwrap().kind, "no-such-file");
    assert_eq!(store.queue_state(5_000).await.unwrap().dead, 1);
    assert_eq!(store.by(anybody()).retry_run(run, 5_000).await.unwrap(), Retried::Queued(1));
    assert_eq!(store.run(&Area::ALL, run).await.unwrap().unwrap().run.state, RunState::Running);
    let third = node.lease(store, 1, 5_000).await;
    let good = store.record(vec![finished(&third, &third.jobs[0], Status::Normal)], 6_000).await.unwrap();
    assert_eq!((good.verdicts, good.finished_runs), (vec![Verdict::Recorded], vec![run]));
}

pub(crate) async fn a_returned_job_counts_as_no_attempt(store: &Store) {
    run_of(store, easysight_protocol::TaskRequest { max_attempts: 1, ..task() }, 1, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    for _ in 0..3 {
        let leased = node.lease(store, 1, 1_000).await;
        let back = ended(&leased, &leased.jobs[0], JobOutcome::Returned);
        assert_eq!(store.record(vec![back], 1_100).await.unwrap().verdicts, [Verdict::Recorded]);
    }
    let leased = node.lease(store, 1, 1_000).await;
    assert_eq!(store.job(&Area::ALL, leased.jobs[0].id).await.unwrap().unwrap().failures, 0);
}

pub(crate) async fn a_cancelled_run_takes_no_results(store: &Store) {
    let run = run_of(store, task(), 2, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let leased = node.lease(store, 1, 1_000).await;
    assert!(store.by(anybody()).cancel_run(run, 1_500).await.unwrap());
    assert!(!store.by(anybody()).cancel_run(run, 1_500).await.unwrap());
    let refused =
        store.record(vec![finished(&leased, &leased.jobs[0], Status::Normal)], 2_000).await.unwrap();
    assert_eq!(refused.verdicts, [Verdict::Stale]);
    assert!(node.lease(store, 5, 2_000).await.jobs.is_empty());
    let run = store.run(&Area::ALL, run).await.unwrap().unwrap().run;
    assert_eq!((run.state, run.progress.cancelled), (RunState::Cancelled, 2));
}

pub(crate) async fn a_deadline_gives_up(store: &Store) {
    let hurried = easysight_protocol::TaskRequest { deadline_ms: Some(5_000), ..task() };
    let run = run_of(store, hurried, 2, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    assert_eq!(node.lease(store, 1, 1_000).await.jobs[0].deadline_ms, Some(5_000));
    assert_eq!(store.reap(true, 6_000).await.unwrap().overdue, 0);
    let reaped = store.reap(true, 6_001).await.unwrap();
    assert_eq!((reaped.overdue, reaped.finished_runs), (2, vec![run]));
}

pub(crate) async fn two_processes_with_one_id_are_told_apart(store: &Store) {
    let (first, second) = (Node::new("n"), Node::new("n"));
    first.register(store, 1_000).await;
    let refused = store.register_node(second.registration(), 2_000, 2_000 - LEASE_MS).await.unwrap();
    assert_eq!(refused, Registration::InUse { hostname: "host".into(), heard_ms_ago: 1_000 });
    // Once the first node has been silent for the duration of a lease, the second one may take its id.
    second.register(store, 1_000 + LEASE_MS).await;
    let beat = store.heartbeat("n".into(), first.beat(&[]), 10_000, LEASE_MS).await.unwrap();
    assert_eq!(beat, HeartbeatOutcome::Superseded);
}

pub(crate) async fn a_restarted_node_loses_its_leases_at_once(store: &Store) {
    run_of(store, task(), 1, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    node.lease(store, 1, 1_000).await;
    let mut again = Node::new("n");
    let request =
        easysight_protocol::RegisterRequest { replaces: Some(node.incarnation), ..again.registration() };
    let answer = store.register_node(request, 1_100, 1_100 - LEASE_MS).await.unwrap();
    assert_eq!(answer, Registration::Accepted { requeued: 1 });
    assert_eq!(again.lease(store, 1, 1_100).await.jobs[0].attempt, 2);
}

pub(crate) async fn an_unregistered_node_hands_back(store: &Store) {
    run_of(store, task(), 1, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let leased = node.lease(store, 1, 1_000).await;
    assert!(store.unregister_node("n".into(), node.incarnation, 1_100).await.unwrap());
    assert!(!store.unregister_node("n".into(), node.incarnation, 1_100).await.unwrap());
    assert_eq!(store.job(&Area::ALL, leased.jobs[0].id).await.unwrap().unwrap().state, JobState::Queued);
    let nodes = store.nodes(&Area::ALL, 1_200 - LEASE_MS).await.unwrap();
    assert_eq!(nodes[0].status, NodeState::Offline);
    assert!(store.by(anybody()).forget_node("n".into(), 1_200 - LEASE_MS, 1_200).await.unwrap());
}

pub(crate) async fn a_drained_node_keeps_its_jobs_and_gets_no_new_ones(store: &Store) {
    run_of(store, task(), 3, 1_000).await;
    let (mut node, mut other) = (Node::new("n"), Node::new("other"));
    node.register(store, 1_000).await;
    other.register(store, 1_000).await;
    let kept = node.lease(store, 1, 1_000).await;
    let by = store.by(anybody());
    assert!(by.drain_node("n".into(), true, 1_100).await.unwrap());
    assert!(!by.drain_node("nobody".into(), true, 1_100).await.unwrap());
    let refused = node.lease(store, 2, 1_200).await;
    assert!(refused.drained && refused.jobs.is_empty());
    // The node keeps its jobs, and their results count.
    let beat = store.heartbeat("n".into(), node.beat(&kept.jobs), 1_300, LEASE_MS).await.unwrap();
    assert_eq!(beat, HeartbeatOutcome::Noted { revoked: Vec::new(), lost: 0 });
    let shown = store.nodes(&Area::ALL, 1_300 - LEASE_MS).await.unwrap().remove(0);
    assert_eq!((shown.status, shown.drained, shown.current_tasks.len()), (NodeState::Draining, true, 1));
    let result = finished(&kept, &kept.jobs[0], Status::Normal);
    assert_eq!(store.record(vec![result], 1_400).await.unwrap().verdicts, [Verdict::Recorded]);
    // Another node gets the waiting jobs.
    assert_eq!(other.lease(store, 1, 1_500).await.jobs.len(), 1);
    // A restart of the node does not end the draining.
    let mut again = Node::new("n");
    let request =
        easysight_protocol::RegisterRequest { replaces: Some(node.incarnation), ..again.registration() };
    store.register_node(request, 1_600, 1_600 - LEASE_MS).await.unwrap();
    assert!(again.lease(store, 2, 1_600).await.drained);
    assert!(by.drain_node("n".into(), false, 1_700).await.unwrap());
    let leased = again.lease(store, 2, 1_800).await;
    assert_eq!((leased.drained, leased.jobs.len()), (false, 1));
}

pub(crate) async fn a_node_shows_both_that_its_heart_beats_and_that_it_asks_for_jobs(store: &Store) {
    run_of(store, task(), 3, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let leased = node.lease(store, 2, 2_000).await;
    // The node's lease loop hangs now. A heartbeat counts although it names a job that the node does not have.
    let strange = [leased.jobs[0].clone(), LeasedJob { id: JobId::fresh(), ..leased.jobs[1].clone() }];
    let beat = store.heartbeat("n".into(), node.beat(&strange), 9_000, LEASE_MS).await.unwrap();
    assert!(matches!(beat, HeartbeatOutcome::Noted { revoked, lost: 1 } if revoked == [strange[1].id]));
    let shown = store.nodes(&Area::ALL, 9_500 - LEASE_MS).await.unwrap().remove(0);
    assert_eq!(shown.status, NodeState::Online);
    assert_eq!(shown.last_heartbeat.timestamp_millis(), 9_000);
    assert_eq!(shown.last_poll_at.unwrap().timestamp_millis(), 2_000);
    let (kept, job) = (&leased.jobs[0], &shown.jobs[0]);
    assert_eq!((shown.jobs.len(), job.id, &job.camera_id), (1, kept.id, &kept.camera_id));
    assert_eq!((job.camera_name.as_deref(), job.since.unwrap().timestamp_millis()), (None, 2_000));
    // The node reports its plugins only when they have changed. A list that is too long is cut.
    assert_eq!(shown.cached_plugins, None);
    let plugin = |number: usize| PluginSummary {
        digest: format!("{number:064x}"),
        name: "freeze".into(),
        version: "1.0.0".into(),
        diagnoses: vec!["freeze".into()],
    };
    let all: Vec<_> = (0..300).map(plugin).collect();
    for (told, known) in
        [(Some(all[..2].to_vec()), 2), (None, 2), (Some(all.clone()), 256), (Some(Vec::new()), 0)]
    {
        let beat = easysight_protocol::HeartbeatRequest { plugins: told, ..node.beat(&leased.jobs[..1]) };
        store.heartbeat("n".into(), beat, 9_100, LEASE_MS).await.unwrap();
        let shown = store.nodes(&Area::ALL, 9_500 - LEASE_MS).await.unwrap().remove(0);
        assert_eq!(shown.cached_plugins.unwrap(), all[..known]);
    }
    let id = kept.camera_id.clone().unwrap();
    store.by(anybody()).create_camera(id, camera("Gate", &[]), 9_200).await.unwrap();
    let shown = store.nodes(&Area::ALL, 9_500 - LEASE_MS).await.unwrap().remove(0);
    assert_eq!(shown.jobs[0].camera_name.as_deref(), Some("Gate"));
    // A node that polls often does not update its row each time.
    for (asked, shown) in [(2_500, 2_000), (6_999, 2_000), (7_000, 7_000), (3_000, 7_000), (1_999, 1_999)] {
        node.lease(store, 1, asked).await;
        let node = store.nodes(&Area::ALL, 9_500 - LEASE_MS).await.unwrap().remove(0);
        assert_eq!(node.last_poll_at.unwrap().timestamp_millis(), shown, "asked at {asked}");
    }
}

pub(crate) async fn what_a_node_works_on_is_read_from_its_leases(store: &Store) {
    run_of(store, task(), 4, 1_000).await;
    let (mut node, mut other) = (Node::new("n"), Node::new("o"));
    node.register(store, 1_000).await;
    other.register(store, 1_000).await;
    let leased = node.lease(store, 3, 1_000).await;
    other.lease(store, 1, 1_000).await;
    let works_on = async |at| {
        let nodes = store.nodes(&Area::ALL, at - LEASE_MS).await.unwrap();
        nodes.iter().map(|node| node.current_tasks.len()).collect::<Vec<_>>()
    };
    assert_eq!(works_on(1_100).await, [3, 1]);
    // Even if a result is sent several times, only one place becomes free.
    for _ in 0..3 {
        store.record(vec![finished(&leased, &leased.jobs[0], Status::Normal)], 1_200).await.unwrap();
    }
    assert_eq!(works_on(1_300).await, [2, 1]);
    store.reap(true, 1_001 + LEASE_MS).await.unwrap();
    assert_eq!(works_on(1_002 + LEASE_MS).await, [0, 0]);
}
