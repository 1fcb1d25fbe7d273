//! Whether a view is where it was: cell by cell, for what stands before it hides some cells and
//! leaves the others, while a camera that moves moves them all.

use crate::field::{Area, Field, PAD};

/// Part of the height, above and below, that does not count: clocks and names are written there, and
/// stay where they are when the camera moves.
const STRIP: f32 = 0.12;
/// A cell shows something where its arrows have this mean square: of 49 at the most.
const LEAST_ENERGY: f32 = 4.0;
/// A cell is empty now where less than this share of its energy is left.
const EMPTY: f32 = 0.3;

/// Elsewhere is better where so many times as many cells are found, or they agree so much better.
const CLEARLY: f32 = 1.3;
/// In the latter case this part of the cells must still be found: others left the picture.
const STILL_MOST: f32 = 0.6;

/// The cells of a field.
#[derive(Debug, Clone)]
pub(crate) struct Cells {
    pub(crate) areas: Vec<Area>,
    /// From this agreement on a cell is the same.
    least_agreement: f32,
}

/// What became of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It never showed enough to be known again.
    Plain,
    /// Its edges are in place.
    Held,
    /// Other edges are there.
    Other,
    /// There are no edges any more.
    Empty,
}

/// How a field is found in another one.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Shift to the right and down, in samples.
    pub(crate) shift: (f32, f32),
    /// Of each cell.
    pub(crate) fates: Vec<Fate>,
    /// Sum of the agreements at this shift.
    pub(crate) strength: f32,
    /// Mean agreement of the cells that are held.
    pub(crate) agreement: f32,
}

impl Cells {
    /// 20 × 18 samples or so of a fine field.
    pub(crate) fn fine(field: &Field) -> Self {
        // By chance 360 samples agree by 0.1, give or take.
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

    /// Whether a cell of this field shows enough to be known again.
    pub(crate) fn shows(&self, field: &Field, area: Area) -> bool {
        field.energy(area, (0, 0)) >= LEAST_ENERGY * (area.width * area.height) as f32
    }

    /// Cells that show something.
    pub(crate) fn shown(&self, field: &Field) -> usize {
        self.areas.iter().filter(|&&area| self.shows(field, area)).count()
    }

    /// Where the cells of `known` are in `now`, at most `reach` samples away.
    pub(crate) fn place(&self, known: &Field, now: &Field, reach: usize) -> Place {
        let reach = reach.min(PAD) as isize;
        let side = (2 * reach + 1) as usize;
        let shifts = || (-reach..=reach).flat_map(move |dy| (-reach..=reach).map(move |dx| (dx, dy)));
        let mut sums = vec![0.0_f32; side * side];
        let mut tables: Vec<Option<Vec<f32>>> = Vec::with_capacity(self.areas.len());
        for &area in &self.areas {
            if !self.shows(known, area) {
                tables.push(None);
                continue;
            }
            let table: Vec<f32> = shifts().map(|shift| known.agreement(area, now, shift)).collect();
            for (sum, agreement) in sums.iter_mut().zip(&table) {
                *sum += agreement.max(0.0);
            }
            tables.push(Some(table));
        }
        let best = (0..sums.len()).max_by(|&a, &b| at(&sums, a).total_cmp(&at(&sums, b))).unwrap_or(0);
        let (column, row) = (best % side, best / side);
        let near = |at: usize, middle: usize| at.abs_diff(middle) <= 1;
        let (mut agreed, mut held) = (0.0, 0_u16);
        let fates = self.areas.iter().zip(&tables).map(|(&area, table)| {
            let Some(table) = table else { return Fate::Plain };
            let around = table.iter().enumerate();
            let around = around.filter(|&(at, _)| near(at % side, column) && near(at / side, row));
            let agreement = around.map(|(_, &agreement)| agreement).fold(0.0, f32::max);
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
        let across = [column.checked_sub(1), Some(column), Some(column + 1).filter(|&x| x < side)]
            .map(|x| x.map(|x| at(&sums, row * side + x)));
        let down = [row.checked_sub(1), Some(row), Some(row + 1).filter(|&y| y < side)]
            .map(|y| y.map(|y| at(&sums, y * side + column)));
        let shift = (column as f32 - reach as f32 + summit(across), row as f32 - reach as f32 + summit(down));
        Place { shift, fates, strength: at(&sums, best), agreement }
    }
}

impl Place {
    pub(crate) fn count(&self, fate: Fate) -> usize {
        self.fates.iter().filter(|&&one| one == fate).count()
    }

    /// Cells that showed something and do now.
    pub(crate) fn visible(&self) -> usize {
        self.count(Fate::Held) + self.count(Fate::Other)
    }

    /// Share of the visible cells whose edges are in place; 0 where none is visible.
    pub(crate) fn held_share(&self) -> f32 {
        self.count(Fate::Held) as f32 / self.visible().max(1) as f32
    }
}

impl Place {
    /// Whether the view is found clearly better there than here. More cells are, where it is turned a
    /// little; they agree better where lines that run on and on look alike from place to place.
    pub(crate) fn is_worse_than(&self, there: &Self) -> bool {
        let count = |place: &Self| place.count(Fate::Held) as f32;
        count(there) >= CLEARLY * count(self)
            || (count(there) >= STILL_MOST * count(self) && there.agreement >= CLEARLY * self.agreement)
    }
}

fn at(values: &[f32], at: usize) -> f32 {
    values.get(at).copied().unwrap_or(0.0)
}

/// Where between three values the summit of the parabola through them is, from the middle one on;
/// 0 at the end of the row.
fn summit(values: [Option<f32>; 3]) -> f32 {
    let [Some(before), Some(middle), Some(after)] = values else { return 0.0 };
    let curve = before - 2.0 * middle + after;
    if curve >= 0.0 { 0.0 } else { (0.5 * (before - after) / curve).clamp(-0.5, 0.5) }
}
