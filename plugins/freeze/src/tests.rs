//! Tests of the faults that must be found and, above all, of the healthy pictures that must not raise an alarm.

use easysight_sdk::{
    Finding, Status, native,
    testing::{ArrayClip, CameraMemory},
};

use super::*;

const WIDTH: u32 = 192;
const HEIGHT: u32 = 128;

/// A deterministic pseudo-random value, 0 to 255, for each pixel at each time.
fn scatter(x: u32, y: u32, t: u32) -> u8 {
    (x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77) ^ t.wrapping_mul(0x27D4_EB2F))
        .wrapping_mul(0xC2B2_AE35)
        .to_be_bytes()[0]
}

/// Brickwork.
fn wall(x: u32, y: u32) -> u8 {
    if x % 16 < 2 || y % 8 < 1 { 60 } else { 130 + scatter(x / 16, y / 8, 7) / 8 }
}

/// 16 frames, one every 200 ms, with luma from `luma(x, y, frame)` and a keyframe every `gop` frames.
fn clip(gop: u32, luma: impl Fn(u32, u32, u32) -> u8) -> ArrayClip {
    (0..16).fold(ArrayClip::new(WIDTH, HEIGHT), |clip, t| {
        clip.frame(u64::from(t) * 200_000, t % gop == 0, |x, y| luma(x, y, t))
    })
}

fn judge(clip: &ArrayClip) -> Result<Finding, Failure> {
    native::<Freeze>(clip, "{}").map(|mut report| report.findings.remove(0))
}

fn status(clip: &ArrayClip) -> Status {
    judge(clip).unwrap().status
}

/// A static picture as an encoder renders it: each keyframe is coded slightly differently, and is repeated until the
/// next keyframe.
fn recoded(x: u32, y: u32, t: u32, gop: u32) -> u8 {
    wall(x, y) + scatter(x, y, t / gop) % 5
}

#[test]
fn a_picture_that_repeats_exactly_is_frozen() {
    let finding = judge(&clip(100, |x, y, _| wall(x, y))).unwrap();
    assert_eq!(finding.status, Status::Error);
    assert!(finding.score < 50.0);
    assert_eq!(finding.decision.metric, "changed_share");
    assert!(!finding.suggestions.is_empty());
}

#[test]
fn a_frozen_picture_is_found_through_keyframes_that_code_it_afresh() {
    for gop in [5, 8, 10] {
        assert_eq!(
            status(&clip(gop, |x, y, t| recoded(x, y, t, gop))),
            Status::Error,
            "keyframe every {gop}"
        );
    }
}

#[test]
fn a_keyframe_soon_after_the_frame_before_it_is_seen() {
    // Twelve frames a second, of which the first one in every 200 ms is shown; a keyframe every two seconds.
    let shown = [0, 3, 5, 7, 10, 12, 15, 17, 19, 22, 24, 27, 29, 31, 34, 36];
    let frozen = shown.into_iter().fold(ArrayClip::new(WIDTH, HEIGHT), |clip, t: u32| {
        let at_us = u64::from(t) * 1_000_000 / 12;
        clip.frame(at_us, t.is_multiple_of(24), |x, y| recoded(x, y, t, 24))
    });
    assert_eq!(status(&frozen), Status::Error);
}

#[test]
fn a_frozen_picture_under_a_running_clock_is_found() {
    let clock = |x, y, t| {
        if x < 32 && y < 16 { scatter(x / 4, y / 4, t / 5) } else { wall(x, y) }
    };
    assert_eq!(status(&clip(100, clock)), Status::Error);
}

#[test]
fn a_frozen_stream_of_keyframes_is_found() {
    assert_eq!(status(&clip(1, |x, y, _| wall(x, y))), Status::Error);
}

#[test]
fn frozen_noise_in_the_dark_is_found() {
    assert_eq!(status(&clip(100, |x, y, _| scatter(x, y, 0) / 16)), Status::Error);
}

