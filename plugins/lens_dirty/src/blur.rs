//! Blurred parts of a sharp picture. Behind drops and smear, and at the rim of dust, the light changes strongly,
//! but nowhere abruptly.

use easysight_sdk::image::{CELL as WINDOW_CELL, beside, connected, edge_windows};

use crate::{
    picture::{FINE_CELL, Picture},
    rim::Rim,
};

/// The smallest range of grey levels (the brightest minus the darkest) of a window with an edge. A window has 12 × 12
/// pixels of the fine picture (see [`edge_windows`]).
const EDGE: u8 = 20;
/// An edge is crisp if its steepest rise over two pixels is at least this share of the window's range.
const CRISP: f32 = 0.5;
/// The smallest range of grey levels of a blurred window.
const BLURRED: u8 = 30;
/// A window is blurred if its steepest rise over two pixels is at most this share of its range. If the light changes
/// evenly from one side of the window to the other, the rise is a fifth of the range.
const SOFT: f32 = 0.24;
/// The brightness above which a pixel belongs to a lamp. The slopes around it are the lamp's glow.
const LAMP: u8 = 220;

/// The number of soft objects that a scene can contain itself: shadows, or objects that are too near. This number of
/// the largest blurred regions is not counted in full (see [`Blur::of`]).
const FEW: usize = 2;

/// The sharpness of a picture, and its blurred parts.
#[derive(Debug, Clone)]
pub(crate) struct Blur {
    /// The share of the picture near crisp edges.
    pub(crate) crisp: f32,
    /// The share of the picture that is blurred.
    pub(crate) share: f32,
    /// The cells of each blurred region.
    pub(crate) regions: Vec<Vec<usize>>,
    /// The sharpness of the border.
    pub(crate) rim: Rim,
}

impl Blur {
    pub(crate) fn of(picture: &Picture) -> Self {
        let mut crisp = 0_usize;
        let mut windows = vec![0_usize; picture.moved.len()];
        let mut lit = vec![false; picture.moved.len()];
        let (width, height) = (picture.fine.width, picture.fine.height());
        let mut rim = Rim::new(width / WINDOW_CELL, height / WINDOW_CELL);
        edge_windows(&picture.samples, picture.fine.width, EDGE, |window| {
            let (range, climb) = (f32::from(window.range), f32::from(window.across.max(window.down)));
            rim.add(&window);
            crisp += usize::from(climb >= CRISP * range);
            if window.range < BLURRED || climb > SOFT * range {
                return;
            }
            let half = |cell: usize| cell * WINDOW_CELL / FINE_CELL;
            let at = half(window.row) * picture.columns + half(window.column);
            // Moving objects are blurred by their motion.
            if picture.moved.get(at) != Some(&false) {
                return;
            }
            if let (Some(windows), Some(lit)) = (windows.get_mut(at), lit.get_mut(at)) {
                *windows += 1;
                *lit |= window.brightest > LAMP;
            }
        });
        // One drop may blur several edges, in cells that do not touch. The cells beside a blurred cell are therefore
        // added before the cells are joined to regions.
        let is_soft = |at: usize| windows.get(at).is_some_and(|&count| count > 0);
        let near = |at: usize| beside(at, picture.columns, windows.len()).into_iter().flatten().any(is_soft);
        let soft: Vec<bool> = (0..windows.len()).map(|at| is_soft(at) || near(at)).collect();
        let mut regions = connected(&soft, picture.columns, |_, _| true);
        regions.retain(|region| !region.iter().any(|&at| lit.get(at) == Some(&true)));
        let size = |region: &Vec<usize>| region.iter().filter_map(|&at| windows.get(at)).sum::<usize>();
        let mut sizes: Vec<usize> = regions.iter().map(size).collect();
        // A scene can contain a few soft objects itself. So each of the [`FEW`] largest regions counts only as much as
        // the region that follows them in size.
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        let most = sizes.get(FEW).copied().unwrap_or(0);
        let counted = sizes.iter().map(|&size| size.min(most)).sum();
        let share = |windows: usize| {
            (windows * WINDOW_CELL * WINDOW_CELL) as f32 / picture.samples.len().max(1) as f32
        };
        Self { crisp: share(crisp), share: share(counted), regions, rim }
    }
}
