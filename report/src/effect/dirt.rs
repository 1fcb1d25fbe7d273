//! Dirt on the lens. It does not move and is out of focus.

use std::f32::consts::TAU;

use super::{Effect, Moment, Physics};
use crate::{
    frame::{Field, Frame, blur_plane},
    random::Random,
};

/// Dirt on the lens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dirt {
    /// Blots that let little light through.
    Blots,
    /// Drops that blur what is behind them.
    Drops,
    /// Bright threads of a spider's web, out of focus.
    Web,
}

/// Puts dirt over the picture.
#[derive(Debug)]
pub(crate) struct Dirty {
    /// The kind of dirt.
    pub(crate) dirt: Dirt,
    /// The share of the picture that the dirt covers. For a web, its strength.
    pub(crate) share: f32,
}

impl Physics for Dirty {
    fn effect(&self, random: Random) -> Box<dyn Effect> {
        Box::new(Lens { dirt: self.dirt, share: self.share, random, mask: None })
    }
}

#[derive(Debug)]
struct Lens {
    dirt: Dirt,
    share: f32,
    random: Random,
    mask: Option<Field>,
}

impl Lens {
    fn mask(&mut self, width: usize, height: usize) -> Field {
        match self.dirt {
            Dirt::Blots => self.spots(width, height, 6, 0.8),
            Dirt::Drops => self.spots(width, height, 12, 1.0),
            Dirt::Web => self.web(width, height),
        }
    }

    /// Draws round spots that together cover the share of the picture that the dirt should cover.
    fn spots(&mut self, width: usize, height: usize, count: usize, opacity: f32) -> Field {
        let (w, h) = (width as f32, height as f32);
        let mean = (self.share * w * h / (count as f32 * std::f32::consts::PI)).sqrt();
        let mut spots: Vec<(f32, f32, f32)> = Vec::new();
        // Overlapping spots would together cover less than the share, so a spot that overlaps another one is not
        // drawn.
        for _ in 0..count * 30 {
            let radius = mean * self.random.between(0.7, 1.3);
            let (x, y) = (self.random.between(0.0, w), self.random.between(0.0, h));
            let apart = |&(a, b, other): &(f32, f32, f32)| (x - a).hypot(y - b) > radius + other;
            if spots.len() < count && spots.iter().all(apart) {
                spots.push((x, y, radius));
            }
        }
        let within = |x: f32, y: f32| spots.iter().any(|&(a, b, radius)| (x - a).hypot(y - b) < radius);
        let mask = Field::of(width, height, |x, y| if within(x, y) { opacity } else { 0.0 });
        mask.blurred((mean * 0.2).max(1.5))
    }

    /// Draws threads from an upper corner, and threads between them.
    fn web(&mut self, width: usize, height: usize) -> Field {
        let (w, h) = (width as f32, height as f32);
        let turn = self.random.between(0.0, 0.2);
        let thick = w / 160.0;
        let reach = 0.75 * w;
        let mask = Field::of(width, height, |x, y| {
            let (distance, angle) = (x.hypot(y), y.atan2(x) / (TAU / 4.0) + turn);
            let ray = (angle * 7.0).fract() - 0.5;
            let sag = 1.0 + 0.12 * (2.0 * ray).powi(2);
            let ring = (distance * sag / (reach / 7.0)).fract() - 0.5;
            let near_ray = ray.abs() / 7.0 * (TAU / 4.0) * distance < thick / 2.0;
            let near_ring = ring.abs() * (reach / 7.0) < thick / 2.0;
            let inside = distance < reach && y < 1.2 * h;
            f32::from(u8::from(inside && (near_ray || near_ring)))
        });
        let mut mask = mask.blurred(w / 320.0);
        for value in mask.values_mut() {
            *value = (*value * self.share).min(1.0);
        }
        mask
    }
}

impl Effect for Lens {
    fn apply(&mut self, frame: &mut Frame, _: Moment) {
        let (width, height) = frame.size();
        let mask = match self.mask.take() {
            Some(mask) => mask,
            None => self.mask(width, height),
        };
        match self.dirt {
            Dirt::Blots => frame.cover(&mask, [62, 124, 134]),
            Dirt::Web => frame.cover(&mask, [200, 128, 128]),
            Dirt::Drops => {
                let mut behind = frame.clone();
                let sigma = 9.0 * frame.scale();
                for (plane, step) in behind.planes_mut() {
                    blur_plane(plane, sigma / step as f32);
                }
                frame.cover_by(&mask, &behind);
            }
        }
        self.mask = Some(mask);
    }
}
