//! Tests of the faults that must be found and, above all, of the healthy pictures that must not raise an alarm.

use easysight_sdk::{
    Finding, native,
    testing::{ArrayClip, CameraMemory},
};

use super::*;

const WIDTH: u32 = 320;
const HEIGHT: u32 = 192;
/// The middle and radius of spots, in pixels.
const SPOTS: [(f64, f64, f64); 5] = [
    (60.0, 50.0, 18.0),
    (160.0, 100.0, 22.0),
    (260.0, 60.0, 18.0),
    (90.0, 150.0, 16.0),
    (230.0, 150.0, 18.0),
];

/// A deterministic pseudo-random value, 0 to 255.
fn scatter(x: u32, y: u32) -> u8 {
    (x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77)).wrapping_mul(0xC2B2_AE35).to_be_bytes()[0]
}

/// A bright wall of plates with crisp joints.
fn wall(x: u32, y: u32) -> u8 {
    if x % 110 < 2 || y % 75 < 2 { 60 } else { 170 + scatter(x / 110, y / 75) / 12 }
}

/// Tiles in many shades.
fn mosaic(x: u32, y: u32) -> u8 {
    60 + scatter(x / 12, y / 12) / 2
}

fn clip(luma: impl Fn(u32, u32) -> u8) -> ArrayClip {
    (0..4).fold(ArrayClip::new(WIDTH, HEIGHT), |clip, t| clip.frame(t * 800_000, t == 0, &luma))
}

/// Returns the share of a pixel that is behind spots. Their outlines are about twelve pixels wide.
fn opacity(spots: &[(f64, f64, f64)], x: u32, y: u32) -> f64 {
    let opacity = spots.iter().map(|&(a, b, radius)| {
        let distance = (f64::from(x) - a).hypot(f64::from(y) - b);
        ((radius + 6.0 - distance) / 12.0).clamp(0.0, 1.0)
    });
    opacity.fold(0.0, f64::max)
}

/// The scene behind dark spots.
fn behind(spots: &'static [(f64, f64, f64)], scene: impl Fn(u32, u32) -> u8) -> ArrayClip {
    clip(move |x, y| {
        let opacity = 0.85 * opacity(spots, x, y);
        (f64::from(scene(x, y)) * (1.0 - opacity) + 60.0 * opacity) as u8
    })
}

fn judge(clip: &ArrayClip) -> Finding {
    native::<LensDirty>(clip, "{}").unwrap().findings.remove(0)
}

/// Returns the finding for a camera that saw the first clip several times before.
fn judge_after(clean: &ArrayClip, clip: &ArrayClip) -> Finding {
    let mut camera = CameraMemory::default();
    for _ in 0..LEAST_LOOKS {
        assert_eq!(camera.diagnose::<LensDirty>(clean, "{}").unwrap().findings[0].status, Status::Normal);
    }
    camera.diagnose::<LensDirty>(clip, "{}").unwrap().findings.remove(0)
}

fn metric(finding: &Finding, name: &str) -> f64 {
    finding.metrics.iter().find(|metric| metric.name == name).unwrap().value
}

#[test]
fn a_clean_lens_is_normal() {
    for scene in [wall, mosaic] {
        let finding = judge(&clip(scene));
        assert_eq!(finding.status, Status::Normal);
        assert!(finding.score > 90.0);
    }
}

#[test]
fn soft_spots_are_suspected_and_marked() {
    let finding = judge(&behind(&SPOTS, wall));
    assert_eq!(finding.status, Status::Warning, "{:?}", finding.metrics);
    assert_eq!(metric(&finding, "compared_with_baseline"), 0.0);
    let marked = |x: f64, y: f64| {
        finding.regions.iter().any(|region| {
            let (x, y) = ((x / f64::from(WIDTH)) as f32, (y / f64::from(HEIGHT)) as f32);
            (region.left..region.left + region.width).contains(&x)
                && (region.top..region.top + region.height).contains(&y)
        })
    };
    let found = SPOTS.iter().filter(|&&(x, y, _)| marked(x, y)).count();
    assert!(found >= 3, "{:?}", finding.regions);
}

