//! A replay finds the verdicts that another limit would have changed, whether checks are folded or not, and counts the
//! verdicts of which it cannot know this.

use std::collections::BTreeMap;

use easysight_protocol::{
    CameraReplay, Decision, Evidence, Finding, LimitSide, Metric, Replay, ReplayChanges, ReplayLimits, Status,
};
use easysight_store::{Area, Dialect, OtherLimit, ReplayCameras, ReplayScope, Replayed, Store};

use crate::{
    databases::{anybody, camera, empty, execute},
    measurements::{Checks, DAY, HOUR, START, at, fold},
};

/// A finding of a picture that is dark below `limit`.
fn brightness(p95: f64, limit: f64) -> Finding {
    judged(p95, limit, if p95 < limit { Status::Warning } else { Status::Normal })
}

fn judged(p95: f64, limit: f64, status: Status) -> Finding {
    Finding {
        status: Some(status),
        decision: Some(Decision { metric: "luma_p95".into(), threshold: limit }),
        metrics: [("luma_p95", p95, "grey level"), ("looks", 3.0, "")]
            .map(|(name, value, unit)| (name.to_owned(), Metric { value, unit: unit.into() }))
            .into(),
        evidence: Some(Evidence { picture: format!("picture {p95}"), thumbnail: format!("thumbnail {p95}") }),
        ..Finding::blank("brightness")
    }
}

fn unable() -> Finding {
    Finding {
        failure: Some(easysight_protocol::Failure { kind: "inconclusive".into(), detail: "fog".into() }),
        ..Finding::blank("brightness")
    }
}

fn scope(cameras: ReplayCameras, until: i64) -> ReplayScope {
    ReplayScope { diagnosis: "brightness".into(), cameras, since: START, until }
}

fn other(threshold: f64) -> OtherLimit {
    OtherLimit { metric: "luma_p95".into(), side: None, from: None, threshold, limit: 100 }
}

async fn replayed(store: &Store, scope: &ReplayScope, other: &OtherLimit) -> Replay {
    match store.replay(&Area::ALL, scope, other, scope.until).await.unwrap() {
        Replayed::Done(replay) => *replay,
        refused => panic!("{refused:?}"),
    }
}

async fn all(store: &Store, until: i64, threshold: f64) -> Replay {
    replayed(store, &scope(ReplayCameras::default(), until), &other(threshold)).await
}

fn counts(replay: &Replay) -> (u64, u64, u64) {
    let ReplayChanges { raised, cleared, undetermined } = replay.verdicts;
    (raised, cleared, undetermined)
}

fn by_camera(replay: &Replay) -> BTreeMap<&str, &CameraReplay> {
    replay.changes.iter().map(|one| (one.camera_id.as_str(), one)).collect()
}

/// Three cameras for two days, one check per hour. Camera `a` has 60 and 70 in turn, camera `b` 85, 86, 87, …, camera
/// `c` always 200. The limit is 80.
async fn observed(store: &Store, checks: &mut Checks, hours: std::ops::Range<i64>) {
    for hour in hours {
        let now = START + hour * HOUR;
        for (camera, p95) in
            [("a", if hour % 2 == 0 { 60.0 } else { 70.0 }), ("b", 85.0 + hour as f64), ("c", 200.0)]
        {
            checks.check(store, &[camera], now, now, vec![brightness(p95, 80.0)]).await;
        }
    }
}

