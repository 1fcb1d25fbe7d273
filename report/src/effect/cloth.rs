//! Objects in front of the lens, by material: woven cloth, a hand, plastic sheet, leaves, spray paint, printed
//! card, a dark bag, white paper, and an object so near that infrared lamps overexpose it. The nearer the object,
//! the softer its border. The object's picture depends on the material. The object is there from the beginning,
//! appears within the clip, or slides in.

use std::f32::consts::{PI, TAU};

use super::{
    Effect, Physics, drawn,
    noise_field::{NoiseField, smoothly},
};
use crate::{
    frame::Field,
    radiance::{Aperture, Light, Radiance, light_of, mix, times},
    random::{Grain, Random},
};

/// The material.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Material {
    /// Woven cloth in focus, with threads over and under each other.
    Woven,
    /// A hand out of focus: fingers in the colour of skin.
    Hand,
    /// A milky plastic sheet: translucent, with shining folds.
    Plastic,
    /// Leaves near the lens that move in the wind.
    Leaves,
    /// Spray paint: dense in the middle, with speckles around and runs.
    Paint,
    /// Card with print on it, in focus.
    Printed,
    /// A dark bag: nearly black, with dim folds.
    Bag,
    /// An object so near that the lamps beside the lens overexpose it.
    Glowing,
    /// White paper in flat light, a little out of focus.
    Paper,
}

/// When the object appears.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Coming {
    /// From the beginning.
    There,
    /// Suddenly, after this many seconds.
    After(f32),
    /// Slides in from the border for one second, after this many seconds.
    Sliding(f32),
}

/// An object in front of the lens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before {
    /// The material.
    pub(crate) material: Material,
    /// The share of the picture that the object hides.
    pub(crate) share: f32,
    /// When the object appears.
    pub(crate) coming: Coming,
}

impl Physics for Before {
    fn effect(&self, mut random: Random) -> Box<dyn Effect> {
        let Self { material, share, coming } = *self;
        let mut thing = None;
        drawn(move |frame, moment| {
            let (width, height) = frame.size();
            let scale = frame.scale();
            let thing =
                thing.get_or_insert_with(|| Thing::new(material, share, width, height, scale, &mut random));
            let way = match coming {
                Coming::There => 1.0,
                Coming::After(from) => f32::from(u8::from(moment.seconds >= from)),
                Coming::Sliding(from) => smoothly(from, from + 1.0, moment.seconds),
            };
            if way <= 0.0 {
                return;
            }
            let mut light = Radiance::of(frame);
            thing.put(&mut light, way, moment.seconds);
            *frame = light.to_frame();
        })
    }
}

/// An object, prepared for one clip.
struct Thing {
    material: Material,
    mask: Field,
    look: Radiance,
    /// The shift that moves the object out of the picture, as a share of the picture's width and height. The
    /// object slides in from there.
    out: (f32, f32),
    grain: Grain,
}

impl Thing {
    fn new(
        material: Material,
        share: f32,
        width: usize,
        height: usize,
        scale: f32,
        random: &mut Random,
    ) -> Self {
        let mut place = Place::new(share, width, height, random);
        let soft = scale
            * match material {
                Material::Woven | Material::Printed => 1.2,
                Material::Paper | Material::Plastic => 5.0,
                Material::Leaves => 4.0,
                Material::Paint => 2.0,
                Material::Hand => 12.0,
                Material::Bag | Material::Glowing => 26.0,
            };
        let mask = match material {
            Material::Hand => place.fingers(),
            Material::Leaves => place.leaves(random),
            Material::Paint => place.paint(random),
            _ => place.sheet(random),
        };
        let mut look = look_of(material, width, height, scale, random);
        if matches!(material, Material::Hand | Material::Leaves | Material::Paper) {
            let radius = soft;
            look = look.through(&Aperture::of(radius, |x, y| x.hypot(y) <= radius));
        }
        Self {
            material,
            mask: mask.blurred(soft),
            look,
            out: place.out,
            grain: Grain::new(1.0, Random::new(random.next())),
        }
    }

