use proptest::prelude::*;

use super::*;
use crate::measurements::report::{Measured, MeasuredFinding, MeasuredMetric};

fn names() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "brightness", "luma_mean", "长名\n", "x"]).prop_map(str::to_owned)
}

fn any_metric() -> impl Strategy<Value = MeasuredMetric> {
    let number = || prop_oneof![any::<f64>().prop_filter("finite", |one| one.is_finite()), -100.0..100.0];
    (names(), names(), number(), prop::option::of(number()))
        .prop_map(|(name, unit, value, threshold)| MeasuredMetric { name, unit, value, threshold })
}

fn any_check() -> impl Strategy<Value = Measured> {
    let finding = (names(), names(), any::<bool>(), prop::collection::vec(any_metric(), 0..5)).prop_map(
        |(diagnosis, word, explained, mut metrics)| {
            // As in a report, each metric has one value.
            metrics.sort_by(|a, b| a.name.cmp(&b.name));
            metrics.dedup_by(|a, b| a.name == b.name);
            MeasuredFinding { diagnosis, word, explained, metrics }
        },
    );
    let time = prop_oneof![any::<i64>(), 0_i64..86_400_000];
    (time, any::<u128>(), prop::collection::vec(finding, 0..4)).prop_map(|(at, job, findings)| Measured {
        at,
        job: Uuid::from_u128(job),
        findings,
    })
}

fn rounded(mut chunk: Chunk) -> Chunk {
    let metrics = chunk.diagnoses.iter_mut().flat_map(|one| &mut one.metrics);
    metrics.flat_map(|metric| &mut metric.values).for_each(|(_, value)| *value = stored(*value));
    chunk
}

fn a_day() -> Chunk {
    let metric = |name: &str, value: f64| MeasuredMetric {
        name: name.into(),
        unit: "share".into(),
        value,
        threshold: (name == "a").then_some(0.35),
    };
    let check = |hour: i64| Measured {
        at: hour * 3_600_000,
        job: Uuid::from_u128(hour.unsigned_abs().into()),
        findings: vec![MeasuredFinding {
            diagnosis: "brightness".into(),
            word: if hour == 7 { "error" } else { "normal" }.into(),
            explained: false,
            metrics: vec![metric("a", 0.25 + hour as f64 / 1_000.0), metric("b", 3.0)],
        }],
    };
    let mut chunk = Chunk::default();
    chunk.add((0..24).map(check).collect());
    chunk
}

proptest! {
    #[test]
    fn chunks_come_back(checks in prop::collection::vec(any_check(), 0..12)) {
        let mut chunk = Chunk::default();
        chunk.add(checks);
        let read = read(FORMAT, &write(&chunk).unwrap()).unwrap();
        prop_assert_eq!(read, rounded(chunk));
    }

    #[test]
    fn one_diagnosis_comes_back_as_with_all_others(
        checks in prop::collection::vec(any_check(), 0..12),
        diagnosis in names(),
    ) {
        let mut chunk = Chunk::default();
        chunk.add(checks);
        let bytes = write(&chunk).unwrap();
        let mut all = read(FORMAT, &bytes).unwrap();
        all.diagnoses.retain(|one| one.id == diagnosis);
        prop_assert_eq!(read_only(FORMAT, &bytes, &diagnosis).unwrap(), all);
    }

    #[test]
    fn checks_added_in_any_order_make_the_same_chunk(
        checks in prop::collection::vec(any_check(), 0..12).prop_shuffle(),
        split in 0_usize..12,
    ) {
        let mut at_once = Chunk::default();
        at_once.add(checks.clone());
        let (first, second) = checks.split_at(split.min(checks.len()));
        let mut in_two = Chunk::default();
        in_two.add(second.to_vec());
        in_two.add(first.to_vec());
        // Adding the same checks again changes nothing.
        prop_assert_eq!(in_two.add(checks.clone()).new, 0);
        prop_assert_eq!(&in_two.checks, &at_once.checks);
        let said = |chunk: &Chunk| {
            let said = |one: &Diagnosis| {
                let said = one.said.iter().map(|said| (said.check, chunk.words[said.word as usize].clone(), said.explained));
                (one.id.clone(), said.collect::<Vec<_>>(), one.metrics.clone())
            };
            chunk.diagnoses.iter().map(said).collect::<Vec<_>>()
        };
        prop_assert_eq!(said(&in_two), said(&at_once));
    }

    #[test]
    fn a_stored_value_is_close(value: f64) {
        prop_assume!(value.is_finite() && value.abs() > 1e-300 && value.abs() < 1e308);
        prop_assert!((stored(value) - value).abs() <= value.abs() / 131_072.0, "{} {}", stored(value), value);
    }

    #[test]
    fn the_order_of_values_stays(a: f64, b: f64) {
        prop_assume!(a.is_finite() && b.is_finite());
        prop_assert_eq!(code_of(a) <= code_of(b), a <= b || code_of(a) == code_of(b));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(read(FORMAT, &bytes));
        drop(chunk_of(&bytes, None));
        drop(chunk_of(&bytes, Some("brightness")));
    }

    #[test]
    fn a_changed_byte_is_noticed_or_changes_nothing(at: prop::sample::Index, by in 1_u8..) {
        let mut bytes = write(&a_day()).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        // Some bits of a frame's header do not affect the content, such as the size of the window.
        prop_assert!(read(FORMAT, &bytes).is_ok_and(|read| read == rounded(a_day())) || read(FORMAT, &bytes).is_err());
    }

    #[test]
    fn a_changed_body_is_read_or_refused(at: prop::sample::Index, byte: u8) {
        let mut body = body_of(&a_day());
        let at = at.index(body.len());
        body[at] = byte;
        drop(chunk_of(&body, None));
    }
}

