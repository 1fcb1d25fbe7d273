//! Measurements agree with the reports, no matter how or how often the reports were folded.

use chrono::{DateTime, TimeZone, Utc};
use easysight_protocol::{
    CameraSeries, CameraTimeline, Decision, Failure, Finding, HeartbeatRequest, JobOutcome, JobResult,
    Metric, SeriesBucket, Status, Verdict,
};
use easysight_store::{Area, Dialect, FanOut, Span, Store};

use crate::databases::{LEASE_MS, Node, anybody, begin, camera, empty, execute, plan, task};

pub(crate) const HOUR: i64 = 3_600_000;
pub(crate) const DAY: i64 = 24 * HOUR;
/// The start of a UTC day.
pub(crate) const START: i64 = 19_676 * DAY;

pub(crate) fn at(milliseconds: i64) -> DateTime<Utc> {
    Utc.timestamp_millis_opt(milliseconds).unwrap()
}

fn metric(value: f64, unit: &str) -> Metric {
    Metric { value, unit: unit.into() }
}

/// The findings of a check. Each check has other values.
fn findings(number: usize) -> Vec<Finding> {
    let brightness = Finding {
        status: Some(if number == 7 { Status::Error } else { Status::Normal }),
        decision: Some(Decision { metric: "mean".into(), threshold: 40.1 }),
        metrics: [
            ("mean".to_owned(), metric(100.0 + (number as f64).sin() * 17.3, "grey level")),
            ("share".to_owned(), metric(0.3 / (number as f64 + 1.0), "share")),
        ]
        .into(),
        ..Finding::blank("brightness")
    };
    let freeze = Finding {
        failure: Some(Failure { kind: Failure::INCONCLUSIVE.into(), detail: "too short".into() }),
        ..Finding::blank("freeze")
    };
    let cast = Finding {
        status: Some(Status::Warning),
        consequence_of: (number == 7).then(|| "brightness".into()),
        metrics: [("cast".to_owned(), metric(number as f64, "Cb/Cr"))].into(),
        ..Finding::blank("color_cast")
    };
    if number.is_multiple_of(3) || number == 7 {
        vec![brightness, freeze, cast]
    } else {
        vec![brightness, freeze]
    }
}

/// A node that checks cameras.
pub(crate) struct Checks {
    node: Node,
}

impl Checks {
    pub(crate) async fn new(store: &Store, cameras: &[&str]) -> Self {
        for id in cameras {
            store.by(anybody()).create_camera((*id).into(), camera(id, &[]), START - DAY).await.unwrap();
        }
        let node = Node::new("n");
        node.register(store, START).await;
        // The node's clock is right.
        let beat = HeartbeatRequest { clock: at(START), ..node.beat(&[]) };
        store.heartbeat("n".into(), beat, START, LEASE_MS).await.unwrap();
        Self { node }
    }

    /// Checks cameras at a time. The results arrive at once, unless `arrives` says when.
    pub(crate) async fn check(
        &mut self,
        store: &Store,
        cameras: &[&str],
        now: i64,
        arrives: i64,
        found: Vec<Finding>,
    ) {
        let cameras =
            cameras.iter().map(|id| (Some((*id).to_owned()), format!("rtsp://{id}/live"))).collect();
        begin(store, task(), FanOut { plan: plan(), cameras, missing: Vec::new() }, now).await;
        let leased = self.node.lease(store, 1_000, now).await;
        let result = |job: &easysight_protocol::LeasedJob| JobResult {
            job_id: job.id,
            lease: leased.lease,
            attempt: job.attempt,
            outcome: JobOutcome::Finished {
                findings: found.clone(),
                shadows: Vec::new(),
                decode_ms: 1.0,
                captured_at: Some(at(now)),
                baselines: Vec::new(),
            },
        };
        let results = leased.jobs.iter().map(result).collect();
        let recorded = store.record(results, arrives).await.unwrap();
        assert!(recorded.verdicts.iter().all(|one| *one == Verdict::Recorded), "{:?}", recorded.verdicts);
    }
}

