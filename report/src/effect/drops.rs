//! Water on the glass. A drop is a strong short lens: it shows a small, upside-down picture of a wide part of the
//! scene. This picture is darker towards the rim, where light enters at an angle, and has a bright spot where it shows
//! the sky. A drop on a window or a dome is nearly in focus; a drop on the lens itself is a soft blob. Rivulets
//! shift the scene behind them sideways. Mist on the glass scatters light, and drops that ran down leave clear tracks.

use super::{
    Effect, Physics, drawn,
    noise_field::{NoiseField, smoothly},
};
use crate::{
    frame::Field,
    radiance::{Aperture, Radiance, mix, times},
    random::Random,
};

/// A kind of water.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Water {
    /// Drops on a window that cover this share of the picture. They show sharp, inverted pictures.
    OnWindow(f32),
    /// Drops on the lens that cover this share of the picture. They show inverted pictures out of focus.
    OnLens(f32),
    /// Rivulets that cover this share of the picture.
    Running(f32),
    /// Mist of this strength, with a few clear tracks.
    Mist(f32),
    /// Mist from the border inwards. The middle is clear up to this share of the half width.
    MistedBorder(f32),
}

/// The light at one place of the picture: the place from which the light comes, its gain, and the share of the light
/// that passes through water.
#[derive(Debug, Clone, Copy)]
struct Ray {
    x: f32,
    y: f32,
    gain: f32,
    share: f32,
}

impl Physics for Water {
    fn effect(&self, mut random: Random) -> Box<dyn Effect> {
        let water = *self;
        let mut rays: Option<Vec<Ray>> = None;
        let mut mask: Option<Field> = None;
        drawn(move |frame, _| {
            let light = Radiance::of(frame);
            let (width, height) = light.size();
            let scale = frame.scale();
            if let Water::Mist(_) | Water::MistedBorder(_) = water {
                let mask = mask.get_or_insert_with(|| misted(water, width, height, &mut random));
                *frame = mist(&light, mask, scale).to_frame();
                return;
            }
            let rays = rays.get_or_insert_with(|| rays_of(water, width, height, &mut random));
            let blurred = match water {
                Water::OnLens(_) => {
                    let radius = 5.0 * scale;
                    light.through(&Aperture::of(radius, |x, y| x.hypot(y) <= radius))
                }
                _ => light.clone(),
            };
            let mut out = light;
            out.map(|x, y, seen| match rays.get(y * width + x) {
                Some(ray) if ray.share > 0.0 => {
                    mix(seen, times(blurred.between(ray.x, ray.y), ray.gain), ray.share)
                }
                _ => seen,
            });
            *frame = out.to_frame();
        })
    }
}

/// A drop: the coordinates of its middle, and its half axes.
type Drop = (f32, f32, f32, f32);

fn drops_of(share: f32, width: f32, height: f32, mean: f32, random: &mut Random) -> Vec<Drop> {
    let (mut drops, mut covered) = (Vec::new(), 0.0);
    for _ in 0..4000 {
        if covered >= share * width * height {
            break;
        }
        // Many small drops, few large ones.
        let radius = mean * (0.35 + 1.3 * random.unit().powi(3));
        let (x, y) = (random.between(0.0, width), random.between(0.0, height));
        let high = radius * random.between(1.0, 1.3);
        let apart = |&(a, b, c, _): &Drop| (x - a).hypot(y - b) > 1.05 * (radius + c);
        if drops.iter().all(apart) {
            covered += std::f32::consts::PI * radius * high;
            drops.push((x, y, radius, high));
        }
    }
    drops
}

fn rays_of(water: Water, width: usize, height: usize, random: &mut Random) -> Vec<Ray> {
    let (w, h) = (width as f32, height as f32);
    let mut rays: Vec<Ray> = (0..width * height)
        .map(|place| Ray { x: (place % width) as f32, y: (place / width) as f32, gain: 1.0, share: 0.0 })
        .collect();
    if let Water::Running(share) = water {
        running(&mut rays, share, width, height, random);
        return rays;
    }
    let (share, mean, soft) = match water {
        Water::OnLens(share) => (share, 0.075 * w, 0.3),
        Water::OnWindow(share) | Water::Running(share) | Water::Mist(share) | Water::MistedBorder(share) => {
            (share, 0.024 * w, 0.06)
        }
    };
    for (cx, cy, across, down) in drops_of(share, w, h, mean, random) {
        // The flatter the drop, the weaker the lens.
        let power = random.between(2.5, 5.0);
        let reach = 1.0 + soft;
        let rows = (cy - reach * down).max(0.0) as usize..((cy + reach * down) as usize + 1).min(height);
        for y in rows {
            let columns =
                (cx - reach * across).max(0.0) as usize..((cx + reach * across) as usize + 1).min(width);
            for x in columns {
                let (u, v) = ((x as f32 - cx) / across, (y as f32 - cy) / down);
                let away = u.hypot(v);
                let cover = 1.0 - smoothly(1.0 - soft, 1.0 + soft, away);
                if cover <= 0.0 {
                    continue;
                }
                let bend = power * (1.0 + 1.5 * away.min(1.0).powi(3));
                let spot = smoothly(0.35, 0.0, (u + 0.3).hypot(v + 0.45));
                let rim = 1.0 - 0.65 * smoothly(0.7, 1.0, away);
                if let Some(ray) = rays.get_mut(y * width + x) {
                    // Upside down around the middle of the drop.
                    let (sx, sy) = (cx - u * bend * across, cy - v * bend * down);
                    *ray = Ray {
                        x: sx,
                        y: sy.clamp(-0.1 * h, 1.1 * h),
                        gain: rim * (0.95 + 1.2 * spot),
                        share: cover,
                    };
                }
            }
        }
    }
    rays
}

