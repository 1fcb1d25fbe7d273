//! What tells a cover from what hides the scene itself: fog, the dark, glare, a camera that turned away.
//!
//! A cover is before everything else: up to its outline the scene is as clear as ever, its outline is simple
//! and reaches the border. Fog grows with distance, so what is left beside the part that it hides is faint
//! too (Koschmieder); when a lamp goes out, the rest of the picture is darker as well; glare is white.

use easysight_sdk::image::beside;

use crate::{
    known::{Lost, Match},
    view::View,
};

/// Where less of what is known beyond is found, the camera looks elsewhere.
const LEAST_BEYOND: f32 = 0.82;
/// A part that is darker than this, in grey levels, may be the night ...
const DARK: f32 = 40.0;
/// ... unless the rest has so much of its light still.
const LIT: f32 = 0.7;
/// White: glare.
const WHITE: f32 = 246.0;
/// Fog hides the upper border as far as this share.
const ACROSS: f32 = 0.4;
/// Beside the hidden part so much of the strength of edges is left that is left farther away: at the edge of
/// fog it is less.
const CLEAR: f32 = 0.88;
/// Share of the hidden part with edges, from which on it is no fog.
const LIVELY: f32 = 0.3;
/// A part with so many edges, in which the light goes up and down as it did, is the scene still: trees in the
/// wind or in another month. Behind a cover nothing is left of light and shade.
const LEAFY: (f32, f32) = (0.5, 0.35);
/// Distances, in cells, that are beside the hidden part and beyond an outline out of focus.
const NEAR: std::ops::RangeInclusive<usize> = 4..=9;
/// The light beyond must go up and down as it did by a view that shows what is missing: lost edges by other
/// light tell nothing.
const SAME_LIGHT: f32 = 0.5;
/// A region that fills less of its convex hull has no simple outline.
const SOLID: f32 = 0.5;

/// Whether what is lost is covered.
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
    let (mut inside, mut outside) = (Light::default(), Light::default());
    for (sums, &covered) in nearest.sums.iter().zip(&lost.cells) {
        let part = if covered { &mut inside } else { &mut outside };
        part.add(sums.light());
    }
    if inside.now() > WHITE || (inside.now() < DARK && outside.ratio() < LIT) {
        return false;
    }
    // No fog comes within a clip; nor has it edges of its own.
    let is_smooth = lost.lively < LIVELY;
    // From look to look leaves sway and grow: the edges are others, and light and shade are where they were.
    let beyond: Vec<bool> = lost.cells.iter().map(|inside| !inside).collect();
    let is_leafy = |seen: &&Match| seen.at.is_some() && seen.same_light(&beyond) >= LEAFY.1;
    if lost.lively > LEAFY.0 && matches.iter().any(is_leafy) {
        return false;
    }
    nearest.at.is_none() || !is_smooth || !is_fog(nearest, lost, columns)
}

/// Whether what is hidden is the far end of the scene, at the top all across, and what is left below it grows
/// clearer with its distance from there.
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

/// Sums of light before and now.
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

/// How many cells each is away from the nearest that is set; 0 of those.
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