pub(crate) async fn a_replay_says_what_another_limit_would_have_said(store: &Store) {
    let mut checks = Checks::new(store, &["a", "b", "c"]).await;
    observed(store, &mut checks, 0..48).await;
    checks.check(store, &["c"], START + 48 * HOUR, START + 48 * HOUR, vec![unable()]).await;
    let until = START + 49 * HOUR;
    // Nothing is folded, then a part, then all: the answers are the same, apart from the precision of stored values.
    let mut answers = Vec::new();
    for folded_at in [None, Some(START + 30 * HOUR), Some(until + DAY)] {
        if let Some(now) = folded_at {
            fold(store, now).await;
        }
        // 65 clears the 24 checks of `a` with 70; 90.5 raises the six of `b` with 85 to 90.
        let looser = all(store, until, 65.0).await;
        assert_eq!(counts(&looser), (0, 24, 0), "{folded_at:?}");
        let stricter = all(store, until, 90.5).await;
        assert_eq!(counts(&stricter), (6, 0, 0), "{folded_at:?}");
        answers.push((looser, stricter));
    }
    let (looser, stricter) = &answers[0];
    assert!(
        answers.iter().all(|(_, other)| other.changes == stricter.changes && other.checks == stricter.checks)
    );
    let found = stricter.checks;
    assert_eq!(
        (
            found.cameras,
            found.verdicts,
            found.alarms,
            found.without_verdict,
            found.explained,
            found.damaged_days
        ),
        (3, 144, 48, 1, 144, 0)
    );
    let limit = &stricter.limit;
    assert_eq!(
        (limit.metric.as_str(), limit.unit.as_str(), limit.side),
        ("luma_p95", "grey level", LimitSide::Below)
    );
    assert_eq!(
        (limit.verdicts, limit.alarms, limit.thresholds[0].threshold, limit.thresholds[0].cameras),
        (144, 48, 80.0, 3)
    );
    assert_eq!(
        (limit.lowest, limit.highest, stricter.alarms_beyond, stricter.quiet_beyond),
        (60.0, 200.0, 48, 0)
    );
    let b = by_camera(stricter)["b"];
    assert_eq!((b.verdicts, b.alarms_before, b.alarms_after, b.changes.raised), (48, 0, 6, 6));
    assert_eq!((b.first.at, b.first.value, b.first.becomes_alarm), (at(START), 85.0, true));
    assert_eq!((b.last.at, b.last.value), (at(START + 5 * HOUR), 90.0));
    assert_eq!(b.last.evidence.as_ref().unwrap().thumbnail, "thumbnail 90");
    let a = by_camera(looser)["a"];
    assert_eq!(
        (a.alarms_before, a.alarms_after, a.first.at, a.first.becomes_alarm),
        (48, 24, at(START + HOUR), false)
    );
    assert_eq!((stricter.changes.len(), looser.changes.len(), looser.cameras.cleared), (1, 1, 1));
    // Nothing changes with a limit between two values, or with the present limit.
    for same in [80.0, 70.5, 84.9] {
        let nothing = all(store, until, same).await;
        assert_eq!((counts(&nothing), nothing.changes.len()), ((0, 0, 0), 0), "{same}");
    }
    // The findings are removed earlier than the measurements, and their pictures with them.
    while store.prune(HOUR, until + DAY).await.unwrap() > 0 {}
    let later = all(store, until, 90.5).await;
    assert_eq!((counts(&later), later.changes[0].last.evidence.clone()), ((6, 0, 0), None));
}

