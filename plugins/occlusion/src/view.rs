//! Where the edges of the picture are, whatever the light.
//!
//! A gradient is divided by its own length plus a small constant, so that each clear edge counts the same by
//! sun, lamp or infrared light and noise counts little; the correlation of two such pictures within a
//! window says whether the edges of the one are found in the other (gradient orientation correlation, A.
//! Fitch and others, 2002, taken window by window). What covers a lens hides the edges behind it, whether
//! it is dark, bright, woven or printed; fog, rain and other light make them fainter and leave them where
//! they are.

use easysight_sdk::{Clip, Failure, PlaneKind, SampleRange};

/// Side of a cell in pixels of the view.
pub(crate) const CELL: usize = 4;
/// Width that the view is at most brought down to: noise has faded, and edges of the scene are still told apart.
const WIDTH: usize = 200;
/// A change of so many grey levels over two pixels counts half as an edge: several times what noise and
/// compression leave at this size.
const HALF: f32 = 8.0;
/// Changes up to here are noise.
const NOISE: f32 = 3.0;
/// A window tells something where the squares of its normalized gradients have this mean: one pixel in
/// sixteen on a clear edge.
const TELLING: f32 = 0.04;

/// A small grey picture.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) width: usize,
    pub(crate) pixels: Vec<u8>,
}

/// Sums over the window of three cells by three around each cell.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sums {
    before: f32,
    both: f32,
    now: f32,
    /// The same of the gradients as they are.
    strength_before: f32,
    strength_now: f32,
    light_before: f32,
    light_now: f32,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.before += other.before;
        self.both += other.both;
        self.now += other.now;
        self.strength_before += other.strength_before;
        self.strength_now += other.strength_now;
        self.light_before += other.light_before;
        self.light_now += other.light_now;
    }

    /// The view before has edges here.
    pub(crate) fn tells(&self) -> bool {
        self.before >= TELLING * WINDOW
    }

    /// How well the edges before are found now: 1 where they all are, about 0 where none is.
    pub(crate) fn correlation(&self) -> f32 {
        // What is empty now has noise only, which would correlate by chance.
        let now = self.now.max(0.25 * TELLING * WINDOW);
        if self.before > 0.0 { self.both / (self.before * now).sqrt() } else { 0.0 }
    }

    /// Grey levels before and now.
    pub(crate) fn light(&self) -> (f32, f32) {
        (self.light_before / WINDOW, self.light_now / WINDOW)
    }

    /// Squares of the gradients before and now.
    pub(crate) const fn strength(&self) -> (f32, f32) {
        (self.strength_before, self.strength_now)
    }
}

/// Pixels of a window.
const WINDOW: f32 = (9 * CELL * CELL) as f32;

impl View {
    /// The mean of some frames of a clip.
    pub(crate) fn of(clip: &dyn Clip, level: u32, frames: &[u32]) -> Result<Self, Failure> {
        let (width, height) = clip.size(PlaneKind::Luma, level)?;
        let (width, height) = (width as usize, height as usize);
        let (offset, scale) = match clip.info().range {
            SampleRange::Full => (0.0, 1.0),
            // ITU-R BT.601: black 16, white 235.
            SampleRange::Limited => (16.0, 255.0 / 219.0),
        };
        let by = ((width + WIDTH / 2) / WIDTH).max(1);
        let small = width / by;
        let mut sums = vec![0_u32; small * (height / by)];
        for &frame in frames {
            let plane = clip.luma(frame, level)?;
            for (band, out) in plane.chunks_exact(width * by).zip(sums.chunks_exact_mut(small.max(1))) {
                for row in band.chunks_exact(width) {
                    for (samples, sum) in row.chunks_exact(by).zip(&mut *out) {
                        *sum += samples.iter().map(|&sample| u32::from(sample)).sum::<u32>();
                    }
                }
            }
        }
        let count = (by * by * frames.len().max(1)) as f32;
        let grey = |sum: u32| ((sum as f32 / count - offset) * scale).clamp(0.0, 255.0) as u8;
        Ok(Self { width: small, pixels: sums.into_iter().map(grey).collect() })
    }

    /// Whole cells a row and rows of them.
    pub(crate) fn cells(&self) -> (usize, usize) {
        (self.width / CELL, self.pixels.len() / self.width.max(1) / CELL)
    }

    /// Normalized gradients, their squares as they are, and the grey level, pixel by pixel.
    pub(crate) fn gradients(&self) -> Gradients {
        let (columns, rows) = self.cells();
        let (width, height) = (columns * CELL, rows * CELL);
        let mut found = Gradients::default();
        let lines: Vec<&[u8]> = self.pixels.chunks_exact(self.width.max(1)).collect();
        for y in 0..height {
            let line = |at: usize| lines.get(at).copied().unwrap_or_default();
            let (above, row, below) =
                (line(y.saturating_sub(1)), line(y), line((y + 1).min(lines.len().saturating_sub(1))));
            let at = |row: &[u8], x: usize| row.get(x).copied().map_or(0.0, f32::from);
            for x in 0..width {
                let right = (x + 1).min(self.width.saturating_sub(1));
                let across = at(row, right) - at(row, x.saturating_sub(1));
                let down = at(below, x) - at(above, x);
                let square = across * across + down * down;
                let length = square.sqrt();
                // What noise makes is nothing; an edge counts by what it is above that.
                let above = (length - NOISE).max(0.0);
                let unit = above / ((above + HALF) * length.max(1.0));
                found.x.push(across * unit);
                found.y.push(down * unit);
                found.square.push(square);
                found.light.push(at(row, x));
            }
        }
        found
    }

    /// Compares two views of the same size, window by window.
    pub(crate) fn compare(&self, before: &Gradients, now: &Gradients) -> Vec<Sums> {
        let (columns, rows) = self.cells();
        let mut cells = vec![Sums::default(); columns * rows];
        let width = columns * CELL;
        let pixels = before.x.iter().zip(&before.y).zip(now.x.iter().zip(&now.y));
        let pixels =
            pixels.zip(before.square.iter().zip(&now.square)).zip(before.light.iter().zip(&now.light));
        for (at, ((((&ax, &ay), (&bx, &by)), (&old, &new)), (&dim, &lit))) in pixels.enumerate() {
            let (x, y) = (at % width.max(1), at / width.max(1));
            if let Some(cell) = cells.get_mut(y / CELL * columns + x / CELL) {
                cell.add(&Sums {
                    before: ax * ax + ay * ay,
                    both: ax * bx + ay * by,
                    now: bx * bx + by * by,
                    strength_before: old,
                    strength_now: new,
                    light_before: dim,
                    light_now: lit,
                });
            }
        }
        windows(&cells, columns, rows)
    }
}

/// See [`View::gradients`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Gradients {
    x: Vec<f32>,
    y: Vec<f32>,
    square: Vec<f32>,
    light: Vec<f32>,
}

/// The sums over each cell and its neighbours; at the rim the cells inside stand for those outside.
fn windows(cells: &[Sums], columns: usize, rows: usize) -> Vec<Sums> {
    let mut windows = Vec::with_capacity(cells.len());
    for row in 0..rows {
        for column in 0..columns {
            let mut window = Sums::default();
            for (dx, dy) in (0..3).flat_map(|dy| (0..3).map(move |dx| (dx, dy))) {
                let x = (column + dx).saturating_sub(1).min(columns.saturating_sub(1));
                let y = (row + dy).saturating_sub(1).min(rows.saturating_sub(1));
                if let Some(cell) = cells.get(y * columns + x) {
                    window.add(cell);
                }
            }
            windows.push(window);
        }
    }
    windows
}
