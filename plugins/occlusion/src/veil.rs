//! What distinguishes a cover from causes that hide the scene itself: fog, darkness, glare, a camera that turned
//! away.
//!
//! A cover is in front of everything else: up to its outline the scene is as clear as before, and its outline is
//! simple and reaches the border. Fog grows with distance, so the scene beside the hidden part is faint too
//! (Koschmieder). If a lamp goes out, the rest of the picture is darker as well. Glare is white.

use easysight_sdk::image::beside;

use crate::{
    known::{Lost, Match},
    view::View,
};

/// The share of the known edges outside the region that must be found. With less, the camera shows another view.
const LEAST_BEYOND: f32 = 0.82;
/// The grey level below which a part may be night.
const DARK: f32 = 40.0;
/// A dark part is night, not a cover, if the rest of the picture has become darker too: if its present light is below
/// this share of its earlier light.
const LIT: f32 = 0.7;
/// The grey level above which a part is glare.
const WHITE: f32 = 246.0;
/// The smallest share of the upper border that fog hides.
const ACROSS: f32 = 0.4;
/// The ratio below which the hidden part is fog. The share of the edge strength that remains is measured twice: beside
/// the hidden part, and farther away. The first share divided by the second is the ratio. Fog weakens the edges beside
/// the hidden part most.
const CLEAR: f32 = 0.88;
/// A hidden part is not fog if at least this share of it has edges.
const LIVELY: f32 = 0.3;
/// A hidden part is still the scene, for example trees in the wind or in another month, if two conditions hold: more
/// than the first share of its cells has edges, and the correlation of its light is at least the second value. A cover
/// hides light and shade.
const LEAFY: (f32, f32) = (0.5, 0.35);
/// The distances from the hidden part, in cells, that count as beside it. Nearer cells may belong to an outline out of
/// focus.
const NEAR: std::ops::RangeInclusive<usize> = 4..=9;
/// The smallest correlation of the light outside the region with the light of a view whose edges are lost. In
/// different light, lost edges are no evidence.
const SAME_LIGHT: f32 = 0.5;
/// A region with a simple outline fills at least this share of its convex hull.
const SOLID: f32 = 0.5;

/// True if the lost part is covered.
pub(crate) fn is_cover(view: &View, matches: &[&Match], lost: &Lost) -> bool {
    let (columns, rows) = view.cells();
    let on_border = |at: usize| {
        let (x, y) = (at % columns.max(1), at / columns.max(1));
        x == 0 || y == 0 || x + 1 == columns || y + 1 == rows
    };
    let borders = lost.cells.iter().enumerate().filter(|&(at, &inside)| inside && on_border(at)).count();
    if borders < 3 || lost.beyond < LEAST_BEYOND || lost.light < SAME_LIGHT || lost.solidity < SOLID {
        return false;
    }
    let Some(nearest) = matches.iter().max_by(|a, b| a.share.total_cmp(&b.share)) else { return false };
    if lights(nearest, &lost.cells).0.now() > WHITE || is_night(nearest, &lost.cells) {
        return false;
    }
    // Fog does not appear within a clip, and has no edges of its own.
    let is_smooth = lost.lively < LIVELY;
    // Leaves sway and grow from clip to clip: their edges differ, but light and shade are in the same places.
    let beyond: Vec<bool> = lost.cells.iter().map(|inside| !inside).collect();
    let is_leafy = |seen: &&Match| seen.at.is_some() && seen.same_light(&beyond) >= LEAFY.1;
    if lost.lively > LEAFY.0 && matches.iter().any(is_leafy) {
        return false;
    }
    nearest.at.is_none() || !is_smooth || !is_fog(nearest, lost, columns)
}

/// True if a part is dark, and the rest has lost much of its light too.
pub(crate) fn is_night(nearest: &Match, part: &[bool]) -> bool {
    let (inside, outside) = lights(nearest, part);
    inside.now() < DARK && outside.ratio() < LIT
}

/// Returns the light inside and outside of a part.
fn lights(nearest: &Match, part: &[bool]) -> (Light, Light) {
    let (mut inside, mut outside) = (Light::default(), Light::default());
    for (sums, &covered) in nearest.sums.iter().zip(part) {
        let side = if covered { &mut inside } else { &mut outside };
        side.add(sums.light());
    }
    (inside, outside)
}

/// True if the hidden part extends along the top, where the far end of the scene is, and the scene becomes clearer
/// with the distance from the hidden part.
fn is_fog(nearest: &Match, lost: &Lost, columns: usize) -> bool {
    let top = lost.cells.iter().take(columns).filter(|&&inside| inside).count();
    if (top as f32) < ACROSS * columns as f32 {
        return false;
    }
    let distance = distances(&lost.cells, columns);
    let (mut near, mut far) = ((0.0, 0.0), (0.0, 0.0));
    for (sums, &distance) in nearest.sums.iter().zip(&distance).filter(|(sums, _)| sums.tells()) {
        let (before, now) = sums.strength();
        if NEAR.contains(&distance) {
            near = (near.0 + before, near.1 + now);
        } else if distance > *NEAR.end() {
            far = (far.0 + before, far.1 + now);
        }
    }
    let left = |part: (f32, f32)| (part.1 / part.0.max(1.0)).sqrt();
    left(near) < CLEAR * left(far)
}

/// The sums of light before and now.
#[derive(Default)]
struct Light {
    before: f32,
    now: f32,
    count: f32,
}

impl Light {
    fn add(&mut self, (before, now): (f32, f32)) {
        self.before += before;
        self.now += now;
        self.count += 1.0;
    }

    fn now(&self) -> f32 {
        self.now / self.count.max(1.0)
    }

    fn ratio(&self) -> f32 {
        self.now / self.before.max(1.0)
    }
}

/// Returns the distance of each cell from the nearest set cell, in cells; 0 for the set cells.
fn distances(map: &[bool], columns: usize) -> Vec<usize> {
    let mut distance = vec![usize::MAX; map.len()];
    let mut front: Vec<usize> = map.iter().enumerate().filter(|&(_, &set)| set).map(|(at, _)| at).collect();
    for &at in &front {
        if let Some(place) = distance.get_mut(at) {
            *place = 0;
        }
    }
    let mut away = 0;
    while !front.is_empty() {
        away += 1;
        let mut next = Vec::new();
        for at in front {
            for other in beside(at, columns, map.len()).into_iter().flatten() {
                if let Some(place) = distance.get_mut(other).filter(|place| **place == usize::MAX) {
                    *place = away;
                    next.push(other);
                }
            }
        }
        front = next;
    }
    distance
}
