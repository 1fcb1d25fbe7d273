//! Rendered scenes. With these scenes, the report needs no clips, and covers sizes that no available clip has.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{
    effect::{Moment, Step, grain},
    ffmpeg::{Encoder, Encoding},
    frame::{Colour, Field, Frame, sample},
    random::Random,
};

/// The content of a scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum View {
    /// Houses along a road, with cars.
    Street,
    /// Shelves, a door, and a walking person.
    Room,
    /// A plain wall with a door at the side. Nothing moves.
    Wall,
}

/// A scene in front of one camera.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scene {
    /// The name of the clip.
    pub name: String,
    view: View,
    width: usize,
    height: usize,
    rate: u32,
    noise: f32,
    seed: u64,
}

/// Returns all scenes.
#[must_use]
pub fn all() -> Vec<Scene> {
    let scene = |name: &str, view, (width, height), rate, noise, seed| Scene {
        name: name.to_owned(),
        view,
        width,
        height,
        rate,
        noise,
        seed,
    };
    vec![
        scene("rendered_street", View::Street, (640, 360), 25, 2.0, 1),
        scene("rendered_street_hd", View::Street, (1920, 1080), 15, 2.5, 2),
        scene("rendered_room", View::Room, (1280, 720), 12, 2.0, 3),
        scene("rendered_room_small", View::Room, (352, 288), 20, 2.5, 4),
        scene("rendered_wall", View::Wall, (704, 576), 25, 2.0, 5),
    ]
}

impl Scene {
    /// Renders this many seconds into a file.
    ///
    /// # Errors
    ///
    /// Returns an error if ffmpeg cannot encode the scene.
    pub fn render(&self, file: &Path, seconds: f32) -> anyhow::Result<()> {
        let rate = format!("{}/1", self.rate);
        let size = (self.width, self.height);
        let mut encoder = Encoder::create(file, "mp4", size, &rate, &Encoding::h264(18, 0))?;
        let ground = self.ground();
        let mut noise = Step::of(grain::Noise(self.noise)).effect(Random::new(self.seed));
        for index in 0..(self.rate as f32 * seconds) as usize {
            let moment = Moment { index, seconds: index as f32 / self.rate as f32 };
            let mut frame = ground.clone();
            self.move_things(&mut frame, moment.seconds);
            noise.apply(&mut frame, moment);
            encoder.write(&frame)?;
        }
        encoder.finish()
    }

    /// Renders the objects that do not move, with four points per sample, and with the softness of a good lens.
    fn ground(&self) -> Frame {
        let (w, h) = (self.width as f32, self.height as f32);
        let mut frame = Frame::filled(self.width, self.height, [0; 3]);
        for (number, (plane, step)) in frame.planes_mut().into_iter().enumerate() {
            let step = step as f32;
            plane.map(|x, y, _| {
                let mut sum = 0.0;
                for (dx, dy) in [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)] {
                    let (x, y) = ((x as f32 + dx) * step / w, (y as f32 + dy) * step / h);
                    let colour = match self.view {
                        View::Street => street(x, y, self.seed),
                        View::Room => room(x, y, self.seed),
                        View::Wall => wall(x, y, self.seed),
                    };
                    sum += colour.get(number).copied().unwrap_or(0.0);
                }
                sample(sum / 4.0)
            });
        }
        let mut lens = Step::of(grain::Blur(0.35)).effect(Random::new(0));
        lens.apply(&mut frame, Moment { index: 0, seconds: 0.0 });
        frame
    }

    fn move_things(&self, frame: &mut Frame, time: f32) {
        let (w, h) = (self.width as f32, self.height as f32);
        let seed = self.seed as f32;
        let mut put = |left: f32, top: f32, width: f32, height: f32, round: f32, colour: Colour| {
            // A box or ellipse with a soft border. Its place need not be a whole number of samples.
            let mask = Field::of(self.width, self.height, |x, y| {
                let (x, y) = ((x / w - left) / width * 2.0 - 1.0, (y / h - top) / height * 2.0 - 1.0);
                let out = (x.abs().powf(round) + y.abs().powf(round)).powf(1.0 / round);
                ((1.0 - out) * width * w / 2.0 + 0.5).clamp(0.0, 1.0)
            });
            frame.cover(&mask, colour);
        };
        match self.view {
            View::Street => {
                for (number, colour) in
                    [[70, 110, 190], [190, 126, 128], [60, 160, 110]].into_iter().enumerate()
                {
                    let number = number as f32;
                    let way = (time * (0.16 + 0.05 * number) + 0.37 * number + 0.1 * seed) % 1.3 - 0.2;
                    let (top, size) = (0.66 + 0.08 * number, 0.13 + 0.04 * number);
                    put(way + size * 0.15, top, size * 0.7, size * 0.7, 6.0, [40, 132, 126]);
                    put(way, top + size * 0.4, size, size * 0.5, 8.0, colour);
                    put(way + size * 0.1, top + size * 0.75, size * 0.2, size * 0.35, 2.0, [26, 128, 128]);
                    put(way + size * 0.7, top + size * 0.75, size * 0.2, size * 0.35, 2.0, [26, 128, 128]);
                }
            }
            View::Room => {
                let way = 0.3 + 0.3 * (time * 0.5 + seed).sin();
                let step = 0.01 * (time * 9.0).sin();
                put(way, 0.42 + step, 0.12, 0.5, 4.0, [60, 150, 118]);
                put(way + 0.03, 0.3 + step, 0.06, 0.14, 2.0, [150, 110, 150]);
            }
            View::Wall => {}
        }
    }
}