#[test]
fn a_static_scene_with_sensor_noise_is_live() {
    let noisy = |x, y, t| wall(x, y) + scatter(x, y, t) % 3;
    let finding = judge(&clip(8, noisy)).unwrap();
    assert_eq!(finding.status, Status::Normal);
    assert!(finding.score > 99.0);
}

#[test]
fn a_static_scene_whose_noise_the_encoder_erases_in_part_is_live() {
    // In each frame 98 % of the tiles are exact repeats.
    let erased = |x, y, t| {
        let epoch = (0..=t).rev().find(|&e| scatter(x / 16, y / 16, e) < 6).unwrap_or(0);
        wall(x, y) + scatter(x, y, epoch) % 3
    };
    assert_eq!(status(&clip(100, erased)), Status::Normal);
}

/// Noise comes through in a few tiles now and then, until the encoder's rate falls at a keyframe in the middle of the
/// clip. After this keyframe, no noise comes through.
#[test]
fn a_scene_whose_noise_is_erased_from_a_keyframe_on_is_live() {
    let sporadic = |x, y, t: u32| {
        let shown = t.min(7);
        let epoch = (0..=shown).rev().find(|&e| e % 2 == 0 && scatter(x / 16, y / 16, e) < 10).unwrap_or(0);
        wall(x, y) + scatter(x, y, epoch + 20 * (t / 8)) % 3
    };
    let finding = judge(&clip(8, sporadic)).unwrap();
    assert_eq!(finding.status, Status::Normal, "{finding:?}");
    assert!(finding.score > 50.0, "{finding:?}");
}

/// The encoder of a frozen picture changes fewer tiles from frame to frame, and finally none.
#[test]
fn a_picture_that_froze_and_was_refined_until_the_next_keyframe_is_frozen() {
    let refined = |x: u32, y: u32, t: u32| {
        let rounds: u8 =
            (0..t.min(7)).map(|round| u8::from(scatter(x / 16, y / 16, round) < 150 >> round)).sum();
        wall(x, y) + rounds + 3 * (t / 8) as u8
    };
    assert_eq!(status(&clip(8, refined)), Status::Error);
}

#[test]
fn close_keyframes_tell_a_frozen_picture_from_noise() {
    // An encoder of constant quality settles on a few renderings of a static picture.
    let frozen = |x, y, t| wall(x, y) + scatter(x, y, [0, 1, 2, 1, 2][(t / 2 % 5) as usize]) % 4;
    let finding = judge(&clip(2, frozen)).unwrap();
    assert_eq!(finding.status, Status::Error, "{finding:?}");
    assert_eq!(finding.decision.metric, "renewed_share");
    let live = |x, y, t| wall(x, y) + scatter(x, y, t / 2) % 4;
    assert_eq!(status(&clip(2, live)), Status::Normal);
}

#[test]
fn close_keyframes_that_erase_the_noise_of_a_live_picture_cannot_tell() {
    // Four frames from keyframe to keyframe. Noise comes through in a tile here and there.
    let live = |x: u32, y: u32, t: u32| {
        let shown = (x / 16).is_multiple_of(3) || (x / 16 + y / 16 + t).is_multiple_of(11);
        wall(x, y) + if shown && t % 4 != 1 { scatter(x, y, t) % 4 } else { 0 }
    };
    assert!(matches!(judge(&clip(4, live)), Err(Failure::Inconclusive(_))));
}

#[test]
fn a_single_tile_that_changes_at_rest_is_of_a_live_picture() {
    let news = |x: u32, y: u32, t: u32| wall(x, y) + u8::from(t >= 11 && x / 16 == 3 && y / 16 == 4);
    assert_eq!(status(&clip(100, news)), Status::Normal);
    // New content at the first frame for which the encoder has settled after a keyframe.
    assert_eq!(status(&clip(7, news)), Status::Normal);
}