    fn put(&mut self, light: &mut Radiance, way: f32, seconds: f32) {
        let (width, height) = light.size();
        let (w, h) = (width as f32, height as f32);
        let (mut dx, mut dy) = (self.out.0 * (1.0 - way) * w, self.out.1 * (1.0 - way) * h);
        if self.material == Material::Leaves {
            dx += 0.008 * w * (TAU * 0.7 * seconds).sin();
            dy += 0.006 * w * (TAU * 0.9 * seconds + 1.0).sin();
        }
        if self.material == Material::Hand {
            dx += 0.003 * w * (TAU * 1.3 * seconds).sin();
        }
        // Milky plastic shows a blurred picture of the scene behind it.
        let behind = (self.material == Material::Plastic).then(|| {
            let radius = 9.0 * w / 640.0;
            light.through(&Aperture::of(radius, |x, y| x.hypot(y) <= radius))
        });
        let (dx, dy) = (dx.round() as i64, dy.round() as i64);
        light.map(|x, y, seen| {
            let (fx, fy) = (x as i64 - dx, y as i64 - dy);
            // The object continues beyond the border of the picture.
            let (fx, fy) = (fx.clamp(0, width as i64 - 1), fy.clamp(0, height as i64 - 1));
            let share = self.mask.at(fx as usize, fy as usize);
            if share <= 0.0 {
                return seen;
            }
            let own = self.look.at(fx, fy);
            let own = behind.as_ref().map_or(own, |behind| {
                let [r, g, b] = times(behind.at(x as i64, y as i64), 0.28);
                let [or, og, ob] = times(own, 0.72);
                [r + or, g + og, b + ob]
            });
            mix(seen, own, share)
        });
        for channel in light.channels_mut() {
            self.grain.add_light(channel, 0.003);
        }
    }
}

/// Where an object lies.
struct Place {
    share: f32,
    width: usize,
    height: usize,
    out: (f32, f32),
    angle: f32,
}

impl Place {
    fn new(share: f32, width: usize, height: usize, random: &mut Random) -> Self {
        // Objects come from below and from the sides, rarely from above.
        let angle = random.between(-0.25 * PI, 1.25 * PI);
        let out = (angle.cos() * 1.1, angle.sin() * 1.1);
        Self { share, width, height, out, angle }
    }

    /// Makes a mask that covers the object's share of the picture. The mask is 1 at the places with the highest
    /// `value`, and 0 at all other places. `value` must grow towards the side that the object comes from.
    fn highest(&self, value: impl Fn(f32, f32) -> f32) -> Field {
        let (w, h) = (self.width as f32, self.height as f32);
        let raw = Field::of(self.width, self.height, |x, y| value(x / w - 0.5, y / h - 0.5));
        let mut sorted = raw.values().to_vec();
        sorted.sort_by(f32::total_cmp);
        let place = ((1.0 - self.share) * sorted.len() as f32) as usize;
        let limit = sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or(1.0);
        Field::of(self.width, self.height, |x, y| {
            f32::from(u8::from(value(x / w - 0.5, y / h - 0.5) >= limit))
        })
    }

    fn sheet(&self, random: &mut Random) -> Field {
        let (sin, cos) = self.angle.sin_cos();
        let edge = NoiseField::new(random, 2);
        self.highest(|x, y| x * cos + y * sin + 0.12 * edge.at(3.0 * (y * cos - x * sin), 0.5))
    }

    fn fingers(&mut self) -> Field {
        let (sin, cos) = self.angle.sin_cos();
        self.highest(|x, y| {
            let (along, aside) = (x * cos + y * sin, y * cos - x * sin);
            // Four fingers; the middle ones are longer.
            let tip = (TAU * 4.2 * aside).cos().abs().sqrt() * 0.22 - 0.5 * aside * aside;
            along + tip
        })
    }

    fn leaves(&self, random: &mut Random) -> Field {
        let (sin, cos) = self.angle.sin_cos();
        let (w, h) = (self.width as f32, self.height as f32);
        let mut field = Field::of(self.width, self.height, |_, _| 0.0);
        let (mut covered, mut tries) = (0.0, 0);
        while covered < 1.35 * self.share * w * h && tries < 600 {
            tries += 1;
            let (x, y) = (random.unit() - 0.5, random.unit() - 0.5);
            // More leaves grow near the branch's side.
            if random.unit() > smoothly(0.45 - 1.1 * self.share, 0.6, x * cos + y * sin + 0.2) {
                continue;
            }
            let (long, turn) = (w * random.between(0.05, 0.1), random.between(0.0, TAU));
            covered += 0.5 * long * long;
            leaf(&mut field, self.width, [(x + 0.5) * w, (y + 0.5) * h, long, turn]);
        }
        field
    }

    fn paint(&self, random: &mut Random) -> Field {
        let (w, h) = (self.width as f32, self.height as f32);
        let middle = (random.between(0.35, 0.65), random.between(0.3, 0.55));
        let reach = (self.share * h / w / PI).sqrt() * 1.15;
        let speckle = Random::new(random.next());
        let runs: Vec<(f32, f32)> =
            (0..5).map(|_| (random.between(-0.7, 0.7) * reach, random.between(0.2, 0.6))).collect();
        Field::of(self.width, self.height, move |x, y| {
            let (dx, dy) = (x / w - middle.0, (y / h - middle.1) * h / w);
            let away = dx.hypot(dy) / reach;
            let run = runs.iter().any(|(at, long)| {
                (dx - at).abs() < 0.006 && (0.0..*long * reach * 2.0).contains(&(dy - 0.6 * reach))
            });
            let seed = (x as u64 / 2) << 32 | (y as u64 / 2);
            let mut speckle = speckle.clone();
            let chance = Random::new(speckle.next() ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)).unit();
            let dense = 1.0 - smoothly(0.75, 1.5, away);
            f32::from(u8::from(run || chance < dense))
        })
    }
}

