//! Tests of the faults that must be found and, above all, of the healthy pictures that must not raise an alarm.

use easysight_sdk::{Finding, native, testing::ArrayClip};

use super::*;

const WIDTH: u32 = 240;
const HEIGHT: u32 = 144;
/// A frame every 40 ms.
const FRAME_US: u64 = 40_000;

/// A deterministic pseudo-random value, 0 to 255.
fn scatter(x: i64, y: i64, t: i64) -> u8 {
    let mixed =
        (x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77) ^ t.wrapping_mul(0x27D4_EB2F)) as u32;
    (mixed ^ mixed >> 15).wrapping_mul(0xC2B2_AE35).to_be_bytes()[0]
}

/// A wall of blocks with soft edges, each block in its own grey. The coordinates may lie between samples.
fn wall(x: f64, y: f64) -> f64 {
    let block = |i: i64, j: i64| 60.0 + f64::from(scatter(i, j, 1)) / 2.0;
    let (u, v) = (x / 12.0, y / 12.0);
    let (i, j) = (u.floor() as i64, v.floor() as i64);
    let soft = |t: f64| (8.0 * (t - 0.5) + 0.5).clamp(0.0, 1.0);
    let (s, t) = (soft(u - u.floor()), soft(v - v.floor()));
    let row = |j| block(i, j) * (1.0 - s) + block(i + 1, j) * s;
    row(j) * (1.0 - t) + row(j + 1) * t
}

/// Frames of the wall, with a little noise. `place` gives the viewpoint at a time in seconds.
fn clip(frames: u32, place: impl Fn(f64) -> (f64, f64)) -> ArrayClip {
    drawn(frames, |x, y, seconds| {
        let (dx, dy) = place(seconds);
        wall(x + dx, y + dy)
    })
}

fn drawn(frames: u32, luma: impl Fn(f64, f64, f64) -> f64) -> ArrayClip {
    (0..frames).fold(ArrayClip::new(WIDTH, HEIGHT), |clip, t| {
        let seconds = f64::from(t) * FRAME_US as f64 / 1e6;
        clip.frame(u64::from(t) * FRAME_US, t == 0, |x, y| {
            let noise = f64::from(scatter(x.into(), y.into(), t.into()) % 5) - 2.0;
            (luma(f64::from(x), f64::from(y), seconds) + noise).round().clamp(0.0, 255.0) as u8
        })
    })
}

fn judge(clip: &ArrayClip) -> Result<Finding, Failure> {
    native::<Shake>(clip, "{}").map(|mut report| report.findings.remove(0))
}

fn metric(finding: &Finding, name: &str) -> f64 {
    finding.metrics.iter().find(|metric| metric.name == name).unwrap().value
}

fn sway(pixels: f64, hertz: f64) -> impl Fn(f64) -> (f64, f64) {
    move |seconds| {
        let turn = std::f64::consts::TAU * hertz * seconds + 0.4;
        (pixels * turn.sin(), 0.5 * pixels * (1.3 * turn).cos())
    }
}

#[test]
fn a_shaking_camera_is_found_and_its_swing_measured() {
    // A sway of two samples to each side, in a picture 240 samples wide, is a swing of 10.7 pixels in a picture 640
    // pixels wide.
    let finding = judge(&clip(26, sway(2.0, 4.0))).unwrap();
    assert_ne!(finding.status, Status::Normal);
    assert!((8.5..=12.5).contains(&metric(&finding, "swing_px")), "{finding:?}");
    assert!(metric(&finding, "reversals_per_s") >= 6.0);
    assert!(!finding.suggestions.is_empty());
}

#[test]
fn a_shake_of_less_than_a_sample_is_found() {
    let finding = judge(&clip(26, sway(0.4, 5.0))).unwrap();
    assert_eq!(finding.status, Status::Warning, "{finding:?}");
}

#[test]
fn a_pole_that_sways_once_a_second_is_found_in_three_seconds() {
    assert_ne!(judge(&clip(76, sway(2.0, 1.0))).unwrap().status, Status::Normal);
}

