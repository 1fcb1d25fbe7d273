//! Renders the pictures of a synthetic surveillance camera: a street in front of a house, cars and a walker, sensor
//! noise, and a running clock. The pictures are deterministic. Moving objects are grey.

use std::io::{self, Write};

pub(super) const WIDTH: usize = 960;
pub(super) const HEIGHT: usize = 540;
/// Frames per second.
pub(super) const FRAME_RATE: u32 = 12;
/// The length of a clip in frames.
const FRAMES: u32 = 6 * FRAME_RATE;
/// The standard deviation of the sensor noise in grey levels, as in a camera by day.
const NOISE: f32 = 3.0;
/// The share of the light that remains in [`Condition::Dark`].
const DARK: f32 = 0.06;

/// The condition of the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// Nothing is wrong.
    Healthy,
    /// There is almost no light.
    Dark,
    /// The same picture is sent repeatedly, including clock and noise.
    Frozen,
}

/// Writes the clip's frames: each is a plane of brightness and two planes of colour with half the width and height, of
/// 8 bits in the full range (`yuvj420p`).
pub(super) fn write(condition: Condition, output: &mut impl Write) -> io::Result<()> {
    let scene = scene();
    let colours = colours(condition);
    for index in 0..FRAMES {
        let index = if condition == Condition::Frozen { 0 } else { index };
        output.write_all(&frame(&scene, condition, index))?;
        output.write_all(&colours)?;
    }
    output.flush()
}

/// Renders the planes of colour, first blue, then red.
fn colours(condition: Condition) -> Vec<u8> {
    let light = if condition == Condition::Dark { DARK } else { 1.0 };
    let mut planes = [Vec::new(), Vec::new()];
    for y in (0..HEIGHT).step_by(2) {
        for x in (0..WIDTH).step_by(2) {
            let (right, down) = on_the_street(x, y);
            let tint = tint(right as usize, down.max(0.0) as usize);
            for (plane, value) in planes.iter_mut().zip([tint.0, tint.1]) {
                plane.push((128.0 + light * value).round().clamp(0.0, 255.0) as u8);
            }
        }
    }
    planes.concat()
}

/// Returns the blue and the red tint of the street at a point, as [`surface`] divides it.
fn tint(x: usize, y: usize) -> (f32, f32) {
    match y {
        0..90 => (13.0, -7.0),
        90..280 if x % 120 > 34 && x % 120 < 86 && y % 95 > 22 && y % 95 < 74 => (5.0, -3.0),
        90..280 => (-11.0, 17.0),
        280..320 => (-15.0, -12.0),
        320..372 => (-3.0, 2.0),
        _ => (2.0, -1.0),
    }
}

/// Renders the brightness of one picture.
fn frame(scene: &[f32], condition: Condition, index: u32) -> Vec<u8> {
    let seconds = index as f32 / FRAME_RATE as f32;
    let mut light = scene.to_vec();
    // Two cars in opposite directions, and a walker on the pavement.
    let across = |speed: f32, from: f32| (from + speed * seconds).rem_euclid(WIDTH as f32 + 240.0) - 120.0;
    car(&mut light, across(150.0, 300.0), 400.0, 205.0);
    car(&mut light, across(-190.0, 800.0), 460.0, 70.0);
    rectangle(&mut light, across(45.0, 620.0), 318.0, 14.0, 44.0, 35.0);
    rectangle(&mut light, across(45.0, 623.0), 308.0, 9.0, 11.0, 150.0);
    if condition == Condition::Dark {
        light.iter_mut().for_each(|value| *value *= DARK);
    }
    let mut random = Random(u64::from(index) + 1);
    let mut samples: Vec<u8> =
        light.iter().map(|value| (value + NOISE * random.normal()).round().clamp(0.0, 255.0) as u8).collect();
    // The recorder draws its clock after the sensor noise, in full white.
    let text = format!("2026-11-24 08:15:{:02}", 10 + index / FRAME_RATE);
    if condition != Condition::Dark {
        draw_text(&mut samples, &text, 16, 16);
    }
    samples
}

/// The camera's tilt: the vertical shift per pixel of horizontal distance. Real cameras are rarely mounted exactly
/// level.
const TILT: f32 = 0.045;

/// Renders the static part of the picture: sky, a house with windows, a hedge, pavement and road.
fn scene() -> Vec<f32> {
    let mut light = Vec::with_capacity(WIDTH * HEIGHT);
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let (right, down) = on_the_street(x, y);
            light.push(surface(right, down));
        }
    }
    light
}

/// Returns the point of the street that the camera sees at a pixel.
fn on_the_street(x: usize, y: usize) -> (f32, f32) {
    (x as f32 + TILT * y as f32, y as f32 - TILT * (x as f32 - WIDTH as f32 / 2.0))
}

