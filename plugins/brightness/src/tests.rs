//! Tests of the faults that must be found and, above all, of the healthy pictures that must not raise an alarm.

use easysight_sdk::{
    Status, native,
    testing::{ArrayClip, CameraMemory},
};

use super::*;

/// A deterministic pseudo-random value, 0 to 255, for each pixel.
fn scatter(x: u32, y: u32) -> u8 {
    (x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77)).wrapping_mul(0xC2B2_AE35).to_be_bytes()[0]
}

fn clip(luma: impl Fn(u32, u32) -> u8) -> ArrayClip {
    ArrayClip::new(160, 90).frame(0, true, luma)
}

fn diagnose(clip: &ArrayClip) -> Finding {
    native::<Brightness>(clip, "{}").unwrap().findings.remove(0)
}

/// A textured scene with the given darkest and brightest values.
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
    // A twelfth of the picture is lit, the rest is dark.
    let night = clip(|x, y| if x < 14 { 150 + scatter(x, y) / 4 } else { 8 + scatter(x, y) / 16 });
    assert_eq!(diagnose(&night).status, Status::Normal);
}

#[test]
fn an_infrared_scene_is_normal() {
    // Bright in the middle, where the lamp shines, and dim at the border.
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
    assert_eq!(dim.decision.threshold, 80.0);
}

