//! The steepness of a picture's edges, independent of their contrast.
//!
//! The optics spread an edge by a Gaussian of radius σ. Over two samples in its middle, such an edge climbs by
//! erf(1 / (σ √2)) of its height. This share does not depend on the height. So the steepest rise within a small
//! window, divided by the window's range, distinguishes sharp edges from soft ones without knowledge of the scene.
//! Noise makes edges steeper, never softer.

/// The side of a cell in samples. A window consists of three by three cells. Each cell that is not at the picture's
/// border is the middle of one window.
pub const CELL: usize = 4;

/// The measurements of a window of 12 × 12 samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeWindow {
    /// The position of the window's middle cell, counted in cells from the left.
    pub column: usize,
    /// The position of the window's middle cell, counted in cells from the top.
    pub row: usize,
    /// The brightest value minus the darkest.
    pub range: u8,
    /// The brightest value.
    pub brightest: u8,
    /// The steepest change from left to right, between samples two apart.
    pub across: u8,
    /// The steepest change from top to bottom, between samples two apart.
    pub down: u8,
}

/// The extremes of each cell of a row of cells.
#[derive(Clone)]
struct Cells {
    darkest: Vec<u8>,
    brightest: Vec<u8>,
    across: Vec<u8>,
    down: Vec<u8>,
}

impl Cells {
    fn new(columns: usize) -> Self {
        Self {
            darkest: vec![u8::MAX; columns],
            brightest: vec![0; columns],
            across: vec![0; columns],
            down: vec![0; columns],
        }
    }
}

/// Calls `visit` for every window of a plane whose range is at least `least`, row by row. The plane has `width`
/// samples in a row. Cells at the border have no window, and the samples beyond the last whole cell are ignored.
pub fn edge_windows(samples: &[u8], width: usize, least: u8, mut visit: impl FnMut(EdgeWindow)) {
    let columns = width / CELL;
    if columns < 3 {
        return;
    }
    let mut extremes = Extremes::new(width);
    let mut above = Cells::new(columns);
    let mut middle = above.clone();
    let mut below = above.clone();
    let band = width * CELL;
    for row in 0..samples.len() / band {
        let start = row * band;
        // The change from top to bottom needs one more row of samples above and below the band. At the picture's border
        // there is none. The row of cells there is used only as a neighbour of the next row of cells.
        let from = start.saturating_sub(width);
        let to = (start + band + width).min(samples.len() / width * width);
        if let (Some(band), Some(around)) = (samples.get(start..start + band), samples.get(from..to)) {
            extremes.gather(band, around);
            extremes.put_into(&mut below);
        }
        if row >= 2 {
            visit_row(row - 1, least, [&above, &middle, &below], &mut visit);
        }
        // The oldest row of cells is overwritten next.
        std::mem::swap(&mut above, &mut middle);
        std::mem::swap(&mut middle, &mut below);
    }
}

/// The extremes of each column of samples over the rows of a band.
struct Extremes {
    width: usize,
    columns: Cells,
}

impl Extremes {
    fn new(width: usize) -> Self {
        Self { width, columns: Cells::new(width) }
    }

    fn gather(&mut self, band: &[u8], around: &[u8]) {
        let Cells { darkest, brightest, across, down } = &mut self.columns;
        darkest.fill(u8::MAX);
        brightest.fill(0);
        across.fill(0);
        down.fill(0);
        for row in band.chunks_exact(self.width) {
            for ((&sample, low), high) in row.iter().zip(&mut *darkest).zip(&mut *brightest) {
                *low = (*low).min(sample);
                *high = (*high).max(sample);
            }
            // Slices, because iterators that skip do not become SIMD.
            let right = row.get(2..).unwrap_or_default();
            let middle = across.get_mut(1..).unwrap_or_default();
            for ((&left, &right), steepest) in row.iter().zip(right).zip(middle) {
                *steepest = (*steepest).max(left.abs_diff(right));
            }
        }
        let lower = around.chunks_exact(self.width).skip(2);
        for (upper, lower) in around.chunks_exact(self.width).zip(lower) {
            for ((&upper, &lower), steepest) in upper.iter().zip(lower).zip(&mut *down) {
                *steepest = (*steepest).max(upper.abs_diff(lower));
            }
        }
    }

    fn put_into(&self, cells: &mut Cells) {
        let greatest = |from: &[u8], to: &mut [u8]| {
            for (four, cell) in from.as_chunks::<CELL>().0.iter().zip(to) {
                let [a, b, c, d] = *four;
                *cell = a.max(b).max(c.max(d));
            }
        };
        greatest(&self.columns.brightest, &mut cells.brightest);
        greatest(&self.columns.across, &mut cells.across);
        greatest(&self.columns.down, &mut cells.down);
        for (four, cell) in self.columns.darkest.as_chunks::<CELL>().0.iter().zip(&mut cells.darkest) {
            let [a, b, c, d] = *four;
            *cell = a.min(b).min(c.min(d));
        }
    }
}

