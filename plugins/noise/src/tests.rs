//! Tests of the faults that must be found and, above all, of the healthy pictures that must not raise an alarm.

use easysight_sdk::{Finding, native, testing::ArrayClip};

use super::*;

/// A deterministic pseudo-random value of deviation 1 for each pixel and frame.
fn hiss(x: u32, y: u32, frame: u32) -> f64 {
    let once = |salt: u32| {
        let mixed = x.wrapping_mul(0x9E37_79B1)
            ^ y.wrapping_mul(0x85EB_CA77)
            ^ (frame + salt).wrapping_mul(0x27D4_EB2F);
        let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0xC2B2_AE35);
        let mixed = (mixed ^ (mixed >> 13)).wrapping_mul(0x1656_67B1);
        f64::from((mixed ^ (mixed >> 16)) >> 8) / f64::from(1_u32 << 24)
    };
    // The sum of three uniformly distributed values is close to a normal distribution; each has a variance of
    // 1/12.
    2.0 * (once(1_000) + once(2_000) + once(3_000) - 1.5)
}

fn scene(x: u32, y: u32) -> f64 {
    let boxed = if (x / 50 + y / 40).is_multiple_of(2) { 60.0 } else { 150.0 };
    boxed + f64::from(x) / 16.0
}

fn clip(luma: impl Fn(u32, u32, u32) -> f64) -> ArrayClip {
    (0..4).fold(ArrayClip::new(320, 180), |clip, frame| {
        clip.frame(u64::from(frame) * 200_000, frame == 0, |x, y| {
            luma(x, y, frame).round().clamp(0.0, 255.0) as u8
        })
    })
}

fn noisy(deviation: f64) -> ArrayClip {
    clip(move |x, y, frame| scene(x, y) + deviation * hiss(x, y, frame))
}

fn diagnose(clip: &ArrayClip) -> Finding {
    native::<NoisePlugin>(clip, "{}").unwrap().findings.remove(0)
}

fn measured(finding: &Finding) -> f64 {
    finding.metrics.iter().find(|metric| metric.name == "noise").unwrap().value
}

#[test]
fn the_noise_measured_is_the_noise_there_is() {
    for deviation in [2.0, 5.0, 10.0, 20.0] {
        let noise = measured(&diagnose(&noisy(deviation)));
        assert!((noise / deviation - 1.0).abs() < 0.15, "{deviation} measured as {noise}");
    }
}

#[test]
fn noise_is_found_and_worse_when_stronger() {
    let [slight, mild, strong] = [1.5, 8.0, 20.0].map(|deviation| diagnose(&noisy(deviation)));
    assert_eq!([slight.status, mild.status, strong.status], [Status::Normal, Status::Warning, Status::Error]);
    assert!(slight.score > 50.0 && 50.0 > mild.score && mild.score > strong.score);
    assert!(!mild.suggestions.is_empty());
}

#[test]
fn snow_is_found() {
    let snow = clip(|x, y, frame| if hiss(x, y, frame) > 1.5 { 240.0 } else { scene(x, y) });
    assert_ne!(diagnose(&snow).status, Status::Normal);
}

#[test]
fn grass_that_stands_still_is_texture() {
    let grass = clip(|x, y, _| 100.0 + 15.0 * hiss(x, y, 0));
    assert_eq!(measured(&diagnose(&grass)), 0.0);
}

#[test]
fn a_pan_over_soft_texture_is_movement() {
    let wave = |x: f64, y: f64| 100.0 + 40.0 * (x / 3.0).sin() * (y / 4.0).sin();
    let pan = clip(|x, y, frame| wave(f64::from(x + 3 * frame), f64::from(y)) + hiss(x, y, frame));
    assert_eq!(diagnose(&pan).status, Status::Normal);
}

#[test]
fn rain_leaves_most_of_the_picture_alone() {
    let rain = clip(|x, y, frame| {
        let drop = (x * 7 + y + 31 * frame) % 60 < 2;
        if drop { 200.0 } else { scene(x, y) + hiss(x, y, frame) }
    });
    assert_eq!(diagnose(&rain).status, Status::Normal);
}

#[test]
fn a_frozen_picture_is_not_noisy() {
    let frozen = clip(|x, y, _| scene(x, y) + 10.0 * hiss(x, y, 0));
    assert_eq!(diagnose(&frozen).status, Status::Normal);
}

#[test]
fn black_cannot_tell() {
    assert!(matches!(native::<NoisePlugin>(&clip(|_, _, _| 1.0), "{}"), Err(Failure::Inconclusive(_))));
    let black = ArrayClip::new(320, 180).frame(0, true, |_, _| 1);
    assert!(matches!(native::<NoisePlugin>(&black, "{}"), Err(Failure::Inconclusive(_))));
}

fn still(luma: impl Fn(u32, u32) -> f64) -> Finding {
    let still = ArrayClip::new(320, 180).frame(0, true, |x, y| luma(x, y).round().clamp(0.0, 255.0) as u8);
    diagnose(&still)
}