/// Folds all reports that are due. Returns the numbers of checks that were folded and that were left out.
pub(crate) async fn fold(store: &Store, now: i64) -> (usize, usize) {
    let mut sum = (0, 0);
    loop {
        let folded = store.fold(now).await.unwrap();
        sum = (sum.0 + folded.checks, sum.1 + folded.left_out);
        if !folded.goes_on {
            return sum;
        }
    }
}

fn span(until: i64) -> Span {
    Span { since: START, until, points: 2_000 }
}

async fn series(store: &Store, id: &str, until: i64) -> CameraSeries {
    store.series(&Area::ALL, id, "brightness", &[], span(until), until).await.unwrap().unwrap()
}

async fn timeline(store: &Store, id: &str, until: i64) -> CameraTimeline {
    store.timeline(&Area::ALL, id, span(until), until).await.unwrap().unwrap()
}

/// Compares series within the precision of stored values. Everything else must be equal.
#[track_caller]
fn assert_alike(mut stored: CameraSeries, exact: &CameraSeries) {
    for (stored, exact) in stored.series.iter_mut().zip(&exact.series) {
        assert_eq!(stored.buckets.len(), exact.buckets.len());
        for (stored, exact) in stored.buckets.iter_mut().zip(&exact.buckets) {
            let points = [(&mut stored.last, &exact.last)].into_iter();
            let points = points.chain(stored.min.as_mut().zip(exact.min.as_ref()));
            for (stored, exact) in points.chain(stored.max.as_mut().zip(exact.max.as_ref())) {
                assert!(
                    (stored.value - exact.value).abs() <= exact.value.abs() / 131_072.0,
                    "{stored:?} {exact:?}"
                );
                stored.value = exact.value;
            }
        }
    }
    assert_eq!(stored, *exact);
}

pub(crate) async fn measurements_are_what_the_reports_say(store: &Store) {
    let mut checks = Checks::new(store, &["a", "b", "c"]).await;
    for number in 0..50 {
        let now = START + number as i64 * HOUR;
        checks.check(store, &["a", "b"], now, now, findings(number)).await;
    }
    let until = START + 3 * DAY;
    let (exact, said) = (series(store, "a", until).await, timeline(store, "a", until).await);
    assert_eq!(exact.series.iter().map(|one| one.metric.as_str()).collect::<Vec<_>>(), ["mean", "share"]);
    let mean = &exact.series[0];
    assert_eq!((mean.count, mean.unit.as_str(), mean.buckets.len()), (50, "grey level", 50));
    for (number, bucket) in mean.buckets.iter().enumerate() {
        let Finding { metrics, .. } = &findings(number)[0];
        assert_eq!(bucket.last.at, at(START + number as i64 * HOUR));
        assert_eq!(
            (bucket.count, bucket.last.value, bucket.threshold),
            (1, metrics["mean"].value, Some(40.1))
        );
        assert_eq!(bucket.last.word, if number == 7 { "error" } else { "normal" });
    }
    assert_eq!(exact.series[1].buckets[0].threshold, None);
    assert_eq!(said.diagnoses.iter().map(|row| row.cells.len()).collect::<Vec<_>>(), [50, 18, 50]);
    assert_eq!((said.checks.len(), said.checks[7].worst.as_str()), (50, "error"));
    assert_eq!(said.diagnoses[2].cells[0].worst, "inconclusive");
    // Everything is folded, and the answers stay the same.
    assert_eq!(fold(store, START + 55 * HOUR).await, (100, 0));
    assert_alike(series(store, "a", until).await, &exact);
    assert_eq!(timeline(store, "a", until).await, said);
    // Checks that are not folded yet are included too.
    let now = START + 60 * HOUR;
    checks.check(store, &["a"], now, now, findings(7)).await;
    assert_eq!(series(store, "a", until).await.series[0].count, 51);
    assert_eq!(timeline(store, "a", until).await.checks[50].worst, "error");
    assert_eq!(series(store, "b", until).await.series[0].count, 50);
    assert_eq!(series(store, "c", until).await.series, []);
    assert!(
        store.series(&Area::ALL, "no-such", "brightness", &[], span(until), until).await.unwrap().is_none()
    );
    assert!(store.timeline(&Area::ALL, "no-such", span(until), until).await.unwrap().is_none());
}

