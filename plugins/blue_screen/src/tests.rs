//! Tests of the faults that must be found and, above all, of the healthy pictures that must not raise an alarm.

use easysight_sdk::{native, testing::ArrayClip};

use super::*;

const WIDTH: u32 = 320;
const HEIGHT: u32 = 180;

/// A deterministic pseudo-random value, 0 to 255, for each pixel.
fn scatter(x: u32, y: u32, t: u32) -> u8 {
    (x.wrapping_mul(0x9E37_79B1) ^ (y + 977 * t).wrapping_mul(0x85EB_CA77))
        .wrapping_mul(0xC2B2_AE35)
        .to_be_bytes()[0]
}

/// Makes a clip of two frames that are one second apart. `yuv` returns the colour of a pixel.
fn clip(yuv: impl Fn(u32, u32, u32) -> [u8; 3]) -> ArrayClip {
    (0..2).fold(ArrayClip::new(WIDTH, HEIGHT), |clip, at| {
        let plane = |which: usize, step: usize| -> Vec<u8> {
            let rows = (0..HEIGHT).step_by(step);
            rows.flat_map(|y| (0..WIDTH).step_by(step).map(move |x| (x, y)))
                .map(|(x, y)| yuv(x, y, at)[which])
                .collect()
        };
        clip.planes(u64::from(at) * 1_000_000, true, [plane(0, 1), plane(1, 2), plane(2, 2)])
    })
}

fn diagnose(clip: &ArrayClip) -> Finding {
    native::<BlueScreen>(clip, "{}").unwrap().findings.remove(0)
}

#[test]
fn solid_colours_are_found_and_named() {
    for (name, colour) in
        [("blue", [41, 240, 110]), ("green", [80, 90, 81]), ("grey", [126, 128, 128]), ("red", [81, 90, 240])]
    {
        let finding = diagnose(&clip(|_, _, _| colour));
        assert_eq!(finding.status, Status::Critical, "{name}");
        assert!(finding.message.en.contains(name), "{name}: {}", finding.message.en);
        assert!(finding.score < 5.0);
    }
}

#[test]
fn a_card_with_words_on_it_is_found() {
    let card = clip(|x, y, _| {
        let words = (60..110).contains(&y) && (60..260).contains(&x) && (x / 6 + y / 9).is_multiple_of(2);
        if words { [235, 128, 128] } else { [41, 240, 110] }
    });
    let finding = diagnose(&card);
    assert_eq!(finding.status, Status::Critical, "{finding:?}");
}

#[test]
fn colour_bars_are_found() {
    const BARS: [[u8; 3]; 7] = [
        [180, 128, 128],
        [162, 44, 142],
        [131, 156, 44],
        [112, 72, 58],
        [84, 184, 198],
        [65, 100, 212],
        [35, 212, 114],
    ];
    for words in [false, true] {
        let finding = diagnose(&clip(|x, y, _| {
            let written =
                words && (40..70).contains(&y) && (90..230).contains(&x) && (x / 6 + y / 9).is_multiple_of(2);
            match y {
                _ if written => [235, 128, 128],
                0..130 => BARS[(x * 7 / WIDTH) as usize],
                _ => [16, 128, 128],
            }
        }));
        assert_eq!(finding.status, Status::Critical, "{finding:?}");
        assert_eq!(finding.decision.metric, "bar_share");
    }
}

#[test]
fn sky_sea_and_wall_are_normal() {
    // A sky has a gradient, a wall is lit from one side, the sea glitters. All have a little noise.
    let sky = clip(|x, y, t| [150 + (y / 3) as u8 + scatter(x, y, t) / 100, 150 - (y / 12) as u8, 118]);
    let wall = clip(|x, y, t| [190 - (x / 8) as u8 + scatter(x, y, t) / 120, 126, 130]);
    let sea = clip(|x, y, t| [90 + scatter(x / 3, y, t) / 8, 140, 120]);
    for scene in [sky, wall, sea] {
        let finding = diagnose(&scene);
        assert_eq!(finding.status, Status::Normal, "{finding:?}");
        assert!(finding.score > 60.0);
    }
}

