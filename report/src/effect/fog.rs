//! Effects between the camera and the scene. Fog follows Koschmieder (1924): the share e^(−βd) of the light of an
//! object at the distance d arrives, and the rest is the fog's own light; β = 3.0 ÷ visibility. The distance of a
//! place is estimated from its height in the picture: on a plane below a horizon, the distance is 1 ÷ the height
//! below the horizon. A veil is light from elsewhere: from the sun beside the view, or from lamps within the view.

use super::{Effect, Physics, drawn, noise_field::NoiseField};
use crate::{
    frame::Frame,
    radiance::{Aperture, Light, Radiance, mix, times},
    random::Random,
};

/// The cause of the poor visibility.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fog {
    /// Even fog with this visibility. The unit is the distance of the picture's lower edge.
    Even(f32),
    /// Drifting swathes with this mean visibility, in the same unit.
    Swathes(f32),
    /// Fog at night: the scene is dark, and each lamp has a wide halo.
    Lamps(f32),
    /// Dust or sand in the air: yellow, and hides near objects too.
    Dust(f32),
    /// Driven snow: white, with flakes of every size out of focus.
    Snowfall(f32),
    /// Glare of a sun beside the view: this much white light over the picture, more on one side.
    Glare(f32),
    /// Smoke that rises in front of a part of the scene.
    Smoke(f32),
}

/// Returns the distance of a place at this share of the height, in units of the lower edge's distance. Everything
/// above the horizon is far.
fn distance(y: f32) -> f32 {
    const HORIZON: f32 = 0.22;
    if y <= HORIZON + 0.02 { 40.0 } else { ((1.0 - HORIZON) / (y - HORIZON)).min(40.0) }
}

/// The product of the extinction coefficient β and the visibility. The visibility is the distance at which 5 % of
/// the contrast remains, and e^−3 is 5 %.
const EXTINCTION: f32 = 3.0;

impl Physics for Fog {
    fn effect(&self, mut random: Random) -> Box<dyn Effect> {
        let fog = *self;
        let field = NoiseField::new(&mut random, 4);
        let side = if random.unit() < 0.5 { 0.0 } else { 1.0 };
        let mut random = random;
        drawn(move |frame, moment| {
            let (width, height) = frame.size();
            let (w, h) = (width as f32, height as f32);
            let place = |x: usize, y: usize| (x as f32 / w, y as f32 / h);
            let time = moment.seconds;
            let mut light = Radiance::of(frame);
            match fog {
                Fog::Even(visibility) => {
                    let air = airlight(&light, 0.55);
                    light.map(|x, y, seen| {
                        let (_, y) = place(x, y);
                        mix(air, seen, (-EXTINCTION / visibility * distance(y)).exp())
                    });
                }
                Fog::Swathes(visibility) => {
                    let air = airlight(&light, 0.45);
                    light.map(|x, y, seen| {
                        let (x, y) = place(x, y);
                        let thick = 2.0 * field.at(3.0 * x + 0.08 * time, 5.0 * y).powi(2) + 0.4;
                        mix(air, seen, (-EXTINCTION / visibility * thick * distance(y)).exp())
                    });
                }
                Fog::Lamps(visibility) => {
                    // Darkens the scene to night first: 3 to 10 % of the light remains, except for lamps.
                    light.map(|_, _, seen| {
                        let bright = seen.into_iter().fold(0.0, f32::max);
                        times(seen, if bright > 0.75 { 0.9 } else { 0.03 + 0.09 * bright })
                    });
                    let near = halo(&light, 0.03 * w);
                    let wide = halo(&near, 0.09 * w);
                    let strength = (6.0 / visibility).min(3.0);
                    light.map(|x, y, seen| {
                        let clear = (-EXTINCTION / visibility * distance(place(x, y).1)).exp();
                        let (x, y) = (x as i64, y as i64);
                        let [r, g, b] = mix([0.03, 0.032, 0.035], seen, clear);
                        let ([nr, ng, nb], [wr, wg, wb]) = (near.at(x, y), wide.at(x, y));
                        let add = |a: f32, near: f32, wide: f32| a + strength * (near + 1.5 * wide);
                        [add(r, nr, wr), add(g, ng, wg), add(b, nb, wb)]
                    });
                }
                Fog::Dust(visibility) => light.map(|x, y, seen| {
                    let (x, y) = place(x, y);
                    let thick = 0.7 + 0.6 * field.at(2.0 * x - 0.2 * time, 2.0 * y);
                    let clear = (-EXTINCTION / visibility * thick * (2.0 + 0.25 * distance(y))).exp();
                    mix([0.5, 0.36, 0.18], seen, clear)
                }),
                Fog::Snowfall(visibility) => {
                    let air = airlight(&light, 0.6);
                    light.map(|x, y, seen| {
                        mix(air, seen, (-EXTINCTION / visibility * distance(place(x, y).1)).exp())
                    });
                    *frame = light.to_frame();
                    flakes(frame, &mut random);
                    return;
                }
                Fog::Glare(strength) => light.map(|x, y, seen| {
                    let (x, y) = place(x, y);
                    let away = (x - side).hypot(0.6 * y);
                    let veil = strength * (0.35 + 0.65 / (1.0 + 3.0 * away * away));
                    let [r, g, b] = times(seen, 1.0 - 0.4 * strength);
                    [r + veil, g + 0.96 * veil, b + 0.88 * veil]
                }),
                Fog::Smoke(visibility) => light.map(|x, y, seen| {
                    let (x, y) = place(x, y);
                    let plume = (1.0 - 1.1 * (x - 0.5 - 0.2 * (y - 0.5)).abs()).clamp(0.2, 1.0);
                    let thick = 2.4 * plume * field.at(4.0 * x, 4.0 * y + 0.6 * time);
                    mix([0.3, 0.3, 0.31], seen, (-EXTINCTION / visibility * 3.0 * thick).exp())
                }),
            }
            *frame = light.to_frame();
        })
    }
}

