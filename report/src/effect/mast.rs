//! Masts and walls that shake a camera. A mast in gusts is modelled as a spring that is pushed at random. A
//! lorry is modelled as a blow, after which the mast oscillates. A motor or a compressor makes the camera
//! tremble by a few samples, which a rolling shutter turns into a wobble. A blow to the housing also turns the
//! camera. In violent shaking, the shutter is open for half of each frame, so the picture is smeared too.

use std::f32::consts::TAU;

use super::{Effect, Physics, drawn};
use crate::{
    frame::{Frame, sample},
    random::Random,
};

/// The cause of the shaking. The number is the amplitude in samples, unless stated otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mast {
    /// Gusts against a mast with a frequency of 1.6 Hz, with a little rotation.
    Gusts(f32),
    /// Passing lorries: blows at random times, each followed by an oscillation of 6 Hz.
    Lorries(f32),
    /// A compressor of 11 Hz with a rolling shutter.
    Jelly(f32),
    /// Rotation to and fro about the optical axis, in degrees.
    Rolling(f32),
    /// Violent shaking with rotation and smear. The shifts are far larger than the few samples over which a motion
    /// search compares frames.
    Violent(f32),
}

/// The pose of a camera: shift to the side, shift down, rotation (radians).
type Pose = [f32; 3];

impl Physics for Mast {
    fn effect(&self, mut random: Random) -> Box<dyn Effect> {
        let mast = *self;
        let path = path(mast, &mut random);
        drawn(move |frame, moment| {
            let scale = frame.scale();
            let (width, height) = frame.size();
            let (mx, my) = (width as f32 / 2.0, height as f32 / 2.0);
            let pose = |seconds: f32| -> Pose {
                let place = (seconds.max(0.0) * RATE) as usize;
                path.get(place.min(path.len().saturating_sub(1))).copied().unwrap_or_default()
            };
            let jelly = if matches!(mast, Mast::Jelly(_)) { 1.0 / 30.0 } else { 0.0 };
            let look = |seconds: f32| {
                frame.drawn_from(|x, y| {
                    let [dx, dy, turn] = pose(seconds + jelly * y / height as f32);
                    let (sin, cos) = turn.sin_cos();
                    let (x, y) = (x - mx, y - my);
                    (mx + x * cos - y * sin + dx * scale, my + x * sin + y * cos + dy * scale)
                })
            };
            let looks = if matches!(mast, Mast::Violent(_)) { 4 } else { 1 };
            let seen: Vec<Frame> =
                (0..looks).map(|part| look(moment.seconds + 0.005 * part as f32)).collect();
            let margin = margin(mast, scale, width);
            *frame = mean(&seen, frame).cut(margin, margin, width - 2 * margin, height - 2 * margin);
        })
    }
}

/// The number of poses per second in the path. The path contains all poses of the camera, computed before the first
/// frame.
const RATE: f32 = 400.0;
/// The length of the path in seconds. After its end, the camera stays still.
const LONGEST: f32 = 12.0;

/// Returns the width of the margin that is cut away from the shifted picture. The margin would show places beyond
/// the border of the clip's picture.
fn margin(mast: Mast, scale: f32, width: usize) -> usize {
    let reach = match mast {
        Mast::Rolling(degrees) => degrees.to_radians() * width as f32 / 2.0,
        Mast::Gusts(reach) | Mast::Lorries(reach) | Mast::Jelly(reach) => 2.0 * reach * scale,
        Mast::Violent(reach) => 2.6 * reach * scale,
    };
    (reach.ceil() as usize).next_multiple_of(2).min(width / 8 / 2 * 2)
}

fn path(mast: Mast, random: &mut Random) -> Vec<Pose> {
    let steps = (RATE * LONGEST) as usize;
    let mut path = Vec::with_capacity(steps);
    // A damped spring in each direction, and the force that pushes it.
    let (reach, hertz, damping) = match mast {
        Mast::Gusts(reach) => (reach, 1.6, 0.08),
        Mast::Lorries(reach) => (reach, 6.0, 0.07),
        Mast::Violent(reach) => (reach, 3.3, 0.1),
        Mast::Jelly(reach) | Mast::Rolling(reach) => (reach, 11.0, 0.0),
    };
    let (mut at, mut speed, mut push) = ([0.0_f32; 3], [0.0_f32; 3], [0.0_f32; 3]);
    let omega = TAU * hertz;
    let mut next_blow = random.between(0.1, 0.4);
    for step in 0..steps {
        let time = step as f32 / RATE;
        match mast {
            Mast::Jelly(reach) => {
                path.push([reach * (omega * time).sin(), 0.4 * reach * (1.31 * omega * time).sin(), 0.0]);
                continue;
            }
            Mast::Rolling(degrees) => {
                path.push([0.0, 0.0, degrees.to_radians() * (TAU * 2.1 * time).sin()]);
                continue;
            }
            Mast::Gusts(_) | Mast::Violent(_) => {
                for push in &mut push {
                    // Gusts last for about a fifth of a second.
                    *push = 0.988 * *push + 0.155 * random.normal();
                }
            }
            Mast::Lorries(_) => {
                push = [0.0; 3];
                if time >= next_blow {
                    next_blow = time + random.between(0.6, 1.3);
                    let side = if random.unit() < 0.5 { -1.0 } else { 1.0 };
                    speed = [side * omega, 0.8 * omega * side, 0.3 * omega];
                }
            }
        }
        for ((at, speed), push) in at.iter_mut().zip(&mut speed).zip(push) {
            let force = 1.2 * omega * omega * push - omega * omega * *at - 2.0 * damping * omega * *speed;
            *speed += force / RATE;
            *at += *speed / RATE;
        }
        path.push(at);
    }
    if matches!(mast, Mast::Jelly(_) | Mast::Rolling(_)) {
        return path;
    }
    // Scales the path to the requested strength, because random paths differ.
    let squares: f32 = path.iter().map(|[x, y, _]| x * x + y * y).sum();
    let factor = reach / (2.0 * squares / path.len().max(1) as f32).sqrt().max(1e-6);
    let turn = if matches!(mast, Mast::Violent(_)) { 0.0015 } else { 0.0004 };
    path.into_iter()
        .map(|[x, y, t]| {
            let limit = |value: f32| value.clamp(-1.9 * reach, 1.9 * reach);
            [limit(x * factor), limit(0.8 * y * factor), limit(t * factor) * turn]
        })
        .collect()
}

/// Returns the mean of some frames.
fn mean(looks: &[Frame], like: &Frame) -> Frame {
    if let [one] = looks {
        return one.clone();
    }
    let mut out = like.clone();
    let count = looks.len().max(1) as f32;
    for (number, (plane, _)) in out.planes_mut().into_iter().enumerate() {
        plane.map(|x, y, _| {
            let sum: f32 = looks
                .iter()
                .map(|look| {
                    let plane = [&look.luma, &look.cb, &look.cr].get(number).copied().unwrap_or(&look.luma);
                    f32::from(plane.at(x as i64, y as i64))
                })
                .sum();
            sample(sum / count)
        });
    }
    out
}
