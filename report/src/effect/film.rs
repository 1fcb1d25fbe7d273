//! Deposits on the glass: wiped grease, scratches, dust in flat light and against the sun, splashes of mud, bird
//! droppings, and a web lit by a lamp beside the lens. All deposits lie much nearer than the plane in focus, so
//! the aperture makes their borders soft.

use std::f32::consts::{PI, TAU};

use super::{
    Effect, Physics, drawn,
    noise_field::{NoiseField, smoothly},
};
use crate::{
    frame::Field,
    radiance::{Aperture, Radiance, mix, times},
    random::Random,
};

/// A deposit on the glass. The number is the share of the picture or, for lines, their strength.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Film {
    /// Grease, wiped in arcs: scatters light in the direction of wiping.
    Grease(f32),
    /// Scratches: thin, shining lines.
    Scratches(f32),
    /// Dust against the light: small soft disks, darker than the scene.
    DustDark(f32),
    /// Dust lit by the sun or by infrared lamps: bright disks.
    DustLit(f32),
    /// Splashes of mud.
    Mud(f32),
    /// A bird's dropping: white, with a run.
    Bird(f32),
    /// A web near a lamp: bright threads, some of them overexposed.
    LitWeb(f32),
    /// A fingerprint: fine ridges that blur a round part.
    Finger(f32),
}

impl Physics for Film {
    fn effect(&self, mut random: Random) -> Box<dyn Effect> {
        let film = *self;
        let mut mask: Option<Field> = None;
        drawn(move |frame, _| {
            let light = Radiance::of(frame);
            let (width, height) = light.size();
            let scale = frame.scale();
            let mask = mask.get_or_insert_with(|| mask_of(film, width, height, scale, &mut random));
            let share = |x: usize, y: usize| mask.at(x, y);
            let mut out = light.clone();
            match film {
                Film::Grease(_) | Film::Finger(_) => {
                    let reach = 11.0 * scale;
                    let (sin, cos) = 0.5_f32.sin_cos();
                    let along = Aperture::of(reach, move |x, y| {
                        (x * cos + y * sin).abs() <= reach && (y * cos - x * sin).abs() <= 2.0 * scale
                    });
                    let spread = light.through(&along);
                    out.map(|x, y, seen| {
                        let share = share(x, y);
                        let [r, g, b] = mix(seen, spread.at(x as i64, y as i64), share.min(1.0));
                        let veil = 0.05 * share;
                        [r + veil, g + veil, b + veil]
                    });
                }
                Film::Scratches(_) | Film::LitWeb(_) => out.map(|x, y, seen| {
                    let add = share(x, y);
                    let [r, g, b] = seen;
                    [r + add, g + 0.98 * add, b + 0.95 * add]
                }),
                Film::DustDark(_) => out.map(|x, y, seen| times(seen, 1.0 - 0.75 * share(x, y))),
                Film::DustLit(_) => out.map(|x, y, seen| mix(seen, [0.62, 0.6, 0.56], 0.75 * share(x, y))),
                Film::Mud(_) => out.map(|x, y, seen| mix(seen, [0.07, 0.05, 0.03], 0.96 * share(x, y))),
                Film::Bird(_) => out.map(|x, y, seen| mix(seen, [0.66, 0.66, 0.6], 0.95 * share(x, y))),
            }
            *frame = out.to_frame();
        })
    }
}

fn mask_of(film: Film, width: usize, height: usize, scale: f32, random: &mut Random) -> Field {
    let (w, h) = (width as f32, height as f32);
    match film {
        Film::Grease(share) => {
            let (field, middle) =
                (NoiseField::new(random, 3), (random.between(0.3, 0.7), random.between(0.9, 1.4)));
            Field::of(width, height, move |x, y| {
                let (x, y) = (x / w, y / h);
                // Streaks along arcs around the elbow of the person who wiped.
                let (away, turn) = ((x - middle.0).hypot(y - middle.1), (y - middle.1).atan2(x - middle.0));
                let streak = field.at(60.0 * away, 3.0 * turn) * 0.6 + 0.4 * field.at(4.0 * x, 4.0 * y);
                smoothly(0.62 - 0.5 * share, 0.72 - 0.3 * share, streak)
            })
            .blurred(w / 200.0)
        }
        Film::Finger(share) => {
            let (cx, cy) = (random.between(0.3, 0.7), random.between(0.3, 0.7));
            let size = (share * w * h / PI).sqrt();
            Field::of(width, height, move |x, y| {
                let (dx, dy) = ((x - cx * w) / size, (y - cy * h) / size / 1.3);
                let ridge =
                    0.5 + 0.5 * (TAU * 9.0 * (dx * dx + 0.8 * dy * dy).sqrt() + 1.5 * (3.0 * dy).sin()).sin();
                (1.0 - smoothly(0.8, 1.05, dx.hypot(dy))) * (0.55 + 0.45 * ridge)
            })
            .blurred(1.2 * scale)
        }
        Film::Scratches(strength) => {
            lines(width, height, 5.0 + 9.0 * strength, 0.8 * scale, random, 0.55 * strength)
        }
        Film::DustDark(share) => disks(width, height, share, 5.0 * scale, random),
        Film::DustLit(share) => disks(width, height, share, 8.0 * scale, random),
        Film::Mud(share) => blobs(width, height, share, 7.0, random).blurred(2.5 * scale),
        Film::Bird(share) => bird(width, height, share, random).blurred(2.0 * scale),
        Film::LitWeb(strength) => web(width, height, strength, scale, random),
    }
}

