//! What is remembered: the edges of each view, cell by cell as fresh as can be.
//!
//! A view must not be learnt anew as a whole, or a mount that gives way a little a day would never be
//! found. So the cells that are found again stay as they were first seen, and only those that long
//! show something else (snow, leaves, a parked car that left) are renewed, each with the note how far
//! the view had moved by then.
//!
//! A view that is seen instead of the known one is remembered beside it. It is believed no sooner than
//! it has been seen as often as the former one was, forty times at the most: an alarm that so many looks
//! contradict was the memory's mistake, or is what everybody lives with. A camera that goes from one
//! view to another again and again turns by itself, and no view is missed of it.

use easysight_sdk::baseline::{Light, References, Remembered};
use serde::{Deserialize, Serialize};

use crate::{
    cells::{Cells, Fate, Place},
    field::{PAD, Packed},
    search::{Edges, LEAST_FOUND},
};

/// Share of the cells in sight by which a view that was seen before is known again.
const SAME_SHARE: f32 = 0.5;
/// Checks on end after which a cell that shows something else is renewed.
const RENEWED_AFTER: u8 = 12;
/// Steps a sample in which the shift of a cell is noted.
const STEPS: f32 = 8.0;

/// A view is believed after being seen so many times at the least: what parks before the camera for one
/// look or two is none.
const LEAST_LOOKS: u16 = 3;
/// And so many at the most, however long the former one was seen.
const MOST_LOOKS: u16 = 40;
/// Views that are remembered beside the known ones.
const STRANGERS: usize = 3;
/// From so many turns on a camera turns by itself: one that is pushed, and put right again, turned twice.
const TURNS_BY_ITSELF: u8 = 3;
/// After so many looks on end without a turn it counts as one that stands.
const STEADY: u8 = 20;

/// One view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct View {
    fine: Packed,
    coarse: Packed,
    cells: Vec<Seen>,
    /// How often it was seen.
    looks: u16,
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
    /// Views that were seen instead, the last one first, each by its light.
    strangers: Vec<(Light, View)>,
    /// Checks on end in which the camera looked elsewhere.
    pub(crate) elsewhere: u8,
    /// Turns from one view to another, until the camera has stood for long.
    turns: u8,
    /// Checks since the last one.
    steady: u8,
}

impl Remembered for Memory {
    const LAYOUT: u16 = 2;
}

impl Memory {
    /// Whether the camera is one that turns by itself.
    pub(crate) const fn turns_by_itself(&self) -> bool {
        self.turns >= TURNS_BY_ITSELF
    }

    /// Views that were seen, known ones and others.
    pub(crate) fn views_seen(&self) -> usize {
        self.views.of(Light::Day).len() + self.views.of(Light::Night).len() + self.strangers.len()
    }

    /// Notes that a known view is seen; answers whether there was more to note than that.
    pub(crate) fn at_home(&mut self) -> bool {
        if self.elsewhere > 0 {
            self.elsewhere = 0;
            self.turn();
            return true;
        }
        // What is seen once is not worth remembering beside a view that holds.
        let changed = self.turns > 0 || !self.strangers.is_empty();
        self.rest();
        if self.turns == 0 {
            self.strangers.clear();
        }
        changed
    }

    /// Notes that another view is seen instead of the one that is known from `known` looks on. Answers
    /// whether it has been seen for as long as that one, and takes its place.
    pub(crate) fn elsewhere(&mut self, light: Light, known: u16, edges: &Edges, cells: &Cells) -> bool {
        let same = |(by, view): &(Light, View)| {
            *by == light
                && view.fits(edges, cells)
                && is_same(&cells.place(&view.edges().fine, &edges.fine, PAD))
        };
        let at = self.strangers.iter().position(same);
        let first = self.strangers.iter().position(|&(by, _)| by == light);
        // It was another one the last time, or the known one.
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

    /// The views that were seen instead take the place of the known ones, of each light the last.
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

/// Whether most of a view is in place.
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

    /// How often it was seen; beyond forty times it does not matter.
    pub(crate) const fn looks(&self) -> u16 {
        self.looks
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
        let looks = self.looks.saturating_add(1).min(MOST_LOOKS);
        if seen == self.cells && looks == self.looks {
            return None;
        }
        let (fine, coarse) = if renewed {
            // The coarse picture only serves to find a view that left: it may be of now.
            (known.fine.packed(), edges.coarse.packed())
        } else {
            (self.fine.clone(), self.coarse.clone())
        };
        Some(Self { fine, coarse, cells: seen, looks })
    }
}
