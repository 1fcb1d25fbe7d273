//! The views that the camera usually shows, and the parts of the picture where nothing of them is found.
//!
//! Several views are kept: by day, at night, and of each preset. For each cell of each view, the memory counts the
//! clips in which the edges of the cell were found. The edges of a road with traffic are found now and then, the edges
//! of a kerb always. A cell is dependable if its edges are nearly always found. The picture is covered if no dependable
//! cell is found within a region that has a simple outline and reaches the border, while the view is still found
//! elsewhere. A region that one of the views explains is not covered.

use easysight_sdk::{baseline::Remembered, image::connected};
use serde::{Deserialize, Serialize};

use crate::USUAL_LOOKS;
use crate::patch::hull_area;
use crate::view::{Gradients, Sums, View};

/// The smallest correlation at which edges count as found. The correlation of unrelated edges in a window varies by
/// 0.15 around 0.
const FOUND: f32 = 0.4;
/// The correlation below which edges count as lost.
pub(crate) const LOST: f32 = 0.3;
/// The share of a view's edges that must be found for the view to be the same.
const SAME_VIEW: f32 = 0.3;
/// A clip shows nothing new if at least this share of the edges is found.
const NOTHING_NEW: f32 = 0.85;
/// The smallest number of clips after which a cell may be dependable. In a single clip, noise has edges too.
const LEAST_LOOKS: u8 = 2;
/// The share of the clips in which the edges of a cell must have been found for the cell to be dependable.
const DEPENDABLE: f32 = 0.8;
/// The largest size of a camera's views, in bytes. The host allows 256 KiB.
const MOST_BYTES: usize = 220 * 1024;
/// The number of clips of a view at which its counts are halved. Later clips then have more weight, so that new content
/// becomes usual.
const MANY: u8 = 40;
/// The factor by which log odds are stored as integers.
const THOUSAND: f64 = 1e3;

/// A view, and how often the edges of each of its cells were found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Known {
    width: u16,
    pixels: Vec<u8>,
    /// The number of clips of this view.
    pub(crate) looks: u8,
    /// For each cell, the number of these clips in which its edges were found.
    found: Vec<u8>,
    /// The network's largest result for one of these clips, in thousandths of log odds.
    odds: i32,
}

/// The views of a camera. The view that was seen last comes first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Seen(pub(crate) Vec<Known>);

impl Remembered for Seen {
    const LAYOUT: u16 = 3;
}

/// The comparison of a known view with the picture.
pub(crate) struct Match {
    /// The index of the view in the memory. None if the view is the beginning of the clip.
    pub(crate) at: Option<usize>,
    pub(crate) looks: u8,
    pub(crate) sums: Vec<Sums>,
    dependable: Vec<bool>,
    /// The share of the view's dependable edges that is found.
    pub(crate) share: f32,
}

/// The part of the picture in which the known views are lost.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lost {
    /// The share of the picture that this part covers.
    pub(crate) share: f32,
    pub(crate) cells: Vec<bool>,
    /// The share of the known edges outside the region that are found.
    pub(crate) beyond: f32,
    /// The correlation of the light outside the region with that of the most similar view.
    pub(crate) light: f32,
    /// The share of the region that now has edges of other objects.
    pub(crate) lively: f32,
    /// The ratio of the region's cells to those of its convex hull.
    pub(crate) solidity: f32,
}

impl Known {
    pub(crate) fn of(view: &View) -> Self {
        let (columns, rows) = view.cells();
        Self {
            width: view.width as u16,
            pixels: view.pixels.clone(),
            looks: 1,
            found: vec![1; columns * rows],
            odds: i32::MIN,
        }
    }

    /// Returns the network's largest result for a clip of this view.
    pub(crate) fn odds(&self) -> f64 {
        f64::from(self.odds) / THOUSAND
    }

    pub(crate) fn view(&self) -> View {
        View { width: usize::from(self.width), pixels: self.pixels.clone() }
    }

    /// Adds a clip. Cells whose edges are not found again in the second clip are not dependable.
    pub(crate) fn with(mut self, view: &View) -> Self {
        if let Some(seen) = self.beside(None, view, &view.gradients()) {
            self.count(&seen);
        }
        self
    }