/// Draws tracks of running water from the top down. Each track refracts light like a cylindrical lens.
fn running(rays: &mut [Ray], share: f32, width: usize, height: usize, random: &mut Random) {
    let (w, h) = (width as f32, height as f32);
    let mut covered = 0.0;
    while covered < share {
        let half = w * random.between(0.006, 0.02);
        covered += 2.0 * half / w;
        let (mut x, way) = (random.between(0.0, w), NoiseField::new(random, 3));
        let begin = if random.unit() < 0.5 { 0.0 } else { random.between(0.0, 0.5 * h) };
        for y in begin as usize..height {
            x += 1.6 * (way.at(0.5, 9.0 * y as f32 / h) - 0.5) * w / 640.0;
            let half = half * (0.75 + 0.5 * way.at(7.5, 14.0 * y as f32 / h));
            for column in (x - half).max(0.0) as usize..((x + half).max(0.0) as usize + 1).min(width) {
                let u = (column as f32 - x) / half;
                if let Some(ray) = rays.get_mut(y * width + column) {
                    let dark = 1.0 - 0.5 * smoothly(0.6, 1.0, u.abs());
                    let bright = 0.35 * smoothly(0.4, 0.0, (u + 0.3).abs());
                    let place = Ray {
                        x: x - 6.0 * u * half,
                        y: y as f32 + 3.0 * (way.at(3.5, 30.0 * y as f32 / h) - 0.5),
                        gain: dark + bright,
                        share: 0.0,
                    };
                    *ray = Ray { share: 1.0 - smoothly(0.85, 1.0, u.abs()), ..place };
                }
            }
        }
    }
}

/// Returns the density of the mist at each place, from 0 to 1.
fn misted(water: Water, width: usize, height: usize, random: &mut Random) -> Field {
    let (w, h) = (width as f32, height as f32);
    let field = NoiseField::new(random, 4);
    let ways: Vec<(f32, f32, f32)> =
        (0..7).map(|_| (random.unit(), random.between(0.0, 0.7), random.between(0.004, 0.012))).collect();
    let mask = Field::of(width, height, |x, y| {
        let (x, y) = (x / w, y / h);
        match water {
            Water::MistedBorder(clear) => {
                let away = (2.0 * (x - 0.5)).hypot(2.0 * (y - 0.5) * h / w);
                smoothly(clear, clear + 0.3, away + 0.25 * (field.at(4.0 * x, 4.0 * y) - 0.5))
            }
            Water::Mist(strength) => {
                let wave = 0.01 * (23.0 * y).sin();
                let is_clear = ways.iter().any(|(a, top, half)| y > *top && (x - a - wave).abs() < *half);
                if is_clear { 0.1 } else { (strength * (0.75 + 0.5 * field.at(5.0 * x, 3.0 * y))).min(1.0) }
            }
            _ => 0.0,
        }
    });
    mask.blurred(w / 250.0)
}

/// Scatters light as droplets smaller than a sample do: partly to the neighbourhood, partly far over the picture.
fn mist(light: &Radiance, mask: &Field, scale: f32) -> Radiance {
    let disk = |radius: f32| Aperture::of(radius, move |x, y| x.hypot(y) <= radius);
    let near = light.through(&disk(5.0 * scale));
    let wide = near.through(&disk(40.0 * scale));
    let mut out = light.clone();
    out.map(|x, y, seen| {
        let share = mask.at(x, y);
        let (x, y) = (x as i64, y as i64);
        let spread = mix(near.at(x, y), wide.at(x, y), 0.35 + 0.35 * share);
        let [r, g, b] = mix(seen, spread, share);
        // The sky lights the mist too.
        let veil = 0.1 * share;
        [r + veil, g + veil, b + 1.05 * veil]
    });
    out
}
