//! Baselines: which jobs get them, which of them are stored, and when they are removed.

use easysight_protocol::{
    Baseline, Finding, JobOutcome, JobPlan, JobResult, LeasedJob, MAX_BASELINE_BYTES, PlannedPlugin, Status,
    Verdict,
};
use easysight_store::{Area, FanOut, Leased, Store};

use crate::databases::{LEASE_MS, Node, anybody, begin, camera, finding, task};

/// Makes sure that the cameras exist, and queues a job on each of them with these plugins.
async fn queue(store: &Store, cameras: &[&str], plugins: &[&str], now: i64) {
    for id in cameras {
        if store.camera(&Area::ALL, id).await.unwrap().is_none() {
            store.by(anybody()).create_camera((*id).into(), camera(id, &[]), now).await.unwrap();
        }
    }
    let planned = |name: &&str| PlannedPlugin {
        digest: "d".repeat(64),
        name: format!("{name}@1.0.0"),
        diagnoses: vec![(*name).into()],
        config: serde_json::json!({}),
    };
    let plan =
        JobPlan { plugins: plugins.iter().map(planned).collect(), shadows: Vec::new(), ..JobPlan::default() };
    let cameras = cameras.iter().map(|id| (Some((*id).to_owned()), format!("rtsp://{id}/live"))).collect();
    begin(store, task(), FanOut { plan, cameras, missing: Vec::new() }, now).await;
}

fn found(plugin: &str, diagnosis: &str, status: Status) -> Finding {
    Finding { plugin: Some(format!("{plugin}@1.0.0")), ..finding(diagnosis, status) }
}

/// A result with normal findings and a baseline of each of these plugins.
fn brings(leased: &Leased, job: &LeasedJob, remembered: &[(&str, &[u8])]) -> JobResult {
    let findings = remembered.iter().map(|(plugin, _)| found(plugin, plugin, Status::Normal)).collect();
    result(leased, job, findings, remembered)
}

fn result(
    leased: &Leased,
    job: &LeasedJob,
    findings: Vec<Finding>,
    remembered: &[(&str, &[u8])],
) -> JobResult {
    let baselines = remembered.iter().map(|(plugin, bytes)| Baseline::new(plugin, bytes)).collect();
    let outcome =
        JobOutcome::Finished { findings, shadows: Vec::new(), decode_ms: 1.0, captured_at: None, baselines };
    JobResult { job_id: job.id, lease: leased.lease, attempt: job.attempt, outcome }
}

/// Returns the baselines that the next job on this camera gets, by plugin.
async fn given(
    store: &Store,
    node: &mut Node,
    camera: &str,
    plugins: &[&str],
    now: i64,
) -> Vec<(String, Vec<u8>)> {
    queue(store, &[camera], plugins, now).await;
    let leased = node.lease(store, 1, now).await;
    let job = &leased.jobs[0];
    assert_eq!(job.camera_id.as_deref(), Some(camera));
    store.record(vec![result(&leased, job, Vec::new(), &[])], now).await.unwrap();
    job.baselines.iter().map(|one| (one.plugin.clone(), one.bytes().unwrap())).collect()
}

async fn node(store: &Store) -> Node {
    let node = Node::new("n1");
    node.register(store, 1_000).await;
    node
}

pub(crate) async fn what_a_plugin_remembers_comes_with_the_next_job_on_its_camera(store: &Store) {
    let mut node = node(store).await;
    queue(store, &["a", "b"], &["tint", "dirt"], 1_000).await;
    let leased = node.lease(store, 2, 2_000).await;
    assert!(leased.jobs.iter().all(|job| job.baselines.is_empty()));
    let results = leased.jobs.iter().map(|job| {
        let bytes = job.camera_id.clone().unwrap().into_bytes();
        brings(&leased, job, &[("tint", &bytes), ("dirt", b"same")])
    });
    store.record(results.collect(), 3_000).await.unwrap();
    let both = |own: &[u8]| vec![("tint".to_owned(), own.to_vec()), ("dirt".to_owned(), b"same".to_vec())];
    assert_eq!(given(store, &mut node, "a", &["tint", "dirt"], 4_000).await, both(b"a"));
    assert_eq!(given(store, &mut node, "b", &["tint", "dirt"], 4_000).await, both(b"b"));
    // A job gets only the baselines of its plan's plugins.
    assert_eq!(given(store, &mut node, "a", &["dirt"], 5_000).await, both(b"a")[1..]);
    assert_eq!(given(store, &mut node, "a", &["noise"], 5_000).await, []);
    let kept = store.baselines(&Area::ALL, "a").await.unwrap();
    assert_eq!(
        kept.iter().map(|one| (one.plugin.as_str(), one.size_bytes)).collect::<Vec<_>>(),
        [("dirt", 4), ("tint", 1)]
    );
    assert_eq!(kept[0].stored_at.timestamp_millis(), 2_000);
}

