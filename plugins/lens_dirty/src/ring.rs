//! Drops of water that are nearly in focus. A drop on a window is a strong short lens: inside its outline there is
//! a small, upside-down, displaced picture of the scene. Light meets the surface near the outline at a slant and
//! is refracted out of the view. So the outline is darker than the areas on either side of it (H. Kurihata and others
//! 2005; M. Roser and A. Geiger 2009). The outline is round and closed, regardless of the scene behind it. A scene
//! contains a few dark closed rings itself, such as wheels and lids, but not many.
//!
//! A slope votes for the middle of the drop to which it might belong: the light increases from the dark outline towards
//! the middle. From each of the middles with the most votes, rays are followed outwards in 24 directions, and the
//! darkest place of each ray is searched for. These places are an outline if they are darker than both sides and close
//! to each other from ray to ray.

use std::f32::consts::TAU;

use crate::{
    picture::Plane,
    spot::{Slopes, middles},
};

/// The radii of the drops that are searched for, as shares of the picture's width.
const RADII: [f32; 6] = [0.013, 0.017, 0.022, 0.029, 0.038, 0.05];
/// Slopes vote if they change by this many grey levels over two pixels: at least the first and less than the second.
const SLOPES: (f32, f32) = (14.0, 256.0);
/// The number of middles that are examined for each radius. In a busy street, the texture of the scene takes the first
/// twenty, before the middle of the first drop.
const MIDDLES: usize = 80;
/// The number of directions in which an outline is crossed.
const DIRECTIONS: u16 = 24;
/// The smallest number of directions that must be within the picture.
const LEAST_DIRECTIONS: usize = 18;
/// The smallest amount by which the outline must be darker than its surroundings on either side: in grey levels, and
/// as a share of the surroundings' grey level. The larger amount counts.
const DARKER: (f32, f32) = (6.0, 0.08);
/// The smallest share of the directions that must continue the dark outline.
const CLOSED: f32 = 0.75;
/// The largest change of the outline's distance from the middle, from one direction to the next, as a share of the
/// distance.
const JUMP: f32 = 0.25;

/// A drop, in pixels of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ring {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) radius: f32,
    /// The share of the directions that continue the dark outline: it is dark there and in the next direction, at
    /// nearly the same distance.
    pub(crate) closed: f32,
}

/// Finds closed dark rings that do not overlap, the clearest first.
pub(crate) fn rings(plane: &Plane) -> Vec<Ring> {
    let slopes = Slopes::of(plane, SLOPES);
    let rays: Vec<(f32, f32)> =
        (0..DIRECTIONS).map(|number| (TAU * f32::from(number) / f32::from(DIRECTIONS)).sin_cos()).collect();
    let mut found: Vec<Ring> = Vec::new();
    for radius in RADII.map(|radius| radius * plane.width as f32).into_iter().filter(|&radius| radius >= 3.5)
    {
        for (x, y) in middles(plane, &slopes, -radius, MIDDLES) {
            let first = follow(plane, (x, y), radius, &rays);
            // The votes are counted in boxes, so the middle is computed again from the outline.
            let second = first.and_then(|ring| follow(plane, (ring.x, ring.y), ring.radius, &rays));
            found.extend(second.filter(|ring| ring.closed >= CLOSED));
        }
    }
    found.sort_by(|a, b| b.closed.total_cmp(&a.closed));
    let mut apart: Vec<Ring> = Vec::new();
    for ring in found {
        let clear =
            |other: &Ring| (ring.x - other.x).hypot(ring.y - other.y) > 0.8 * (ring.radius + other.radius);
        if apart.iter().all(clear) {
            apart.push(ring);
        }
    }
    apart
}

/// Follows the dark outline around a middle. None if less than half of it is dark, or if too little of it is within the
/// picture.
fn follow(plane: &Plane, (x, y): (f32, f32), radius: f32, rays: &[(f32, f32)]) -> Option<Ring> {
    let (from, to) = ((0.65 * radius) as usize, (1.35 * radius).ceil() as usize);
    let beyond = (0.55 * radius).max(2.0) as usize;
    let mut line: Vec<f32> = Vec::with_capacity(to + beyond + 1);
    let mut outline: Vec<Option<f32>> = Vec::with_capacity(rays.len());
    let (mut sum_x, mut sum_y, mut sum, mut told) = (0.0, 0.0, 0.0, 0.0_f32);
    let mut inside = 0;
    for &(dy, dx) in rays {
        line.clear();
        line.extend((0..=to + beyond).map_while(|d| plane.near(x + dx * d as f32, y + dy * d as f32)));
        if line.len() <= to + 1 {
            continue;
        }
        inside += 1;
        let rim = line.iter().copied().enumerate().take(to + 1).skip(from);
        let Some((at, dark)) = rim.min_by(|a, b| a.1.total_cmp(&b.1)) else { continue };
        let mean = |from: usize, to: usize| {
            let part = line.get(from..to.min(line.len())).unwrap_or_default();
            part.iter().sum::<f32>() / part.len().max(1) as f32
        };
        let within = mean(at / 4, (at * 2 / 3).max(at / 4 + 1));
        let outside = mean(at + beyond.div_ceil(2), at + beyond + 1);
        let is_dark = |side: f32| side - dark >= DARKER.0.max(DARKER.1 * side);
        let is_rim = is_dark(within) && is_dark(outside) && at > from && at < to;
        if is_rim {
            let far = at as f32;
            (sum_x, sum_y, sum, told) = (sum_x + dx * far, sum_y + dy * far, sum + far, told + 1.0);
        }
        outline.push(is_rim.then_some(at as f32));
        // Most middles fail here.
        if outline.len() as f32 - told > 0.5 * rays.len() as f32 {
            return None;
        }
    }
    if inside < LEAST_DIRECTIONS || told < 0.5 * inside as f32 {
        return None;
    }
    let next = outline.iter().cycle().skip(1);
    let closed = outline.iter().zip(next).filter(|(one, next)| match (one, next) {
        (Some(one), Some(next)) => (one - next).abs() <= (JUMP * radius).max(1.5),
        _ => false,
    });
    Some(Ring {
        closed: closed.count() as f32 / inside as f32,
        x: x + 2.0 * sum_x / inside as f32,
        y: y + 2.0 * sum_y / inside as f32,
        radius: sum / told,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_drops_in_front_of_a_busy_scene_are_found() {
        let (width, height) = (480_u16, 320_u16);
        let noise = |x: u16, y: u16| {
            let mixed = u32::from(x).wrapping_mul(0x9E37_79B1) ^ u32::from(y).wrapping_mul(0x85EB_CA77);
            f32::from(mixed.wrapping_mul(0xC2B2_AE35).to_be_bytes()[0])
        };
        // Windows and cars: blocks of different tones. In front of them, a drop of an even tone each 40 pixels.
        let pixel = |x: u16, y: u16| {
            let (dx, dy) = (f32::from(x % 40) - 20.0, f32::from(y % 40) - 20.0);
            match dx.hypot(dy) {
                far if far < 8.0 => 120.0,
                far if far < 11.0 => 70.0,
                far if far < 15.0 => 120.0,
                _ => 40.0 + 0.7 * noise(x / 9, y / 9),
            }
        };
        let values = (0..height).flat_map(|y| (0..width).map(move |x| pixel(x, y))).collect();
        let found = rings(&Plane::new(width.into(), values).smoothed());
        assert!(found.len() > 60, "{} of 96", found.len());
    }
}