pub(crate) async fn nothing_is_folded_twice_or_lost(store: &Store) {
    let mut checks = Checks::new(store, &["a", "b", "c", "d"]).await;
    for number in 0..200 {
        let now = START + number as i64 * HOUR / 4;
        checks.check(store, &["a", "b", "c"], now, now, findings(number)).await;
    }
    let until = START + 3 * DAY;
    let exact = series(store, "b", until).await;
    assert_eq!(exact.series[0].count, 200);
    // Another master folds the same portion at the same time. Only one of the two counts.
    let mut sum = 0;
    loop {
        let (one, other) = tokio::join!(store.fold(until), store.fold(until));
        let (one, other) = (one.unwrap(), other.unwrap());
        sum += one.checks + other.checks;
        // However much is folded, each check is included once. A master that starts after a crash finds the same state.
        assert_alike(series(store, "b", until).await, &exact);
        if !one.goes_on && !other.goes_on {
            break;
        }
    }
    assert_eq!(sum, 600);
    // After a clock was ahead, reports are folded a second time.
    assert!(store.bring_back(START, LEASE_MS).await.unwrap() >= 1);
    assert_eq!(fold(store, until).await, (0, 0));
    assert_alike(series(store, "b", until).await, &exact);
    assert!(!store.fold(until).await.unwrap().goes_on);
    // The clock was ahead by only half a minute, and a report has been recorded since.
    let now = until - 630_000;
    store.bring_back(now, LEASE_MS).await.unwrap();
    checks.check(store, &["b"], now + 1_000, now + 1_000, findings(0)).await;
    assert_eq!(fold(store, now + DAY).await, (1, 0));
}

pub(crate) async fn a_late_result_adds_to_the_day_of_its_clip(store: &Store) {
    let mut checks = Checks::new(store, &["a"]).await;
    checks.check(store, &["a"], START + 8 * HOUR, START + 8 * HOUR, findings(0)).await;
    checks.check(store, &["a"], START + 10 * HOUR, START + 10 * HOUR, findings(2)).await;
    assert_eq!(fold(store, START + DAY).await, (2, 0));
    // The clip of nine o'clock arrives days later.
    let late = START + 3 * DAY;
    checks.check(store, &["a"], START + 9 * HOUR, late, findings(1)).await;
    let until = late + DAY;
    let times =
        |series: &CameraSeries| series.series[0].buckets.iter().map(|one| one.last.at).collect::<Vec<_>>();
    let wanted = [8, 9, 10].map(|hour| at(START + hour * HOUR));
    let exact = series(store, "a", until).await;
    assert_eq!(times(&exact), wanted);
    assert_eq!(fold(store, until).await, (1, 0));
    let folded = series(store, "a", until).await;
    assert_eq!(times(&folded), wanted);
    assert_alike(folded, &CameraSeries { ..exact });
}

pub(crate) async fn odd_values_are_left_out_or_kept(store: &Store) {
    let mut checks = Checks::new(store, &["a"]).await;
    let mut odd = Finding { status: Some(Status::Normal), ..Finding::blank("brightness") };
    let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e-300, f64::MAX, 0.0, -0.0];
    for (place, value) in values.into_iter().enumerate() {
        odd.metrics.insert(format!("m{place}"), metric(value, ""));
    }
    odd.decision = Some(Decision { metric: "m3".into(), threshold: f64::NAN });
    checks.check(store, &["a"], START, START, vec![odd.clone()]).await;
    for place in 0..3_000 {
        odd.metrics.insert(format!("n{place:04}"), metric(f64::from(place), "px"));
    }
    checks.check(store, &["a"], START + HOUR, START + HOUR, vec![odd]).await;
    let until = START + DAY;
    let exact = series(store, "a", until).await;
    // NaN and infinity are left out. The answer has the first 32 metrics and the number of the others.
    let names: Vec<_> = exact.series.iter().map(|one| one.metric.clone()).collect();
    assert_eq!(
        (names.len(), names[0].as_str(), names[4].as_str(), names[5].as_str()),
        (32, "m3", "m7", "n0000")
    );
    assert_eq!((exact.omitted, exact.series[0].buckets[0].threshold), (3_005 - 32, None));
    assert_eq!(fold(store, until).await, (2, 0));
    let folded = series(store, "a", until).await;
    let largest = folded.series[2].buckets[0].last.value;
    assert!(largest.is_finite() && largest > 1.79e308, "{largest}");
    let but_largest = |mut series: CameraSeries| {
        series.series.remove(2);
        series
    };
    assert_alike(but_largest(folded), &but_largest(exact));
    let wanted = ["n2999".to_owned(), "m3".to_owned()];
    let named =
        store.series(&Area::ALL, "a", "brightness", &wanted, span(until), until).await.unwrap().unwrap();
    assert_eq!(
        named.series.iter().map(|one| (one.metric.as_str(), one.count)).collect::<Vec<_>>(),
        [("m3", 2), ("n2999", 1)]
    );
    assert_eq!((named.series[1].buckets[0].last.value, named.omitted), (2_999.0, 0));
}

