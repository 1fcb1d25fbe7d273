//! Tests of the faults that must be found and, above all, of the healthy pictures that must not raise an alarm.

use easysight_sdk::{
    native,
    testing::{ArrayClip, CameraMemory},
};

use super::*;

const WIDTH: u32 = 160;
const HEIGHT: u32 = 96;

/// A deterministic pseudo-random value, 0 to 255, for each pixel.
fn scatter(x: u32, y: u32) -> f64 {
    f64::from((x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77)).wrapping_mul(0xC2B2_AE35) >> 24)
}

/// A clip of one frame with these colours, 0 to 255 each.
fn clip(rgb: impl Fn(u32, u32) -> [f64; 3]) -> ArrayClip {
    let convert = |x, y| {
        let [r, g, b] = rgb(x, y).map(|value| value.clamp(0.0, 255.0));
        let luma = 0.299 * r + 0.587 * g + 0.114 * b;
        [luma, 128.0 + 0.564 * (b - luma), 128.0 + 0.713 * (r - luma)]
    };
    let plane = |at: usize, step: u32| -> Vec<u8> {
        let rows = (0..HEIGHT).step_by(step as usize);
        rows.flat_map(|y| (0..WIDTH).step_by(step as usize).map(move |x| convert(x, y)[at].round() as u8))
            .collect()
    };
    ArrayClip::new(WIDTH, HEIGHT).planes(0, true, [plane(0, 1), plane(1, 2), plane(2, 2)])
}

fn diagnose(clip: &ArrayClip) -> Finding {
    native::<ColorCast>(clip, "{}").unwrap().findings.remove(0)
}

/// A street: asphalt and walls in greys, a shadow, a lawn, a red car.
fn street(x: u32, y: u32) -> [f64; 3] {
    let grain = 0.6 + scatter(x / 2, y / 2) / 500.0;
    let colour = match (x / 20, y / 24) {
        (0..=2, 3) => [70.0, 100.0, 45.0],
        (5, 2) => [190.0, 40.0, 40.0],
        (6..=7, 0) => [30.0, 30.0, 32.0],
        (_, 0) => [180.0, 185.0, 190.0],
        _ => [120.0, 120.0, 118.0],
    };
    colour.map(|value| value * grain)
}

const HUES: [(&str, [f64; 3]); 6] = [
    ("red", [20.0, -8.0, -8.0]),
    ("green", [-8.0, 20.0, -8.0]),
    ("blue", [-8.0, -8.0, 20.0]),
    ("magenta", [16.0, -16.0, 16.0]),
    ("yellow", [14.0, 14.0, -20.0]),
    ("cyan", [-20.0, 14.0, 14.0]),
];

fn tinted(rgb: [f64; 3], tint: [f64; 3], strength: f64) -> [f64; 3] {
    std::array::from_fn(|at| rgb[at] + strength * tint[at])
}

#[test]
fn a_street_is_normal() {
    let finding = diagnose(&clip(street));
    assert_eq!(finding.status, Status::Normal);
    assert!(finding.score > 85.0, "{finding:?}");
}

#[test]
fn mild_tints_of_every_hue_are_found_and_named_and_strong_ones_are_worse() {
    for (name, tint) in HUES {
        let mild = diagnose(&clip(|x, y| tinted(street(x, y), tint, 1.0)));
        let strong = diagnose(&clip(|x, y| tinted(street(x, y), tint, 2.0)));
        assert_ne!(mild.status, Status::Normal, "{name}: {mild:?}");
        assert!(strong.score < mild.score && mild.score < 50.0, "{name}");
        assert!(mild.message.en.contains(name), "{name}: {}", mild.message.en);
    }
}

#[test]
fn a_tinted_picture_without_colours_is_found() {
    for (name, tint) in HUES {
        let grey = |x, y| [60.0 + 0.5 * scatter(x, y); 3];
        let finding = diagnose(&clip(|x, y| tinted(grey(x, y), tint, 1.0)));
        assert_ne!(finding.status, Status::Normal, "{name}: {finding:?}");
    }
}

