//! Tests of the faults that must be found and, above all, of the healthy pictures that must not raise an alarm.

use easysight_sdk::{
    native,
    testing::{ArrayClip, CameraMemory},
};

use super::*;

/// A pseudo-random number, 0 to 1, for each place.
fn random(x: u32, y: u32) -> f64 {
    let mixed = x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77);
    f64::from((mixed ^ (mixed >> 15)).wrapping_mul(0xC2B2_AE35) >> 24) / 255.0
}

/// A scene of boxes of many greys, 0 to 1, with some texture on them.
fn scene(x: u32, y: u32) -> f64 {
    0.8 * random(x / 20, y / 20) + 0.2 * random(x, y)
}

fn clip(luma: impl Fn(u32, u32) -> f64) -> ArrayClip {
    ArrayClip::new(320, 180).frame(0, true, move |x, y| luma(x, y).round() as u8)
}

fn diagnose(clip: &ArrayClip) -> Finding {
    native::<Contrast>(clip, "{}").unwrap().findings.remove(0)
}

/// The scene behind a veil that transmits the share `clear` of the light and adds light of 200.
fn veiled(clear: f64) -> ArrayClip {
    clip(move |x, y| clear * (10.0 + 230.0 * scene(x, y)) + (1.0 - clear) * 200.0)
}

#[test]
fn a_clear_day_is_normal() {
    let finding = diagnose(&veiled(1.0));
    assert_eq!(finding.status, Status::Normal);
    assert!(finding.score > 90.0, "{}", finding.score);
}

#[test]
fn a_veil_is_found_and_worse_when_thicker() {
    let [haze, fog, thick] = [0.5, 0.3, 0.15].map(|clear| diagnose(&veiled(clear)));
    assert_eq!(haze.status, Status::Warning);
    assert_eq!(thick.status, Status::Error);
    assert!(50.0 > haze.score && haze.score > fog.score && fog.score > thick.score);
    assert!(!thick.suggestions.is_empty());
}

#[test]
fn night_has_its_blacks() {
    assert_eq!(diagnose(&clip(|x, y| 3.0 + 50.0 * scene(x, y))).status, Status::Normal);
    assert_eq!(diagnose(&clip(|_, _| 0.0)).status, Status::Normal);
}

#[test]
fn grey_asphalt_with_white_lines_is_normal() {
    let road = clip(|x, y| if x % 40 == 0 { 230.0 } else { 75.0 + 20.0 * scene(x, y) });
    assert_eq!(diagnose(&road).status, Status::Normal);
}

#[test]
fn a_wall_and_an_even_sky_cannot_tell() {
    for shade in [100.0, 160.0, 220.0] {
        let wall = clip(|x, y| shade + f64::from(x) / 32.0 + f64::from((x * 7 + y * 3) % 3));
        assert!(matches!(native::<Contrast>(&wall, "{}"), Err(Failure::Inconclusive(_))));
    }
}

#[test]
fn lettering_over_fog_does_not_hide_it() {
    let fog = clip(|x, y| match y {
        0..16 => f64::from(255 * (x / 3 % 2)),
        _ => 0.3 * 240.0 * scene(x, y) + 0.7 * 200.0,
    });
    assert_ne!(diagnose(&fog).status, Status::Normal);
}

#[test]
fn broadcast_black_is_black() {
    let night =
        ArrayClip::new(320, 180).limited_range().frame(0, true, |x, y| 16 + (40.0 * scene(x, y)) as u8);
    assert_eq!(diagnose(&night).status, Status::Normal);
}