pub(crate) async fn a_thinned_trend_keeps_every_spike(store: &Store) {
    let mut checks = Checks::new(store, &["a"]).await;
    for number in 0..96 {
        let now = START + number as i64 * HOUR / 4;
        checks.check(store, &["a"], now, now, findings(number)).await;
    }
    let until = START + DAY;
    fold(store, until).await;
    let coarse = Span { since: START, until, points: 10 };
    let thinned =
        store.series(&Area::ALL, "a", "brightness", &["mean".into()], coarse, until).await.unwrap().unwrap();
    let exact = series(store, "a", until).await;
    let lowest = |one: &SeriesBucket| one.min.as_ref().unwrap_or(&one.last).clone();
    let highest = |one: &SeriesBucket| one.max.as_ref().unwrap_or(&one.last).clone();
    let (thinned, exact) = (&thinned.series[0].buckets, &exact.series[0].buckets);
    assert_eq!(thinned.len(), 10);
    assert_eq!((thinned[0].count, thinned[0].start), (10, at(START)));
    for bucket in thinned {
        // Each point of the coarse series is a point of the exact series.
        let of = exact.iter().filter(|one| one.last.at >= bucket.start).take(bucket.count as usize);
        let of: Vec<_> = of.map(|one| &one.last).collect();
        assert_eq!(**of.last().unwrap(), bucket.last);
        assert!(of.contains(&&lowest(bucket)) && of.contains(&&highest(bucket)));
        let values = || of.iter().map(|one| one.value);
        assert_eq!(values().fold(f64::MAX, f64::min), lowest(bucket).value);
        assert_eq!(values().fold(f64::MIN, f64::max), highest(bucket).value);
    }
    let cells = store.timeline(&Area::ALL, "a", coarse, until).await.unwrap().unwrap();
    let brightness = &cells.diagnoses[0].cells[0];
    assert_eq!((brightness.worst.as_str(), brightness.count), ("error", 10));
    assert_eq!((brightness.first_at, brightness.last_at), (at(START), at(START + 9 * HOUR / 4)));
    // The cells name the check with the error. In this check, the warning is a consequence of the error. In other
    // checks, it is not.
    let shown = exact[7].last.job_id;
    assert_eq!((brightness.job_id, cells.checks[0].job_id), (shown, shown));
    assert!(!cells.diagnoses[1].cells[0].is_consequence);
    let seventh = Span { since: START + 7 * HOUR / 4, until: START + 8 * HOUR / 4, points: 10 };
    let seventh = store.timeline(&Area::ALL, "a", seventh, until).await.unwrap().unwrap();
    let cast = &seventh.diagnoses[1];
    assert_eq!(
        (cast.diagnosis.as_str(), cast.cells.len(), cast.cells[0].is_consequence),
        ("color_cast", 1, true)
    );
    let nothing = Span { since: until, until: START, points: 10 };
    assert_eq!(store.timeline(&Area::ALL, "a", nothing, until).await.unwrap().unwrap().checks, []);
}