#[test]
fn a_monochrome_picture_is_normal() {
    let finding = diagnose(&clip(|x, y| [scatter(x, y); 3]));
    assert_eq!(finding.status, Status::Normal);
    assert!(finding.message.en.contains("monochrome"));
}

#[test]
fn what_is_coloured_by_itself_is_normal() {
    let shade = |x, y| 0.3 + scatter(x / 2, y / 2) / 300.0;
    let lawn = clip(|x, y| [85.0, 115.0, 48.0].map(|value| value * shade(x, y)));
    let bricks = clip(|x, y| {
        if y.is_multiple_of(12) {
            [170.0, 166.0, 160.0]
        } else {
            [135.0, 84.0, 66.0].map(|v| v * shade(x, y))
        }
    });
    let sky =
        clip(|x, y| [130.0, 165.0, 215.0].map(|value| value + f64::from(y) / 4.0 + scatter(x, y) / 60.0));
    for (name, scene) in [("lawn", lawn), ("bricks", bricks), ("sky", sky)] {
        let finding = diagnose(&scene);
        assert_eq!(finding.status, Status::Normal, "{name}: {finding:?}");
    }
}

#[test]
fn warm_lamps_at_night_are_normal() {
    let lamps = clip(|x, y| {
        let light = (1.2 - f64::from(x.abs_diff(60) + y.abs_diff(40)) / 60.0).max(0.02);
        [1.0, 0.72, 0.38].map(|value| value * light * (90.0 + 0.3 * scatter(x, y)))
    });
    let finding = diagnose(&lamps);
    assert_eq!(finding.status, Status::Normal, "{finding:?}");
}

#[test]
fn the_dark_cannot_tell() {
    let failure = native::<ColorCast>(&clip(|x, y| [scatter(x, y) / 30.0; 3]), "{}").unwrap_err();
    assert!(matches!(failure, Failure::Inconclusive(_)));
}

