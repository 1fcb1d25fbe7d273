//! Lines and bars, by their cause: a carrier near the video's carrier (fine lines at any angle that drift),
//! mains hum in the ground of a cable (broad bars that bend the picture), flickering lamps with a rolling
//! shutter (bars that multiply the light), a jittering clock (rows that slip), and separate fields of an
//! interlaced picture.

use std::f32::consts::{PI, TAU};

use super::{Effect, Physics, drawn};
use crate::{
    frame::{Frame, Plane, sample},
    random::Random,
};

/// The cause of the lines.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Interference {
    /// One carrier: lines at any angle. The amplitude is in grey values.
    Carrier(f32),
    /// A modulated carrier: a coloured herring-bone pattern of two angles. The amplitude is in grey values.
    HerringBone(f32),
    /// Mains hum: bars that also bend the picture. The amplitude is in grey values.
    Hum(f32),
    /// Flickering lamps with a rolling shutter: this share of the light varies.
    Flicker(f32),
    /// A jittering row clock: rows slip by this many samples.
    Jitter(f32),
    /// A loose connector: bands of rows that are too bright and last for a while. The amplitude is in grey values.
    Bands(f32),
}

impl Physics for Interference {
    fn effect(&self, mut random: Random) -> Box<dyn Effect> {
        let wanted = *self;
        // The lines are not along rows or columns, because other makers draw such lines.
        let angle = random.between(0.2, 1.35) * if random.unit() < 0.5 { 1.0 } else { -1.0 };
        let period = random.between(5.0, 11.0);
        let mut bands: Vec<(f32, f32, f32)> = Vec::new();
        let mut renewed = None;
        drawn(move |frame, moment| {
            let (scale, height) = (frame.scale(), frame.luma.height() as f32);
            let time = moment.seconds;
            match wanted {
                Interference::Carrier(amplitude) => {
                    let (sin, cos) = angle.sin_cos();
                    frame.luma.map(|x, y, old| {
                        let along = (x as f32 * cos + y as f32 * sin) / (period * scale);
                        sample(f32::from(old) + amplitude * (TAU * (along + 1.7 * time)).sin())
                    });
                }
                Interference::HerringBone(amplitude) => {
                    let wave = |x: f32, y: f32| {
                        let (sin, cos) = angle.sin_cos();
                        let bend = 0.8 * (TAU * (y / (24.0 * scale) + 0.9 * time)).sin();
                        (TAU * ((x * cos + y * sin) / (period * scale) + 2.3 * time) + bend).sin()
                    };
                    for ((plane, step), share) in frame.planes_mut().into_iter().zip([1.0, 0.45, -0.45]) {
                        plane.map(|x, y, old| {
                            sample(
                                f32::from(old)
                                    + share * amplitude * wave((x * step) as f32, (y * step) as f32),
                            )
                        });
                    }
                }
                Interference::Hum(amplitude) => {
                    let wave = move |y: f32| {
                        let turn = TAU * (y / height + 0.55 * time);
                        turn.sin() + 0.3 * (2.0 * turn + 0.7).sin()
                    };
                    *frame = frame.drawn_from(|x, y| (x + 0.12 * amplitude * scale * wave(y), y));
                    frame.luma.map(|_, y, old| sample(f32::from(old) + amplitude * wave(y as f32)));
                }
                Interference::Flicker(share) => {
                    // 100 half-waves per second. The rows of a frame are read in a thirtieth of a second.
                    frame.luma.map(|_, y, old| {
                        let phase = PI * 100.0 * (time + y as f32 / height / 30.0);
                        let light = 1.0 - share * (1.0 - phase.sin().abs().sqrt());
                        sample(16.0 + (f32::from(old) - 16.0) * light)
                    });
                }
                Interference::Jitter(reach) => {
                    let rows: Vec<f32> = slips(frame.luma.height(), reach * scale, &mut random);
                    for (plane, step) in frame.planes_mut() {
                        slip(plane, &rows, step);
                    }
                }
                Interference::Bands(amplitude) => {
                    let turn = (time * 6.0) as usize;
                    if renewed != Some(turn) {
                        renewed = Some(turn);
                        let band =
                            |_| (random.unit(), random.between(0.004, 0.03), random.between(-1.0, 1.0));
                        bands = (0..9).map(band).collect();
                    }
                    frame.luma.map(|_, y, old| {
                        let y = y as f32 / height;
                        let hit = bands.iter().find(|(top, high, _)| (*top..top + high).contains(&y));
                        hit.map_or(old, |(_, _, way)| {
                            sample(f32::from(old) + amplitude * way.signum() * (0.6 + 0.4 * way.abs()))
                        })
                    });
                }
            }
        })
    }
}

/// Returns how far each row slips: at random, but similar for neighbouring rows.
fn slips(rows: usize, reach: f32, random: &mut Random) -> Vec<f32> {
    let mut state = 0.0;
    let next = |_| {
        state = 0.6 * state + 0.8 * random.normal();
        state * reach * if random.unit() < 0.04 { 3.0 } else { 1.0 }
    };
    (0..rows).map(next).collect()
}

fn slip(plane: &mut Plane, rows: &[f32], step: usize) {
    let before = plane.clone();
    plane.map(|x, y, _| {
        let aside = rows.get(y * step).copied().unwrap_or(0.0) / step as f32;
        sample(before.between(x as f32 + aside, y as f32))
    });
}

/// Every other row is from the previous frame, so moving objects have edges like combs. This is normal for an
/// interlaced camera.
#[derive(Debug)]
pub(crate) struct Interlaced;

impl Physics for Interlaced {
    fn effect(&self, _: Random) -> Box<dyn Effect> {
        let mut before: Option<Frame> = None;
        drawn(move |frame, _| {
            let whole = frame.clone();
            if let Some(before) = &before {
                let planes = [
                    (&mut frame.luma, &before.luma),
                    (&mut frame.cb, &before.cb),
                    (&mut frame.cr, &before.cr),
                ];
                for (plane, before) in planes {
                    plane.map(|x, y, old| if y % 2 == 1 { before.at(x as i64, y as i64) } else { old });
                }
            }
            before = Some(whole);
        })
    }
}
