//! Tests of the faults that must be found and, above all, of the healthy pictures that must not raise an alarm.

use easysight_sdk::{Finding, native, testing::ArrayClip};

use super::*;

/// A deterministic pseudo-random value, 0 to 1, for each place.
fn scatter(x: u32, y: u32) -> f64 {
    let mixed = x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77);
    let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0xC2B2_AE35);
    f64::from((mixed ^ (mixed >> 13)) >> 8) / f64::from(1_u32 << 24)
}

/// A scene of waves and a little grain.
fn scene(x: u32, y: u32) -> f64 {
    let (a, b) = (f64::from(x), f64::from(y));
    128.0 + 60.0 * (a / 17.3).sin() * (b / 13.9).cos() + 4.0 * scatter(x, y)
}

fn clip(luma: impl Fn(u32, u32) -> f64) -> ArrayClip {
    ArrayClip::new(320, 240).frame(0, true, move |x, y| luma(x, y).round().clamp(0.0, 255.0) as u8)
}

fn diagnose(clip: &ArrayClip) -> Finding {
    native::<Mosaic>(clip, "{}").unwrap().findings.remove(0)
}

fn metric(finding: &Finding, name: &str) -> f64 {
    finding.metrics.iter().find(|metric| metric.name == name).unwrap().value
}

#[test]
fn a_picture_without_blocks_is_normal() {
    let finding = diagnose(&clip(scene));
    assert_eq!(finding.status, Status::Normal);
    assert!(finding.score > 80.0);
}

#[test]
fn pixelation_is_found_with_the_side_of_its_blocks() {
    for side in [8, 12, 16, 24] {
        let finding = diagnose(&clip(|x, y| scene(x / side * side, y / side * side)));
        assert_ne!(finding.status, Status::Normal, "{side}");
        assert_eq!(metric(&finding, "block_side"), f64::from(side));
    }
}

#[test]
fn blocks_that_are_no_whole_number_of_pixels_are_found() {
    // Forty blocks across a picture of 320 px would be 8 px wide each. With 27 and 45 blocks, the width is no whole
    // number.
    for blocks in [27, 45] {
        let cell = |at: u32, size: u32| {
            (f64::from(at * blocks * 3 / 4 / size) * f64::from(size * 4) / f64::from(blocks * 3)) as u32
        };
        let finding = diagnose(&clip(|x, y| {
            let across = (f64::from(x * blocks / 320) * 320.0 / f64::from(blocks)) as u32;
            scene(across, cell(y, 240))
        }));
        assert_ne!(finding.status, Status::Normal, "{blocks}: {finding:?}");
    }
}

#[test]
fn blocks_in_a_part_of_the_picture_are_found_where_they_are() {
    let finding = diagnose(&clip(|x, y| {
        let inside = (106..320).contains(&x) && y < 80;
        if inside { scene(x / 10 * 10, y / 10 * 10) } else { scene(x, y) }
    }));
    assert_ne!(finding.status, Status::Normal, "{finding:?}");
    let region = &finding.regions[0];
    assert!(region.left > 0.3 && region.height < 0.4, "{region:?}");
}

#[test]
fn coarse_blocks_of_a_wide_soft_scene_are_found() {
    let soft = |x: u32, y: u32| 120.0 + f64::from(x) / 24.0 + f64::from(y) / 16.0;
    let wide = ArrayClip::new(1280, 720).frame(0, true, |x, y| soft(x / 40 * 40, y / 40 * 40) as u8);
    assert_ne!(diagnose(&wide).status, Status::Normal);
}

#[test]
fn a_dark_still_that_is_flat_within_its_blocks_is_normal() {
    // Outside the lamps, each block of 8 × 8 pixels has a single grey level between 18 and 22. The lamps have real
    // edges.
    let still = clip(|x, y| {
        let lamp = (x / 3 + y / 2) % 40 == 7;
        let mean = 20.0 + (4.0 * (scatter(x / 8, y / 8) - 0.5)).round();
        if lamp { 200.0 } else { mean }
    });
    assert_eq!(diagnose(&still).status, Status::Normal);
}

