//! Tests of the faults that must be found and, above all, of the healthy pictures that must not raise an alarm.

use easysight_sdk::{
    Extent, explanations_of, native,
    testing::{ArrayClip, CameraMemory},
};

use super::*;

const WIDTH: u32 = 640;
const HEIGHT: u32 = 360;

/// A deterministic pseudo-random value, 0 to 1, for each pixel and frame.
fn scatter(x: u32, y: u32, frame: u32) -> f64 {
    let mixed = x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77) ^ frame.wrapping_mul(0x27D4_EB2F);
    let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0xC2B2_AE35);
    f64::from((mixed ^ (mixed >> 13)) >> 8) / f64::from(1_u32 << 24)
}

/// Returns the height, `x` pixels beyond the middle, of a step of height 1 that is blurred by a Gaussian of radius
/// `sigma`.
fn step(x: f64, sigma: f64) -> f64 {
    // The logistic function differs from the normal distribution by at most a hundredth.
    1.0 / (1.0 + (-1.702 * x / sigma).exp())
}

/// A scene of dark and bright boxes. `upright` and `level` are the blur radii of the vertical and the horizontal
/// edges, for a picture 640 wide.
fn boxes(x: f64, y: f64, upright: f64, level: f64) -> f64 {
    let wave = |at: f64, sigma: f64| {
        // The period is not a whole number of pixels, so that edges have every position between pixels.
        let within = at.rem_euclid(41.3);
        step(within - 10.0, sigma) - step(within - 30.0, sigma)
    };
    60.0 + 110.0 * wave(x, upright) * wave(y, level)
}

fn scene(width: u32, upright: f64, level: f64, noise: f64) -> ArrayClip {
    let height = width * HEIGHT / WIDTH;
    let scale = f64::from(WIDTH) / f64::from(width);
    let frames = if noise > 0.0 { 3 } else { 1 };
    (0..frames).fold(ArrayClip::new(width, height), |clip, frame| {
        clip.frame(u64::from(frame) * 1_000_000, true, |x, y| {
            let at = |v: u32| (f64::from(v) + 0.5) * scale;
            let hiss = noise * 3.46 * (scatter(x, y, frame) - 0.5);
            (boxes(at(x), at(y), upright, level) + hiss).round() as u8
        })
    })
}

fn diagnose(clip: &ArrayClip) -> [Finding; 2] {
    native::<Clarity>(clip, "{}").unwrap().findings.try_into().unwrap()
}

fn statuses(clip: &ArrayClip) -> [Status; 2] {
    diagnose(clip).map(|finding| finding.status)
}

#[test]
fn sharp_pictures_are_normal_at_every_size() {
    for width in [320, 640, 1280, 1920] {
        let blur = 0.6_f64.max(0.6 * 640.0 / f64::from(width));
        assert_eq!(statuses(&scene(width, blur, blur, 0.0)), [Status::Normal; 2], "{width}");
    }
}

#[test]
fn mild_blur_is_found_and_worse_when_wider() {
    let [mild, strong] = [1.6, 3.0].map(|blur| diagnose(&scene(WIDTH, blur, blur, 0.0)));
    for (mild, strong) in mild.iter().zip(&strong) {
        assert_ne!(mild.status, Status::Normal);
        assert_eq!(strong.status, Status::Error);
        assert!(strong.score < mild.score && mild.score < 50.0);
        assert!(!mild.suggestions.is_empty());
    }
}

#[test]
fn the_radius_measured_is_the_radius_of_the_blur() {
    for blur in [1.0, 1.5, 2.0] {
        let [clarity, _] = diagnose(&scene(WIDTH, blur, blur, 0.0));
        let radius = clarity.metrics.iter().find(|metric| metric.name == "typical_radius").unwrap().value;
        assert!((radius / blur - 1.0).abs() < 0.25, "{blur} measured as {radius}");
    }
}

#[test]
fn an_upscaled_substream_is_as_sharp_as_it_was() {
    // Three times as wide, and therefore three times as soft in its own pixels.
    let [clarity, focus] = diagnose(&scene(1920, 0.7, 0.7, 0.0));
    assert_eq!([clarity.status, focus.status], [Status::Normal; 2]);
}

