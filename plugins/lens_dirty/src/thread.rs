//! Bright threads of a web in what a clean picture does not explain.

use crate::picture::Plane;

/// A thread bends the light across it by this many grey levels a pixel, twice.
const BEND: f32 = 2.5;
/// Along it the light bends less by this factor.
const THIN: f32 = 0.4;
/// Of a crest: the light climbs by less than this part of the bend.
const CREST: f32 = 0.7;
/// Grey levels by which a line stands off from what was there: else it is the foot of another.
const OFF: f32 = 3.0;
/// Pixels that a thread is wide.
const WIDE: f32 = 2.0;

/// Share of the plane under bright threads. A camera that moved by a part of a pixel leaves as many
/// dark lines as bright ones, so those are taken off.
pub(crate) fn thread_share(difference: &Plane) -> f32 {
    let rows: Vec<&[f32]> = difference.rows().collect();
    let mut crests = 0_i32;
    for rows in rows.windows(3) {
        let [above, row, below] = rows else { continue };
        for ((above, row), below) in above.windows(3).zip(row.windows(3)).zip(below.windows(3)) {
            let ([a, b, c], [d, e, f], [g, h, i]) = (above, row, below) else { continue };
            let (xx, yy) = (d + f - 2.0 * e, b + h - 2.0 * e);
            // Most places end here.
            if (xx + yy).abs() >= BEND && e.abs() >= OFF && (xx + yy) * e < 0.0 {
                crests += crest(xx, yy, 0.25 * (a + i - c - g), (0.5 * (f - d), 0.5 * (h - b)));
            }
        }
    }
    (crests.max(0) as f32 * WIDE / difference.values.len().max(1) as f32).min(1.0)
}

/// 1 on the crest of a bright line, −1 at the bottom of a dark one, else 0; of second derivatives and
/// the slope.
fn crest(xx: f32, yy: f32, xy: f32, slope: (f32, f32)) -> i32 {
    // Eigenvalues: the one of the side on which the sum is bends most.
    let (half, spread) = (0.5 * (xx + yy), (0.5 * (xx - yy)).hypot(xy));
    let (across, along) =
        if half < 0.0 { (half - spread, half + spread) } else { (half + spread, half - spread) };
    if across.abs() < BEND || along.abs() > THIN * across.abs() {
        return 0;
    }
    // Across the line: the eigenvector of the greater.
    let (dx, dy) = if xx.abs() > yy.abs() { (across - yy, xy) } else { (xy, across - xx) };
    let length = dx.hypot(dy);
    if length > 0.0 && ((slope.0 * dx + slope.1 * dy) / length).abs() > CREST * across.abs() {
        return 0;
    }
    if half < 0.0 { 1 } else { -1 }
}