/// Combines three rows of cells into a row of windows.
fn visit_row(row: usize, least: u8, cells: [&Cells; 3], visit: &mut impl FnMut(EdgeWindow)) {
    let darkest = join(cells, |cells| &cells.darkest, u8::min);
    let brightest = join(cells, |cells| &cells.brightest, u8::max);
    let across = join(cells, |cells| &cells.across, u8::max);
    let down = join(cells, |cells| &cells.down, u8::max);
    let windows = darkest.iter().zip(&brightest).zip(across.iter().zip(&down));
    for (column, ((&darkest, &brightest), (&across, &down))) in windows.enumerate() {
        let range = brightest - darkest;
        if range >= least {
            visit(EdgeWindow { column: column + 1, row, range, brightest, across, down });
        }
    }
}

/// Combines one of the cells' values over three columns of three rows of cells. `better` chooses one of two values.
fn join(cells: [&Cells; 3], of: impl Fn(&Cells) -> &[u8], better: impl Fn(u8, u8) -> u8) -> Vec<u8> {
    let [above, middle, below] = cells.map(of);
    let upright: Vec<u8> =
        above.iter().zip(middle).zip(below).map(|((&a, &b), &c)| better(a, better(b, c))).collect();
    let next = upright.get(1..).unwrap_or_default();
    let after = upright.get(2..).unwrap_or_default();
    upright.iter().zip(next).zip(after).map(|((&a, &b), &c)| better(a, better(b, c))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A plane of smooth hills and steps, and its width.
    fn planes() -> impl Strategy<Value = (Vec<u8>, usize)> {
        (1..50_usize, 1..50_usize).prop_flat_map(|(width, height)| {
            (prop::collection::vec(any::<u8>(), width * height), Just(width))
        })
    }

    /// Computes the same directly from the definition.
    fn plain(samples: &[u8], width: usize, least: u8) -> Vec<EdgeWindow> {
        let height = samples.len() / width;
        let at = |x: usize, y: usize| samples[y * width + x];
        let mut windows = Vec::new();
        for row in 1..(height / CELL).saturating_sub(1) {
            for column in 1..(width / CELL).saturating_sub(1) {
                let xs = (column - 1) * CELL..(column + 2) * CELL;
                let ys = (row - 1) * CELL..(row + 2) * CELL;
                let inside = ys.clone().flat_map(|y| xs.clone().map(move |x| (x, y)));
                let brightest = inside.clone().map(|(x, y)| at(x, y)).max().unwrap();
                let darkest = inside.clone().map(|(x, y)| at(x, y)).min().unwrap();
                // A change belongs to the sample in its middle. Samples at the picture's border have none.
                let across = inside
                    .clone()
                    .filter(|(x, _)| *x > 0 && x + 1 < width)
                    .map(|(x, y)| at(x - 1, y).abs_diff(at(x + 1, y)));
                let down = inside
                    .filter(|(_, y)| *y > 0 && y + 1 < height)
                    .map(|(x, y)| at(x, y - 1).abs_diff(at(x, y + 1)));
                let range = brightest - darkest;
                if range >= least {
                    let (across, down) = (across.max().unwrap(), down.max().unwrap());
                    windows.push(EdgeWindow { column, row, range, brightest, across, down });
                }
            }
        }
        windows
    }

    proptest! {
        #[test]
        fn windows_agree_with_plain_loops((samples, width) in planes(), least in 0..=255_u8) {
            let mut windows = Vec::new();
            edge_windows(&samples, width, least, |window| windows.push(window));
            prop_assert_eq!(windows, plain(&samples, width, least));
        }
    }

    #[test]
    fn a_step_is_as_steep_as_it_is_tall_and_a_ramp_is_not() {
        let slopes = |edge: fn(usize) -> u8| {
            let samples: Vec<u8> = (0..24).flat_map(|_| (0..24).map(edge)).collect();
            let mut seen = Vec::new();
            edge_windows(&samples, 24, 40, |window| seen.push((window.range, window.across, window.down)));
            seen
        };
        assert!(slopes(|x| if x < 12 { 50 } else { 150 }).iter().all(|seen| *seen == (100, 100, 0)));
        assert!(slopes(|x| 10 * x as u8).iter().all(|seen| *seen == (110, 20, 0)));
    }
}
