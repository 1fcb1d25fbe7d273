//! Tests of the faults that must be found and, above all, of the healthy pictures that must not raise an alarm.

use easysight_sdk::{Finding, Status, native, testing::ArrayClip};

use super::*;

const WIDTH: u32 = 320;
const HEIGHT: u32 = 192;
const STEP_US: u64 = 200_000;

/// A smooth scene with some texture, shifted by `shift` pixels.
fn scene(x: u32, y: u32, shift: u32) -> u8 {
    let x = x + shift;
    let waves = 40.0 * (f64::from(x) / 23.0).sin() + 30.0 * (f64::from(y) / 17.0).cos();
    let grain = x.wrapping_mul(0x9E37_79B1).wrapping_add(y.wrapping_mul(0x85EB_CA77)) >> 29;
    (120.0 + waves + f64::from(grain)) as u8
}

/// Ten frames. The first and the sixth are keyframes.
fn clip(luma: impl Fn(u32, u32, u32) -> u8) -> ArrayClip {
    (0..10).fold(ArrayClip::new(WIDTH, HEIGHT), |clip, at| {
        clip.frame(u64::from(at) * STEP_US, at % 5 == 0, |x, y| luma(at, x, y))
    })
}

fn diagnose(clip: &ArrayClip) -> Finding {
    native::<FlowerScreen>(clip, "{}").unwrap().findings.remove(0)
}

fn complaints(corrupt_frames: u32, concealed_blocks: u32, missing_references: u32) -> DecoderEvidence {
    DecoderEvidence { missed_packets: 0, corrupt_frames, concealed_blocks, missing_references }
}

/// True if the pixel is in one of the hit macroblocks. About a tenth of the macroblocks, scattered over the picture,
/// are hit.
fn hit(x: u32, y: u32) -> bool {
    ((x / 16) * 7 + (y / 16) * 13).is_multiple_of(11)
}

#[test]
fn a_sound_picture_is_normal() {
    let finding = diagnose(&clip(|_, x, y| scene(x, y, 0)));
    assert_eq!(finding.status, Status::Normal);
    assert!(finding.score > 90.0, "{finding:?}");
}

#[test]
fn displaced_blocks_are_found_and_marked() {
    // The blocks in the left half show content from elsewhere.
    let finding = diagnose(&clip(|at, x, y| {
        if at > 1 && x < 160 && hit(x, y) { scene(x, y, 70).wrapping_add(60) } else { scene(x, y, 0) }
    }));
    assert_ne!(finding.status, Status::Normal);
    assert!(finding.score < 50.0);
    let region = finding.regions.first().unwrap();
    assert!(region.left + region.width <= 0.6, "{region:?}");
}

#[test]
fn pixelation_is_none_of_its_business() {
    let finding = diagnose(&clip(|at, x, y| {
        let tile = (x / 16 * 7 + y / 16 * 13 + at) % 11;
        (40 + tile * 18) as u8
    }));
    assert_eq!(finding.status, Status::Normal, "{finding:?}");
}

#[test]
fn what_is_drawn_over_the_picture_is_no_damage() {
    let logo = clip(|_, x, y| {
        let drawn = x < 160 && y < 96 && hit(x, y);
        if drawn { 40 + (x * 7 % 11 + y * 5 % 13) as u8 } else { scene(x, y, 0) / 2 + 90 }
    });
    let finding = diagnose(&logo);
    assert_eq!(finding.status, Status::Normal, "{finding:?}");
}

/// Lettering on a truck that enters the picture. Its hard edges lie on the grid of macroblocks and beside the grid.
#[test]
fn hard_edges_on_any_grid_are_no_damage() {
    let lettering = |x: u32, y: u32| if (x / 3 + y / 5).is_multiple_of(2) { 24 } else { 232 };
    let passing = clip(|at, x, y| {
        let painted =
            at > 4 && (60..240).contains(&x) && (40..150).contains(&y) && (x / 30 + y / 37).is_multiple_of(2);
        if painted { lettering(x / 2, y) } else { scene(x, y, 0) }
    });
    let finding = diagnose(&passing);
    assert_eq!(finding.status, Status::Normal, "{finding:?}");
}

#[test]
fn a_fast_pan_is_normal() {
    assert_eq!(diagnose(&clip(|at, x, y| scene(x, y, at * 40))).status, Status::Normal);
}