/// Returns a number from 0 to 1 that depends on a place.
fn chance(x: i64, y: i64, seed: u64) -> f32 {
    Random::new(seed ^ (x as u64).wrapping_mul(0x9e37_79b9) ^ (y as u64).wrapping_mul(0x85eb_ca6b_0001))
        .unit()
}

/// Returns the texture of a surface, from −1 to 1: soft spots of one size, of about half the size, and of about a
/// quarter.
fn texture(x: f32, y: f32, seed: u64) -> f32 {
    let mut sum = 0.0;
    for (octave, weight) in [(1.0, 0.5), (2.1, 0.3), (4.3, 0.2)] {
        let (x, y) = (x * octave, y * octave);
        let (left, top) = (x.floor(), y.floor());
        let at = |dx: i64, dy: i64| chance(left as i64 + dx, top as i64 + dy, seed);
        let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
        let (across, down) = (smooth(x - left), smooth(y - top));
        let upper = at(0, 0) * (1.0 - across) + at(1, 0) * across;
        let lower = at(0, 1) * (1.0 - across) + at(1, 1) * across;
        sum += weight * (2.0 * (upper * (1.0 - down) + lower * down) - 1.0);
    }
    sum
}

/// Draws sky, houses with windows, a pavement, and a road with lines.
fn street(x: f32, y: f32, seed: u64) -> [f32; 3] {
    let roof = 0.16 + 0.1 * chance((x * 6.0) as i64, 3, seed);
    if y < roof {
        return [195.0 + 20.0 * y, 136.0, 122.0];
    }
    if y < 0.56 {
        let house = (x * 6.0).floor();
        let tone = 80.0 + 110.0 * chance(house as i64, 1, seed);
        let (column, row) = (x * 36.0, (y - roof) * 26.0);
        let window = (0.25..0.75).contains(&column.fract()) && (0.2..0.8).contains(&row.fract()) && row > 1.0;
        let grain = texture(x * 160.0, y * 90.0, seed);
        let brick = if (y * 90.0).fract() < 0.2 { -9.0 } else { 0.0 };
        let red = 6.0 * (chance(house as i64, 2, seed) - 0.3);
        if window {
            let lit = chance(column as i64, row as i64, seed);
            return [30.0 + 90.0 * lit * lit + 6.0 * grain, 134.0, 124.0];
        }
        return [tone + brick + 14.0 * grain, 126.0 - red, 129.0 + red];
    }
    if y < 0.64 {
        let joint = (x * 40.0 + y * 6.0).fract() < 0.06;
        let grass = texture(x * 220.0, y * 200.0, seed);
        return if y < 0.59 {
            [88.0 + 30.0 * grass, 112.0, 118.0]
        } else {
            [if joint { 105.0 } else { 150.0 } + 8.0 * grass, 126.0, 130.0]
        };
    }
    let asphalt = 92.0 + 12.0 * texture(x * 260.0, y * 150.0, seed) + 8.0 * texture(x * 9.0, y * 6.0, seed);
    let depth = (y - 0.64) / 0.36;
    let dash = (0.42..0.47).contains(&depth) && ((x + 0.2 * y) * 9.0).fract() < 0.55;
    if dash || (0.03..0.05).contains(&depth) {
        return [205.0, 126.0, 129.0];
    }
    [asphalt, 129.0, 127.0]
}

