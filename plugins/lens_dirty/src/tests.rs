//! What must be found and, above all, what must not.

use easysight_sdk::{
    Finding, native,
    testing::{ArrayClip, CameraMemory},
};

use super::*;

const WIDTH: u32 = 320;
const HEIGHT: u32 = 192;
/// Middle and radius of spots, in pixels.
const SPOTS: [(f64, f64, f64); 5] = [
    (60.0, 50.0, 18.0),
    (160.0, 100.0, 22.0),
    (260.0, 60.0, 18.0),
    (90.0, 150.0, 16.0),
    (230.0, 150.0, 18.0),
];

/// A deterministic scatter of values, 0 to 255.
fn scatter(x: u32, y: u32) -> u8 {
    (x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77)).wrapping_mul(0xC2B2_AE35).to_be_bytes()[0]
}

/// A bright wall of plates with crisp joints.
fn wall(x: u32, y: u32) -> u8 {
    if x % 40 < 2 || y % 48 < 2 { 60 } else { 170 + scatter(x / 40, y / 48) / 12 }
}

fn clip(luma: impl Fn(u32, u32) -> u8) -> ArrayClip {
    (0..4).fold(ArrayClip::new(WIDTH, HEIGHT), |clip, t| clip.frame(t * 800_000, t == 0, &luma))
}

/// The scene behind dark spots whose outlines are some twelve pixels wide.
fn behind(spots: &'static [(f64, f64, f64)], scene: impl Fn(u32, u32) -> u8) -> ArrayClip {
    clip(move |x, y| {
        let opacity = spots.iter().map(|&(a, b, radius)| {
            let distance = (f64::from(x) - a).hypot(f64::from(y) - b);
            ((radius + 6.0 - distance) / 12.0).clamp(0.0, 1.0)
        });
        let opacity = opacity.fold(0.0, f64::max);
        (f64::from(scene(x, y)) * (1.0 - opacity) + 60.0 * opacity) as u8
    })
}

fn judge(clip: &ArrayClip) -> Finding {
    native::<LensDirty>(clip, r#"{"max_spotted_share": 0.02}"#).unwrap().findings.remove(0)
}

#[test]
fn a_clean_lens_is_normal() {
    let finding = judge(&clip(wall));
    assert_eq!(finding.status, Status::Normal);
    assert!(finding.score > 90.0);
}

#[test]
fn soft_spots_are_found_and_marked() {
    let finding = judge(&behind(&SPOTS, wall));
    assert_eq!(finding.status, Status::Warning);
    let marked = |x: f64, y: f64| {
        finding.regions.iter().any(|region| {
            let (x, y) = ((x / f64::from(WIDTH)) as f32, (y / f64::from(HEIGHT)) as f32);
            (region.left..region.left + region.width).contains(&x)
                && (region.top..region.top + region.height).contains(&y)
        })
    };
    let found = SPOTS.iter().filter(|&&(x, y, _)| marked(x, y)).count();
    assert!(found >= 2, "{:?}", finding.regions);
}

#[test]
fn more_spots_score_lower() {
    let scores = [1, 3, 5].map(|count| judge(&behind(&SPOTS[..count], wall)).score);
    assert!(scores[0] > scores[1] && scores[1] > scores[2], "{scores:?}");
}

#[test]
fn crisp_round_things_are_normal() {
    let discs = clip(|x, y| {
        let inside = SPOTS.iter().any(|&(a, b, radius)| (f64::from(x) - a).hypot(f64::from(y) - b) < radius);
        if inside { 60 } else { wall(x, y) }
    });
    assert_eq!(judge(&discs).status, Status::Normal);
}

#[test]
fn the_dark_and_an_unsharp_picture_cannot_tell() {
    for (low, slope) in [(5, 0), (60, 3)] {
        let clip = clip(|x, _| (low + x * slope / 6) as u8);
        assert!(matches!(native::<LensDirty>(&clip, "{}"), Err(Failure::Inconclusive(_))));
    }
}

#[test]
fn spots_of_the_scene_are_known_after_the_first_look() {
    let mut camera = CameraMemory::default();
    let mut share = |clip: &ArrayClip| {
        camera.diagnose::<LensDirty>(clip, "{}").unwrap().findings.remove(0).metrics[0].value
    };
    let lamp = behind(&SPOTS[..1], wall);
    assert!(share(&lamp) > 0.0);
    assert_eq!(share(&lamp), 0.0);
    // Dirt beside it still counts.
    assert!(share(&behind(&SPOTS, wall)) > 0.01);
}
