//! Tests of the faults that must be found and, above all, of the healthy pictures that must not raise an alarm.

use easysight_sdk::{native, testing::ArrayClip};

use super::*;

/// A deterministic pseudo-random value, 0 to 255, for each pixel.
fn scatter(x: u32, y: u32, t: u32) -> u8 {
    (x.wrapping_mul(0x9E37_79B1) ^ (y + 977 * t).wrapping_mul(0x85EB_CA77))
        .wrapping_mul(0xC2B2_AE35)
        .to_be_bytes()[0]
}

fn clip(luma: impl Fn(u32, u32, u32) -> u8) -> ArrayClip {
    (0..5).fold(ArrayClip::new(320, 180).limited_range(), |clip, at| {
        clip.frame(u64::from(at) * 500_000, at == 0, |x, y| luma(x, y, at))
    })
}

fn diagnose(clip: &ArrayClip) -> Finding {
    native::<SignalLoss>(clip, "{}").unwrap().findings.remove(0)
}

fn day(x: u32, y: u32, t: u32) -> u8 {
    40 + scatter(x / 8, y / 8, 0) / 2 + scatter(x, y, t) / 32
}

#[test]
fn a_picture_is_normal() {
    let finding = diagnose(&clip(day));
    assert_eq!(finding.status, Status::Normal);
    assert!(finding.score > 80.0);
}

#[test]
fn black_is_found_also_with_words_over_it() {
    let black = diagnose(&clip(|_, _, _| 16));
    let words =
        diagnose(&clip(
            |x, y, _| if y < 14 && x < 200 && (x / 5 + y / 7).is_multiple_of(2) { 235 } else { 16 },
        ));
    for finding in [black, words] {
        assert_eq!(finding.status, Status::Critical, "{finding:?}");
        assert_eq!(finding.decision.metric, "blank_share");
    }
}

#[test]
fn a_night_is_normal() {
    // Shapes and noise within a few levels of black, and a lamp.
    let night = |x: u32, y: u32, t| 17 + scatter(x / 16, y / 16, 0) / 16 + scatter(x, y, t) / 40;
    assert_eq!(diagnose(&clip(night)).status, Status::Normal);
    let lamp = |x: u32, y: u32, t| if x / 8 == 9 && y / 8 == 4 { 220 } else { night(x, y, t) };
    assert_eq!(diagnose(&clip(lamp)).status, Status::Normal);
}

#[test]
fn a_picture_that_is_lost_half_way_is_found_and_the_moment_is_told() {
    for blank in [16, 235] {
        let finding = diagnose(&clip(|x, y, t| if t < 3 { day(x, y, t) } else { blank }));
        assert_eq!(finding.status, Status::Critical, "{finding:?}");
        assert!(finding.message.en.contains("after 1.0 s"), "{}", finding.message.en);
    }
}

#[test]
fn a_colour_that_comes_up_half_way_is_for_the_diagnosis_of_cards() {
    assert_eq!(diagnose(&clip(|x, y, t| if t < 3 { day(x, y, t) } else { 90 })).status, Status::Normal);
}

#[test]
fn noisy_black_under_two_lines_of_writing_is_black() {
    // An amplifier without a signal: noise that cannot go below black, and the lettering of a recorder.
    let noisy = |x: u32, y: u32, t: u32| {
        let written = (y < 20 && x < 220 || y >= 160 && x > 200) && (x / 5 + y / 7).is_multiple_of(2);
        if written { 235 } else { 16 + scatter(x, y, t).saturating_sub(128) / 6 }
    };
    let finding = diagnose(&clip(noisy));
    assert_eq!(finding.status, Status::Critical, "{finding:?}");
    assert!(finding.message.en.starts_with("No picture"), "{}", finding.message.en);
}

#[test]
fn black_of_either_range_is_black() {
    for level in [0, 16, 24, 32] {
        let flat = (0..5_u64)
            .fold(ArrayClip::new(320, 180), |clip, at| clip.frame(at * 500_000, at == 0, |_, _| level));
        assert_eq!(diagnose(&flat).status, Status::Critical, "{level}");
    }
}

#[test]
fn frames_in_between_that_others_asked_for_change_nothing() {
    let frames = |times: &[u64]| {
        times.iter().fold(ArrayClip::new(320, 180).limited_range(), |clip, &at_us| {
            clip.frame(at_us, at_us == 0, |x, y| if at_us < 1_400_000 { day(x, y, 0) } else { 16 })
        })
    };
    let alone: Vec<u64> = (0..16).map(|at| at * 200_000).collect();
    let full: Vec<u64> = (0..25).map(|at| at * 40_000).chain((5..16).map(|at| at * 200_000)).collect();
    let [one, other] = [alone, full].map(|times| format!("{:?}", diagnose(&frames(&times))));
    assert_eq!(one, other);
}

#[test]
fn a_picture_that_comes_back_is_normal() {
    assert_eq!(diagnose(&clip(|x, y, t| if t == 2 { 16 } else { day(x, y, t) })).status, Status::Normal);
}

#[test]
fn a_solid_colour_all_along_is_for_others_to_judge() {
    assert_eq!(diagnose(&clip(|_, _, _| 90)).status, Status::Normal);
}

#[test]
fn a_live_stream_that_breaks_off_is_found_and_a_short_recording_is_not() {
    let short = ArrayClip::new(320, 180)
        .frame(0, true, |x, y| day(x, y, 0))
        .frame(900_000, false, |x, y| day(x, y, 1));
    assert_eq!(diagnose(&short).status, Status::Normal);
    let finding = diagnose(&short.live());
    assert_eq!(finding.status, Status::Error);
    assert_eq!(finding.decision.metric, "covered_share");
    assert!(finding.score < 50.0);
}
