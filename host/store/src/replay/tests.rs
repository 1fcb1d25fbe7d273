//! The rule, on verdicts of which everything is known.

use easysight_protocol::ReplayChanges;
use uuid::Uuid;

use super::*;
use crate::measurements::{Measured, MeasuredFinding, MeasuredMetric};

/// A verdict: what was said, which metric decided with which threshold, and all values.
struct Said {
    word: &'static str,
    decided: Option<(&'static str, f64)>,
    values: Vec<(&'static str, f64)>,
}

fn said(word: &'static str, decided: (&'static str, f64), values: &[(&'static str, f64)]) -> Said {
    Said { word, decided: Some(decided), values: values.to_vec() }
}

/// A verdict on a picture with this value: a picture is dark below 80.
fn dark(value: f64) -> Said {
    let word = if value < 80.0 { "warning" } else { "normal" };
    said(word, ("p95", 80.0), &[("p95", value)])
}

/// Makes a chunk of the verdicts of a camera, one check each hour.
fn chunk(camera: u128, verdicts: &[Said]) -> Chunk {
    let metric = |said: &Said, (name, value): &(&str, f64)| MeasuredMetric {
        name: (*name).to_owned(),
        unit: "grey level".into(),
        value: *value,
        threshold: said.decided.and_then(|(decides, threshold)| (decides == *name).then_some(threshold)),
    };
    let check = |(hour, said): (u128, &Said)| Measured {
        at: i64::try_from(hour).unwrap() * 3_600_000,
        job: Uuid::from_u128(camera << 64 | hour),
        findings: vec![MeasuredFinding {
            diagnosis: "brightness".into(),
            word: said.word.into(),
            explained: false,
            metrics: said.values.iter().map(|one| metric(said, one)).collect(),
        }],
    };
    let mut chunk = Chunk::default();
    chunk.add((0..).zip(verdicts).map(check).collect());
    chunk
}

/// Surveys the verdicts of cameras.
fn surveyed(cameras: &[Chunk]) -> Limits {
    let mut visitor = Surveying { diagnosis: "brightness".into(), survey: Survey::default() };
    for (camera, chunk) in (0..).zip(cameras) {
        visitor.take(camera, chunk, &|_| true);
    }
    Limits::of(visitor.survey)
}

/// Replays the verdicts of cameras with another limit of a metric.
fn replayed(cameras: &[Chunk], metric: &str, from: Option<f64>, threshold: f64) -> Counted {
    let limits = surveyed(cameras);
    let other = OtherLimit { metric: metric.into(), side: None, from, threshold, limit: 10 };
    let question = Question { limit: chosen(&limits, &other).unwrap(), from, threshold };
    let names = limits.names.clone();
    let mut visitor = Tallying { diagnosis: "brightness".into(), names, tally: Tally::new(limits, question) };
    for (camera, chunk) in (0..).zip(cameras) {
        visitor.take(camera, chunk, &|_| true);
    }
    visitor.tally.done()
}

fn changes(raised: u64, cleared: u64, undetermined: u64) -> ReplayChanges {
    ReplayChanges { raised, cleared, undetermined }
}

#[test]
fn the_side_of_a_limit_follows_from_the_verdicts() {
    let noise = |value: f64| {
        said(
            if value > 4.0 { "error" } else { "normal" },
            ("noise", 4.0),
            &[("noise", value), ("p95", 100.0)],
        )
    };
    let limits = surveyed(&[chunk(1, &[dark(70.0), dark(90.0), dark(100.0), noise(3.0), noise(9.0)])]);
    let shown = limits.shown();
    let told: Vec<_> =
        shown.iter().map(|one| (one.metric.as_str(), one.side, one.verdicts, one.alarms)).collect();
    assert_eq!(told, [("p95", LimitSide::Below, 3, 1), ("noise", LimitSide::Above, 2, 1)]);
    assert!(shown.iter().all(|one| one.explained == one.verdicts && one.thresholds.len() == 1));
    assert_eq!((shown[0].lowest, shown[0].highest), (70.0, 100.0));
    assert!((shown[0].usually_from - 70.0).abs() < 1.5 && (shown[0].usually_to - 100.0).abs() < 1.5);
    assert_eq!(
        shown[0].thresholds[0],
        easysight_protocol::LimitThreshold { threshold: 80.0, verdicts: 3, cameras: 1 }
    );
    // A metric with a lower and an upper limit has both.
    let exposed = |word, threshold, value| said(word, ("exposure", threshold), &[("exposure", value)]);
    let both = surveyed(&[chunk(
        1,
        &[
            exposed("warning", 0.5, 0.4),
            exposed("normal", 0.5, 0.7),
            exposed("warning", 1.3, 1.5),
            exposed("normal", 1.3, 1.1),
            exposed("normal", 1.3, 1.2),
        ],
    )]);
    let told: Vec<_> = both.shown().iter().map(|one| (one.side, one.verdicts)).collect();
    assert_eq!(told, [(LimitSide::Above, 3), (LimitSide::Below, 2)]);
}

#[test]
fn a_few_normal_verdicts_do_not_show_the_side() {
    let quiet = || said("normal", ("p95", 80.0), &[("p95", 60.0)]);
    let untold = |verdicts: Vec<Said>| {
        let limits = surveyed(&[chunk(1, &verdicts)]);
        assert_eq!(limits.list.len() + limits.untold.len(), 1);
        limits.untold.first().map(|one| one.verdicts)
    };
    let side = |verdicts: Vec<Said>| surveyed(&[chunk(1, &verdicts)]).list.first().map(|one| one.side);
    // A plugin that knows how dark the camera usually is raises no alarm.
    assert_eq!(untold((0..5).map(|_| quiet()).collect()), Some(5));
    assert_eq!(untold(vec![dark(100.0), dark(120.0)]), Some(2));
    assert_eq!(untold(vec![quiet(), quiet(), dark(100.0)]), Some(3));
    // The only alarm contradicts the others.
    assert_eq!(untold(vec![quiet(), quiet(), quiet(), dark(70.0)]), Some(4));
    // An alarm shows the side, and so do many normal verdicts.
    assert_eq!(side(vec![quiet(), dark(70.0), dark(75.0)]), Some(LimitSide::Below));
    assert_eq!(side((0..20).map(|_| dark(100.0)).collect()), Some(LimitSide::Below));
    // The verdicts of another threshold of the metric count if they agree.
    let task = |threshold: f64, value: f64| said("normal", ("p95", threshold), &[("p95", value)]);
    let limits = surveyed(&[chunk(1, &[dark(70.0), dark(100.0), task(60.0, 90.0), task(200.0, 190.0)])]);
    assert_eq!(
        limits.list.iter().map(|one| (one.side, one.counts.all())).collect::<Vec<_>>(),
        [(LimitSide::Below, 3)]
    );
    assert_eq!(limits.untold, [UntoldLimit { metric: "p95".into(), unit: "grey level".into(), verdicts: 1 }]);
}

#[test]
fn a_moved_limit_raises_and_clears_what_lies_between() {
    let cameras = [chunk(1, &[dark(70.0), dark(75.0), dark(85.0), dark(120.0)]), chunk(2, &[dark(100.0)])];
    let stricter = replayed(&cameras, "p95", None, 90.0);
    assert_eq!((stricter.verdicts, stricter.cameras), (changes(1, 0, 0), changes(1, 0, 0)));
    let one = &stricter.changed[0];
    assert_eq!((one.camera, one.verdicts, one.alarms, one.changes.raised), (0, 4, 2, 1));
    assert_eq!((one.ends.0.value, one.ends.0.becomes_alarm, one.ends.0.check.at), (85.0, true, 7_200_000));
    let looser = replayed(&cameras, "p95", None, 72.0);
    assert_eq!(looser.verdicts, changes(0, 1, 0));
    assert_eq!((looser.changed[0].ends.1.value, looser.changed[0].ends.1.becomes_alarm), (75.0, false));
    // Nothing changes with the present limit, or with a limit on the same side of all values.
    for same in [80.0, 84.9, 75.1] {
        let nothing = replayed(&cameras, "p95", None, same);
        assert_eq!((nothing.verdicts, nothing.changed.len()), (changes(0, 0, 0), 0), "{same}");
    }
    let all = replayed(&cameras, "p95", None, 500.0);
    assert_eq!((all.verdicts, all.cameras, all.changed[0].camera), (changes(3, 0, 0), changes(2, 0, 0), 0));
}

#[test]
fn a_value_at_the_limit_counts_as_the_verdicts_show() {
    let columns = |value: f64, word| said(word, ("columns", 4.0), &[("columns", value)]);
    let unknown = [chunk(1, &[columns(3.0, "normal"), columns(5.0, "warning"), columns(2.0, "normal")])];
    assert_eq!(replayed(&unknown, "columns", None, 3.0).verdicts, changes(0, 0, 1));
    let inclusive = [chunk(1, &[columns(3.0, "normal"), columns(4.0, "warning"), columns(5.0, "warning")])];
    assert_eq!(replayed(&inclusive, "columns", None, 3.0).verdicts, changes(1, 0, 0));
    assert_eq!(replayed(&inclusive, "columns", None, 5.0).verdicts, changes(0, 1, 0));
    let exclusive = [chunk(1, &[columns(3.0, "normal"), columns(4.0, "normal"), columns(5.0, "warning")])];
    assert_eq!(replayed(&exclusive, "columns", None, 3.0).verdicts, changes(1, 0, 0));
    assert_eq!(replayed(&exclusive, "columns", None, 5.0).verdicts, changes(0, 1, 0));
}

#[test]
fn an_alarm_is_not_cleared_where_another_limit_is_exceeded_too() {
    let film = |value: f64| said("warning", ("film", 0.2), &[("film", value), ("dirt", 0.1)]);
    let dirty = |dirt: f64, film: f64| said("warning", ("dirt", 0.3), &[("dirt", dirt), ("film", film)]);
    let clean = || said("normal", ("dirt", 0.3), &[("dirt", 0.1), ("film", 0.1)]);
    let many = |mut verdicts: Vec<Said>| {
        verdicts.extend((0..3).map(|_| film(0.25)));
        verdicts.push(clean());
        [chunk(1, &verdicts)]
    };
    // The second alarm stays because of the film.
    let held = replayed(&many(vec![dirty(0.35, 0.1), dirty(0.35, 0.25)]), "dirt", None, 0.4);
    assert_eq!(held.verdicts, changes(0, 1, 0));
    // Elsewhere a film raised no alarm, so it is not certain that it would.
    let quiet = said("normal", ("dirt", 0.3), &[("dirt", 0.1), ("film", 0.9)]);
    let unsure = replayed(&many(vec![dirty(0.35, 0.1), dirty(0.35, 0.25), quiet]), "dirt", None, 0.4);
    assert_eq!(unsure.verdicts, changes(0, 1, 1));
}

#[test]
fn a_metric_beside_the_deciding_one_raises_an_alarm_only_if_it_did_so_before() {
    let bright = |p5: f64, p95: f64| said("normal", ("p5", 190.0), &[("p5", p5), ("p95", p95)]);
    let cameras = [chunk(1, &[dark(70.0), dark(100.0), bright(150.0, 85.0)])];
    assert_eq!(replayed(&cameras, "p95", None, 90.0).verdicts, changes(1, 0, 0));
    // In this picture p95 is beyond its present limit already, and that was no alarm.
    let cameras =
        [chunk(1, &[dark(70.0), dark(100.0), bright(150.0, 60.0)]), chunk(2, &[bright(150.0, 85.0)])];
    let counted = replayed(&cameras, "p95", None, 90.0);
    assert_eq!((counted.verdicts, counted.quiet), (changes(0, 0, 1), 1));
}

#[test]
fn what_the_rule_does_not_explain_is_counted_apart() {
    // The darkness of the night is usual for this camera, so it is no alarm.
    let usual = || said("normal", ("p95", 80.0), &[("p95", 60.0)]);
    let cameras =
        [chunk(1, &[usual(), usual(), dark(85.0)]), chunk(2, &[dark(70.0), dark(85.0), dark(120.0)])];
    let limits = surveyed(&cameras);
    assert_eq!(limits.list[0].explained(), (6, 4));
    let stricter = replayed(&cameras, "p95", None, 90.0);
    // In the first camera the plugin may stay quiet again.
    assert_eq!((stricter.verdicts, stricter.cameras), (changes(1, 0, 1), changes(1, 0, 1)));
    assert_eq!((stricter.quiet, stricter.changed[0].camera), (2, 1));
    // The value moves across the limit, but in the other direction: the rule of this verdict is not known.
    assert_eq!(replayed(&cameras, "p95", None, 50.0).verdicts, changes(0, 1, 2));
    // An alarm without a deciding metric.
    let unknown = Said { word: "error", decided: None, values: vec![("p95", 75.0)] };
    let cameras = [chunk(1, &[unknown, dark(70.0), dark(120.0)])];
    assert_eq!(replayed(&cameras, "p95", None, 72.0).verdicts, changes(0, 0, 1));
}

#[test]
fn one_of_several_present_limits_is_replaced() {
    let with = |threshold: f64, value: f64| {
        said(if value < threshold { "warning" } else { "normal" }, ("p95", threshold), &[("p95", value)])
    };
    let cameras = [
        chunk(1, &[with(80.0, 70.0), with(80.0, 85.0), with(80.0, 120.0)]),
        chunk(2, &[with(60.0, 50.0), with(60.0, 70.0), with(60.0, 85.0)]),
    ];
    assert_eq!(replayed(&cameras, "p95", None, 90.0).verdicts, changes(3, 0, 0));
    assert_eq!(replayed(&cameras, "p95", Some(60.0), 90.0).verdicts, changes(2, 0, 0));
    assert_eq!(replayed(&cameras, "p95", Some(80.0), 90.0).verdicts, changes(1, 0, 0));
    let limits = surveyed(&cameras);
    let other =
        |metric: &str, side, from| OtherLimit { metric: metric.into(), side, from, threshold: 1.0, limit: 1 };
    assert_eq!(chosen(&limits, &other("p95", None, Some(61.0))), None);
    assert_eq!(chosen(&limits, &other("p95", Some(LimitSide::Above), None)), None);
    assert_eq!(chosen(&limits, &other("p5", None, None)), None);
    // If a limit of a camera is not known, the limits of all cameras are possible.
    let unknown = said("normal", ("p5", 190.0), &[("p5", 100.0), ("p95", 75.0)]);
    let [first, second] = cameras;
    let more = [first, second, chunk(3, &[unknown])];
    assert_eq!(replayed(&more, "p95", Some(60.0), 90.0).verdicts, changes(2, 0, 1));
}

#[test]
fn a_plugin_that_adapts_its_limit_has_one_limit_of_many_thresholds() {
    let adapted: Vec<Said> = (0..200)
        .map(|number| {
            let threshold = 1.0 + f64::from(number) / 1_000.0;
            let value = if number % 10 == 0 { threshold + 0.5 } else { threshold - 0.5 };
            said(
                if value > threshold { "warning" } else { "normal" },
                ("odds", threshold),
                &[("odds", value)],
            )
        })
        .collect();
    let cameras = [chunk(1, &adapted)];
    let limits = surveyed(&cameras);
    assert_eq!((limits.list.len(), limits.list[0].explained()), (1, (200, 200)));
    let shown = &limits.shown()[0];
    assert_eq!((shown.side, shown.thresholds.len(), shown.other_verdicts), (LimitSide::Above, 16, 184));
    let counted = replayed(&cameras, "odds", None, 10.0);
    assert_eq!((counted.verdicts, counted.changed.len()), (changes(0, 20, 0), 1));
}

#[test]
fn checks_without_a_verdict_never_change() {
    let unable = Said { word: "inconclusive", decided: None, values: vec![("p95", 10.0)] };
    let mut visitor = Surveying { diagnosis: "brightness".into(), survey: Survey::default() };
    visitor.take(0, &chunk(1, &[unable, dark(70.0), dark(90.0)]), &|_| true);
    visitor.take(1, &chunk(2, &[dark(70.0)]), &|check| check.at > 0);
    let survey = &visitor.survey;
    assert_eq!((survey.cameras, survey.verdicts, survey.alarms, survey.without_verdict), (1, 2, 1, 1));
}