#[test]
fn more_spots_score_lower() {
    let scores = [0, 1, 5].map(|count| judge(&behind(&SPOTS[..count], wall)).score);
    assert!(scores[0] > scores[1] && scores[1] > scores[2], "{scores:?}");
}

#[test]
fn crisp_round_things_and_lamps_are_normal() {
    let discs = clip(|x, y| {
        let inside = SPOTS.iter().any(|&(a, b, radius)| (f64::from(x) - a).hypot(f64::from(y) - b) < radius);
        if inside { 60 } else { wall(x, y) }
    });
    assert_eq!(judge(&discs).status, Status::Normal);
    let lamps = clip(|x, y| {
        let opacity = opacity(&SPOTS, x, y);
        (f64::from(wall(x, y)) / 3.0 * (1.0 - opacity) + 250.0 * opacity) as u8
    });
    let finding = judge(&lamps);
    assert_eq!(finding.status, Status::Normal, "{:?}", finding.metrics);
}

#[test]
fn the_dark_and_an_unsharp_picture_cannot_tell() {
    for (low, slope) in [(5, 0), (60, 3)] {
        let clip = clip(|x, _| (low + x * slope / 6) as u8);
        assert!(matches!(native::<LensDirty>(&clip, "{}"), Err(Failure::Inconclusive(_))));
    }
}

#[test]
fn what_was_there_on_a_clean_lens_is_known() {
    let lamp = behind(&SPOTS[..1], wall);
    assert_eq!(metric(&judge_after(&lamp, &lamp), "dirty_share"), 0.0);
    let dirty = judge_after(&lamp, &behind(&SPOTS, wall));
    assert_eq!((dirty.status, metric(&dirty, "compared_with_baseline")), (Status::Warning, 1.0));
}

#[test]
fn drops_are_found_by_the_contrast_that_is_lost() {
    let finding = judge_after(&clip(mosaic), &drops(&SPOTS, mosaic));
    assert_eq!(finding.status, Status::Warning, "{:?}", finding.metrics);
    assert!(metric(&finding, "veiled_share") > 0.05);
}

#[test]
fn a_web_is_found_by_its_threads() {
    let web = clip(|x, y| {
        // Soft threads across the picture, about five pixels wide.
        let near = |at: f64| (1.0 - (at.rem_euclid(100.0) - 50.0).abs() / 4.0).max(0.0);
        let (x_, y_) = (f64::from(x), f64::from(y));
        let opacity = 0.6 * near(x_ + 0.4 * y_).max(near(y_ - 0.3 * x_));
        (f64::from(mosaic(x, y)) * (1.0 - opacity) + 210.0 * opacity) as u8
    });
    let finding = judge_after(&clip(mosaic), &web);
    assert_eq!(finding.status, Status::Warning, "{:?}", finding.metrics);
    assert!(metric(&finding, "thread_share") > 0.02);
}

#[test]
fn shadows_exposure_and_things_that_left_are_no_dirt() {
    let shadow = clip(|x, y| if x + y < 120 { mosaic(x, y) / 2 } else { mosaic(x, y) });
    let exposed = clip(|x, y| (f64::from(mosaic(x, y)) * 0.8) as u8);
    let left = clip(|x, y| if (60..90).contains(&x) && y > 130 { 110 } else { mosaic(x, y) });
    for (name, clip) in [("shadow", shadow), ("exposed", exposed), ("left", left)] {
        let finding = judge_after(&clip_of_mosaic(), &clip);
        assert_eq!(finding.status, Status::Normal, "{name}: {:?}", finding.metrics);
        assert_eq!(metric(&finding, "compared_with_baseline"), 1.0, "{name}");
    }
}

