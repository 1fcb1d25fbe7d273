//! The edges of the picture, independent of the light.
//!
//! A gradient is divided by its own length plus a small constant, so that each clear edge has the same weight in
//! sunlight, lamplight or infrared light, and noise has little weight. The correlation of two such pictures within a
//! window shows whether the edges of one are found in the other (gradient orientation correlation, A. Fitch and
//! others, 2002, computed window by window). An object on the lens hides the edges behind it, whether it is dark,
//! bright, woven or printed. Fog, rain and other light weaken the edges and leave them in place.

use crate::planes::Planes;

/// The side of a cell in pixels of the view.
pub(crate) const CELL: usize = 4;
/// The largest width of the view. At this size noise is weak, and edges of the scene are still separate.
const WIDTH: usize = 200;
/// The change over two pixels, in grey levels above [`NOISE`], that has half of the weight of a clear edge. Noise and
/// compression leave changes several times smaller at this size.
const HALF: f32 = 8.0;
/// The difference in grey levels above which a pixel shows something else.
const CHANGED: u8 = 8;
/// The largest change over two pixels, in grey levels, that counts as noise.
const NOISE: f32 = 3.0;
/// The smallest mean square of the normalized gradients in a window with enough edges: about one pixel in sixteen is on
/// a clear edge.
const TELLING: f32 = 0.04;

/// A small grey picture.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) width: usize,
    pub(crate) pixels: Vec<u8>,
}

/// The content of a view around a cell, in a window of three cells by three.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    /// The sum of the squares of the normalized gradients.
    edges: f32,
    /// The same sum for the original gradients.
    strength: f32,
    light: f32,
}

/// The windows of two views at the same place.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sums {
    before: Part,
    now: Part,
    /// The sum of the products of the normalized gradients.
    both: f32,
}

impl Sums {
    /// True if the earlier view has edges here.
    pub(crate) fn tells(&self) -> bool {
        self.before.edges >= TELLING * WINDOW
    }

    /// True if the present view has edges here.
    pub(crate) fn is_lively(&self) -> bool {
        self.now.edges >= TELLING * WINDOW
    }

    /// Returns the correlation of the earlier edges with the present ones: 1 if all edges are found, about 0 if none
    /// is.
    pub(crate) fn correlation(&self) -> f32 {
        // A window without edges contains only noise, which would correlate by chance.
        let now = self.now.edges.max(0.25 * TELLING * WINDOW);
        if self.before.edges > 0.0 { self.both / (self.before.edges * now).sqrt() } else { 0.0 }
    }

    /// Returns the grey levels before and now.
    pub(crate) fn light(&self) -> (f32, f32) {
        (self.before.light / WINDOW, self.now.light / WINDOW)
    }

    /// Returns the sums of the squares of the gradients, before and now.
    pub(crate) const fn strength(&self) -> (f32, f32) {
        (self.before.strength, self.now.strength)
    }
}

/// The number of pixels in a window.
const WINDOW: f32 = (9 * CELL * CELL) as f32;

impl View {
    /// Makes the view from the mean of some frames of a clip.
    pub(crate) fn of(planes: &Planes, frames: &[Vec<u8>]) -> Self {
        let &Planes { width, height, offset, scale, .. } = planes;
        let by = ((width + WIDTH / 2) / WIDTH).max(1);
        let small = width / by;
        let mut pixels = Vec::with_capacity(small * (height / by));
        let mut columns = vec![0_u16; width];
        let lift = offset * scale;
        let scale = scale / (by * by * frames.len().max(1)) as f32;
        let grey = |sum: u16| (f32::from(sum) * scale - lift).clamp(0.0, 255.0) as u8;
        for band in 0..height / by {
            columns.fill(0);
            for frame in frames {
                let rows = frame.get(band * by * width..(band + 1) * by * width).unwrap_or_default();
                for row in rows.chunks_exact(width.max(1)) {
                    for (sum, &sample) in columns.iter_mut().zip(row) {
                        *sum += u16::from(sample);
                    }
                }
            }
            pixels.extend(columns.chunks_exact(by).take(small).map(|sums| grey(sums.iter().sum())));
        }
        Self { width: small, pixels }
    }

    /// Returns the share of the pixels whose grey level differs from another view by more than [`CHANGED`]. The two
    /// views have the same size.
    pub(crate) fn changed(&self, other: &Self) -> f32 {
        let changed =
            self.pixels.iter().zip(&other.pixels).filter(|(a, b)| a.abs_diff(**b) > CHANGED).count();
        changed as f32 / self.pixels.len().max(1) as f32
    }

    /// Returns the number of whole cells in a row, and the number of rows.
    pub(crate) fn cells(&self) -> (usize, usize) {
        (self.width / CELL, self.pixels.len() / self.width.max(1) / CELL)
    }