#[test]
fn a_single_picture_is_judged() {
    let noisy = still(|x, y| scene(x, y) + 18.0 * hiss(x, y, 0));
    assert_ne!(noisy.status, Status::Normal, "{noisy:?}");
    assert!(noisy.message.en.contains("this picture alone"), "{}", noisy.message.en);
    assert_eq!(still(|x, y| scene(x, y) + 3.0 * hiss(x, y, 0)).status, Status::Normal);
    let half_grass = still(|x, y| scene(x, y) + if y > 90 { 25.0 * hiss(x, y, 0) } else { 0.0 });
    assert_eq!(half_grass.status, Status::Normal, "{half_grass:?}");
}

#[test]
fn a_few_lone_pixels_everywhere_are_found_in_one_picture_and_in_several() {
    let specks = |x, y, t| if hiss(x, y, t) > 2.15 { 250.0 } else { scene(x, y) };
    let one = still(|x, y| specks(x, y, 0));
    assert_ne!(one.status, Status::Normal, "{one:?}");
    assert_eq!(one.decision.metric, "lone_pixels");
    assert_ne!(diagnose(&clip(specks)).status, Status::Normal);
}

#[test]
fn lamps_in_a_few_places_are_no_snow() {
    let lamps = still(|x, y| if x % 40 == 7 && y % 36 == 9 { 250.0 } else { scene(x, y) });
    assert_eq!(lamps.status, Status::Normal, "{lamps:?}");
}

#[test]
fn noise_that_was_smeared_is_found() {
    // Each sample is the mean of its own noise and that of three neighbours, so the noise is no longer white.
    let smeared = clip(|x, y, t| {
        let mean = hiss(x, y, t) + hiss(x + 1, y, t) + hiss(x, y + 1, t) + hiss(x + 1, y + 1, t);
        scene(x, y) + 5.5 * mean
    });
    assert_ne!(diagnose(&smeared).status, Status::Normal);
}

#[test]
fn noise_in_colour_only_is_found_and_colours_of_a_scene_are_none() {
    let picture = |colour: &dyn Fn(u32, u32) -> f64| {
        let luma = (0..320 * 180).map(|at| scene(at % 320, at / 320) as u8).collect();
        let plane = || (0..160 * 90).map(|at| (128.0 + colour(at % 160, at / 160)).round() as u8).collect();
        diagnose(&ArrayClip::new(320, 180).planes(0, true, [luma, plane(), plane()]))
    };
    let noisy = picture(&|x, y| 8.0 * hiss(x, y, 0));
    assert_eq!((noisy.status, noisy.decision.metric.as_str()), (Status::Warning, "colour_noise"));
    let flowers = picture(&|x, y| if x < 100 { 20.0 * hiss(x / 2, y / 2, 0) } else { 10.0 });
    assert_eq!(flowers.status, Status::Normal, "{flowers:?}");
}

/// One picture of leaves, fine and alike everywhere. If `bond` is 1, a brighter leaf is also greener. If `bond` is 0,
/// colour and brightness are independent.
fn leaves(bond: f64) -> Finding {
    // Some bushes are nearer than others; noise alone would be the same everywhere.
    let leaf = |x: u32, y: u32| if x < 80 { hiss(x, y, 0) } else { 0.67 * hiss(x, y, 0) };
    let sample = |value: f64| value.round().clamp(0.0, 255.0) as u8;
    let luma = (0..320 * 180).map(|at| sample(120.0 + 26.0 * leaf(at % 320 / 2, at / 640))).collect();
    let colour = |salt: u32, strength: f64| {
        let one = move |x, y| strength * (bond * leaf(x, y) + (1.0 - bond) * hiss(x, y, salt));
        (0..160 * 90).map(|at| sample(128.0 + one(at % 160, at / 160))).collect()
    };
    diagnose(&ArrayClip::new(320, 180).planes(0, true, [luma, colour(7, -8.0), colour(8, -6.0)]))
}

#[test]
fn what_differs_in_colour_and_brightness_at_once_is_no_noise() {
    assert_eq!(leaves(1.0).status, Status::Normal);
    assert_ne!(leaves(0.0).status, Status::Normal);
}

#[test]
fn thresholds_are_the_operator_s() {
    let finding = native::<NoisePlugin>(&noisy(8.0), r#"{"most_noise": 12}"#).unwrap().findings.remove(0);
    assert_eq!(finding.status, Status::Normal);
}

#[test]
fn every_size_gives_a_judgement_or_a_reason() {
    for (width, height) in [(1, 1), (18, 18), (17, 33), (64, 17), (641, 35)] {
        let clip = (0..3).fold(ArrayClip::new(width, height), |clip, frame| {
            clip.frame(frame * 100_000, true, |x, y| (x * 37 + y * 91) as u8)
        });
        match native::<NoisePlugin>(&clip, "{}") {
            Ok(report) => assert!(report.findings.iter().all(|f| (0.0..=100.0).contains(&f.score))),
            Err(failure) => assert!(matches!(failure, Failure::Inconclusive(_)), "{failure:?}"),
        }
    }
}
