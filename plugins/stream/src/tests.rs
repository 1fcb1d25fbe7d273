//! Tests of the faults that must be found and, above all, of the healthy streams that must not raise an alarm.

use easysight_sdk::{native, testing::ArrayClip};

use super::*;

/// Makes a clip of frames at these times, in milliseconds. The frames at `keys` are keyframes.
fn clip(times_ms: &[u64], keys: &[u64]) -> ArrayClip {
    times_ms
        .iter()
        .fold(ArrayClip::new(64, 48), |clip, at| clip.frame(at * 1_000, keys.contains(at), |_, _| 90))
}

fn diagnose(clip: &ArrayClip, config: &str) -> Finding {
    native::<Stream>(clip, config).unwrap().findings.remove(0)
}

fn every(step_ms: u64) -> Vec<u64> {
    (0..=2_000 / step_ms).map(|at| at * step_ms).collect()
}

#[test]
fn an_even_stream_is_normal_however_many_of_its_frames_are_shown() {
    for step in [20, 40, 200, 500] {
        let finding = diagnose(&clip(&every(step), &[0]), "{}");
        assert_eq!(finding.status, Status::Normal, "{step}");
        assert_eq!(finding.metrics.iter().any(|m| m.name == "frame_rate"), step < 150, "{step}");
    }
}

#[test]
fn a_long_gap_is_found_and_a_longer_one_is_worse() {
    let short = diagnose(&clip(&[0, 40, 80, 1_400, 1_440], &[0]), "{}");
    let long = diagnose(&clip(&[0, 40, 80, 5_000, 5_040], &[0]), "{}");
    assert_eq!((short.status, long.status), (Status::Warning, Status::Error));
    assert!(long.score < short.score);
    assert!(long.message.en.contains("4.9 s"), "{}", long.message.en);
}

#[test]
fn a_stream_that_is_declared_slow_may_be_slow() {
    let slow = clip(&[0, 2_000, 4_000], &[0]);
    assert_eq!(diagnose(&slow.clone().frame_rate(0.5), "{}").status, Status::Normal);
    assert_ne!(diagnose(&slow, "{}").status, Status::Normal);
}

#[test]
fn keyframes_may_come_as_they_like_unless_a_person_says_otherwise() {
    let clip = clip(&every(40), &[0, 400]);
    assert_eq!(diagnose(&clip, "{}").status, Status::Normal);
    let finding = diagnose(&clip, r#"{"longest_keyframe_interval_s": 1}"#);
    assert_eq!(finding.decision.metric, "keyframe_interval_s");
    assert_ne!(finding.status, Status::Normal);
}

#[test]
fn rate_and_size_are_held_against_what_is_expected() {
    let clip = clip(&every(100), &[0]);
    for (config, wrong) in [
        (r#"{"frame_rate": 10}"#, false),
        (r#"{"frame_rate": 25}"#, true),
        (r#"{"width": 64, "height": 48}"#, false),
        (r#"{"width": 1920}"#, true),
    ] {
        assert_eq!(diagnose(&clip, config).status != Status::Normal, wrong, "{config}");
    }
}

#[test]
fn a_wrong_clock_is_told_and_the_picture_is_good_all_the_same() {
    let even = clip(&every(40), &[0]);
    let with = |clock: CameraClock, config: &str| diagnose(&even.clone().clock(clock), config);
    let value = |finding: &Finding, name: &str| {
        finding.metrics.iter().find(|one| one.name == name).map(|one| one.value)
    };
    let right = with(CameraClock::Right, "{}");
    assert_eq!((right.status, value(&right, "clock_jumps")), (Status::Normal, Some(0.0)));
    for (clock, metric, shown, words) in [
        (CameraClock::Jumps(7), "clock_jumps", 7.0, "jumped 7 times"),
        (CameraClock::StandsStill, "clock_speed", 0.0, "stand still"),
        (CameraClock::Runs(2.0), "clock_speed", 2.0, "2.0 times as fast"),
        (CameraClock::Runs(-1.0), "clock_speed", -1.0, "-1.0 times as fast"),
    ] {
        let reported = with(clock, "{}");
        assert_eq!((reported.status, value(&reported, metric)), (Status::Normal, Some(shown)), "{clock:?}");
        assert!(reported.message.en.starts_with("The stream is fine. "), "{}", reported.message.en);
        assert!(reported.message.en.contains(words), "{}", reported.message.en);
        let finding = with(clock, r#"{"judge_clock": true}"#);
        assert_eq!(
            (finding.status, finding.decision.metric.as_str()),
            (Status::Warning, metric),
            "{clock:?}"
        );
        assert_eq!(value(&finding, metric), Some(shown));
        assert!(finding.message.en.contains(words), "{}", finding.message.en);
        assert!(finding.suggestions[0].en.contains("NTP"), "{clock:?}");
    }
    // A camera that sets its clock by the network.
    let once = with(CameraClock::Jumps(1), "{}");
    assert_eq!((once.status, value(&once, "clock_jumps")), (Status::Normal, Some(1.0)));
    assert_eq!(once.message.en, "The stream is fine.");
    let strict = r#"{"judge_clock": true, "max_clock_jumps": 0}"#;
    assert_eq!(with(CameraClock::Jumps(1), strict).status, Status::Warning);
    // A stalled stream is worse than wrong timestamps.
    let stalled = clip(&[0, 40, 80, 2_400, 2_440], &[0]).clock(CameraClock::StandsStill);
    let judged = diagnose(&stalled, r#"{"judge_clock": true}"#);
    assert_eq!(judged.decision.metric, "longest_gap_s");
}

#[test]
fn a_single_picture_tells_nothing_but_its_size() {
    let still = clip(&[0], &[0]);
    assert!(matches!(native::<Stream>(&still, "{}"), Err(Failure::UnsupportedClip(_))));
    assert_ne!(diagnose(&still, r#"{"width": 32}"#).status, Status::Normal);
}
