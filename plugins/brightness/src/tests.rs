//! What must be found and, above all, what must not.

use easysight_sdk::{Status, native, testing::ArrayClip};

use super::*;

/// A deterministic scatter of values, 0 to 255, for each pixel.
fn scatter(x: u32, y: u32) -> u8 {
    (x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77)).wrapping_mul(0xC2B2_AE35).to_be_bytes()[0]
}

fn clip(luma: impl Fn(u32, u32) -> u8) -> ArrayClip {
    ArrayClip::new(160, 90).frame(0, true, luma)
}

fn diagnose(clip: &ArrayClip) -> Finding {
    native::<Brightness>(clip, "{}").unwrap().findings.remove(0)
}

/// A textured scene of the given darkest and brightest value.
fn scene(low: u8, high: u8) -> ArrayClip {
    clip(move |x, y| low + (u32::from(scatter(x, y)) * u32::from(high - low) / 255) as u8)
}

#[test]
fn a_daylight_scene_is_normal() {
    let finding = diagnose(&scene(20, 230));
    assert_eq!(finding.status, Status::Normal);
    assert!(finding.score > 90.0);
    assert!(finding.suggestions.is_empty());
}

#[test]
fn a_night_scene_with_lamps_is_normal() {
    // A twelfth of the picture is lit, the rest lies in the dark.
    let night = clip(|x, y| if x < 14 { 150 + scatter(x, y) / 4 } else { 8 + scatter(x, y) / 16 });
    assert_eq!(diagnose(&night).status, Status::Normal);
}

#[test]
fn an_infrared_scene_is_normal() {
    // Bright in the middle where the lamp shines, dim at the rim.
    let infrared = clip(|x, y| {
        let (dx, dy) = (x.abs_diff(80), y.abs_diff(45));
        190_u32.saturating_sub((dx * dx + dy * dy) / 40).max(10) as u8
    });
    assert_eq!(diagnose(&infrared).status, Status::Normal);
}

#[test]
fn headlights_into_the_lens_for_a_moment_are_normal() {
    let street = |x, y| 30 + scatter(x, y) / 2;
    let clip = ArrayClip::new(160, 90)
        .frame(0, true, street)
        .frame(1_000_000, false, |_, _| 255)
        .frame(2_000_000, false, street);
    assert_eq!(diagnose(&clip).status, Status::Normal);
}

#[test]
fn a_headlight_that_blooms_over_a_tenth_of_the_picture_is_normal() {
    let clip = clip(|x, y| if x < 16 { 255 } else { 10 + scatter(x, y) / 4 });
    assert_eq!(diagnose(&clip).status, Status::Normal);
}

#[test]
fn a_scene_without_light_is_found_and_worse_when_darker() {
    let dim = diagnose(&scene(0, 50));
    let black = diagnose(&scene(0, 12));
    assert_eq!((dim.status, black.status), (Status::Warning, Status::Error));
    assert!(black.score < dim.score && dim.score < 50.0);
    assert_eq!(dim.decision.metric, "luma_p95");
    assert_eq!(dim.decision.threshold, 60.0);
}

#[test]
fn a_clipped_scene_is_found() {
    let finding = diagnose(&clip(|x, y| if x < 60 { 255 } else { 60 + scatter(x, y) / 2 }));
    assert_eq!(finding.status, Status::Warning);
    assert_eq!(finding.decision.metric, "clipped_share");
}

#[test]
fn a_washed_out_scene_is_found() {
    let finding = diagnose(&scene(200, 240));
    assert_ne!(finding.status, Status::Normal);
    assert_eq!(finding.decision.metric, "luma_p5");
}

#[test]
fn broadcast_black_is_black() {
    let black = ArrayClip::new(160, 90).limited_range().frame(0, true, |_, _| 16);
    let finding = diagnose(&black);
    assert_eq!(finding.status, Status::Error);
    assert_eq!(finding.score, 0.0);
    let p95 = finding.metrics.iter().find(|metric| metric.name == "luma_p95").unwrap();
    assert_eq!(p95.value, 0.0);
}

#[test]
fn thresholds_are_the_operator_s() {
    let night = scene(0, 50);
    let finding = native::<Brightness>(&night, r#"{"dark_p95": 30}"#).unwrap().findings.remove(0);
    assert_eq!(finding.status, Status::Normal);
}

#[test]
fn every_configuration_of_the_schema_s_ranges_gives_a_sound_score() {
    for dark in [0.0, 128.0, 255.0] {
        for share in [0.0, 0.5, 1.0] {
            for p5 in [0.0, 128.0, 255.0] {
                let config = Config { dark_p95: dark, bright_clipped_share: share, bright_p5: p5 };
                for (low, high) in [(0, 0), (0, 255), (255, 255), (100, 140)] {
                    let finding = judge(&measure(&scene(low, high)).unwrap(), &config);
                    assert!((0.0..=100.0).contains(&finding.score));
                    assert_eq!(finding.status == Status::Normal, finding.suggestions.is_empty());
                }
            }
        }
    }
}

#[test]
fn a_configuration_that_is_none_is_refused() {
    for wrong in ["{\"dark\": 1}", "3", "{\"dark_p95\": \"x\"}", "{"] {
        let failure = native::<Brightness>(&scene(0, 255), wrong).unwrap_err();
        assert!(matches!(failure, Failure::InvalidConfig(_)), "{wrong}");
    }
}