/// Draws a wall, shelves full of boxes, a door, and a tiled floor.
fn room(x: f32, y: f32, seed: u64) -> [f32; 3] {
    if y > 0.8 {
        let depth = 0.25 / (y - 0.62);
        let tile = ((x - 0.5) * depth * 9.0).floor() as i64 + (depth * 12.0).floor() as i64;
        let light = if tile % 2 == 0 { 132.0 } else { 96.0 };
        return [light + 5.0 * texture(x * 120.0, y * 120.0, seed), 126.0, 131.0];
    }
    if (0.05..0.5).contains(&x) && (0.12..0.78).contains(&y) {
        let (column, row) = ((x - 0.05) * 20.0, (y - 0.12) * 9.0);
        if row.fract() < 0.09 {
            return [70.0, 124.0, 132.0];
        }
        let width = 0.6 + 0.35 * chance(column as i64, row as i64, seed);
        let high = 0.35 + 0.5 * chance(column as i64, row as i64, seed ^ 1);
        if column.fract() < width && row.fract() > 1.0 - high {
            let tone = 60.0 + 140.0 * chance(column as i64, row as i64, seed ^ 2);
            let colour = |part: u64| 104.0 + 48.0 * chance(column as i64, row as i64, seed ^ part);
            let label = (0.2..0.4).contains(&column.fract()) && (0.75..0.88).contains(&row.fract());
            let print = if label && ((x * 700.0) as i64 + (y * 300.0) as i64) % 3 == 0 { -50.0 } else { 0.0 };
            return [tone + if label { 30.0 } else { 0.0 } + print, colour(3), colour(4)];
        }
        return [42.0 + 6.0 * texture(x * 90.0, y * 60.0, seed), 128.0, 129.0];
    }
    if (0.72..0.88).contains(&x) && y > 0.22 {
        let frame = !(0.735..0.865).contains(&x) || y < 0.245;
        let knob = (x - 0.85).hypot(y - 0.55) < 0.008;
        let panel = (x - 0.8).abs() < 0.045 && (y * 3.4).fract() > 0.15 && (y * 3.4).fract() < 0.2;
        let tone = if frame {
            60.0
        } else if knob {
            215.0
        } else if panel {
            88.0
        } else {
            118.0
        };
        return [tone + 7.0 * texture(x * 30.0, y * 260.0, seed), 116.0, 142.0];
    }
    let poster = (0.54..0.66).contains(&x) && (0.2..0.45).contains(&y);
    if poster {
        let spot = texture(x * 40.0, y * 25.0, seed ^ 9);
        return [120.0 + 90.0 * spot.signum() * spot.abs().sqrt(), 128.0 + 20.0 * spot, 120.0];
    }
    [168.0 - 34.0 * (x - 0.6).abs() - 20.0 * y + 3.0 * texture(x * 50.0, y * 40.0, seed), 125.0, 131.0]
}

/// Draws plaster with hardly any structure, and a door's edge, a switch and a sign at one side.
fn wall(x: f32, y: f32, seed: u64) -> [f32; 3] {
    let plaster = 3.0 * texture(x * 70.0, y * 55.0, seed) + 2.5 * texture(x * 230.0, y * 190.0, seed);
    if x > 0.84 {
        let frame = x < 0.87;
        let grain = 6.0 * texture(x * 40.0, y * 8.0, seed ^ 5);
        return [if frame { 64.0 } else { 104.0 } + grain, 118.0, 140.0];
    }
    if (0.76..0.8).contains(&x) && (0.5..0.56).contains(&y) {
        let rocker = (0.77..0.79).contains(&x) && (0.51..0.55).contains(&y);
        return [if rocker { 190.0 } else { 222.0 }, 128.0, 128.0];
    }
    if y > 0.9 {
        return [72.0 + plaster, 124.0, 134.0];
    }
    [150.0 + 26.0 * (x - 0.3) - 14.0 * y + plaster, 125.0, 130.0]
}
