//! Defocus and motion blur by geometry: each point of light becomes the shape of the aperture (circle of
//! confusion) or of the path of the motion. The shapes are those of real lenses: a full disk, an iris with blades,
//! the ring of a mirror lens, and the cat's eye that the lens barrel makes of a disk towards the corners. The
//! radius is in samples of a picture 640 samples wide.

use std::f32::consts::{PI, TAU};

use super::{Effect, Physics, drawn};
use crate::{
    radiance::{Aperture, Radiance},
    random::Random,
};

/// The shape of the aperture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    /// A full disk: the aperture is wide open.
    Disk,
    /// A polygon with this number of straight blades.
    Blades(usize),
    /// A ring: a mirror in the middle hides this share of the radius.
    Ring(f32),
    /// A disk that the lens barrel partly hides towards the corners.
    CatsEye,
    /// Coma and astigmatism of a tilted lens: a drop-like tail away from the middle. One side is sharper.
    Tilted,
}

/// A picture out of focus.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Defocus {
    /// The shape of the aperture.
    pub(crate) shape: Shape,
    /// The radius of the aperture's image.
    pub(crate) radius: f32,
}

/// The number of parts, horizontally and vertically, into which the picture is divided if the shape differs over
/// the picture. Each part has one shape.
const PARTS: usize = 6;

impl Physics for Defocus {
    fn effect(&self, mut random: Random) -> Box<dyn Effect> {
        let Self { shape, radius } = *self;
        let turn = random.between(0.0, TAU);
        drawn(move |frame, _| {
            let radius = radius * frame.scale();
            let light = Radiance::of(frame);
            let seen = match shape {
                Shape::Disk => light.through(&Aperture::of(radius, |x, y| x.hypot(y) <= radius)),
                Shape::Ring(inner) => {
                    let inner = inner * radius;
                    light.through(&Aperture::of(radius, |x, y| (inner..=radius).contains(&x.hypot(y))))
                }
                Shape::Blades(blades) => light.through(&iris(radius, blades, turn)),
                Shape::CatsEye => over_the_field(&light, |x, y| cats_eye(radius, x, y)),
                Shape::Tilted => {
                    over_the_field(&light, |x, y| coma(radius * (0.35 + 0.65 * (0.5 + x)), x, y))
                }
            };
            *frame = seen.to_frame();
        })
    }
}

/// Returns a regular polygon with the same area as the disk.
fn iris(radius: f32, blades: usize, turn: f32) -> Aperture {
    let sector = TAU / blades.max(3) as f32;
    let apothem = radius * (PI / (blades.max(3) as f32 * (sector / 2.0).tan())).sqrt();
    Aperture::of(radius * 1.3, move |x, y| {
        let angle = (y.atan2(x) + turn).rem_euclid(sector) - sector / 2.0;
        x.hypot(y) * angle.cos() <= apothem
    })
}

/// Returns the part of a disk that lies within a second disk, which is shifted away from the middle of the
/// picture.
fn cats_eye(radius: f32, x: f32, y: f32) -> Aperture {
    let (dx, dy) = (1.3 * radius * x, 1.3 * radius * y);
    Aperture::of(radius, move |x, y| x.hypot(y) <= radius && (x - dx).hypot(y - dy) <= radius)
}

/// Returns the shape of a drop that extends and widens away from the middle.
fn coma(radius: f32, x: f32, y: f32) -> Aperture {
    let tail = (x.hypot(y) * 1.6).min(0.9);
    let angle = y.atan2(x);
    let (sin, cos) = angle.sin_cos();
    Aperture::of(radius * 1.9, move |x, y| {
        let (along, aside) = (x * cos + y * sin, y * cos - x * sin);
        let share = (along / radius.max(0.1) + 1.0) / (2.0 + tail * 1.4);
        let wide = radius * (1.0 - tail * (1.0 - share)) * (PI * share.clamp(0.0, 1.0)).sin().max(0.0).sqrt();
        (0.0..=1.0).contains(&share) && aside.abs() <= wide
    })
}

/// Blurs each part of the picture by its own aperture. `opening` gets the part's place, from −0.5 to 0.5.
fn over_the_field(light: &Radiance, opening: impl Fn(f32, f32) -> Aperture) -> Radiance {
    let (width, height) = light.size();
    let mut out = light.clone();
    for row in 0..PARTS {
        let rows = row * height / PARTS..(row + 1) * height / PARTS;
        for column in 0..PARTS {
            let middle = |part: usize| (part as f32 + 0.5) / PARTS as f32 - 0.5;
            let seen = light.through_part(&opening(middle(column), middle(row)), rows.clone());
            let (from, to) = (column * width / PARTS, (column + 1) * width / PARTS);
            for (out, seen) in out.channels_mut().iter_mut().zip(seen.channels()) {
                let pairs = out.chunks_exact_mut(width).zip(seen.chunks_exact(width));
                for (out, seen) in pairs.skip(rows.start).take(rows.len()) {
                    if let (Some(out), Some(seen)) = (out.get_mut(from..to), seen.get(from..to)) {
                        out.copy_from_slice(seen);
                    }
                }
            }
        }
    }
    out
}

/// Motion blur: the camera moves while the shutter is open, so every point becomes the same line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Smeared {
    /// The length of the path.
    pub(crate) length: f32,
}

impl Physics for Smeared {
    fn effect(&self, mut random: Random) -> Box<dyn Effect> {
        let length = self.length;
        let (sin, cos) = random.between(0.0, PI).sin_cos();
        drawn(move |frame, _| {
            let half = length * frame.scale() / 2.0;
            // The line is 1.2 samples wide: 0.6 samples on each side of the path.
            let way = Aperture::of(half + 1.0, move |x, y| {
                (x * cos + y * sin).abs() <= half && (y * cos - x * sin).abs() <= 0.6
            });
            *frame = Radiance::of(frame).through(&way).to_frame();
        })
    }
}