#[test]
fn noise_is_not_taken_for_blur_nor_does_it_hide_it() {
    assert_eq!(statuses(&scene(WIDTH, 0.6, 0.6, 10.0)), [Status::Normal; 2]);
    assert!(statuses(&scene(WIDTH, 2.2, 2.2, 3.0)).iter().all(|status| *status != Status::Normal));
}

#[test]
fn blur_one_way_is_motion() {
    assert_eq!(statuses(&scene(WIDTH, 4.0, 0.6, 0.0)), [Status::Normal; 2]);
}

#[test]
fn fog_takes_contrast_and_not_sharpness() {
    let fog = ArrayClip::new(WIDTH, HEIGHT)
        .frame(0, true, |x, y| (0.4 * boxes(f64::from(x), f64::from(y), 0.6, 0.6) + 120.0) as u8);
    assert_eq!(statuses(&fog), [Status::Normal; 2]);
}

#[test]
fn a_soft_background_behind_something_sharp_is_no_matter_of_focus() {
    let clip = ArrayClip::new(WIDTH, HEIGHT).frame(0, true, |x, y| {
        let blur = if x < 240 { 0.6 } else { 3.0 };
        boxes(f64::from(x), f64::from(y), blur, blur) as u8
    });
    let [clarity, focus] = diagnose(&clip);
    assert_eq!(focus.status, Status::Normal);
    assert_ne!(clarity.status, Status::Normal);
    assert!(!clarity.regions.is_empty());
    assert!(clarity.regions.iter().all(|region| region.left >= 0.3), "{:?}", clarity.regions);
}

#[test]
fn lettering_drawn_over_an_unsharp_picture_does_not_save_it() {
    let clip = ArrayClip::new(WIDTH, HEIGHT).frame(0, true, |x, y| {
        if y < 40 && x % 12 < 3 { 255 } else { boxes(f64::from(x), f64::from(y), 2.0, 2.0) as u8 }
    });
    assert!(statuses(&clip).iter().all(|status| *status != Status::Normal));
}

#[test]
fn walls_dark_and_single_colours_cannot_tell() {
    let pictures: [fn(u32, u32) -> f64; 3] = [
        |x, y| 128.0 + 6.0 * scatter(x, y, 0),
        |x, y| 2.0 + 0.05 * boxes(f64::from(x), f64::from(y), 2.0, 2.0),
        |_, _| 40.0,
    ];
    for picture in pictures {
        let clip = ArrayClip::new(WIDTH, HEIGHT).frame(0, true, |x, y| picture(x, y) as u8);
        let failure = native::<Clarity>(&clip, "{}").unwrap_err();
        assert!(matches!(failure, Failure::Inconclusive(_)), "{failure:?}");
    }
}

#[test]
fn thresholds_are_the_operator_s() {
    let soft = scene(WIDTH, 1.6, 1.6, 0.0);
    let config = r#"{"most_typical_radius": 2.5, "most_sharpest_radius": 2.5}"#;
    let report = native::<Clarity>(&soft, config).unwrap();
    assert!(report.findings.iter().all(|finding| finding.status == Status::Normal));
}

#[test]
fn every_size_gives_a_judgement_or_a_reason() {
    for (width, height) in [(1, 1), (16, 16), (17, 33), (64, 48), (320, 200), (641, 359)] {
        let clip = ArrayClip::new(width, height).frame(0, true, |x, y| (x * 37 + y * 91) as u8);
        match native::<Clarity>(&clip, "{}") {
            Ok(report) => assert!(report.findings.iter().all(|f| (0.0..=100.0).contains(&f.score))),
            Err(failure) => assert!(matches!(failure, Failure::Inconclusive(_)), "{failure:?}"),
        }
    }
}

