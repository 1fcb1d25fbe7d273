//! Finds out, cell by cell, whether a view is still in place. An object in front of the view hides some cells and
//! leaves the other cells in place, whereas a camera that moves shifts all cells.

use crate::field::{Area, Field, PAD};

/// This share of the height is ignored at the top, and the same share at the bottom. Clocks and names are written
/// there, and they do not move with the camera.
const STRIP: f32 = 0.12;
/// A cell has enough edges if the mean square of its arrows is at least this value. The arrows represent the edges (see
/// [`crate::field`]). The largest possible mean square is 49.
const LEAST_ENERGY: f32 = 4.0;
/// A cell counts as empty if it has less than this share of its former energy, the sum of the squares of its arrows.
const EMPTY: f32 = 0.3;

/// The factor by which another place must be better, in the number of cells that are found or in the agreement of these
/// cells.
const CLEARLY: f32 = 1.3;
/// If only the agreement is better at the other place, the number of cells that are found there must still be at least
/// this share of the number here. The other cells may have left the picture.
const STILL_MOST: f32 = 0.6;

/// The cells of a field.
#[derive(Debug, Clone)]
pub(crate) struct Cells {
    pub(crate) areas: Vec<Area>,
    /// The smallest agreement at which a cell counts as held.
    least_agreement: f32,
}

/// The state of a cell, compared with the known view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The known view has too few edges in this cell.
    Plain,
    /// The cell's edges are in place.
    Held,
    /// The cell has other edges.
    Other,
    /// The cell has lost its edges.
    Empty,
}

/// The place at which a field is found in another field.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The shift to the right and down, in samples.
    pub(crate) shift: (f32, f32),
    /// The state of each cell.
    pub(crate) fates: Vec<Fate>,
    /// The sum of the agreements at this shift.
    pub(crate) strength: f32,
    /// The mean agreement of the cells that are held.
    pub(crate) agreement: f32,
}

impl Cells {
    /// Divides a fine field into cells of about 20 × 18 samples.
    pub(crate) fn fine(field: &Field) -> Self {
        // Two unrelated cells of 360 samples agree by about 0.1 by chance, so a cell with an agreement of 0.3 or more
        // is held.
        Self::of(field, 8, 18.0, 0.3)
    }

    fn of(field: &Field, columns: usize, height: f32, least_agreement: f32) -> Self {
        let top = (STRIP * field.height as f32).round() as usize;
        let inner = field.height.saturating_sub(2 * top);
        let rows = ((inner as f32 / height).round() as usize).max(1);
        let bounds = |length: usize, parts: usize, part: usize| length * part / parts;
        let mut areas = Vec::with_capacity(columns * rows);
        for row in 0..rows {
            for column in 0..columns {
                let (left, upper) = (bounds(field.width, columns, column), bounds(inner, rows, row));
                areas.push(Area {
                    left,
                    top: top + upper,
                    width: bounds(field.width, columns, column + 1) - left,
                    height: bounds(inner, rows, row + 1) - upper,
                });
            }
        }
        Self { areas, least_agreement }
    }

    /// True if a cell of this field has enough edges to be recognised.
    pub(crate) fn shows(&self, field: &Field, area: Area) -> bool {
        field.energy(area, (0, 0)) >= LEAST_ENERGY * (area.width * area.height) as f32
    }

    /// Counts the cells with enough edges.
    pub(crate) fn shown(&self, field: &Field) -> usize {
        self.areas.iter().filter(|&&area| self.shows(field, area)).count()
    }

    /// Finds the cells of `known` in `now`. The cells are shifted by at most `reach` samples.
    pub(crate) fn place(&self, known: &Field, now: &Field, reach: usize) -> Place {
        let reach = reach.min(PAD);
        let side = 2 * reach + 1;
        let shows: Vec<bool> = self.areas.iter().map(|&area| self.shows(known, area)).collect();
        let shown = self.areas.iter().zip(&shows).filter(|&(_, &shows)| shows).map(|(&area, _)| area);
        let mut tables =
            Tables { known, now, reach, cells: shown.collect(), rows: vec![vec![]; side * side] };
        let best = tables.best();
        let (column, row) = (best % side, best / side);
        let near = |middle: usize| middle.saturating_sub(1)..=(middle + 1).min(side - 1);
        // Each cell may have its best agreement at a shift next to the best shift of all cells, because objects at
        // different distances are shifted differently.
        let mut agreements = vec![0.0_f32; tables.cells.len()];
        for at in near(row).flat_map(|y| near(column).map(move |x| y * side + x)) {
            for (most, &agreement) in agreements.iter_mut().zip(tables.complete(at)) {
                *most = most.max(agreement);
            }
        }
        let mut agreements = agreements.into_iter();
        let (mut agreed, mut held) = (0.0, 0_u16);
        let fates = self.areas.iter().zip(&shows).map(|(&area, &shows)| {
            let Some(agreement) = shows.then(|| agreements.next()).flatten() else { return Fate::Plain };
            if agreement >= self.least_agreement {
                agreed += agreement;
                held += 1;
                Fate::Held
            } else if now.energy(area, (0, 0)) < EMPTY * known.energy(area, (0, 0)) {
                Fate::Empty
            } else {
                Fate::Other
            }
        });
        let fates = fates.collect();
        let agreement = agreed / f32::from(held.max(1));
        let mut strength_at = |x: usize, y: usize| sum(tables.complete(y * side + x));
        let strength = strength_at(column, row);
        let across = [column.checked_sub(1), Some(column), Some(column + 1).filter(|&x| x < side)]
            .map(|x| x.map(|x| strength_at(x, row)));
        let down = [row.checked_sub(1), Some(row), Some(row + 1).filter(|&y| y < side)]
            .map(|y| y.map(|y| strength_at(column, y)));
        let shift = (column as f32 - reach as f32 + summit(across), row as f32 - reach as f32 + summit(down));
        Place { shift, fates, strength, agreement }
    }
}

