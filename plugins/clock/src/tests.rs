//! Tests of the faults that must be found and, above all, of the healthy clocks that must not raise an alarm.

use easysight_sdk::{
    Finding, Status, native,
    testing::{ArrayClip, CameraMemory},
};

use super::*;

const WIDTH: u32 = 640;
const HEIGHT: u32 = 160;

/// A digit of 3 × 5 dots, each 3 × 3 samples, like any segmented digit.
fn lit(digit: u32, x: u32, y: u32) -> bool {
    const SHAPES: [u32; 10] =
        [0x7b6f, 0x2492, 0x73e7, 0x73cf, 0x5bc9, 0x79cf, 0x79ef, 0x7249, 0x7bef, 0x7bcf];
    x < 9 && y < 15 && SHAPES[(digit % 10) as usize] >> (14 - (y / 3 * 3 + x / 3)) & 1 == 1
}

/// Eight digits. The last one shows the given seconds.
fn written(seconds: u32, x: u32, y: u32) -> bool {
    let (Some(x), Some(y)) = (x.checked_sub(20), y.checked_sub(8)) else { return false };
    let place = x / 12;
    place < 8 && lit(if place == 7 { seconds } else { 3 + place }, x % 12, y)
}

/// Sixteen frames in three seconds, over a scene with a moving object.
fn clip(overlay: impl Fn(u32, u32, u32) -> Option<u8>) -> ArrayClip {
    (0..16_u32).fold(ArrayClip::new(WIDTH, HEIGHT), |clip, t| {
        clip.frame(u64::from(t) * 200_000, t == 0, |x, y| {
            let car = (30 * t..30 * t + 60).contains(&x) && y > 60;
            let scene = if car { 180 } else { 60 + (x / 20 * 7 + y / 16 * 5) as u8 % 60 };
            overlay(x, y, t).unwrap_or(scene)
        })
    })
}

fn running() -> ArrayClip {
    clip(|x, y, t| written((t * 200 + 330) / 1_000, x, y).then_some(235))
}

fn standing() -> ArrayClip {
    clip(|x, y, _| written(4, x, y).then_some(235))
}

fn look(camera: &mut CameraMemory, clip: &ArrayClip) -> Result<Finding, Failure> {
    camera.diagnose::<Clock>(clip, "{}").map(|mut report| report.findings.remove(0))
}

fn known() -> CameraMemory {
    let mut camera = CameraMemory::default();
    for _ in 0..2 {
        assert_eq!(look(&mut camera, &running()).unwrap().status, Status::Normal);
    }
    camera
}

#[test]
fn a_running_clock_is_found_without_a_memory() {
    let finding = look(&mut CameraMemory::default(), &running()).unwrap();
    assert_eq!((finding.status, finding.score), (Status::Normal, 100.0));
}

#[test]
fn a_clock_that_stands_is_found_where_it_ran() {
    let finding = look(&mut known(), &standing()).unwrap();
    assert_eq!(finding.status, Status::Error);
    let region = &finding.regions[0];
    assert!(region.left < 0.2 && region.top < 0.15 && !finding.suggestions.is_empty(), "{region:?}");
}

#[test]
fn writing_that_was_never_seen_to_run_cannot_tell() {
    assert!(matches!(look(&mut CameraMemory::default(), &standing()), Err(Failure::Inconclusive(_))));
    // A clock that ran in a single check may be chance.
    let mut camera = CameraMemory::default();
    look(&mut camera, &running()).unwrap();
    assert!(matches!(look(&mut camera, &standing()), Err(Failure::Inconclusive(_))));
}

#[test]
fn a_clock_that_is_gone_is_missed() {
    let finding = look(&mut known(), &clip(|_, _, _| None)).unwrap();
    assert_eq!(finding.status, Status::Warning);
}

#[test]
fn a_clock_that_is_gone_is_not_missed_in_the_dark() {
    let dark = clip(|_, _, _| Some(5));
    assert!(matches!(look(&mut known(), &dark), Err(Failure::Inconclusive(_))));
}

#[test]
fn a_clock_that_was_moved_runs() {
    let moved = clip(|x, y, t| written((t * 200 + 700) / 1_000, x.saturating_sub(300), y).then_some(235));
    assert_eq!(look(&mut known(), &moved).unwrap().status, Status::Normal);
}