fn clip_of_mosaic() -> ArrayClip {
    clip(mosaic)
}

#[test]
fn a_camera_that_was_turned_learns_its_new_view() {
    let elsewhere = clip(|x, y| mosaic(x + 5_000, y + 3_000));
    let mut camera = CameraMemory::default();
    let mut compared = |clip: &ArrayClip| {
        let finding = camera.diagnose::<LensDirty>(clip, "{}").unwrap().findings.remove(0);
        assert_eq!(finding.status, Status::Normal, "{:?}", finding.metrics);
        metric(&finding, "compared_with_baseline")
    };
    let looks = [&clip(mosaic), &elsewhere, &elsewhere, &elsewhere, &elsewhere];
    assert_eq!(looks.map(&mut compared), [0.0, 0.0, 0.0, 0.0, 1.0]);
}

#[test]
fn a_clean_look_by_other_light_explains_what_it_shows() {
    // At night lamps light the upper half; by day they are off, and nothing else shows that they exist.
    let lit = clip(|x, y| if y < 96 { mosaic(x, y) } else { 60 + mosaic(x, y) / 8 });
    let mut camera = CameraMemory::default();
    let mut look = |clip: &ArrayClip| camera.diagnose::<LensDirty>(clip, "{}").unwrap().findings.remove(0);
    for _ in 0..4 {
        assert_eq!(look(&clip(mosaic)).status, Status::Normal);
        assert_eq!(look(&lit).status, Status::Normal);
    }
}

#[test]
fn lines_that_another_exposure_lifts_are_no_web() {
    let lines = |x: u32, y: u32| if x % 40 < 3 || y % 40 < 3 { 180 } else { 70 };
    let brighter = clip(move |x, y| (255.0 * (f64::from(lines(x, y)) / 255.0).powf(0.7)) as u8);
    let finding = judge_after(&clip(lines), &brighter);
    assert_eq!(finding.status, Status::Normal, "{:?}", finding.metrics);
}

/// A scene behind drops, which blur it.
fn drops(spots: &'static [(f64, f64, f64)], scene: impl Fn(u32, u32) -> u8) -> ArrayClip {
    clip(move |x, y| {
        let around = |x: u32, y: u32| {
            let near = (0..15).flat_map(|dy| (0..15).map(move |dx| (dx, dy)));
            near.map(|(dx, dy)| f64::from(scene((x + dx).saturating_sub(7), (y + dy).saturating_sub(7))))
                .sum::<f64>()
                / 225.0
        };
        let opacity = opacity(spots, x, y);
        (f64::from(scene(x, y)) * (1.0 - opacity) + around(x, y) * opacity) as u8
    })
}

/// Large tiles of two shades.
fn tiles(x: u32, y: u32) -> u8 {
    if (x / 24 + y / 24).is_multiple_of(2) { 60 } else { 160 }
}

/// Rain: a dozen drops all over the picture.
const RAIN: [(f64, f64, f64); 12] = [
    (40.0, 35.0, 18.0),
    (110.0, 40.0, 20.0),
    (185.0, 30.0, 18.0),
    (265.0, 40.0, 20.0),
    (35.0, 95.0, 20.0),
    (105.0, 105.0, 18.0),
    (175.0, 95.0, 22.0),
    (250.0, 100.0, 18.0),
    (50.0, 155.0, 18.0),
    (125.0, 160.0, 20.0),
    (200.0, 155.0, 18.0),
    (280.0, 155.0, 18.0),
];

#[test]
fn drops_are_suspected_by_the_soft_edges_behind_them() {
    let finding = judge(&drops(&RAIN, tiles));
    assert_eq!(finding.status, Status::Warning, "{:?}", finding.metrics);
    assert!(!finding.regions.is_empty());
    // A scene contains one soft object itself, or a few if the air is hazy.
    for few in [&SPOTS[1..2], &SPOTS] {
        let finding = judge(&drops(few, tiles));
        assert_eq!(finding.status, Status::Normal, "{:?}", finding.metrics);
    }
}

