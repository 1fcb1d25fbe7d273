//! What must be found and, above all, what must not.

use easysight_sdk::{
    Finding, native,
    testing::{ArrayClip, CameraMemory},
};

use super::*;

const WIDTH: u32 = 320;
const HEIGHT: u32 = 192;

/// A deterministic scatter of values, 0 to 255, for each pixel of each moment.
fn scatter(x: u32, y: u32, t: u32) -> u8 {
    (x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77) ^ t.wrapping_mul(0x27D4_EB2F))
        .wrapping_mul(0xC2B2_AE35)
        .to_be_bytes()[0]
}

/// Houses: blocks of different tones with windows in them.
fn street(x: u32, y: u32) -> u8 {
    let house = 60 + scatter(x / 40, y / 48, 1) / 2;
    if x % 8 < 3 && y % 12 < 5 { house - 40 } else { house + scatter(x / 2, y / 2, 2) / 12 }
}

/// Sensor noise of a few grey levels.
fn noisy(value: u8, x: u32, y: u32, t: u32) -> u8 {
    value.saturating_add(scatter(x, y, t + 9) / 32)
}

fn clip(luma: impl Fn(u32, u32, u32) -> u8) -> ArrayClip {
    (0..4).fold(ArrayClip::new(WIDTH, HEIGHT), |clip, t| {
        clip.frame(u64::from(t) * 800_000, t == 0, |x, y| luma(x, y, t))
    })
}

fn judge(clip: &ArrayClip) -> Finding {
    native::<Occlusion>(clip, "{}").unwrap().findings.remove(0)
}

/// The street behind a thing of this tone that covers the left up to `edge`, with an outline out of
/// focus some ten pixels wide.
fn behind(tone: u8, edge: u32) -> ArrayClip {
    clip(move |x, y, t| {
        let cover = f64::from(edge + 5).min(f64::from(x + 10)) - f64::from(x);
        let opacity = (cover / 10.0).clamp(0.0, 1.0);
        let seen = f64::from(street(x, y)) * (1.0 - opacity) + f64::from(tone) * opacity;
        noisy(seen as u8, x, y, t)
    })
}

#[test]
fn a_scene_full_of_detail_is_normal() {
    let finding = judge(&clip(|x, y, t| noisy(street(x, y), x, y, t)));
    assert_eq!(finding.status, Status::Normal);
    assert!(finding.score > 90.0);
}

#[test]
fn a_quarter_covered_is_suspected_whatever_its_tone() {
    for tone in [5, 30, 90, 140, 220] {
        let finding = judge(&behind(tone, WIDTH / 4));
        assert_eq!(finding.status, Status::Warning, "tone {tone}");
        let region = &finding.regions[0];
        assert!(region.left < 0.01 && region.width < 0.3 && region.height > 0.95, "{region:?}");
    }
}

#[test]
fn the_more_is_covered_the_lower_is_the_score() {
    let scores: Vec<f32> =
        [20, 50, 80, 120, 200].iter().map(|&edge| judge(&behind(40, edge)).score).collect();
    assert!(scores.windows(2).all(|pair| pair[1] < pair[0]), "{scores:?}");
}

#[test]
fn a_wall_behind_things_with_light_fading_across_it_is_normal() {
    // The wall fills two thirds of the picture; shelves, doors and lamps stand before it.
    let wall = clip(|x, y, t| {
        let before = (x > 100 && x < 150 && y > 60)
            || (x > 220 && y > 100 && y < 160)
            || (x > 30 && x < 60 && y < 90)
            || (x > 180 && x < 250 && y < 40)
            || (x < 60 && y > 150);
        let value = if before { street(x, y) } else { (50 + x / 2 + y / 6) as u8 };
        noisy(value, x, y, t)
    });
    assert_eq!(judge(&wall).status, Status::Normal);
}

#[test]
fn a_bright_sky_above_roofs_is_normal() {
    let sky = clip(|x, y, t| {
        let roof = 70 + u32::from(scatter(x / 24, 0, 3)) / 8;
        noisy(if y < roof { (200 + y / 4) as u8 } else { street(x, y) }, x, y, t)
    });
    assert_eq!(judge(&sky).status, Status::Normal);
}

#[test]
fn bars_beside_a_picture_of_another_shape_are_no_cover() {
    let bars = clip(|x, y, t| if !(48..WIDTH - 48).contains(&x) { 0 } else { noisy(street(x, y), x, y, t) });
    assert_eq!(judge(&bars).status, Status::Normal);
}

#[test]
fn a_plain_truck_passing_is_no_cover() {
    let truck = clip(|x, y, t| {
        let from = 60 * t;
        noisy(if (from..from + 120).contains(&x) && y > 40 { 180 } else { street(x, y) }, x, y, t)
    });
    assert_eq!(judge(&truck).status, Status::Normal);
}

#[test]
fn the_dark_and_an_empty_picture_cannot_tell() {
    for tone in [12, 120] {
        let plain = clip(|x, y, t| noisy(tone, x, y, t));
        assert!(matches!(native::<Occlusion>(&plain, "{}"), Err(Failure::Inconclusive(_))), "tone {tone}");
    }
}

#[test]
fn detail_that_was_there_before_makes_it_certain() {
    let mut camera = CameraMemory::default();
    let mut look = |clip: &ArrayClip| camera.diagnose::<Occlusion>(clip, "{}").unwrap().findings.remove(0);
    let healthy = clip(|x, y, t| noisy(street(x, y), x, y, t));
    assert_eq!(look(&healthy).status, Status::Normal);
    assert_eq!(look(&behind(90, WIDTH / 4)).status, Status::Error);
    // It is not learnt: the next look finds it again, and the clean lens healthy.
    assert_eq!(look(&behind(90, WIDTH / 4)).status, Status::Error);
    assert_eq!(look(&healthy).status, Status::Normal);
}

#[test]
fn an_empty_part_that_was_there_before_is_the_scene() {
    // A board that looks like a cover; the threshold lets it pass once.
    let board = behind(90, WIDTH / 4);
    assert_eq!(judge(&board).status, Status::Warning);
    let mut camera = CameraMemory::default();
    camera.diagnose::<Occlusion>(&board, r#"{"max_covered_share": 0.4}"#).unwrap();
    let finding = camera.diagnose::<Occlusion>(&board, "{}").unwrap().findings.remove(0);
    assert_eq!(finding.status, Status::Normal);
    assert!(finding.score > 90.0);
}
