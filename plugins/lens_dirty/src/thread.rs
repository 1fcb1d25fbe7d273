//! Bright threads of a web. They are searched for in the difference between the picture and a clean picture (the
//! reference).

use crate::picture::{CELL, Plane};

/// The smallest curvature of the light across a thread (its second derivative), in grey levels per pixel squared.
const BEND: f32 = 2.5;
/// The largest ratio of the curvature along a thread to the curvature across it.
const THIN: f32 = 0.4;
/// The largest slope on the crest of a line, as a share of the curvature.
const CREST: f32 = 0.7;
/// The smallest difference of a line from the reference, in grey levels. With a smaller difference, the line is the
/// faint outer part of another line.
const OFF: f32 = 3.0;
/// The largest curvature that a clean picture had at the same place, as a share of the present curvature.
const NEW: f32 = 0.8;
/// The width of a thread in pixels.
const WIDE: f32 = 2.0;

/// The number of pixels on the crests of bright lines and at the bottoms of dark ones, in each cell of a picture.
#[derive(Debug, Clone)]
pub(crate) struct Threads {
    cells: Vec<(u8, u8)>,
    pixels: usize,
}

impl Threads {
    /// Finds the threads in the difference between the picture and a clean picture, whose pixels are `clean`. Places at
    /// which the clean picture had a line are skipped, because at another exposure a part of that line remains in the
    /// difference.
    pub(crate) fn of(difference: &Plane, clean: &[u8], columns: usize, count: usize) -> Self {
        let width = difference.width;
        let rows: Vec<&[f32]> = difference.rows().collect();
        let bent = |x: usize, y: usize| {
            let at = |x: usize, y: usize| clean.get(y * width + x).copied().map_or(0.0, f32::from);
            let middle = 2.0 * at(x + 1, y + 1);
            let across = at(x, y + 1) + at(x + 2, y + 1) - middle;
            let down = at(x + 1, y) + at(x + 1, y + 2) - middle;
            across.abs() + down.abs()
        };
        let mut cells = vec![(0_u8, 0_u8); count];
        for (y, rows) in rows.windows(3).enumerate() {
            let [above, row, below] = rows else { continue };
            let threes = above.windows(3).zip(row.windows(3)).zip(below.windows(3));
            for (x, ((above, row), below)) in threes.enumerate() {
                let ([a, b, c], [d, e, f], [g, h, i]) = (above, row, below) else { continue };
                let (xx, yy) = (d + f - 2.0 * e, b + h - 2.0 * e);
                // Most places are skipped here.
                if (xx + yy).abs() < BEND || e.abs() < OFF || (xx + yy) * e >= 0.0 {
                    continue;
                }
                if bent(x, y) > NEW * (xx.abs() + yy.abs()) {
                    continue;
                }
                let crest = crest(xx, yy, 0.25 * (a + i - c - g), (0.5 * (f - d), 0.5 * (h - b)));
                if let Some((bright, dark)) = cells.get_mut((y + 1) / CELL * columns + (x + 1) / CELL) {
                    *bright += u8::from(crest > 0);
                    *dark += u8::from(crest < 0);
                }
            }
        }
        Self { cells, pixels: difference.values.len() }
    }

    /// Returns the threads that neither of two clean pictures explains.
    pub(crate) fn and(mut self, other: &Self) -> Self {
        for (cell, other) in self.cells.iter_mut().zip(&other.cells) {
            *cell = (cell.0.min(other.0), cell.1.min(other.1));
        }
        self
    }

    /// Returns the share of the picture under bright threads. A camera that moved by a part of a pixel leaves as
    /// many dark lines as bright ones, so the dark ones are subtracted.
    pub(crate) fn share(&self) -> f32 {
        let crests: i32 = self.cells.iter().map(|&(bright, dark)| i32::from(bright) - i32::from(dark)).sum();
        (crests.max(0) as f32 * WIDE / self.pixels.max(1) as f32).min(1.0)
    }
}

/// Returns 1 on the crest of a bright line, −1 at the bottom of a dark one, otherwise 0, from the second
/// derivatives and the slope.
fn crest(xx: f32, yy: f32, xy: f32, slope: (f32, f32)) -> i32 {
    // The eigenvalues. The eigenvalue with the sign of the sum has the larger magnitude.
    let (half, spread) = (0.5 * (xx + yy), (0.5 * (xx - yy)).hypot(xy));
    let (across, along) =
        if half < 0.0 { (half - spread, half + spread) } else { (half + spread, half - spread) };
    if across.abs() < BEND || along.abs() > THIN * across.abs() {
        return 0;
    }
    // The direction across the line: the eigenvector of the larger eigenvalue.
    let (dx, dy) = if xx.abs() > yy.abs() { (across - yy, xy) } else { (xy, across - xx) };
    let length = dx.hypot(dy);
    if length > 0.0 && ((slope.0 * dx + slope.1 * dy) / length).abs() > CREST * across.abs() {
        return 0;
    }
    if half < 0.0 { 1 } else { -1 }
}