/// A scene in which each pixel is darkened by the share that `share` returns for its place.
fn darkened(scene: impl Fn(u32, u32) -> u8, share: impl Fn(f64, f64) -> f64) -> ArrayClip {
    clip(move |x, y| (f64::from(scene(x, y)) * (1.0 - share(f64::from(x), f64::from(y)))) as u8)
}

/// Returns the distance of a pixel from the marked place of its grid cell. The cells are `apart` pixels wide, and the
/// marked places have uneven offsets.
fn from_grid(x: f64, y: f64, apart: f64) -> f64 {
    let (column, row) = ((x / apart).floor(), (y / apart).floor());
    let offset = |seed: u32| f64::from(scatter(column as u32 + seed, row as u32)) / 255.0 * 0.3 * apart;
    (x - (column + 0.35) * apart - offset(7)).hypot(y - (row + 0.35) * apart - offset(31))
}

#[test]
fn drops_with_dark_rims_are_suspected_and_a_few_wheels_are_not() {
    // Wide joints of the wall are far apart: most rims lie on an even plate.
    let rim = |away: f64| (1.0 - (away - 8.0).abs() / 2.5).clamp(0.0, 1.0);
    let rain = darkened(wall, |x, y| 0.5 * rim(from_grid(x, y, 48.0)));
    let finding = judge(&rain);
    assert_eq!(
        (finding.status, finding.decision.metric.as_str()),
        (Status::Warning, "rings"),
        "{:?}",
        finding.metrics
    );
    assert!(finding.regions.len() > 5);
    let wheels = darkened(wall, |x, y| if y < 130.0 { 0.0 } else { 0.5 * rim(from_grid(x, y, 80.0)) });
    let finding = judge(&wheels);
    assert_eq!(finding.status, Status::Normal, "{:?}", finding.metrics);
    // If the scene of a known camera has no rings, a few rings are enough.
    let few = darkened(wall, |x, y| if y < 96.0 { 0.0 } else { 0.5 * rim(from_grid(x, y, 64.0)) });
    assert_eq!(judge(&few).status, Status::Normal);
    let finding = judge_after(&clip(wall), &few);
    assert_eq!(
        (finding.status, finding.decision.metric.as_str()),
        (Status::Warning, "rings"),
        "{:?}",
        finding.metrics
    );
    assert!(finding.message.en.contains("unlike in 3 earlier checks"), "{}", finding.message.en);
}

#[test]
fn dust_all_over_the_picture_is_suspected_and_dark_leaves_in_a_corner_are_not() {
    let disc = |away: f64| 0.35 * (3.5 - away).clamp(0.0, 1.0);
    let dust = darkened(wall, |x, y| disc(from_grid(x, y, 18.0)));
    let finding = judge(&dust);
    assert_eq!(
        (finding.status, finding.decision.metric.as_str()),
        (Status::Warning, "discs"),
        "{:?}",
        finding.metrics
    );
    assert!(!finding.regions.is_empty());
    let leaves = darkened(wall, |x, y| if x < 160.0 && y < 60.0 { disc(from_grid(x, y, 16.0)) } else { 0.0 });
    assert_eq!(judge(&leaves).status, Status::Normal);
}

