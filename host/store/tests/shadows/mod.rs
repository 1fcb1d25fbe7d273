//! Candidates beside the active plugins, and the resources that plugins use.

use easysight_protocol::{
    Baseline, Failure, Finding, JobOutcome, JobPlan, LeasedJob, PlannedPlugin, Status, Used, Verdict,
};
use easysight_store::{Area, FanOut, FindingFilter, Leased, PageRequest, Store, StoreError};

use crate::databases::{Node, anybody, begin, camera, ended, finding, published, task};

const DAY_MS: i64 = 86_400_000;

/// Returns a digest that consists of this letter.
fn digest(letter: char) -> String {
    letter.to_string().repeat(64)
}

/// Publishes three versions of `tint`, activates 1.0.0 for two diagnoses, creates a camera and registers a node.
async fn set_up(store: &Store) -> Node {
    for (version, letter) in [("1.0.0", 'a'), ("1.1.0", 'b'), ("1.2.0", 'c')] {
        assert!(store.by(anybody()).publish(published("tint", version, &digest(letter))).await.unwrap());
    }
    store.by(anybody()).activate(vec!["tint".into(), "hue".into()], Some(digest('a')), 1).await.unwrap();
    store.by(anybody()).create_camera("cam".into(), camera("cam", &[]), 1).await.unwrap();
    let node = Node::new("n1");
    node.register(store, 1_000).await;
    node
}

/// Leases a job on the camera with 1.0.0 as the active plugin and 1.1.0 as the candidate.
async fn lease(store: &Store, node: &mut Node, now: i64) -> Leased {
    let planned = |version: &str, letter| PlannedPlugin {
        digest: digest(letter),
        name: format!("tint@{version}"),
        diagnoses: vec!["tint".into()],
        config: serde_json::json!({}),
    };
    let plan = JobPlan {
        plugins: vec![planned("1.0.0", 'a')],
        shadows: vec![planned("1.1.0", 'b')],
        ..JobPlan::default()
    };
    let cameras = vec![(Some("cam".to_owned()), "rtsp://cam/live".to_owned())];
    begin(store, task(), FanOut { plan, cameras, missing: Vec::new() }, now).await;
    let leased = node.lease(store, 1, now).await;
    assert_eq!(leased.plans[0].shadows.len(), 1, "the lease carries the whole plan");
    leased
}

fn by(letter: char, version: &str, status: Status, fuel: u64) -> Finding {
    let plugin = Some(format!("tint@{version}"));
    Finding { plugin, digest: Some(digest(letter)), fuel, ..finding("tint", status) }
}

async fn bring(
    store: &Store,
    (leased, job): (&Leased, &LeasedJob),
    findings: Vec<Finding>,
    shadows: Vec<Finding>,
    remembered: &[(&str, &[u8])],
    now: i64,
) {
    let baselines = remembered.iter().map(|(plugin, bytes)| Baseline::new(plugin, bytes)).collect();
    let outcome = JobOutcome::Finished { findings, shadows, decode_ms: 1.0, captured_at: None, baselines };
    let recorded = store.record(vec![ended(leased, job, outcome)], now).await.unwrap();
    assert_eq!(recorded.verdicts, [Verdict::Recorded]);
}

pub(crate) async fn a_candidate_counts_for_nothing_and_is_compared(store: &Store) {
    let mut node = set_up(store).await;
    store.by(anybody()).shadow(digest('b'), vec!["tint".into()], 5_000).await.unwrap();
    // The same call again changes nothing. Another candidate for the same diagnosis is refused.
    store.by(anybody()).shadow(digest('b'), vec!["tint".into()], 6_000).await.unwrap();
    let taken =
        store.by(anybody()).shadow(digest('c'), vec!["hue".into(), "tint".into()], 6_000).await.unwrap_err();
    assert!(matches!(taken, StoreError::Conflict(_)), "{taken}");
    let shadows = store.shadows().await.unwrap();
    assert_eq!(shadows.len(), 1, "what was refused left nothing behind: {shadows:?}");
    assert_eq!((shadows[0].since.timestamp_millis(), &shadows[0].digest), (5_000, &digest('b')));
    let plugins = store.plugins().await.unwrap();
    let candidate = plugins.iter().find(|one| one.digest == digest('b')).unwrap();
    assert_eq!((&candidate.shadow_for[..], &candidate.active_for[..]), (&["tint".to_owned()][..], &[][..]));

    for (at, status) in [Status::Normal, Status::Error, Status::Error].into_iter().enumerate() {
        let now = 10_000 + at as i64;
        let leased = lease(store, &mut node, now).await;
        let counting = by('a', "1.0.0", Status::Normal, 100);
        let candidate = by('b', "1.1.0", status, 200 + at as u64 * 30);
        bring(store, (&leased, &leased.jobs[0]), vec![counting], vec![candidate], &[], now).await;
    }
    let page = PageRequest { after: None, limit: 100 };
    let counting = store.findings(&Area::ALL, &FindingFilter::default(), &page).await.unwrap().items;
    assert_eq!(counting.len(), 3);
    assert!(counting.iter().all(|one| one.finding.digest == Some(digest('a'))), "{counting:?}");
    assert_eq!(store.camera(&Area::ALL, "cam").await.unwrap().unwrap().camera.status, Some(Status::Normal));

    let report = store.shadow_report(&digest('b')).await.unwrap();
    let [tint] = &report.diagnoses[..] else { panic!("{report:?}") };
    assert_eq!((tint.compared, tint.agreed), (3, 1));
    let changes: Vec<_> =
        tint.changes.iter().map(|one| (one.active.as_str(), one.candidate.as_str(), one.count)).collect();
    assert_eq!(changes, [("normal", "error", 2)]);
    assert_eq!((tint.active.fuel, tint.candidate.fuel.round()), (100.0, 230.0));
    assert_eq!(report.differences.len(), 2);
    assert_eq!(report.differences[0].candidate.fuel, 260, "latest first, with all that was found");
    assert_eq!(report.differences[0].camera_id.as_deref(), Some("cam"));

    // A plugin that is active for a diagnosis is not its candidate any more. Its earlier findings stay.
    store.by(anybody()).activate(vec!["tint".into()], Some(digest('b')), 20_000).await.unwrap();
    assert_eq!(store.shadows().await.unwrap(), []);
    let report = store.shadow_report(&digest('b')).await.unwrap();
    assert_eq!((report.diagnoses[0].since, report.diagnoses[0].compared), (None, 3));
    // The candidate's findings are removed with the findings that they were compared with.
    assert_eq!(store.prune_oldest(2, 30 * DAY_MS).await.unwrap(), 2);
    assert_eq!(store.shadow_report(&digest('b')).await.unwrap().diagnoses[0].compared, 1);
    while store.prune(1_000, 30 * DAY_MS).await.unwrap() > 0 {}
    assert_eq!(store.shadow_report(&digest('b')).await.unwrap().diagnoses, []);
}