    fn bytes(&self) -> usize {
        self.pixels.len() + self.found.len()
    }

    /// Compares this view with another one. None if the other view has a different size.
    pub(crate) fn beside(&self, at: Option<usize>, now: &View, gradients: &Gradients) -> Option<Match> {
        if usize::from(self.width) != now.width || self.pixels.len() != now.pixels.len() {
            return None;
        }
        let sums = self.view().gradients().beside(gradients);
        let needed = (DEPENDABLE * f32::from(self.looks)).ceil() as u8;
        let dependable: Vec<bool> =
            sums.iter().zip(&self.found).map(|(sums, &found)| sums.tells() && found >= needed).collect();
        let known = sums.iter().zip(&dependable).filter(|&(_, &dependable)| dependable);
        let (mut all, mut there) = (0_u32, 0_u32);
        for (sums, _) in known {
            all += 1;
            there += u32::from(sums.correlation() >= FOUND);
        }
        let share = if all == 0 { 0.0 } else { there as f32 / all as f32 };
        Some(Match { at, looks: self.looks, sums, dependable, share })
    }

    /// Counts a clip that was compared with this view.
    fn count(&mut self, seen: &Match) {
        if self.looks >= MANY {
            self.looks /= 2;
            self.found.iter_mut().for_each(|found| *found = found.div_ceil(2));
        }
        self.looks += 1;
        for (found, sums) in self.found.iter_mut().zip(&seen.sums) {
            *found += u8::from(sums.correlation() >= FOUND);
        }
    }
}

impl Match {
    /// Returns the correlation of the light, before and now, over the cells that are not covered. At night, lamps
    /// light other parts than the sky does by day.
    pub(crate) fn same_light(&self, covered: &[bool]) -> f32 {
        let points = || {
            let open = self.sums.iter().zip(covered).filter(|&(_, &covered)| !covered);
            open.map(|(sums, _)| sums.light())
        };
        let count = points().count().max(1) as f32;
        let mean = points().fold((0.0, 0.0), |sum, light| (sum.0 + light.0 / count, sum.1 + light.1 / count));
        let products = points().fold((0.0, 0.0, 0.0), |sum, light| {
            let (before, now) = (light.0 - mean.0, light.1 - mean.1);
            (sum.0 + before * before, sum.1 + before * now, sum.2 + now * now)
        });
        products.1 / (products.0 * products.2).sqrt().max(1.0)
    }

    /// True if the picture shows this view, or its uncovered part.
    pub(crate) fn is_same_view(&self) -> bool {
        self.share >= SAME_VIEW
    }
}

impl Seen {
    /// Learns a clip in which nothing is covered, with the network's result. `alarms` is true if that result is
    /// too large. While a view is new, such a result belongs to the view; later the result indicates a cover and is not
    /// learnt.
    pub(crate) fn learn(&mut self, view: &View, matches: &[Match], odds: f64, alarms: bool) {
        let odds = (THOUSAND * odds) as i32;
        let nearest = matches.iter().max_by(|a, b| a.share.total_cmp(&b.share));
        for seen in matches.iter().filter(|seen| seen.is_same_view()) {
            if let Some(known) = seen.at.and_then(|at| self.0.get_mut(at)) {
                if u32::from(known.looks) < USUAL_LOOKS || !alarms {
                    known.odds = known.odds.max(odds);
                }
                known.count(seen);
            }
        }
        match nearest.filter(|seen| seen.share >= NOTHING_NEW).and_then(|seen| seen.at) {
            Some(at) if at < self.0.len() => {
                let known = self.0.remove(at);
                self.0.insert(0, known);
            }
            _ => self.0.insert(0, Known { odds, ..Known::of(view) }),
        }
        let mut bytes = 0;
        self.0.retain(|known| {
            bytes += known.bytes();
            bytes <= MOST_BYTES
        });
    }
}

/// Returns the largest correlation of the present edges of a cell with its edges in any of the views. None if no view
/// has edges there.
pub(crate) fn best(matches: &[&Match], at: usize) -> Option<f32> {
    let sums = matches.iter().filter_map(|seen| seen.sums.get(at)).filter(|sums| sums.tells());
    sums.map(Sums::correlation).reduce(f32::max)
}