pub(crate) async fn a_replay_is_of_the_chosen_cameras_and_time(store: &Store) {
    let mut checks = Checks::new(store, &["a", "b", "c"]).await;
    store.by(anybody()).update_camera("b".into(), camera("b", &["yard"]), START).await.unwrap();
    let mut roof = camera("c", &[]);
    roof.labels = [("floor".to_owned(), "roof".to_owned())].into();
    store.by(anybody()).update_camera("c".into(), roof, START).await.unwrap();
    observed(store, &mut checks, 0..24).await;
    fold(store, START + DAY).await;
    observed(store, &mut checks, 24..36).await;
    let until = START + 36 * HOUR;
    let of =
        async |cameras: ReplayCameras| counts(&replayed(store, &scope(cameras, until), &other(500.0)).await);
    let ids = |ids: &[&str]| ReplayCameras {
        ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        ..ReplayCameras::default()
    };
    assert_eq!(of(ReplayCameras::default()).await, (72, 0, 0));
    assert_eq!(of(ids(&["c"])).await, (36, 0, 0));
    let yard = ReplayCameras { groups: vec!["yard".into()], ..ReplayCameras::default() };
    assert_eq!(of(yard.clone()).await, (36, 0, 0));
    assert_eq!(of(ReplayCameras { ids: vec!["c".into()], ..yard.clone() }).await, (72, 0, 0));
    // The camera is in two groups, and the area has only one of them. The answer for the other group is the same as for
    // a group that does not exist.
    store.by(anybody()).update_camera("b".into(), camera("b", &["yard", "vip"]), START).await.unwrap();
    let vip = ReplayCameras { groups: vec!["vip".into()], ..ReplayCameras::default() };
    let area = Area::of("ada", Some(&["yard".to_owned()]));
    let of_area = async |cameras: ReplayCameras| {
        let scope = scope(cameras, until);
        let checks = store.replay_limits(&area, &scope, until).await.unwrap().checks;
        match store.replay(&area, &scope, &other(500.0), until).await.unwrap() {
            Replayed::Done(replay) => assert_eq!(counts(&replay), (checks.verdicts, 0, 0)),
            refused => {
                assert!(checks.verdicts == 0 && matches!(refused, Replayed::NoVerdicts(_)), "{refused:?}");
            }
        }
        checks.verdicts
    };
    assert_eq!(of(vip.clone()).await, (36, 0, 0));
    assert_eq!(of_area(vip).await, 0);
    assert_eq!(of_area(ids(&["a", "c"])).await, 0);
    assert_eq!((of_area(yard).await, of_area(ReplayCameras::default()).await), (36, 36));
    for (value, raised) in [(None, 72), (Some("roof".to_owned()), 36), (Some("cellar".to_owned()), 0)] {
        let of_label = ReplayCameras { label: Some(("floor".into(), value)), ..ReplayCameras::default() };
        let scope = ReplayScope { cameras: of_label, ..scope(ReplayCameras::default(), until) };
        match store.replay(&Area::ALL, &scope, &other(500.0), until).await.unwrap() {
            Replayed::Done(replay) => assert_eq!(counts(&replay), (raised, 0, 0)),
            refused => assert!(raised == 0 && matches!(refused, Replayed::NoVerdicts(_)), "{refused:?}"),
        }
    }
    // The time begins and ends within stored days and reports.
    let part =
        ReplayScope { since: START + 10 * HOUR, until: START + 34 * HOUR, ..scope(ids(&["c"]), until) };
    assert_eq!(counts(&replayed(store, &part, &other(500.0)).await), (24, 0, 0));
    // The list is shortened, and the answer says so.
    let few = OtherLimit { limit: 1, ..other(500.0) };
    let cut = replayed(store, &scope(ReplayCameras::default(), until), &few).await;
    assert_eq!((cut.changes.len(), cut.omitted, counts(&cut)), (1, 1, (72, 0, 0)));
    // If a camera is removed, its checks are removed too. Another camera with the same id has none.
    assert!(store.by(anybody()).delete_camera("c".into(), until).await.unwrap());
    assert_eq!(counts(&all(store, until, 500.0).await), (36, 0, 0));
    store.by(anybody()).create_camera("c".into(), camera("c", &[]), until).await.unwrap();
    assert_eq!(counts(&all(store, until + 1, 500.0).await), (36, 0, 0));
}