#[test]
fn thresholds_are_the_operator_s() {
    let mild = clip(|x, y| tinted(street(x, y), [16.0, -16.0, 16.0], 1.0));
    let finding = native::<ColorCast>(&mild, r#"{"cast": 40, "faint_cast": 40}"#).unwrap().findings.remove(0);
    assert_eq!(finding.status, Status::Normal);
}

fn judge_after(checks: &[&ArrayClip], clip: &ArrayClip) -> Finding {
    let mut camera = CameraMemory::default();
    for &check in checks {
        let finding = camera.diagnose::<ColorCast>(check, "{}").unwrap().findings.remove(0);
        assert_eq!(finding.status, Status::Normal, "{:?}", finding.metrics);
    }
    camera.diagnose::<ColorCast>(clip, "{}").unwrap().findings.remove(0)
}

#[test]
fn a_faint_tint_is_told_beside_the_usual_colours() {
    let usual = clip(street);
    for (name, tint) in HUES {
        let faint = clip(|x, y| match (name, street(x, y)) {
            // The effect of a filter. Lamps have the same effect.
            ("yellow", [r, g, b]) => [r, g, 0.65 * b],
            (_, colour) => tinted(colour, tint, 0.5),
        });
        let finding = judge_after(&[&usual; 4], &faint);
        assert_eq!(finding.status, Status::Warning, "{name}: {:?}", finding.metrics);
        assert!(finding.message.en.contains(name), "{name}: {}", finding.message.en);
        assert!(finding.message.en.contains("usually"), "{}", finding.message.en);
        // Three checks are not enough for a camera to be known.
        let finding = judge_after(&[&usual; 3], &faint);
        assert!(finding.metrics.iter().all(|metric| metric.name != "change"), "{name}");
    }
}

#[test]
fn what_passes_and_what_the_sun_does_are_no_change_of_colour() {
    let usual = clip(street);
    let passing = clip(|x, y| if (40..80).contains(&x) { [160.0, 50.0, 50.0] } else { street(x, y) });
    let evening = clip(|x, y| tinted(street(x, y), [6.0, 2.0, -10.0], 1.0));
    let infrared = clip(|x, y| {
        let [r, g, b] = street(x, y);
        [(r + g + b) / 3.0; 3]
    });
    let elsewhere =
        clip(|x, y| if x > 90 { [60.0, 95.0, 40.0] } else { [150.0, 90.0, 70.0].map(|c| c + f64::from(y)) });
    for (name, now) in [("passing", passing), ("evening", evening), ("infrared", infrared)] {
        let finding = judge_after(&[&usual; 5], &now);
        assert_eq!(finding.status, Status::Normal, "{name}: {:?}", finding.metrics);
    }
    let finding = judge_after(&[&usual; 5], &elsewhere);
    assert!(finding.metrics.iter().all(|metric| metric.name != "change"), "{:?}", finding.metrics);
}

#[test]
fn a_blue_sky_above_brown_hills_is_no_tint_of_the_whole_picture() {
    let hills = clip(|x, y| {
        let shade = 0.5 + scatter(x / 2, y / 2) / 400.0;
        if y < 55 { [95.0, 150.0, 225.0] } else { [125.0, 105.0, 80.0].map(|value| value * shade) }
    });
    let finding = diagnose(&hills);
    assert_eq!(finding.status, Status::Normal, "{:?}", finding.metrics);
}

#[test]
fn a_faint_violet_over_every_part_is_found_and_over_some_parts_is_not() {
    let violet = |x, y| tinted(street(x, y), [9.0, -8.0, 7.0], 1.0);
    let finding = diagnose(&clip(violet));
    assert_eq!(finding.status, Status::Warning, "{:?}", finding.metrics);
    let asphalt = clip(|x, y| if y > 48 { violet(x, y) } else { street(x, y) });
    assert_eq!(diagnose(&asphalt).status, Status::Normal);
}

#[test]
fn a_field_of_grass_that_fills_the_picture_is_no_tint() {
    let field = clip(|x, y| [88.0, 108.0, 62.0].map(|value| value * (0.9 + scatter(x, y) / 1500.0)));
    let finding = diagnose(&field);
    assert_eq!(finding.status, Status::Normal, "{:?}", finding.metrics);
}

#[test]
fn what_moves_some_of_the_grey_places_is_no_change_of_colour() {
    let usual = clip(street);
    let lamp = clip(|x, y| {
        let colour = street(x, y);
        if x < 100 { tinted(colour, [-7.0, 0.0, 14.0], 1.0) } else { colour }
    });
    let finding = judge_after(&[&usual; 5], &lamp);
    assert_eq!(finding.status, Status::Normal, "{:?}", finding.metrics);
}

#[test]
fn a_cloud_before_the_sun_is_no_change_of_colour() {
    // In the sun, most of this place is warm, and a few things are white.
    let sunny = |x: u32, y: u32| {
        let shade = 0.8 + scatter(x, y) / 640.0;
        (if (y / 12).is_multiple_of(4) { [150.0; 3] } else { [158.0, 138.0, 116.0] })
            .map(|value| value * shade)
    };
    let cloudy = |x, y| under(sunny(x, y), [0.9, 1.0, 1.14]);
    let (bright, cloudy) = (clip(sunny), clip(cloudy));
    let finding = judge_after(&[&bright; 5], &cloudy);
    assert_eq!(finding.status, Status::Normal, "{:?}", finding.metrics);
    // A much stronger tint is found, and is not learnt.
    let blue = clip(|x, y| under(sunny(x, y), [0.72, 1.0, 1.4]));
    let mut camera = CameraMemory::default();
    let mut look =
        |clip: &ArrayClip| camera.diagnose::<ColorCast>(clip, "{}").unwrap().findings.remove(0).status;
    for at in 0..12 {
        assert_eq!(look(if at % 3 == 2 { &cloudy } else { &bright }), Status::Normal);
    }
    for _ in 0..10 {
        assert_ne!(look(&blue), Status::Normal);
    }
    let (mut camera, blue) = (CameraMemory::default(), clip(|x, y| under(street(x, y), [0.9, 1.0, 1.14])));
    for _ in 0..5 {
        camera.diagnose::<ColorCast>(&clip(street), "{}").unwrap();
    }
    let finding = camera.diagnose::<ColorCast>(&blue, "{}").unwrap().findings.remove(0);
    assert_eq!(finding.status, Status::Warning, "the same tint of a grey place: {:?}", finding.metrics);
}

#[test]
fn a_faint_tint_that_ended_by_itself_twice_alarms_no_more() {
    comes_and_ends(0.5);
}

#[test]
fn a_tint_by_itself_that_ended_twice_alarms_no_more() {
    comes_and_ends(1.5);
}

fn comes_and_ends(strength: f64) {
    let (usual, tint) = (clip(street), clip(|x, y| tinted(street(x, y), [-8.0, -8.0, 20.0], strength)));
    let mut camera = CameraMemory::default();
    let mut look =
        |clip: &ArrayClip| camera.diagnose::<ColorCast>(clip, "{}").unwrap().findings.remove(0).status;
    for _ in 0..5 {
        assert_eq!(look(&usual), Status::Normal);
    }
    for _ in 0..2 {
        assert_ne!(look(&tint), Status::Normal);
        assert_eq!(look(&usual), Status::Normal);
    }
    assert_eq!(look(&tint), Status::Normal);
}

/// Multiplies each channel of a colour by its gain.
fn under([r, g, b]: [f64; 3], [red, green, blue]: [f64; 3]) -> [f64; 3] {
    [r * red, g * green, b * blue]
}

#[test]
fn a_balance_that_makes_all_light_blue_is_found() {
    // Concrete, and its shadows.
    let grey = |x, y| [50.0 + 0.6 * scatter(x / 2, y / 2); 3];
    let finding = diagnose(&clip(|x, y| under(grey(x, y), [0.75, 1.0, 1.3])));
    assert_ne!(finding.status, Status::Normal, "{finding:?}");
    assert!(finding.message.en.contains("blue"), "{}", finding.message.en);
}

#[test]
fn blue_things_beside_white_ones_are_normal() {
    // Dusk: everything lit by the sky is blue, and lamps are white.
    let dusk = clip(|x, y| {
        let lamp = (x / 8 + y / 8) % 8 == 0;
        if lamp { [215.0, 215.0, 205.0] } else { under(street(x, y), [0.6, 0.85, 1.2]) }
    });
    // A mast in front of a clear sky.
    let mast = clip(|x, y| {
        if (60..76).contains(&x) {
            [26.0, 25.0, 24.0]
        } else {
            [130.0, 165.0, 215.0].map(|value| value + f64::from(y) / 4.0)
        }
    });
    for (name, scene) in [("dusk", dusk), ("mast", mast)] {
        let finding = diagnose(&scene);
        assert_eq!(finding.status, Status::Normal, "{name}: {finding:?}");
    }
}

#[test]
fn a_turned_phase_is_found_although_a_part_of_the_picture_has_colours_of_its_own() {
    // Grey and black are violet. The lawn has the opposite colour, green.
    let phase = clip(|x, y| {
        let lawn = y >= 66;
        if lawn { [70.0, 110.0, 60.0] } else { tinted(street(x, y), [14.0, -10.0, 22.0], 1.0) }
    });
    assert_ne!(diagnose(&phase).status, Status::Normal, "{:?}", diagnose(&phase));
    // The same colours, but black is black: flowers.
    let flowers = clip(|x, y| {
        let [r, g, b] = street(x, y);
        let share = ((r + g + b) / 300.0 - 0.3).clamp(0.0, 1.0);
        if y >= 66 { [70.0, 110.0, 60.0] } else { tinted([r, g, b], [14.0, -10.0, 22.0], share) }
    });
    assert_eq!(diagnose(&flowers).status, Status::Normal, "{:?}", diagnose(&flowers));
}
