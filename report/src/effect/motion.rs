//! Motion of the camera, and frozen pictures.

use std::f32::consts::TAU;

use super::{Effect, Moment, Physics, drawn};
use crate::{frame::Frame, random::Random};

/// Repeats one frame from its time on until the end of the clip.
#[derive(Debug)]
pub(crate) struct Freeze {
    /// The time of the repeated frame in seconds.
    pub(crate) from: f32,
}

impl Physics for Freeze {
    fn effect(&self, _: Random) -> Box<dyn Effect> {
        let (from, mut held) = (self.from, None::<Frame>);
        drawn(move |frame, moment| {
            if moment.seconds + 1e-3 >= from {
                frame.clone_from(held.get_or_insert_with(|| frame.clone()));
            }
        })
    }

    fn is_motionless(&self) -> bool {
        self.from == 0.0
    }
}

/// Moves to and fro, like a mast in the wind or beside a road: two sines in each direction, which never quite
/// repeat.
#[derive(Debug)]
pub(crate) struct Shake {
    /// The greatest distance from the middle.
    pub(crate) pixels: f32,
    /// Oscillations per second.
    pub(crate) hertz: f32,
}

impl Physics for Shake {
    fn effect(&self, mut random: Random) -> Box<dyn Effect> {
        Box::new(Shaking { pixels: self.pixels, hertz: self.hertz, phase: random.between(0.0, TAU) })
    }
}

#[derive(Debug)]
struct Shaking {
    pixels: f32,
    hertz: f32,
    phase: f32,
}

impl Effect for Shaking {
    fn apply(&mut self, frame: &mut Frame, moment: Moment) {
        let reach = self.pixels * frame.scale();
        let turn = TAU * self.hertz * moment.seconds + self.phase;
        let dx = reach * (0.8 * turn.sin() + 0.2 * (1.7 * turn).sin());
        let dy = reach * 0.7 * (0.8 * (0.9 * turn + 1.0).sin() + 0.2 * (1.6 * turn).cos());
        let moved = frame.drawn_from(|x, y| (x + dx, y + dy));
        // Cuts away the margin, which would show places beyond the border.
        let (width, height) = frame.size();
        let margin = (reach.ceil() as usize).next_multiple_of(2);
        *frame = moved.cut(margin, margin, width - 2 * margin, height - 2 * margin);
    }
}

/// Cuts out a part of the picture. `x` and `y` are the place of the part: 0 is the middle, and −1 and 1 are the
/// borders of the picture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crop {
    /// The width and height of the part, as a share of the picture's width and height.
    pub(crate) share: f32,
    /// The horizontal place.
    pub(crate) x: f32,
    /// The vertical place.
    pub(crate) y: f32,
    /// The rotation in degrees.
    pub(crate) degrees: f32,
}

impl Physics for Crop {
    fn effect(&self, _: Random) -> Box<dyn Effect> {
        Box::new(*self)
    }
}

impl Effect for Crop {
    fn apply(&mut self, frame: &mut Frame, _: Moment) {
        if self.degrees != 0.0 {
            let (width, height) = frame.size();
            let (middle_x, middle_y) = (width as f32 / 2.0, height as f32 / 2.0);
            let (sin, cos) = self.degrees.to_radians().sin_cos();
            *frame = frame.drawn_from(|x, y| {
                let (x, y) = (x - middle_x, y - middle_y);
                (middle_x + x * cos - y * sin, middle_y + x * sin + y * cos)
            });
        }
        *frame = part(frame, self.share, self.x, self.y);
    }
}

/// Cuts out a part of this share of width and height, at this place relative to the middle.
pub(super) fn part(frame: &Frame, share: f32, x: f32, y: f32) -> Frame {
    let (width, height) = frame.size();
    let cut = |length: usize| ((length as f32 * share) as usize / 2) * 2;
    let left = (width - cut(width)) as f32 / 2.0 * (1.0 + x);
    let top = (height - cut(height)) as f32 / 2.0 * (1.0 + y);
    frame.cut(left as usize, top as usize, cut(width), cut(height))
}

/// Pans slowly from one side to the other and back.
#[derive(Debug)]
pub(crate) struct Pan;

impl Physics for Pan {
    fn effect(&self, _: Random) -> Box<dyn Effect> {
        Box::new(Self)
    }
}

impl Effect for Pan {
    fn apply(&mut self, frame: &mut Frame, moment: Moment) {
        // Six seconds there and back.
        let way = (moment.seconds / 3.0) % 2.0;
        let x = if way < 1.0 { 2.0 * way - 1.0 } else { 3.0 - 2.0 * way };
        *frame = part(frame, 0.7, x, 0.2 * x);
    }
}

/// Moves from one preset to the next and zooms in.
#[derive(Debug)]
pub(crate) struct Ptz;

impl Physics for Ptz {
    fn effect(&self, _: Random) -> Box<dyn Effect> {
        Box::new(Self)
    }
}

impl Effect for Ptz {
    fn apply(&mut self, frame: &mut Frame, moment: Moment) {
        let time = moment.seconds;
        let smooth = |begin: f32, length: f32| {
            let t = ((time - begin) / length).clamp(0.0, 1.0);
            t * t * (3.0 - 2.0 * t)
        };
        let x = 2.0 * smooth(0.6, 0.8) - 1.0;
        let zoom = 1.0 + 0.25 * smooth(1.9, 0.9);
        let mut seen = part(frame, 0.7, x, 0.0);
        let (width, height) = seen.size();
        if zoom > 1.0 {
            let (middle_x, middle_y) = (width as f32 / 2.0, height as f32 / 2.0);
            seen =
                seen.drawn_from(|x, y| (middle_x + (x - middle_x) / zoom, middle_y + (y - middle_y) / zoom));
        }
        *frame = seen;
    }
}