/// Returns the fog's own light: the light of the brighter part of the scene, nearly without colour.
fn airlight(light: &Radiance, least: f32) -> Light {
    let (width, height) = light.size();
    let mut bright = Vec::new();
    for y in (0..height).step_by(8) {
        for x in (0..width).step_by(8) {
            let [r, g, b] = light.at(x as i64, y as i64);
            bright.push(0.2 * r + 0.7 * g + 0.1 * b);
        }
    }
    bright.sort_by(f32::total_cmp);
    let level = bright.get(bright.len() * 9 / 10).copied().unwrap_or(least).clamp(least, 0.85);
    [0.98 * level, level, 1.03 * level]
}

/// Spreads the light of bright places over a disk. Two passes give the wide halo.
fn halo(light: &Radiance, radius: f32) -> Radiance {
    let mut bright = light.clone();
    bright.map(|_, _, seen| seen.map(|value| (value - 0.25).max(0.0)));
    bright.through(&Aperture::of(radius, |x, y| x.hypot(y) <= radius))
}

/// Draws flakes near the camera: soft and large, different ones in each frame.
fn flakes(frame: &mut Frame, random: &mut Random) {
    let (width, height) = frame.size();
    let scale = frame.scale();
    for _ in 0..160 {
        let (x, y) = (random.unit() * width as f32, random.unit() * height as f32);
        let near = random.unit();
        let radius = (0.8 + 5.0 * near.powi(4)) * scale;
        let opacity = 0.75 - 0.5 * near;
        let rows = (y - radius).max(0.0) as usize..((y + radius) as usize + 1).min(height);
        for row in rows {
            let columns = (x - radius).max(0.0) as usize..((x + radius) as usize + 1).min(width);
            for column in columns {
                let away = (column as f32 - x).hypot(row as f32 - y) / radius;
                let share = opacity * (1.0 - away * away).max(0.0);
                if let Some(old) = frame.luma.samples_mut().get_mut(row * width + column) {
                    *old = crate::frame::sample(f32::from(*old) + (225.0 - f32::from(*old)) * share);
                }
            }
        }
    }
}