#[test]
fn one_of_two_clocks_that_stands_is_found_beside_one_that_runs() {
    let second = |x: u32, y, seconds| written(seconds, x.saturating_sub(300), y);
    let both = |stands: bool| {
        clip(move |x, y, t| {
            let seconds = (t * 200 + 330) / 1_000;
            let first = written(if stands { 4 } else { seconds }, x, y);
            (first || second(x, y, (t * 200 + 700) / 1_000)).then_some(235)
        })
    };
    let mut camera = CameraMemory::default();
    for _ in 0..2 {
        assert_eq!(look(&mut camera, &both(false)).unwrap().status, Status::Normal);
    }
    for _ in 0..2 {
        let finding = look(&mut camera, &both(true)).unwrap();
        assert_eq!(finding.status, Status::Error);
        assert!(finding.regions[0].left < 0.3, "{finding:?}");
    }
    assert_eq!(look(&mut camera, &both(false)).unwrap().status, Status::Normal);
}

#[test]
fn a_clock_that_is_gone_beside_one_that_runs_was_switched_off() {
    let mut camera = known();
    let other = clip(|x, y, t| written((t * 200 + 700) / 1_000, x.saturating_sub(300), y).then_some(235));
    assert_eq!(look(&mut camera, &other).unwrap().status, Status::Normal);
    // The old clock is no longer missed after the other clock stops.
    look(&mut camera, &other).unwrap();
    let stands = clip(|x, y, _| written(4, x.saturating_sub(300), y).then_some(235));
    let finding = look(&mut camera, &stands).unwrap();
    assert_eq!(finding.status, Status::Error);
    assert!(finding.regions[0].left > 0.4, "{finding:?}");
}

#[test]
fn a_place_that_a_person_told_needs_no_memory() {
    // A box around the last digit.
    let config = r#"{"region": {"left": 0.16, "top": 0.05, "width": 0.02, "height": 0.1}}"#;
    let judge = |clip: &ArrayClip| native::<Clock>(clip, config).unwrap().findings.remove(0).status;
    assert_eq!(judge(&standing()), Status::Error);
    assert_eq!(judge(&clip(|_, _, _| None)), Status::Warning);
    // A box around the whole clock. Most of the lettering stays the same while the clock runs.
    let config = r#"{"region": {"left": 0.02, "top": 0.02, "width": 0.2, "height": 0.2}}"#;
    let judge = |clip: &ArrayClip| native::<Clock>(clip, config).unwrap().findings.remove(0).status;
    assert_eq!(judge(&running()), Status::Normal);
}

#[test]
fn frames_that_are_too_few_or_too_far_apart_are_unsupported() {
    let single = ArrayClip::new(WIDTH, HEIGHT).frame(0, true, |_, _| 90);
    let slow =
        (0..4).fold(ArrayClip::new(WIDTH, HEIGHT), |clip, t| clip.frame(t * 1_000_000, true, |_, _| 90));
    for clip in [single, slow] {
        assert!(matches!(native::<Clock>(&clip, "{}"), Err(Failure::UnsupportedClip(_))));
    }
}

#[test]
fn tiny_pictures_do_not_make_it_fail() {
    let tiny = (0..16).fold(ArrayClip::new(3, 3), |clip, t| clip.frame(t * 200_000, t == 0, |_, _| 90));
    drop(native::<Clock>(&tiny, "{}"));
}

#[test]
fn frames_in_between_that_others_asked_for_change_nothing() {
    let frames = |times: &[u64]| {
        times.iter().fold(ArrayClip::new(WIDTH, HEIGHT), |clip, &at_us| {
            clip.frame(at_us, at_us == 0, |x, y| {
                let scene = 60 + (x / 20 * 7 + y / 16 * 5) as u8 % 60;
                if written((at_us / 1_000 + 330) as u32 / 1_000, x, y) { 235 } else { scene }
            })
        })
    };
    let alone: Vec<u64> = (0..16).map(|at| at * 200_000).collect();
    let full: Vec<u64> = (0..25).map(|at| at * 40_000).chain((5..16).map(|at| at * 200_000)).collect();
    let [one, other] = [alone, full].map(|times| format!("{:?}", look(&mut known(), &frames(&times))));
    assert_eq!(one, other);
}