#[test]
fn dark_things_that_pass_everywhere_are_not_what_an_encoder_refines() {
    let mut camera = CameraMemory::default();
    // The changes are too small to count as motion. Each change stays in its place until the clip ends.
    let shade = |x: u32, y: u32, t: u32| {
        let passed = (0..=t).filter(|e| scatter(x / 16, y / 16, *e) < 40).count().min(4) as u8;
        wall(x, y) - 12 * passed
    };
    let dark = clip(100, shade);
    for _ in 0..=ALIKE_CHECKS {
        assert_eq!(check(&mut camera, &dark), Status::Normal);
    }
}

#[test]
fn a_dark_night_with_noise_is_live() {
    assert_eq!(status(&clip(100, |x, y, t| scatter(x, y, t) / 16)), Status::Normal);
}

#[test]
fn a_live_stream_of_keyframes_is_live() {
    assert_eq!(status(&clip(1, |x, y, t| wall(x, y) + scatter(x, y, t) % 3)), Status::Normal);
}

#[test]
fn something_that_moves_now_and_then_is_live() {
    // A person enters a second into the clip, and steps again a second later.
    let steps = |x, y, t| {
        let place = 40 * (t / 5);
        if (place..place + 32).contains(&x) && y > 40 { 20 } else { wall(x, y) }
    };
    assert_eq!(status(&clip(100, steps)), Status::Normal);
}

#[test]
fn a_picture_that_froze_within_the_clip_is_found_once_it_stood_long_enough() {
    let noise_until = |last: u32| move |x, y, t: u32| wall(x, y) + scatter(x, y, t.min(last)) % 3;
    assert_eq!(status(&clip(100, noise_until(5))), Status::Error);
    assert_eq!(status(&clip(100, noise_until(12))), Status::Normal);
    let walks_until = |last: u32| {
        move |x, y, t: u32| {
            let place = 10 * t.min(last);
            if (place..place + 32).contains(&x) && y > 40 { 20 } else { wall(x, y) }
        }
    };
    assert_eq!(status(&clip(100, walks_until(5))), Status::Error);
    assert_eq!(status(&clip(100, walks_until(12))), Status::Normal);
}

#[test]
fn what_stood_still_and_moves_at_the_end_is_live() {
    let steps_in = |x, y, t| if t >= 13 && x < 40 && y > 40 { 20 } else { wall(x, y) };
    assert_eq!(status(&clip(100, steps_in)), Status::Normal);
}

/// An encoder that alternates between two renderings of the same picture, as B-frames do.
#[test]
fn a_frozen_picture_in_two_renderings_is_frozen() {
    assert_eq!(status(&clip(100, |x, y, t| recoded(x, y, t % 2, 1))), Status::Error);
}

/// An encoder with too few bits refines a static picture, tile by tile and step by step.
fn refining(x: u32, y: u32, t: u32) -> u8 {
    let fault = 8 - (t / 2).min(8);
    let begun = t >= u32::from(scatter(x / 16, y / 16, 3) % 2);
    wall(x, y) + (scatter(x, y, 5) % 5) * (if begun { fault as u8 } else { 8 }) / 2
}

#[test]
fn a_picture_that_an_encoder_refines_for_seconds_cannot_tell_at_once() {
    let finding = judge(&clip(100, refining)).unwrap();
    assert_eq!(finding.status, Status::Normal, "{finding:?}");
    assert!(finding.score < 55.0);
}

#[test]
fn a_picture_that_stays_alike_over_several_checks_is_frozen_although_it_is_refined() {
    let mut camera = CameraMemory::default();
    let refined = clip(100, refining);
    let checks: Vec<Status> = (0..ALIKE_CHECKS).map(|_| check(&mut camera, &refined)).collect();
    let (last, before) = checks.split_last().unwrap();
    assert!(before.iter().all(|status| *status == Status::Normal), "{checks:?}");
    assert_eq!(*last, Status::Error);
}