pub(crate) async fn only_the_attempt_that_is_recorded_is_remembered(store: &Store) {
    let (mut first, mut second) = (node(store).await, Node::new("n2"));
    second.register(store, 1_000).await;
    queue(store, &["a"], &["tint"], 1_000).await;
    let lost = first.lease(store, 1, 1_000).await;
    store.reap(true, 1_000 + LEASE_MS + 1).await.unwrap();
    let again = second.lease(store, 1, 20_000).await;
    assert_eq!((lost.jobs[0].id, again.jobs[0].attempt), (again.jobs[0].id, 2));
    let late = brings(&lost, &lost.jobs[0], &[("tint", b"late")]);
    assert_eq!(store.record(vec![late.clone()], 21_000).await.unwrap().verdicts, [Verdict::Stale]);
    assert!(store.baselines(&Area::ALL, "a").await.unwrap().is_empty());
    let counts = brings(&again, &again.jobs[0], &[("tint", b"counts")]);
    assert_eq!(store.record(vec![counts.clone()], 22_000).await.unwrap().verdicts, [Verdict::Recorded]);
    // Neither a repeated nor a late result changes the baseline any more.
    let repeated = brings(&again, &again.jobs[0], &[("tint", b"repeated")]);
    let verdicts = store.record(vec![repeated, late], 23_000).await.unwrap().verdicts;
    assert_eq!(verdicts, [Verdict::Duplicate, Verdict::Stale]);
    assert_eq!(
        given(store, &mut second, "a", &["tint"], 24_000).await,
        [("tint".to_owned(), b"counts".to_vec())]
    );
}

pub(crate) async fn of_two_jobs_on_one_camera_the_one_leased_later_counts(store: &Store) {
    let (mut first, mut second) = (node(store).await, Node::new("n2"));
    second.register(store, 1_000).await;
    queue(store, &["a"], &["tint"], 1_000).await;
    queue(store, &["a"], &["tint"], 1_000).await;
    let early = first.lease(store, 1, 2_000).await;
    let late = second.lease(store, 1, 3_000).await;
    store.record(vec![brings(&late, &late.jobs[0], &[("tint", b"late")])], 4_000).await.unwrap();
    let recorded =
        store.record(vec![brings(&early, &early.jobs[0], &[("tint", b"early")])], 5_000).await.unwrap();
    assert_eq!(recorded.verdicts, [Verdict::Recorded]);
    assert_eq!(
        given(store, &mut first, "a", &["tint"], 6_000).await,
        [("tint".to_owned(), b"late".to_vec())]
    );
    // The later lease also counts if both results come in one batch, in any order.
    queue(store, &["a"], &["tint"], 7_000).await;
    queue(store, &["a"], &["tint"], 7_000).await;
    let early = first.lease(store, 1, 8_000).await;
    let late = second.lease(store, 1, 9_000).await;
    let batch = vec![
        brings(&late, &late.jobs[0], &[("tint", b"later")]),
        brings(&early, &early.jobs[0], &[("tint", b"earlier")]),
    ];
    store.record(batch, 10_000).await.unwrap();
    assert_eq!(
        given(store, &mut first, "a", &["tint"], 11_000).await,
        [("tint".to_owned(), b"later".to_vec())]
    );
}