#[test]
fn blocks_of_uneven_means_are_found_and_worse_when_stronger() {
    // The effect of coarse compression: detail survives, but the brightness of each block has an error of its own.
    let compressed =
        |error: f64| diagnose(&clip(move |x, y| scene(x, y) + error * (scatter(x / 8 + 900, y / 8) - 0.5)));
    let [faint, coarse, coarser] = [2.0, 60.0, 120.0].map(compressed);
    assert_eq!(faint.status, Status::Normal);
    assert_ne!(coarse.status, Status::Normal);
    assert!(faint.score > coarse.score && coarse.score > coarser.score);
}

/// Macroblocks that have one grey level each. Ramps of six samples lie between the macroblocks.
fn deblocked(x: u32, y: u32) -> f64 {
    let level = |column: u32, row: u32| 90.0 + (40.0 * scatter(column + 50, row)).floor();
    let ramp = |at: u32| (f64::from(at) - 12.5).clamp(0.0, 6.0) / 6.0;
    let (column, row) = ((x + 13) / 16, (y + 13) / 16);
    let (across, down) = (ramp((x + 13) % 16), ramp((y + 13) % 16));
    let along = |row| level(column, row) * (1.0 - across) + level(column + 1, row) * across;
    along(row) * (1.0 - down) + along(row + 1) * down
}

#[test]
fn macroblocks_that_a_filter_has_smoothed_are_found_in_a_part_of_the_picture() {
    let finding = diagnose(&clip(|x, y| if y < 160 { deblocked(x, y) } else { scene(x, y) }));
    assert_ne!(finding.status, Status::Normal, "{finding:?}");
    assert_eq!(finding.decision.metric, "plateaus");
}

#[test]
fn flat_areas_of_a_scene_and_bars_are_no_plateaus() {
    // A sky with faint steps, from which the encoder has removed the noise, and houses whose outlines lie off the grid.
    let street = |x: u32, y: u32| if (x / 43 + y / 37).is_multiple_of(2) { 60.0 } else { scene(x, y) };
    let skyline = clip(|x, y| if y < 120 { 150.0 + f64::from(y / 16) } else { street(x, y) });
    assert_eq!(diagnose(&skyline).status, Status::Normal);
    let bars = clip(|x, y| if y < 176 { 40.0 + f64::from(x / 32 * 20) } else { scene(x, y) });
    assert_eq!(diagnose(&bars).status, Status::Normal);
    let card = clip(|x, y| if (x / 32 + y / 48).is_multiple_of(2) { 60.0 } else { 140.0 });
    assert_eq!(metric(&diagnose(&card), "plateaus"), 0.0);
}

#[test]
fn a_grid_that_nobody_sees_is_none() {
    let flat = clip(|x, y| 100.0 + f64::from((x / 8 + y / 8) % 2));
    assert_eq!(diagnose(&flat).status, Status::Normal);
}

#[test]
fn fences_and_a_pole_are_no_blocks() {
    let fence = clip(|x, y| if x % 16 < 3 { 220.0 } else { scene(x, y) });
    assert_eq!(diagnose(&fence).status, Status::Normal);
    let cross =
        clip(|x, y| if (100..110).contains(&x) || (50..56).contains(&y) { 250.0 } else { scene(x, y) });
    assert_eq!(diagnose(&cross).status, Status::Normal);
}

#[test]
fn noise_and_a_single_colour_are_no_blocks() {
    assert_eq!(diagnose(&clip(|x, y| scene(x, y) + 40.0 * scatter(x + 500, y))).status, Status::Normal);
    assert_eq!(diagnose(&clip(|_, _| 40.0)).score, 100.0);
}

#[test]
fn thresholds_are_the_operator_s() {
    let mosaic = clip(|x, y| scene(x / 8 * 8, y / 8 * 8));
    let finding = native::<Mosaic>(&mosaic, r#"{"most_step": 90}"#).unwrap().findings.remove(0);
    assert_eq!(finding.status, Status::Normal);
}

#[test]
fn every_size_gives_a_judgement_or_a_reason() {
    for (width, height) in [(1, 1), (23, 400), (24, 24), (33, 41), (641, 35)] {
        let clip = ArrayClip::new(width, height).frame(0, true, |x, y| (x * 37 + y * 91) as u8);
        match native::<Mosaic>(&clip, "{}") {
            Ok(report) => assert!(report.findings.iter().all(|f| (0.0..=100.0).contains(&f.score))),
            Err(failure) => assert!(matches!(failure, Failure::UnsupportedClip(_)), "{failure:?}"),
        }
    }
}