pub(crate) async fn measurements_go_with_their_camera(store: &Store) {
    let mut checks = Checks::new(store, &["a", "b"]).await;
    checks.check(store, &["a", "b"], START, START, findings(0)).await;
    fold(store, START + DAY).await;
    checks.check(store, &["a", "b"], START + DAY, START + DAY, findings(1)).await;
    assert!(store.by(anybody()).delete_camera("a".into(), START + 2 * DAY).await.unwrap());
    let until = START + 3 * DAY;
    assert!(store.series(&Area::ALL, "a", "brightness", &[], span(until), until).await.unwrap().is_none());
    // A new camera with the same id has none of these measurements, whether they were folded or not.
    store.by(anybody()).create_camera("a".into(), camera("a", &[]), START + 2 * DAY).await.unwrap();
    assert_eq!(series(store, "a", until).await.series, []);
    assert_eq!(fold(store, until).await, (1, 0));
    assert_eq!(series(store, "a", until).await.series, []);
    assert_eq!(series(store, "b", until).await.series[0].count, 2);
    checks.check(store, &["a"], until, until, findings(1)).await;
    assert_eq!(series(store, "a", until + 1).await.series[0].count, 1);
}

pub(crate) async fn old_measurements_are_removed_by_their_day(store: &Store) {
    let mut checks = Checks::new(store, &["a"]).await;
    for day in 0..3 {
        checks.check(store, &["a"], START + day * DAY, START + day * DAY, findings(0)).await;
    }
    let until = START + 4 * DAY;
    fold(store, until).await;
    // Findings may be removed earlier than measurements.
    while store.prune(DAY / 2, until).await.unwrap() > 0 {}
    assert_eq!(series(store, "a", until).await.series[0].count, 3);
    assert_eq!(store.prune_measurements(400 * DAY, until).await.unwrap(), 0);
    assert_eq!(store.prune_measurements(2 * DAY, until + HOUR).await.unwrap(), 2);
    assert_eq!(store.prune_measurements(2 * DAY, until + HOUR).await.unwrap(), 0);
    assert_eq!(series(store, "a", until).await.series[0].count, 1);
}

/// Damages stored measurements and a stored report. Everything else continues to work.
pub(crate) async fn damage_stays_where_it_is(dialect: Dialect) {
    let Some(empty) = empty(dialect).await else { return };
    let url = empty.url.clone();
    let fresh = empty.store().await;
    let store = &fresh.store;
    let mut checks = Checks::new(store, &["a", "b"]).await;
    checks.check(store, &["a", "b"], START, START, findings(0)).await;
    fold(store, START + DAY).await;
    let bytes = if dialect == Dialect::Sqlite { "x'0102030405'" } else { "'\\x0102030405'" };
    let execute = async |sql: String| execute(dialect, &url, sql).await;
    let damaged = format!("UPDATE measurements SET data = {bytes} WHERE camera_id = 'a'");
    assert_eq!(execute(damaged).await, 1);
    let until = START + 3 * DAY;
    // The damaged day is named and left out of trends.
    let damaged = [at(START).date_naive()];
    assert_eq!(series(store, "a", until).await.damaged_days, damaged);
    assert_eq!(timeline(store, "a", until).await.damaged_days, damaged);
    assert!(series(store, "b", until).await.damaged_days.is_empty());
    // Later reports are folded.
    checks.check(store, &["a", "b"], START + HOUR, START + DAY + HOUR, findings(1)).await;
    checks.check(store, &["a", "b"], START + DAY + HOUR, START + DAY + HOUR, findings(2)).await;
    let unreadable = format!(
        "UPDATE reports SET document = {bytes} WHERE camera_id = 'b' AND captured_at > {}",
        START + DAY
    );
    assert_eq!(execute(unreadable).await, 1);
    assert_eq!(series(store, "b", until).await.series[0].count, 2);
    // The check of the damaged day and the damaged report are left out.
    assert_eq!(fold(store, until).await, (2, 2));
    assert_eq!(series(store, "b", until).await.series[0].count, 2);
    let later = series(store, "a", until).await;
    assert_eq!((later.series[0].count, later.damaged_days.as_slice()), (1, damaged.as_slice()));
    fresh.close().await;
}