/// Draws straight and bent lines.
fn lines(width: usize, height: usize, count: f32, half: f32, random: &mut Random, strength: f32) -> Field {
    let (w, h) = (width as f32, height as f32);
    let bundle = random.between(0.0, PI);
    let lines: Vec<[f32; 5]> = (0..count as usize)
        .map(|_| {
            let angle = bundle + 0.5 * random.normal();
            let long = w * random.between(0.1, 0.5);
            [random.between(0.0, w), random.between(0.0, h), angle, long, random.between(0.4, 1.0)]
        })
        .collect();
    let field = Field::of(width, height, |x, y| {
        let one = |&[a, b, angle, long, bright]: &[f32; 5]| {
            let (sin, cos) = angle.sin_cos();
            let along = (x - a) * cos + (y - b) * sin;
            let aside = (y - b) * cos - (x - a) * sin - 0.0006 / (w / 640.0) * along * along;
            if along.abs() > long { 0.0 } else { bright * (1.0 - smoothly(half, 2.2 * half, aside.abs())) }
        };
        strength * lines.iter().map(one).fold(0.0, f32::max)
    });
    field.blurred(0.7 * half)
}

/// Draws soft disks whose areas add up to this share of the picture. The disks may overlap.
fn disks(width: usize, height: usize, share: f32, radius: f32, random: &mut Random) -> Field {
    let (w, h) = (width as f32, height as f32);
    let mut field = Field::of(width, height, |_, _| 0.0);
    let mut covered = 0.0;
    while covered < share * w * h {
        let radius = radius * random.between(0.5, 1.7);
        covered += PI * radius * radius;
        let (cx, cy, strength) = (random.between(0.0, w), random.between(0.0, h), random.between(0.4, 1.0));
        for y in (cy - 1.3 * radius).max(0.0) as usize..((cy + 1.3 * radius) as usize + 1).min(height) {
            for x in (cx - 1.3 * radius).max(0.0) as usize..((cx + 1.3 * radius) as usize + 1).min(width) {
                let away = (x as f32 - cx).hypot(y as f32 - cy) / radius;
                let here = strength * (1.0 - smoothly(0.8, 1.2, away));
                if let Some(value) = field.values_mut().get_mut(y * width + x) {
                    *value = value.max(here);
                }
            }
        }
    }
    field
}

/// Draws ragged blobs with satellites over this share of the picture.
fn blobs(width: usize, height: usize, share: f32, fine: f32, random: &mut Random) -> Field {
    let (w, h) = (width as f32, height as f32);
    let (field, ragged) = (NoiseField::new(random, 2), NoiseField::new(random, 4));
    let value = move |x: f32, y: f32| {
        let (x, y) = (x / w * 1.6, y / h);
        field.at(fine * 0.4 * x, fine * 0.4 * y) + 0.35 * (ragged.at(fine * 2.5 * x, fine * 2.5 * y) - 0.5)
    };
    let raw = Field::of(width, height, value);
    let mut sorted = raw.values().to_vec();
    sorted.sort_by(f32::total_cmp);
    let place = ((1.0 - share) * sorted.len() as f32) as usize;
    let limit = sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or(1.0);
    Field::of(width, height, |x, y| f32::from(u8::from(value(x, y) > limit)))
}

fn bird(width: usize, height: usize, share: f32, random: &mut Random) -> Field {
    let (w, h) = (width as f32, height as f32);
    let size = (share * w * h / 4.5).sqrt();
    let (cx, cy) = (random.between(0.25, 0.75) * w, random.between(0.15, 0.5) * h);
    let ragged = NoiseField::new(random, 3);
    Field::of(width, height, move |x, y| {
        let (dx, dy) = ((x - cx) / size, (y - cy) / size);
        let wave = 0.7 + 0.6 * ragged.at(2.0 * dx + 9.0, 2.0 * dy + 9.0);
        let blot = dx.hypot(dy) < wave;
        let run = (dx + 0.15 * (3.0 * dy).sin()).abs() < 0.3 * wave && (0.0..3.2).contains(&dy);
        let drop = dx.hypot(dy - 3.2) < 0.42 * wave;
        f32::from(u8::from(blot || run || drop))
    })
}

/// Draws threads between a centre and anchors around it, and sagging rings between the threads.
fn web(width: usize, height: usize, strength: f32, scale: f32, random: &mut Random) -> Field {
    let (w, h) = (width as f32, height as f32);
    let (cx, cy) = (random.between(0.55, 0.9) * w, random.between(0.05, 0.4) * h);
    let reach = w * random.between(0.3, 0.45);
    let spokes: Vec<f32> =
        (0..13).map(|spoke| (spoke as f32 + random.between(-0.3, 0.3)) * TAU / 13.0).collect();
    let broken = NoiseField::new(random, 2);
    let field = Field::of(width, height, move |x, y| {
        let (away, angle) = ((x - cx).hypot(y - cy), (y - cy).atan2(x - cx).rem_euclid(TAU));
        let near = spokes.iter().map(|spoke| {
            let apart = (angle - spoke.rem_euclid(TAU) + PI).rem_euclid(TAU) - PI;
            apart.abs()
        });
        let turn = near.fold(TAU, f32::min);
        let on_spoke = away * turn.sin().abs() < 1.1 * scale && away < 1.15 * reach;
        let sag = 1.0 + 0.25 * turn;
        let ring = (away * sag / (reach / 9.0)).fract();
        let on_ring = (ring - 0.5).abs() * reach / 9.0 < 0.8 * scale && away < reach && away > 0.1 * reach;
        let whole = broken.at(6.0 * x / w, 6.0 * y / h) > 0.35;
        let lit = 0.35 + 1.3 * broken.at(3.0 * x / w + 5.0, 3.0 * y / h);
        if (on_spoke || (on_ring && whole)) && away > 1.0 { strength * lit } else { 0.0 }
    });
    field.blurred(1.1 * scale)
}