pub(crate) async fn a_reset_also_holds_against_jobs_that_are_under_way(store: &Store) {
    let mut node = node(store).await;
    for (plugin, left) in [(None, 0), (Some("tint"), 1)] {
        queue(store, &["a"], &["tint", "dirt"], 1_000).await;
        let leased = node.lease(store, 1, 2_000).await;
        let job = &leased.jobs[0];
        store.record(vec![brings(&leased, job, &[("tint", b"t"), ("dirt", b"d")])], 3_000).await.unwrap();
        queue(store, &["a"], &["tint", "dirt"], 4_000).await;
        let under_way = node.lease(store, 1, 4_000).await;
        let removed =
            store.by(anybody()).reset_baselines("a".into(), plugin.map(Into::into), 5_000).await.unwrap();
        assert_eq!(removed, Some(2 - left), "{plugin:?}");
        assert_eq!(store.baselines(&Area::ALL, "a").await.unwrap().len() as u64, left);
        let old = brings(&under_way, &under_way.jobs[0], &[("tint", b"old")]);
        assert_eq!(store.record(vec![old], 6_000).await.unwrap().verdicts, [Verdict::Recorded]);
        assert_eq!(store.baselines(&Area::ALL, "a").await.unwrap().len() as u64, left, "{plugin:?}");
        assert!(given(store, &mut node, "a", &["tint"], 7_000).await.is_empty());
        // A baseline from a job that was leased after the reset is stored.
        queue(store, &["a"], &["tint"], 8_000).await;
        let leased = node.lease(store, 1, 8_000).await;
        store.record(vec![brings(&leased, &leased.jobs[0], &[("tint", b"new")])], 9_000).await.unwrap();
        assert_eq!(
            given(store, &mut node, "a", &["tint"], 9_500).await,
            [("tint".to_owned(), b"new".to_vec())]
        );
        store.by(anybody()).delete_camera("a".into(), 9_000).await.unwrap();
    }
    assert_eq!(store.by(anybody()).reset_baselines("a".into(), None, 9_999).await.unwrap(), None);
}

pub(crate) async fn another_source_is_another_camera_and_another_password_is_not(store: &Store) {
    let mut node = node(store).await;
    queue(store, &["a"], &["tint"], 1_000).await;
    let leased = node.lease(store, 1, 2_000).await;
    store.record(vec![brings(&leased, &leased.jobs[0], &[("tint", b"t")])], 3_000).await.unwrap();
    let mut changed = camera("a", &[]);
    changed.source = "rtsp://user:other@a/live".into();
    store.by(anybody()).update_camera("a".into(), changed.clone(), 4_000).await.unwrap();
    assert_eq!(store.baselines(&Area::ALL, "a").await.unwrap().len(), 1);
    changed.source = "rtsp://user:other@elsewhere/live".into();
    store.by(anybody()).import_cameras(vec![("a".into(), changed)], 5_000).await.unwrap();
    assert!(store.baselines(&Area::ALL, "a").await.unwrap().is_empty());
    assert!(given(store, &mut node, "a", &["tint"], 6_000).await.is_empty());
}

pub(crate) async fn what_is_remembered_of_a_camera_goes_with_it(store: &Store) {
    let mut node = node(store).await;
    queue(store, &["a"], &["tint"], 1_000).await;
    let leased = node.lease(store, 1, 2_000).await;
    store.record(vec![brings(&leased, &leased.jobs[0], &[("tint", b"t")])], 3_000).await.unwrap();
    queue(store, &["a"], &["tint"], 4_000).await;
    let under_way = node.lease(store, 1, 4_000).await;
    store.by(anybody()).delete_camera("a".into(), 9_000).await.unwrap();
    assert!(store.baselines(&Area::ALL, "a").await.unwrap().is_empty());
    // A new camera with the same id is another camera. The baseline from a job on the former camera is discarded.
    store.by(anybody()).create_camera("a".into(), camera("a", &[]), 5_000).await.unwrap();
    store.record(vec![brings(&under_way, &under_way.jobs[0], &[("tint", b"t")])], 6_000).await.unwrap();
    assert!(store.baselines(&Area::ALL, "a").await.unwrap().is_empty());
}

