//! Objects that pass in front of a healthy camera: a truck, rain, cars with their lamps on.

use super::{Effect, Moment, Physics};
use crate::{
    frame::{Frame, sample},
    random::Random,
};

/// A truck that fills most of the picture for a moment.
#[derive(Debug)]
pub(crate) struct Truck;

impl Physics for Truck {
    fn effect(&self, mut random: Random) -> Box<dyn Effect> {
        let marks = (0..64).map(|_| random.between(-30.0, 30.0)).collect();
        Box::new(Passing { tone: random.between(70.0, 170.0), marks })
    }
}

#[derive(Debug)]
struct Passing {
    tone: f32,
    marks: Vec<f32>,
}

impl Passing {
    /// Returns the truck's luma at a place on the truck. The place is in shares of the picture's height. Returns
    /// None outside of the truck.
    fn tone_at(&self, along: f32, y: f32) -> Option<f32> {
        if !(0.0..1.7).contains(&along) || !(0.12..0.9).contains(&y) {
            return None;
        }
        if y > 0.75 {
            // Wheels, and the dark space below.
            let wheel = [0.25, 0.55, 1.35].iter().any(|&axle: &f32| (along - axle).hypot(y - 0.8) < 0.1);
            let hub = [0.25, 0.55, 1.35].iter().any(|&axle: &f32| (along - axle).hypot(y - 0.8) < 0.04);
            return if hub { Some(150.0) } else { wheel.then_some(28.0) };
        }
        let rib = (along * 24.0).fract() < 0.15;
        let mark = self.marks.get((along * 9.0) as usize + 16 * ((y * 4.0) as usize)).copied();
        let writing = (0.3..0.45).contains(&y) && (0.3..1.2).contains(&along);
        let letter = if writing && ((along * 31.0) as usize * 7 + (y * 60.0) as usize).is_multiple_of(3) {
            60.0
        } else {
            0.0
        };
        Some(self.tone + mark.unwrap_or(0.0) * 0.5 - if rib { 25.0 } else { 0.0 } + letter)
    }
}

impl Effect for Passing {
    fn apply(&mut self, frame: &mut Frame, moment: Moment) {
        let (width, height) = frame.size();
        let (w, h) = (width as f32, height as f32);
        // The truck appears after 0.4 s and is gone after 2.6 s.
        let way = (w / h + 1.7) * (moment.seconds - 0.4) / 2.2;
        frame.luma.map(|x, y, old| {
            let along = way - x as f32 / h;
            self.tone_at(along, y as f32 / h).map_or(old, sample)
        });
        for (plane, value) in [(&mut frame.cb, 118), (&mut frame.cr, 138)] {
            plane.map(|x, y, old| {
                let along = way - 2.0 * x as f32 / h;
                if self.tone_at(along, 2.0 * y as f32 / h).is_some() { value } else { old }
            });
        }
    }
}

/// Rain: bright streaks, different ones in each frame.
#[derive(Debug)]
pub(crate) struct Rain;

impl Physics for Rain {
    fn effect(&self, random: Random) -> Box<dyn Effect> {
        Box::new(Raining { random })
    }
}

#[derive(Debug)]
struct Raining {
    random: Random,
}

impl Effect for Raining {
    fn apply(&mut self, frame: &mut Frame, _: Moment) {
        let (width, height) = frame.size();
        let scale = frame.scale();
        let samples = frame.luma.samples_mut();
        for _ in 0..220 {
            let (left, top) = (self.random.unit() * width as f32, self.random.unit() * height as f32);
            let length = self.random.between(10.0, 28.0) * scale;
            let light = self.random.between(15.0, 45.0);
            for down in 0..length as usize {
                let x = (left + down as f32 * 0.15) as usize;
                let y = top as usize + down;
                for x in x..x + (scale.round() as usize).max(1) {
                    if x < width
                        && let Some(old) = samples.get_mut(y * width + x)
                    {
                        *old = sample(f32::from(*old) + light);
                    }
                }
            }
        }
    }
}

/// Two cars with dazzling lamps.
#[derive(Debug)]
pub(crate) struct Headlights;

impl Physics for Headlights {
    fn effect(&self, _: Random) -> Box<dyn Effect> {
        Box::new(Self)
    }
}

impl Effect for Headlights {
    fn apply(&mut self, frame: &mut Frame, moment: Moment) {
        let (width, height) = frame.size();
        let (w, h) = (width as f32, height as f32);
        let time = moment.seconds;
        let car = |x: f32, y: f32, size: f32| [(x - size, y, size), (x + size, y, size)];
        let near = 0.02 + 0.015 * time;
        let lamps = [car(0.35 - 0.04 * time, 0.5 + 0.06 * time, near), car(0.62, 0.45 + 0.02 * time, 0.015)];
        let glow = |x: f32, y: f32| -> f32 {
            let one = |&(a, b, size): &(f32, f32, f32)| {
                let distance = (x - a * w).hypot(y - b * h) / (size * w);
                // A saturated core and a halo.
                300.0 * (-(distance * distance) * 1.5).exp() + 60.0 * (-distance * 0.6).exp()
            };
            lamps.as_flattened().iter().map(one).sum()
        };
        frame.luma.map(|x, y, old| sample((f32::from(old) + glow(x as f32, y as f32)).min(235.0)));
    }
}