/// A scene seen through glass that scatters light. `share` returns the share of the light that is scattered at a place.
/// The share `everywhere` of the scattered light is spread over the whole picture, and the rest over a distance of up
/// to `reach` pixels.
fn scattered(
    scene: impl Fn(u32, u32) -> u8,
    reach: i64,
    everywhere: f64,
    share: impl Fn(f64, f64) -> f64,
) -> ArrayClip {
    let at = |x: i64, y: i64| {
        f64::from(scene(x.clamp(0, i64::from(WIDTH) - 1) as u32, y.clamp(0, i64::from(HEIGHT) - 1) as u32))
    };
    let count = ((2 * reach + 1) * (2 * reach + 1)) as f64;
    let frame: Vec<u8> = (0..HEIGHT)
        .flat_map(|y| (0..WIDTH).map(move |x| (x, y)))
        .map(|(x, y)| {
            let (left, top) = (i64::from(x), i64::from(y));
            let near: f64 = (-reach..=reach)
                .flat_map(|dy| (-reach..=reach).map(move |dx| (dx, dy)))
                .map(|(dx, dy)| at(left + dx, top + dy))
                .sum::<f64>()
                / count;
            let share = share(f64::from(x), f64::from(y));
            let spread = near * (1.0 - everywhere) + 120.0 * everywhere;
            (at(left, top) * (1.0 - share) + spread * share) as u8
        })
        .collect();
    clip(|x, y| frame[(y * WIDTH + x) as usize])
}

/// A street: large parts of different light, with fine detail.
fn street(x: u32, y: u32) -> u8 {
    50 + scatter(x / 64, y / 48) / 3 + scatter(x / 5, y / 5) / 4
}

#[test]
fn mist_along_the_border_is_suspected() {
    let border = |x: f64, y: f64| {
        let away = (2.0 * x / f64::from(WIDTH) - 1.0).abs().max((2.0 * y / f64::from(HEIGHT) - 1.0).abs());
        ((away - 0.5) / 0.15).clamp(0.0, 1.0)
    };
    let finding = judge(&scattered(street, 4, 0.0, border));
    assert_eq!(finding.status, Status::Warning, "{:?}", finding.metrics);
    assert!(metric(&finding, "border_mist") > 0.2, "{:?}", finding.metrics);
    // Softness at one side only is no mist: a near wall or a lawn causes it.
    let finding = judge(&scattered(street, 4, 0.0, |x, y| if x < 80.0 { border(x, y) } else { 0.0 }));
    assert!(metric(&finding, "border_mist") < 0.1, "{:?}", finding.metrics);
}

#[test]
fn a_film_takes_contrast_near_and_far_and_fog_defocus_and_a_flat_picture_do_not_look_so() {
    let film = |clip: &ArrayClip| metric(&judge_after(&self::clip(street), clip), "film");
    let everywhere = |_: f64, _: f64| 1.0;
    let mist = scattered(street, 3, 0.25, everywhere);
    assert_eq!(judge_after(&clip(street), &mist).status, Status::Warning);
    assert!(film(&mist) > 0.4);
    let flat = clip(|x, y| (80.0 + 0.4 * f64::from(street(x, y))) as u8);
    let defocus = scattered(street, 3, 0.0, everywhere);
    let fog = clip(|x, y| {
        let passes = f64::from(y) / f64::from(HEIGHT);
        (f64::from(street(x, y)) * passes + 150.0 * (1.0 - passes)) as u8
    });
    for (name, clip) in [("flat", flat), ("defocus", defocus), ("fog", fog)] {
        assert_eq!(film(&clip), 0.0, "{name}");
    }
}

#[test]
fn contrast_that_the_glare_of_a_new_light_takes_is_no_dirt() {
    let glare = |sun: bool| {
        clip(move |x, y| {
            let away = (f64::from(x) - 100.0).hypot(f64::from(y) - 60.0);
            let veil = (1.0 - away / 90.0).clamp(0.0, 0.75);
            let veiled = f64::from(mosaic(x, y)) * (1.0 - veil) + 190.0 * veil;
            if sun && away < 14.0 { 255 } else { veiled as u8 }
        })
    };
    let smear = judge_after(&clip(mosaic), &glare(false));
    assert!(metric(&smear, "veiled_share") > 0.03, "{:?}", smear.metrics);
    let sun = judge_after(&clip(mosaic), &glare(true));
    assert!(metric(&sun, "veiled_share") < 0.02, "{:?}", sun.metrics);
}
