//! Mist that begins at the border. The rim of a window is its coldest part, so water condenses there first and
//! leaves the middle clear. Mist scatters light by many pixels: all along the border even the sharpest edges are
//! soft, while those in the middle are sharp. A lens that is soft in its corners still shows edges of a few pixels
//! there, and a scene that is soft at one side (sky, grass, a near wall) is sharp at another.

use easysight_sdk::image::EdgeWindow;

/// The number of sectors along each side of the picture.
const ALONG: usize = 4;
/// The number of sectors along all four sides.
const SECTORS: usize = 4 * ALONG;
/// A window belongs to the border if its distance from the centre, across or down, is at least this share of half of
/// the width or of the height.
const BORDER: f32 = 0.76;
/// A window belongs to the middle if its distances from the centre, across and down, are at most this share of half of
/// the width and of the height.
const MIDDLE: f32 = 0.5;
/// The number of classes by which edges are counted. The steepness of an edge is its steepest rise over two pixels, as
/// a share of its range of grey levels.
const CLASSES: usize = 64;
/// The number of windows that a sector must have to be counted.
const LEAST_WINDOWS: u32 = 6;
/// The smallest number of sectors that must be counted. With fewer sectors the border is not judged.
const LEAST_SECTORS: usize = 8;

/// The numbers of edges by their steepness, for the middle and for each sector of the border.
#[derive(Debug, Clone)]
pub(crate) struct Rim {
    middle: [u32; CLASSES],
    sectors: [[u32; CLASSES]; SECTORS],
    cells: (usize, usize),
}

impl Rim {
    /// Prepares for a picture of this number of cells across and down.
    pub(crate) const fn new(columns: usize, rows: usize) -> Self {
        Self { middle: [0; CLASSES], sectors: [[0; CLASSES]; SECTORS], cells: (columns, rows) }
    }

    /// Counts an edge.
    pub(crate) fn add(&mut self, window: &EdgeWindow) {
        let part = |at: usize, all: usize| 2.0 * (at as f32 + 0.5) / all.max(1) as f32 - 1.0;
        let (x, y) = (part(window.column, self.cells.0), part(window.row, self.cells.1));
        let steep =
            usize::from(window.across.max(window.down)) * (CLASSES - 1) / usize::from(window.range.max(1));
        let far = x.abs().max(y.abs());
        let counts = if far <= MIDDLE {
            Some(&mut self.middle)
        } else if far >= BORDER {
            let along = |at: f32| ((at + 1.0) * 0.5 * ALONG as f32) as usize;
            let sector = if x.abs() >= y.abs() {
                along(y).min(ALONG - 1) + if x > 0.0 { ALONG } else { 0 }
            } else {
                along(x).min(ALONG - 1) + if y > 0.0 { 3 * ALONG } else { 2 * ALONG }
            };
            self.sectors.get_mut(sector)
        } else {
            None
        };
        if let Some(count) = counts.and_then(|counts| counts.get_mut(steep.min(CLASSES - 1))) {
            *count += 1;
        }
    }

    /// Returns the steepness of the border divided by the steepness of the middle. The ratio is about 1 if the border
    /// is as sharp as the middle, and near 0.3 behind mist. The ratio is 1 if there are too few edges. The steepness of
    /// the middle, and of a sector, is the value that three quarters of its edges do not exceed. The steepness of the
    /// border is the value that four fifths of its sectors do not exceed. The other sectors are left out because a
    /// clock, which has sharp edges, may be drawn over mist.
    pub(crate) fn sharpness(&self) -> f32 {
        let mut border: Vec<f32> = self.sectors.iter().filter_map(steepest_quarter).collect();
        if border.len() < LEAST_SECTORS {
            return 1.0;
        }
        border.sort_by(f32::total_cmp);
        let most = border.get(border.len() * 4 / 5).copied().unwrap_or(1.0);
        steepest_quarter(&self.middle).map_or(1.0, |middle| most / middle.max(0.01))
    }
}

/// Returns the steepness that three quarters of the edges do not exceed. None if there are too few edges.
fn steepest_quarter(counts: &[u32; CLASSES]) -> Option<f32> {
    let all: u32 = counts.iter().sum();
    let mut left = all * 3 / 4;
    if all < LEAST_WINDOWS {
        return None;
    }
    for (class, &count) in counts.iter().enumerate() {
        if left < count {
            return Some((class as f32 + 0.5) / (CLASSES - 1) as f32);
        }
        left -= count;
    }
    Some(1.0)
}