#[test]
fn a_pole_that_sways_once_a_second_is_found_in_the_requested_time() {
    let sways = sway(2.0, 1.0);
    let frames = SPAN_MS / INTERVAL_MS.max(1) + 1;
    let requested = (0..frames).fold(ArrayClip::new(WIDTH, HEIGHT), |clip, t| {
        let at_us = u64::from(t * INTERVAL_MS) * 1_000;
        let (dx, dy) = sways(at_us as f64 / 1e6);
        clip.frame(at_us, t == 0, |x, y| wall(f64::from(x) + dx, f64::from(y) + dy).round() as u8)
    });
    assert_ne!(judge(&requested).unwrap().status, Status::Normal);
}

#[test]
fn a_place_with_a_large_error_does_not_hide_the_swings_after_it() {
    let place = |t: u32| Place {
        at_s: f64::from(t) * 0.08,
        x: if t.is_multiple_of(2) { 0.0 } else { 3.0 },
        y: 0.0,
        turned: 0.0,
        grain: if t == 4 { 6.4 } else { 0.0 },
    };
    let path: Vec<Place> = (0..30).map(place).collect();
    let motion = super::judge(&[path], &Config::default()).unwrap();
    assert!((motion.swing_px - 3.0).abs() < 0.01, "{}", motion.swing_px);
}

#[test]
fn stronger_shaking_scores_lower() {
    let scores: Vec<f32> =
        [0.0, 0.1, 0.3, 1.0, 3.0].map(|pixels| judge(&clip(26, sway(pixels, 4.0))).unwrap().score).into();
    assert!(scores.is_sorted_by(|a, b| a > b), "{scores:?}");
}

#[test]
fn a_camera_that_stands_is_not_shaking() {
    let finding = judge(&clip(26, |_| (0.0, 0.0))).unwrap();
    assert_eq!(finding.status, Status::Normal);
    assert!(finding.score > 99.0, "{finding:?}");
}

#[test]
fn a_pan_and_a_turn_from_one_preset_to_the_next_are_no_shaking() {
    let pan = judge(&clip(76, |seconds| (30.0 * seconds, 4.0 * seconds))).unwrap();
    assert_eq!(pan.status, Status::Normal);
    let ptz = judge(&clip(76, |seconds| (120.0 * (seconds - 1.0).clamp(0.0, 0.8), 0.0)));
    assert!(ptz.is_ok_and(|finding| finding.status == Status::Normal));
}

#[test]
fn a_pan_there_and_back_is_no_shaking() {
    let there_and_back = |seconds: f64| (40.0 * (1.5 - (seconds - 1.5).abs()), 0.0);
    assert_eq!(judge(&clip(76, there_and_back)).unwrap().status, Status::Normal);
}

#[test]
fn what_waves_before_a_camera_that_stands_is_no_shaking() {
    let waving = drawn(26, |x, y, seconds| {
        let turn = std::f64::consts::TAU * 4.0 * seconds;
        if x < 135.0 { wall(x + 4.0 * turn.sin(), y) } else { wall(x, y) }
    });
    assert_eq!(judge(&waving).unwrap().status, Status::Normal);
}

#[test]
fn flickering_light_is_no_shaking() {
    let flicker = drawn(26, |x, y, seconds| wall(x, y) * (1.0 + 0.2 * (40.0 * seconds).sin()));
    assert_eq!(judge(&flicker).unwrap().status, Status::Normal);
}

#[test]
fn frames_at_uneven_intervals_are_judged_by_their_time() {
    // One second with every frame, followed by two seconds with five frames per second.
    let times = (0..26).map(|t| t * FRAME_US).chain((1..=10).map(|t| 1_000_000 + t * 200_000));
    let shaken = times.fold(ArrayClip::new(WIDTH, HEIGHT), |clip, at_us| {
        let (dx, dy) = sway(1.5, 4.0)(at_us as f64 / 1e6);
        clip.frame(at_us, at_us == 0, |x, y| wall(f64::from(x) + dx, f64::from(y) + dy) as u8)
    });
    assert_ne!(judge(&shaken).unwrap().status, Status::Normal);
}

