//! Small round discs: dust on the window. Dust is so near that each grain appears as a disc with the size of the lens
//! opening. A disc weakens the light by the same share everywhere, and its outline is round. Discs of dust lie all over
//! the picture, both on the sky and on the road (R. Willson and others 2005). A scene has small round dark spots too,
//! but leaves, windows and cars occur in groups. So the discs are counted in each of 24 parts of the picture, and the
//! parts are ordered by their counts. The measure is the mean count of the middle half, 12 parts. The 6 parts with the
//! most discs are left out, and the 6 with the fewest.

use crate::picture::Plane;

/// The distances from the middle, as shares of the picture's width, at which a disc has ended.
const REACHES: [f32; 2] = [0.0125, 0.02];
/// The smallest depth of a disc: in grey levels, and as a share of the grey level of its middle. The larger amount
/// counts.
const DEPTH: (f32, f32) = (6.0, 0.08);
/// The largest difference of a disc's depth between directions, as a share of its smallest depth.
const EVEN: f32 = 0.75;
/// The number of parts across and down.
const PARTS: (usize, usize) = (6, 4);
/// The number of latest discs with which the next disc is compared, because they may be at the same place.
const LATEST: usize = 64;

/// The middle of a disc, and the distance at which it has ended, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Disc {
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) reach: usize,
    /// The depth in grey levels.
    depth: u8,
}

/// The small dark discs of a picture, the deepest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Discs {
    pub(crate) places: Vec<Disc>,
    /// The mean count of the middle half of the parts (see the top of this file).
    pub(crate) usual: f32,
}

impl Discs {
    pub(crate) fn of(plane: &Plane) -> Self {
        let (width, height) = (plane.width, plane.height());
        let mut places: Vec<Disc> = Vec::new();
        let row = |y: usize| plane.values.get(y * width..(y + 1) * width).unwrap_or_default();
        for reach in REACHES.map(|reach| (reach * width as f32).round().max(3.0) as usize) {
            // The distance along each axis at 45 degrees.
            let near = (reach * 5 + 3) / 7;
            for y in reach..height.saturating_sub(reach) {
                let (above, here, below) = (row(y - reach), row(y), row(y + reach));
                let (upper, lower) = (row(y - near), row(y + near));
                let across = here.iter().zip(here.get(2 * reach..).unwrap_or_default());
                let upright = above.iter().skip(reach).zip(below.iter().skip(reach));
                let middles = here.iter().skip(reach).zip(across.zip(upright));
                for (x, (&middle, ((&left, &right), (&up, &down)))) in (reach..).zip(middles) {
                    let lowest = left.min(right).min(up.min(down)) - middle;
                    if lowest < DEPTH.0.max(DEPTH.1 * middle) {
                        continue;
                    }
                    let corners =
                        [upper.get(x - near), upper.get(x + near), lower.get(x - near), lower.get(x + near)];
                    let ring = corners.into_iter().flatten().copied().chain([left, right, up, down]);
                    let (low, high) = ring
                        .fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(value), high.max(value)));
                    let depth = low - middle;
                    if depth < DEPTH.0.max(DEPTH.1 * middle) || high - low > EVEN * depth {
                        continue;
                    }
                    let apart =
                        |disc: &Disc| disc.x.abs_diff(x).max(disc.y.abs_diff(y)) > disc.reach.max(reach);
                    if places.iter().rev().take(LATEST).all(apart) {
                        places.push(Disc { x, y, reach, depth: depth.min(255.0) as u8 });
                    }
                }
            }
        }
        let mut counts = [0_u32; PARTS.0 * PARTS.1];
        for disc in &places {
            let part = disc.y * PARTS.1 / height.max(1) * PARTS.0 + disc.x * PARTS.0 / width;
            if let Some(count) = counts.get_mut(part) {
                *count += 1;
            }
        }
        counts.sort_unstable();
        let quarter = counts.len() / 4;
        let middle = counts.get(quarter..counts.len() - quarter).unwrap_or_default();
        let usual = middle.iter().sum::<u32>() as f32 / middle.len().max(1) as f32;
        places.sort_by_key(|disc| std::cmp::Reverse(disc.depth));
        Self { places, usual }
    }
}