#[test]
fn a_cut_at_a_keyframe_is_normal() {
    let finding = diagnose(&clip(|at, x, y| if at < 5 { scene(x, y, 0) } else { 255 - scene(x, y, 30) }));
    assert_eq!(finding.status, Status::Normal, "{finding:?}");
}

#[test]
fn a_smear_that_a_keyframe_wipes_away_is_found() {
    // In the fourth and the fifth frame, just before the keyframe, a band of the picture is too bright.
    let finding = diagnose(&clip(|at, x, y| {
        let smeared = (3..5).contains(&at) && (60..100).contains(&y) && x > 100;
        if smeared { scene(x, y, 0).saturating_add(45) } else { scene(x, y, 0) }
    }));
    assert_ne!(finding.status, Status::Normal);
    assert_eq!(finding.decision.metric, "repaired_share");
}

#[test]
fn a_light_that_goes_on_at_a_keyframe_is_normal() {
    let finding = diagnose(&clip(|at, x, y| {
        if at >= 5 && (60..100).contains(&y) { scene(x, y, 0).saturating_add(45) } else { scene(x, y, 0) }
    }));
    assert_eq!(finding.status, Status::Normal, "{finding:?}");
}

#[test]
fn a_light_that_comes_and_goes_at_any_frame_is_normal() {
    // As in a time-lapse: the light of the first frame returns at the fourth frame, and again at the keyframe.
    let finding = diagnose(&clip(|at, x, y| {
        let is_lit = [1, 2, 4].contains(&at) && (60..100).contains(&y);
        if is_lit { scene(x, y, 0).saturating_add(45) } else { scene(x, y, 0) }
    }));
    assert_eq!(finding.status, Status::Normal, "{finding:?}");
}

#[test]
fn what_was_never_written_is_found() {
    let size = (WIDTH * HEIGHT) as usize;
    let luma: Vec<u8> = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| scene(x, y, 0))).collect();
    let sound = [luma, vec![128; size / 4], vec![128; size / 4]];
    let mut torn = sound.clone();
    for plane in &mut torn {
        let from = plane.len() * 3 / 4;
        plane[from..].fill(0);
    }
    let clip = ArrayClip::new(WIDTH, HEIGHT).planes(0, true, sound).planes(STEP_US, false, torn);
    let finding = diagnose(&clip);
    assert_eq!(finding.status, Status::Error);
    assert_eq!(finding.decision.metric, "impossible_share");
}

#[test]
fn the_grey_of_missing_references_is_found_where_it_comes_and_not_where_it_stays() {
    let turning = diagnose(&clip(|at, x, y| if at > 3 && y > 60 { 128 } else { scene(x, y, 0) }));
    assert_eq!(turning.decision.metric, "grey_rise");
    assert_ne!(turning.status, Status::Normal);
    let wall = diagnose(&clip(|_, x, y| if y > 60 { 128 } else { scene(x, y, 0) }));
    assert_eq!(wall.status, Status::Normal, "{wall:?}");
}

#[test]
fn blocks_that_the_decoder_made_up_count_and_more_of_them_count_more() {
    let sound = clip(|_, x, y| scene(x, y, 0));
    let some = diagnose(&sound.clone().complaints(complaints(1, 16, 0)));
    let many = diagnose(&sound.complaints(complaints(9, 2_000, 0)));
    assert_eq!((some.status, many.status), (Status::Warning, Status::Error));
    assert!(many.score < some.score);
}

#[test]
fn a_few_complaints_about_a_sound_picture_are_harmless() {
    let sound = clip(|_, x, y| scene(x, y, 0));
    for harmless in [complaints(2, 0, 0), complaints(0, 3, 0), complaints(0, 0, 6)] {
        let finding = diagnose(&sound.clone().complaints(harmless));
        assert_eq!(finding.status, Status::Normal, "{finding:?}");
    }
}

#[test]
fn a_damaged_jpeg_counts_since_nothing_is_made_up_there() {
    let clip = clip(|_, x, y| scene(x, y, 0)).codec("mjpeg").complaints(complaints(1, 0, 0));
    assert_ne!(diagnose(&clip).status, Status::Normal);
}

#[test]
fn a_single_picture_can_be_judged() {
    let clip = ArrayClip::new(WIDTH, HEIGHT).frame(0, true, |x, y| scene(x, y, 0));
    assert_eq!(diagnose(&clip).status, Status::Normal);
}