/// The agreements of the cells at each shift, row by row of shifts. They are computed when they are needed.
struct Tables<'a> {
    known: &'a Field,
    now: &'a Field,
    reach: usize,
    /// The cells with enough edges.
    cells: Vec<Area>,
    rows: Vec<Vec<f32>>,
}

impl Tables<'_> {
    /// Returns the index of the shift at which the cells agree best. The computation for a shift stops as soon as the
    /// shift cannot exceed the best sum with its remaining cells. An agreement is at most 1, and rounding adds less
    /// than a ten-thousandth.
    fn best(&mut self) -> usize {
        let middle = self.rows.len() / 2;
        let (mut best, mut most) = (middle, sum(self.complete(middle)));
        for at in (0..self.rows.len()).filter(|&at| at != middle) {
            let mut sum = 0.0;
            for cell in 0..self.cells.len() {
                if sum + 1.0001 * (self.cells.len() - cell) as f32 <= most {
                    break;
                }
                sum += self.next(at).max(0.0);
            }
            if sum > most {
                (best, most) = (at, sum);
            }
        }
        best
    }

    /// Returns the agreements of all cells at a shift.
    fn complete(&mut self, at: usize) -> &[f32] {
        while self.rows.get(at).is_some_and(|row| row.len() < self.cells.len()) {
            self.next(at);
        }
        self.rows.get(at).map_or(&[], Vec::as_slice)
    }

    /// Computes the agreement of the next cell at a shift.
    fn next(&mut self, at: usize) -> f32 {
        let side = 2 * self.reach + 1;
        let along = |place: usize| place as isize - self.reach as isize;
        let shift = (along(at % side), along(at / side));
        let Some(row) = self.rows.get_mut(at) else { return 0.0 };
        let agreement =
            self.cells.get(row.len()).map_or(0.0, |&cell| self.known.agreement(cell, self.now, shift));
        row.push(agreement);
        agreement
    }
}

/// Sums the agreements. Negative ones, of cells with opposite edges, count as 0.
fn sum(agreements: &[f32]) -> f32 {
    agreements.iter().map(|agreement| agreement.max(0.0)).sum()
}

impl Place {
    pub(crate) fn count(&self, fate: Fate) -> usize {
        self.fates.iter().filter(|&&one| one == fate).count()
    }

    /// Counts the cells that had enough edges and still have edges.
    pub(crate) fn visible(&self) -> usize {
        self.count(Fate::Held) + self.count(Fate::Other)
    }

    /// Returns the share of the visible cells whose edges are in place; 0 if no cell is visible.
    pub(crate) fn held_share(&self) -> f32 {
        self.count(Fate::Held) as f32 / self.visible().max(1) as f32
    }
}

impl Place {
    /// True if the view is found clearly better at the other place `there`. If the view is turned a little, the other
    /// place has more cells. If long lines look similar at both places, as many cells may be found here, but those at
    /// the other place agree better.
    pub(crate) fn is_worse_than(&self, there: &Self) -> bool {
        let count = |place: &Self| place.count(Fate::Held) as f32;
        count(there) >= CLEARLY * count(self)
            || (count(there) >= STILL_MOST * count(self) && there.agreement >= CLEARLY * self.agreement)
    }
}

/// Returns the position of the maximum of the parabola through three values, relative to the middle value. Returns 0 if
/// a value is missing, at the end of a row.
fn summit(values: [Option<f32>; 3]) -> f32 {
    let [Some(before), Some(middle), Some(after)] = values else { return 0.0 };
    let curve = before - 2.0 * middle + after;
    if curve >= 0.0 { 0.0 } else { (0.5 * (before - after) / curve).clamp(-0.5, 0.5) }
}