/// Returns the findings for a clip of a camera whose earlier pictures had a blur radius of `usual`.
fn after_looks(usual: f64, clip: &ArrayClip) -> [Finding; 2] {
    let mut camera = CameraMemory::default();
    for look in 0..usual::LEAST_LOOKS {
        let blur = usual + 0.02 * f64::from(look % 3);
        let report = camera.diagnose::<Clarity>(&scene(WIDTH, blur, blur, 0.0), "{}").unwrap();
        assert!(report.findings.iter().all(|finding| finding.status == Status::Normal));
    }
    camera.diagnose::<Clarity>(clip, "{}").unwrap().findings.try_into().unwrap()
}

#[test]
fn a_slight_blur_is_found_beside_what_is_usual() {
    let slight = scene(WIDTH, 0.85, 0.85, 0.0);
    assert_eq!(statuses(&slight), [Status::Normal; 2]);
    for finding in after_looks(0.55, &slight) {
        assert_ne!(finding.status, Status::Normal, "{:?}", finding.metrics);
        assert!(finding.message.en.contains("6 earlier checks"), "{}", finding.message.en);
    }
    // A camera that was always this soft is normal.
    for finding in after_looks(0.8, &slight) {
        assert_eq!(finding.status, Status::Normal, "{:?}", finding.metrics);
    }
}

#[test]
fn a_half_that_became_soft_is_found_beside_what_is_usual() {
    let tilted = ArrayClip::new(WIDTH, HEIGHT).frame(0, true, |x, y| {
        let blur = if x < WIDTH / 2 { 0.6 } else { 1.3 };
        boxes(f64::from(x), f64::from(y), blur, blur) as u8
    });
    let [clarity, focus] = after_looks(0.6, &tilted);
    assert_ne!(clarity.status, Status::Normal, "{:?}", clarity.metrics);
    assert!(clarity.message.en.contains("One half"), "{}", clarity.message.en);
    assert_eq!(focus.status, Status::Normal);
}

#[test]
fn a_lens_that_loses_its_focus_within_the_clip_is_found_without_a_memory() {
    let clip = (0..3_u32).fold(ArrayClip::new(WIDTH, HEIGHT), |clip, frame| {
        let blur = [0.6, 0.7, 1.0][frame as usize];
        clip.frame(u64::from(frame) * 1_000_000, true, |x, y| {
            boxes(f64::from(x), f64::from(y), blur, blur) as u8
        })
    });
    for finding in diagnose(&clip) {
        assert_ne!(finding.status, Status::Normal, "{:?}", finding.metrics);
        assert!(finding.message.en.contains("within this clip"), "{}", finding.message.en);
    }
}

#[test]
fn a_camera_that_is_soft_by_nature_is_learnt_after_many_looks() {
    let soft = scene(WIDTH, 1.3, 1.3, 0.0);
    let mut camera = CameraMemory::default();
    let mut look = |clip: &ArrayClip| camera.diagnose::<Clarity>(clip, "{}").unwrap().findings;
    assert!(look(&soft).iter().all(|finding| finding.status != Status::Normal));
    let last = (0..usual::MANY_LOOKS).map(|_| look(&soft)).last().unwrap();
    assert!(last.iter().all(|finding| finding.status == Status::Normal));
    let softer = look(&scene(WIDTH, 1.7, 1.7, 0.0));
    assert!(softer.iter().all(|finding| finding.status != Status::Normal));
}

#[test]
fn defocus_explains_a_cover_only_if_the_network_suspects_it() {
    let explanations = explanations_of::<Clarity>();
    let focus = explanations.into_iter().filter(|explanation| explanation.diagnosis == "focus_blur");
    let consequences = focus.flat_map(|explanation| match explanation.explains {
        Extent::These(consequences) => consequences,
        Extent::Everything => panic!("a defocused picture still shows a scene"),
    });
    // A cover that the memory or its shape shows is a fault of its own, even if the rest is out of focus.
    let covers: Vec<Option<String>> = consequences
        .filter(|consequence| consequence.diagnosis == "occlusion")
        .map(|consequence| consequence.decided_by)
        .collect();
    assert_eq!(covers, [Some("learned_odds".to_owned())]);
}