pub(crate) async fn a_candidate_remembers_apart_and_is_forgotten_with_its_end(store: &Store) {
    let mut node = set_up(store).await;
    store.by(anybody()).shadow(digest('b'), vec!["tint".into()], 5_000).await.unwrap();
    let both = || (vec![by('a', "1.0.0", Status::Normal, 1)], vec![by('b', "1.1.0", Status::Normal, 1)]);
    let leased = lease(store, &mut node, 10_000).await;
    assert_eq!(leased.jobs[0].baselines, []);
    let (counting, shadows) = both();
    let b = digest('b');
    let remembered: &[(&str, &[u8])] = &[("tint", b"old"), (&b, b"new")];
    bring(store, (&leased, &leased.jobs[0]), counting, shadows, remembered, 10_000).await;

    let leased = lease(store, &mut node, 11_000).await;
    let given = leased.jobs[0].baselines.iter().map(|one| (one.plugin.clone(), one.bytes().unwrap()));
    assert_eq!(given.collect::<Vec<_>>(), [("tint".into(), b"old".to_vec()), (b.clone(), b"new".to_vec())]);
    // The candidacy ends while a job is running. The baseline that this job brings is not stored.
    store.by(anybody()).end_shadow(b.clone(), vec!["tint".into()], 9_000).await.unwrap();
    let kept = |store: Store| async move {
        store
            .baselines(&Area::ALL, "cam")
            .await
            .unwrap()
            .into_iter()
            .map(|one| one.plugin)
            .collect::<Vec<_>>()
    };
    assert_eq!(kept(store.clone()).await, ["tint"]);
    let (counting, shadows) = both();
    bring(store, (&leased, &leased.jobs[0]), counting, shadows, remembered, 11_000).await;
    assert_eq!(kept(store.clone()).await, ["tint"]);
}

pub(crate) async fn what_plugins_used_is_noted_by_day(store: &Store) {
    let mut node = set_up(store).await;
    assert_eq!(store.usage(&digest('a')).await.unwrap(), []);
    let at = [(DAY_MS * 3, 100), (DAY_MS * 3 + 5, 300), (DAY_MS * 4, 50)];
    for (now, fuel) in at {
        let leased = lease(store, &mut node, now).await;
        // The job has two findings of one run, and a candidate that failed.
        let counting = by('a', "1.0.0", Status::Normal, fuel);
        let second = Finding { diagnosis: "hue".into(), ..counting.clone() };
        let failure = Some(Failure { kind: "fuel-exhausted".into(), detail: "all".into() });
        let broken = Finding { status: None, failure, ..by('b', "1.1.0", Status::Normal, 9_000) };
        bring(store, (&leased, &leased.jobs[0]), vec![counting, second], vec![broken], &[], now).await;
    }
    let days = store.usage(&digest('a')).await.unwrap();
    let of_day =
        |max_fuel, runs| Used { runs, failed: 0, max_fuel, max_compute_ms: 0.5, max_memory_bytes: 65_536 };
    let seen: Vec<_> = days.iter().map(|one| (one.day.to_string(), one.used)).collect();
    assert_eq!(seen, [("1970-01-05".into(), of_day(50, 1)), ("1970-01-04".into(), of_day(300, 2))]);
    let candidate = store.usage(&digest('b')).await.unwrap();
    assert_eq!((candidate[1].used.runs, candidate[1].used.failed, candidate[1].used.max_fuel), (2, 2, 9_000));
    // A day is removed once the whole day is older than the maximum age.
    while store.prune(DAY_MS * 10, DAY_MS * 14 + 1).await.unwrap() > 0 {}
    assert_eq!(store.usage(&digest('a')).await.unwrap().len(), 1);
}