#[test]
fn odd_values_are_stored() {
    for value in [0.0, 1.0, -1.0, 131_072.0, 0.5, -25.0] {
        assert_eq!(stored(value).to_bits(), f64::to_bits(value), "{value}");
    }
    assert_eq!(stored(-0.0), 0.0);
    assert!((stored(1e300) / 1e300 - 1.0).abs() < 1e-5);
    assert!(stored(f64::MAX).is_finite() && stored(f64::MIN).is_finite());
    assert!(stored(f64::MIN_POSITIVE / 8.0) >= 0.0);
}

#[test]
fn a_day_of_a_steady_camera_is_small() {
    let chunk = a_day();
    // Each of the 24 checks takes about 12 bytes for its time and job, and less than 2 bytes for the one metric that
    // changes.
    let bytes = write(&chunk).unwrap().len();
    assert!(bytes < 24 * 14 + 24 * 2 + 40, "{bytes}");
}

#[test]
fn every_truncated_chunk_is_refused() {
    let bytes = write(&a_day()).unwrap();
    for length in 0..bytes.len() {
        assert!(read(FORMAT, &bytes[..length]).is_err(), "{length}");
    }
    assert!(read(FORMAT + 1, &bytes).is_err());
    let body = body_of(&a_day());
    for length in 0..body.len() {
        assert!(chunk_of(&body[..length], None).is_err(), "{length}");
    }
}

#[test]
fn a_chunk_that_says_that_it_is_huge_is_refused() {
    let mut bytes = write(&a_day()).unwrap();
    bytes[..4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(read(FORMAT, &bytes), Err(Corrupt("it is too large")));
    // A compressed frame of zeros. The frame is larger than the size that stands before it.
    let zeros = zstd::bulk::compress(&vec![0; MAX_BODY], 1).unwrap();
    assert!(read(FORMAT, &[&7_u32.to_le_bytes(), zeros.as_slice()].concat()).is_err());
    // Columns whose values have 0 bits, so that a few bytes describe many values.
    const COLUMNS: usize = 300;
    let mut to = Writer::default();
    to.count(MAX_CHECKS);
    to.count(1);
    to.text("normal");
    to.count(COLUMNS);
    for _ in 0..COLUMNS {
        to.text("");
        to.count(0);
    }
    for _ in 0..MAX_CHECKS {
        to.signed(0);
    }
    for _ in 0..MAX_CHECKS {
        to.signed(0);
        to.0.extend_from_slice(&[0; 10]);
    }
    for _ in 0..COLUMNS {
        to.bitmap(0..MAX_CHECKS as u32, MAX_CHECKS);
        to.packed(&[0; MAX_CHECKS]);
    }
    assert_eq!(chunk_of(&to.0, None), Err(Corrupt("it has too many values")));
}

#[test]
fn what_does_not_fit_is_left_out_and_the_rest_is_kept() {
    let metric = |name: usize| MeasuredMetric {
        name: format!("m{name}"),
        unit: String::new(),
        value: name as f64,
        threshold: None,
    };
    let check = |place: usize, metrics: usize| Measured {
        at: place as i64,
        job: Uuid::from_u128(place as u128),
        findings: vec![MeasuredFinding {
            diagnosis: "many".into(),
            word: "normal".into(),
            explained: false,
            metrics: (0..metrics).map(metric).collect(),
        }],
    };
    let mut chunk = Chunk::default();
    assert_eq!(chunk.add(vec![check(0, MAX_COLUMNS)]).left_out, 1);
    let added = chunk.add((0..30).map(|place| check(place, 5_000)).collect());
    assert_eq!((added.new, added.left_out), (30, 0));
    let read = read(FORMAT, &write(&chunk).unwrap()).unwrap();
    assert_eq!(read, rounded(chunk));
    let mut chunk = Chunk::default();
    let added = chunk.add((0..MAX_CHECKS + 5).map(|place| check(place, 0)).collect());
    assert_eq!((added.new, added.left_out), (MAX_CHECKS, 5));
}
