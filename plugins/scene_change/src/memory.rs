//! What is remembered: the edges of each view, cell by cell as fresh as can be.
//!
//! A view must not be learnt anew as a whole, or a mount that gives way a little a day would never be
//! found. So the cells that are found again stay as they were first seen, and only those that long
//! show something else (snow, leaves, a parked car that left) are renewed, each with the note how far
//! the view had moved by then.

use easysight_sdk::baseline::{References, Remembered};
use serde::{Deserialize, Serialize};

use crate::{
    cells::{Cells, Fate, Place},
    field::Packed,
    search::Edges,
};

/// Checks on end after which a cell that shows something else is renewed.
const RENEWED_AFTER: u8 = 12;
/// Steps a sample in which the shift of a cell is noted.
const STEPS: f32 = 8.0;

/// One view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct View {
    fine: Packed,
    coarse: Packed,
    cells: Vec<Seen>,
}

/// A cell of a view.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    /// Checks on end in which it was not found.
    missed: u8,
    /// How far the view had moved when it was last renewed.
    right: i16,
    down: i16,
}

/// All of a camera.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) views: References<View>,
    /// Checks on end in which the camera looked elsewhere.
    pub(crate) elsewhere: u8,
}

impl Remembered for Memory {
    const LAYOUT: u16 = 1;
}

impl View {
    pub(crate) fn of(edges: &Edges, cells: &Cells) -> Self {
        Self {
            fine: edges.fine.packed(),
            coarse: edges.coarse.packed(),
            cells: vec![Seen::default(); cells.areas.len()],
        }
    }

    /// Whether it is of a picture of the same shape.
    pub(crate) fn fits(&self, edges: &Edges, cells: &Cells) -> bool {
        self.fine.fits(&edges.fine)
            && self.coarse.fits(&edges.coarse)
            && self.cells.len() == cells.areas.len()
    }

    pub(crate) fn edges(&self) -> Edges {
        Edges { fine: self.fine.field(), coarse: self.coarse.field() }
    }

    /// How far a view that is found in this place has moved since it was first seen, in samples: where
    /// cells were renewed since, what it had moved by then is added.
    pub(crate) fn moved(&self, place: &Place) -> (f32, f32) {
        let held = || self.cells.iter().zip(&place.fates).filter(|&(_, &fate)| fate == Fate::Held);
        let count = held().count().max(1) as f32;
        let mean = |of: fn(&Seen) -> i16| held().map(|(cell, _)| f32::from(of(cell))).sum::<f32>() / count;
        (place.shift.0 + mean(|cell| cell.right) / STEPS, place.shift.1 + mean(|cell| cell.down) / STEPS)
    }

    /// The view after a check in which it was in place; none where nothing is to be noted.
    pub(crate) fn after(&self, edges: &Edges, cells: &Cells, place: &Place) -> Option<Self> {
        let (right, down) = self.moved(place);
        let mut known = self.edges();
        let mut seen = self.cells.clone();
        let mut renewed = false;
        for ((cell, &fate), &area) in seen.iter_mut().zip(&place.fates).zip(&cells.areas) {
            let lost = match fate {
                Fate::Held => false,
                Fate::Other | Fate::Empty => true,
                // Something may have come.
                Fate::Plain => cells.shows(&edges.fine, area),
            };
            cell.missed = if lost { cell.missed + 1 } else { 0 };
            if cell.missed >= RENEWED_AFTER {
                let steps = |shift: f32| (shift * STEPS).round() as i16;
                *cell = Seen { missed: 0, right: steps(right), down: steps(down) };
                known.fine.renew(area, &edges.fine);
                renewed = true;
            }
        }
        if seen == self.cells {
            return None;
        }
        let (fine, coarse) = if renewed {
            // The coarse picture only serves to find a view that left: it may be of now.
            (known.fine.packed(), edges.coarse.packed())
        } else {
            (self.fine.clone(), self.coarse.clone())
        };
        Some(Self { fine, coarse, cells: seen })
    }
}