pub(crate) async fn a_replay_refuses_what_it_cannot_answer(store: &Store) {
    let mut checks = Checks::new(store, &["a", "b", "c"]).await;
    let until = START + 2 * HOUR;
    let everywhere = scope(ReplayCameras::default(), until);
    let none = store.replay(&Area::ALL, &everywhere, &other(90.0), until).await.unwrap();
    assert!(matches!(none, Replayed::NoVerdicts(checks) if checks.verdicts == 0), "{none:?}");
    let limits = async || store.replay_limits(&Area::ALL, &everywhere, until).await.unwrap();
    assert_eq!(limits().await.limits, []);
    checks.check(store, &["a"], START, START, vec![unable()]).await;
    let none = store.replay(&Area::ALL, &everywhere, &other(90.0), until).await.unwrap();
    assert!(matches!(none, Replayed::NoVerdicts(checks) if checks.without_verdict == 1), "{none:?}");
    observed(store, &mut checks, 1..2).await;
    let ReplayLimits { limits: known, checks: found, .. } = limits().await;
    assert_eq!((known.len(), known[0].metric.as_str(), found.verdicts), (1, "luma_p95", 3));
    for wrong in [
        OtherLimit { metric: "looks".into(), ..other(1.0) },
        OtherLimit { side: Some(LimitSide::Above), ..other(90.0) },
        OtherLimit { from: Some(81.0), ..other(90.0) },
    ] {
        let refused = store.replay(&Area::ALL, &everywhere, &wrong, until).await.unwrap();
        assert!(matches!(&refused, Replayed::NoSuchLimit { limits, .. } if *limits == known), "{refused:?}");
    }
    let other_diagnosis = ReplayScope { diagnosis: "noise".into(), ..everywhere.clone() };
    let none = store.replay(&Area::ALL, &other_diagnosis, &other(90.0), until).await.unwrap();
    assert!(matches!(none, Replayed::NoVerdicts(_)), "{none:?}");
}

pub(crate) async fn what_a_plugin_remembers_is_not_guessed(store: &Store) {
    let mut checks = Checks::new(store, &["a", "b", "c"]).await;
    // The nights of `a` are dark, which the plugin has learnt: no alarm. So another limit may raise none either.
    for hour in 0..24 {
        let now = START + hour * HOUR;
        let night = hour < 8;
        let usual = if night { judged(50.0, 80.0, Status::Normal) } else { brightness(85.0, 80.0) };
        checks.check(store, &["a"], now, now, vec![usual]).await;
        checks.check(store, &["b"], now, now, vec![brightness(if night { 70.0 } else { 85.0 }, 80.0)]).await;
    }
    for folded in [false, true] {
        if folded {
            fold(store, START + DAY + HOUR).await;
        }
        let replay = all(store, START + DAY, 90.0).await;
        assert_eq!(counts(&replay), (16, 0, 16));
        assert_eq!((replay.cameras.raised, replay.cameras.undetermined), (1, 1));
        assert_eq!((replay.checks.verdicts, replay.checks.explained), (48, 40));
        assert_eq!((replay.alarms_beyond, replay.quiet_beyond), (8, 8));
        assert_eq!(by_camera(&replay).into_keys().collect::<Vec<_>>(), ["b"]);
    }
}

/// Damages a stored day. The replay says so, and answers with all others.
pub(crate) async fn a_damaged_day_is_left_out_and_counted(dialect: Dialect) {
    let Some(empty) = empty(dialect).await else { return };
    let url = empty.url.clone();
    let fresh = empty.store().await;
    let store = &fresh.store;
    let mut checks = Checks::new(store, &["a", "b", "c"]).await;
    observed(store, &mut checks, 0..48).await;
    let until = START + 48 * HOUR;
    fold(store, until + DAY).await;
    while store.prune(HOUR, until + DAY).await.unwrap() > 0 {}
    let bytes = if dialect == Dialect::Sqlite { "x'0102030405'" } else { "'\\x0102030405'" };
    let day = START / DAY + 1;
    let sql = format!("UPDATE measurements SET data = {bytes} WHERE camera_id = 'a' AND day = {day}");
    assert_eq!(execute(dialect, &url, sql).await, 1);
    let replay = all(store, until, 65.0).await;
    assert_eq!((counts(&replay), replay.checks.damaged_days, replay.checks.verdicts), ((0, 12, 0), 1, 120));
    let limits =
        store.replay_limits(&Area::ALL, &scope(ReplayCameras::default(), until), until).await.unwrap();
    assert_eq!(limits.checks.damaged_days, 1);
    fresh.close().await;
}