pub(crate) async fn when_a_camera_moved_all_but_the_finder_forget_it(store: &Store) {
    let mut node = node(store).await;
    let plugins = ["tint", "dirt", "view"];
    queue(store, &["a", "b"], &plugins, 1_000).await;
    let leased = node.lease(store, 2, 2_000).await;
    let remembered: [(&str, &[u8]); 3] = [("tint", b"t"), ("dirt", b"d"), ("view", b"v")];
    let results = leased.jobs.iter().map(|job| brings(&leased, job, &remembered));
    store.record(results.collect(), 3_000).await.unwrap();
    for (status, left) in [(Status::Warning, 3), (Status::Error, 1)] {
        queue(store, &["a"], &plugins, 4_000).await;
        let leased = node.lease(store, 1, 4_000).await;
        let findings =
            vec![found("view", "scene_change", status), found("tint", "color_cast", Status::Normal)];
        let moved = result(&leased, &leased.jobs[0], findings, &[("tint", b"mixed"), ("view", b"v2")]);
        store.record(vec![moved], 5_000).await.unwrap();
        assert_eq!(store.baselines(&Area::ALL, "a").await.unwrap().len(), left, "{status}");
    }
    assert_eq!(given(store, &mut node, "a", &plugins, 6_000).await, [("view".to_owned(), b"v2".to_vec())]);
    assert_eq!(store.baselines(&Area::ALL, "b").await.unwrap().len(), 3);
}

pub(crate) async fn what_is_no_baseline_costs_no_finding(store: &Store) {
    let mut node = node(store).await;
    queue(store, &["a"], &["tint"], 1_000).await;
    let leased = node.lease(store, 1, 2_000).await;
    let mut bad = brings(&leased, &leased.jobs[0], &[("tint", b"fine")]);
    if let JobOutcome::Finished { baselines, .. } = &mut bad.outcome {
        baselines.push(Baseline { plugin: "tint".into(), data: "no base64!".into() });
        baselines.push(Baseline::new("tint", &vec![0; MAX_BASELINE_BYTES + 1]));
        baselines.push(Baseline::new("of-nobody-who-judged", b"x"));
        baselines.push(Baseline::new("../tint", b"x"));
    }
    let recorded = store.record(vec![bad], 3_000).await.unwrap();
    assert_eq!((recorded.verdicts, recorded.findings.len()), (vec![Verdict::Recorded], 1));
    assert_eq!(given(store, &mut node, "a", &["tint"], 4_000).await, [("tint".to_owned(), b"fine".to_vec())]);
}

pub(crate) async fn a_lease_has_no_more_jobs_than_their_baselines_leave_room_for(store: &Store) {
    let mut node = node(store).await;
    let cameras: Vec<String> = (0..40).map(|n| format!("c{n:02}")).collect();
    let cameras: Vec<&str> = cameras.iter().map(String::as_str).collect();
    queue(store, &cameras, &["tint"], 1_000).await;
    let leased = node.lease(store, 40, 2_000).await;
    assert_eq!(leased.jobs.len(), 40);
    let large = vec![7; MAX_BASELINE_BYTES];
    for job in &leased.jobs {
        store.record(vec![brings(&leased, job, &[("tint", &large)])], 3_000).await.unwrap();
    }
    queue(store, &cameras, &["tint"], 4_000).await;
    let mut seen = Vec::new();
    for expected in [32, 8, 0] {
        let leased = node.lease(store, 40, 5_000).await;
        assert_eq!(leased.jobs.len(), expected);
        for job in &leased.jobs {
            assert_eq!((job.attempt, job.baselines.len()), (1, 1));
            seen.push(job.camera_id.clone().unwrap());
        }
        // The other jobs are as if they had never been leased.
        let results = leased.jobs.iter().map(|job| brings(&leased, job, &[("tint", b"small")])).collect();
        let recorded = store.record(results, 6_000).await.unwrap();
        assert!(recorded.verdicts.iter().all(|verdict| *verdict == Verdict::Recorded));
    }
    // The jobs come in the order of urgency.
    assert_eq!(seen, cameras);
}