    /// Computes the normalized gradients, pixel by pixel, and the content of the windows.
    pub(crate) fn gradients(&self) -> Gradients {
        let (columns, rows) = self.cells();
        let width = columns * CELL;
        let mut found = Gradients {
            columns,
            x: vec![0.0; width * rows * CELL],
            y: vec![0.0; width * rows * CELL],
            parts: vec![Part::default(); columns * rows],
        };
        if columns == 0 {
            return found;
        }
        // Each row, with its ends repeated, so that every pixel has neighbours.
        let padded: Vec<Vec<f32>> = (self.pixels.chunks_exact(self.width).take(rows * CELL))
            .map(|row| {
                let row = row.get(..width).unwrap_or(row);
                let ends = (row.first().into_iter(), row.last().into_iter());
                ends.0.chain(row).chain(ends.1).map(|&pixel| f32::from(pixel)).collect()
            })
            .collect();
        let mut squares = vec![0.0; width];
        let out = found.x.chunks_exact_mut(width).zip(found.y.chunks_exact_mut(width));
        for (at, (out, row)) in out.zip(&padded).enumerate() {
            let above = padded.get(at.saturating_sub(1)).unwrap_or(row);
            let below = padded.get(at + 1).unwrap_or(row);
            normalized([above, row, below], out.0, out.1, &mut squares);
            let cells = found.parts.iter_mut().skip(at / CELL * columns);
            let pixels = out.0.as_chunks::<CELL>().0.iter().zip(out.1.as_chunks::<CELL>().0);
            let pixels = pixels.zip(squares.as_chunks::<CELL>().0);
            let light = row.get(1..).unwrap_or_default().as_chunks::<CELL>().0;
            for (cell, (((x, y), squares), light)) in cells.zip(pixels.zip(light)) {
                cell.edges += dot(x, x) + dot(y, y);
                cell.strength += squares.iter().sum::<f32>();
                cell.light += light.iter().sum::<f32>();
            }
        }
        found.parts = windows(&found.parts, columns, |sum, part| {
            sum.edges += part.edges;
            sum.strength += part.strength;
            sum.light += part.light;
        });
        found
    }
}

/// Computes the normalized gradients of the middle one of three padded rows, and the squares of the original gradients.
fn normalized(rows: [&[f32]; 3], x: &mut [f32], y: &mut [f32], squares: &mut [f32]) {
    let [above, row, below] = rows;
    let level = row.iter().zip(row.get(2..).unwrap_or_default());
    let upright = above.get(1..).unwrap_or_default().iter().zip(below.get(1..).unwrap_or_default());
    let out = x.iter_mut().zip(y).zip(squares);
    for (((x, y), square), ((left, right), (upper, lower))) in out.zip(level.zip(upright)) {
        let (across, down) = (right - left, lower - upper);
        *square = across * across + down * down;
        let length = square.sqrt();
        // Noise becomes 0; an edge counts by its length above the noise.
        let above = (length - NOISE).max(0.0);
        let unit = above / ((above + HALF) * length.max(1.0));
        *x = across * unit;
        *y = down * unit;
    }
}

fn dot(a: &[f32; CELL], b: &[f32; CELL]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The gradients of a view; see [`View::gradients`].
#[derive(Debug, Clone)]
pub(crate) struct Gradients {
    columns: usize,
    x: Vec<f32>,
    y: Vec<f32>,
    parts: Vec<Part>,
}

impl Gradients {
    /// Compares the gradients of two views of the same size, window by window. `self` is the earlier view.
    pub(crate) fn beside(&self, now: &Self) -> Vec<Sums> {
        let width = (self.columns * CELL).max(1);
        let mut both = vec![0.0_f32; self.parts.len()];
        let before = self.x.chunks_exact(width).zip(self.y.chunks_exact(width));
        let after = now.x.chunks_exact(width).zip(now.y.chunks_exact(width));
        for (at, ((ax, ay), (bx, by))) in before.zip(after).enumerate() {
            let cells = both.iter_mut().skip(at / CELL * self.columns);
            let x = ax.as_chunks::<CELL>().0.iter().zip(bx.as_chunks::<CELL>().0);
            let y = ay.as_chunks::<CELL>().0.iter().zip(by.as_chunks::<CELL>().0);
            for (cell, ((ax, bx), (ay, by))) in cells.zip(x.zip(y)) {
                *cell += dot(ax, bx) + dot(ay, by);
            }
        }
        let both = windows(&both, self.columns, |sum, both| *sum += both);
        let parts = self.parts.iter().zip(&now.parts);
        parts.zip(both).map(|((&before, &now), both)| Sums { before, now, both }).collect()
    }
}

/// Returns the sums over each cell and its eight neighbours. At the border, a cell counts again for each neighbour that
/// is missing.
fn windows<T: Copy>(cells: &[T], columns: usize, add: impl Fn(&mut T, &T)) -> Vec<T> {
    let beside = |cells: &[T], step: usize| -> Vec<T> {
        let last = cells.len().saturating_sub(step);
        let same = |at: usize, other: usize| step != 1 || at / columns.max(1) == other / columns.max(1);
        (cells.iter().enumerate())
            .map(|(at, cell)| {
                let mut sum = *cell;
                let before = at.checked_sub(step).filter(|&before| same(at, before)).unwrap_or(at);
                let after = if at < last && same(at, at + step) { at + step } else { at };
                for other in [before, after] {
                    if let Some(other) = cells.get(other) {
                        add(&mut sum, other);
                    }
                }
                sum
            })
            .collect()
    };
    beside(&beside(cells, 1), columns.max(1))
}
