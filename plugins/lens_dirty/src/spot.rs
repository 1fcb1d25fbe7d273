//! Soft round spots: dust and drops on the lens are far out of focus, so within their round outline
//! every slope is gentle, while the scene around them is sharp or stands off from them on all sides.

use crate::field::Field;

/// Radii, in tiles, of the spots that are looked for.
const RADII: [f32; 4] = [3.0, 4.5, 6.5, 9.0];
/// Share of a spot that may have crisp edges.
const MOST_CRISP: f32 = 0.06;
/// Share of the spot's rim that must slope softly.
const LEAST_SOFT: f32 = 0.55;
/// Share of the surroundings that must be crisp ...
const SHARP_AROUND: f32 = 0.5;
/// ... or all darker, or all brighter, than the spot by [`STANDS_OFF`] grey levels.
const ONE_SIDED: f32 = 0.9;
const STANDS_OFF: f32 = 6.0;

/// A spot, in tiles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spot {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) radius: f32,
    strength: f32,
}

/// Offsets, in tiles, between two distances from the middle.
fn ring(from: f32, to: f32) -> Vec<(isize, isize)> {
    let reach = to.ceil() as isize;
    let offsets = (-reach..=reach).flat_map(|y| (-reach..=reach).map(move |x| (x, y)));
    offsets.filter(|&(x, y)| (from..=to).contains(&(x as f32).hypot(y as f32))).collect()
}

/// Spots that do not lie over each other, the plainest first.
pub(crate) fn spots(field: &Field) -> Vec<Spot> {
    let mut found = Vec::new();
    for radius in RADII {
        let disc = ring(0.0, radius);
        let rim = ring(0.55 * radius, 1.25 * radius);
        let core = ring(0.0, 0.6 * radius);
        let around: Vec<_> = ring(1.5 * radius, 2.1 * radius).into_iter().step_by(3).collect();
        for y in 0..field.rows {
            for x in 0..field.columns {
                let tiles = Tiles { field, x, y };
                // The cheapest first: most places end here.
                if tiles.share(&field.soft, &core) == 0.0 && tiles.share(&field.soft, &rim) < LEAST_SOFT {
                    continue;
                }
                let soft = tiles.share(&field.soft, &rim);
                if soft < LEAST_SOFT || tiles.share(&field.crisp, &disc) > MOST_CRISP {
                    continue;
                }
                let sharp = tiles.share(&field.crisp, &around);
                let apart = tiles.one_sided(&core, &around);
                if sharp >= SHARP_AROUND || apart >= ONE_SIDED {
                    let strength = soft * sharp.max(apart) * radius.sqrt();
                    found.push(Spot { x: x as f32, y: y as f32, radius, strength });
                }
            }
        }
    }
    found.sort_by(|a, b| b.strength.total_cmp(&a.strength));
    let mut apart: Vec<Spot> = Vec::new();
    for spot in found {
        let clear =
            |other: &Spot| (spot.x - other.x).hypot(spot.y - other.y) > 0.8 * (spot.radius + other.radius);
        if apart.iter().all(clear) {
            apart.push(spot);
        }
    }
    apart
}

/// The tiles around one.
struct Tiles<'a> {
    field: &'a Field,
    x: usize,
    y: usize,
}

impl Tiles<'_> {
    fn at(&self, (dx, dy): (isize, isize)) -> Option<usize> {
        let x = self.x.checked_add_signed(dx).filter(|&x| x < self.field.columns)?;
        let y = self.y.checked_add_signed(dy).filter(|&y| y < self.field.rows)?;
        Some(y * self.field.columns + x)
    }

    /// Share of the offsets at which a map is set; those outside of the picture are not.
    fn share(&self, map: &[bool], offsets: &[(isize, isize)]) -> f32 {
        let set = offsets.iter().filter_map(|&offset| self.at(offset));
        let set = set.filter(|&at| map.get(at).copied().unwrap_or(false)).count();
        set as f32 / offsets.len().max(1) as f32
    }

    /// Share of the surroundings that stands off from the core to the same side.
    fn one_sided(&self, core: &[(isize, isize)], around: &[(isize, isize)]) -> f32 {
        let means = |offsets: &[(isize, isize)]| -> Vec<f32> {
            let places = offsets.iter().filter_map(|&offset| self.at(offset));
            places.filter_map(|at| self.field.mean.get(at).copied()).collect()
        };
        let inside = means(core);
        let inside = inside.iter().sum::<f32>() / inside.len().max(1) as f32;
        let outside = means(around);
        let brighter = outside.iter().filter(|&&mean| mean > inside + STANDS_OFF).count();
        let darker = outside.iter().filter(|&&mean| mean < inside - STANDS_OFF).count();
        brighter.max(darker) as f32 / outside.len().max(1) as f32
    }
}