#[test]
fn thresholds_are_the_operator_s() {
    let finding = native::<Contrast>(&veiled(0.4), r#"{"least_contrast": 0.1, "least_tile_contrast": 0.1}"#)
        .unwrap()
        .findings
        .remove(0);
    assert_eq!(finding.status, Status::Normal);
}

#[test]
fn every_size_gives_a_judgement_or_a_reason() {
    for (width, height) in [(1, 1), (2, 9), (17, 33), (641, 35)] {
        let clip = ArrayClip::new(width, height).frame(0, true, |x, y| (x * 37 + y * 91) as u8);
        match native::<Contrast>(&clip, "{}") {
            Ok(report) => assert!(report.findings.iter().all(|f| (0.0..=100.0).contains(&f.score))),
            Err(failure) => assert!(matches!(failure, Failure::Inconclusive(_)), "{failure:?}"),
        }
    }
}

/// Returns the memory of a camera that showed this clip three times.
fn knowing(clip: &ArrayClip) -> CameraMemory {
    let mut camera = CameraMemory::default();
    for _ in 0..3 {
        assert_eq!(look(&mut camera, clip).status, Status::Normal);
    }
    camera
}

fn look(camera: &mut CameraMemory, clip: &ArrayClip) -> Finding {
    camera.diagnose::<Contrast>(clip, "{}").unwrap().findings.remove(0)
}

#[test]
fn a_thin_veil_shows_beside_the_usual_picture() {
    let clear = clip(|x, y| 5.0 + 100.0 * scene(x, y));
    let veiled = clip(|x, y| 25.0 + 0.5 * (5.0 + 100.0 * scene(x, y)));
    assert_eq!(diagnose(&veiled).status, Status::Normal);
    let finding = look(&mut knowing(&clear), &veiled);
    assert_eq!((finding.status, finding.decision.metric.as_str()), (Status::Warning, "veil"));
    assert!(finding.score < 50.0);
}

#[test]
fn night_and_a_road_without_its_cars_are_no_veil() {
    let day = clip(|x, y| 10.0 + 220.0 * scene(x, y));
    let mut camera = knowing(&day);
    assert_eq!(look(&mut camera, &clip(|x, y| 4.0 + 60.0 * scene(x, y))).status, Status::Normal);
    let road = |car: bool| {
        clip(move |x, y| match x {
            0..8 if car => 20.0,
            8..12 => 225.0,
            _ => 90.0 + 35.0 * scene(x, y),
        })
    };
    let mut camera = knowing(&road(true));
    assert_eq!(look(&mut camera, &road(false)).status, Status::Normal);
    // The same by night.
    let night = clip(|x, y| if x < 8 { 140.0 } else { 0.6 * (90.0 + 35.0 * scene(x, y)) });
    assert_eq!(look(&mut camera, &night).status, Status::Normal);
}

#[test]
fn a_road_from_above_with_dark_cars_on_its_nearer_part_is_no_fog() {
    let road = clip(|x, y| {
        let car = y > 120 && (150..240).contains(&x);
        let paint = x % 160 < 4 && y % 40 < 20;
        if car {
            60.0
        } else if paint {
            215.0
        } else {
            128.0 + f64::from((x * 5 + y * 3) % 4)
        }
    });
    let finding = diagnose(&road);
    assert_eq!(finding.status, Status::Normal, "{finding:?}");
}

/// Trees and a road with a horizon a third of the way down. `clear` is the share of light that the air transmits
/// over one unit of distance.
fn landscape(clear: f64, sky: f64) -> ArrayClip {
    clip(move |x, y| {
        let below = f64::from(y) / 180.0 - 0.33;
        if below <= 0.0 {
            return sky;
        }
        // A dark car near the camera.
        if y > 140 && x < 12 {
            return 12.0 + 20.0 * scene(x, y);
        }
        let through = clear.powf(0.1 / below.max(0.02));
        through * (20.0 + 180.0 * scene(x, y)) + (1.0 - through) * sky
    })
}

#[test]
fn fog_takes_what_is_far_and_leaves_what_is_near() {
    let fog = diagnose(&landscape(0.02, 190.0));
    assert_ne!(fog.status, Status::Normal);
    assert_eq!(fog.decision.metric, "transmission");
    assert!(fog.message.en.starts_with("Fog"), "{}", fog.message.en);
    assert_eq!(fog.regions.len(), 1);
}

#[test]
fn an_overcast_sky_over_a_clear_landscape_is_no_fog() {
    let clear = diagnose(&landscape(0.97, 190.0));
    assert_eq!(clear.status, Status::Normal);
    // A sky that covers two thirds of the picture.
    let sky = clip(|x, y| if y < 120 { 200.0 } else { 20.0 + 150.0 * scene(x, y) });
    assert_eq!(diagnose(&sky).status, Status::Normal);
}

#[test]
fn the_score_falls_with_every_step_of_fog() {
    let scores: Vec<f32> =
        [0.97, 0.8, 0.5, 0.2, 0.05, 0.01].map(|clear| diagnose(&landscape(clear, 190.0)).score).to_vec();
    assert!(scores.is_sorted_by(|clearer, foggier| clearer > foggier), "{scores:?}");
}

/// A road that fills the picture, in one grey with some texture, at the given brightness.
fn plain_road(light: f64) -> ArrayClip {
    clip(move |x, y| light * (120.0 + 40.0 * random(x / 3, y / 3)))
}

#[test]
fn a_view_that_is_narrow_at_every_look_is_learnt() {
    let mut camera = CameraMemory::default();
    let lights = [0.8, 1.0, 1.2, 0.9, 1.3, 0.8, 1.1, 1.2];
    assert_ne!(look(&mut camera, &plain_road(1.0)).status, Status::Normal);
    for light in lights {
        look(&mut camera, &plain_road(light));
    }
    assert_eq!(look(&mut camera, &plain_road(1.0)).status, Status::Normal);
    // A picture that is much paler than all earlier pictures is still found.
    let veiled = clip(|x, y| 0.4 * (120.0 + 40.0 * random(x / 3, y / 3)) + 100.0);
    assert_ne!(look(&mut camera, &veiled).status, Status::Normal);
}

#[test]
fn alike_looks_in_the_same_light_prove_no_nature() {
    let mut camera = CameraMemory::default();
    for _ in 0..12 {
        assert_ne!(look(&mut camera, &plain_road(1.0)).status, Status::Normal);
    }
}

#[test]
fn a_first_week_in_fog_is_not_learnt() {
    let mut camera = CameraMemory::default();
    for at in 0..30_u32 {
        let clear = [0.03, 0.01, 0.004, 0.015, 0.001][at as usize % 5];
        let sky = 150.0 + f64::from(at % 7) * 12.0;
        assert_ne!(look(&mut camera, &landscape(clear, sky)).status, Status::Normal, "look {at}");
    }
}

#[test]
fn a_veil_must_show_beside_most_looks() {
    let day = |lift: f64, span: f64| clip(move |x, y| lift + span * scene(x, y));
    let mut camera = CameraMemory::default();
    for at in 0..10 {
        // Half of the earlier clips are as pale as the present one.
        let pale = if at % 2 == 0 { day(5.0, 180.0) } else { day(60.0, 110.0) };
        look(&mut camera, &pale);
    }
    assert_eq!(look(&mut camera, &day(60.0, 110.0)).status, Status::Normal);
}

#[test]
fn thin_fog_shows_beside_the_usual_air_and_a_blurred_picture_does_not() {
    let clear = |at: u32| landscape(0.97, 185.0 + f64::from(at) * 3.0);
    let thin = landscape(0.35, 190.0);
    assert_eq!(diagnose(&thin).status, Status::Normal);
    let mut camera = CameraMemory::default();
    for at in 0..4 {
        assert_eq!(look(&mut camera, &clear(at)).status, Status::Normal);
    }
    let finding = look(&mut camera.clone(), &thin);
    assert_eq!(finding.status, Status::Warning, "{:?}", finding.metrics);
    assert!(finding.message.en.contains("compared with 4 earlier checks"), "{}", finding.message.en);
    let blurred = clip(|x, y| {
        let sum: f64 = (0..49).map(|at| scene((x + at % 7 * 2).min(319), (y + at / 7 * 2).min(179))).sum();
        if y < 60 { 190.0 } else { 20.0 + 180.0 * sum / 49.0 }
    });
    assert_eq!(look(&mut camera, &blurred).status, Status::Normal);
}