#[test]
fn blinds_and_fences_are_no_bars() {
    let blinds = clip(|x, y, t| {
        [if (x / 10).is_multiple_of(2) { 80 } else { 150 } + (y / 6) as u8 + scatter(x, y, t) / 40, 128, 128]
    });
    assert_eq!(diagnose(&blinds).status, Status::Normal);
}

#[test]
fn black_is_left_to_signal_loss() {
    assert_eq!(diagnose(&clip(|_, _, _| [16, 128, 128])).status, Status::Normal);
}

/// Three lines of yellow letters over a dark street.
fn notice(x: u32, y: u32) -> [u8; 3] {
    let line = [60..74, 85..99, 110..124].iter().any(|line| line.contains(&y));
    let street = 30 + scatter(x / 9, y / 9, 0) / 8;
    if line && (20..300).contains(&x) && (x / 5).is_multiple_of(2) {
        [210, 30, 145]
    } else {
        [street, 128, 126]
    }
}

#[test]
fn a_notice_in_large_letters_over_an_old_picture_is_found_in_one_still() {
    let planes = |which: usize, step: usize| -> Vec<u8> {
        let rows = (0..HEIGHT).step_by(step);
        rows.flat_map(|y| (0..WIDTH).step_by(step).map(move |x| notice(x, y)[which])).collect()
    };
    let still = ArrayClip::new(WIDTH, HEIGHT).planes(0, true, [planes(0, 1), planes(1, 2), planes(2, 2)]);
    let finding = diagnose(&still);
    assert_eq!(finding.status, Status::Critical, "{finding:?}");
    assert_eq!(finding.decision.metric, "written_share");
    assert!(finding.message.en.starts_with("No picture"), "{}", finding.message.en);
}

#[test]
fn a_test_card_of_another_layout_is_found_by_its_colours() {
    const FIELDS: [[u8; 3]; 6] =
        [[200, 20, 140], [170, 160, 20], [110, 60, 60], [80, 90, 235], [90, 210, 220], [128, 128, 128]];
    // Fields of five strong colours and grey, in rows that are shifted by one field each, with a black circle in the
    // middle.
    let card = clip(|x, y, _| {
        let (dx, dy) = (x.abs_diff(160), y.abs_diff(90));
        let circle = dx * dx + dy * dy < 1_600;
        if circle { [16, 128, 128] } else { FIELDS[((x / 40 + y / 36) % 6) as usize] }
    });
    let finding = diagnose(&card);
    assert_eq!(finding.status, Status::Critical, "{finding:?}");
    assert_eq!(finding.decision.metric, "card_colours");
}

#[test]
fn a_tinted_picture_of_flat_areas_has_one_colour_and_is_no_card() {
    let pink = clip(|x, y, _| {
        let shade = scatter(x / 32, y / 32, 0) / 8;
        [90 + shade, 150 + shade, 178 + shade]
    });
    assert_eq!(diagnose(&pink).status, Status::Normal);
}

#[test]
fn yellow_lines_on_a_lit_road_are_no_notice() {
    let road = clip(|x, y, t| {
        let marks = (x / 5).is_multiple_of(2) && (70..110).contains(&y);
        let light = 120 + scatter(x, y, t) / 16;
        if marks { [light + 50, 60, 140] } else { [light, 110, 134] }
    });
    assert_eq!(diagnose(&road).status, Status::Normal);
}

#[test]
fn frames_in_between_that_others_asked_for_change_nothing() {
    let frames = |times: &[u64]| {
        times.iter().fold(ArrayClip::new(WIDTH, HEIGHT), |clip, &at_us| {
            clip.frame(
                at_us,
                at_us == 0,
                |x, y| if at_us < 1_000_000 { scatter(x / 8, y / 8, 0) } else { 90 },
            )
        })
    };
    let alone: Vec<u64> = (0..16).map(|at| at * 200_000).collect();
    let full: Vec<u64> = (0..25).map(|at| at * 40_000).chain((5..16).map(|at| at * 200_000)).collect();
    let [one, other] = [alone, full].map(|times| format!("{:?}", diagnose(&frames(&times))));
    assert_eq!(one, other);
}

#[test]
fn one_picture_is_enough() {
    let still = ArrayClip::new(WIDTH, HEIGHT).frame(0, true, |_, _| 90);
    assert_eq!(diagnose(&still).status, Status::Critical);
}
