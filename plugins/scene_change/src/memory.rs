//! The memory of a camera: the edges of each of its views, cell by cell.
//!
//! A view that is in place is never learnt anew as a whole. Otherwise a mount that gives way a little each day would
//! never be found. So the cells that are found again remain unchanged. Only cells that have shown something else for
//! many checks (snow, leaves, a parked car that left) are renewed. Each renewed cell stores how far the view had moved
//! when the cell was renewed.
//!
//! Another view that is seen instead of the known view is remembered in addition. It replaces the known view after it
//! has been seen as often as the known view; forty times are always enough. If so many checks contradict an alarm,
//! either the memory was wrong or the new view is accepted. A camera that changes from one view to another repeatedly
//! turns by itself, and raises no alarm.

use easysight_sdk::baseline::{Light, References, Remembered};
use serde::{Deserialize, Serialize};

use crate::{
    cells::{Cells, Fate, Place},
    field::{PAD, Packed},
    search::{Edges, LEAST_FOUND},
};

/// Another view is recognised if at least this share of its visible cells is in place.
const SAME_SHARE: f32 = 0.5;
/// The number of consecutive checks after which a cell that shows something else is renewed.
const RENEWED_AFTER: u8 = 12;
/// The shift of a cell is stored in steps. One sample has this number of steps.
const STEPS: f32 = 8.0;

/// A new view replaces the known view only after it has been seen at least this number of times, because a vehicle may
/// park in front of the camera for one or two checks.
const LEAST_LOOKS: u16 = 3;
/// The number of times after which a new view replaces any known view.
const MOST_LOOKS: u16 = 40;
/// The largest number of other views that are remembered.
const STRANGERS: usize = 3;
/// A camera counts as turning by itself if it has turned at least this number of times. A camera that is pushed and
/// then put right turns only twice.
const TURNS_BY_ITSELF: u8 = 3;
/// The number of consecutive checks without a turn after which a camera no longer counts as turning by itself.
const STEADY: u8 = 20;

/// A remembered view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct View {
    fine: Packed,
    coarse: Packed,
    cells: Vec<Seen>,
    /// The number of checks that showed the view.
    looks: u16,
}

/// A cell of a view.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    /// The number of consecutive checks in which the cell was not found.
    missed: u8,
    /// The distance to the right by which the view had moved when the cell was last renewed, in steps.
    right: i16,
    /// The distance down by which the view had moved when the cell was last renewed, in steps.
    down: i16,
}

/// The memory of a camera.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) views: References<View>,
    /// Other views that were seen, each with its light. The view that was seen last comes first.
    strangers: Vec<(Light, View)>,
    /// The number of consecutive checks in which the known view was not in place.
    pub(crate) elsewhere: u8,
    /// The number of turns from one view to another. It returns to 0 after [`STEADY`] checks without a turn.
    turns: u8,
    /// The number of checks since the last turn.
    steady: u8,
}

impl Remembered for Memory {
    const LAYOUT: u16 = 2;
}

impl Memory {
    /// True if the camera turns by itself.
    pub(crate) const fn turns_by_itself(&self) -> bool {
        self.turns >= TURNS_BY_ITSELF
    }

    /// Returns the number of remembered views, known ones and others.
    pub(crate) fn views_seen(&self) -> usize {
        self.views.of(Light::Day).len() + self.views.of(Light::Night).len() + self.strangers.len()
    }

    /// Records that a known view was seen. Returns true if this changed the memory in a way that must be stored.
    pub(crate) fn at_home(&mut self) -> bool {
        if self.elsewhere > 0 {
            self.elsewhere = 0;
            self.turn();
            return true;
        }
        // Other views are deleted after the camera has not turned for many checks.
        let changed = self.turns > 0 || !self.strangers.is_empty();
        self.rest();
        if self.turns == 0 {
            self.strangers.clear();
        }
        changed
    }