/// Frames of the wall from a camera that is shifted and turned. `stand` gives the shift and the rotation in degrees at
/// a time in seconds.
fn turned(frames: u32, stand: impl Fn(f64) -> (f64, f64, f64)) -> ArrayClip {
    drawn(frames, |x, y, seconds| {
        let (dx, dy, degrees) = stand(seconds);
        let (sin, cos) = degrees.to_radians().sin_cos();
        let (x, y) = (x - 120.0, y - 72.0);
        wall(120.0 + x * cos - y * sin + dx, 72.0 + x * sin + y * cos + dy)
    })
}

#[test]
fn a_violent_shake_is_found_and_measured() {
    for pixels in [8.0, 20.0, 30.0] {
        let finding = judge(&clip(26, sway(pixels, 4.0))).unwrap();
        assert_eq!(finding.status, Status::Error, "{pixels}: {finding:?}");
        let swing = metric(&finding, "swing_px");
        let wanted = 2.0 * pixels * 640.0 / 240.0;
        assert!((0.7..=1.2).contains(&(swing / wanted)), "{pixels}: {swing} of {wanted}");
    }
}

#[test]
fn frames_thrown_about_at_random_are_a_shake() {
    let thrown = |seconds: f64| {
        let at = (seconds * 25.0).round() as i64;
        let by = |which: i64| f64::from(scatter(at, which, 7)) / 6.0 - 21.0;
        (by(1), by(2))
    };
    assert_eq!(judge(&clip(26, thrown)).unwrap().status, Status::Error);
}

#[test]
fn a_camera_that_turns_to_and_fro_about_its_axis_is_found() {
    let rolling = turned(26, |seconds| {
        let turn = std::f64::consts::TAU * 4.0 * seconds;
        (1.5 * turn.cos(), 0.0, 3.0 * turn.sin())
    });
    assert_ne!(judge(&rolling).unwrap().status, Status::Normal);
}

#[test]
fn a_pan_beyond_the_reach_of_the_profiles_is_no_shaking() {
    let fast = judge(&clip(26, |seconds| (300.0 * seconds, 20.0 * seconds))).unwrap();
    assert_eq!(fast.status, Status::Normal, "{fast:?}");
}

#[test]
fn a_single_jolt_is_no_shaking() {
    let jolt = |seconds: f64| (0.0, if (0.4..0.48).contains(&seconds) { 18.0 } else { 0.0 });
    assert_eq!(judge(&clip(26, jolt)).unwrap().status, Status::Normal);
}

#[test]
fn frames_that_others_asked_for_change_nothing() {
    let own: Vec<u64> = (0..26).map(|t| t * FRAME_US).collect();
    let more: Vec<u64> = (0..51).map(|t| t * FRAME_US / 2).chain((6..=15).map(|t| t * 200_000)).collect();
    for pixels in [0.0, 2.0, 20.0] {
        let shown = |times: &[u64]| {
            times.iter().fold(ArrayClip::new(WIDTH, HEIGHT), |clip, &at_us| {
                let (dx, dy) = sway(pixels, 4.0)(at_us as f64 / 1e6);
                clip.frame(at_us, at_us == 0, |x, y| wall(f64::from(x) + dx, f64::from(y) + dy) as u8)
            })
        };
        let [one, other] = [&own, &more].map(|times| judge(&shown(times)).unwrap().status);
        assert_eq!(one, other, "{pixels}");
    }
}

#[test]
fn a_plain_wall_cannot_tell() {
    let plain = drawn(26, |_, _, _| 120.0);
    assert!(matches!(judge(&plain), Err(Failure::Inconclusive(_))));
}

#[test]
fn a_single_picture_is_unsupported() {
    assert!(matches!(judge(&clip(1, |_| (0.0, 0.0))), Err(Failure::UnsupportedClip(_))));
}

#[test]
fn tiny_pictures_do_not_make_it_fail() {
    let tiny = (0..4_u32).fold(ArrayClip::new(8, 8), |clip, t| {
        clip.frame(u64::from(t) * 300_000, t == 0, |x, y| scatter(x.into(), y.into(), 0))
    });
    assert!(matches!(judge(&tiny), Err(Failure::Inconclusive(_))));
}