#[test]
fn a_scene_that_stood_still_and_is_another_later_is_known_to_have_its_noise_erased() {
    let mut camera = CameraMemory::default();
    let still =
        |place: u32| clip(100, move |x, y, _| if (place..place + 60).contains(&x) { 20 } else { wall(x, y) });
    assert_eq!(check(&mut camera, &still(0)), Status::Error);
    assert_eq!(check(&mut camera, &still(70)), Status::Normal);
    assert_eq!(check(&mut camera, &still(30)), Status::Normal);
    // The picture is frozen from now on.
    for _ in 2..ALIKE_CHECKS {
        assert_eq!(check(&mut camera, &still(30)), Status::Normal);
    }
    assert_eq!(check(&mut camera, &still(30)), Status::Error);
}

/// A camera that showed changing noise in three checks.
fn camera_with_noise() -> CameraMemory {
    let mut camera = CameraMemory::default();
    for number in 0..3 {
        let live = clip(8, |x, y, t| wall(x, y) + scatter(x, y, 16 * number + t) % 8);
        assert_eq!(check(&mut camera, &live), Status::Normal);
    }
    camera
}

/// A single tile that changes at rest. Noise may cause such a change, and so may an encoder that refines a picture.
fn news(x: u32, y: u32, t: u32) -> u8 {
    u8::from(t >= 11 && x / 16 == 3 && y / 16 == 4)
}

#[test]
fn noise_that_stands_still_in_the_picture_of_a_known_camera_is_a_freeze() {
    let frozen = clip(100, |x, y, t| wall(x, y) + scatter(x, y, 99) % 8 + news(x, y, t));
    // Without a memory this could be a live picture.
    assert_eq!(status(&frozen), Status::Normal);
    let mut camera = camera_with_noise();
    for _ in 0..3 {
        let report = camera.diagnose::<Freeze>(&frozen, "{}").unwrap();
        let finding = &report.findings[0];
        assert_eq!(finding.status, Status::Error, "{finding:?}");
        assert_eq!(finding.decision.metric, "grain");
        assert!(finding.score < 50.0 && finding.message.en.contains("3 earlier checks"), "{finding:?}");
    }
}

#[test]
fn noise_that_an_encoder_or_better_light_removes_is_no_freeze() {
    // The noise is gone from the picture itself.
    let smooth = clip(100, |x, y, t| wall(x, y) + 4 + news(x, y, t));
    assert_eq!(check(&mut camera_with_noise(), &smooth), Status::Normal);
    // Checks in other light are no evidence.
    let darker = clip(100, |x, y, t| wall(x, y) - 10 + scatter(x, y, 99) % 8 + news(x, y, t));
    assert_eq!(check(&mut camera_with_noise(), &darker), Status::Normal);
    // Another encoder lets other noise through.
    let other = clip(100, |x, y, t| wall(x, y) + scatter(x, y, 99) % 8 + news(x, y, t)).codec("hevc");
    assert_eq!(check(&mut camera_with_noise(), &other), Status::Normal);
}

#[test]
fn a_camera_that_lives_without_noise_is_learnt() {
    let mut camera = camera_with_noise();
    // Each check shows another scene, so the noise that stands still is a texture.
    let scene = |number: u32| {
        clip(100, move |x, y, t| wall(x + 5 * number, y) + scatter(x, y, 99 + number) % 8 + news(x, y, t))
    };
    let checks: Vec<Status> = (0..4).map(|number| check(&mut camera, &scene(number))).collect();
    assert_eq!(checks, [Status::Error, Status::Normal, Status::Normal, Status::Normal]);
}

fn check(camera: &mut CameraMemory, clip: &ArrayClip) -> Status {
    camera.diagnose::<Freeze>(clip, "{}").unwrap().findings.remove(0).status
}