#[test]
fn a_clipped_scene_is_found() {
    let finding = diagnose(&clip(|x, y| if x < 120 && y < 40 { 255 } else { 60 + scatter(x, y) / 2 }));
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
fn a_pale_picture_is_found_and_haze_and_snow_are_not() {
    // The response curve of the camera is too flat: nothing is clipped, nothing is dark.
    let finding = diagnose(&scene(165, 248));
    assert_ne!(finding.status, Status::Normal);
    assert_eq!((finding.decision.metric.as_str(), finding.decision.threshold), ("luma_p5", 125.0));
    // The median of haze in front of hills is too low for a pale picture. The trees in the snow are dark.
    assert_eq!(diagnose(&scene(140, 200)).status, Status::Normal);
    let snow = clip(|x, y| if x % 20 < 4 { 60 } else { 200 + scatter(x, y) / 8 });
    assert_eq!(diagnose(&snow).status, Status::Normal);
}

#[test]
fn a_picture_with_its_brightest_parts_just_visible_is_too_dark() {
    let finding = diagnose(&scene(0, 80));
    assert_eq!((finding.status, finding.decision.metric.as_str()), (Status::Warning, "luma_p95"));
    assert_eq!(diagnose(&scene(0, 96)).status, Status::Normal);
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
                let config = format!(
                    r#"{{"dark_p95": {dark}, "bright_clipped_share": {share}, "bright_ground_share": {share}, "bright_p5": {p5}}}"#
                );
                for (low, high) in [(0, 0), (0, 255), (255, 255), (100, 140)] {
                    let finding =
                        native::<Brightness>(&scene(low, high), &config).unwrap().findings.remove(0);
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

/// A road below a sky, in the given light. At night the sky is dark and the lamps are lit.
fn road(light: f64, night: bool) -> ArrayClip {
    clip(move |x, y| {
        let luma = match (x / 20, y / 15) {
            (1 | 2 | 5 | 6, 3) if night => 220.0,
            _ if night => 8.0 + f64::from(scatter(x, y)) / 16.0 + if y > 60 { 20.0 } else { 0.0 },
            (_, 0 | 1) => 215.0 * light,
            (0 | 1 | 7, _) => (60.0 + f64::from(scatter(x, y)) / 5.0) * light,
            _ => (110.0 + f64::from(scatter(x, y)) / 8.0) * light,
        };
        luma.round() as u8
    })
}

fn look(camera: &mut CameraMemory, clip: &ArrayClip) -> Finding {
    camera.diagnose::<Brightness>(clip, "{}").unwrap().findings.remove(0)
}

#[test]
fn ground_burnt_out_to_not_quite_white_is_found_and_a_white_sky_is_not() {
    let burnt = diagnose(&clip(|x, y| if y > 30 && x > 40 { 246 } else { 50 + scatter(x, y) / 3 }));
    assert_ne!(burnt.status, Status::Normal);
    assert_eq!(burnt.decision.metric, "white_ground");
    let region = &burnt.regions[0];
    assert!(region.left > 0.1 && region.top > 0.2, "{region:?}");
    let sky = diagnose(&clip(|x, y| if y < 40 { 246 } else { 50 + scatter(x, y) / 3 }));
    assert_eq!(sky.status, Status::Normal);
}

#[test]
fn a_known_view_with_a_third_of_its_light_is_too_dark_though_its_sky_is_light() {
    let mut camera = CameraMemory::default();
    let dim = road(0.4, false);
    assert_eq!(diagnose(&dim).status, Status::Normal);
    for light in [1.0, 0.95, 1.1, 0.95, 1.0] {
        assert_eq!(look(&mut camera, &road(light, false)).status, Status::Normal);
    }
    let finding = look(&mut camera, &dim);
    assert_eq!((finding.status, finding.decision.metric.as_str()), (Status::Warning, "exposure"));
    assert!(finding.message.en.contains("5 earlier checks"), "{}", finding.message.en);
}

#[test]
fn the_first_night_of_a_camera_known_by_day_is_normal() {
    let mut camera = CameraMemory::default();
    for _ in 0..8 {
        look(&mut camera, &road(1.0, false));
    }
    assert_eq!(look(&mut camera, &road(1.0, true)).status, Status::Normal);
}

#[test]
fn dusk_of_a_known_camera_is_normal() {
    let mut camera = CameraMemory::default();
    for light in [1.0, 0.9, 0.8, 0.7, 0.6, 0.5] {
        assert_eq!(look(&mut camera, &road(light, false)).status, Status::Normal, "{light}");
    }
}

#[test]
fn darkness_that_ended_twice_is_this_camera_s_night() {
    let mut camera = CameraMemory::default();
    let (day, night) = (scene(20, 230), scene(0, 20));
    for _ in 0..2 {
        assert_eq!(look(&mut camera, &day).status, Status::Normal);
        assert_ne!(look(&mut camera, &night).status, Status::Normal);
    }
    assert_eq!(look(&mut camera, &day).status, Status::Normal);
    let finding = look(&mut camera, &night);
    assert_eq!(finding.status, Status::Normal);
    assert!(finding.message.en.contains("as dark before"), "{}", finding.message.en);
    // Darkness that never ended is not usual darkness.
    let mut broken = CameraMemory::default();
    look(&mut broken, &day);
    for _ in 0..20 {
        assert_ne!(look(&mut broken, &night).status, Status::Normal);
    }
}

#[test]
fn a_lamp_in_the_dark_does_not_hide_a_wrong_exposure() {
    let mut camera = CameraMemory::default();
    for light in [1.0, 0.95, 1.1, 0.95] {
        look(&mut camera, &road(light, false));
    }
    let lit = ArrayClip::new(160, 90).frame(0, true, |x, y| {
        if (100..140).contains(&x) && (30..52).contains(&y) { 245 } else { (60 + scatter(x, y) / 8) / 3 }
    });
    // Another layout: a lamp at night.
    assert_ne!(look(&mut camera.clone(), &lit).decision.metric, "exposure");
    let dim = road(0.3, false);
    let luma = dim.luma(0, 0).unwrap();
    let lamp = ArrayClip::new(160, 90).frame(0, true, |x, y| {
        if (100..140).contains(&x) && (30..52).contains(&y) { 245 } else { luma[(y * 160 + x) as usize] }
    });
    assert_eq!(diagnose(&lamp).status, Status::Normal);
    let finding = look(&mut camera, &lamp);
    assert_eq!((finding.status, finding.decision.metric.as_str()), (Status::Warning, "exposure"));
}