/// Returns the brightness of the street at a point, in grey levels.
fn surface(right: f32, down: f32) -> f32 {
    let (x, y) = (right as usize, down.max(0.0) as usize);
    let rough = |scale: f32, depth: f32| depth * (smooth(right / scale, down.max(0.0) / scale) - 0.5);
    match y {
        0..90 => 190.0 + rough(60.0, 30.0),
        90..280 => {
            let brick = if y % 12 < 2 || (x + y / 12 * 14) % 28 < 2 { -22.0 } else { 0.0 };
            let window = x % 120 > 34 && x % 120 < 86 && y % 95 > 22 && y % 95 < 74;
            let frame = x % 60 < 4 || y % 48 < 4;
            if window {
                if frame { 210.0 } else { 62.0 + rough(9.0, 40.0) }
            } else {
                138.0 + brick + rough(7.0, 26.0)
            }
        }
        280..320 => 70.0 + rough(4.0, 70.0),
        320..372 => 165.0 + rough(5.0, 20.0) + if x % 64 < 2 { -40.0 } else { 0.0 },
        _ => {
            let line = (434..440).contains(&y) && x % 90 < 45;
            if line { 225.0 } else { 98.0 + rough(3.0, 34.0) }
        }
    }
}

fn car(light: &mut [f32], x: f32, y: f32, body: f32) {
    rectangle(light, x, y, 110.0, 26.0, body);
    rectangle(light, x + 22.0, y - 20.0, 62.0, 20.0, body * 0.8);
    rectangle(light, x + 30.0, y - 16.0, 46.0, 13.0, 40.0);
    for wheel in [14.0, 78.0] {
        rectangle(light, x + wheel, y + 20.0, 20.0, 14.0, 22.0);
    }
    rectangle(light, x + 104.0, y + 6.0, 7.0, 7.0, 250.0);
}

fn rectangle(light: &mut [f32], x: f32, y: f32, width: f32, height: f32, value: f32) {
    let columns = x.max(0.0) as usize..(x + width).clamp(0.0, WIDTH as f32) as usize;
    let rows = y.max(0.0) as usize..(y + height).clamp(0.0, HEIGHT as f32) as usize;
    for row in light.chunks_exact_mut(WIDTH).take(rows.end).skip(rows.start) {
        if let Some(part) = row.get_mut(columns.clone()) {
            part.fill(value);
        }
    }
}

/// Returns noise from 0 to 1 that is interpolated smoothly between integer coordinates.
fn smooth(x: f32, y: f32) -> f32 {
    let at = |x: f32, y: f32| Random(((x as u64) << 32) ^ (y as u64) ^ 0x5EED).uniform();
    let (left, top) = (x.floor(), y.floor());
    let blend = |a: f32, b: f32, t: f32| a + (b - a) * t * t * (3.0 - 2.0 * t);
    blend(
        blend(at(left, top), at(left + 1.0, top), x - left),
        blend(at(left, top + 1.0), at(left + 1.0, top + 1.0), x - left),
        y - top,
    )
}

/// A small random generator, so that the clip is the same on every machine: a linear congruential generator whose
/// output is mixed as in xorshift64*.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x1234_5678_9ABC_DEF1);
        let mut x = self.0;
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        (x.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// Returns an approximately normal value: the sum of four uniform values, scaled to a variance of 1.
    fn normal(&mut self) -> f32 {
        let sum: f32 = (0..4).map(|_| self.uniform()).sum();
        (sum - 2.0) * 3.0_f32.sqrt()
    }
}

/// Digits of 3 × 5 dots. The three bits of each number are a row of dots.
const DIGITS: [[u8; 5]; 10] = [
    [7, 5, 5, 5, 7],
    [2, 6, 2, 2, 7],
    [7, 1, 7, 4, 7],
    [7, 1, 7, 1, 7],
    [5, 5, 7, 1, 1],
    [7, 4, 7, 1, 7],
    [7, 4, 7, 5, 7],
    [7, 1, 1, 1, 1],
    [7, 5, 7, 5, 7],
    [7, 5, 7, 1, 7],
];
/// The size of a dot in pixels.
const DOT: usize = 3;

fn draw_text(samples: &mut [u8], text: &str, x: usize, y: usize) {
    for (place, character) in text.chars().enumerate() {
        let rows = match character {
            '-' => [0, 0, 7, 0, 0],
            ':' => [0, 2, 0, 2, 0],
            digit => {
                digit.to_digit(10).and_then(|digit| DIGITS.get(digit as usize).copied()).unwrap_or_default()
            }
        };
        for (row, bits) in rows.iter().enumerate() {
            for column in (0..3).filter(|column| bits >> (2 - column) & 1 == 1) {
                let (left, top) = (x + (place * 4 + column) * DOT, y + row * DOT);
                for line in samples.chunks_exact_mut(WIDTH).skip(top).take(DOT) {
                    if let Some(dot) = line.get_mut(left..left + DOT) {
                        dot.fill(255);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_repeat_where_frozen_and_only_there() {
        let scene = scene();
        let frame = |condition, index| super::frame(&scene, condition, index);
        assert_eq!(frame(Condition::Healthy, 5), frame(Condition::Healthy, 5));
        assert_ne!(frame(Condition::Healthy, 5), frame(Condition::Healthy, 6));
        assert_eq!(frame(Condition::Healthy, 0).len(), WIDTH * HEIGHT);
        assert_eq!(colours(Condition::Healthy).len(), WIDTH * HEIGHT / 2);
        let mean =
            |samples: Vec<u8>| samples.iter().map(|&s| f64::from(s)).sum::<f64>() / samples.len() as f64;
        assert!(mean(frame(Condition::Dark, 0)) < 15.0);
        assert!(mean(frame(Condition::Healthy, 0)) > 90.0);
    }
}