/// The effect of MPEG-4 and MPEG-2 at a constant rate: a few renderings of each tile return again and again. With a
/// keyframe at every second compared frame, the encoder never settles.
fn in_renderings(x: u32, y: u32, t: u32) -> u8 {
    wall(x, y) + scatter(x, y, [0, 1, 0, 2][(t % 4) as usize]) % 3
}

#[test]
fn a_picture_whose_renderings_come_again_is_frozen_though_no_encoder_settles() {
    let frozen = (0..16).fold(ArrayClip::new(WIDTH, HEIGHT), |clip, t| {
        clip.frame(u64::from(t) * 200_000, t % 2 == 0 && t < 6, |x, y| in_renderings(x, y, t))
    });
    let finding = judge(&frozen).unwrap();
    assert_eq!(finding.status, Status::Error, "{finding:?}");
}

#[test]
fn a_freeze_from_the_middle_on_is_judged_by_the_end() {
    let until = |x, y, t: u32| {
        let place = 12 * t.min(6);
        if (place..place + 32).contains(&x) && y > 40 { 20 } else { in_renderings(x, y, t) }
    };
    assert_eq!(status(&clip(3, until)), Status::Error);
}

#[test]
fn frames_in_between_that_others_asked_for_change_nothing() {
    let shown = |x: u32, y: u32, at_us: u64| wall(x, y) + scatter(x, y, (at_us / 480_000) as u32) % 4;
    let frames = |times: &[u64]| {
        times.iter().fold(ArrayClip::new(WIDTH, HEIGHT), |clip, &at_us| {
            clip.frame(at_us, at_us % 480_000 == 0, |x, y| shown(x, y, at_us))
        })
    };
    let alone: Vec<u64> = (0..16).map(|at| at * 200_000).collect();
    let full: Vec<u64> = (0..25).map(|at| at * 40_000).chain((5..16).map(|at| at * 200_000)).collect();
    let [one, other] = [alone, full].map(|times| format!("{:?}", judge(&frames(&times))));
    assert_eq!(one, other);
}

#[test]
fn a_cut_to_another_picture_is_no_freeze() {
    let cut = |x, y, t| if t < 8 { wall(x, y) } else { wall(x + 5, y + 3) };
    assert_eq!(status(&clip(8, cut)), Status::Normal);
}

#[test]
fn a_flat_picture_cannot_tell() {
    let failure = judge(&clip(100, |_, _, _| 90)).unwrap_err();
    assert!(matches!(failure, Failure::Inconclusive(_)));
}

#[test]
fn a_still_clip_that_is_too_short_cannot_tell() {
    let short = (0..6).fold(ArrayClip::new(WIDTH, HEIGHT), |clip, t| clip.frame(t * 200_000, t == 0, wall));
    assert!(matches!(judge(&short), Err(Failure::Inconclusive(_))));
}

#[test]
fn a_short_clip_that_moves_is_live() {
    let short = (0..6_u32).fold(ArrayClip::new(WIDTH, HEIGHT), |clip, t| {
        clip.frame(u64::from(t) * 200_000, t == 0, |x, y| wall(x, y) + scatter(x, y, t) % 3)
    });
    assert_eq!(status(&short), Status::Normal);
}

#[test]
fn a_single_picture_or_a_clock_that_stands_is_unsupported() {
    let single = ArrayClip::new(WIDTH, HEIGHT).frame(0, true, wall);
    assert!(matches!(judge(&single), Err(Failure::UnsupportedClip(_))));
    let timeless = ArrayClip::new(WIDTH, HEIGHT).frame(0, true, wall).frame(0, false, wall);
    assert!(matches!(judge(&timeless), Err(Failure::UnsupportedClip(_))));
}

#[test]
fn tiny_pictures_do_not_make_it_fail() {
    let tiny = ArrayClip::new(8, 8).frame(0, true, wall).frame(3_000_000, false, wall);
    assert!(matches!(judge(&tiny), Err(Failure::Inconclusive(_))));
}