/// Draws one leaf: two arcs that meet in points.
fn leaf(field: &mut Field, width: usize, [cx, cy, long, turn]: [f32; 4]) {
    let (sin, cos) = turn.sin_cos();
    let height = field.values().len() / width.max(1);
    for y in (cy - long).max(0.0) as usize..((cy + long).max(0.0) as usize).min(height) {
        for x in (cx - long).max(0.0) as usize..((cx + long).max(0.0) as usize).min(width) {
            let (dx, dy) = (x as f32 - cx, y as f32 - cy);
            let (along, aside) = ((dx * cos + dy * sin) / long, (dy * cos - dx * sin) / long);
            if along.abs() < 1.0
                && aside.abs() < 0.36 * (1.0 - along * along)
                && let Some(value) = field.values_mut().get_mut(y * width + x)
            {
                *value = 1.0;
            }
        }
    }
}

/// Makes a picture that shows only the material.
fn look_of(material: Material, width: usize, height: usize, scale: f32, random: &mut Random) -> Radiance {
    let (w, h) = (width as f32, height as f32);
    let (folds, fine) = (NoiseField::new(random, 3), NoiseField::new(random, 2));
    let thread = random.between(7.0, 12.0) * scale;
    let hue = [random.between(0.4, 1.0), random.between(0.4, 1.0), random.between(0.4, 1.0)];
    let letters = random.next();
    let mut look = Radiance::filled(width, height, [0.0; 3]);
    look.map(|x, y, _| {
        let (px, py) = (x as f32, y as f32);
        let (u, v) = (px / w, py / h);
        let fold = folds.at(3.0 * u, 3.0 * v);
        match material {
            Material::Woven => {
                let (a, b) = (px / thread, py / thread);
                let over = (a.floor() as i64 + b.floor() as i64).rem_euclid(2) == 0;
                let round = |t: f32| (PI * t.fract()).sin().max(0.0).sqrt();
                let shade = if over {
                    round(b) * (0.75 + 0.25 * round(a))
                } else {
                    0.8 * round(a) * (0.75 + 0.25 * round(b))
                };
                times(hue, (0.35 + 0.6 * fold) * (0.12 + 0.5 * shade))
            }
            Material::Hand => {
                let crease = if fine.at(2.0 * u, 40.0 * v) > 0.72 { 0.85 } else { 1.0 };
                times([0.62, 0.36, 0.26], (0.45 + 0.6 * fold) * crease)
            }
            Material::Plastic => {
                let ridge = 1.0 - (2.0 * folds.at(5.0 * u + 0.7 * v, 5.0 * v) - 1.0).abs();
                let shine = smoothly(0.9, 1.0, ridge) * 0.6;
                let milk = 0.38 + 0.12 * fold + shine;
                [milk, milk, 1.03 * milk]
            }
            Material::Leaves => {
                let vein = fine.at(26.0 * u, 26.0 * v);
                times([0.1, 0.2, 0.04], 0.35 + 1.4 * fold * vein)
            }
            Material::Paint => times(hue, 0.12 + 0.05 * fold),
            Material::Printed => printed(px / scale, py / scale, letters, 0.5 + 0.35 * fold),
            Material::Bag => times([1.0, 0.97, 0.95], 0.004 + 0.018 * folds.at(4.0 * u, 2.0 * v).powi(2)),
            Material::Glowing => times([1.0; 3], 0.7 + 0.5 * fold),
            Material::Paper => times([1.0, 0.98, 0.94], light_of(0.72) + 0.1 * fold),
        }
    });
    look
}

/// Returns the light of printed card at a place: brown card with lines of marks and a large sign.
fn printed(x: f32, y: f32, seed: u64, light: f32) -> Light {
    let card = times([0.5, 0.36, 0.22], light);
    let (line, column) = ((y / 16.0).floor(), (x / 7.0).floor());
    let chance = Random::new(seed ^ (line as u64) << 20 ^ column as u64).unit();
    let within = (y / 16.0).fract() < 0.6 && (x / 7.0).fract() < 0.8;
    let letter = within && chance < 0.75 && {
        let (a, b) = (((x / 7.0).fract() * 4.0) as u64, ((y / 16.0).fract() * 8.0) as u64);
        Random::new(seed ^ (column as u64 * 31) ^ (line as u64 * 57) ^ (a * 7) ^ (b * 13)).unit() < 0.55
    };
    let sign = ((x - 320.0) / 90.0).abs().max(((y - 180.0) / 60.0).abs());
    if (0.8..1.0).contains(&sign) || letter && sign > 1.1 { times(card, 0.15) } else { card }
}