    /// Records that another view was seen instead of the known view. `known` is the number of checks that showed the
    /// known view. Returns true if the other view has been seen as often. In this case, the other view replaces the
    /// known view, unless the camera turns by itself.
    pub(crate) fn elsewhere(&mut self, light: Light, known: u16, edges: &Edges, cells: &Cells) -> bool {
        let same = |(by, view): &(Light, View)| {
            *by == light
                && view.fits(edges, cells)
                && is_same(&cells.place(&view.edges().fine, &edges.fine, PAD))
        };
        let at = self.strangers.iter().position(same);
        let first = self.strangers.iter().position(|&(by, _)| by == light);
        // The camera turned if the last check showed the known view, or a third view.
        if self.elsewhere == 0 || at != first || at.is_none() {
            self.turn();
        } else {
            self.rest();
        }
        self.elsewhere = self.elsewhere.saturating_add(1);
        let mut view = match at {
            Some(at) => self.strangers.remove(at).1,
            None => View::of(edges, cells),
        };
        if at.is_some() {
            view.looks = view.looks.saturating_add(1);
        }
        let believed = view.looks >= known.clamp(LEAST_LOOKS, MOST_LOOKS);
        self.strangers.insert(0, (light, view));
        self.strangers.truncate(STRANGERS);
        if believed && !self.turns_by_itself() {
            self.believe();
        }
        believed
    }

    /// Replaces the known views. The known view of each light is now the other view of this light that was seen last.
    fn believe(&mut self) {
        self.views = References::default();
        for (light, view) in std::mem::take(&mut self.strangers) {
            if self.views.of(light).is_empty() {
                self.views.keep(light, None, view, 1);
            }
        }
        self.elsewhere = 0;
        self.turns = 0;
    }

    const fn turn(&mut self) {
        self.turns = self.turns.saturating_add(1);
        self.steady = 0;
    }

    const fn rest(&mut self) {
        self.steady = self.steady.saturating_add(1);
        if self.steady >= STEADY {
            self.turns = 0;
        }
    }
}

/// True if most of a view is in place.
fn is_same(place: &Place) -> bool {
    place.count(Fate::Held) >= LEAST_FOUND && place.held_share() >= SAME_SHARE
}

impl View {
    pub(crate) fn of(edges: &Edges, cells: &Cells) -> Self {
        Self {
            fine: edges.fine.packed(),
            coarse: edges.coarse.packed(),
            cells: vec![Seen::default(); cells.areas.len()],
            looks: 1,
        }
    }

    /// Returns the number of checks that showed the view. The count stops at forty.
    pub(crate) const fn looks(&self) -> u16 {
        self.looks
    }

    /// True if the stored view has the same size as the present view.
    pub(crate) fn fits(&self, edges: &Edges, cells: &Cells) -> bool {
        self.fine.fits(&edges.fine)
            && self.coarse.fits(&edges.coarse)
            && self.cells.len() == cells.areas.len()
    }

    pub(crate) fn edges(&self) -> Edges {
        Edges { fine: self.fine.field(), coarse: self.coarse.field() }
    }

    /// Returns the distance, in samples, by which a view that is found at this place has moved since it was first seen.
    /// For renewed cells, the distance by which the view had moved at the renewal is added.
    pub(crate) fn moved(&self, place: &Place) -> (f32, f32) {
        let held = || self.cells.iter().zip(&place.fates).filter(|&(_, &fate)| fate == Fate::Held);
        let count = held().count().max(1) as f32;
        let mean = |of: fn(&Seen) -> i16| held().map(|(cell, _)| f32::from(of(cell))).sum::<f32>() / count;
        (place.shift.0 + mean(|cell| cell.right) / STEPS, place.shift.1 + mean(|cell| cell.down) / STEPS)
    }

    /// Returns the view after a check in which it was in place. Returns none if the view does not change.
    pub(crate) fn after(&self, edges: &Edges, cells: &Cells, place: &Place) -> Option<Self> {
        let (right, down) = self.moved(place);
        let mut known = self.edges();
        let mut seen = self.cells.clone();
        let mut renewed = false;
        for ((cell, &fate), &area) in seen.iter_mut().zip(&place.fates).zip(&cells.areas) {
            let lost = match fate {
                Fate::Held => false,
                Fate::Other | Fate::Empty => true,
                // The cell had too few edges, but may have enough edges now.
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
        let looks = self.looks.saturating_add(1).min(MOST_LOOKS);
        if seen == self.cells && looks == self.looks {
            return None;
        }
        let (fine, coarse) = if renewed {
            // The coarse picture is used only to find a view that left its place, so the present coarse picture can
            // replace it.
            (known.fine.packed(), edges.coarse.packed())
        } else {
            (self.fine.clone(), self.coarse.clone())
        };
        Some(Self { fine, coarse, cells: seen, looks })
    }
}
