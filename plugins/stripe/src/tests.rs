//! Tests of the faults that must be found and, above all, of the healthy pictures that must not raise an alarm.

use easysight_sdk::{native, testing::ArrayClip};

use super::*;

/// A deterministic pseudo-random value, 0 to 255, for each pixel.
fn scatter(x: u32, y: u32, t: u32) -> u8 {
    (x.wrapping_mul(0x9E37_79B1) ^ (y + 977 * t).wrapping_mul(0x85EB_CA77))
        .wrapping_mul(0xC2B2_AE35)
        .to_be_bytes()[0]
}

/// Some houses under a sky, with the noise of a sensor.
fn scene(x: u32, y: u32, t: u32) -> f64 {
    let house = scatter(x / 37, y / 29, 0);
    let sky = if y < 50 { 90.0 } else { 0.0 };
    60.0 + f64::from(house) / 3.0 + sky + f64::from(scatter(x, y, t)) / 40.0
}

fn clip(luma: impl Fn(u32, u32, u32) -> f64) -> ArrayClip {
    (0..4).fold(ArrayClip::new(320, 240), |clip, at| {
        clip.frame(u64::from(at) * 200_000, at == 0, |x, y| luma(x, y, at).clamp(0.0, 255.0) as u8)
    })
}

fn diagnose(clip: &ArrayClip) -> Finding {
    native::<Stripe>(clip, "{}").unwrap().findings.remove(0)
}

fn wave(at: u32, length: f64, phase: f64) -> f64 {
    (std::f64::consts::TAU * f64::from(at) / length + phase).sin()
}

#[test]
fn a_scene_without_stripes_is_normal() {
    let finding = diagnose(&clip(scene));
    assert_eq!(finding.status, Status::Normal);
    assert!(finding.score > 70.0, "{finding:?}");
}

#[test]
fn stripes_are_found_either_way_and_stronger_ones_are_worse() {
    let level = |height: f64| diagnose(&clip(move |x, y, t| scene(x, y, t) + height * wave(y, 12.0, 0.0)));
    let upright = diagnose(&clip(|x, y, t| scene(x, y, t) + 8.0 * wave(x, 9.3, 0.0)));
    let (weak, strong) = (level(8.0), level(20.0));
    assert!(weak.status != Status::Normal && strong.score < weak.score, "{weak:?}");
    assert!(weak.message.en.contains("horizontal"), "{}", weak.message.en);
    assert!(upright.message.en.contains("vertical"), "{}", upright.message.en);
}

#[test]
fn bars_that_roll_are_found() {
    let finding = diagnose(&clip(|x, y, t| scene(x, y, t) + 8.0 * wave(y, 160.0, 1.3 * f64::from(t))));
    assert_ne!(finding.status, Status::Normal);
    assert_eq!(finding.decision.metric, "rolling_amplitude");
}

#[test]
fn rows_that_flicker_each_for_itself_are_found() {
    let finding = diagnose(&clip(|x, y, t| scene(x, y, t) + f64::from(scatter(7, y, t)) / 25.0));
    assert_ne!(finding.status, Status::Normal);
    assert_eq!(finding.decision.metric, "row_step");
}

#[test]
fn a_shaking_camera_and_flickering_light_have_no_noise_of_rows() {
    // Terraces, with an edge from side to side every twelve rows.
    let terraces = |x: u32, y: u32, t: u32| scene(x, y, t) + if y % 24 < 12 { 40.0 } else { 0.0 };
    let shaken = diagnose(&clip(|x, y, t| terraces(x, y + t % 2, t)));
    let lit = diagnose(&clip(|x, y, t| scene(x, y, t) * (1.0 + 0.2 * f64::from(t % 2))));
    for finding in [shaken, lit] {
        let step = finding.metrics.iter().find(|metric| metric.name == "row_step").unwrap().value;
        assert!(step < 0.5, "{finding:?}");
    }
}

#[test]
fn a_fence_and_blinds_are_normal() {
    // A fence along the bottom of the picture, and blinds in a window.
    let fence = clip(|x, y, t| if y > 170 && x % 14 < 6 { 190.0 } else { scene(x, y, t) });
    let blinds = clip(|x, y, t| {
        let window = (90..230).contains(&x) && (40..170).contains(&y);
        if window { 120.0 + 50.0 * wave(y, 10.0, 0.0) } else { scene(x, y, t) }
    });
    for scene in [fence, blinds] {
        let finding = diagnose(&scene);
        assert_eq!(finding.status, Status::Normal, "{finding:?}");
    }
}

#[test]
fn a_lorry_that_passes_and_a_light_that_goes_on_are_normal() {
    let lorry = clip(|x, y, t| {
        let body = (60..150).contains(&y) && (40 * t..40 * t + 120).contains(&x);
        if body { 210.0 } else { scene(x, y, t) }
    });
    let light = clip(|x, y, t| scene(x, y, t) + if t > 1 { 35.0 } else { 0.0 });
    for scene in [lorry, light] {
        let finding = diagnose(&scene);
        assert_eq!(finding.status, Status::Normal, "{finding:?}");
    }
}

/// A wave with crests `length` apart, at an angle, in degrees, from the horizontal.
fn slanted(x: u32, y: u32, length: f64, degrees: f64, phase: f64) -> f64 {
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let along = f64::from(y) * cosine - f64::from(x) * sine;
    (std::f64::consts::TAU * along / length + phase).sin()
}

#[test]
fn stripes_at_any_angle_are_found_in_one_picture_and_in_several() {
    for (degrees, length) in [(17.0, 7.0), (45.0, 11.0), (120.0, 5.3), (163.0, 18.0)] {
        let striped = |x: u32, y: u32, t: u32| {
            scene(x, y, t) + 8.0 * slanted(x, y, length, degrees, 1.3 * f64::from(t))
        };
        let several = diagnose(&clip(striped));
        assert_ne!(several.status, Status::Normal, "{degrees}: {several:?}");
        let still =
            ArrayClip::new(320, 240).frame(0, true, |x, y| striped(x, y, 0).round().clamp(0.0, 255.0) as u8);
        let one = diagnose(&still);
        assert_eq!(one.decision.metric, "standing_amplitude", "{degrees}: {one:?}");
        assert!(one.message.en.contains("oblique"), "{}", one.message.en);
    }
}

#[test]
fn slanted_rails_in_a_part_of_the_picture_are_normal() {
    let rails = clip(|x, y, t| {
        let bridge = y > 130;
        scene(x, y, t) + if bridge { 30.0 * slanted(x, y, 9.0, 60.0, 0.0) } else { 0.0 }
    });
    assert_eq!(diagnose(&rails).status, Status::Normal);
}

#[test]
fn columns_from_top_to_foot_are_found_and_poles_are_none() {
    let hot = diagnose(&clip(|x, y, t| scene(x, y, t) + if x == 101 { 40.0 } else { 0.0 }));
    assert_eq!((hot.status != Status::Normal, hot.decision.metric.as_str()), (true, "hot_columns"));
    let pole = clip(|x, y, t| scene(x, y, t) + if x == 101 && y > 40 { 40.0 } else { 0.0 });
    assert_eq!(diagnose(&pole).status, Status::Normal);
}