/// Returns the largest region in which hardly any dependable cell of the views is found. Every cell gets votes from the
/// lost cells around it, and votes from the found ones (see [`votes`]). It belongs to the region if the lost cells have
/// more than twice as many votes.
pub(crate) fn lost(view: &View, matches: &[&Match]) -> Lost {
    let (columns, rows) = view.cells();
    let count = columns * rows;
    let mut missing = vec![false; count];
    let mut there = vec![false; count];
    for at in 0..count {
        let (mut known, mut best) = (false, -1.0_f32);
        for seen in matches {
            let Some(sums) = seen.sums.get(at) else { continue };
            if sums.tells() {
                best = best.max(sums.correlation());
            }
            known |= seen.looks >= LEAST_LOOKS && seen.dependable.get(at) == Some(&true);
        }
        if let (Some(missing), Some(there)) = (missing.get_mut(at), there.get_mut(at)) {
            *missing = known && best < LOST;
            *there = best >= FOUND;
        }
    }
    let votes = (votes(&missing, columns, rows), votes(&there, columns, rows));
    let inside: Vec<bool> =
        votes.0.iter().zip(&votes.1).map(|(missing, there)| *missing > 2.0 * there).collect();
    let region =
        connected(&inside, columns, |_, _| true).into_iter().max_by_key(Vec::len).unwrap_or_default();
    let mut cells = vec![false; count];
    for &at in &region {
        if let Some(cell) = cells.get_mut(at) {
            *cell = true;
        }
    }
    let (mut all, mut found) = (0_u32, 0_u32);
    for ((&inside, &missing), &there) in cells.iter().zip(&missing).zip(&there) {
        if !inside {
            all += u32::from(missing || there);
            found += u32::from(there);
        }
    }
    Lost {
        share: region.len() as f32 / count.max(1) as f32,
        light: matches.iter().map(|seen| seen.same_light(&cells)).fold(-1.0, f32::max),
        lively: matches.first().map_or(0.0, |seen| {
            let lively = region.iter().filter(|&&at| seen.sums.get(at).is_some_and(Sums::is_lively));
            lively.count() as f32 / region.len().max(1) as f32
        }),
        solidity: region.len() as f32 / hull_area(columns, &cells).max(1.0),
        cells,
        beyond: if all == 0 { 0.0 } else { found as f32 / all as f32 },
    }
}

/// Counts the set cells around each cell. Cells within a distance of two have full weight. Other cells within
/// a distance of six have little weight.
fn votes(map: &[bool], columns: usize, rows: usize) -> Vec<f32> {
    let near = box_sums(map, columns, rows, 2);
    let far = box_sums(map, columns, rows, 6);
    near.iter().zip(&far).map(|(near, far)| *near + 0.05 * *far).collect()
}

/// Returns the sums of a map over squares of cells around each cell, up to `reach` away.
fn box_sums(map: &[bool], columns: usize, rows: usize, reach: usize) -> Vec<f32> {
    let mut sums = Vec::with_capacity(map.len());
    // A summed-area table, with a row and a column of zeros in front.
    let wide = columns + 1;
    let mut table = vec![0_u32; wide * (rows + 1)];
    for y in 0..rows {
        let mut row = 0;
        for x in 0..columns {
            row += u32::from(map.get(y * columns + x) == Some(&true));
            let above = table.get(y * wide + x + 1).copied().unwrap_or(0);
            if let Some(place) = table.get_mut((y + 1) * wide + x + 1) {
                *place = above + row;
            }
        }
    }
    let at = |x: usize, y: usize| table.get(y * wide + x).copied().unwrap_or(0);
    for y in 0..rows {
        for x in 0..columns {
            let (left, top) = (x.saturating_sub(reach), y.saturating_sub(reach));
            let (right, bottom) = ((x + reach + 1).min(columns), (y + reach + 1).min(rows));
            let sum = (at(right, bottom) + at(left, top)) as f32 - (at(left, bottom) + at(right, top)) as f32;
            sums.push(sum);
        }
    }
    sums
}
